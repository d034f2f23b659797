package tests

import (
	"net/http"
	"strings"
	"testing"

	"fsgateway/internal/sandbox"
)

// oddAnswer is an answer of the partner's in another form than the described one.
type oddAnswer struct {
	name, operation, body, query, data string
	errors                             []failed
}

// checkAnswers asks each query of a gateway whose partner gives the odd answer, and
// expects one call.
func checkAnswers(t *testing.T, answers []oddAnswer) {
	t.Helper()
	for _, a := range answers {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: a.operation, Status: 200, Body: a.body})
				r := v.query(a.query)
				r.fails(v, a.errors...)
				r.status(v, http.StatusOK)
				equal(v, "data", r.Data, a.data)
				if n := v.sandbox.Count(""); n != 1 {
					v.Errorf("%d calls", n)
				}
			})
		})
	}
}

func unreadable(paths ...string) (out []failed) {
	for _, p := range paths {
		out = append(out, failed{p, "UPSTREAM_ERROR"})
	}
	return out
}

// A record is named by its key or by that of its id, with an object, a text or
// a number, alone or in a list.
func TestReferences(t *testing.T) {
	t.Parallel()
	const (
		orders  = `{ orders { nodes { patient { fullscriptId } treatmentPlans { fullscriptId } } } }`
		order   = `{"orders":{"nodes":[{"patient":{"fullscriptId":"77"},"treatmentPlans":[{"fullscriptId":"5"}]}]}}`
		product = `{ product(id: "p1") { brand { fullscriptId } primaryVariant { fullscriptId } variants { fullscriptId } } }`
		parts   = `{"product":{"brand":{"fullscriptId":"8"},"primaryVariant":{"fullscriptId":"v1"},"variants":[{"fullscriptId":"v1"},{"fullscriptId":"9"}]}}`
	)
	checkAnswers(t, []oddAnswer{
		{"Integers", "listOrders", `{"orders":[{"id":"o1","patient_id":77,"treatment_plan_ids":[5]}]}`, orders, order, nil},
		{"Records", "listOrders", `{"orders":[{"id":"o1","patient":{"id":77},"treatment_plans":[{"id":"5"}]}]}`, orders, order, nil},
		{"RecordsUnderTheKeysOfIDs", "listOrders", `{"orders":[{"id":"o1","patient_id":{"id":77},"treatment_plan_ids":{"id":5}}]}`, orders, order, nil},
		{"IDsUnderTheKeysOfRecords", "listOrders", `{"orders":[{"id":"o1","patient":77,"treatment_plans":[5]}]}`, orders, order, nil},
		{"BothKeys", "listOrders", `{"orders":[{"id":"o1","patient":{"id":"77","first_name":"A"},"patient_id":77,"treatment_plan_ids":[],"treatment_plans":[{"id":5}]}]}`, orders, order, nil},
		{"ProductByIDs", "getProduct", `{"product":{"id":"p1","brand_id":8,"primary_variant_id":"v1","variant_ids":["v1",9]}}`, product, parts, nil},
		{"ProductByRecords", "getProduct", `{"product":{"id":"p1","brand":{"id":8},"primary_variant":{"id":"v1"},"variants":[{"id":"v1"},{"id":9}]}}`, product, parts, nil},
		{
			"NamesAndOthers", "getProduct", `{"product":{"id":"p1","brand":"BioBrand","primary_variant_id":{"sku":"S"},"variants":[{"id":"v1"},true]}}`,
			product, `{"product":{"brand":null,"primaryVariant":null,"variants":[{"fullscriptId":"v1"}]}}`,
			unreadable("product.brand", "product.primaryVariant", "product.variants"),
		},
		{
			"None", "getProduct", `{"product":{"id":"p1","brand":{},"brand_id":"","primary_variant_id":null,"variants":[]}}`,
			product, `{"product":{"brand":null,"primaryVariant":null,"variants":[]}}`, nil,
		},
	})
}

// A picture's sizes fail one by one.
func TestPictures(t *testing.T) {
	t.Parallel()
	const query = `{ variant(id: "v1") { small: imageUrl(size: SMALL) imageUrl large: imageUrl(size: LARGE) } }`
	checkAnswers(t, []oddAnswer{
		{
			"OneUnreadable", "getVariant", `{"variant":{"id":"v1","image_url_small":{"src":"a"},"image_url_medium":"https://a.example/m.jpg"}}`,
			query, `{"variant":{"small":null,"imageUrl":"https://a.example/m.jpg","large":null}}`, unreadable("variant.small"),
		},
		{
			"Placeholders", "getVariant", `{"variant":{"id":"v1","image_url_small":"/none.png","image_url_large":"https://a.example/l.jpg"}}`,
			query, `{"variant":{"small":null,"imageUrl":null,"large":"https://a.example/l.jpg"}}`, nil,
		},
		{"None", "getVariant", `{"variant":{"id":"v1"}}`, query, `{"variant":{"small":null,"imageUrl":null,"large":null}}`, nil},
	})
}

// Only the id of a record cannot be missing.
func TestMissingValues(t *testing.T) {
	t.Parallel()
	checkAnswers(t, []oddAnswer{
		{
			"StateAndText", "getTreatmentPlan", `{"treatment_plan":{"id":"t","state":null,"personal_message":"hello"}}`,
			`{ treatmentPlan(id: "t") { state stateRaw personalMessage } }`, `{"treatmentPlan":{"state":"UNKNOWN","stateRaw":null,"personalMessage":"hello"}}`, nil,
		},
		{
			"UnreadableState", "getTreatmentPlan", `{"treatment_plan":{"id":"t","state":{"is":"active"},"personal_message":"hello"}}`,
			`{ treatmentPlan(id: "t") { state personalMessage } }`, `{"treatmentPlan":{"state":"UNKNOWN","personalMessage":"hello"}}`, unreadable("treatmentPlan.state"),
		},
		{"Name", "getClinic", `{"clinic":{"id":"c1","discount":"5.0"}}`, `{ clinic { fullscriptId name discount } }`, `{"clinic":{"fullscriptId":"c1","name":null,"discount":"5.0"}}`, nil},
		{
			"Rows", "listOrders", `{"orders":[{"id":"o1"},{"id":"o2","order_number":{}}]}`,
			`{ orders { edges { node { fullscriptId orderNumber } } } }`,
			`{"orders":{"edges":[{"node":{"fullscriptId":"o1","orderNumber":null}},{"node":{"fullscriptId":"o2","orderNumber":null}}]}}`,
			unreadable("orders.edges.1.node.orderNumber"),
		},
		{
			"IDOfAPart", "getTreatmentPlan", `{"treatment_plan":{"id":"t","lab_recommendations":[{"name":"Blood","tests":[{"name":"Iron"}]}]}}`,
			`{ treatmentPlan(id: "t") { labRecommendations { id name tests { id name } } } }`,
			`{"treatmentPlan":{"labRecommendations":[{"id":null,"name":"Blood","tests":[{"id":null,"name":"Iron"}]}]}}`, nil,
		},
		{
			"Secret", "createSessionGrant", `{"secret_token":"s","expires_at":"2026-03-04T10:00:00Z"}`,
			`mutation { createSessionGrant(input: {}) { sessionGrant { id secretToken expiresAt } } }`,
			`{"createSessionGrant":{"sessionGrant":{"id":null,"secretToken":"s","expiresAt":"2026-03-04T10:00:00Z"}}}`, nil,
		},
		{
			"Link", "getNewTreatmentPlanLink", `{"redirect_url":null,"patient":{"id":"p","first_name":"Ada"}}`,
			`{ newTreatmentPlanLink { redirectUrl patient { firstName } } }`,
			`{"newTreatmentPlanLink":{"redirectUrl":null,"patient":{"firstName":"Ada"}}}`, nil,
		},
	})
}

// A write whose answer does not show the record was carried out all the same;
// what is asked of the record is fetched.
func TestSilentWrites(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"Nothing": ` `, "Empty": `{}`, "Null": `{"treatment_plan":null}`, "OnlyTheID": `{"treatment_plan":{"id":"` + sandbox.ActivePlan + `"}}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: "cancelTreatmentPlan", Status: 200, Body: body, AfterHandling: true})
				r := v.query(`mutation { cancelTreatmentPlan(input: {id: "` + sandbox.ActivePlan + `"}) { treatmentPlan { fullscriptId } } }`)
				r.fails(v)
				equal(v, "data", r.Data, `{"cancelTreatmentPlan":{"treatmentPlan":{"fullscriptId":"`+sandbox.ActivePlan+`"}}}`)
				if n := v.sandbox.Count(""); n != 1 {
					v.Errorf("%d calls", n)
				}
			})
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: "cancelTreatmentPlan", Status: 200, Body: body, AfterHandling: true})
				r := v.query(`mutation { cancelTreatmentPlan(input: {id: "` + sandbox.ActivePlan + `"}) { treatmentPlan { state } } }`)
				r.fails(v)
				equal(v, "data", r.Data, `{"cancelTreatmentPlan":{"treatmentPlan":{"state":"CANCELLED"}}}`)
				if n := v.sandbox.Count(""); n != 2 {
					v.Errorf("%d calls", n)
				}
			})
		})
	}
}

// What is asked for is taken from its envelope, from one named data, or bare.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	const (
		patient = `{ patient(id: "p1") { fullscriptId firstName } }`
		ada     = `{"patient":{"fullscriptId":"p1","firstName":"Ada"}}`
		rows    = `{ patients { nodes { fullscriptId } } }`
		one     = `{"patients":{"nodes":[{"fullscriptId":"p1"}]}}`
		write   = `mutation { createPatient(input: {email: "a@example.org", firstName: "Ada", lastName: "B"}) { patient { fullscriptId } } }`
	)
	checkAnswers(t, []oddAnswer{
		{"Bare", "getPatient", `{"id":"p1","first_name":"Ada"}`, patient, ada, nil},
		{"Data", "getPatient", `{"data":{"id":"p1","first_name":"Ada"}}`, patient, ada, nil},
		{"NameInData", "getPatient", `{"data":{"patient":{"id":"p1","first_name":"Ada"}},"status":"ok"}`, patient, ada, nil},
		{"Plural", "getPatient", `{"patients":{"id":"p1","first_name":"Ada"}}`, patient, ada, nil},
		{"ListOfOne", "getPatient", `{"patient":[{"id":"p1","first_name":"Ada"}]}`, patient, ada, nil},
		{"RowsInData", "listPatients", `{"data":[{"id":"p1"}],"meta":{"total_count":1}}`, rows, one, nil},
		{"NameOfRowsInData", "listPatients", `{"data":{"patients":[{"id":"p1"}],"meta":{"total_count":1}}}`, rows, one, nil},
		{"BareRows", "listPatients", `[{"id":"p1"}]`, rows, one, nil},
		{"OneRow", "listPatients", `{"patients":{"id":"p1"}}`, rows, one, nil},
		{"Text", "getPatient", `{"patient":"p1"}`, patient, `{"patient":null}`, unreadable("patient")},
		{"Number", "getPatient", `{"patient":1}`, patient, `{"patient":null}`, unreadable("patient")},
		{"Several", "getPatient", `{"patient":[{"id":"p1"},{"id":"p2"}]}`, patient, `{"patient":null}`, unreadable("patient")},
		{"Nothing", "getPatient", `{}`, patient, `{"patient":null}`, unreadable("patient")},
		{"SomethingElse", "getPatient", `{"status":"ok","count":3}`, patient, `{"patient":null}`, unreadable("patient")},
		{"TextForRows", "listPatients", `{"patients":"none"}`, rows, `{"patients":null}`, unreadable("patients")},
		{"NoRows", "listPatients", `{"rows":[{"id":"p1"}]}`, rows, `{"patients":null}`, unreadable("patients")},
		{"WriteBare", "createPatient", `{"id":"p1","first_name":"Ada"}`, write, `{"createPatient":{"patient":{"fullscriptId":"p1"}}}`, nil},
		{"WriteInData", "createPatient", `{"data":{"id":"p1","first_name":"Ada"}}`, write, `{"createPatient":{"patient":{"fullscriptId":"p1"}}}`, nil},
	})
}

// One where many are expected is a list of it, and a list of one where one is
// expected is that one.
func TestOneOrMany(t *testing.T) {
	t.Parallel()
	const plan = `{ treatmentPlan(id: "t") { personalMessage recommendations { unitsToPurchase dosage { amount } } } }`
	checkAnswers(t, []oddAnswer{
		{
			"OneForMany", "getTreatmentPlan", `{"treatment_plan":{"id":"t","personal_message":"m","recommendations":{"units_to_purchase":2,"dosage":{"amount":"1"}}}}`,
			plan, `{"treatmentPlan":{"personalMessage":"m","recommendations":[{"unitsToPurchase":2,"dosage":{"amount":"1"}}]}}`, nil,
		},
		{
			"ListOfOne", "getTreatmentPlan", `{"treatment_plan":[{"id":"t","personal_message":["m"],"recommendations":[{"units_to_purchase":[2],"dosage":[{"amount":["1"]}]}]}]}`,
			plan, `{"treatmentPlan":{"personalMessage":"m","recommendations":[{"unitsToPurchase":2,"dosage":{"amount":"1"}}]}}`, nil,
		},
		{
			"EmptyLists", "getTreatmentPlan", `{"treatment_plan":{"id":"t","personal_message":[],"recommendations":[{"units_to_purchase":[],"dosage":[]}]}}`,
			plan, `{"treatmentPlan":{"personalMessage":null,"recommendations":[{"unitsToPurchase":null,"dosage":null}]}}`, nil,
		},
		{
			"LongerLists", "getTreatmentPlan", `{"treatment_plan":{"id":"t","personal_message":["m","n"],"recommendations":[{"units_to_purchase":[1,2],"dosage":[{"amount":"1"},{"amount":"2"}]}]}}`,
			plan, `{"treatmentPlan":{"personalMessage":null,"recommendations":[{"unitsToPurchase":null,"dosage":null}]}}`,
			unreadable("treatmentPlan.personalMessage", "treatmentPlan.recommendations.0.unitsToPurchase", "treatmentPlan.recommendations.0.dosage"),
		},
	})
}

// Times and numbers are read in every form that can mean one thing only.
func TestTimesAndDecimals(t *testing.T) {
	t.Parallel()
	for name, v := range map[string][2]string{
		"Offset": {`"2026-03-04T05:20:28+0000"`, `"2026-03-04T05:20:28Z"`}, "Space": {`"2026-03-04 05:20:28 +00:00"`, `"2026-03-04T05:20:28Z"`},
		"Fraction": {`"2026-03-04T05:20:28.5-05:00"`, `"2026-03-04T05:20:28.5-05:00"`}, "UTC": {`"2026-03-04 05:20:28 UTC"`, `"2026-03-04T05:20:28Z"`},
		"OneDigit": {`"2026-03-04T5:20:28Z"`, `"2026-03-04T05:20:28Z"`}, "HTTP": {`"Wed, 04 Mar 2026 05:20:28 GMT"`, `"2026-03-04T05:20:28Z"`},
		"Epoch": {`1772601628`, `"2026-03-04T05:20:28Z"`}, "Milliseconds": {`1772601628000`, `"2026-03-04T05:20:28Z"`},
		"NoZone": {`"2026-03-04T05:20:28"`, ""}, "Day": {`"2026-03-04"`, ""}, "Words": {`"yesterday"`, ""}, "NoDate": {`"2026-13-04T05:20:28Z"`, ""}, "Boolean": {`true`, ""},
	} {
		checkAnswers(t, []oddAnswer{readable("Time"+name, v, "order", "completedAt", "completed_at")})
	}
	for name, v := range map[string][2]string{
		"Exponent": {`"0.55e1"`, `"5.5"`}, "Number": {`5.50`, `"5.50"`}, "Dollar": {`"$59.97"`, `"59.97"`}, "Thousands": {`"1,059.97"`, `"1059.97"`},
		"Code": {`"59.97 USD"`, `"59.97"`}, "Amount": {`{"amount":"59.97","currency":"USD"}`, `"59.97"`}, "Large": {`99999999999999999999.99`, `"99999999999999999999.99"`},
		"DecimalComma": {`"59,97"`, ""}, "Ambiguous": {`"1,059"`, ""}, "Words": {`"ten"`, ""}, "Percent": {`"5 %"`, ""}, "Boolean": {`true`, ""}, "Cents": {`{"cents":5997}`, ""},
	} {
		checkAnswers(t, []oddAnswer{readable("Decimal"+name, v, "patient", "discount", "discount")})
	}
	for name, v := range map[string][2]string{
		"Moment": {`"2026-03-04T05:20:28Z"`, `"2026-03-04"`}, "Slashes": {`"2026/03/04"`, `"2026-03-04"`}, "OneDigit": {`"2026-3-4"`, `"2026-03-04"`},
		"AnyOrder": {`"04/03/2026"`, ""}, "NoDay": {`"2026-02-30"`, ""}, "Number": {`20260304`, ""},
	} {
		checkAnswers(t, []oddAnswer{readable("Date"+name, v, "patient", "dateOfBirth", "date_of_birth")})
	}
	checkAnswers(t, []oddAnswer{
		{"Integers", "getClinic", `{"clinic":{"id":"c1","patient_count":"1,234"}}`, `{ clinic { patientCount } }`, `{"clinic":{"patientCount":1234}}`, nil},
		{"IntegersBeyondInt", "getClinic", `{"clinic":{"id":"c1","patient_count":12345678901}}`, `{ clinic { patientCount } }`, `{"clinic":{"patientCount":null}}`, unreadable("clinic.patientCount")},
		{"IntegersWithFraction", "getClinic", `{"clinic":{"id":"c1","patient_count":1.5}}`, `{ clinic { patientCount } }`, `{"clinic":{"patientCount":null}}`, unreadable("clinic.patientCount")},
	})
}

// readable is a value of a record and what it is read as, "" for an error.
func readable(name string, v [2]string, record, field, key string) oddAnswer {
	a := oddAnswer{
		name, "get" + strings.ToUpper(record[:1]) + record[1:], `{"` + record + `":{"id":"p","` + key + `":` + v[0] + `}}`,
		"{ " + record + `(id: "p") { ` + field + " } }", `{"` + record + `":{"` + field + `":` + v[1] + `}}`, nil,
	}
	if v[1] == "" {
		a.data, a.errors = `{"`+record+`":{"`+field+`":null}}`, unreadable(record+"."+field)
	}
	return a
}

// Bytes are read in the charset that is declared, and never become others.
func TestCharsets(t *testing.T) {
	t.Parallel()
	const query = `{ patient(id: "p") { firstName lastName } }`
	for name, c := range map[string]struct {
		contentType, body, first string
		errors                   []failed
	}{
		"UTF8":           {"application/json", `{"patient":{"id":"p","first_name":"José","last_name":"B"}}`, `"José"`, nil},
		"BOM":            {"application/json", "\ufeff" + `{"patient":{"id":"p","first_name":"José","last_name":"B"}}`, `"José"`, nil},
		"Latin1":         {"application/json; charset=iso-8859-1", "{\"patient\":{\"id\":\"p\",\"first_name\":\"Jos\xe9\",\"last_name\":\"B\"}}", `"José"`, nil},
		"ShiftJIS":       {"application/json; charset=Shift_JIS", "{\"patient\":{\"id\":\"p\",\"first_name\":\"\x83A\",\"last_name\":\"B\"}}", `"ア"`, nil},
		"Undeclared":     {"application/json", "{\"patient\":{\"id\":\"p\",\"first_name\":\"Jos\xe9\",\"last_name\":\"B\"}}", `null`, unreadable("patient.firstName")},
		"LoneSurrogate":  {"application/json", `{"patient":{"id":"p","first_name":"A\ud83d","last_name":"B"}}`, `null`, unreadable("patient.firstName")},
		"UnknownCharset": {"application/json; charset=klingon", `{"patient":{"id":"p","first_name":"José","last_name":"B"}}`, "", unreadable("patient")},
		"OtherBytes":     {"application/json; charset=Shift_JIS", "{\"patient\":{\"id\":\"p\",\"first_name\":\"\xa0\xff\",\"last_name\":\"B\"}}", "", unreadable("patient")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Status: 200, Header: http.Header{"Content-Type": {c.contentType}}, Body: c.body})
				r := v.query(query)
				r.fails(v, c.errors...)
				want := `{"patient":{"firstName":` + c.first + `,"lastName":"B"}}`
				if c.first == "" {
					want = `{"patient":null}`
				}
				equal(v, "data", r.Data, want)
			})
		})
	}
}
