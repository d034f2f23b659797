package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// faults are the codes by which Redis says that it cannot be used as it is, and
// what to do. Any other refusal is of one command.
var faults = map[string]string{
	"READONLY":    "the server is a replica and takes no writes; --redis-url must lead to the primary",
	"MASTERDOWN":  "the server is a replica that has lost its primary; --redis-url must lead to the primary",
	"NOREPLICAS":  "the server takes no writes, since too few replicas follow it",
	"OOM":         "the server is out of memory; raise maxmemory, or remove what others keep there",
	"MISCONF":     "the server takes no writes, since it cannot save to disk; see its log",
	"LOADING":     "the server is still loading its data",
	"BUSY":        "the server is busy with another client's script",
	"NOSCRIPT":    "the server does not run scripts that are sent to it, which the gateway needs",
	"NOAUTH":      "the server wants a password; put it into --redis-url",
	"WRONGPASS":   "the server does not accept the user and password of --redis-url",
	"NOPERM":      "the user of --redis-url may not do what the gateway needs; the documentation of --redis-url lists the commands and keys",
	"CLUSTERDOWN": "the cluster does not serve all its slots",
}

// Fault is why a server cannot be used.
type Fault struct {
	// Code is Redis's own word, such as READONLY, or "" when it said nothing.
	Code string
	text string
}

func (f *Fault) Error() string { return f.text }

// describe says what an error of a server means, without any text of ours that an
// answer may quote.
func describe(err error) error {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	if code := codeOf(err); code != "" {
		return &Fault{code, code + ": " + faults[code]}
	}
	if refused, ok := errors.AsType[*rueidis.RedisError](err); ok {
		text, _, _ := strings.Cut(refused.Error(), ",") // after "unknown command 'x'," come its arguments
		text, _, _ = strings.Cut(text, " script: ")
		return &Fault{"", "the server refuses what the gateway needs: " + text}
	}
	return &Fault{"", fmt.Sprintf("the server cannot be reached: %v", err)}
}

// unusable reports whether an error says something about the server rather than
// about one command. NOSCRIPT does not: the script is then sent whole.
func unusable(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false // of the caller that shared the attempt to connect
	}
	if _, refused := errors.AsType[*rueidis.RedisError](err); refused {
		code := codeOf(err)
		return code != "" && code != "NOSCRIPT"
	}
	return true
}

// codeOf finds the code in an error of Redis. Older servers put the text of an error
// in a script behind words of their own: "ERR Error running script …: -READONLY …".
func codeOf(err error) string {
	refused, ok := errors.AsType[*rueidis.RedisError](err)
	if !ok || refused.IsNil() {
		return ""
	}
	text := refused.Error()
	if strings.Contains(text, "executing the script can't ") { // without a code in Redis 7.0
		return "NOPERM"
	}
	for code := range faults {
		if strings.HasPrefix(text, code+" ") || strings.Contains(text, "-"+code+" ") {
			return code
		}
	}
	return ""
}
