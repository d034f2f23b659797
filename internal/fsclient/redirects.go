package fsclient

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// maxRedirects is how often a file may be elsewhere.
const maxRedirects = 3

// WithStorage lets attachments be fetched from other hosts, to which the partner
// redirects. storage must not put a token on its calls.
func WithStorage(storage http.RoundTripper) Option {
	return func(c *Client) {
		c.storage = &http.Client{Transport: storage, CheckRedirect: noRedirect}
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// followed returns the answer that redirects lead to from res, and whether all of
// them stayed at the partner's. Where one may not be followed, it is the answer. The
// caller's token goes to the partner alone, and not there again from elsewhere.
func (c *Client) followed(ctx context.Context, r route, res *http.Response) (answer *http.Response, own bool, err error) {
	own = true
	for range maxRedirects {
		to := c.redirect(res)
		if to == nil {
			break
		}
		client := c.http
		if !own || !sameOrigin(to, c.origin) {
			client = c.storage
		}
		if client == nil {
			break
		}
		own = client == c.http
		res.Body.Close()
		req, err := http.NewRequestWithContext(WithRoute(ctx, r.String()), http.MethodGet, to.String(), nil)
		if err != nil {
			return nil, own, &Error{Op: r.String(), Kind: KindUpstream, cause: err}
		}
		req.Header.Set("Accept", "*/*")
		if res, err = client.Do(req); err != nil {
			return nil, own, transportError(ctx, r.String(), err, false, false)
		}
	}
	return res, own, nil
}

// redirect is where an answer leads to, nil for one that leads nowhere or to where
// nothing may be asked for.
func (c *Client) redirect(res *http.Response) *url.URL {
	switch res.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	to, err := res.Location()
	if err != nil || to.Host == "" || to.User != nil {
		return nil
	}
	if to.Scheme == "https" || to.Scheme == "http" && c.origin.Scheme == "http" {
		return to
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
