package gateway

import (
	"math"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"fsgateway/internal/middleware"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/seal"
)

// minSecret is the least length of a secret made elsewhere. What is shorter
// was cut off, or is a placeholder.
const minSecret = 6

// Validate splits lists into their values and checks the settings. The error has a line for each one
// that is wrong, in the order of the fields. The command line's parser calls it, too.
func (c *Config) Validate() error {
	c.splitLists()
	r := &refusals{config: c}
	c.checkAddresses(r)
	c.checkEmbedded(r)
	c.checkBounds(r)
	c.checkOrigins(r)
	c.checkHeaders(r)
	c.checkSignIn(r)
	if c.MCP && c.PersistedManifest == "" && c.Upstream != Embedded {
		r.add(&c.MCP, "there are no documents to offer; set --persisted-manifest")
	}
	if c.MCPWrites && !c.MCP {
		r.add(&c.MCPWrites, "there are no tools; set --mcp")
	}
	c.checkTLS(r)
	c.checkRedis(r)
	c.checkEvents(r)
	if c.Pprof && c.AdminAddr == "" {
		r.add(&c.Pprof, "profiles are served on --admin-addr, which is empty; set both or neither")
	}
	if !slices.Contains([]string{"auto", "on", "off"}, c.Introspection) {
		r.add(&c.Introspection, "%q is not one of auto, on, off", c.Introspection)
	}
	if c.CacheInRedis && c.RedisURL == "" {
		r.add(&c.CacheInRedis, "there is no --redis-url to keep answers in")
	}
	if math.IsNaN(c.TraceRatio) || c.TraceRatio < 0 || c.TraceRatio > 1 {
		r.add(&c.TraceRatio, "%v is not between 0 and 1", c.TraceRatio)
	}
	if c.OTLPEndpoint = strings.TrimRight(c.OTLPEndpoint, "/"); c.OTLPEndpoint != "" && !isPlainAddress(c.OTLPEndpoint) {
		r.add(&c.OTLPEndpoint, "%q is not a URL such as http://127.0.0.1:4318", c.OTLPEndpoint)
	}
	for _, text := range c.TrustedProxies {
		if _, err := parseNetwork(text); err != nil {
			r.add(&c.TrustedProxies, "%q is not an address or a network such as 10.0.0.0/8", text)
		}
	}
	if !slices.Contains(middleware.Forwarded, c.ForwardedHeader) {
		r.add(&c.ForwardedHeader, "%q is not one of %s", c.ForwardedHeader, strings.Join(middleware.Forwarded, ", "))
	}
	if c.BudgetWindow > 0 && c.BudgetWindow < time.Second {
		r.add(&c.BudgetWindow, "%v is less than a second", c.BudgetWindow)
	}
	if !slices.Contains(budgetScopes, c.BudgetScope) {
		r.add(&c.BudgetScope, "%q is not one of %s", c.BudgetScope, strings.Join(budgetScopes, ", "))
	}
	return r.err()
}

// isAddress reports whether text is a URL of http or https.
func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}

// isPlainAddress reports whether text is one that paths can be added to.
func isPlainAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isAddress(text) && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

func (c *Config) checkAddresses(r *refusals) {
	if _, _, err := net.SplitHostPort(c.Addr); err != nil {
		r.add(&c.Addr, "%q is not an address such as 127.0.0.1:8080", c.Addr)
	}
	if _, _, err := net.SplitHostPort(c.AdminAddr); err != nil && c.AdminAddr != "" {
		r.add(&c.AdminAddr, "%q is not an address such as 127.0.0.1:8081", c.AdminAddr)
	}
	for i, host := range c.AdminHosts {
		c.AdminHosts[i] = strings.ToLower(host)
		if host == "" || strings.ContainsAny(host, "/:*") {
			r.add(&c.AdminHosts, "%q is not a host name such as gateway.internal, without a port", host)
		}
	}
	if _, err := c.upstreamURL(); err != nil {
		r.add(&c.Upstream, "%v", err)
	} else if inClear(c.Upstream) == anywhere {
		r.add(&c.Upstream, "tokens and patient data would cross the internet unencrypted; use https, or http to a host in a private network")
	}
	for _, setting := range []*string{&c.PublicURL, &c.RedirectURL, &c.AuthorizeURL} {
		if *setting != "" && !isPlainAddress(*setting) {
			r.add(setting, "%q is not a URL such as https://graphql.example.com", *setting)
		}
	}
	if inClear(c.AuthorizeURL) == anywhere {
		r.add(&c.AuthorizeURL, "users would give consent on an http page that anyone on the network could change; use https")
	}
	if c.isHTTPS() && inClear(c.RedirectURL) == anywhere {
		r.add(&c.RedirectURL, "codes would arrive over http, but --public-url uses https; use https")
	}
}

// isHTTPS reports whether clients reach the gateway over TLS.
func (c *Config) isHTTPS() bool { return strings.HasPrefix(strings.ToLower(c.publicURL()), "https:") }

// checkEmbedded refuses what makes sense with a real partner alone, so that a
// gateway whose --upstream was forgotten does not run: anyone who reaches the sandbox
// may read and change everything in it.
func (c *Config) checkEmbedded(r *refusals) {
	if c.Upstream != Embedded || c.AllowEmbedded {
		return
	}
	const (
		mend   = "; set --upstream, or --allow-embedded if you mean the sandbox"
		open   = "others could reach the embedded sandbox, which answers anyone" + mend
		theirs = "the embedded sandbox does not take the credentials of a real app" + mend
	)
	if _, _, err := net.SplitHostPort(c.Addr); err == nil && !listensOnLoopback(c.Addr) {
		r.add(&c.Addr, open)
	}
	if isPlainAddress(c.PublicURL) && !isLoopback(hostOf(c.PublicURL)) {
		r.add(&c.PublicURL, open)
	}
	for _, credential := range []struct {
		setting *string
		own     string
	}{
		{&c.ClientID, sandbox.DefaultClientID},
		{&c.ClientSecret, sandbox.DefaultClientSecret},
		{&c.WebhookChallenge, sandbox.DefaultWebhookChallenge},
	} {
		if *credential.setting != "" && *credential.setting != credential.own {
			r.add(credential.setting, theirs)
		}
	}
	if slices.ContainsFunc(c.WebhookSecret, func(key string) bool { return key != sandbox.DefaultWebhookSecret }) {
		r.add(&c.WebhookSecret, theirs)
	}
}

// checkBounds holds numbers and durations to the bounds in their tags.
func (c *Config) checkBounds(r *refusals) {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		tag, f := v.Type().Field(i).Tag, v.Field(i)
		setting := f.Addr().Interface()
		switch {
		case tag.Get("over") == "0" && f.Int() <= 0:
			r.add(setting, "%v is not greater than zero", f.Interface())
		case tag.Get("min") == "1" && f.Int() < 1:
			r.add(setting, "%v is less than 1", f.Interface())
		case tag.Get("min") == "0" && f.Int() < 0:
			r.add(setting, "%v is negative; the minimum is 0", f.Interface())
		}
	}
	if c.DrainDelay >= c.DrainTimeout && c.DrainTimeout > 0 {
		r.add(&c.DrainDelay, "%s is not less than --drain-timeout, %s", c.DrainDelay, c.DrainTimeout)
	}
}

func (c *Config) checkOrigins(r *refusals) {
	for _, origin := range c.CORSOrigins {
		u, err := url.Parse(origin)
		switch {
		case err != nil || !isAddress(origin) || origin != u.Scheme+"://"+u.Host || strings.Contains(origin, "*"):
			r.add(&c.CORSOrigins, "%q is not an origin such as https://app.example.com", origin)
		case c.isHTTPS() && inClear(origin) == anywhere:
			r.add(&c.CORSOrigins, "%q is a page over http, which anyone on the network can change, but --public-url uses https; use https", origin)
		}
	}
}

// headerName matches the names that a header can have.
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func (c *Config) checkHeaders(r *refusals) {
	for _, name := range c.CORSHeaders {
		if !headerName.MatchString(name) || name == "*" {
			r.add(&c.CORSHeaders, "%q is not a header name such as X-Session-Id", name)
		}
	}
}

func (c *Config) checkSignIn(r *refusals) {
	if c.ClientID != "" && c.ClientSecret == "" {
		r.add(&c.ClientSecret, "--client-id needs it; set both or neither")
	}
	if c.ClientID == "" && c.ClientSecret != "" {
		r.add(&c.ClientID, "--client-secret needs it; set both or neither")
	}
	c.checkSecret(r, &c.ClientSecret, c.ClientSecret)
	local := listensOnLoopback(c.Addr)
	if c.PublicURL != "" {
		local = isLoopback(hostOf(c.PublicURL))
	}
	if c.ClientID != "" && c.Upstream != Embedded && !c.isHTTPS() && !local {
		r.add(&c.PublicURL, "signing in requires https unless the gateway is only reachable from this machine")
	}
	for _, key := range c.EncryptionKey {
		if len(key) < seal.MinSecret {
			r.add(&c.EncryptionKey, "one of the keys has %d bytes, fewer than %d; create one with openssl rand -base64 32", len(key), seal.MinSecret)
		}
	}
}

// checkSecret refuses one that is too short, without repeating it.
func (c *Config) checkSecret(r *refusals, setting any, secret string) {
	if n := len(secret); n > 0 && n < minSecret {
		r.add(setting, "it has %d characters, fewer than %d: too short for a secret; copy it again from the partner's dashboard", n, minSecret)
	}
}

func (c *Config) checkTLS(r *refusals) {
	for _, pair := range [][2]*string{{&c.TLSCert, &c.TLSKey}, {&c.UpstreamCert, &c.UpstreamKey}} {
		for i, setting := range pair {
			if *setting == "" && *pair[1-i] != "" {
				r.add(setting, "a certificate and its key go together; set both or neither")
			}
		}
	}
	if c.TLSClientCA != "" && c.TLSCert == "" {
		r.add(&c.TLSClientCA, "clients present certificates over https only; set --tls-cert and --tls-key")
	}
	if c.H2C && c.TLSCert != "" {
		r.add(&c.H2C, "with --tls-cert there is nothing without TLS")
	}
	if c.TLSCert != "" && c.PublicURL != "" && !c.isHTTPS() {
		r.add(&c.PublicURL, "the gateway serves https (--tls-cert)")
	}
}

func (c *Config) checkRedis(r *refusals) {
	if c.RedisURL == "" {
		return
	}
	if _, err := rueidis.ParseURL(c.RedisURL); err != nil { // whose text has the password in it
		r.add(&c.RedisURL, "not a URL such as redis://127.0.0.1:6379")
	} else if len(c.EncryptionKey) == 0 {
		r.add(&c.RedisURL, "data in Redis is encrypted; set --encryption-key to the same value on all gateways that share the server")
	}
}

func (c *Config) checkEvents(r *refusals) {
	if len(c.WebhookSecret) > 0 && c.WebhookChallenge == "" {
		r.add(&c.WebhookChallenge, "--webhook-secret needs it; set both or neither")
	}
	if len(c.WebhookSecret) == 0 && c.WebhookChallenge != "" {
		r.add(&c.WebhookSecret, "--webhook-challenge needs it; set both or neither")
	}
	for _, key := range c.WebhookSecret {
		if key == "" {
			r.add(&c.WebhookSecret, "one of the keys is empty; separate keys by a single comma or line break")
		}
		c.checkSecret(r, &c.WebhookSecret, key)
	}
	c.checkSecret(r, &c.WebhookChallenge, c.WebhookChallenge)
	if c.PollEvents != 0 && c.PollEvents < time.Second {
		r.add(&c.PollEvents, "%s is less than 1s; use 0 for never", c.PollEvents)
	}
}

// warnings are settings that are dangerous unless the network is private, as it is
// in a compose file.
func (c *Config) warnings() (lines []string) {
	add := func(setting any, text string) { lines = append(lines, c.name(setting)+": "+text) }
	if c.Upstream == Embedded && c.AllowEmbedded {
		add(&c.AllowEmbedded, "anyone who can reach the gateway may read and change everything in the sandbox")
	}
	if inClear(c.Upstream) == privateNetwork {
		add(&c.Upstream, "tokens and patient data go to the partner over http; the network must be private")
	}
	if inClear(c.PublicURL) != thisMachine {
		add(&c.PublicURL, "clients send tokens over http; put TLS in front of the gateway")
	}
	if c.isHTTPS() && inClear(c.RedirectURL) == privateNetwork {
		add(&c.RedirectURL, "codes arrive over http, but --public-url uses https; the network must be private")
	}
	if inClear(c.AuthorizeURL) == privateNetwork {
		add(&c.AuthorizeURL, "users give their consent over http; the network must be private")
	}
	for _, origin := range c.CORSOrigins {
		if c.isHTTPS() && inClear(origin) == privateNetwork {
			add(&c.CORSOrigins, origin+" is a page over http, but --public-url uses https; the network must be private")
		}
	}
	if strings.HasPrefix(c.RedisURL, "redis:") && reachOf(hostOf(c.RedisURL)) == anywhere {
		add(&c.RedisURL, "the Redis password crosses the internet unencrypted; use rediss://")
	}
	return lines
}
