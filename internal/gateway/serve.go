package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	"fsgateway/graph"
	"fsgateway/internal/obs"
	"fsgateway/internal/sandbox"
)

// Server is a handler and where it is to listen.
type Server struct {
	Listener net.Listener
	Handler  http.Handler
}

// Listening runs servers until the program is to end.
type Listening func(...Server) error

// Serve runs the gateway and says on out how to use it.
func Serve(config Config, out io.Writer, listening Listening) (err error) {
	if err := config.Validate(); err != nil {
		return err
	}
	log, err := obs.NewLogger(out, config.LogLevel, config.LogFormat)
	if err != nil {
		return fmt.Errorf("--log-level, --log-format: %w", err)
	}
	l, err := open("--addr", config.Addr)
	if err != nil {
		return err
	}
	defer l.Close()
	config.Addr = l.Addr().String() // the port may just have been chosen
	g, err := New(config, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	servers := []Server{{l, g.Handler()}}
	if config.AdminAddr != "" {
		admin, err := open("--admin-addr", config.AdminAddr)
		if err != nil {
			return err
		}
		defer admin.Close()
		servers = append(servers, Server{admin, g.Admin()})
	}
	if g.sandbox != nil {
		greet(out, g.config.publicURL())
	} else {
		base, _ := config.upstreamURL()
		log.Info().Str("address", g.config.publicURL()+"/graphql").Str("upstream", base).Msg("serving")
	}
	return listening(servers...)
}

// ServeSandbox runs the sandbox alone.
func ServeSandbox(addr string, out io.Writer, listening Listening) error {
	l, err := open("--addr", addr)
	if err != nil {
		return err
	}
	defer l.Close()
	base := "http://" + l.Addr().String()
	fmt.Fprintf(out, "Sandbox of the partner API: %s/api\nControl:                    %s/_sandbox/\n\nTokens:\n", base, base)
	tokens(out)
	return listening(Server{l, sandbox.New(sandbox.Options{BaseURL: base})})
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

func greet(out io.Writer, address string) {
	fmt.Fprintf(out, "GraphQL:  %s/graphql\nUpstream: the embedded sandbox (made-up data, gone when this ends)\n\nTokens:\n", address)
	tokens(out)
	fmt.Fprintf(out, "\nTry it:\n  curl -s %s/graphql -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{\"query\":\"%s\"}'\n\n",
		address, sandbox.TokenPractitioner, fmt.Sprintf(greeting, sandbox.PatientWithManyPlans))
}

func tokens(out io.Writer) {
	for _, t := range sandbox.Tokens() {
		fmt.Fprintf(out, "  %-22s %s\n", t.Name, t.Description)
	}
}
