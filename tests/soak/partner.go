package main

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fsgateway/internal/obs"
	"fsgateway/internal/sandbox"
)

// partner is the sandbox, to which every "caller-<n>" is a practitioner: those of even numbers
// in the first clinic, the others in the second.
type partner struct {
	*sandbox.Server
	url    string
	server *http.Server
}

func newPartner(o sandbox.Options) (*partner, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o.BaseURL = "http://" + l.Addr().String()
	p := &partner{Server: sandbox.New(o), url: o.BaseURL}
	p.server = &http.Server{ReadHeaderTimeout: time.Minute, ErrorLog: obs.NewErrorLog(func(string) {}), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n, isCaller := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer caller-"); isCaller {
			token := sandbox.TokenPractitioner
			if number, _ := strconv.Atoi(n); number%2 == 1 {
				token = sandbox.TokenOtherClinic
			}
			r.Header.Set("Authorization", "Bearer "+token)
		}
		p.ServeHTTP(w, r)
	})}
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

func (p *partner) close() {
	_ = p.server.Close()
	_ = p.Close()
}

// recovery is how long calls may fail after something has gone wrong.
const recovery = 12 * time.Second

// chaos is something that goes wrong for a while.
type chaos struct {
	name        string
	begin       func(*house) (end func())
	lasts, calm time.Duration
}

// fault goes wrong at the partner.
func fault(name string, faults ...sandbox.Fault) chaos {
	return chaos{name: name, begin: func(h *house) func() {
		for _, f := range faults {
			h.partner.AddFault(f)
		}
		return h.partner.ClearFaults
	}}
}

// chosen are as many as there is time for, each with its part of it.
func chosen(d time.Duration) (all []chaos) {
	all = []chaos{
		{name: "Redis is restarted", begin: func(h *house) func() {
			h.redis.stop()
			return func() { h.redis.restart() }
		}},
		fault("bursts of 503", sandbox.Fault{Status: 503}),
		fault("calls are slow", sandbox.Fault{Latency: 300 * time.Millisecond}),
		fault("calls hang", sandbox.Fault{Operation: "getPatient", Hang: true, Times: 50}),
		fault("connections are reset", sandbox.Fault{Reset: true, Times: 200}),
		fault("answers are truncated", sandbox.Fault{Truncate: true, Times: 200}),
		fault("calls fail with 500", sandbox.Fault{Operation: "listPatients", Status: 500}),
		fault("HTML with 200", sandbox.Fault{Status: 200, Body: "<html>" + strings.Repeat("x", 1000), Header: http.Header{"Content-Type": {"text/html"}}}),
		fault("answers of 20 MB", sandbox.Fault{Operation: "getClinic", Status: 200, Body: `{"clinic":{"name":"` + strings.Repeat("x", 20<<20) + `"}}`, Times: 20}),
		fault("redirects elsewhere", sandbox.Fault{Status: 302, Header: http.Header{"Location": {"http://192.0.2.1/"}}}),
		fault("429 with Retry-After", sandbox.Fault{Status: 429, Header: http.Header{"Retry-After": {"2"}}, Times: 100}),
		fault("503 with a date", sandbox.Fault{Status: 503, Header: http.Header{"Retry-After": {time.Now().Add(time.Second).UTC().Format(http.TimeFormat)}}, Times: 200}),
	}
	most := max(1, int(d/(recovery+4*time.Second)))
	all = all[:min(most, len(all))]
	each := d/time.Duration(len(all)) - recovery
	for i := range all {
		all[i].lasts, all[i].calm = each/2, each/2
	}
	return all
}
