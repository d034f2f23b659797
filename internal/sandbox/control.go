package sandbox

import (
	"encoding/json"
	"html"
	"net/http"
	"slices"
	"strings"
	"time"
)

// faultJSON is a Fault as the control routes read and show it.
type faultJSON struct {
	Operation     string      `json:"operation,omitempty"`
	PathContains  string      `json:"path_contains,omitempty"`
	Times         int         `json:"times,omitempty"`
	LatencyMS     float64     `json:"latency_ms,omitempty"`
	Status        int         `json:"status,omitempty"`
	Body          string      `json:"body,omitempty"`
	Header        http.Header `json:"header,omitempty"`
	Reset         bool        `json:"reset,omitempty"`
	Truncate      bool        `json:"truncate,omitempty"`
	Hang          bool        `json:"hang,omitempty"`
	AfterHandling bool        `json:"after_handling,omitempty"`
}

func (f faultJSON) fault() Fault {
	return Fault{
		Operation: f.Operation, PathContains: f.PathContains, Times: f.Times,
		Latency: time.Duration(f.LatencyMS * float64(time.Millisecond)), Status: f.Status, Body: f.Body, Header: f.Header,
		Reset: f.Reset, Truncate: f.Truncate, Hang: f.Hang, AfterHandling: f.AfterHandling,
	}
}

func (f Fault) json() faultJSON {
	return faultJSON{
		f.Operation, f.PathContains, f.Times, float64(f.Latency) / float64(time.Millisecond), f.Status, f.Body, f.Header,
		f.Reset, f.Truncate, f.Hang, f.AfterHandling,
	}
}

// callJSON shows the body as text: as bytes it would be base64.
type callJSON struct {
	Call
	Body string `json:"body,omitempty"`
}

// check refuses what would do nothing or cannot be sent.
func (f Fault) check() string {
	switch {
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return "status must be from 200 to 599"
	case f.Times < 0 || f.Latency < 0:
		return "times and latency_ms must not be negative"
	case f.Latency == 0 && !f.ends():
		return "a fault needs one of latency_ms, status, reset, truncate, hang"
	case f.Operation != "" && !knownOperation(f.Operation):
		return "operation is not an operationId of the API"
	}
	return ""
}

// routeControl adds what only a sandbox has. None of it is counted, limited or subject to faults.
func (s *Server) routeControl(mux *http.ServeMux) {
	handle := func(pattern string, h func(*http.Request) reply) {
		mux.Handle(pattern, s.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			h(r).write(w)
		})))
	}
	handle("GET /_sandbox/{$}", func(*http.Request) reply { return controlIndex() })
	handle("GET /_sandbox/tokens", func(*http.Request) reply { return ok(object{"tokens": Tokens()}) })
	handle("GET /_sandbox/calls", func(*http.Request) reply {
		now, most := s.InFlight()
		return ok(object{"calls": s.shownCalls(), "count": s.Count(""), "in_flight": now, "max_in_flight": most})
	})
	handle("DELETE /_sandbox/calls", func(*http.Request) reply {
		s.ResetCalls()
		return ok(object{})
	})
	handle("GET /_sandbox/faults", func(*http.Request) reply { return s.showFaults(http.StatusOK) })
	handle("POST /_sandbox/faults", s.postFault)
	handle("DELETE /_sandbox/faults", func(*http.Request) reply {
		s.ClearFaults()
		return ok(object{})
	})
	handle("GET /_sandbox/oauth", func(*http.Request) reply { return s.showOAuth() })
	handle("PUT /_sandbox/oauth", s.putOAuth)
	handle("POST /_sandbox/oauth/expire", func(*http.Request) reply {
		s.ExpireTokens()
		return ok(object{})
	})
	handle("POST /_sandbox/oauth/revoke", func(*http.Request) reply {
		s.RevokeTokens()
		return ok(object{})
	})
	handle("GET /_sandbox/webhooks", func(*http.Request) reply { return s.showWebhook() })
	handle("PUT /_sandbox/webhooks", s.putWebhook)
	handle("DELETE /_sandbox/webhooks", s.deleteWebhook)
	handle("POST /_sandbox/webhooks", s.postWebhook)
	handle("POST /_sandbox/reset", func(*http.Request) reply {
		s.Reset()
		return ok(object{})
	})
	// The API accepts these and shows them nowhere, so a test could not tell whether a write arrived once.
	handle("GET /_sandbox/carts/{patient_id}", func(r *http.Request) reply { return s.cart(r.PathValue("patient_id")) })
	handle("GET /_sandbox/fulfillment_orders", func(*http.Request) reply { return s.fulfillmentOrders() })
	handle("GET /_sandbox/files/{name}", func(r *http.Request) reply {
		return pdf("Fullscript sandbox: " + strings.TrimSuffix(r.PathValue("name"), ".pdf"))
	})
	s.routeSite(handle)
	handle("GET "+sitePath+"{path...}", func(r *http.Request) reply {
		return htmlPage("Fullscript sandbox", "<p>The partner's site would open here: <code>"+html.EscapeString(r.PathValue("path"))+"</code></p>")
	})
}

// Reset takes records, logins and rate windows back to the seed, and ends the attempts to send events of before. Calls and faults have their
// own switches.
func (s *Server) Reset() {
	s.ending.Lock()
	defer s.ending.Unlock()
	s.mu.Lock()
	before := s.state
	s.state = s.newState()
	s.mu.Unlock()
	before.background.end()
}

func (s *Server) cart(patientID string) reply {
	s.mu.RLock()
	defer s.mu.RUnlock()
	items := []object{}
	for _, r := range s.state.carts[patientID] {
		items = append(items, object{"variant_id": r.VariantID, "quantity": r.UnitsToPurchase})
	}
	return ok(object{"cart": items})
}

func (s *Server) fulfillmentOrders() reply {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return ok(object{"fulfillment_orders": slices.Clone(s.state.fulfillments)})
}

func (s *Server) postFault(r *http.Request) reply {
	var f faultJSON
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields() // a misspelt fault that does nothing is worse than an error
	if err := dec.Decode(&f); err != nil {
		return failure(http.StatusBadRequest, "Not a fault: "+err.Error())
	}
	if why := f.fault().check(); why != "" {
		return failure(http.StatusBadRequest, "Not a fault: "+why)
	}
	s.AddFault(f.fault())
	return s.showFaults(http.StatusCreated)
}

func (s *Server) showFaults(status int) reply {
	list := []faultJSON{}
	for _, f := range s.currentFaults() {
		list = append(list, f.json())
	}
	return reply{status: status, value: object{"faults": list}}
}

func controlIndex() reply {
	var b strings.Builder
	b.WriteString(`<p>The partner API is below <code>/api</code>. Send a token as <code>Authorization: Bearer …</code>.</p><h2>Tokens</h2><dl>`)
	for _, t := range Tokens() {
		b.WriteString("<dt><code>" + html.EscapeString(t.Name) + "</code></dt><dd>" + html.EscapeString(t.Description) + "</dd>")
	}
	b.WriteString(`</dl><h2>Control</h2><ul>
<li><code>GET, DELETE <a href="calls">/_sandbox/calls</a></code>: the API calls made</li>
<li><code>GET, POST, DELETE <a href="faults">/_sandbox/faults</a></code>: make calls go wrong, e.g. <code>{"operation":"getPatient","status":503,"times":1}</code></li>
<li><code>GET <a href="tokens">/_sandbox/tokens</a></code>: the tokens above as JSON</li>
<li><code>GET, PUT <a href="oauth">/_sandbox/oauth</a></code>: how long new access tokens live and how often refresh tokens may be used, e.g.
<code>{"access_life_seconds":300,"single_use_refresh":true}</code></li>
<li><code>POST /_sandbox/oauth/expire</code>: every access token handed out is expired now; refresh tokens stay good</li>
<li><code>POST /_sandbox/oauth/revoke</code>: every access and refresh token handed out is dead</li>
<li><code>POST /_sandbox/webhooks</code>: make an event happen, e.g. <code>{"type":"patient.updated"}</code></li>
<li><code>GET, PUT, DELETE <a href="webhooks">/_sandbox/webhooks</a></code>: where events are sent to, and how the latest were taken; PUT sets
any of <code>{"url":"…","secret":"…","challenge":"…"}</code></li>
<li><code>POST /_sandbox/reset</code>: back to the seed</li></ul>
<h2>The partner's site</h2><p>The addresses of dynamic links, of plans and of their checkouts lead to pages below <code>/_sandbox/web/</code>, session
grants to those below <code>/api/embeddable/session/</code>. What is done there makes events; what is done through the API makes none.</p>`)
	return htmlPage("Fullscript sandbox", b.String())
}
