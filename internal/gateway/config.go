package gateway

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sort"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"fsgateway/graph/guard"
	"fsgateway/graph/model"
	"fsgateway/internal/sandbox"
)

// Config is every setting. The tags are the command line's: name, environment
// variable, default, bound (min, or over for what must be more) and help. The table in README.md repeats them, and a test
// compares the two.
type Config struct {
	Addr                    string        `help:"Address to listen on." default:"127.0.0.1:8080" from:"GATEWAY_ADDR"`
	Upstream                string        `help:"The partner's environment: embedded, us-sandbox, ca-sandbox, us, ca, or an API base URL." default:"embedded" from:"FULLSCRIPT_UPSTREAM"`
	AllowEmbedded           bool          `help:"Allow the embedded sandbox where others can reach it, or with the credentials of a real app." default:"false" from:"GATEWAY_ALLOW_EMBEDDED"`
	AdminAddr               string        `help:"Address of health and metrics; empty to disable." default:"127.0.0.1:8081" from:"GATEWAY_ADMIN_ADDR"`
	AdminHosts              []string      `help:"Host names that --admin-addr answers to if other machines reach it, comma-separated. Default: any." from:"GATEWAY_ADMIN_HOSTS"`
	PublicURL               string        `help:"The gateway's address as clients see it, for links to attachments. Default: http:// or https:// and --addr." from:"GATEWAY_PUBLIC_URL"`
	OperationTimeout        time.Duration `help:"Time limit of an operation; what has arrived by then is answered." default:"15s" over:"0" from:"GATEWAY_OPERATION_TIMEOUT"`
	CallTimeout             time.Duration `help:"How long one call to the partner may take." default:"5s" over:"0" from:"GATEWAY_CALL_TIMEOUT"`
	DialTimeout             time.Duration `help:"How long connecting to the partner may take." default:"2s" over:"0" from:"GATEWAY_DIAL_TIMEOUT"`
	MaxUpstreamCalls        int           `help:"Calls to the partner that an operation may make; one that is estimated to make more is refused. 0 for no limit." default:"1000" min:"0" from:"GATEWAY_MAX_UPSTREAM_CALLS"`
	ShowCost                bool          `help:"Say in extensions.cost of every answer how many calls it took; clients can ask for it by X-Gateway-Cost: 1." default:"false" from:"GATEWAY_SHOW_COST"`
	Budget                  int           `help:"Calls to the partner in each --budget-window, for each --budget-scope. 0 for no limit." default:"5000" min:"0" from:"GATEWAY_BUDGET"`
	BudgetWindow            time.Duration `help:"How long a call counts against --budget." default:"5m" over:"0" from:"GATEWAY_BUDGET_WINDOW"`
	BudgetScope             string        `help:"What --budget is for: token, clinic or app." default:"token" from:"GATEWAY_BUDGET_SCOPE"`
	BudgetWait              time.Duration `help:"How long a query waits for calls that are used up before it is refused." default:"0s" min:"0" from:"GATEWAY_BUDGET_WAIT"`
	Retries                 int           `help:"How often a read, or a write with an Idempotency-Key, is made again if the partner is out of reach or down." default:"2" min:"0" from:"GATEWAY_RETRIES"`
	Hedge                   bool          `help:"Make a read a second time if it takes longer than nearly all of its route, and take the answer that comes first." default:"false" from:"GATEWAY_HEDGE"`
	CacheSize               int           `help:"Bytes of answers that are kept for the callers who got them: of the catalogue, and of who works in the clinic. 0 for none." default:"67108864" min:"0" from:"GATEWAY_CACHE_SIZE"`
	ShareCatalog            bool          `help:"Answer callers with what others have got of the catalogue, if the partner has lately answered a call of theirs to it." default:"false" from:"GATEWAY_SHARE_CATALOG"`
	CacheInRedis            bool          `name:"cache-in-redis" help:"Keep answers of the catalogue in Redis, too, sealed." default:"false" from:"GATEWAY_CACHE_IN_REDIS"`
	MaxConcurrency          int           `help:"Calls to the partner at once, shared fairly between callers." default:"128" min:"1" from:"GATEWAY_MAX_CONCURRENCY"`
	MaxWaiting              int           `help:"Calls of one caller that may wait for a place among --max-concurrency; 0 for any number." default:"2000" min:"0" from:"GATEWAY_MAX_WAITING"`
	QueueTimeout            time.Duration `help:"How long a call may wait for a place among --max-concurrency; 0 for as long as its operation has time." default:"10s" min:"0" from:"GATEWAY_QUEUE_TIMEOUT"`
	MaxDownloads            int           `help:"Attachments sent at once; further requests wait." default:"32" min:"1" from:"GATEWAY_MAX_DOWNLOADS"`
	MaxDownloadsPerCaller   int           `help:"Attachments sent to one caller at once." default:"8" min:"1" from:"GATEWAY_MAX_DOWNLOADS_PER_CALLER"`
	MaxConnections          int           `help:"Connections of clients at once, without WebSockets, and requests over HTTP/2 or from trusted proxies; 0 for any number." default:"10000" min:"0" from:"GATEWAY_MAX_CONNECTIONS"`
	MaxConnectionsPerClient int           `help:"Connections of one client address, or of one IPv6 network of 64 bits; 0 for any number. Those of a trusted proxy are counted by request, for the client that it is from." default:"1000" min:"0" from:"GATEWAY_MAX_CONNECTIONS_PER_CLIENT"`
	MaxSockets              int           `help:"WebSockets at once; 0 for any number." default:"10000" min:"0" from:"GATEWAY_MAX_SOCKETS"`
	MaxSocketsPerClient     int           `help:"WebSockets of one client address; 0 for any number." default:"1000" min:"0" from:"GATEWAY_MAX_SOCKETS_PER_CLIENT"`
	SocketProof             time.Duration `help:"How long a WebSocket stays open before its caller must be one whose token the partner accepts." default:"30s" over:"0" from:"GATEWAY_SOCKET_PROOF"`
	MaxLargeBodies          int           `help:"Bodies, and messages on WebSockets, of more than 16 KiB that are being received; 0 for any number." default:"256" min:"0" from:"GATEWAY_MAX_LARGE_BODIES"`
	MaxLargeBodiesPerClient int           `help:"Those of one client address; 0 for any number." default:"32" min:"0" from:"GATEWAY_MAX_LARGE_BODIES_PER_CLIENT"`
	MaxSending              int           `help:"Bytes of answers of more than 256 KiB that clients have not read yet; 0 for any number." default:"536870912" min:"0" from:"GATEWAY_MAX_SENDING"`
	MaxSendingPerClient     int           `help:"Those of one client address; 0 for any number." default:"67108864" min:"0" from:"GATEWAY_MAX_SENDING_PER_CLIENT"`
	DocumentCacheSize       int           `help:"Bytes of documents, with what is worked out from them, that are kept; an eighth of them for callers who are not known." default:"33554432" min:"1" from:"GATEWAY_DOCUMENT_CACHE_SIZE"`
	TrustedProxies          []string      `help:"Addresses and networks of proxies that say for whom a request is, comma-separated, such as 10.0.0.0/8. Default: none." from:"GATEWAY_TRUSTED_PROXIES"`
	ForwardedHeader         string        `help:"The header in which they say so: X-Forwarded-For or Forwarded." default:"X-Forwarded-For" from:"GATEWAY_FORWARDED_HEADER"`
	MaxBody                 int64         `help:"Bytes of a request's body." default:"262144" min:"1" from:"GATEWAY_MAX_BODY"`
	MaxAnswer               int           `help:"Bytes that the answer of a query may have; 0 for no limit." default:"16777216" min:"0" from:"GATEWAY_MAX_ANSWER"`
	MaxTokens               int           `help:"Tokens of a query; 0 for no limit." default:"2000" min:"0" from:"GATEWAY_MAX_TOKENS"`
	MaxFields               int           `help:"Fields of a query, those of a fragment counted at each spread; 0 for no limit." default:"500" min:"0" from:"GATEWAY_MAX_FIELDS"`
	MaxDepth                int           `help:"How deep fields may be nested; 0 for no limit." default:"12" min:"0" from:"GATEWAY_MAX_DEPTH"`
	MaxIntrospectionDepth   int           `help:"How deep fields below __schema and __type may be nested; 0 for no limit." default:"20" min:"0" from:"GATEWAY_MAX_INTROSPECTION_DEPTH"`
	MaxAliases              int           `help:"Aliases of a query; 0 for no limit." default:"30" min:"0" from:"GATEWAY_MAX_ALIASES"`
	MaxRootFields           int           `help:"Root fields of an operation; 0 for no limit." default:"10" min:"0" from:"GATEWAY_MAX_ROOT_FIELDS"`
	MaxDirectives           int           `help:"Directives of a query; 0 for no limit." default:"30" min:"0" from:"GATEWAY_MAX_DIRECTIVES"`
	MaxFragmentSpreads      int           `help:"Fragment spreads of a query; 0 for no limit." default:"50" min:"0" from:"GATEWAY_MAX_FRAGMENT_SPREADS"`
	MaxListItems            int           `help:"Items of a list in arguments and variables; 0 for no limit." default:"100" min:"0" from:"GATEWAY_MAX_LIST_ITEMS"`
	MaxOperationNameLength  int           `help:"Bytes of a name in a query; 0 for no limit." default:"256" min:"0" from:"GATEWAY_MAX_OPERATION_NAME_LENGTH"`
	MaxStreams              int           `help:"Subscriptions of one caller at once; 0 for no limit." default:"100" min:"0" from:"GATEWAY_MAX_STREAMS"`
	MaxRequestErrors        int           `help:"Maximum errors returned for a rejected document." default:"10" min:"1" from:"GATEWAY_MAX_REQUEST_ERRORS"`
	MaxExecutionErrors      int           `help:"Maximum errors returned for an operation that ran." default:"100" min:"1" from:"GATEWAY_MAX_EXECUTION_ERRORS"`
	Introspection           string        `help:"Who may read the schema by query: auto (with the embedded sandbox everyone, else who has a token), on or off." default:"auto" from:"GATEWAY_INTROSPECTION"`
	PersistedDocuments      string        `help:"Documents outside the manifest: off (they run), log (they run and are logged) or enforce (they are refused)." default:"off" from:"GATEWAY_PERSISTED_DOCUMENTS"`
	PersistedManifest       string        `help:"File of the trusted documents, as graphql-codegen or relay-compiler writes it." from:"GATEWAY_PERSISTED_MANIFEST"`
	APQ                     bool          `name:"apq" negatable:"" help:"Let clients register documents by hash (automatic persisted queries)." default:"true" from:"GATEWAY_APQ"`
	HTTPDraftStatus         bool          `name:"http-draft-status" help:"Answer with the statuses of the 2026 draft of GraphQL over HTTP: 422 and 294." default:"false" from:"GATEWAY_HTTP_DRAFT_STATUS"`
	CORSOrigins             []string      `name:"cors-origins" help:"Origins whose pages may call the gateway, comma-separated." from:"GATEWAY_CORS_ORIGINS"`
	CORSHeaders             []string      `name:"cors-headers" help:"Headers that pages of --cors-origins may send beside the usual ones, comma-separated." from:"GATEWAY_CORS_HEADERS"`
	Federation              bool          `help:"Answer routers of Apollo Federation 2: _entities and _service." default:"false" from:"GATEWAY_FEDERATION"`
	MCP                     bool          `name:"mcp" help:"Offer the trusted documents' queries as tools to coding assistants, at /mcp. The embedded sandbox offers the examples without a manifest." default:"false" from:"GATEWAY_MCP"`
	MCPWrites               bool          `name:"mcp-writes" help:"Offer their mutations, too." default:"false" from:"GATEWAY_MCP_WRITES"`
	GraphiQL                bool          `name:"graphiql" negatable:"" help:"Serve the GraphiQL page at /." default:"true" from:"GATEWAY_GRAPHIQL"`
	TLSCert                 string        `name:"tls-cert" help:"File of the certificate to serve https with, and those that signed it. Default: none, http." from:"GATEWAY_TLS_CERT"`
	TLSKey                  string        `name:"tls-key" help:"File of its key." from:"GATEWAY_TLS_KEY"`
	TLSClientCA             string        `name:"tls-client-ca" help:"File of the authorities of which clients must present a certificate. Default: none." from:"GATEWAY_TLS_CLIENT_CA"`
	UpstreamCA              string        `name:"upstream-ca" help:"File of authorities to trust for the partner beside the system's." from:"GATEWAY_UPSTREAM_CA"`
	UpstreamCert            string        `help:"File of a certificate to present to the partner, or to the proxy before it." from:"GATEWAY_UPSTREAM_CERT"`
	UpstreamKey             string        `help:"File of its key." from:"GATEWAY_UPSTREAM_KEY"`
	H2C                     bool          `name:"h2c" help:"Speak HTTP/2 without TLS, too, to proxies that begin with it." default:"false" from:"GATEWAY_H2C"`
	ReadTimeout             time.Duration `help:"How long a request may take to arrive." default:"15s" over:"0" from:"GATEWAY_READ_TIMEOUT"`
	WriteTimeout            time.Duration `help:"How long a client may take to accept each 128 KiB of an answer." default:"10s" over:"0" from:"GATEWAY_WRITE_TIMEOUT"`
	IdleTimeout             time.Duration `help:"How long a connection may wait for its next request." default:"60s" over:"0" from:"GATEWAY_IDLE_TIMEOUT"`
	MaxHeaderBytes          int           `help:"Bytes of a request's headers." default:"32768" min:"1" from:"GATEWAY_MAX_HEADER_BYTES"`
	DrainDelay              time.Duration `help:"How long new requests are still accepted after SIGTERM, while /readyz fails." default:"5s" min:"0" from:"GATEWAY_DRAIN_DELAY"`
	DrainTimeout            time.Duration `help:"Time limit of shutting down after SIGTERM or SIGINT, including the delay." default:"30s" over:"0" from:"GATEWAY_DRAIN_TIMEOUT"`
	Pprof                   bool          `help:"Serve profiles on --admin-addr." default:"false" from:"GATEWAY_PPROF"`
	ClientID                string        `help:"The app's client id, with which users sign in. The embedded sandbox has its own." from:"FULLSCRIPT_CLIENT_ID"`
	ClientSecret            string        `help:"The app's client secret." secret:"" from:"FULLSCRIPT_CLIENT_SECRET"`
	RedirectURL             string        `help:"The redirect URI after a sign-in, as registered with the app. Default: --public-url and /oauth/callback." from:"FULLSCRIPT_REDIRECT_URL"`
	AuthorizeURL            string        `help:"The partner's consent page. Default: that of --upstream." from:"FULLSCRIPT_AUTHORIZE_URL"`
	SessionLifetime         time.Duration `help:"How long a sign-in lasts." default:"12h" over:"0" from:"GATEWAY_SESSION_LIFETIME"`
	ProofAge                time.Duration `help:"How long the gateway trusts what the partner said a subscriber may read." default:"1m" over:"0" from:"GATEWAY_PROOF_AGE"`
	OAuthRelay              bool          `name:"oauth-relay" help:"Exchange codes and tokens at /oauth/token for apps that do not hold the app's secret. On with the embedded sandbox." default:"false" from:"GATEWAY_OAUTH_RELAY"`
	EncryptionKey           []string      `help:"Keys that encrypt sessions and events, comma-separated: the first encrypts, all decrypt. Default: a random one." secret:"" from:"GATEWAY_ENCRYPTION_KEY"`
	RedisURL                string        `help:"Redis server that keeps sessions and events for all gateways." secret:"" from:"REDIS_URL"`
	WebhookSecret           []string      `help:"Keys that sign the partner's webhooks, comma-separated: several while one is being replaced. The embedded sandbox has its own." secret:"" from:"FULLSCRIPT_WEBHOOK_SECRET"`
	WebhookChallenge        string        `help:"The challenge token that webhook answers echo." secret:"" from:"FULLSCRIPT_WEBHOOK_CHALLENGE"`
	EventsKept              int           `help:"Events kept for subscribers that are slow or reconnect." default:"10000" min:"1" from:"GATEWAY_EVENTS_KEPT"`
	PollEvents              time.Duration `help:"How often to ask the partner for events if its webhooks cannot arrive; 0 for never." default:"0s" from:"GATEWAY_POLL_EVENTS"`
	OTLPEndpoint            string        `name:"otlp-endpoint" help:"Collector that spans are sent to, by OTLP over HTTP, such as http://127.0.0.1:4318. Default: none." from:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	TraceRatio              float64       `help:"The fraction of operations to trace, from 0 to 1; a client's traceparent takes precedence." default:"1" from:"GATEWAY_TRACE_RATIO"`
	LogLevel                string        `help:"trace, debug, info, warn or error." default:"info" from:"LOG_LEVEL"`
	LogFormat               string        `help:"auto (console on a terminal, else JSON), console or json." default:"auto" from:"LOG_FORMAT"`
}

// Embedded is the upstream that is the sandbox in the same process.
const Embedded = "embedded"

// environments are the partner's, by name.
// https://fullscript.dev/docs/getting-started/for-ai/overview
var environments = map[string]string{
	"us-sandbox": "https://api-us-snd.fullscript.io/api",
	"ca-sandbox": "https://api-ca-snd.fullscript.io/api",
	"us":         "https://api-us.fullscript.com/api",
	"ca":         "https://api-ca.fullscript.com/api",
}

// currencies are those of the upstreams that have one, by name.
var currencies = map[string]model.CurrencyCode{
	Embedded: model.USD, "us-sandbox": model.USD, "us": model.USD,
	"ca-sandbox": model.CAD, "ca": model.CAD,
}

// embeddedURL is where the embedded sandbox is called. The host is none: its
// connections never leave the process.
const embeddedURL = "http://sandbox.embedded/api"

// proxies are the networks of --trusted-proxies.
func (c *Config) proxies() (networks []netip.Prefix) {
	for _, text := range c.TrustedProxies {
		if n, err := parseNetwork(text); err == nil {
			networks = append(networks, n)
		}
	}
	return networks
}

// parseNetwork reads a network, or an address as one of its own.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Unmap().Prefix(a.Unmap().BitLen())
	}
	n, err := netip.ParsePrefix(text)
	return n.Masked(), err
}

// publicURL is the gateway's address as clients see it, without a slash at the
// end.
func (c *Config) publicURL() string {
	if c.PublicURL == "" {
		return c.ownURL()
	}
	return strings.TrimRight(c.PublicURL, "/")
}

// ownURL is the gateway's address on this machine.
func (c *Config) ownURL() string {
	if c.TLSCert != "" {
		return "https" + strings.TrimPrefix(localURL(c.Addr), "http")
	}
	return localURL(c.Addr)
}

// publicPath is the path of the gateway's address as clients see it, "" for none.
func (c *Config) publicPath() string {
	u, err := url.Parse(c.publicURL())
	if err != nil {
		return ""
	}
	return u.Path
}

// localURL is where a server that listens on an address is reached from the same
// machine.
func localURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return "http://" + net.JoinHostPort("localhost", port)
	}
	return "http://" + addr
}

// redirectURL is where the partner leads a browser back to.
func (c *Config) redirectURL() string { return cmp.Or(c.RedirectURL, c.publicURL()+"/oauth/callback") }

// client is the app that users sign in with, "" for none.
func (c *Config) client() (id, secret string) {
	if c.ClientID == "" && c.Upstream == Embedded {
		return sandbox.DefaultClientID, sandbox.DefaultClientSecret
	}
	return c.ClientID, c.ClientSecret
}

// limits are the guard's.
func (c *Config) limits() guard.Limits {
	return guard.Limits{
		Tokens: c.MaxTokens, Fields: c.MaxFields, Depth: c.MaxDepth, IntrospectionDepth: c.MaxIntrospectionDepth,
		Aliases: c.MaxAliases, RootFields: c.MaxRootFields, Directives: c.MaxDirectives,
		FragmentSpreads: c.MaxFragmentSpreads, ListItems: c.MaxListItems, OperationNameLength: c.MaxOperationNameLength,
	}
}

// DefaultConfig returns the settings of a gateway that is told none.
func DefaultConfig() (c Config) {
	if err := kong.ApplyDefaults(&c); err != nil {
		panic(err) // a default in a tag is wrong
	}
	return c
}

// currency returns the currency of the upstream's prices, nil if it is not known.
func (c *Config) currency() *model.CurrencyCode {
	name := c.Upstream
	for known, base := range environments {
		if c.Upstream == base {
			name = known
		}
	}
	if code, known := currencies[name]; known {
		return &code
	}
	return nil
}

// upstreamURL is the base of the partner's API.
func (c *Config) upstreamURL() (string, error) {
	if c.Upstream == Embedded {
		return embeddedURL, nil
	}
	if base, known := environments[c.Upstream]; known {
		return base, nil
	}
	if isPlainAddress(c.Upstream) {
		return c.Upstream, nil
	}
	names := []string{Embedded}
	for name := range environments {
		names = append(names, name)
	}
	sort.Strings(names[1:])
	return "", fmt.Errorf("%q is not one of %s, and not the URL of an API", hidden(c.Upstream), strings.Join(names, ", "))
}
