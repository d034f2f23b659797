// Package obs is how the gateway shows what it does: its log.
package obs

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

var levels = []string{"trace", "debug", "info", "warn", "error"}

// NewLogger writes to out. format is "json", "console", or "auto": console on a
// terminal, else JSON. level is one of levels.
func NewLogger(out io.Writer, level, format string) (zerolog.Logger, error) {
	level = strings.ToLower(level)
	l, err := zerolog.ParseLevel(level)
	if err != nil || !slices.Contains(levels, level) { // it knows others, and numbers
		return zerolog.Nop(), fmt.Errorf("%q is no log level: %s", level, strings.Join(levels, ", "))
	}
	switch {
	case format == "console", format == "auto" && isTerminal(out):
		out = zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly}
	case format == "json", format == "auto":
	default:
		return zerolog.Nop(), fmt.Errorf("%q is no log format: auto, console or json", format)
	}
	return zerolog.New(out).Level(l).With().Timestamp().Logger(), nil
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
