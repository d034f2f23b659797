package fsclient_test

import (
	"io"
	"reflect"
	"strings"
	"testing"

	"fsgateway/internal/fsclient"
)

func TestDosage(t *testing.T) {
	t.Parallel()
	whole := fsclient.Dosage{
		Amount: new("1-2"), Frequency: new(fsclient.DosageFrequency("twice per day")), Duration: new("60"),
		Format: new(fsclient.DosageFormat("capsule")), AdditionalInfo: new("after meals"),
	}
	withTimes := whole
	withTimes.TimeOfDay = []fsclient.TimeOfDay{"morning", "upon waking"}
	for _, tt := range []struct {
		name, json string
		want       fsclient.Dosage
	}{
		{"Plan", `{"amount":"1-2","frequency":"twice per day","duration":"60","format":"capsule","additional_info":"after meals","time_of_day":["morning","upon waking"]}`, withTimes},
		{"ProductAndOldEvent", `{"recommended_amount":"1-2","recommended_frequency":"twice per day","recommended_duration":"60","format":"capsule","additional_info":"after meals"}`, whole},
		{"NamesOfProtocols", `{"dosage_amount":"1-2","dosage_frequency":"twice per day","dosage_duration":"60","dosage_format":"capsule","dosage_permutations":"after meals"}`, whole},
		{"NumbersForTexts", `{"amount":1,"duration":60}`, fsclient.Dosage{Amount: new("1"), Duration: new("60")}},
		{"OneTimeForAList", `{"time_of_day":"evening"}`, fsclient.Dosage{TimeOfDay: []fsclient.TimeOfDay{"evening"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, _ := scripted(t, `{"product":{"id":"p","name":"P","dosage":`+tt.json+`}}`)
			p, err := c.Products.Get(t.Context(), "p")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*p.Dosage, tt.want) {
				t.Errorf("got %+v, want %+v", *p.Dosage, tt.want)
			}
		})
	}
}

func TestDosageRaw(t *testing.T) {
	t.Parallel()
	d := fsclient.Dosage{
		Frequency: new(fsclient.DosageFrequency("hourly")), Format: new(fsclient.DosageFormat("drop")),
		TimeOfDay: []fsclient.TimeOfDay{"bedtime", "midnight"},
	}
	if got := value(d.FrequencyRaw()); got != "hourly" {
		t.Errorf("FrequencyRaw %q", got)
	}
	if got := value(d.FormatRaw()); got != "drop" {
		t.Errorf("FormatRaw %q", got)
	}
	if got := d.TimeOfDayRaw(); !reflect.DeepEqual(got, []string{"bedtime", "midnight"}) {
		t.Errorf("TimeOfDayRaw %q", got)
	}
	if none := new(fsclient.Dosage); none.FrequencyRaw() != nil || none.FormatRaw() != nil || none.TimeOfDayRaw() != nil {
		t.Error("texts of what is missing")
	}
}

func TestDosageValues(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, got, want string
	}{
		{"Frequency", graphql(fsclient.DosageFrequency("once per day")), `"ONCE_PER_DAY"`},
		{"FrequencyUnknown", graphql(fsclient.DosageFrequency("hourly")), `"UNKNOWN"`},
		{"Drops", graphql(fsclient.DosageFormat("drops")), `"DROPS"`},
		{"DropIsDrops", graphql(fsclient.DosageFormat("drop")), `"DROPS"`},
		{"Time", graphql(fsclient.TimeOfDay("upon waking")), `"UPON_WAKING"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.got != tt.want {
				t.Errorf("got %s, want %s", tt.got, tt.want)
			}
		})
	}
	t.Run("Input", func(t *testing.T) {
		t.Parallel()
		var f fsclient.DosageFormat
		if err := f.UnmarshalGQL("DROPS"); err != nil || f != "drops" {
			t.Errorf("%q, %v", f, err)
		}
		var q fsclient.DosageFrequency
		if err := q.UnmarshalGQL("UNKNOWN"); err == nil {
			t.Error("UNKNOWN was taken")
		}
		var o fsclient.TimeOfDay
		if err := o.UnmarshalGQL("BEDTIME"); err != nil || o != "bedtime" {
			t.Errorf("%q, %v", o, err)
		}
	})
}

// graphql is a value as GraphQL shows it.
func graphql(v interface{ MarshalGQL(io.Writer) }) string {
	var b strings.Builder
	v.MarshalGQL(&b)
	return b.String()
}
