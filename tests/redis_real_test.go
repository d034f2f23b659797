//go:build redis

package tests

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/redistest"
	"fsgateway/internal/sandbox"
)

// allowed is what docs/config.md says that the user has to be allowed.
const allowed = "resetchannels ~fsgateway:* &fsgateway:* +@connection +get +set +del +exists +incr +pexpire +time +eval +evalsha +xadd +xtrim +xread +xrevrange +publish +subscribe +unsubscribe"

// TestRedisRefusalOfRealServer: a server that is set up wrongly is refused at the
// start, by the word of Redis.
func TestRedisRefusalOfRealServer(t *testing.T) {
	t.Parallel()
	start := func(url string) error {
		c := config()
		c.EncryptionKey, c.RedisURL = []string{strings.Repeat("key ", 8)}, url
		g, err := gateway.New(c, zerolog.Nop(), gateway.WithSandbox(sandbox.New(sandbox.Options{})))
		if err != nil {
			return err
		}
		return g.Close()
	}
	const secret = "CANARY"
	for name, test := range map[string]struct{ command, user, code string }{
		"OutOfMemory":  {"CONFIG SET maxmemory 1", "", "OOM: "},
		"NoPassword":   {"CONFIG SET requirepass " + secret, "", "NOAUTH: "},
		"WrongUser":    {"PING", "nobody:" + secret, "WRONGPASS: "},
		"NoReplicas":   {"CONFIG SET min-replicas-to-write 1", "", "NOREPLICAS: "},
		"AsDocumented": {"ACL SETUSER gateway on >" + secret + " " + allowed, "gateway:" + secret, ""},
		"OtherKeys":    {"ACL SETUSER gateway on >" + secret + " ~other:* +@all", "gateway:" + secret, "NOPERM: "},
		"NoScripts":    {"ACL SETUSER gateway on >" + secret + " " + allowed + " -eval -evalsha", "gateway:" + secret, "NOPERM: "},
		"NoStreams":    {"ACL SETUSER gateway on >" + secret + " " + allowed + " -xadd", "gateway:" + secret, "NOPERM: "},
		"NoPublish":    {"ACL SETUSER gateway on >" + secret + " " + allowed + " -publish", "gateway:" + secret, "NOPERM: "},
		"NoSubscribe":  {"ACL SETUSER gateway on >" + secret + " " + allowed + " -subscribe", "gateway:" + secret, "NOPERM: "},
		"OtherChannel": {"ACL SETUSER gateway on >" + secret + " " + allowed + " resetchannels &other:*", "gateway:" + secret, "NOPERM: "},
		"NoReading":    {"ACL SETUSER gateway on >" + secret + " " + allowed + " -xread", "gateway:" + secret, "NOPERM: "},
		"ReadOnly":     {"REPLICAOF 127.0.0.1 1", "", "READONLY: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			c := redistest.Client(t, server.URL)
			words := strings.Fields(test.command)
			if err := c.Do(t.Context(), c.B().Arbitrary(words[0]).Args(words[1:]...).Build()).Error(); err != nil {
				t.Fatal(err)
			}
			url := server.URL
			if test.user != "" {
				url = strings.Replace(url, "//", "//"+test.user+"@", 1)
			}
			err := start(url)
			if test.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if text := fmt.Sprint(err); err == nil || !strings.HasPrefix(text, "--redis-url: "+test.code) || strings.Contains(text, secret) {
				t.Error(errors.Join(err))
			}
		})
	}
}
