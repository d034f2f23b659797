package redisconn_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"fsgateway/internal/redisconn"
	"fsgateway/internal/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, redistest.Leftover()) }

// told is what a client says of its server.
type told struct {
	mu   sync.Mutex
	said []string
}

func (t *told) changed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.said = append(t.said, "works")
		return
	}
	t.said = append(t.said, err.Error())
}

func (t *told) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.said, "\n")
}

// set is what the tests need of a server.
func set(ctx context.Context, c rueidis.Client) error {
	return c.Do(ctx, c.B().Set().Key("fsgateway:1:test").Value("1").Build()).Error()
}

func open(t *testing.T, url string) (*redisconn.Client, *told) {
	t.Helper()
	said := &told{}
	c, err := redisconn.Open(redisconn.Options{URL: url, Check: set, Changed: said.changed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, said
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// TestRedisFailover: the primary becomes a replica and keeps its connections, and
// the address leads to another server. Nobody has to restart anything.
func TestRedisFailover(t *testing.T) {
	t.Parallel()
	one, two := redistest.Start(t), redistest.Start(t)
	relay := redistest.StartRelay(t, one)
	c, said := open(t, relay.URL)
	reader, release := c.Dedicate()
	defer release()
	waited := make(chan error, 1)
	go func() { // a read that waits, as that of events does
		waited <- reader.Do(context.Background(), reader.B().Blpop().Key("fsgateway:1:none").Timeout(60).Build()).Error()
	}()
	one.Demote(t, two)
	eventually(t, "the replica is not noticed", func() bool {
		_ = set(t.Context(), c)
		return strings.Contains(said.text(), "READONLY")
	})
	if err := c.Err(); err == nil || !strings.HasPrefix(err.Error(), "READONLY: ") || !strings.Contains(err.Error(), "primary") {
		t.Errorf("it says %v", err)
	}
	if err := set(t.Context(), c); err == nil || !strings.Contains(err.Error(), "READONLY") {
		t.Errorf("a command says %v", err)
	}
	if err := <-waited; err == nil {
		t.Error("a connection to the replica is kept")
	}
	relay.Lead(two)
	eventually(t, "the new primary is not used", func() bool { return set(t.Context(), c) == nil })
	if err := c.Err(); err != nil {
		t.Errorf("it says %v", err)
	}
	if text := said.text(); strings.Count(text, "works") != 1 || !strings.HasSuffix(text, "works") {
		t.Errorf("said is %q", text)
	}
}

// TestRedisIdle: what happens while nobody uses the server is noticed, too.
func TestRedisIdle(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c, said := open(t, server.URL)
	server.Stop(t)
	eventually(t, "nobody notices", func() bool { return c.Err() != nil })
	if text := said.text(); !strings.Contains(text, "cannot be reached") {
		t.Errorf("said is %q", text)
	}
	server.Restart(t)
	eventually(t, "it is not used again", func() bool { return c.Err() == nil && set(t.Context(), c) == nil })
}

// TestRedisHung: a server that is silent makes nobody wait once it is known, and
// a request's own end is nothing that it is blamed for.
func TestRedisHung(t *testing.T) {
	t.Parallel()
	relay := redistest.StartRelay(t, redistest.Start(t))
	c, said := open(t, relay.URL)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := set(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
	if text := said.text(); text != "" {
		t.Errorf("said is %q", text)
	}
	relay.Hang(true)
	eventually(t, "nobody notices", func() bool { return set(t.Context(), c) != nil && c.Err() != nil })
	begin := time.Now()
	for range 1000 { // each would wait for a second
		if err := set(t.Context(), c); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
			t.Fatalf("a command says %v", err)
		}
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("1,000 commands took %v", took)
	}
	relay.Hang(false)
	eventually(t, "it is not used again", func() bool { return set(t.Context(), c) == nil })
}

// TestRedisSaysWhatIsWrong names what Redis says, in the refusal to start as well as
// later, and neither password nor what was sent.
func TestRedisSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	const canary = "CANARY"
	for code, reply := range map[string]string{
		"NOPERM: the user":       "ERR The user executing the script can't run this command or subcommand script: 1",
		"READONLY":               "READONLY You can't write against a read only replica. script: " + canary,
		"OOM":                    "OOM command not allowed when used memory > 'maxmemory'.",
		"NOSCRIPT":               "NOSCRIPT No matching script. Please use EVAL.",
		"NOAUTH":                 "NOAUTH Authentication required.",
		"WRONGPASS":              "WRONGPASS invalid username-password pair or user is disabled.",
		"NOPERM":                 "NOPERM User " + canary + " has no permissions to run the 'evalsha' command",
		"MISCONF":                "MISCONF Redis is configured to save RDB snapshots",
		"LOADING":                "LOADING Redis is loading the dataset in memory",
		"MASTERDOWN":             "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
		"unknown command 'EVAL'": "ERR unknown command 'EVAL', with args beginning with: '" + canary + "'",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			// The server is asked for nothing but what the check asks for.
			refused := func(err error) error {
				_, openErr := redisconn.Open(redisconn.Options{
					URL: redistest.Start(t).URL, Changed: func(error) {},
					Check: func(ctx context.Context, c rueidis.Client) error {
						return c.Do(ctx, c.B().Eval().Script("return redis.error_reply(ARGV[1])").Numkeys(0).Arg(err.Error()).Build()).Error()
					},
				})
				return openErr
			}
			for _, reply := range []string{reply, "ERR Error running script (call to f_1): @user_script:1: -" + reply} {
				if strings.HasPrefix(reply, "ERR Error") && strings.Contains(reply, "-ERR") {
					continue
				}
				err := refused(errors.New(reply))
				if err == nil || !strings.Contains(err.Error(), code) || strings.Contains(err.Error(), canary) {
					t.Errorf("%q: %v", reply, err)
				}
			}
		})
	}
	for name, url := range map[string]string{
		"NoAddress": "http://" + canary, "Nobody": "redis://user:" + canary + "@127.0.0.1:1", "NoHost": "redis://user:" + canary + "@nobody.invalid:1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := redisconn.Open(redisconn.Options{URL: url, Check: set, Changed: func(error) {}}); err == nil || strings.Contains(err.Error(), canary) {
				t.Error(err)
			}
		})
	}
}
