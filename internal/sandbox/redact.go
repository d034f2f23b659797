package sandbox

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// secretNames are the parameters and properties whose values a log of calls must not show: with --allow-embedded, or with a sandbox that
// stands in for the partner, they can be those of a real app.
var secretNames = []string{
	"access_token", "client_assertion", "client_secret", "code", "code_verifier", "password", "refresh_token", "secret", "secret_token", "token",
}

const redacted = "[redacted]"

// redact takes the secrets out of a call.
func redact(c Call) Call {
	c.Query = redactForm(c.Query)
	c.Body = redactBody(c.Body, strings.HasPrefix(c.Path, "/api/oauth/"))
	c.Header = c.Header.Clone()
	for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization"} {
		if c.Header.Get(name) != "" {
			c.Header.Set(name, redacted)
		}
	}
	return c
}

// redactBody leaves a body without secrets as it is. One of the OAuth endpoints that cannot be read may be a secret itself.
func redactBody(body []byte, oauth bool) []byte {
	if len(body) == 0 {
		return body
	}
	var v any
	if json.Unmarshal(body, &v) == nil {
		if !redactJSON(v) {
			return body
		}
		out, err := json.Marshal(v)
		if err != nil {
			panic(err) // it was just read
		}
		return out
	}
	text := string(body)
	switch form := redactForm(text); {
	case form != text:
		return []byte(form)
	case oauth && !strings.Contains(text, "="):
		return []byte(redacted)
	}
	return body
}

// redactJSON reports whether there was a secret.
func redactJSON(v any) (found bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			found = redactJSON(item) || found
		}
	case map[string]any:
		for name, value := range v {
			if slices.Contains(secretNames, strings.ToLower(name)) {
				v[name], found = redacted, true
			} else {
				found = redactJSON(value) || found
			}
		}
	}
	return found
}

// redactForm leaves a query or form without secrets as it is, escapes and all.
func redactForm(form string) string {
	pairs := strings.Split(form, "&")
	for i, pair := range pairs {
		name, _, has := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil && has && slices.Contains(secretNames, strings.ToLower(plain)) {
			pairs[i] = name + "=" + redacted
		}
	}
	return strings.Join(pairs, "&")
}

// shownCalls are the calls as the control routes show them.
func (s *Server) shownCalls() []callJSON {
	shown := []callJSON{}
	for _, c := range s.Calls() {
		c = redact(c)
		shown = append(shown, callJSON{c, string(c.Body)})
	}
	return shown
}
