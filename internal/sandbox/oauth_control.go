package sandbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// What an app has to cope with: tokens that live as long as wanted, that expire or are revoked now. The fixed tokens have no part in it.

// SetAccessLife sets how long access tokens issued from now on are valid, until a Reset.
func (s *Server) SetAccessLife(life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.oauth.life = life
}

// SetSingleUseRefresh is [Options.SingleUseRefresh] from now on, until a Reset.
func (s *Server) SetSingleUseRefresh(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.oauth.singleUse = on
}

// ExpireTokens expires every access token that was issued. Refresh tokens stay valid.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.state.oauth.access {
		t.life = 0
	}
}

// RevokeTokens revokes every access and refresh token that was issued.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.state.oauth.access)
	clear(s.state.oauth.refresh)
}

// maxAccessLife is a year: expires_in is a number of seconds that has to fit into much.
const maxAccessLife = 365 * 24 * time.Hour

// putOAuth changes the settings in the body, all or none.
func (s *Server) putOAuth(r *http.Request) reply {
	var to struct {
		AccessLifeSeconds *int64 `json:"access_life_seconds"`
		SingleUseRefresh  *bool  `json:"single_use_refresh"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&to); err != nil {
		return failure(http.StatusBadRequest, "Not settings: "+err.Error())
	}
	if life := to.AccessLifeSeconds; life != nil && (*life < 1 || *life > int64(maxAccessLife/time.Second)) {
		return failure(http.StatusBadRequest, "Not settings: access_life_seconds must be from 1 to 31536000")
	}
	s.mu.Lock()
	if to.AccessLifeSeconds != nil {
		s.state.oauth.life = time.Duration(*to.AccessLifeSeconds) * time.Second
	}
	if to.SingleUseRefresh != nil {
		s.state.oauth.singleUse = *to.SingleUseRefresh
	}
	s.mu.Unlock()
	return s.showOAuth()
}

func (s *Server) showOAuth() reply {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return ok(object{"access_life_seconds": s.state.oauth.life.Seconds(), "single_use_refresh": s.state.oauth.singleUse})
}
