package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"syscall"
	"time"

	"fsgateway/graph"
	"fsgateway/internal/middleware"
	"fsgateway/internal/obs"
	"fsgateway/internal/sandbox"
)

// readHeaderTimeout bounds how long headers may take to arrive.
const readHeaderTimeout = 5 * time.Second

// Server is an HTTP server and where it is to listen.
type Server struct {
	*http.Server
	Listener net.Listener
}

// Running is what is to be served, and how it is to end.
type Running struct {
	// Servers are ended in this order: who asks for the health of the first
	// needs the last.
	Servers []Server
	// Drain is called when the end begins, before anything is refused, with the
	// reason for it.
	Drain func(why error)
	// DrainDelay is how long new requests are still taken after that,
	// DrainTimeout when all has to be over.
	DrainDelay, DrainTimeout time.Duration
}

// Listening runs servers until the program is to end.
type Listening func(Running) error

// Server is how the gateway serves its clients.
func (g *Gateway) Server(l net.Listener) Server {
	s := g.config.server(overTLS(l, g.tls), g.Handler(), g.errorLog)
	s.ConnState = g.clients.connState
	return s
}

// server is how the gateway serves a handler.
func (c *Config) server(l net.Listener, h http.Handler, errorLog *log.Logger) Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(c.TLSCert != "")
	protocols.SetUnencryptedHTTP2(c.H2C)
	return Server{Listener: l, Server: &http.Server{
		Handler: h, ErrorLog: errorLog, Protocols: protocols, MaxHeaderBytes: c.MaxHeaderBytes,
		ReadHeaderTimeout: min(readHeaderTimeout, c.ReadTimeout), ReadTimeout: c.ReadTimeout, IdleTimeout: c.IdleTimeout,
		// No WriteTimeout, which would be that of a whole answer: the handlers give
		// each piece one. In HTTP/2 it ends a stream, and this a connection on which
		// not even the end of a stream can be written.
		HTTP2: &http.HTTP2Config{
			WriteByteTimeout: c.WriteTimeout,
			// What is sent of bodies that nobody has read yet is kept, of each connection.
			MaxConcurrentStreams: maxStreams, MaxReceiveBufferPerConnection: receiveBuffer, MaxReceiveBufferPerStream: receiveBuffer / 4,
		},
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if encrypted, ok := conn.(*tls.Conn); ok {
				conn = encrypted.NetConn()
			}
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetWriteBuffer(sendBuffer)
			}
			return ctx
		},
	}}
}

// maxStreams is how many requests a connection of HTTP/2 may carry at once, receiveBuffer
// how many bytes of their bodies are kept that nobody has read yet.
const (
	maxStreams    = 100
	receiveBuffer = 256 << 10
)

// sendBuffer is what the kernel keeps of a connection; Linux doubles it. It takes
// more only once a third of that is free, so that a client that reads steadily,
// but slowly, would seem not to read at all behind the four megabytes that it
// grows to by itself.
const sendBuffer = middleware.WritePiece / 2

// Serve runs the gateway and says on out how to use it.
func Serve(config Config, out io.Writer, listening Listening, opts ...Option) (err error) {
	if err := config.Validate(); err != nil {
		return err
	}
	gc, memory := TuneRuntime() // before memory is used and freed
	logger, err := obs.NewLogger(out, config.LogLevel, config.LogFormat)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", config.name(&config.LogLevel), config.name(&config.LogFormat), err)
	}
	l, err := open(config.name(&config.Addr), config.Addr)
	if err != nil {
		return err
	}
	defer l.Close()
	config.Addr = l.Addr().String() // the port may just have been chosen
	g, err := New(config, logger, opts...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	obs.CaptureStandardLog(g.noteHTTP)
	servers := []Server{g.Server(l)}
	health := ""
	if config.AdminAddr != "" {
		admin, err := open(config.name(&config.AdminAddr), config.AdminAddr)
		if err != nil {
			return err
		}
		defer admin.Close()
		servers = append(servers, config.server(admin, g.Admin(), g.errorLog))
		health = localURL(admin.Addr().String())
	}
	if g.sandbox != nil {
		g.greet(out, health)
	}
	base, _ := config.upstreamURL()
	debug.FreeOSMemory() // what starting took, mostly to read the schema and to fill the sandbox
	logger.Info().Str("address", g.config.publicURL()+"/graphql").Str("upstream", base).Str("admin", health).
		Str("version", g.build.Version).Str("commit", g.build.Commit).Str("date", g.build.Date).
		Int("gcPercent", gc).Int64("memoryLimitMB", memory>>20).Msg("serving")
	defer func() { logger.Info().Msg("stopped") }()
	drain := func(why error) {
		logger.Info().Str("reason", why.Error()).Str("delay", config.DrainDelay.String()).Str("timeout", config.DrainTimeout.String()).Msg("stopping")
		g.Drain()
	}
	return listening(Running{servers, drain, config.DrainDelay, config.DrainTimeout})
}

// SandboxConfig is every setting of the sandbox alone.
type SandboxConfig struct {
	Addr         string   `help:"Address to listen on." default:"127.0.0.1:7070" from:"SANDBOX_ADDR"`
	ClientID     string   `help:"The id of the app that it knows." default:"sandbox-client" from:"SANDBOX_CLIENT_ID"`
	ClientSecret string   `help:"The app's client secret." default:"sandbox-secret" secret:"" from:"SANDBOX_CLIENT_SECRET"`
	RedirectURLs []string `name:"redirect-urls" help:"Where the app may be led back to after a sign-in, comma-separated. Default: any address of this machine." from:"SANDBOX_REDIRECT_URLS"`
}

// Validate checks the settings. The command line's parser calls it.
func (c *SandboxConfig) Validate() error {
	var errs []error
	if c.ClientID == "" {
		errs = append(errs, errors.New("--client-id (SANDBOX_CLIENT_ID): it is empty; an app has an id"))
	}
	if n := len(c.ClientSecret); n < minSecret {
		errs = append(errs, fmt.Errorf("--client-secret (SANDBOX_CLIENT_SECRET): it has %d characters, less than %d, which a gateway refuses", n, minSecret))
	}
	c.RedirectURLs = splitList(c.RedirectURLs)
	for _, address := range c.RedirectURLs {
		if !isAddress(address) {
			errs = append(errs, fmt.Errorf("--redirect-urls (SANDBOX_REDIRECT_URLS): %q is not a URL such as https://graphql.example.com/oauth/callback", hidden(address)))
		}
	}
	return errors.Join(errs...)
}

// ServeSandbox runs the sandbox alone.
func ServeSandbox(c SandboxConfig, out io.Writer, listening Listening) (err error) {
	l, err := open("--addr (SANDBOX_ADDR)", c.Addr)
	if err != nil {
		return err
	}
	defer l.Close()
	config := DefaultConfig()
	base := localURL(l.Addr().String())
	fmt.Fprintf(out, "Sandbox of the partner API: %s/api\nControl:                    %[1]s/_sandbox/\nClient id:                  %s\nClient secret:              %s\n\nTokens:\n",
		base, c.ClientID, c.ClientSecret)
	tokens(out)
	s := sandbox.New(sandbox.Options{
		BaseURL: base, Open: !listensOnLoopback(l.Addr().String()),
		Clients: map[string]sandbox.Client{c.ClientID: {Secret: c.ClientSecret, RedirectURIs: c.RedirectURLs}},
	})
	drop := func(string) {}
	obs.CaptureStandardLog(drop)
	defer func() { err = errors.Join(err, s.Close()) }()
	return listening(Running{
		Servers: []Server{config.server(l, middleware.WriteTimeout(config.WriteTimeout)(s), obs.NewErrorLog(drop))}, Drain: func(error) {}, DrainTimeout: config.DrainTimeout,
	})
}

// CheckHealth asks the gateway whose admin address it is given whether it is
// ready; an error says what it answered.
func CheckHealth(ctx context.Context, adminAddr string) error {
	host, port, err := net.SplitHostPort(adminAddr)
	if err != nil {
		return fmt.Errorf("--admin-addr: %q is not an address such as 127.0.0.1:8081", adminAddr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost" // where one that listens everywhere can be asked
	}
	ctx, cancel := context.WithTimeout(ctx, readHeaderTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("--admin-addr: %w", err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("it does not answer: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 100))
		return fmt.Errorf("it is not ready: %s", bytes.TrimSpace(why))
	}
	return nil
}

// SDL is the schema as one file.
func SDL() string { return graph.SDL() }

// SemanticSDL is the schema with @semanticNonNull.
func SemanticSDL() string { return graph.SemanticSDL() }

// SubgraphSDL is the schema as a subgraph of Apollo Federation 2.
func SubgraphSDL() string { return graph.SubgraphSDL() }

func open(setting, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %s is in use; choose another, such as 127.0.0.1:0 for any that is free", setting, addr)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return l, nil
}

// greeting is the query that a newcomer copies: a patient, their plans, what
// each recommends, with product and brand.
const greeting = `{ patient(id: \"%s\") { firstName lastName treatmentPlans(first: 2) { nodes { state recommendations { variant { sku product { name brand { name } } } } } } } }`

func (g *Gateway) greet(out io.Writer, health string) {
	address := g.config.publicURL()
	fmt.Fprintf(out, "GraphQL:  %s/graphql\n", address)
	if g.config.GraphiQL {
		fmt.Fprintf(out, "GraphiQL: %s/\n", address)
	}
	fmt.Fprintln(out, "Upstream: the embedded sandbox (made-up data, gone when this ends)")
	if health != "" {
		fmt.Fprintf(out, "Health:   %s/readyz, metrics: %s/metrics\n", health, health)
	}
	fmt.Fprint(out, "\nTokens:\n")
	tokens(out)
	fmt.Fprintf(out, "\nTry it:\n  curl -s %s/graphql -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{\"query\":\"%s\"}'\n\n",
		address, sandbox.TokenPractitioner, fmt.Sprintf(greeting, sandbox.PatientWithManyPlans))
}

func tokens(out io.Writer) {
	for _, t := range sandbox.Tokens() {
		fmt.Fprintf(out, "  %-22s %s\n", t.Name, t.Description)
	}
}
