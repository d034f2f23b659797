package fsclient_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"fsgateway/internal/fsclient"
)

type valueSet interface {
	MarshalGQL(io.Writer)
	UnmarshalGQL(any) error
}

// The value sets of people, protocols, links and events have the values that
// the SDL has.
func TestValuesOfTheSDL(t *testing.T) {
	t.Parallel()
	sdl := valuesInSDL(t)
	for name, v := range map[string]valueSet{
		"OrderDirection":              new(fsclient.OrderDirection("")),
		"Gender":                      new(fsclient.Gender("")),
		"PatientType":                 new(fsclient.PatientType("")),
		"RecordType":                  new(fsclient.RecordType("")),
		"ProtocolState":               new(fsclient.ProtocolState("")),
		"ProtocolOwnership":           new(fsclient.ProtocolOwnership("")),
		"ProtocolOwnershipFilter":     new(fsclient.ProtocolOwnershipFilter("")),
		"ProtocolSortField":           new(fsclient.ProtocolSortField("")),
		"FullscriptProtocolSortField": new(fsclient.FullscriptProtocolSortField("")),
		"LinkEntrypoint":              new(fsclient.LinkEntrypoint("")),
		"UserType":                    new(fsclient.UserType("")),
		"EventType":                   new(fsclient.EventType("")),
		"EventSortField":              new(fsclient.EventSortField("")),
		"WebhookDeliverySortField":    new(fsclient.WebhookDeliverySortField("")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(sdl[name]) == 0 {
				t.Fatal("the SDL has no such enum")
			}
			for _, want := range sdl[name] {
				err := v.UnmarshalGQL(want)
				if want == "UNKNOWN" {
					same(t, "UNKNOWN is refused", err != nil, true)
					continue
				}
				if err != nil {
					t.Errorf("%s is not taken: %v", want, err)
				}
				var shown strings.Builder
				v.MarshalGQL(&shown)
				same(t, "the value", shown.String(), `"`+want+`"`)
			}
			same(t, "another value is refused", v.UnmarshalGQL("no such value") != nil, true)
		})
	}
	for name, v := range map[string]valueSet{"EventType": new(fsclient.EventType("a.new.one")), "Gender": new(fsclient.Gender("other"))} {
		var shown strings.Builder
		v.MarshalGQL(&shown)
		same(t, "a new "+name, shown.String(), `"UNKNOWN"`)
	}
}

var (
	enumInSDL  = regexp.MustCompile(`(?ms)^enum (\w+) \{(.*?)^\}`)
	valueInSDL = regexp.MustCompile(`(?m)^  ([A-Z_]+)$`)
)

func valuesInSDL(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../../schema/*.graphqls")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string][]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, enum := range enumInSDL.FindAllStringSubmatch(string(text), -1) {
			for _, v := range valueInSDL.FindAllStringSubmatch(enum[2], -1) {
				values[enum[1]] = append(values[enum[1]], v[1])
			}
		}
	}
	return values
}
