package fsclient

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Ids are the partner's, opaque text, typed by what they name. In GraphQL an
// id is global, "Patient:<id>"; as an input either form is taken, and the
// global id of another type is refused.

func marshalID(w io.Writer, typeName, id string) {
	text, _ := json.Marshal(typeName + ":" + id) // ids may hold anything
	_, _ = w.Write(text)
}

// ParseID reads an id given by a client, in either form, as the id of a record
// of the named type.
func ParseID(typeName string, v any) (string, error) {
	s, _ := idText(v)
	kind, id, global := strings.Cut(s, ":")
	if !global {
		kind, id = typeName, s
	}
	switch {
	case id == "":
		return "", InputErrorf("expected the id of a %s; it is empty", typeName)
	case kind != typeName:
		return "", InputErrorf("expected the id of a %s; this is the id of another type", typeName)
	case !ValidID(id):
		return "", InputErrorf("expected the id of a %s: 1 to %d letters, digits or characters of \"_.:-\"", typeName, maxID)
	}
	return id, nil
}

// idText returns the text of an ID, which clients may also give as an integer.
func idText(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64, int, json.Number:
		return fmt.Sprint(v), true
	}
	return "", false
}

const maxID = 128

// ValidID reports whether id can be a record's id, whoever sent it. Ids become
// parts of paths, so nothing that means something in a path is one.
func ValidID(id string) bool {
	if len(id) == 0 || len(id) > maxID || id == "." || id == ".." {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_.:-", c) >= 0) {
			return false
		}
	}
	return true
}

// IDKey returns what two ids of the same record have in common: the partner's
// are UUIDs, which compare without regard to case, and others compare exactly.
func IDKey(id string) string {
	if isUUID(id) {
		return strings.ToLower(id)
	}
	return id
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20 // lower case
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !('a' <= c && c <= 'f' || '0' <= s[i] && s[i] <= '9') {
				return false
			}
		}
	}
	return true
}

// Respell sets the id of rec as answer, the same record, spells it.
func Respell(rec, answer Recorder) {
	e := reflect.ValueOf(rec).Elem()
	e.Field(shapeOf(e.Type()).id).SetString(IDOf(answer))
}

func unmarshalID(typeName string, v any, id *string) (err error) {
	*id, err = ParseID(typeName, v)
	return err
}

// ClinicID is the id of a [Clinic].
type ClinicID string

func (id ClinicID) MarshalGQL(w io.Writer)    { marshalID(w, "Clinic", string(id)) }
func (id *ClinicID) UnmarshalGQL(v any) error { return unmarshalID("Clinic", v, (*string)(id)) }

// PractitionerID is the id of a [Practitioner].
type PractitionerID string

func (id PractitionerID) MarshalGQL(w io.Writer) { marshalID(w, "Practitioner", string(id)) }
func (id *PractitionerID) UnmarshalGQL(v any) error {
	return unmarshalID("Practitioner", v, (*string)(id))
}

// PractitionerTypeID is the id of a [PractitionerType].
type PractitionerTypeID string

func (id PractitionerTypeID) MarshalGQL(w io.Writer) { marshalID(w, "PractitionerType", string(id)) }

func (id *PractitionerTypeID) UnmarshalGQL(v any) error {
	return unmarshalID("PractitionerType", v, (*string)(id))
}

// StaffID is the id of a [Staff].
type StaffID string

func (id StaffID) MarshalGQL(w io.Writer)    { marshalID(w, "Staff", string(id)) }
func (id *StaffID) UnmarshalGQL(v any) error { return unmarshalID("Staff", v, (*string)(id)) }

// ProtocolID is the id of a [Protocol].
type ProtocolID string

func (id ProtocolID) MarshalGQL(w io.Writer)    { marshalID(w, "Protocol", string(id)) }
func (id *ProtocolID) UnmarshalGQL(v any) error { return unmarshalID("Protocol", v, (*string)(id)) }

// TemplateID is the id of a [Template].
type TemplateID string

func (id TemplateID) MarshalGQL(w io.Writer)    { marshalID(w, "Template", string(id)) }
func (id *TemplateID) UnmarshalGQL(v any) error { return unmarshalID("Template", v, (*string)(id)) }

// PatientID is the id of a [Patient].
type PatientID string

func (id PatientID) MarshalGQL(w io.Writer)    { marshalID(w, "Patient", string(id)) }
func (id *PatientID) UnmarshalGQL(v any) error { return unmarshalID("Patient", v, (*string)(id)) }

// AddressID is the id of an [Address].
type AddressID string

func (id AddressID) MarshalGQL(w io.Writer)    { marshalID(w, "Address", string(id)) }
func (id *AddressID) UnmarshalGQL(v any) error { return unmarshalID("Address", v, (*string)(id)) }

// TreatmentPlanID is the id of a [TreatmentPlan].
type TreatmentPlanID string

func (id TreatmentPlanID) MarshalGQL(w io.Writer) { marshalID(w, "TreatmentPlan", string(id)) }
func (id *TreatmentPlanID) UnmarshalGQL(v any) error {
	return unmarshalID("TreatmentPlan", v, (*string)(id))
}

// LabRecommendationID is the id of a [LabRecommendation].
type LabRecommendationID string

func (id LabRecommendationID) MarshalGQL(w io.Writer) { marshalID(w, "LabRecommendation", string(id)) }

func (id *LabRecommendationID) UnmarshalGQL(v any) error {
	return unmarshalID("LabRecommendation", v, (*string)(id))
}

// ResourceID is the id of a [Resource].
type ResourceID string

func (id ResourceID) MarshalGQL(w io.Writer)    { marshalID(w, "Resource", string(id)) }
func (id *ResourceID) UnmarshalGQL(v any) error { return unmarshalID("Resource", v, (*string)(id)) }

// OrderID is the id of an [Order].
type OrderID string

func (id OrderID) MarshalGQL(w io.Writer)    { marshalID(w, "Order", string(id)) }
func (id *OrderID) UnmarshalGQL(v any) error { return unmarshalID("Order", v, (*string)(id)) }

// LabOrderID is the id of a [LabOrder].
type LabOrderID string

func (id LabOrderID) MarshalGQL(w io.Writer)    { marshalID(w, "LabOrder", string(id)) }
func (id *LabOrderID) UnmarshalGQL(v any) error { return unmarshalID("LabOrder", v, (*string)(id)) }

// LabTestID is the id of a [LabTest].
type LabTestID string

func (id LabTestID) MarshalGQL(w io.Writer)    { marshalID(w, "LabTest", string(id)) }
func (id *LabTestID) UnmarshalGQL(v any) error { return unmarshalID("LabTest", v, (*string)(id)) }

// BrandID is the id of a [Brand].
type BrandID string

func (id BrandID) MarshalGQL(w io.Writer)    { marshalID(w, "Brand", string(id)) }
func (id *BrandID) UnmarshalGQL(v any) error { return unmarshalID("Brand", v, (*string)(id)) }

// IngredientID is the id of an [Ingredient].
type IngredientID string

func (id IngredientID) MarshalGQL(w io.Writer)    { marshalID(w, "Ingredient", string(id)) }
func (id *IngredientID) UnmarshalGQL(v any) error { return unmarshalID("Ingredient", v, (*string)(id)) }

// AllergenID is the id of an [Allergen].
type AllergenID string

func (id AllergenID) MarshalGQL(w io.Writer)    { marshalID(w, "Allergen", string(id)) }
func (id *AllergenID) UnmarshalGQL(v any) error { return unmarshalID("Allergen", v, (*string)(id)) }

// SupplementTypeID is the id of a [SupplementType].
type SupplementTypeID string

func (id SupplementTypeID) MarshalGQL(w io.Writer) { marshalID(w, "SupplementType", string(id)) }
func (id *SupplementTypeID) UnmarshalGQL(v any) error {
	return unmarshalID("SupplementType", v, (*string)(id))
}

// ThirdPartyCertificationID is the id of a [ThirdPartyCertification].
type ThirdPartyCertificationID string

func (id ThirdPartyCertificationID) MarshalGQL(w io.Writer) {
	marshalID(w, "ThirdPartyCertification", string(id))
}

func (id *ThirdPartyCertificationID) UnmarshalGQL(v any) error {
	return unmarshalID("ThirdPartyCertification", v, (*string)(id))
}

// CategoryID is the id of a [Category].
type CategoryID string

func (id CategoryID) MarshalGQL(w io.Writer)    { marshalID(w, "Category", string(id)) }
func (id *CategoryID) UnmarshalGQL(v any) error { return unmarshalID("Category", v, (*string)(id)) }

// ProductID is the id of a [Product].
type ProductID string

func (id ProductID) MarshalGQL(w io.Writer)    { marshalID(w, "Product", string(id)) }
func (id *ProductID) UnmarshalGQL(v any) error { return unmarshalID("Product", v, (*string)(id)) }

// VariantID is the id of a [Variant].
type VariantID string

func (id VariantID) MarshalGQL(w io.Writer)    { marshalID(w, "Variant", string(id)) }
func (id *VariantID) UnmarshalGQL(v any) error { return unmarshalID("Variant", v, (*string)(id)) }

// EventID is the id of an [Event].
type EventID string

func (id EventID) MarshalGQL(w io.Writer)    { marshalID(w, "Event", string(id)) }
func (id *EventID) UnmarshalGQL(v any) error { return unmarshalID("Event", v, (*string)(id)) }

// WebhookDeliveryID is the id of a [WebhookDelivery].
type WebhookDeliveryID string

func (id WebhookDeliveryID) MarshalGQL(w io.Writer) { marshalID(w, "WebhookDelivery", string(id)) }
func (id *WebhookDeliveryID) UnmarshalGQL(v any) error {
	return unmarshalID("WebhookDelivery", v, (*string)(id))
}

// FulfillmentOrderID is the id of a [FulfillmentOrder].
type FulfillmentOrderID string

func (id FulfillmentOrderID) MarshalGQL(w io.Writer) { marshalID(w, "FulfillmentOrder", string(id)) }

func (id *FulfillmentOrderID) UnmarshalGQL(v any) error {
	return unmarshalID("FulfillmentOrder", v, (*string)(id))
}

// SessionGrantID is the id of a [SessionGrant].
type SessionGrantID string

func (id SessionGrantID) MarshalGQL(w io.Writer) { marshalID(w, "SessionGrant", string(id)) }
func (id *SessionGrantID) UnmarshalGQL(v any) error {
	return unmarshalID("SessionGrant", v, (*string)(id))
}

// LabRecommendationTestID is the id of a [LabRecommendationTest].
type LabRecommendationTestID string

func (id LabRecommendationTestID) MarshalGQL(w io.Writer) {
	marshalID(w, "LabRecommendationTest", string(id))
}

func (id *LabRecommendationTestID) UnmarshalGQL(v any) error {
	return unmarshalID("LabRecommendationTest", v, (*string)(id))
}

// LabResultID is the id of a [LabResult].
type LabResultID string

func (id LabResultID) MarshalGQL(w io.Writer) { marshalID(w, "LabResult", string(id)) }
func (id *LabResultID) UnmarshalGQL(v any) error {
	return unmarshalID("LabResult", v, (*string)(id))
}

// LabAggregatedResultID is the id of a [LabAggregatedResult].
type LabAggregatedResultID string

func (id LabAggregatedResultID) MarshalGQL(w io.Writer) {
	marshalID(w, "LabAggregatedResult", string(id))
}

func (id *LabAggregatedResultID) UnmarshalGQL(v any) error {
	return unmarshalID("LabAggregatedResult", v, (*string)(id))
}

// OrderedLabTestID is the id of an [OrderedLabTest].
type OrderedLabTestID string

func (id OrderedLabTestID) MarshalGQL(w io.Writer) { marshalID(w, "OrderedLabTest", string(id)) }
func (id *OrderedLabTestID) UnmarshalGQL(v any) error {
	return unmarshalID("OrderedLabTest", v, (*string)(id))
}
