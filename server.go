// Command fsgateway serves the Fullscript partner API as one GraphQL endpoint.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"fsgateway/internal/gateway"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	hurry, stopHurry := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(hurry, func() { stop(); stopHurry() }) // the next one kills
	err := run(ctx, hurry, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	stopHurry()
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(os.Stderr, "fsgateway:", strings.TrimSpace(line))
		}
		code := 1
		if e, ok := errors.AsType[interface {
			error
			ExitCode() int
		}](err); ok {
			code = e.ExitCode()
		}
		os.Exit(code)
	}
}

type commands struct {
	Serve     serve          `cmd:"" default:"withargs" help:"Serve the gateway (the default)."`
	Sandbox   sandbox        `cmd:"" help:"Serve the partner API in miniature, alone."`
	Schema    schemaCommand  `cmd:"" help:"Print the schema, one SDL file for code generators."`
	CheckSpec checkSpec      `cmd:"" help:"Compare a description of the partner API, such as today's, with the one that the schema was made from. Exits with 1 if they differ, 2 if something breaks."`
	Health    healthCommand  `cmd:"" help:"Ask a running gateway whether it is ready; for the health check of a container."`
	Version   versionCommand `cmd:"" help:"Print the version."`
}

type serve struct{ gateway.Config }

type sandbox struct{ gateway.SandboxConfig }

type checkSpec struct{ gateway.SpecConfig }

type healthCommand struct {
	AdminAddr string `help:"The gateway's --admin-addr." default:"127.0.0.1:8081" from:"GATEWAY_ADMIN_ADDR"`
}

type schemaCommand struct {
	Federation      bool `help:"Print it as a subgraph of Apollo Federation 2, for a composer." xor:"form"`
	SemanticNonNull bool `help:"Print it with @semanticNonNull on fields that are null only with an error." xor:"form"`
}

type versionCommand struct{}

// run is the whole program: the command in args, settings from args and getenv,
// until it is done or ctx ends. What is served then still takes requests for a
// while, until who sends them has noticed, unless hurry ends, too.
func run(ctx, hurry context.Context, args []string, getenv func(string) string, out io.Writer) error {
	var c commands
	exited := false
	secretFiles := map[string]string{}
	parser, err := kong.New(&c,
		kong.Name("fsgateway"),
		kong.Description("One GraphQL endpoint in front of the Fullscript partner API. Without arguments it serves an embedded sandbox."),
		kong.Writers(out, out),
		kong.Exit(func(int) { exited = true }), // after --help
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			return fromEnvironment(flag, getenv, secretFiles)
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
		return settingNamed(parser, err)
	}
	listening := func(r gateway.Running) error { return listen(ctx, hurry, r) }
	switch command, _, _ := strings.Cut(parsed.Command(), " "); command {
	case "sandbox":
		return gateway.ServeSandbox(c.Sandbox.SandboxConfig, out, listening)
	case "check-spec":
		return gateway.CheckSpec(ctx, c.CheckSpec.SpecConfig, out)
	case "health":
		return gateway.CheckHealth(ctx, c.Health.AdminAddr)
	case "schema":
		sdl := gateway.SDL
		switch {
		case c.Schema.Federation:
			sdl = gateway.SubgraphSDL
		case c.Schema.SemanticNonNull:
			sdl = gateway.SemanticSDL
		}
		_, err = io.WriteString(out, sdl())
		return err
	case "version":
		_, err = fmt.Fprintln(out, build())
		return err
	}
	if !c.Serve.Pprof {
		runtime.MemProfileRate = 0 // allocations are sampled for profiles, which nobody can ask for
	}
	return gateway.Serve(c.Serve.Config, out, listening, gateway.WithBuild(build()), gateway.WithSecretFiles(secretFiles))
}

// settingNamed completes an error of the parser, which knows a setting by its flag
// alone, with the setting's variable. It repeats no argument that may be a secret, or the part
// of one behind a space.
func settingNamed(parser *kong.Kong, err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "serve: "), "sandbox: ")
	commands := parser.Model.Children
	if strings.HasPrefix(text, "unexpected argument ") {
		var names []string
		for _, command := range commands {
			names = append(names, command.Name)
		}
		text = "unexpected argument; the commands are " + strings.Join(names, ", ") + ", and a value with spaces needs quotes"
	}
	if e, ok := errors.AsType[*kong.ParseError](err); ok {
		if selected := e.Context.Selected(); selected != nil { // others have flags of the same names
			commands = []*kong.Node{selected}
		}
	}
	for _, command := range commands {
		for _, flag := range command.Flags {
			if rest, ok := strings.CutPrefix(text, "--"+flag.Name+": "); ok {
				if flag.Tag.Has("secret") && strings.HasPrefix(rest, "expected ") {
					rest = "it has no value; put = before one that begins with a hyphen"
				}
				return fmt.Errorf("--%s (%s): %s", flag.Name, flag.Tag.Get("from"), rest)
			}
		}
	}
	return errors.New(text)
}

// fromEnvironment is a setting that no flag gives: its variable's value or, for a
// secret, what is in the file that the variable with _FILE names. nil is none.
// files is told which.
func fromEnvironment(flag *kong.Flag, getenv func(string) string, files map[string]string) (any, error) {
	name := flag.Tag.Get("from")
	if v := getenv(name); v != "" {
		return given(v)
	}
	path := getenv(name + "_FILE")
	if !flag.Tag.Has("secret") || path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s_FILE: %w", name, err)
	}
	value, err := given(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s_FILE: %w", name, err)
	}
	files[name] = path
	return value, nil
}

// given returns the value in the text of a variable or file. One that was meant to
// hold something and does not is an error, not a setting left out.
func given(text string) (any, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, errors.New("it holds nothing but white space; give it a value or leave it out")
	}
	return text, nil
}

// listen serves until ctx ends or a server fails, then lets what is in flight
// finish.
func listen(ctx, hurry context.Context, r gateway.Running) error {
	failed := make(chan error, len(r.Servers))
	for _, s := range r.Servers {
		go func() { failed <- s.Serve(s.Listener) }()
	}
	var errs []error
	select {
	case err := <-failed:
		errs = append(errs, err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.DrainTimeout)
	defer cancel()
	switch {
	case errs != nil:
		r.Drain(errs[0])
	case hurry.Err() != nil: // whose signal has ended ctx, too
		r.Drain(context.Cause(hurry))
	default:
		r.Drain(context.Cause(ctx))
	}
	if errs == nil {
		select {
		case <-time.After(r.DrainDelay):
		case err := <-failed:
			errs = append(errs, err)
		case <-hurry.Done():
		}
	}
	for _, s := range r.Servers {
		if err := s.Shutdown(drain); err != nil {
			errs = append(errs, fmt.Errorf("requests were cut off: %w", err), s.Close())
		}
	}
	return errors.Join(errs...)
}

// What a release sets, with -ldflags -X.
var version, commit, date string

// build says which program this is: as a release has set it, else as Go has noted it
// from git.
func build() gateway.Build {
	b := gateway.Build{Version: version, Commit: commit, Date: date}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(b.Version, info.Main.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = cmp.Or(b.Commit, s.Value)
		case "vcs.time":
			b.Date = cmp.Or(b.Date, s.Value)
		}
	}
	return b
}
