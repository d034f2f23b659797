package tests

import (
	"slices"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestGlobalIDs: what is called a global id is one, so node and nodes take it.
func TestGlobalIDs(t *testing.T) {
	t.Parallel()
	schema := loadSDL(t)
	for _, def := range objects(schema) {
		f := def.Fields.ForName("id")
		if f == nil {
			continue
		}
		global := strings.HasPrefix(f.Description, "The global id")
		isNode := slices.Contains(def.Interfaces, "Node")
		if global != isNode && def.Name != "SessionGrantUser" { // that of another record
			t.Errorf("%s: called global: %t, a Node: %t", def.Name, global, isNode)
		}
	}
	t.Run("EachNode", func(t *testing.T) {
		t.Parallel()
		h := start(t)
		for _, member := range schema.GetPossibleTypes(schema.Types["Node"]) {
			if member.Name == "Event" {
				continue // its ids are made at the start
			}
			id := member.Name + ":" + knownIDs[member.Name][0]
			equal(t, member.Name, h.query(`query($id: ID!) { node(id: $id) { __typename id } }`, "id", id), `{"node":{"__typename":"`+member.Name+`","id":"`+id+`"}}`)
		}
	})
	t.Run("ClinicsAndProfessions", func(t *testing.T) {
		t.Parallel()
		h := start(t)
		h.sandbox.ResetCalls()
		data := h.query(`{
			clinic { fullscriptId }
			node(id: "Clinic:` + sandbox.ClinicID + `") { ... on Clinic { fullscriptId name } }
			another: node(id: "Clinic:` + sandbox.OtherClinicID + `") { id }
			nodes(ids: ["PractitionerType:` + sandbox.PractitionerTypeID + `", "PractitionerType:nothing"]) { id ... on PractitionerType { code } }
		}`)
		equal(t, "data", data, `{"clinic":{"fullscriptId":"`+sandbox.ClinicID+`"},"node":{"fullscriptId":"`+sandbox.ClinicID+`","name":"*"},"another":null,"nodes":[{"id":"*","code":"*"},null]}`)
		if n := h.sandbox.Count(""); n != 2 {
			t.Errorf("%d calls, want the clinic and the list:\n%s", n, routes(h.sandbox))
		}
	})
}

// Rows of lists that are no Nodes, against Relay's rule for edges.
var rowsThatAreNoNodes = exceptions{
	"AddressEdge":         "the partner has no way to fetch an address by its id",
	"ExternalIdMatchEdge": "a match is no record: the record that it leads to is a Node",
	"WebhookDeliveryEdge": "the partner has no way to fetch a delivery by its id",
}

// TestEdges: the node of an edge is a Node where it can be fetched.
func TestEdges(t *testing.T) {
	t.Parallel()
	schema, needed := loadSDL(t), &ledger{}
	for _, def := range objects(schema) {
		if !isEdge(def) {
			continue
		}
		node := schema.Types[def.Fields.ForName("node").Type.Name()]
		if !slices.Contains(node.Interfaces, "Node") && !needed.allows(rowsThatAreNoNodes, def.Name) {
			t.Errorf("%s: %s is no Node", def.Name, node.Name)
		}
	}
	unused(t, needed, "rowsThatAreNoNodes", rowsThatAreNoNodes)
}

// TestMalformedNode: an id that is none is an error at its place in the list.
func TestMalformedNode(t *testing.T) {
	t.Parallel()
	h := start(t)
	patient := "Patient:" + sandbox.PatientWithManyPlans
	for _, bad := range []any{"x", "", ":", "Patient:", "Unknown:1", "Address:1", 7, "SessionGrant:1"} {
		a := h.as(sandbox.TokenPractitioner, `query($ids: [ID!]!) { all: nodes(ids: $ids) { id } }`, "ids", []any{patient, bad, "Brand:nothing", patient})
		equal(t, "data", a.Data, `{"all":[{"id":"`+patient+`"},null,null,{"id":"`+patient+`"}]}`)
		if len(a.Errors) != 1 || dotted(a.Errors[0].Path) != "all.1" || a.Errors[0].Extensions["code"] != "BAD_USER_INPUT" {
			t.Errorf("%v: %+v", bad, a.Errors)
		}
	}
}
