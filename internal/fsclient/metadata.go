package fsclient

import (
	"context"
	"encoding/json"
	"io"
	"reflect"
	"strings"
)

// MetadataService finds records by the integrator's own identifiers.
// https://fullscript.dev/technical-reference/metadata
type MetadataService service

// ExternalID is the integrator's own identifier of a record. The API has it
// inside an object of its own, "metadata": {"id": "emr-7"}.
type ExternalID string

func (e *ExternalID) setText(string) bool { return false }

func (e *ExternalID) setObject(raw []byte) outcome {
	var m struct {
		Faults
		ID *string `json:"id"`
	}
	got, err := newDecoder(raw).into(reflect.ValueOf(&m).Elem())
	switch {
	case err != nil || got == unreadable || m.Unreadable() != 0:
		return unreadable
	case m.ID == nil:
		return missing
	}
	*e = ExternalID(*m.ID)
	return read
}

func (e ExternalID) MarshalGQL(w io.Writer) {
	text, _ := json.Marshal(string(e))
	_, _ = w.Write(text)
}

func (e *ExternalID) UnmarshalGQL(v any) error {
	id, ok := idText(v)
	if !ok {
		return InputErrorf("an external id is a text or an integer")
	}
	*e = ExternalID(id)
	return nil
}

// ExternalIDInput sets the integrator's own identifier of a record; one without
// an ID clears it.
type ExternalIDInput struct {
	ID *ExternalID `json:"id"`
}

func (e ExternalIDInput) MarshalGQL(w io.Writer) {
	text, _ := json.Marshal(e.ID)
	_, _ = w.Write(text)
}

func (e *ExternalIDInput) UnmarshalGQL(v any) error {
	if v == nil {
		return nil
	}
	e.ID = new(ExternalID)
	return e.ID.UnmarshalGQL(v)
}

// RecordType is a kind of record that can carry an integrator's identifier.
type RecordType string

const (
	recordPatient       RecordType = "patient"
	recordPractitioner  RecordType = "practitioner"
	recordStaff         RecordType = "staff"
	recordTreatmentPlan RecordType = "treatment_plan"
)

var recordTypes = []string{"patient", "practitioner", "staff", "treatment_plan"}

func (e RecordType) MarshalGQL(w io.Writer)    { marshalEnum(w, recordTypes, string(e)) }
func (e *RecordType) UnmarshalGQL(v any) error { return unmarshalEnum(recordTypes, v, (*string)(e)) }

// ExternalIDRecord is a *[Patient], *[Practitioner], *[Staff] or
// *[TreatmentPlan].
type ExternalIDRecord interface {
	IsNode()
	FullscriptID() string
}

// ExternalIDMatch is a record found by the integrator's identifier. It is no
// record of its own: the API gives it no id but that of the record it found.
type ExternalIDMatch struct {
	Faults
	ExternalID *string     `json:"id"`
	Type       *RecordType `json:"type"`
	// Record holds what the answer held of it; nil for a kind not listed above.
	Record  ExternalIDRecord `json:"-"`
	RawData json.RawMessage  `json:"data"` // emptied into Record

	id string // of the record, of whatever kind
}

// FullscriptID is the partner's own id of the record.
func (m *ExternalIDMatch) FullscriptID() string { return m.id }

// ID is the record's global id, and the partner's own for a kind that has none.
func (m *ExternalIDMatch) ID() string {
	kind := ""
	switch m.Record.(type) {
	case *Patient:
		kind = "Patient:"
	case *Practitioner:
		kind = "Practitioner:"
	case *Staff:
		kind = "Staff:"
	case *TreatmentPlan:
		kind = "TreatmentPlan:"
	}
	return kind + m.id
}

// TypeRaw is the partner's text of the type.
func (m *ExternalIDMatch) TypeRaw() *string { return raw(m.Type) }

// Broken says that the match names no record.
func (m *ExternalIDMatch) Broken() bool { return m.id == "" }

func (m *ExternalIDMatch) decoded() {
	data := m.RawData
	m.RawData = nil
	if data == nil {
		return
	}
	if m.Type != nil {
		data = under(string(*m.Type), data)
		switch *m.Type {
		case recordPatient:
			m.Record = recordIn[Patient](data)
		case recordPractitioner:
			m.Record = recordIn[Practitioner](data)
		case recordStaff:
			m.Record = recordIn[Staff](data)
		case recordTreatmentPlan:
			m.Record = recordIn[TreatmentPlan](data)
		}
	}
	if m.Record != nil {
		m.id = m.Record.FullscriptID()
		return
	}
	var unknown struct {
		ID string `json:"id"`
	}
	decodeInto(data, &unknown)
	m.id = unknown.ID
}

// needs: the record is read by the type.
func (*ExternalIDMatch) needs(Fields) Fields { return AllFields }

// recordIn decodes a record, nil for what has no id.
func recordIn[T any, P interface {
	*T
	ExternalIDRecord
}](data []byte) ExternalIDRecord {
	var record P
	if decodeInto(data, &record); record == nil {
		return nil
	}
	return record
}

// MetadataSearchOptions say which records to look for; without an identifier
// every record of the type that has one is listed.
type MetadataSearchOptions struct {
	ExternalID *string     `url:"id"`
	Type       *RecordType `url:"type"`
	PageOptions
}

// Check refuses options that would list every record of every type.
func (o *MetadataSearchOptions) Check() error {
	switch {
	case o.ExternalID != nil && strings.TrimSpace(*o.ExternalID) == "":
		return InputErrorf("externalId is empty; give the identifier to look for")
	case o.ExternalID == nil && o.Type == nil:
		return InputErrorf("give externalId, type or both; without either every record would be listed")
	}
	return nil
}

// Search finds the records that carry an integrator's identifier.
// https://fullscript.dev/technical-reference/metadata
//
// op: GET /clinic/metadata
func (s *MetadataService) Search(ctx context.Context, o *MetadataSearchOptions) (*Page[ExternalIDMatch], error) {
	return getPage[ExternalIDMatch](ctx, s.client, get("/clinic/metadata"), o, "metadata")
}
