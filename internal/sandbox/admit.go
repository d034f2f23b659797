package sandbox

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// admit checks the caller: token, rate limit, scopes, commercial approval. It returns nil to let the call pass.
func (s *Server) admit(req *request) *reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := bearer(req.http)
	if token == "" {
		return unauthorized("The access token is missing")
	}
	caller := fixedTokens[token]
	if caller == nil {
		caller = s.state.useAccessToken(token, s.opts.Now())
	}
	if caller == nil {
		return unauthorized("The access token is invalid")
	}
	if caller.expired {
		return unauthorized("The access token expired")
	}
	if after := s.state.rates.spend(caller.key, s.opts.Now(), s.opts.RateLimit, s.opts.RateWindow); after > 0 {
		seconds := int(math.Ceil(after.Seconds()))
		limited := failure(http.StatusTooManyRequests, "Rate limit exceeded, retry in "+strconv.Itoa(seconds)+" seconds").
			with("Retry-After", strconv.Itoa(seconds))
		return &limited
	}
	for _, scope := range req.op.Scopes {
		if !caller.has(scope) {
			refused := missingScope(scope)
			return &refused
		}
	}
	if req.op.Access == restricted && !caller.approved {
		refused := failure(http.StatusForbidden, "Your application must have commercial approval to use this endpoint")
		return &refused
	}
	req.caller = caller
	return nil
}

func unauthorized(message string) *reply {
	r := failure(http.StatusUnauthorized, message).
		with("WWW-Authenticate", `Bearer realm="Fullscript", error="invalid_token", error_description="`+message+`"`)
	return &r
}

// rates holds the times of the calls each token made within the window, oldest first.
type rates map[string][]time.Time

// spend counts a call, or returns how long to wait. A refused call is not counted, so waiting that long is always enough.
func (r rates) spend(key string, now time.Time, limit int, window time.Duration) time.Duration {
	if limit < 0 {
		return 0
	}
	times := r[key]
	for len(times) > 0 && !times[0].After(now.Add(-window)) {
		times = times[1:]
	}
	if len(times) >= limit {
		r[key] = times
		return times[0].Add(window).Sub(now)
	}
	r[key] = append(times, now)
	return 0
}
