package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"syscall"
	"time"

	"fsgateway/graph"
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
	// Drain is called when the end begins, before anything is refused.
	Drain func()
	// DrainDelay is how long new requests are still taken after that,
	// DrainTimeout when all has to be over.
	DrainDelay, DrainTimeout time.Duration
}

// Listening runs servers until the program is to end.
type Listening func(Running) error

// server is how the gateway serves a handler.
func (c *Config) server(l net.Listener, h http.Handler, errorLog *log.Logger) Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(c.H2C)
	return Server{Listener: l, Server: &http.Server{
		Handler: h, ErrorLog: errorLog, Protocols: protocols, MaxHeaderBytes: c.MaxHeaderBytes,
		ReadHeaderTimeout: min(readHeaderTimeout, c.ReadTimeout), ReadTimeout: c.ReadTimeout, IdleTimeout: c.IdleTimeout,
		// No WriteTimeout: attachments take as long as they are long, and an
		// operation has a time of its own.
	}}
}

// Serve runs the gateway and says on out how to use it.
func Serve(config Config, out io.Writer, listening Listening) (err error) {
	config.fill()
	if err := config.Validate(); err != nil {
		return err
	}
	logger, err := obs.NewLogger(out, config.LogLevel, config.LogFormat)
	if err != nil {
		return fmt.Errorf("--log-level, --log-format: %w", err)
	}
	l, err := open("--addr", config.Addr)
	if err != nil {
		return err
	}
	defer l.Close()
	config.Addr = l.Addr().String() // the port may just have been chosen
	g, err := New(config, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	obs.CaptureStandardLog(g.noteHTTP)
	servers := []Server{config.server(l, g.Handler(), g.errorLog)}
	health := ""
	if config.AdminAddr != "" {
		admin, err := open("--admin-addr", config.AdminAddr)
		if err != nil {
			return err
		}
		defer admin.Close()
		servers = append(servers, config.server(admin, g.Admin(), g.errorLog))
		health = "http://" + admin.Addr().String()
	}
	if g.sandbox != nil {
		greet(out, g.config.publicURL(), health)
	} else {
		base, _ := config.upstreamURL()
		logger.Info().Str("address", g.config.publicURL()+"/graphql").Str("upstream", base).Str("admin", health).Msg("serving")
	}
	return listening(Running{servers, g.Drain, config.DrainDelay, config.DrainTimeout})
}

// ServeSandbox runs the sandbox alone.
func ServeSandbox(addr string, out io.Writer, listening Listening) (err error) {
	l, err := open("--addr", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	base := "http://" + l.Addr().String()
	fmt.Fprintf(out, "Sandbox of the partner API: %s/api\nControl:                    %s/_sandbox/\n\nTokens:\n", base, base)
	tokens(out)
	var config Config
	config.fill()
	s := sandbox.New(sandbox.Options{BaseURL: base})
	drop := func(string) {}
	obs.CaptureStandardLog(drop)
	defer func() { err = errors.Join(err, s.Close()) }()
	return listening(Running{
		Servers: []Server{config.server(l, s, obs.NewErrorLog(drop))}, Drain: func() {}, DrainTimeout: config.DrainTimeout,
	})
}

// CheckHealth asks the gateway whose admin address it is given whether it is
// ready; an error says what it answered.
func CheckHealth(ctx context.Context, adminAddr string) error {
	host, port, err := net.SplitHostPort(adminAddr)
	if err != nil {
		return fmt.Errorf("--admin-addr: %q is no address such as 127.0.0.1:8081", adminAddr)
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

func open(flag, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %s is in use; choose another, such as %s 127.0.0.1:0 for any that is free", flag, addr, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return l, nil
}

// greeting is the query that a newcomer copies: a patient, their plans, what
// each recommends, with product and brand.
const greeting = `{ patient(id: \"%s\") { firstName lastName treatmentPlans(first: 2) { nodes { state recommendations { variant { sku product { name brand { name } } } } } } } }`

func greet(out io.Writer, address, health string) {
	fmt.Fprintf(out, "GraphQL:  %s/graphql\nGraphiQL: %[1]s/\nUpstream: the embedded sandbox (made-up data, gone when this ends)\n", address)
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
