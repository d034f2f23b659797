package fsclient

import "io"

// Dosage says how a product is to be taken. The API has one set of keys for
// plans, one for products and for events of 2021, and a flat one for
// protocols; they all end up here.
type Dosage struct {
	Faults
	Amount         *string          `json:"amount" also:"recommended_amount,dosage_amount"`
	Frequency      *DosageFrequency `json:"frequency" also:"recommended_frequency,dosage_frequency"`
	Duration       *string          `json:"duration" also:"recommended_duration,dosage_duration"`
	Format         *DosageFormat    `json:"format" also:"recommended_format,dosage_format"`
	AdditionalInfo *string          `json:"additional_info" also:"dosage_permutations"`
	TimeOfDay      []TimeOfDay      `json:"time_of_day"`
}

// FrequencyRaw is the partner's text of the frequency.
func (d *Dosage) FrequencyRaw() *string { return raw(d.Frequency) }

// FormatRaw is the partner's text of the format.
func (d *Dosage) FormatRaw() *string { return raw(d.Format) }

// TimeOfDayRaw is the partner's texts of the times of day.
func (d *Dosage) TimeOfDayRaw() []string {
	if d.TimeOfDay == nil {
		return nil
	}
	texts := make([]string, len(d.TimeOfDay))
	for i, t := range d.TimeOfDay {
		texts[i] = string(t)
	}
	return texts
}

// DosageInput is a dosage to write on a plan.
type DosageInput struct {
	Amount         Opt[*string]          `json:"amount,omitzero"`
	Frequency      Opt[*DosageFrequency] `json:"frequency,omitzero"`
	Duration       Opt[*string]          `json:"duration,omitzero"`
	Format         Opt[*DosageFormat]    `json:"format,omitzero"`
	AdditionalInfo Opt[*string]          `json:"additional_info,omitzero"`
	TimeOfDay      Opt[[]TimeOfDay]      `json:"time_of_day,omitzero"`
}

// DosageFrequency is how often a dose is taken.
type DosageFrequency string

var dosageFrequencies = []string{
	"once per day", "twice per day", "three times per day", "four times per day", "every morning", "every night",
}

func (e DosageFrequency) MarshalGQL(w io.Writer) { marshalEnum(w, dosageFrequencies, string(e)) }
func (e *DosageFrequency) UnmarshalGQL(v any) error {
	return unmarshalEnum(dosageFrequencies, v, (*string)(e))
}

// DosageFormat is the shape a dose comes in.
type DosageFormat string

var dosageFormats = []string{
	"capsule", "chewable", "gel", "liquid", "lozenge", "packet", "pellet", "drops", "powder", "strip", "suppository", "tablet",
}

func (e DosageFormat) MarshalGQL(w io.Writer) {
	if e == "drop" { // the partner's list says drops, its examples drop
		e = "drops"
	}
	marshalEnum(w, dosageFormats, string(e))
}

func (e *DosageFormat) UnmarshalGQL(v any) error {
	return unmarshalEnum(dosageFormats, v, (*string)(e))
}

// TimeOfDay is when a dose is taken.
type TimeOfDay string

var timesOfDay = []string{"upon waking", "morning", "afternoon", "evening", "bedtime"}

func (e TimeOfDay) MarshalGQL(w io.Writer)    { marshalEnum(w, timesOfDay, string(e)) }
func (e *TimeOfDay) UnmarshalGQL(v any) error { return unmarshalEnum(timesOfDay, v, (*string)(e)) }
