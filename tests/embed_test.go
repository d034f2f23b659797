package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"fsgateway/internal/sandbox"
)

const (
	grantSession = `mutation Grant { createSessionGrant(input: {}) { sessionGrant { secretToken claimedAt expiresAt user { fullscriptId type } } userErrors { message } } }`
	planTool     = "/api/embeddable/session/treatment_plans/new"
)

// framed is the address that the partner's browser SDK loads into a frame.
func (h *harness) framed(path string, secret any) string {
	h.t.Helper()
	token, ok := secret.(string)
	if !ok || token == "" {
		h.t.Fatalf("no secret: %v", secret)
	}
	q := url.Values{"secret_token": {token}, "public_key": {"k"}, "frame_id": {"f"}, "target_origin": {"https://app.example"}}
	return h.url + path + "?" + q.Encode()
}

// TestEmbed has practitioners and staff, with a token of their own and signed in,
// open the partner's tool, prescribe in it and hear of it.
func TestEmbed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, token, user, kind string
		path, title             string
	}{
		{"PractitionerByToken", sandbox.TokenPractitioner, sandbox.PractitionerID, "PRACTITIONER", planTool, "Treatment plan tool"},
		{"StaffByToken", sandbox.TokenStaff, sandbox.StaffID, "STAFF", "/api/embeddable/session/embed/entry", "Platform: catalog"},
		{"PractitionerBySession", "", sandbox.ColleagueID, "PRACTITIONER", planTool, "Treatment plan tool"},
		{"StaffBySession", "", sandbox.StaffID, "STAFF", planTool, "Treatment plan tool"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			ask := func(query string) map[string]any { return h.as(c.token, query).Data }
			watch := func(query string) *streamed { return h.subscribe(c.token, query) }
			if c.token == "" {
				b := h.signIn(c.user)
				ask = func(query string) map[string]any { return b.query(query) }
				watch = func(query string) *streamed { return b.stream("sse", query) }
			}
			plans, patients := watch(watchPlans), watch(watchPatients)
			other := h.subscribe(sandbox.TokenOtherClinic, watchAll)

			v := at(t, ask(grantSession), "createSessionGrant.sessionGrant")
			if at(t, v, "claimedAt") != nil || at(t, v, "user.fullscriptId") != c.user || at(t, v, "user.type") != c.kind {
				t.Errorf("%v", v)
			}
			address := h.framed(c.path, at(t, v, "secretToken"))
			b := h.browser() // the frame is another site's: no cookie goes there
			p := b.visit(address).want(http.StatusOK)
			if !strings.Contains(p.text, "<h1>"+c.title) || !strings.Contains(p.text, c.user) {
				t.Errorf("%s", p.text)
			}
			if policy := p.header.Get("Content-Security-Policy"); strings.Contains(policy, "frame-ancestors") || p.header.Get("X-Frame-Options") != "" {
				t.Errorf("it cannot be framed: %v", p.header)
			}
			if again := b.visit(address).want(http.StatusUnauthorized); strings.Contains(again.text, at(t, v, "secretToken").(string)) {
				t.Error("the refusal repeats the secret")
			}

			choose := []string{"first_name", "Ada", "last_name", "Embed", "email", "ada.embed@example.org"}
			_, form := p.form("Create the draft")
			practitioner := c.user
			if c.kind == "STAFF" { // who prescribe for somebody
				practitioner = sandbox.ColleagueID
				choose = append(choose, "practitioner_id", practitioner)
			}
			if form.Has("practitioner_id") != (c.kind == "STAFF") {
				t.Errorf("the form is %v", form)
			}
			p = p.press("Create the draft", choose...).want(http.StatusOK)
			patient := at(t, told(t, patients, p, "PATIENT_CREATED"), "patient.fullscriptId")
			p = p.press("Activate").want(http.StatusOK)
			update := at(t, told(t, plans, p, "TREATMENT_PLAN_CREATED"), "treatmentPlan")
			v = at(t, h.query(readPlan, "id", p.plan()), "treatmentPlan")
			if at(t, v, "source") != "embed" || at(t, update, "fullscriptId") != p.plan() {
				t.Errorf("told %v of %v", update, v)
			}
			for _, of := range []any{update, v} {
				if at(t, of, "state") != "ACTIVE" || at(t, of, "patient.fullscriptId") != patient || at(t, of, "practitioner.fullscriptId") != practitioner {
					t.Errorf("%v", of)
				}
			}
			nothingElse(t, h, patients, sandbox.Emission{Type: "patient.updated"})
			nothingElse(t, h, plans, sandbox.Emission{Type: "treatment_plan.updated"})
			nothingElse(t, h, other, sandbox.Emission{Type: "treatment_plan.created", Clinic: "other"})
		})
	}
}

// TestEmbedGrantEnds after its 120 seconds, used or not.
func TestEmbedGrantEnds(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		h := &harness{t: v, sandbox: v.sandbox, url: "http://" + config().Addr, client: &http.Client{Transport: handled{v.handler}}}
		b := h.signIn(sandbox.PractitionerID)
		for _, c := range []struct {
			waits  time.Duration
			status int
		}{{0, 200}, {119 * time.Second, 200}, {120*time.Second - 1, 200}, {120 * time.Second, 401}, {time.Hour, 401}} {
			given := at(v, b.query(grantSession), "createSessionGrant.sessionGrant")
			ends, err := time.Parse(time.RFC3339, at(v, given, "expiresAt").(string))
			if err != nil || time.Until(ends).Round(time.Second) != 120*time.Second {
				v.Errorf("it ends in %v: %v", time.Until(ends), err)
			}
			time.Sleep(c.waits)
			b.visit(h.framed(planTool, at(v, given, "secretToken"))).want(c.status)
		}
	})
}

// TestEmbedGrantIsKeptSecret: it is in one answer, which nobody may keep, and in
// nothing else.
func TestEmbedGrantIsKeptSecret(t *testing.T) {
	t.Parallel()
	w := watch(t, config())
	b := w.signIn(sandbox.PractitionerID)
	secrets := map[string]bool{}
	note := func(payload any) (secret string) {
		t.Helper()
		secret, _ = at(t, payload, "sessionGrant.secretToken").(string)
		if secret == "" || secrets[secret] {
			t.Fatalf("%q, after %v", secret, secrets)
		}
		secrets[secret] = true
		return secret
	}
	long := "" // as an answer that is worth compressing is
	for i := range 25 {
		long += fmt.Sprintf(" again%d: secretToken", i)
	}
	body, err := json.Marshal(map[string]any{"query": strings.Replace(grantSession, "claimedAt", long, 1), "operationName": "Grant"})
	if err != nil {
		t.Fatal(err)
	}
	// The same request, twice by each way in, and as a client that could take it
	// compressed.
	for _, header := range []http.Header{{}, {}, {"Authorization": {"Bearer " + sandbox.TokenPractitioner}}, {"Authorization": {"Bearer " + sandbox.TokenPractitioner}}} {
		header.Set("Content-Type", "application/json")
		header.Set("Accept-Encoding", "zstd, gzip, br")
		res := b.exchange(http.MethodPost, w.url+"/graphql", string(body), header)
		raw, err := io.ReadAll(res.Body)
		res.Body.Close()
		var a answer
		if err != nil || json.Unmarshal(raw, &a) != nil {
			t.Fatalf("%v in %q", err, raw)
		}
		if got := res.Header.Get("Cache-Control"); got != "private, no-store" || res.Header.Get("Content-Encoding") != "" || res.Header.Get("ETag") != "" || len(raw) < 1400 {
			t.Errorf("%v %s", res.Header, raw)
		}
		note(at(t, a.Data, "createSessionGrant"))
	}
	// As an event of a stream, too.
	res := b.exchange(http.MethodPost, w.url+"/graphql", string(body), http.Header{"Content-Type": {"application/json"}, "Accept": {"text/event-stream"}, "Accept-Encoding": {"zstd, gzip"}})
	raw, _ := io.ReadAll(res.Body)
	_, text, _ := strings.Cut(string(raw), "event: next\ndata: ")
	text, _, _ = strings.Cut(text, "\n")
	var a answer
	if json.Unmarshal([]byte(text), &a) != nil || res.Header.Get("Cache-Control") != "private, no-store" || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("%v %s", res.Header, raw)
	}
	note(at(t, a.Data, "createSessionGrant"))
	// Twice in one document is two, and what fails beside them does not tell of them.
	w.sandbox.AddFault(sandbox.Fault{Operation: "updatePatient", Status: http.StatusInternalServerError})
	failed := b.ask(`mutation { one: createSessionGrant(input: {}) { sessionGrant { secretToken } } two: createSessionGrant(input: {}) { sessionGrant { secretToken } }
		updatePatient(input: {id: "` + sandbox.PatientWithNulls + `", firstName: "Ada"}) { patient { id } } }`)
	secret := note(at(t, failed.Data, "one"))
	note(at(t, failed.Data, "two"))
	// The partner's answer breaks off behind the secret.
	w.sandbox.AddFault(sandbox.Fault{Operation: "createSessionGrant", Truncate: true, Times: 1})
	broken := b.ask(grantSession)
	if len(failed.Errors) != 1 || len(broken.Errors) != 1 || at(t, broken.Data, "createSessionGrant") != nil {
		t.Errorf("%v and %v", failed.Errors, broken.Errors)
	}
	// The secret is in the address of a page that the gateway serves.
	b.visit(w.framed(planTool, secret)).want(http.StatusOK)
	b.visit(w.framed(planTool, secret)).want(http.StatusUnauthorized)

	n := w.sandbox.Count("createSessionGrant")
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"Get":         {http.Header{"Authorization": {"Bearer " + sandbox.TokenPractitioner}}, 405},
		"BySession":   {http.Header{"Graphql-Require-Preflight": {"1"}}, 405},
		"AsAPage":     {nil, 400},
		"AsAnElement": {http.Header{"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"no-cors"}}, 400},
	} {
		res := b.exchange(http.MethodGet, w.url+"/graphql?"+url.Values{"query": {grantSession}}.Encode(), "", c.header)
		if raw, _ := io.ReadAll(res.Body); res.StatusCode != c.status || strings.Contains(string(raw), "secretToken\":") {
			t.Errorf("%s: %d %s", name, res.StatusCode, raw)
		}
	}
	refused := w.as(sandbox.TokenReadonly, grantSession)
	calls := w.sandbox.Calls()
	if calls[len(calls)-1].Status != http.StatusForbidden || len(refused.Errors) != 1 || refused.Errors[0].Extensions["code"] != "FORBIDDEN" || at(t, refused.Errors[0].Extensions, "requiredScopes.0.0") != "clinic:write" ||
		at(t, refused.Data, "createSessionGrant") != nil || w.sandbox.Count("createSessionGrant") != n+1 {
		t.Errorf("%d %v %v, %d calls", refused.Status, refused.Data, refused.Errors, w.sandbox.Count("createSessionGrant")-n)
	}
	if nobody := w.as("", grantSession); nobody.Status != http.StatusUnauthorized || w.sandbox.Count("createSessionGrant") != n+1 {
		t.Errorf("%d %v", nobody.Status, nobody.Errors)
	}

	_, metrics := w.metrics() // when all is over, so the log is whole
	log := w.log.String()
	if !strings.Contains(log, `"operation":"Grant"`) || !strings.Contains(log, `"route":"/api/embeddable/"`) || !strings.Contains(metrics, "fsgateway") {
		t.Fatalf("the log lacks what happened:\n%s\n%s", log, metrics)
	}
	errors, err := json.Marshal([]any{failed.Errors, broken.Errors, refused.Errors})
	if err != nil {
		t.Fatal(err)
	}
	if len(secrets) != 7 {
		t.Errorf("%d secrets", len(secrets))
	}
	shape := regexp.MustCompile(`5e[0-9a-f]{6}-[0-9a-f]{4}-4`) // also of the one whose answer broke off
	for secret := range secrets {
		if !shape.MatchString(secret) {
			t.Errorf("%s has another shape", secret)
		}
	}
	for where, text := range map[string]string{"log": log, "metrics": metrics, "errors": string(errors)} {
		if shape.MatchString(text) || strings.Contains(text, "secret") {
			t.Errorf("a secret is in the %s: %s", where, text)
		}
	}
}

// TestCheckout at the clinic: the staff's device shows the page, which lets its
// patient order and do nothing else.
func TestCheckout(t *testing.T) {
	t.Parallel()
	const checkOut = `mutation { createInOfficeCheckout(input: {treatmentPlanId: "` + sandbox.ActivePlan + `"}) { inOfficeCheckout { url } userErrors { code message } } }`
	h := start(t)
	orders := h.subscribe(sandbox.TokenPractitioner, watchOrders)
	session, foreign := h.signIn(sandbox.StaffID), h.signIn(sandbox.OtherClinicStaffID)
	links := map[any]bool{}
	for name, ask := range map[string]func() *answer{
		"ByToken": func() *answer { return h.as(sandbox.TokenPractitioner, checkOut) }, "BySession": func() *answer { return session.ask(checkOut) },
	} {
		a := ask()
		link := at(t, a.Data, "createInOfficeCheckout.inOfficeCheckout.url")
		if links[link] || a.Header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: %v again, or %v", name, link, a.Header)
		}
		links[link] = true
		p := h.browser().visit(link).want(http.StatusOK)
		if !strings.HasPrefix(p.where.String(), h.url+"/_sandbox/web/in_office_checkout/") || p.has("Cancel the plan") || p.has("Add the product") {
			t.Errorf("%s: %s shows %s", name, p.where, p.text)
		}
		h.browser().load(http.MethodPost, p.where.String(), url.Values{"do": {"cancel"}}).want(http.StatusUnprocessableEntity)
		p = p.press("Place the order").want(http.StatusOK)
		order := at(t, told(t, orders, p, "ORDER_PLACED"), "order")
		v := h.query(`query($number: String) { orders(orderNumber: $number) { nodes { fullscriptId patient { fullscriptId } } } }`, "number", at(t, order, "orderNumber"))
		if at(t, v, "orders.nodes.0.fullscriptId") != at(t, order, "fullscriptId") || at(t, v, "orders.nodes.0.patient.fullscriptId") != sandbox.PatientWithManyPlans {
			t.Errorf("%s: told %v, and there is %v", name, order, v)
		}
	}
	for name, a := range map[string]*answer{"ByToken": h.as(sandbox.TokenOtherClinic, checkOut), "BySession": foreign.ask(checkOut)} {
		if len(a.Errors) > 0 || at(t, a.Data, "createInOfficeCheckout.inOfficeCheckout") != nil || at(t, a.Data, "createInOfficeCheckout.userErrors.0.code") != "NOT_FOUND" {
			t.Errorf("of another clinic %s: %v %v", name, a.Data, a.Errors)
		}
	}
	a := h.as(sandbox.TokenReadonly, checkOut)
	if len(a.Errors) != 1 || at(t, a.Errors[0].Extensions, "requiredScopes.0.0") != "clinic:write" {
		t.Errorf("%v %v", a.Data, a.Errors)
	}
	nothingElse(t, h, orders, sandbox.Emission{Type: "order.placed"})
}

// TestAttachments are files that a signed-in browser opens by their address.
func TestAttachments(t *testing.T) {
	t.Parallel()
	c := config()
	c.CORSOrigins = []string{"https://app.example"}
	h := startWith(t, c, sandbox.Options{})
	session, foreign := h.signIn(sandbox.StaffID), h.signIn(sandbox.OtherClinicPractitionerID)
	const files = `{ treatmentPlan(id: "` + sandbox.PlanWithLabs + `") { resources { fullscriptId downloadUrl } } }`
	var links []string
	for _, v := range []map[string]any{h.query(files), session.query(files)} {
		for _, file := range list(t, v, "treatmentPlan.resources") {
			links = append(links, at(t, file, "downloadUrl").(string))
		}
	}
	if len(links) != 4 || links[0] != links[2] || links[1] != links[3] || !strings.HasPrefix(links[0], h.url+"/resources/") {
		t.Fatalf("%v", links)
	}
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	for _, c := range []struct {
		name   string
		who    *browser
		header http.Header
		status int
		code   string
	}{
		{"ByToken", h.browser(), bearer(sandbox.TokenPractitioner), 200, ""},
		{"BySession", session, nil, 200, ""},
		{"ByALinkOnAPage", session, http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}}, 200, ""},
		{"ByNobody", h.browser(), nil, 401, "UNAUTHENTICATED"},
		{"OtherClinicByToken", h.browser(), bearer(sandbox.TokenOtherClinic), 404, "NOT_FOUND"},
		{"OtherClinicBySession", foreign, nil, 404, "NOT_FOUND"},
		{"TokenBeforeSession", session, bearer(sandbox.TokenOtherClinic), 404, "NOT_FOUND"},
	} {
		for _, link := range links[:2] {
			status, text, _ := c.who.send(http.MethodGet, link, "", c.header)
			if status != c.status || strings.HasPrefix(text, "%PDF") != (status == 200) || !strings.Contains(text, c.code) {
				t.Errorf("%s: %d %.200s", c.name, status, text)
			}
		}
	}
	// A script of a listed page may read one, a script of another may not.
	for origin, want := range map[string]string{"https://app.example": "true", "https://evil.example": ""} {
		res := session.exchange(http.MethodGet, links[0], "", http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"cross-site"}})
		if got := res.Header.Get("Access-Control-Allow-Credentials"); got != want || (res.Header.Get("Access-Control-Allow-Origin") == origin) != (want != "") {
			t.Errorf("%s: %v", origin, res.Header)
		}
	}
}
