package sandbox

import (
	"strings"
	"time"
)

// state is everything one Server knows beyond its options; Server.mu guards it.
type state struct {
	records

	oauth        oauthState
	rates        rates
	keys         map[string]kept             // by user, operation and Idempotency-Key
	grants       map[string]*sessionGrant    // by secret token
	embedded     map[string]*input           // what an app told of a patient, by data token
	carts        map[string][]recommendation // by patient
	fulfillments []fulfillmentOrder
	ids          int // how many were made

	visits     *visits
	background *background
	outbox     []*outgoing // is sent from as long as sending
	sending    bool
	gone       bool // the receiver answered 410, which switches it off
}

func (s *Server) newState() *state {
	return &state{
		records: *seedData(),

		oauth: newOAuthState(s.opts), rates: rates{}, keys: map[string]kept{}, grants: map[string]*sessionGrant{},
		embedded: map[string]*input{}, carts: map[string][]recommendation{}, background: newBackground(s.ctx), visits: &visits{byKey: map[string]*visit{}},
	}
}

// newID numbers what is made while running far above the seed, and the same way in every run.
func (st *state) newID(k kind) string {
	st.ids++
	return id(k, 1_000_000+st.ids)
}

func (st *state) variantBySKU(sku string) *variant {
	for _, v := range st.variants.all() {
		if strings.EqualFold(v.SKU, sku) {
			return v
		}
	}
	return nil
}

// timestamp is how the partner writes a time in UTC.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func (r *request) now() string { return timestamp(r.s.opts.Now()) }

func (r *request) today() string { return r.s.opts.Now().UTC().Format(time.DateOnly) }

// file is a document on one of the vendor's hosts.
func (s *Server) file(name string) string { return s.opts.BaseURL + "/_sandbox/files/" + name + ".pdf" }
