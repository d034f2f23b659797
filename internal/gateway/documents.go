package gateway

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"fsgateway/graph"
	"fsgateway/graph/apierror"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/web"
)

// What code generators and coding assistants read.
var (
	//go:embed documents/llms.txt
	llmsText string
	//go:embed documents/agents.md
	agentsText string
)

// sandboxHint is what the embedded sandbox adds to the page for agents.
const sandboxHint = "\nBehind this gateway is a sandbox with made-up data: the token `" + sandbox.TokenPractitioner + "` works, and nothing leaves the machine.\n"

// document serves a text under an ETag of its content.
func document(contentType, text string) http.Handler {
	sum := sha256.Sum256([]byte(text))
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
	})
}

// fillIn puts the gateway's address into a text.
func (g *Gateway) fillIn(text string) string {
	hint := ""
	if g.sandbox != nil {
		hint = sandboxHint
	}
	return strings.NewReplacer("{{address}}", g.config.publicURL(), "{{sandbox}}", hint).Replace(text)
}

// environment is an entry of /integration-environments.json, with the addresses
// of the partner's file of that name.
type environment struct {
	Name           string `json:"name"`
	APIBase        string `json:"api_base"`
	OAuthAuthorize string `json:"oauth_authorize"`
	OAuthToken     string `json:"oauth_token"`
}

// environmentsText lists the partner's environments and says which is served.
func (g *Gateway) environmentsText() string {
	list := struct {
		GraphQL      string        `json:"graphql"`
		Upstream     string        `json:"upstream"`
		Environments []environment `json:"environments"`
	}{GraphQL: g.config.publicURL() + "/graphql", Upstream: g.config.Upstream}
	for _, name := range slices.Sorted(maps.Keys(environments)) {
		base := environments[name]
		list.Environments = append(list.Environments, environment{name, base, base + "/oauth/authorize", base + "/oauth/token"})
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return string(text) + "\n"
}

// page is the GraphiQL page. Only the sandbox's token is ever written into it.
func (g *Gateway) page() http.Handler {
	config := web.Config{Endpoint: "graphql", SignIn: g.sessions != nil, Examples: web.Examples(g.sandbox != nil)}
	if g.sandbox != nil {
		config.Token = sandbox.TokenPractitioner
	}
	return web.Handler(config)
}

// schemaPage serves the SDL to those who may introspect.
func (g *Gateway) schemaPage() http.Handler {
	page := document("application/graphql; charset=utf-8", graph.SDL())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		may, err := g.mayIntrospect(r.Context())
		switch {
		case err != nil:
			g.failAs(w, r, apierror.Describe(err))
			return
		case !may:
			g.fail(w, r, http.StatusUnauthorized, apierror.CodeUnauthenticated, "The schema requires a token; send Authorization: Bearer <token>.")
			return
		}
		page.ServeHTTP(w, r)
	})
}
