package gateway

import (
	"encoding/json"
	"io"
	"net/http"

	"fsgateway/graph"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/transport"
)

// Handler serves every route of the gateway.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, h http.Handler) { mux.Handle(pattern, middleware.Route(pattern, h)) }
	route("/graphql", g.graphql)
	route("GET /resources/{id}/download", http.HandlerFunc(g.download))
	if g.sandbox != nil {
		route("/_sandbox/", g.sandbox.ControlHandler())
		route("/api/oauth/", g.sandbox.ControlHandler()) // the consent page
	}
	route("GET /{$}", http.HandlerFunc(g.index))

	var h http.Handler = mux
	h = middleware.Bearer(g.authorize, http.HandlerFunc(g.refuseToken))(h)
	h = count(h)
	h = middleware.Recover(g.log)(h)
	h = middleware.Log(g.log)(h)
	return middleware.RequestID(h)
}

// Admin serves the health pages, which are not for clients of the graph.
func (g *Gateway) Admin() http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }
	mux.HandleFunc("GET /livez", ok)
	mux.HandleFunc("GET /readyz", ok) // it listens: there is nothing else to wait for
	return mux
}

// count lets the log say how many upstream calls a request made.
func count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls := &middleware.EntryFrom(r.Context()).UpstreamCalls
		next.ServeHTTP(w, r.WithContext(transport.WithCounter(r.Context(), calls)))
	})
}

func (g *Gateway) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "A GraphQL gateway in front of the Fullscript partner API.\nPOST a query to /graphql with Authorization: Bearer <token>.\n")
}

// refuseToken answers a request whose Authorization header cannot be used.
func (g *Gateway) refuseToken(w http.ResponseWriter, r *http.Request) {
	g.fail(w, r, http.StatusUnauthorized, graph.CodeUnauthenticated,
		"The Authorization header must be Bearer and one token of visible characters without spaces.")
}

// fail answers outside GraphQL in the form that GraphQL's errors have.
func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-store")
	w.WriteHeader(status)
	middleware.EntryFrom(r.Context()).Codes = []string{code}
	type extensions struct {
		Code      string `json:"code"`
		RequestID string `json:"requestId"`
	}
	type entry struct {
		Message    string     `json:"message"`
		Extensions extensions `json:"extensions"`
	}
	_ = json.NewEncoder(w).Encode(map[string][]entry{"errors": {{message, extensions{code, middleware.RequestIDFrom(r.Context())}}}})
}

// download streams a plan attachment from the partner, whose address for it
// wants the caller's token.
func (g *Gateway) download(w http.ResponseWriter, r *http.Request) {
	if transport.CallerFrom(r.Context()).Key == "" {
		g.fail(w, r, http.StatusUnauthorized, graph.CodeUnauthenticated, "A token is needed: send Authorization: Bearer <token>.")
		return
	}
	id, err := fsclient.ParseID("Resource", r.PathValue("id"))
	if err != nil {
		g.fail(w, r, http.StatusBadRequest, graph.CodeBadUserInput, err.Error())
		return
	}
	res, err := g.client.Resources.Download(transport.Streaming(r.Context()), id, r.URL.Query().Get("type"))
	if err != nil {
		code, message, status := graph.Describe(err)
		g.fail(w, r, status, code, message)
		return
	}
	defer res.Body.Close()
	h := w.Header()
	for _, name := range []string{"Content-Type", "Content-Length", "Content-Disposition"} {
		if v := res.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	h.Set("Cache-Control", "private, no-store")
	// Whatever the file is, it runs nothing on this origin.
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	_, err = io.Copy(w, res.Body)
	if err != nil && r.Context().Err() == nil {
		panic(http.ErrAbortHandler) // the file broke off: the client must not take it for whole
	}
}
