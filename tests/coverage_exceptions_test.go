package tests

// The tests of the files coverage_*.go hold four things against each other: the
// description of the partner's API (schema/fullscript.openapi.yaml), the SDL
// (schema/*.graphqls), the Go types it binds to, and the client's methods. Exceptions
// stand in the lists below, each with its reason; one that is no longer needed fails
// the test, too.

import (
	"maps"
	"slices"
	"sync"
	"testing"
)

// Operations of the description that no field of the graph performs.
var outsideTheGraph = exceptions{
	"authorize":              "the browser's, behind the route /oauth/login",
	"createToken":            "behind the routes /oauth/callback and /oauth/token",
	"revokeToken":            "behind the routes /oauth/logout and /oauth/revoke",
	"tokenizeEmbedPatient":   "called by the partner's SDK in the browser, without a token",
	"openEmbedTreatmentPlan": "a page in a frame of the browser, opened with a session grant",
	"openEmbedPlatform":      "a page in a frame of the browser, opened with a session grant",
}

// Properties whose field has another name than theirs.
var renamedProperties = map[string]struct{ field, reason string }{
	"ExternalIdMatch.id":                {"externalId", "id is the record's"},
	"ExternalIdMatch.data":              {"record", "a record that is only dependable for its id"},
	"Patient.guardian_patient_id":       {"guardian", "what it leads to"},
	"Variant.image_url_small":           {"imageUrl", "one field for three sizes"},
	"Variant.image_url_medium":          {"imageUrl", "one field for three sizes"},
	"Variant.image_url_large":           {"imageUrl", "one field for three sizes"},
	"Practitioner.practitioner_type_id": {"type", "what it leads to"},
	"WebhookDelivery.event_payload":     {"event", "the payload is an envelope around it"},
}

// Properties that are objects of one property, and the field for that one, of
// answers and of inputs.
var wrappers = map[string]struct{ property, field string }{
	"metadata": {"id", "externalId"},
}

// Fields named …Id that are no links.
var idsThatLeadNowhere = exceptions{
	"Clinic.integrationId":           "the application's installation has no endpoint",
	"Event.integrationId":            "the application's installation has no endpoint",
	"Event.clinicId":                 "the only clinic that can be fetched is the token's own, without an id",
	"LabAggregatedResult.artifactId": "no use of it is published",
	"FulfillmentShipment.orderId":    "fulfilment orders cannot be fetched",
}

// Fields that no property stands behind, connections, Raw twins and
// fullscriptId apart.
var computedFields = exceptions{
	"Clinic.currency":           "the environment's",
	"Order.currency":            "the environment's",
	"Variant.currency":          "the environment's",
	"OrderEventData.order":      "the data itself is the order",
	"UnknownEventData.raw":      "data of a shape the gateway does not know, as text",
	"Resource.downloadUrl":      "the gateway's own route, which takes the token where the partner's address cannot",
	"TreatmentPlan.dynamicLink": "performs an operation of its own, with the plan's id",
}

// Types whose fields the gateway makes, connections, edges and payloads apart.
var computedTypes = exceptions{
	"Query":               "the roots have no properties",
	"Mutation":            "the roots have no properties",
	"Subscription":        "the roots have no properties",
	"PageInfo":            "in place of the partner's meta: windows are not its pages",
	"UserError":           "a refusal in the form GraphQL clients expect",
	"LabOrderUpdate":      "an event and the record it is about",
	"OrderUpdate":         "an event and the record it is about",
	"PatientUpdate":       "an event and the record it is about",
	"ProductUpdate":       "an event and the record it is about",
	"TreatmentPlanUpdate": "an event and the record it is about",
	"RateLimit":           "what the gateway knows of the caller's budget",
	"Viewer":              "what the gateway knows of the caller",
}

// Parameters of the query that no argument stands for.
var leftOutParameters = exceptions{
	"TreatmentPlan.orders.patient_id": "a plan is one patient's",
	"downloadResource.type":           "the download route reads it from the attachment's address",
}

// Fields that read a list and give the one row that is asked for. Their tests are
// TestPatientLookUps.
var exactMatches = exceptions{
	"Query.patientByEmail":      "the search is loose",
	"Query.patientByExternalId": "the look-up gives records of four types",
}

// Arguments that have another name than their parameter.
var renamedParameters = map[string]string{
	"Query.recordsByExternalId.id": "externalId", // id is what the graph calls its own
}

// Input fields that stand for no property of the body under their own name.
var renamedInputs = map[string]string{
	"FulfillmentAddressInput.firstname": "firstName", // without an underscore in this place of the API
	"FulfillmentAddressInput.lastname":  "lastName",
}

// Input fields that are required although the description does not ask for them.
var stricterInputs = exceptions{
	"CreateTreatmentPlanInput.state": "left out, the partner takes the plan for active and sends it",
}

// paging are the arguments that choose a window of a connection.
var paging = []string{"first", "after", "last", "before", "offset"}

// exceptions are coordinates and why they are left out.
type exceptions map[string]string

// ledger notes which exceptions were needed.
type ledger struct {
	mu   sync.Mutex
	used map[string]bool
}

func (l *ledger) allows(e exceptions, coordinate string) bool {
	_, ok := e[coordinate]
	if ok {
		l.note(coordinate)
	}
	return ok
}

func (l *ledger) note(coordinate string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.used == nil {
		l.used = map[string]bool{}
	}
	l.used[coordinate] = true
}

// unused fails the test for each entry that nothing needed.
func unused[V any](t *testing.T, l *ledger, list string, entries map[string]V) {
	t.Helper()
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		if !l.used[k] {
			t.Errorf("%s: the exception %s is not needed", list, k)
		}
	}
}
