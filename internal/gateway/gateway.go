// Package gateway puts the rooms together: settings, the chain to the partner,
// the handler of every route. It is the only place that knows all rooms.
package gateway

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/rs/zerolog"
	"golang.org/x/oauth2"

	"fsgateway/graph"
	"fsgateway/graph/apierror"
	"fsgateway/graph/guard"
	"fsgateway/graph/live"
	"fsgateway/graph/persisted"
	"fsgateway/graph/wire"
	"fsgateway/graph/wire/socket"
	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/oauth"
	"fsgateway/internal/obs"
	"fsgateway/internal/redisconn"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/seal"
	"fsgateway/internal/store"
	"fsgateway/internal/transport"
)

// Gateway is a gateway ready to serve. Close it when it is done.
type Gateway struct {
	config  Config
	log     zerolog.Logger
	build   Build
	client  *fsclient.Client
	graphql *graph.Handler
	leaving sync.WaitGroup // of sockets
	health  obs.Health
	metrics *metrics
	// downloads are the places of attachments that are being sent.
	downloads *transport.Places
	errorLog  *log.Logger // of net/http
	events    *events.Bus
	accepted  *accepted
	allowance *allowance
	kept      *kept
	primed    *primed
	documents *graph.Documents
	clients   *clients
	breaker   circuitbreaker.CircuitBreaker[any]
	trying    atomic.Bool // whether the partner is back: one call is under way
	retries   retryBudget
	hashes    sync.Pool // of hash.Hash: callers are told apart by one under a key of all gateways
	// budgetAlone says that the calls of other gateways are not known.
	budgetAlone atomic.Bool

	keys     *seal.Keys        // of what is kept in Redis
	sessions *oauth.Sessions   // nil where nobody can sign in
	redis    *redisconn.Client // nil without --redis-url
	store    store.Store       // what is kept for a while, for all gateways where there is Redis
	foreign  *http.CrossOriginProtection

	// tls is that of clients, nil for none; secretFiles are where secrets come from, by variable.
	tls         *tls.Config
	secretFiles map[string]string

	tracer *obs.Tracer
	// userAgent is what the partner is told of this program.
	userAgent []string
	sandbox   *sandbox.Server // nil unless embedded
	received  http.Handler    // webhooks; nil where none are expected
	assistant http.Handler    // tools for coding assistants; nil for none
	entry     http.Handler    // what Handler returned, for requests that assistants cause
	close     []func() error
}

// maxOperationName bounds what a client can write into the log.
const maxOperationName = 128

// Option changes how a gateway is made; tests use them.
type Option func(*options)

type options struct {
	sandbox     *sandbox.Server
	build       Build
	secretFiles map[string]string
	check       func(query string, written []byte, executed *graphql.Response)
}

// WithSandbox embeds a sandbox that the caller has made, instead of a new one.
func WithSandbox(s *sandbox.Server) Option { return func(o *options) { o.sandbox = s } }

// WithAnswerCheck has the executor answer each query that a plan has answered, and calls
// check with both answers. It is for tests.
func WithAnswerCheck(check func(query string, written []byte, executed *graphql.Response)) Option {
	return func(o *options) { o.check = check }
}

// New makes a gateway. It listens nowhere: Handler is what to serve.
func New(config Config, log zerolog.Logger, opts ...Option) (*Gateway, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	var o options
	for _, apply := range opts {
		apply(&o)
	}
	for _, line := range config.warnings() {
		log.Warn().Msg(line)
	}
	g := &Gateway{config: config, log: log, build: o.build.known(), accepted: newAccepted(), breaker: newBreaker(log), retries: retryBudget{left: maxRetries / 10}}
	g.secretFiles = o.secretFiles
	g.kept, g.primed, g.documents = newKept(g), newPrimed(g), graph.NewDocuments(config.DocumentCacheSize)
	if err := g.open(o); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// open builds the gateway's parts; if it fails, Close releases those already built.
func (g *Gateway) open(o options) error {
	config := &g.config
	g.metrics = newMetrics(g.health.Unready)
	g.userAgent = []string{"fsgateway/" + g.build.Version}
	g.metrics.registry.MustRegister(g.build.metric())
	g.clients = newClients(config, g.refused, g.overloaded)
	g.errorLog = obs.NewErrorLog(g.noteHTTP)
	g.foreign = http.NewCrossOriginProtection()
	for _, origin := range g.origins() {
		if err := g.foreign.AddTrustedOrigin(origin); err != nil {
			return fmt.Errorf("%s, %s: %w", config.name(&config.CORSOrigins), config.name(&config.PublicURL), err)
		}
	}
	var err error
	if g.tls, err = g.serving(); err != nil {
		return err
	}
	if err := g.openTracer(); err != nil {
		return err
	}
	if err := g.openStore(); err != nil {
		return err
	}
	g.allowance = g.newAllowance()
	if err := g.openClient(o.sandbox); err != nil {
		return err
	}
	if err := g.newEvents(); err != nil {
		return err
	}
	if err := g.openWebhooks(); err != nil {
		return err
	}
	if err := g.openGraph(o); err != nil {
		return err
	}
	return g.openAssistant()
}

// openStore connects to Redis, if there is one, for what is kept for a while.
func (g *Gateway) openStore() (err error) {
	g.keys = seal.New(g.config.EncryptionKey...)
	if err := g.followKeys(); err != nil {
		return err
	}
	g.hashes.New = func() any { return g.keys.Hash() }
	if g.config.RedisURL == "" {
		g.store = store.NewMemory()
		return nil
	}
	if g.redis, err = g.openRedis(); err != nil {
		return fmt.Errorf("--redis-url: %w", err)
	}
	g.close = append(g.close, func() error {
		g.kept.writing.Wait()
		g.redis.Close()
		return nil
	})
	g.store = store.NewRedis(g.redis)
	stop := g.kept.follow()
	g.close = append(g.close, func() error { stop(); return nil })
	return nil
}

// openClient builds the way to the partner, and signing in, which takes the same way.
func (g *Gateway) openClient(embedded *sandbox.Server) error {
	config := &g.config
	base, err := config.upstreamURL()
	if err != nil {
		return err
	}
	route := transport.NetworkOptions{
		Dial: (&net.Dialer{Timeout: config.DialTimeout}).DialContext, Proxy: http.ProxyFromEnvironment,
		Connections: config.MaxConcurrency, CallTimeout: config.CallTimeout,
	}
	if config.Retries > 0 { // what is given up early is to be made again
		route.Route = fsclient.Route
	}
	if config.Upstream == Embedded {
		route.Dial, route.Proxy = g.embed(embedded), nil
	}
	if route.TLS, err = g.calling(); err != nil {
		return err
	}
	network := transport.NewNetwork(route)
	g.close = append(g.close, func() error { network.CloseIdleConnections(); return nil })

	busy := &fsclient.Refused{Kind: fsclient.KindBusy, RetryAfter: time.Second}
	g.downloads = transport.NewPlaces(config.MaxDownloads, config.MaxDownloadsPerCaller).Bound(config.MaxWaiting, config.QueueTimeout, busy)
	places := transport.NewPlaces(config.MaxConcurrency, config.MaxConcurrency).Bound(config.MaxWaiting, config.QueueTimeout, busy)
	g.metrics.watch(g, places)
	// From the client towards the network.
	chain := g.learning(
		transport.Authorize(g.sign,
			g.accepted.noting(
				g.hedging(g.retrying(
					g.unlessDown(g.bounded(transport.Limit(places, g.stranger,
						g.unlessDown(g.allowance.within(
							g.breaking(
								g.patient(transport.Observe(g.call,
									g.trace(transport.Count(network)))))))))))))))
	storage := g.storage(base, route.Proxy)
	if g.client, err = fsclient.New(base, &http.Client{Transport: chain}, fsclient.WithStorage(storage), fsclient.WithSharing(g.sharing()), fsclient.WithSecondReads(g.secondRead), fsclient.WithUnusable(unusable)); err != nil {
		return fmt.Errorf("%s: %w", config.name(&config.Upstream), err)
	}
	return g.newSessions(base, network, places)
}

// openGraph builds the GraphQL handler.
func (g *Gateway) openGraph(o options) error {
	config := &g.config
	documents, err := persisted.New(persisted.Options{
		Mode: persisted.Mode(config.PersistedDocuments), Manifest: config.PersistedManifest, APQ: config.APQ, Log: g.logDocument, Caller: caller, Known: g.known,
	})
	if err != nil {
		return fmt.Errorf("%s, %s: %w", config.name(&config.PersistedDocuments), config.name(&config.PersistedManifest), err)
	}
	feed := &live.Feed{Client: g.client, Bus: g.events, ProofAge: config.ProofAge}
	if p := g.newPoller(); p != nil {
		feed.Watch = p.Watch
	}
	resolver := &graph.Resolver{Client: g.client, PublicURL: config.publicURL(), Currency: config.currency(), Live: feed}
	g.graphql = graph.NewHandler(resolver, graph.Options{
		Viewer:        viewer,
		MaxStreams:    config.MaxStreams,
		Guard:         guard.New(config.limits(), g.known),
		Persisted:     documents,
		Documents:     g.documents,
		Federation:    config.Federation,
		Primed:        g.primed,
		Known:         g.known,
		Introspection: g.mayIntrospect,
		SignInURL:     g.signInURL(),
		RateLimit:     g.allowance.left,
		Wave:          g.waveSpan(),
		Apart:         transport.Apart,
		Version:       func(ctx context.Context) uint64 { return g.kept.Version(caller(ctx)) },
		MaxAnswer:     config.MaxAnswer,
		Cost:          g.costs(),
		Answered:      graph.AnsweredBy{Count: func(by string) { g.metrics.answers.WithLabelValues(by).Inc() }, Check: o.check},
		Options: socket.Options{
			Caller:       caller,
			Authenticate: g.authenticate,
			Operation:    g.operation,
			Ended:        ended,
			Check:        checkSession,
			Origins:      g.origins(),
			Admit:        g.clients.takeSocket,
			Count:        g.clients.countMessage,
			Prove:        g.proveSocket,
			ProofTime:    config.SocketProof,
			Closed:       g.closed,
			ReadTimeout:  config.ReadTimeout,
			WriteTimeout: config.WriteTimeout,
			Options: wire.Options{
				RequestID:          middleware.RequestIDFrom,
				LogBug:             g.logBug,
				Timeout:            config.OperationTimeout,
				Done:               g.done,
				Progress:           g.progress,
				Hold:               g.clients.holdAnswer,
				MaxBody:            config.MaxBody,
				MaxRequestErrors:   config.MaxRequestErrors,
				MaxExecutionErrors: config.MaxExecutionErrors,
				Suggestions:        config.Upstream == Embedded,
				DraftStatus:        config.HTTPDraftStatus,
			},
		},
	})
	return nil
}

// costs says what operations may cost, and who is told.
func (g *Gateway) costs() graph.CostOptions {
	most, setting := g.config.mostCalls()
	return graph.CostOptions{
		Coalesced: g.coalesced,
		Estimated: func(ctx context.Context, calls int) { middleware.EntryFrom(ctx).Estimated = calls },
		Reserve: func(ctx context.Context, most int) (func(), error) {
			g.learn(ctx)
			return g.allowance.reserve(ctx, most)
		},
		Most: most, Setting: setting, Show: g.config.ShowCost,
		Calls: func(ctx context.Context) graph.Calls {
			entry := middleware.EntryFrom(ctx)
			return graph.Calls{Made: entry.UpstreamCalls.Load(), Shared: entry.SharedCalls.Load(), Kept: entry.CacheHits.Load(), Age: entry.Oldest()}
		},
	}
}

// mayIntrospect reports whether the caller may read the schema by query. The error
// says why that cannot be told.
func (g *Gateway) mayIntrospect(ctx context.Context) (bool, error) {
	switch {
	case g.config.Introspection == "on":
		return true, nil
	case g.config.Introspection == "off":
		return false, nil
	case g.config.Upstream == Embedded, userFrom(ctx) != nil:
		return true, nil
	case transport.CallerFrom(ctx).Key == "":
		return false, nil
	}
	err := g.accepted.prove(ctx, g.client)
	return err == nil, err
}

// embed serves a sandbox inside the process and returns how to reach it.
func (g *Gateway) embed(s *sandbox.Server) func(context.Context, string, string) (net.Conn, error) {
	if s == nil {
		id, secret := g.config.client()
		client := sandbox.Client{Secret: secret}
		if redirect := g.config.redirectURL(); !isLoopback(hostOf(redirect)) {
			client.RedirectURIs = []string{redirect} // else any address of this machine will do
		}
		s = sandbox.New(sandbox.Options{
			Open: g.config.AllowEmbedded, BaseURL: g.config.publicURL(), WebhookURL: g.config.ownURL() + webhookRoute, WebhookTLS: g.ourself(),
			Clients: map[string]sandbox.Client{id: client},
		})
	}
	g.sandbox = s
	p := sandbox.NewPipe()
	server := &http.Server{Handler: s, ErrorLog: g.errorLog}
	go func() { _ = server.Serve(p) }() // ends with Close
	g.close = append(g.close, server.Close, p.Close, s.Close)
	return p.Dial
}

// Close ends what the gateway runs, what was begun last first.
func (g *Gateway) Close() error {
	g.closeSockets()
	var errs []error
	for _, f := range slices.Backward(g.close) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// authorize makes a request one of the token's owner.
func (g *Gateway) authorize(r *http.Request, token string) *http.Request {
	return r.WithContext(g.withToken(r.Context(), token))
}

// withToken makes a context one of the token's owner.
func (g *Gateway) withToken(ctx context.Context, token string) context.Context {
	return as(ctx, transport.Caller{
		Key:    g.tokenKey(token),
		Tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: token}),
	})
}

// caller stands for whom calls under ctx are of, "" for nobody.
func caller(ctx context.Context) string { return transport.CallerFrom(ctx).Key }

// tokenKey is the key of the token's owner.
func (g *Gateway) tokenKey(token string) string { return g.hash("token " + token) }

// as makes calls under ctx those of a caller, in the entry of the request.
func as(ctx context.Context, c transport.Caller) context.Context {
	entry := middleware.EntryFrom(ctx)
	entry.Caller = c.Key[:min(shownCaller, len(c.Key))]
	return transport.WithOperation(ctx, &transport.Operation{Caller: c, Calls: &entry.UpstreamCalls})
}

// shownCaller is how much of the hash of a caller the log has: enough to tell callers apart.
const shownCaller = 12

// hash stands for a secret and tells nothing about it.
func (g *Gateway) hash(secret string) string {
	mac := g.hashes.Get().(hash.Hash)
	defer g.hashes.Put(mac)
	mac.Reset()
	mac.Write([]byte(secret))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// logDocument logs what trusted documents say of a request. The hash is that of
// a text which is itself never logged: literals in it are data.
func (g *Gateway) logDocument(ctx context.Context, event, hash string) {
	g.log.Warn().Str("requestId", middleware.RequestIDFrom(ctx)).Str("document", hash).Msg(event)
}

// logBug logs what is the gateway's own fault. An error's text may hold what a
// client sent, so its type and, for a panic, the place are all that is logged.
func (g *Gateway) logBug(ctx context.Context, err error) {
	line := g.log.Error().Str("requestId", middleware.RequestIDFrom(ctx)).Str("type", fmt.Sprintf("%T", err))
	if p, ok := errors.AsType[*apierror.PanicError](err); ok {
		line = line.Bytes("stack", p.Stack)
	}
	line.Msg("internal error")
}
