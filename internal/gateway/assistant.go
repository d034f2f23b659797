package gateway

import (
	"fmt"
	"net/http"

	"fsgateway/docs/examples"
	"fsgateway/graph"
	"fsgateway/graph/apierror"
	"fsgateway/graph/persisted"
	"fsgateway/internal/assistant"
	"fsgateway/internal/transport"
)

// assistantRoute is the endpoint of the Model Context Protocol.
const assistantRoute = "/mcp"

// openAssistant makes tools of the trusted documents.
func (g *Gateway) openAssistant() (err error) {
	c := &g.config
	if !c.MCP {
		return nil
	}
	var documents []string
	if c.PersistedManifest != "" {
		if documents, err = persisted.Documents(c.PersistedManifest); err != nil {
			return fmt.Errorf("%s: %w", c.name(&c.PersistedManifest), err)
		}
	} else { // the sandbox
		for _, e := range examples.All() {
			if e.Area != examples.Start {
				documents = append(documents, e.Query)
			}
		}
	}
	g.assistant, err = assistant.New(assistant.Options{
		Schema: graph.Schema(&graph.Resolver{}).Schema(), Documents: documents, Writes: c.MCPWrites, Path: c.publicPath() + graphqlRoute, Version: g.build.Version,
		GraphQL: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.entry.ServeHTTP(w, r) }),
	})
	if err != nil {
		return fmt.Errorf("%s, %s: %w", c.name(&c.MCP), c.name(&c.PersistedManifest), err)
	}
	return nil
}

// onlyWithToken refuses requests without a token, and bodies that are too long. A cookie is no
// token: the page of another site could send it.
func (g *Gateway) onlyWithToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if transport.CallerFrom(r.Context()).Key == "" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			g.fail(w, r, http.StatusUnauthorized, apierror.CodeUnauthenticated, graph.TokenNeeded(""))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, g.config.MaxBody)
		next.ServeHTTP(w, r)
	})
}
