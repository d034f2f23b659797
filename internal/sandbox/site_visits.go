package sandbox

import (
	"strings"
	"sync"
)

// visit is what a link lets its holder do on the partner's site: what the user who asked for it may, in that user's clinic.
type visit struct {
	user     identity
	source   string // of the plans made there
	patients bool   // it is for the patient, who can place an order and no more
	framed   bool   // it stands in a page of the app
	title    string // of the page it begins with
	fill     prefill
}

// prefill is what a new plan is begun with.
type prefill struct{ PatientID, FirstName, LastName, Email, PractitionerID string }

// visits are found by the key in the link. Reads of the API make them, too, hence a lock of their own.
type visits struct {
	mu    sync.Mutex
	byKey map[string]*visit
}

// keptVisits bounds the memory of a sandbox that runs for days.
const keptVisits = 10_000

func (v *visits) get(key string) *visit {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.byKey[key]
}

func (v *visits) add(n int, one *visit) (key string) {
	key = id(kindLink, n)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.byKey[key] = one
	delete(v.byKey, id(kindLink, n-keptVisits))
	return key
}

// admitVisit returns a key that no other visit had, even before a reset.
func (s *Server) admitVisit(v *visit) (key string) {
	return s.state.visits.add(int(s.links.Add(1)), v)
}

const sitePath = "/_sandbox/web/"

// link is a page of the partner's site. Its stand-in is served below /_sandbox, so that following a link in the sandbox ends somewhere.
func (s *Server) link(parts ...string) string {
	return s.opts.BaseURL + sitePath + strings.Join(parts, "/")
}

// freshLink is another one each time, as the partner's are, which nobody should keep. Here it is good until a reset.
func (s *Server) freshLink(v *visit, parts ...string) string {
	return s.link(parts...) + "?link=" + s.admitVisit(v)
}

// relative is how a page refers to another, so that it holds behind any prefix.
func relative(from, to string) string {
	return strings.Repeat("../", strings.Count(from, "/")-1) + strings.TrimPrefix(to, "/")
}
