package oauth

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// maxAnswer is the largest answer that is read, in bytes; real ones are far smaller.
const maxAnswer = 64 << 10

// Envelope translates between OAuth, as x/oauth2 speaks it, and the partner:
// forms travel as JSON, and answers are read by [plainAnswer].
// https://fullscript.dev/docs/how-to-guides/oauth/using-oauth/request-access-token
func Envelope(base http.RoundTripper) http.RoundTripper { return envelope{base} }

type envelope struct{ base http.RoundTripper }

func (e envelope) RoundTrip(r *http.Request) (*http.Response, error) {
	r, err := asJSON(r)
	if err != nil {
		return nil, err
	}
	res, err := e.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	body = plainAnswer(body)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	res.Header.Del("Content-Length")
	res.Header.Set("Content-Type", "application/json") // whatever it was labelled
	return res, nil
}

// asJSON copies a request, its form as a JSON object of texts.
func asJSON(r *http.Request) (*http.Request, error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Body == nil || media != "application/x-www-form-urlencoded" {
		return r, nil
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for name := range form {
		fields[name] = form.Get(name)
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.GetBody = nil // a grant is spent by its first use
	out.Header.Set("Content-Type", "application/json")
	out.Header.Set("Accept", "application/json")
	return out, nil
}
