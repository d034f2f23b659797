package persisted_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"fsgateway/graph/persisted"
)

// Whatever a request looks like, enforce mode runs documents of the manifest
// only, and no mode runs a text for a SHA-256 that is not its own. Each request
// is sent twice, to find what the first leaves behind, and then by the hash of
// its text.
func FuzzRequests(f *testing.F) {
	trustedTexts := map[string]bool{listed: true, relay: true, named: true}
	path := trusted(f)
	options := []persisted.Options{
		{Mode: persisted.Enforce, Manifest: path, APQ: true},
		{Mode: persisted.Log, Manifest: path, APQ: true, APQSize: 10_000},
		{APQ: true, APQSize: 10_000},
		{},
	}
	// The rest of the seeds is in testdata/fuzz.
	f.Add(listed, `{}`)
	f.Add("", `{"documentId":"sha256:`+sha(listed)+`"}`)
	f.Add(unlisted, `{"persistedQuery":{"version":1,"sha256Hash":"`+sha(unlisted)+`"}}`)
	f.Fuzz(func(t *testing.T, query, extensions string) {
		var e map[string]any
		d := json.NewDecoder(bytes.NewReader([]byte(extensions)))
		d.UseNumber()
		if d.Decode(&e) != nil {
			return
		}
		requests := []params{
			{Query: query, Extensions: e},
			{Query: query, Extensions: e},
			{Extensions: apq(sha(query))},
			{Extensions: ext("documentId", "sha256:"+sha(query))},
		}
		for _, o := range options {
			exec := gateway(t, o)
			for i, p := range requests {
				p.Variables = map[string]any{"id": "1"} // what is not declared is not read
				ran, code, message := send(exec, p)
				if ran == "" && message == "" {
					t.Fatalf("%v request %d: neither run nor refused", o.Mode, i)
				}
				if ran == "" {
					continue
				}
				if o.Mode == persisted.Enforce && !trustedTexts[ran] {
					t.Fatalf("request %d runs %q, which is not in the manifest (%s)", i, ran, code)
				}
				if p.Query != "" && ran != p.Query {
					t.Fatalf("%v request %d: %q was sent and %q run", o.Mode, i, p.Query, ran)
				}
				if i >= 2 && ran != query {
					t.Fatalf("%v request %d: the hash of %q runs %q", o.Mode, i, query, ran)
				}
			}
		}
	})
}
