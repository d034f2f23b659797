package sandbox

import (
	"bytes"
	htmltemplate "html/template"
	"net/http"
	"net/url"
)

const (
	authorizePath = "/api/oauth/authorize"
	consentPath   = authorizePath + "/consent"
)

// authorize sends the browser on to the consent page, as the description has it: 302 to the sign-in page, or 404. The address is relative to
// this one, so that it holds behind any prefix.
func authorize(req *request) reply {
	if refused := req.s.checkAuthorize(req.params()); refused != nil {
		return *refused
	}
	return reply{status: http.StatusFound}.with("Location", "authorize/consent?"+req.http.URL.RawQuery)
}

// checkAuthorize never redirects to an address that is not registered for the app.
func (s *Server) checkAuthorize(q url.Values) *reply {
	client, known := s.opts.Clients[q.Get("client_id")]
	if !known || !client.allows(q.Get("redirect_uri")) {
		r := htmlPage("Unknown app", "<p>client_id or redirect_uri does not match an app.</p>")
		r.status = http.StatusNotFound
		return &r
	}
	return nil
}

func (s *Server) routeConsent(mux *http.ServeMux) {
	mux.HandleFunc("GET "+consentPath, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", s.calls.requestID())
		s.consentPage(r).write(w)
	})
	for _, path := range []string{authorizePath, consentPath} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", s.calls.requestID())
			s.consent(w, r).write(w)
		})
	}
}

var consentTemplate = htmltemplate.Must(htmltemplate.New("consent").Parse(`<p>{{.Client}} asks to act for you at {{.Host}}.</p>
<form method="post" action="../authorize">
<input type="hidden" name="client_id" value="{{.Client}}">
<input type="hidden" name="redirect_uri" value="{{.Redirect}}">
<input type="hidden" name="response_type" value="code">
<input type="hidden" name="state" value="{{.State}}">
<p><label>Sign in as <select name="user">{{range .Clinics}}
<optgroup label="{{.Name}}">{{range .Users}}<option value="{{.ID}}">{{.Name}}</option>{{end}}</optgroup>{{end}}
</select></label></p>
<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></p>
</form>`))

type consentClinic struct {
	Name  string
	Users []consentUser
}

type consentUser struct{ ID, Name string }

func (s *Server) consentPage(r *http.Request) reply {
	q := r.URL.Query()
	if refused := s.checkAuthorize(q); refused != nil {
		return *refused
	}
	redirect, _ := url.Parse(q.Get("redirect_uri"))
	var body bytes.Buffer
	err := consentTemplate.Execute(&body, struct {
		Client, Host, Redirect, State string
		Clinics                       []consentClinic
	}{q.Get("client_id"), redirect.Host, q.Get("redirect_uri"), q.Get("state"), s.consentUsers()})
	if err != nil {
		panic("sandbox: consent page: " + err.Error())
	}
	page := htmlPage("Fullscript sandbox: consent", body.String())
	// Browsers apply form-action to the redirect that follows, too: without the app's own origin the answer would never reach it.
	return page.with("Content-Security-Policy", pagePolicy+"; form-action 'self' "+redirect.Scheme+"://"+redirect.Host)
}

func (s *Server) consentUsers() []consentClinic {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []consentClinic
	for _, c := range s.state.clinics.all() {
		shown := consentClinic{Name: c.Name}
		for _, p := range s.state.practitioners.group(c.ID) {
			shown.Users = append(shown.Users, consentUser{p.ID, p.FirstName + " " + p.LastName + " (practitioner)"})
		}
		for _, m := range s.state.staff.group(c.ID) {
			shown.Users = append(shown.Users, consentUser{m.ID, m.FirstName + " " + m.LastName + " (staff)"})
		}
		out = append(out, shown)
	}
	return out
}

// consent answers the form: back to the app with a code, or with what OAuth says for a refusal. state travels untouched.
func (s *Server) consent(w http.ResponseWriter, r *http.Request) reply {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return failure(http.StatusBadRequest, "The form cannot be read")
	}
	if refused := s.checkAuthorize(r.Form); refused != nil {
		return *refused
	}
	back, _ := url.Parse(r.Form.Get("redirect_uri"))
	q := back.Query()
	if r.Form.Get("decision") == "deny" {
		q.Set("error", "access_denied")
	} else {
		code, known := s.newCode(r.Form.Get("client_id"), r.Form.Get("redirect_uri"), r.Form.Get("user"))
		if !known {
			return failure(http.StatusNotFound, "No such practitioner or staff member")
		}
		q.Set("code", code)
	}
	if r.Form.Has("state") {
		q.Set("state", r.Form.Get("state"))
	}
	back.RawQuery = q.Encode()
	return reply{status: http.StatusFound}.with("Location", back.String())
}

// newCode is for the user named, or the first practitioner when none is.
func (s *Server) newCode(client, redirect, userID string) (code string, known bool) {
	if userID == "" {
		userID = PractitionerID
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user := identity{ownerID: userID, scopes: allScopes, approved: true}
	if p, found := s.state.practitioners.get(userID); found {
		user.ownerType, user.clinicID = ownerPractitioner, p.clinicID
	} else if m, found := s.state.staff.get(userID); found {
		user.ownerType, user.clinicID = ownerStaff, m.clinicID
	} else {
		return "", false
	}
	code = "code-" + s.state.newID(kindSecret)
	s.state.oauth.codes[code] = authCode{client, redirect, user, s.opts.Now().Add(codeLife)}
	return code, true
}

// pagePolicy lets a page have nothing but its own inline style; a framed one may stand in another site's page.
const (
	framedPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
	pagePolicy   = framedPolicy + "; frame-ancestors 'none'"
)

// htmlPage wraps a body that is already escaped.
func htmlPage(title, body string) reply {
	page := "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + htmltemplate.HTMLEscapeString(title) + "</title>" +
		"<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}" +
		"label,button{display:inline-block;margin:.2rem .5rem .2rem 0}input,select,button{font:inherit;max-width:100%}" +
		"input[type=number]{width:5rem}dt{font-weight:600}[role=alert]{color:#a00}</style></head>\n<body><h1>" +
		htmltemplate.HTMLEscapeString(title) + "</h1>\n" + body + "\n</body></html>\n"
	return reply{status: http.StatusOK, raw: []byte(page)}.
		with("Content-Type", "text/html; charset=utf-8").
		with("Content-Security-Policy", pagePolicy+"; form-action 'self'").
		with("X-Content-Type-Options", "nosniff").
		with("Referrer-Policy", "no-referrer")
}
