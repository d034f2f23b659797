package oauth

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

const (
	// loginLife is the longest a sign-in may take from start to end, as
	// long as the partner's code is good.
	loginLife = 10 * time.Minute
	// maxLogins is how many sign-ins of a browser may be under way, in different
	// tabs for example. The oldest makes room for a new one.
	maxLogins = 5
	// maxLoginCookie is what browsers keep of a cookie, 4096 bytes with its name
	// and attributes.
	maxLoginCookie = 3800
)

// login is a sign-in under way. It is kept in a cookie, sealed: the gateway
// keeps no state for sign-ins that are never finished.
type login struct {
	State    string    `json:"state"`
	Verifier string    `json:"verifier"`
	ReturnTo string    `json:"returnTo"`
	Ends     time.Time `json:"ends"`
}

// logins are a browser's sign-ins in progress, oldest first. All
// are in one cookie, whose size is bounded.
type logins []login

func (s *Sessions) loginCookie() string { return s.cookie + "-login" }

// loginsOf reads a browser's sign-ins that have not expired.
func (s *Sessions) loginsOf(r *http.Request) (all logins) {
	cookie, err := r.Cookie(s.loginCookie())
	if err != nil {
		return nil
	}
	plain, err := s.o.Seal.Open("login", cookie.Value)
	if err != nil || json.Unmarshal(plain, &all) != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(l login) bool { return !time.Now().Before(l.Ends) })
}

// take returns the sign-in that a state belongs to, nil if there is none, and the
// others.
func (all logins) take(state string) (found *login, others logins) {
	for _, l := range all {
		if subtle.ConstantTimeCompare([]byte(l.State), []byte(state)) == 1 {
			found = &l
			continue
		}
		others = append(others, l)
	}
	return found, others
}

// keepLogins puts sign-ins into the browser's cookie: as many of the newest as fit.
// It reports whether the newest does.
func (s *Sessions) keepLogins(w http.ResponseWriter, all logins) bool {
	if len(all) == 0 {
		s.setCookie(w, s.loginCookie(), "", -1)
		return true
	}
	for all = all[max(0, len(all)-maxLogins):]; len(all) > 0; all = all[1:] {
		var plain bytes.Buffer
		e := json.NewEncoder(&plain)
		e.SetEscapeHTML(false) // six bytes for each & of an address
		err := e.Encode(all)
		sealed := ""
		if err == nil {
			sealed, err = s.o.Seal.Seal("login", plain.Bytes())
		}
		if err != nil {
			panic(err) // a bug: texts and times are sealed with the gateway's key
		}
		if len(sealed) <= maxLoginCookie {
			s.setCookie(w, s.loginCookie(), sealed, loginLife)
			return true
		}
	}
	return false
}
