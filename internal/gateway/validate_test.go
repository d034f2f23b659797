package gateway

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"fsgateway/graph/model"
	"fsgateway/internal/sandbox"
)

const (
	longKey  = "0123456789abcdef0123456789abcdef"
	otherKey = "fedcba9876543210fedcba9876543210"
)

// realSettings are the settings of a gateway in front of a real environment.
func realSettings(t *testing.T) Config {
	c := DefaultConfig()
	c.Upstream, c.PublicURL = "us-sandbox", "https://graphql.example.com"
	c.ClientID, c.ClientSecret = "app", "app-secret"
	return c
}

// refused lists the settings that are refused, in order, each once.
func refused(t *testing.T, c Config, secrets ...string) (flags []string) {
	t.Helper()
	err := c.Validate()
	if err == nil {
		return nil
	}
	for _, secret := range secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("it repeats a secret: %v", err)
		}
	}
	for line := range strings.Lines(err.Error()) {
		flag, rest, _ := strings.Cut(line, " (")
		if _, reason, ok := strings.Cut(rest, "): "); !ok || reason == "" || !strings.HasPrefix(flag, "--") {
			t.Errorf("%q does not name flag, variable and reason", line)
		}
		if !slices.Contains(flags, flag) {
			flags = append(flags, flag)
		}
	}
	return flags
}

// TestFlagNames: refusals call settings what the command line calls them.
func TestFlagNames(t *testing.T) {
	t.Parallel()
	parser, err := kong.New(&Config{})
	if err != nil {
		t.Fatal(err)
	}
	var flags, fields []string
	for _, f := range parser.Model.Flags {
		if f.Name != "help" {
			flags = append(flags, f.Name)
		}
	}
	for i := range reflect.TypeFor[Config]().NumField() {
		fields = append(fields, flagName(reflect.TypeFor[Config]().Field(i)))
	}
	if !slices.Equal(flags, fields) {
		t.Errorf("%q, and the command line has %q", fields, flags)
	}
}

// TestAllRefusalsAtOnce: in the order of the fields.
func TestAllRefusalsAtOnce(t *testing.T) {
	t.Parallel()
	c := realSettings(t)
	c.WebhookSecret, c.CORSOrigins, c.Addr, c.MaxDepth, c.DrainDelay, c.ClientID = []string{"webhook-secret"}, []string{"*", "null"}, "x", -1, -1, ""
	want := []string{"--addr", "--max-depth", "--cors-origins", "--drain-delay", "--client-id", "--webhook-challenge"}
	for range 20 {
		if got := refused(t, c); !slices.Equal(got, want) {
			t.Fatalf("%q, want %q", got, want)
		}
	}
}

// TestSecretLists: values arrive as people write them, and what cannot be a secret
// is refused by name.
func TestSecretLists(t *testing.T) {
	t.Parallel()
	type list = []string
	two := list{"old-secret", "new-secret"}
	for name, c := range map[string]struct{ given, want list }{
		"Comma":       {list{"old-secret", "new-secret"}, two},
		"CommaSpace":  {list{"old-secret", " new-secret"}, two},
		"Text":        {list{"old-secret, new-secret"}, two},
		"Lines":       {list{"old-secret\nnew-secret\n"}, two},
		"LinesOfDOS":  {list{"old-secret\r\n\r\nnew-secret\r\n"}, two},
		"CommaLine":   {list{"old-secret ,\n new-secret"}, two},
		"WithinSpace": {list{"a pass phrase "}, list{"a pass phrase "}},
	} {
		config := realSettings(t)
		config.WebhookSecret, config.WebhookChallenge = slices.Clone(c.given), "challenge"
		if got := refused(t, config, two...); got != nil {
			t.Errorf("%s: %q is refused", name, got)
		}
		_ = config.Validate()
		if !slices.Equal(config.WebhookSecret, c.want) || config.WebhookChallenge != "challenge" {
			t.Errorf("%s: %q %q", name, config.WebhookSecret, config.WebhookChallenge)
		}
		config.EncryptionKey = list{longKey + "\n" + otherKey + "\n"}
		if _ = config.Validate(); !slices.Equal(config.EncryptionKey, list{longKey, otherKey}) {
			t.Errorf("%s: %q", name, config.EncryptionKey)
		}
	}
	for name, c := range map[string]struct {
		change func(*Config)
		flag   string
	}{
		"CertAlone":      {func(c *Config) { c.TLSCert = "cert.pem" }, "--tls-key"},
		"KeyAlone":       {func(c *Config) { c.TLSKey = "key.pem" }, "--tls-cert"},
		"CertOutAlone":   {func(c *Config) { c.UpstreamCert = "cert.pem" }, "--upstream-key"},
		"ClientsInClear": {func(c *Config) { c.TLSClientCA = "ca.pem" }, "--tls-client-ca"},
		"ClearInTLS":     {func(c *Config) { c.TLSCert, c.TLSKey, c.H2C = "cert.pem", "key.pem", true }, "--h2c"},
		"ClearURLOfTLS": {func(c *Config) {
			c.TLSCert, c.TLSKey, c.PublicURL = "cert.pem", "key.pem", "http://127.0.0.1:8080"
		}, "--public-url"},
		"EmptyKey":       {func(c *Config) { c.WebhookSecret = list{"old-secret", ""} }, "--webhook-secret"},
		"EmptyBetween":   {func(c *Config) { c.WebhookSecret = list{"old-secret,,new-secret"} }, "--webhook-secret"},
		"OneCharacter":   {func(c *Config) { c.WebhookSecret = list{"old-secret", "x"} }, "--webhook-secret"},
		"ShortSecret":    {func(c *Config) { c.ClientSecret = "x-3" }, "--client-secret"},
		"ShortChallenge": {func(c *Config) { c.WebhookChallenge = "y" }, "--webhook-challenge"},
		"ShortKey":       {func(c *Config) { c.EncryptionKey = list{longKey, "short-key"} }, "--encryption-key"},
		"EmptyFirst":     {func(c *Config) { c.EncryptionKey = list{"", longKey} }, "--encryption-key"},
	} {
		config := realSettings(t)
		config.WebhookSecret, config.WebhookChallenge = list{"old-secret"}, "challenge"
		c.change(&config)
		if got := refused(t, config, "old-secret", longKey, "x-3", "short-key"); !slices.Equal(got, list{c.flag}) {
			t.Errorf("%s: %q is refused, want %s", name, got, c.flag)
		}
	}
}

// TestRefusalsHidePasswords: an address that is refused may have a password in it, or a key in
// its query, however it is spelled.
func TestRefusalsHidePasswords(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"ftp://user:hidden-word@example.com/x", "https://user:hidden-word@example.com:x", "https://hidden-word@", "user:hidden-word@example.com:80:80",
		"https://a@hidden-word:b@example.com?c", "ftp://example.com/?key=hidden-word", "https://user:hidden-word%zz@example.com/",
	} {
		c := DefaultConfig()
		c.Addr, c.AdminAddr, c.Upstream, c.PublicURL, c.RedirectURL, c.AuthorizeURL, c.OTLPEndpoint = address+":x:y", address+":x:y", address, address, address, address, address
		c.CORSOrigins, c.TrustedProxies, c.CORSHeaders, c.AdminHosts = []string{address}, []string{address}, []string{address}, []string{address}
		c.ForwardedHeader, c.BudgetScope, c.Introspection = address, address, address
		if got := refused(t, c, "hidden-word"); len(got) < 12 {
			t.Errorf("%q: only %q", address, got)
		}
		s := SandboxConfig{ClientID: "app", ClientSecret: "app-secret", RedirectURLs: []string{address}}
		if err := s.Validate(); err != nil && strings.Contains(err.Error(), "hidden-word") {
			t.Error(err)
		}
	}
	c := DefaultConfig()
	c.OTLPEndpoint = "http://user:hidden-word@127.0.0.1:4318"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), `"http://xxxxx@127.0.0.1:4318" is not a URL`) {
		t.Errorf("%v does not say which", err)
	}
	for _, address := range []string{"http://127.0.0.1:1/api?key=hidden-word", "https://user:hidden-word@example.com/api"} {
		c = DefaultConfig()
		c.Upstream = address
		if got := refused(t, c, "hidden-word"); !slices.Equal(got, []string{"--upstream"}) {
			t.Errorf("%q: %q", address, got)
		}
	}
	c = DefaultConfig()
	c.TraceRatio = math.NaN()
	if got := refused(t, c); !slices.Equal(got, []string{"--trace-ratio"}) {
		t.Errorf("of NaN %q is refused", got)
	}
}

// TestEmbeddedWithRealSettings: a gateway whose --upstream was forgotten does not
// start.
func TestEmbeddedWithRealSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Config)
		flags  []string
	}{
		"Nothing":     {func(*Config) {}, nil},
		"Client":      {func(c *Config) { c.ClientID, c.ClientSecret = "app", "app-secret" }, []string{"--client-id", "--client-secret"}},
		"Secret":      {func(c *Config) { c.ClientID, c.ClientSecret = sandbox.DefaultClientID, "app-secret" }, []string{"--client-secret"}},
		"OwnClient":   {func(c *Config) { c.ClientID, c.ClientSecret = sandbox.DefaultClientID, sandbox.DefaultClientSecret }, nil},
		"Webhooks":    {func(c *Config) { c.WebhookSecret, c.WebhookChallenge = []string{"signs-it"}, "challenge" }, []string{"--webhook-secret", "--webhook-challenge"}},
		"PublicURL":   {func(c *Config) { c.PublicURL = "https://graphql.example.com" }, []string{"--public-url"}},
		"PrivateURL":  {func(c *Config) { c.PublicURL = "http://10.0.0.7:8080" }, []string{"--public-url"}},
		"LocalURL":    {func(c *Config) { c.PublicURL = "https://localhost:8443/gateway" }, nil},
		"LocalIPv6":   {func(c *Config) { c.Addr, c.PublicURL = "[::1]:8080", "http://[::1]:8080" }, nil},
		"LocalName":   {func(c *Config) { c.Addr, c.PublicURL = "localhost:8080", "http://gateway.localhost:8080" }, nil},
		"Everywhere":  {func(c *Config) { c.Addr = "0.0.0.0:8080" }, []string{"--addr"}},
		"NoHost":      {func(c *Config) { c.Addr = ":8080" }, []string{"--addr"}},
		"Everywhere6": {func(c *Config) { c.Addr = "[::]:8080" }, []string{"--addr"}},
		"OneAddress":  {func(c *Config) { c.Addr = "192.168.1.5:8080" }, []string{"--addr"}},
		"NoLoopback":  {func(c *Config) { c.Addr = "127.0.0.1.example.com:8080" }, []string{"--addr"}},
	} {
		config := DefaultConfig()
		c.change(&config)
		if got := refused(t, config, "app-secret", "signs-it"); !slices.Equal(got, c.flags) {
			t.Errorf("%s: %q is refused, want %q", name, got, c.flags)
		}
		config.AllowEmbedded = true
		if got := refused(t, config); got != nil {
			t.Errorf("%s: %q is refused although it is allowed", name, got)
		}
	}
}

// TestInsecureSettings: what nobody can want is refused, what is right in a private
// network is said.
func TestInsecureSettings(t *testing.T) {
	t.Parallel()
	const refuse, warn, fine = "refused", "warned", ""
	for name, c := range map[string]struct {
		change     func(*Config)
		flag, want string
	}{
		"Secure":          {func(*Config) {}, "", fine},
		"Upstream":        {func(c *Config) { c.Upstream = "http://api.example.com/api" }, "--upstream", refuse},
		"UpstreamIP":      {func(c *Config) { c.Upstream = "http://93.184.216.34/api" }, "--upstream", refuse},
		"UpstreamIPv6":    {func(c *Config) { c.Upstream = "HTTP://[2606:2800:220:1::1]/api" }, "--upstream", refuse},
		"UpstreamCompose": {func(c *Config) { c.Upstream = "http://sandbox:7070/api" }, "--upstream", warn},
		"UpstreamPrivate": {func(c *Config) { c.Upstream = "http://10.1.2.3/api" }, "--upstream", warn},
		"UpstreamPod":     {func(c *Config) { c.Upstream = "http://api.default.svc.cluster.local/api" }, "--upstream", warn},
		"UpstreamLocal":   {func(c *Config) { c.Upstream = "http://127.0.0.1:7070/api" }, "", fine},
		"UpstreamHTTPS":   {func(c *Config) { c.Upstream = "https://api.example.com/api" }, "", fine},
		"Redirect":        {func(c *Config) { c.RedirectURL = "http://graphql.example.com/oauth/callback" }, "--redirect-url", refuse},
		"RedirectPrivate": {func(c *Config) { c.RedirectURL = "http://gateway/oauth/callback" }, "--redirect-url", warn},
		"RedirectLocal":   {func(c *Config) { c.RedirectURL = "http://localhost:8080/oauth/callback" }, "", fine},
		"Consent":         {func(c *Config) { c.AuthorizeURL = "http://consent.example.com/authorize" }, "--authorize-url", refuse},
		"ConsentPrivate":  {func(c *Config) { c.AuthorizeURL = "http://consent.internal/authorize" }, "--authorize-url", warn},
		"Origin":          {func(c *Config) { c.CORSOrigins = []string{"https://app.example.com", "http://app.example.com"} }, "--cors-origins", refuse},
		"OriginPrivate":   {func(c *Config) { c.CORSOrigins = []string{"http://intranet"} }, "--cors-origins", warn},
		"OriginLocal":     {func(c *Config) { c.CORSOrigins = []string{"http://localhost:5173"} }, "", fine},
		"SignIn":          {func(c *Config) { c.PublicURL = "http://graphql.example.com" }, "--public-url", refuse},
		"NoSignIn": {func(c *Config) {
			c.PublicURL, c.ClientID, c.ClientSecret = "http://graphql.example.com", "", ""
		}, "--public-url", warn},
		"OneCharacter": {func(c *Config) { c.ClientSecret = "x" }, "--client-secret", refuse},
		"Redis": {func(c *Config) {
			c.RedisURL, c.EncryptionKey = "redis://user:password@redis.example.com:6379", []string{longKey}
		}, "--redis-url", warn},
		"RedisPrivate": {func(c *Config) { c.RedisURL, c.EncryptionKey = "redis://redis:6379", []string{longKey} }, "", fine},
	} {
		config := realSettings(t)
		c.change(&config)
		var got []string
		verdict := fine
		if got = refused(t, config, "password"); got != nil {
			verdict = refuse
		} else if lines := config.warnings(); lines != nil {
			verdict = warn
			for _, line := range lines {
				flag, _, _ := strings.Cut(line, " (")
				got = append(got, flag)
			}
		}
		if verdict != c.want || verdict != fine && !slices.Equal(got, []string{c.flag}) {
			t.Errorf("%s: %s %q, want %s %s", name, verdict, got, c.want, c.flag)
		}
	}
}

func TestCurrencyOfUpstreams(t *testing.T) {
	t.Parallel()
	for upstream, want := range map[string]model.CurrencyCode{
		Embedded: "USD", "us": "USD", "us-sandbox": "USD", "ca": "CAD", "ca-sandbox": "CAD",
		environments["ca"]: "CAD", environments["us"]: "USD", "https://fullscript.example.com/api": "", "http://127.0.0.1:9000/api": "",
	} {
		got := (&Config{Upstream: upstream}).currency()
		if want == "" && got != nil || want != "" && (got == nil || *got != want) {
			t.Errorf("%s: %v, want %q", upstream, got, want)
		}
	}
	for name := range environments {
		if currencies[name] == "" {
			t.Errorf("%s has no currency", name)
		}
	}
}
