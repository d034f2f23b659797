package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"fsgateway/docs"
	"fsgateway/graph/apierror"
	"fsgateway/internal/middleware"
)

// graphqlRoute is where GraphQL is served.
const graphqlRoute = "/graphql"

// Handler serves every route of the gateway.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	// From the outside in. A page must be able to read a refusal, too, so CORS
	// comes before whatever may refuse.
	route := func(pattern string, h http.Handler, wrappers ...func(http.Handler) http.Handler) {
		for _, wrap := range slices.Backward(wrappers) {
			h = wrap(h)
		}
		mux.Handle(pattern, middleware.Route(pattern, h))
	}
	cors := middleware.CORS(g.config.CORSOrigins, g.config.CORSHeaders, g.sessions != nil)
	bearer := middleware.Bearer(g.authorize, http.HandlerFunc(g.refuseToken))
	route(graphqlRoute, g.graphql, cors, middleware.Private, fresh, bearer,
		middleware.CSRF(http.HandlerFunc(g.refuseSimple)), g.session, middleware.Compress(secret, codings...))
	route("/resources/{id}/download", g.only(g.download, http.MethodGet, http.MethodHead), cors, middleware.Private, bearer, g.session)
	g.routeOAuth(route, cors)
	route("POST "+webhookRoute, g.webhooks())
	if g.sandbox != nil {
		route("/_sandbox/", g.sandbox.ControlHandler())
		route("/api/oauth/", g.sandbox.ControlHandler()) // the consent page
		route("/api/embeddable/", g.sandbox.ControlHandler())
	}
	if g.assistant != nil {
		route(assistantRoute, g.assistant, cors, middleware.Private, bearer, g.onlyWithToken)
	}
	if g.config.GraphiQL {
		page := g.page()
		route("GET /{$}", page)
		route("GET /graphiql/{name}", page)
	}
	route("GET /schema.graphql", g.schemaPage(), cors, bearer, g.session)
	route("GET /llms.txt", document("text/plain; charset=utf-8", g.fillIn(llmsText)))
	route("GET /agents.md", document("text/markdown; charset=utf-8", g.fillIn(agentsText)))
	route("GET /errors.md", document("text/plain; charset=utf-8", docs.Errors))
	route("GET /integration-environments.json", document("application/json", g.environmentsText()))

	h := below(g.config.publicPath(), mux)
	h = middleware.Closing(g.health.Draining)(h)
	h = middleware.Recover(g.log, http.HandlerFunc(g.failInternal))(h)
	h = g.clients.countBodies(h)
	h = g.clients.countRequests(h, http.HandlerFunc(g.refuseRequest))
	h = middleware.Log(g.log, g.metrics.request)(h)
	h = g.metrics.counted(h)
	h = g.traced(h)
	h = g.clients.proxies.ClientAddress(h)
	h = middleware.RequestID(h)
	h = g.written(h)
	g.entry = g.graphql.Sockets.Track(h)
	return g.entry
}

// below serves under a path as well as without it: proxies differ in whether they
// take the path of --public-url off.
func below(path string, h http.Handler) http.Handler {
	if path == "" {
		return h
	}
	stripped := http.StripPrefix(path, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == path: // where the page's relative addresses would lead elsewhere
			http.Redirect(w, r, path+"/", http.StatusPermanentRedirect)
		case strings.HasPrefix(r.URL.Path, path+"/"):
			stripped.ServeHTTP(w, r)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// written is how every answer is written.
func (g *Gateway) written(h http.Handler) http.Handler {
	return middleware.WriteTimeout(g.config.WriteTimeout)(middleware.NoSniff(h))
}

// codings are the content codings of answers, the better one first.
var codings = []middleware.Coding{
	{Name: "zstd", New: func() middleware.Encoder {
		// One goroutine, and a window that is enough for an answer.
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<18))
		if err != nil {
			panic(err) // the options above are wrong
		}
		return w
	}},
	{Name: "gzip", New: func() middleware.Encoder {
		w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil {
			panic(err)
		}
		return w
	}},
}

// secret reports whether an answer must not be compressed: that of a mutation may
// hold a session grant, beside text that the client chose.
func secret(r *http.Request) bool { return middleware.OperationFrom(r.Context()).Type != "query" }

// refuseToken answers a request whose Authorization header cannot be used.
func (g *Gateway) refuseToken(w http.ResponseWriter, r *http.Request) {
	g.fail(w, r, http.StatusUnauthorized, apierror.CodeUnauthenticated,
		"The Authorization header must be Bearer and one token of visible characters without spaces.")
}

// refuseSimple answers a request that any page could have made a browser send.
func (g *Gateway) refuseSimple(w http.ResponseWriter, r *http.Request) {
	g.fail(w, r, http.StatusBadRequest, apierror.CodeBadUserInput,
		"A page of another site could have sent this request (CSRF). Send an Authorization header, Content-Type: application/json, or one of the headers "+
			strings.Join(middleware.PreflightHeaders, " and ")+" with any value.")
}

// refuseRequest answers a request that is one too many.
func (g *Gateway) refuseRequest(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "1")
	g.fail(w, r, http.StatusServiceUnavailable, apierror.CodeOverloaded, "Too many requests are being answered; try again.")
}

// only serves some methods; CORS has answered OPTIONS before it where it may.
func (g *Gateway) only(h http.HandlerFunc, methods ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(methods, r.Method) {
			h(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(methods, ", "))
		g.fail(w, r, http.StatusMethodNotAllowed, apierror.CodeBadUserInput, "Method not allowed; use "+strings.Join(methods, " or ")+".")
	})
}

// fail answers outside of GraphQL in the form that errors have in GraphQL.
func (g *Gateway) fail(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	g.failAs(w, r, apierror.Fault{Code: code, Message: message, Status: status})
}

func (g *Gateway) failInternal(w http.ResponseWriter, r *http.Request) {
	g.failAs(w, r, apierror.Describe(nil))
}

func (g *Gateway) failAs(w http.ResponseWriter, r *http.Request, f apierror.Fault) {
	operation := middleware.OperationFrom(r.Context())
	if errors.Is(r.Context().Err(), context.Canceled) { // the client left, which is no error of anybody's
		operation.Canceled, f.Status = true, apierror.StatusCanceled
	} else {
		operation.Codes = []string{f.Code}
	}
	apierror.Write(w, middleware.RequestIDFrom(r.Context()), f)
}
