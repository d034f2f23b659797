// Command fsgateway serves the Fullscript partner API as one GraphQL endpoint.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"fsgateway/internal/gateway"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fsgateway:", err)
		os.Exit(1)
	}
}

type commands struct {
	Serve   serve          `cmd:"" default:"withargs" help:"Serve the gateway (the default)."`
	Sandbox sandbox        `cmd:"" help:"Serve the partner API in miniature, alone."`
	Schema  schemaCommand  `cmd:"" help:"Print the schema, one SDL file for code generators."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

type serve struct{ gateway.Config }

type sandbox struct {
	Addr string `help:"Address to listen on." default:"127.0.0.1:7070" from:"SANDBOX_ADDR"`
}

type schemaCommand struct{}

type versionCommand struct{}

// run is the whole program: the command in args, settings from args and getenv,
// until it is done or ctx ends.
func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) error {
	var c commands
	exited := false
	parser, err := kong.New(&c,
		kong.Name("fsgateway"),
		kong.Description("One GraphQL endpoint in front of the Fullscript partner API. Without arguments it serves an embedded sandbox."),
		kong.Writers(out, out),
		kong.Exit(func(int) { exited = true }), // after --help
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if v := getenv(flag.Tag.Get("from")); v != "" {
				return v, nil
			}
			return nil, nil
		})),
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if exited {
		return nil
	}
	if err != nil {
		return err
	}
	listening := func(servers ...gateway.Server) error { return listen(ctx, servers) }
	switch command, _, _ := strings.Cut(parsed.Command(), " "); command {
	case "sandbox":
		return gateway.ServeSandbox(c.Sandbox.Addr, out, listening)
	case "schema":
		_, err = io.WriteString(out, gateway.SDL())
		return err
	case "version":
		_, err = fmt.Fprintln(out, version())
		return err
	}
	return gateway.Serve(c.Serve.Config, out, listening)
}

// listen serves until ctx ends or a server fails, then lets what is in flight
// finish.
func listen(ctx context.Context, servers []gateway.Server) error {
	failed := make(chan error, len(servers))
	running := make([]*http.Server, len(servers))
	for i, s := range servers {
		running[i] = &http.Server{Handler: s.Handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10}
		go func() { failed <- running[i].Serve(s.Listener) }()
	}
	var errs []error
	select {
	case err := <-failed:
		errs = append(errs, err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	for _, s := range running {
		if err := s.Shutdown(drain); err != nil {
			errs = append(errs, err, s.Close())
		}
	}
	return errors.Join(errs...)
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
