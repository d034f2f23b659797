package gateway

import (
	"fmt"
	"net"
	"net/url"
	"sort"
	"strings"
	"time"
)

// Config is every setting. The tags are the command line's: name, environment
// variable, default and help. The table in README.md repeats them, and a test
// compares the two.
type Config struct {
	Addr             string        `help:"Address to listen on." default:"127.0.0.1:8080" from:"GATEWAY_ADDR"`
	Upstream         string        `help:"The partner's environment: embedded, us-sandbox, ca-sandbox, us, ca, or an API base URL." default:"embedded" from:"FULLSCRIPT_UPSTREAM"`
	AdminAddr        string        `help:"Address of the health pages; empty for none." default:"127.0.0.1:8081" from:"GATEWAY_ADMIN_ADDR"`
	PublicURL        string        `help:"The gateway's address as clients see it, for links to attachments. Default: http:// and --addr." from:"GATEWAY_PUBLIC_URL"`
	OperationTimeout time.Duration `help:"How long an operation may take; what is there by then is answered." default:"15s" from:"GATEWAY_OPERATION_TIMEOUT"`
	CallTimeout      time.Duration `help:"How long one call to the partner may take." default:"5s" from:"GATEWAY_CALL_TIMEOUT"`
	DialTimeout      time.Duration `help:"How long connecting to the partner may take." default:"2s" from:"GATEWAY_DIAL_TIMEOUT"`
	MaxConcurrency   int           `help:"Calls to the partner at once, shared fairly between callers." default:"64" from:"GATEWAY_MAX_CONCURRENCY"`
	MaxBody          int64         `help:"Bytes of a request's body." default:"262144" from:"GATEWAY_MAX_BODY"`
	LogLevel         string        `help:"trace, debug, info, warn or error." default:"info" from:"LOG_LEVEL"`
	LogFormat        string        `help:"auto (console on a terminal, else JSON), console or json." default:"auto" from:"LOG_FORMAT"`
}

// Embedded is the upstream that is the sandbox in the same process.
const Embedded = "embedded"

// environments are the partner's, by name.
// https://fullscript.dev/docs/getting-started/for-ai/overview
var environments = map[string]string{
	"us-sandbox": "https://api-us-snd.fullscript.io/api",
	"ca-sandbox": "https://api-ca-snd.fullscript.io/api",
	"us":         "https://api-us.fullscript.com/api",
	"ca":         "https://api-ca.fullscript.com/api",
}

// embeddedURL is where the embedded sandbox is called. The host is none: its
// connections never leave the process.
const embeddedURL = "http://sandbox.embedded/api"

// publicURL is the gateway's address as clients see it, without a slash at the
// end.
func (c *Config) publicURL() string {
	if c.PublicURL == "" {
		return "http://" + c.Addr
	}
	return strings.TrimRight(c.PublicURL, "/")
}

// Validate checks the settings; an error names the one that is wrong. The
// command line's parser calls it, too.
func (c *Config) Validate() error {
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		return fmt.Errorf("--addr: %q is no address such as 127.0.0.1:8080", c.Addr)
	}
	if _, _, err := net.SplitHostPort(c.AdminAddr); err != nil && c.AdminAddr != "" {
		return fmt.Errorf("--admin-addr: %q is no address such as 127.0.0.1:8081", c.AdminAddr)
	}
	if _, err := c.upstreamURL(); err != nil {
		return err
	}
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "") {
		return fmt.Errorf("--public-url: %q is no address such as https://graphql.example.com", c.PublicURL)
	}
	for name, d := range map[string]time.Duration{"operation-timeout": c.OperationTimeout, "call-timeout": c.CallTimeout, "dial-timeout": c.DialTimeout} {
		if d <= 0 {
			return fmt.Errorf("--%s: must be over zero", name)
		}
	}
	if c.MaxConcurrency < 1 {
		return fmt.Errorf("--max-concurrency: must be at least 1")
	}
	if c.MaxBody < 1 {
		return fmt.Errorf("--max-body: must be at least 1")
	}
	return nil
}

func (c *Config) upstreamURL() (string, error) {
	if c.Upstream == Embedded {
		return embeddedURL, nil
	}
	if base, known := environments[c.Upstream]; known {
		return base, nil
	}
	if u, err := url.Parse(c.Upstream); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		return c.Upstream, nil
	}
	names := []string{Embedded}
	for name := range environments {
		names = append(names, name)
	}
	sort.Strings(names[1:])
	return "", fmt.Errorf("--upstream: %q is none of %s, and no URL", c.Upstream, strings.Join(names, ", "))
}
