package form

import (
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzRead: what is taken is JSON, and means what it means to anyone.
func FuzzRead(f *testing.F) {
	for _, text := range []string{`{"query":"{ a }","variables":{"a":[1,2.50,null,true,{"b":"\u00e4"}]}}`, `{"a":1,"a":2}`, `[] []`, `{"a":1}x`, "\"\xff\"", `1e999`, ``} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, err := Read(text)
		if err != nil {
			return
		}
		var want any
		if err := json.Unmarshal(text, &want); err != nil {
			if json.Valid(text) {
				return // a number that no float holds
			}
			t.Fatalf("%q is taken: %v", text, err)
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(again, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %s", text, again)
		}
	})
}
