package fsclient

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// odd has a field of each kind that the decoder knows.
type odd struct {
	Record
	ID     PatientID `json:"id"`
	Name   *string   `json:"name" also:"label"`
	Count  *int      `json:"count"`
	Ratio  *float64  `json:"ratio"`
	Yes    *bool     `json:"yes"`
	Day    *Date     `json:"day"`
	Price  *Decimal  `json:"price"`
	Owner  *ClinicID `json:"owner_id"`
	Friend *friend   `json:"friend"`
	Buds   []*friend `json:"buds"`
	Rows   []friend  `json:"rows"`
	Texts  []string  `json:"texts"`
	Raw    []byte    `json:"raw"`
	Part   *part     `json:"part" inline:"part_"`
}

type friend struct {
	Record
	ID   StaffID `json:"id"`
	Name *string `json:"name"`
	Age  *int    `json:"age"`
}

type part struct {
	Faults
	Size *int `json:"part_size"`
	Unit *ID3 `json:"part_unit"`
}

// ID3 is a text that is no id of a record for all its name.
type ID3 string

// told describes what was read: the fields with a value, "!" for unreadable ones.
func told(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		return told(v.Elem())
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return string(v.Bytes())
		}
		var elements []string
		for i := range v.Len() {
			elements = append(elements, told(v.Index(i)))
		}
		return "[" + strings.Join(elements, " ") + "]"
	case reflect.Struct:
		var fields []string
		faults := v.Addr().Interface().(interface{ Unreadable() Fields }).Unreadable()
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Anonymous {
				continue
			}
			text := ""
			if !v.Field(i).IsZero() {
				text = "=" + told(v.Field(i))
			}
			if faults.Has(FieldAt(i)) {
				text += "!"
			}
			if text != "" {
				fields = append(fields, f.Name+text)
			}
		}
		if r, ok := v.Addr().Interface().(Recorder); ok && r.Broken() {
			fields = append(fields, "broken")
		}
		return "{" + strings.Join(fields, " ") + "}"
	}
	return fmt.Sprint(v.Interface())
}

// TestDecode: what can be read in one way only is read, what is missing is nil, and
// everything else is nil and noted.
func TestDecode(t *testing.T) {
	t.Parallel()
	const uuid = "0f9a3b7e-1c2d-4e5f-8a9b-0123456789af"
	for text, want := range map[string]string{
		`{"id":"p","name":"n","count":1,"ratio":1.5,"yes":true,"day":"2026-03-04","price":"5.50","owner_id":"c","texts":["a","b"],"raw":{"a":1}}`: `{ID=p Name=n Count=1 Ratio=1.5 Yes=true Day=2026-03-04 Price=5.50 Owner=c Texts=[a b] Raw={"a":1}}`,
		`{"id":"p","name":"","label":"l"}`:                                         `{ID=p Name=l}`,
		`{"id":"p","label":"l","name":null}`:                                       `{ID=p Name=l}`,
		`{"id":"p","name":"n","label":"l"}`:                                        `{ID=p Name=l}`,
		`{"id":"p","name":"n","label":{}}`:                                         `{ID=p Name=n}`,
		`{"id":"p","name":{},"label":"l"}`:                                         `{ID=p Name=l}`,
		`{"id":"p","name":{},"label":{}}`:                                          `{ID=p Name!}`,
		`{"id":7,"name":7,"count":"7","ratio":"7","yes":1,"price":7,"owner_id":7}`: `{ID=7 Name=7 Count=7 Ratio=7 Yes=true Price=7 Owner=7}`,
		`{"id":"p","name":true,"count":true,"ratio":"x","yes":"maybe","day":7,"price":"x","owner_id":true}`: `{ID=p Name=true Count! Ratio! Yes! Day! Price! Owner!}`,
		`{"id":"p","name":[],"count":[],"texts":[]}`:                                                        `{ID=p Texts=[]}`,
		`{"id":"p","name":["n"],"count":[1],"texts":"a"}`:                                                   `{ID=p Name=n Count=1 Texts=[a]}`,
		`{"id":"p","name":["n","m"],"count":[1,2],"texts":["a",null,{},"b"]}`:                               `{ID=p Name! Count! Texts=[a b]!}`,
		`{"id":"p","name":[null,"m"]}`:                                                                      `{ID=p Name!}`,
		`{"id":"p","name":["n",null]}`:                                                                      `{ID=p Name!}`,
		`{"id":"p","count":" ","ratio":"","yes":"","day":"","price":"","owner_id":""}`:                      `{ID=p}`,
		`{"id":"p","count":"1,234","ratio":1e400,"yes":"ON","price":{"amount":5}}`:                          `{ID=p Count=1234 Ratio! Yes=true Price=5}`,
		`{"id":"p","count":2147483648,"ratio":"-1.5e1","yes":"Off","price":{"cents":5}}`:                    `{ID=p Count! Ratio=-15 Yes=false Price!}`,
		`{"id":"a b","name":"n"}`:                                                                           `{ID! Name=n}`,
		`{"id":1.5}`:                                                                                        `{ID!}`,
		`{"id":-1}`:                                                                                         `{ID!}`,
		`{"id":true}`:                                                                                       `{ID!}`,
		`{"id":{}}`:                                                                                         `{ID!}`,
		`{"id":{"id":"p"}}`:                                                                                 `{ID=p}`,
		`{"id":{"id":7,"name":"n"}}`:                                                                        `{ID=7}`,
		`{"id":{"name":"n"}}`:                                                                               `{ID!}`,
		`{"id":{"id":{}}}`:                                                                                  `{ID!}`,
		`{"id":["p"]}`:                                                                                      `{ID=p}`,
		`{"id":["p","q"]}`:                                                                                  `{ID!}`,
		`{"id":null,"name":"n"}`:                                                                            `{Name=n}`,
		`{"name":"n"}`:                                                                                      `{Name=n}`,
		`{}`:                                                                                                `{}`,
		`{"zz":1}`:                                                                                          `unreadable`,
		`{"zz":null}`:                                                                                       `{}`,
		`{"zz":1,"name":null}`:                                                                              `{}`,
		`"p"`:                                                                                               `unreadable`,
		`7`:                                                                                                 `{ID=7}`,
		`true`:                                                                                              `unreadable`,
		`""`:                                                                                                `missing`,
		`" "`:                                                                                               `missing`,
		`"John"`:                                                                                            `unreadable`,
		`"a b"`:                                                                                             `unreadable`,
		`"` + uuid + `"`:                                                                                    `{ID=` + uuid + `}`,
		`null`:                                                                                              `missing`,
		`["` + uuid + `"]`:                                                                                  `{ID=` + uuid + `}`,
		`[{"id":"p"}]`:                                                                                      `{ID=p}`,
		`[{"id":"p"},{"id":"q"}]`:                                                                           `unreadable`,
		`[]`:                                                                                                `missing`,
		`{"id":"p","friend":{"id":"f","name":"n"}}`:                         `{ID=p Friend={ID=f Name=n}}`,
		`{"id":"p","friend":{"id":"f","name":{}}}`:                          `{ID=p Friend={ID=f Name!}}`,
		`{"id":"p","friend":{"id":"f"},"friend_id":"g"}`:                    `{ID=p Friend={ID=f}}`,
		`{"id":"p","friend_id":"g","friend":{"id":"f"}}`:                    `{ID=p Friend={ID=g}}`,
		`{"id":"p","friend_id":"f","friend":{"id":"f","name":"n"}}`:         `{ID=p Friend={ID=f Name=n}}`,
		`{"id":"p","friend":{"id":"f","name":"n"},"friend_id":"f"}`:         `{ID=p Friend={ID=f Name=n}}`,
		`{"id":"p","friend":{"id":"f","name":"n"},"friend_id":{}}`:          `{ID=p Friend={ID=f Name=n}}`,
		`{"id":"p","friend":{"id":"f","name":"n"},"friend_id":"a b"}`:       `{ID=p Friend={ID=f Name=n}}`,
		`{"id":"p","friend":"a b","friend_id":"f"}`:                         `{ID=p Friend={ID=f}}`,
		`{"id":"p","friend":"John"}`:                                        `{ID=p Friend!}`,
		`{"id":"p","friend":"` + uuid + `"}`:                                `{ID=p Friend={ID=` + uuid + `}}`,
		`{"id":"p","friend":12}`:                                            `{ID=p Friend={ID=12}}`,
		`{"id":"p","friend":1.5}`:                                           `{ID=p Friend!}`,
		`{"id":"p","friend":true}`:                                          `{ID=p Friend!}`,
		`{"id":"p","friend":""}`:                                            `{ID=p}`,
		`{"id":"p","friend":{}}`:                                            `{ID=p}`,
		`{"id":"p","friend":{"name":"n"}}`:                                  `{ID=p Friend!}`,
		`{"id":"p","friend":{"name":null}}`:                                 `{ID=p}`,
		`{"id":"p","friend":{"name":{}}}`:                                   `{ID=p Friend!}`,
		`{"id":"p","friend":{"zz":1}}`:                                      `{ID=p Friend!}`,
		`{"id":"p","friend":[{"id":"f"}]}`:                                  `{ID=p Friend={ID=f}}`,
		`{"id":"p","friend":[]}`:                                            `{ID=p}`,
		`{"id":"p","friend_id":["f","g"]}`:                                  `{ID=p Friend!}`,
		`{"id":"p","friend_id":{"id":"f","age":3}}`:                         `{ID=p Friend={ID=f Age=3}}`,
		`{"id":"p","friend_id":{"age":3}}`:                                  `{ID=p Friend!}`,
		`{"id":"p","buds":[{"id":"f"},{"id":"g"}],"bud_ids":["f","g"]}`:     `{ID=p Buds=[{ID=f} {ID=g}]}`,
		`{"id":"p","bud_ids":["f"],"buds":[{"id":"f"},{"id":"g"}]}`:         `{ID=p Buds=[{ID=f} {ID=g}]}`,
		`{"id":"p","bud_ids":["f","g"],"buds":[{"id":"f"}]}`:                `{ID=p Buds=[{ID=f} {ID=g}]}`,
		`{"id":"p","bud_ids":["f"],"buds":[{"id":"f","name":"n"}]}`:         `{ID=p Buds=[{ID=f Name=n}]}`,
		`{"id":"p","buds":[{"id":"f","name":"n"}],"bud_ids":["f"]}`:         `{ID=p Buds=[{ID=f Name=n}]}`,
		`{"id":"p","buds":[],"bud_ids":["f"]}`:                              `{ID=p Buds=[{ID=f}]}`,
		`{"id":"p","bud_ids":["f"],"buds":[]}`:                              `{ID=p Buds=[{ID=f}]}`,
		`{"id":"p","buds":{"id":"f"}}`:                                      `{ID=p Buds=[{ID=f}]}`,
		`{"id":"p","buds":[{"id":"f"},true,{"name":"n"},{},null,"John",9]}`: `{ID=p Buds=[{ID=f} {ID=9}]!}`,
		`{"id":"p","rows":[{"id":"f"},true,{"name":"n"},{},null,"John",9]}`: `{ID=p Rows=[{ID=f} {} {Name=n} {} {} {} {ID=9}]}`,
		`{"id":"p","rows":{"id":"f"}}`:                                      `{ID=p Rows=[{ID=f}]}`,
		`{"id":"p","rows":"John"}`:                                          `{ID=p Rows!}`,
		`{"id":"p","owner":{"id":"c","name":"n"}}`:                          `{ID=p Owner=c}`,
		`{"id":"p","owner":{"name":"n"}}`:                                   `{ID=p Owner!}`,
		`{"id":"p","owner":"c"}`:                                            `{ID=p}`,
		`{"id":"p","owner_id":"c","owner":"Clinic"}`:                        `{ID=p Owner=c}`,
		`{"id":"p","owner_id":null,"owner":{"id":"c"}}`:                     `{ID=p Owner=c}`,
		`{"id":"p","part_size":3,"part_unit":"g"}`:                          `{ID=p Part={Size=3 Unit=g}}`,
		`{"id":"p","part_size":{},"part_unit":"g"}`:                         `{ID=p Part={Size! Unit=g}}`,
		`{"id":"p","part_size":null}`:                                       `{ID=p}`,
		`{"id":"p","part_unit":"a b"}`:                                      `{ID=p Part={Unit=a b}}`,
		`{"id":"p","part":{"part_size":3},"part_size":4}`:                   `{ID=p Part={Size=3}}`,
		`{"id":"p","name":"a\"b"}`:                                          `{ID=p Name=a"b}`,
		`{"id":"p","name":"é"}`:                                             `{ID=p Name=é}`,
		`{"id":"p","name":"\u00e9"}`:                                        `{ID=p Name=é}`,
		`{"id":"p","name":"\ud83d"}`:                                        `{ID=p Name!}`,
		`{"id":"p","name":"\ud83d\ude00"}`:                                  `{ID=p Name=😀}`,
		`{"id":"p","name":"a","name":"b"}`:                                  `{ID=p Name=b}`,
		`{"id":"p"`:                                                         `error`,
		`{"id":"p","name":`:                                                 `error`,
		`{"id":{"id":`:                                                      `error`,
		`{"id":{"id":"p"`:                                                   `error`,
		`{"id":{"a":1,`:                                                     `error`,
		`{"id":["p"`:                                                        `error`,
		`{"id":["p",1`:                                                      `error`,
		`{"friend":{"id":"f"`:                                               `error`,
		`{"friend_id":"f`:                                                   `error`,
		`{"buds":[{"id":"f"`:                                                `error`,
		`{"zz":[1`:                                                          `error`,
		`{"part_size":`:                                                     `error`,
	} {
		var v odd
		got := ""
		outcome, err := newDecoder([]byte(text)).into(reflect.ValueOf(&v).Elem())
		switch {
		case err != nil:
			got = "error"
		case outcome == missing:
			got = "missing"
		case outcome == unreadable:
			got = "unreadable"
		default:
			got = told(reflect.ValueOf(&v))
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}

// TestEnvelopeForms: a record and a list are found in each of the known envelopes,
// and nothing else is taken for them.
func TestEnvelopeForms(t *testing.T) {
	t.Parallel()
	describe := func(err error, v any) string {
		switch {
		case errors.Is(err, errNoRecord):
			return "no record"
		case errors.Is(err, errUnreadable):
			return "unreadable"
		case err != nil:
			return "error"
		}
		return told(reflect.ValueOf(v))
	}
	for text, want := range map[string][2]string{ // as a record, as a list
		`{"friend":{"id":"f"}}`:                   {`{ID=f}`, `no record`},
		`{"friends":{"id":"f"}}`:                  {`{ID=f}`, `[{ID=f}]`},
		`{"friends":[{"id":"f"}]}`:                {`{ID=f}`, `[{ID=f}]`},
		`{"friends":[{"id":"f"},{"id":"g"}]}`:     {`unreadable`, `[{ID=f} {ID=g}]`},
		`{"friends":[]}`:                          {`unreadable`, `[]`},
		`{"friends":null}`:                        {`no record`, `[]`},
		`{"friend":null}`:                         {`no record`, `no record`},
		`{"friends":null,"friend":{"id":"f"}}`:    {`{ID=f}`, `[]`},
		`{"friend":null,"friends":[{"id":"f"}]}`:  {`{ID=f}`, `[{ID=f}]`},
		`{"data":{"friend":{"id":"f"}}}`:          {`{ID=f}`, `no record`},
		`{"data":{"friends":[{"id":"f"}]}}`:       {`{ID=f}`, `[{ID=f}]`},
		`{"data":{"id":"f"}}`:                     {`{ID=f}`, `no record`},
		`{"data":[{"id":"f"}]}`:                   {`{ID=f}`, `[{ID=f}]`},
		`{"data":{"data":{"id":"f"}}}`:            {`no record`, `no record`},
		`{"data":null}`:                           {`no record`, `no record`},
		`{"data":"f"}`:                            {`no record`, `no record`},
		`{"data":[]}`:                             {`unreadable`, `[]`},
		`{"data":{}}`:                             {`no record`, `no record`},
		`{"id":"f","name":"n"}`:                   {`{ID=f Name=n}`, `no record`},
		`{"id":null,"name":"n"}`:                  {`no record`, `no record`},
		`{"name":"n"}`:                            {`no record`, `no record`},
		`[{"id":"f"}]`:                            {`{ID=f}`, `[{ID=f}]`},
		`[{"id":"f"},{"id":"g"}]`:                 {`unreadable`, `[{ID=f} {ID=g}]`},
		`[]`:                                      {`unreadable`, `[]`},
		`["f"]`:                                   {`unreadable`, `[{}]`},
		`{"friend":"f"}`:                          {`unreadable`, `no record`},
		`{"friend":7}`:                            {`unreadable`, `no record`},
		`{"friends":"f"}`:                         {`unreadable`, `unreadable`},
		`{"friends":true}`:                        {`unreadable`, `unreadable`},
		`{"friend":{}}`:                           {`{}`, `no record`},
		`{"friend":{"name":"n"}}`:                 {`{Name=n}`, `no record`},
		`{"friend":[]}`:                           {`unreadable`, `no record`},
		`{"friends":[{"id":"f"},{"name":"n"},7]}`: {`unreadable`, `[{ID=f} {Name=n} {ID=7}]`},
		`{"error":"x"}`:                           {`error`, `error`},
		`{"errors":["x"]}`:                        {`error`, `error`},
		`{"error":null}`:                          {`no record`, `no record`},
		`{"error":"x","friend":{"id":"f"}}`:       {`{ID=f}`, `error`},
		`{"errors":["x"],"data":{"id":"f"}}`:      {`{ID=f}`, `no record`},
		`{"error":"x","data":{"friends":[]}}`:     {`unreadable`, `[]`},
		`{"zz":1}`:                                {`no record`, `no record`},
		`{}`:                                      {`no record`, `no record`},
		`null`:                                    {`error`, `error`},
		`"x"`:                                     {`error`, `error`},
		`7`:                                       {`error`, `error`},
		`{"friend":{"id":"f"}`:                    {`error`, `error`},
		`{"friend":{"id":"f"`:                     {`error`, `error`},
		`{"friend":`:                              {`error`, `error`},
		`{"data":{"id":"f"}`:                      {`error`, `error`},
		`{"zz":[1`:                                {`error`, `error`},
		`{"friend":"f`:                            {`error`, `error`},
		`[{"id":"f"}`:                             {`error`, `error`},
		`{"id":"f"`:                               {`error`, `error`},
		`x`:                                       {`error`, `error`},
		``:                                        {`error`, `error`},
		`{"friend":{"id":"f"},"friends":[{"id":"g"}]}`:              {`{ID=f}`, `[{ID=g}]`},
		`{"meta":{"a":1},"friends":[{"id":"f"}],"data":{"id":"g"}}`: {`{ID=f}`, `[{ID=f}]`},
	} {
		var one friend
		err := (&envelope{keys: []string{"friend"}, out: reflect.ValueOf(&one).Elem()}).open([]byte(text))
		if got := describe(err, &one); got != want[0] {
			t.Errorf("%s\n   got %s\n  want %s", text, got, want[0])
		}
		var list []friend
		err = (&envelope{keys: []string{"friends"}, out: reflect.ValueOf(&list).Elem()}).open([]byte(text))
		if got := describe(err, &list); got != want[1] {
			t.Errorf("%s as a list\n   got %s\n  want %s", text, got, want[1])
		}
	}
}

// grant is an object that has no id.
type grant struct {
	Faults
	Kind  string `json:"kind"`
	Token string `json:"token"`
}

// TestEnvelopeWithoutID: what has no id is known by any of its keys.
func TestEnvelopeWithoutID(t *testing.T) {
	t.Parallel()
	for text, found := range map[string]bool{`{"kind":"k"}`: true, `{"token":"t"}`: true, `{"grant":{"token":"t"}}`: true, `{"token":null}`: false, `{"zz":1}`: false} {
		var g grant
		err := (&envelope{keys: []string{"grant"}, out: reflect.ValueOf(&g).Elem()}).open([]byte(text))
		if (err == nil) != found {
			t.Errorf("%s: %+v, %v", text, g, err)
		}
	}
}
