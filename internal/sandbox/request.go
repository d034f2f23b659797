package sandbox

import (
	"net/http"
	"net/url"
)

// request is one call on its way through its operation.
type request struct {
	s      *Server
	op     *operation
	http   *http.Request
	body   []byte
	caller *identity // nil on public operations

	query url.Values // parsed on first use, see param
}

func (r *request) state() *state { return r.s.state }

// path is a part of the path, by its name in the route.
func (r *request) path(name string) string { return r.http.PathValue(name) }

// params are the query's values; the names of this API have brackets, which arrive escaped or not.
func (r *request) params() url.Values {
	if r.query == nil {
		r.query = r.http.URL.Query()
	}
	return r.query
}

func (r *request) param(name string) string { return r.params().Get(name) }

// clinic is the tenant: everything a handler finds has to be of this clinic.
func (r *request) clinic() string { return r.caller.clinicID }
