package gateway

import (
	"context"
	"path"
	"reflect"
	"time"

	"fsgateway/internal/cache"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/transport"
)

// primed are records of the catalogue that hold others, such as a product with its variants, by
// the id of each that they hold. An entry is for the caller who got it, and is kept for as long
// as an answer for that id would be. What lists hold is not kept: it is a lot, and seldom asked for.
type primed struct {
	gateway *Gateway
	records *cache.Cache[primedKey, primedIn]
}

type primedKey struct{ caller, kind, id string }

// primedIn is a record, or, if it holds nothing, says that what is older holds nothing any more:
// then there was an answer for the record itself.
type primedIn struct {
	held   fsclient.Fields // what it holds of the record with the id
	whole  reflect.Type    // its own type
	source string          // its JSON
	at     time.Time       // when the partner was asked
}

// primedFor are the types that are kept, and for how long. They belong to no clinic.
var primedFor = map[string]time.Duration{"Brand": time.Hour, "Product": 5 * time.Minute, "Variant": 5 * time.Minute}

// primedBy are their kinds by the routes of their own.
var primedBy = map[string]string{"/catalog/brands/{id}": "Brand", "/catalog/products/{id}": "Product", "/catalog/variants/{id}": "Variant"}

// primedShare is the part of --cache-size that they may take beside the answers.
const primedShare = 8

func newPrimed(g *Gateway) *primed {
	return &primed{g, cache.New[primedKey, primedIn](g.config.CacheSize / primedShare)}
}

// Note keeps the record that holds part, unless what is known of part is as new.
func (p *primed) Note(ctx context.Context, kind, id string, part, whole fsclient.Recorder) {
	op := transport.OperationFrom(ctx)
	life, source := primedFor[kind], whole.JSON()
	if life == 0 || op == nil || source == "" {
		return
	}
	at := whole.Asked() // by an operation before, if the answer was kept
	if left := life - time.Since(at); left > 0 {
		k := primedKey{op.Caller.Key, kind, id}
		p.put(k, primedIn{part.Held(), reflect.TypeOf(whole).Elem(), source, at}, left)
	}
}

// ends notes that there was an answer for the record of a read itself, good or bad: what came
// inside others before is older, and may be gone. The caller is "" for what all of them share.
func (p *primed) ends(caller string, r fsclient.Read, at time.Time) {
	if kind := primedBy[r.Route]; kind != "" {
		p.put(primedKey{caller, kind, fsclient.IDKey(path.Base(r.Path))}, primedIn{at: at}, primedFor[kind])
	}
}

func (p *primed) put(k primedKey, in primedIn, d time.Duration) {
	p.records.PutIfNewer(k, in, len(k.caller)+len(k.id)+len(in.source), d, func(in primedIn) time.Time { return in.at })
}

// Known returns a record that holds another if the partner has lately accepted the caller's
// token, and nothing in the catalogue has changed since.
func (p *primed) Known(ctx context.Context, kind, id string, wanted fsclient.Fields) (whole fsclient.Recorder, at time.Time) {
	if primedFor[kind] == 0 || fsclient.IsFresh(ctx) {
		return nil, at
	}
	op := transport.OperationFrom(ctx)
	if op == nil {
		return nil, at
	}
	have, ok := p.records.Get(primedKey{op.Caller.Key, kind, id})
	if !ok || have.source == "" || wanted.Without(have.held) != 0 || p.gateway.kept.changes.toAll(have.at) || !p.gateway.acceptedWithin(op, p.gateway.config.ProofAge) {
		return nil, at
	}
	if p.gateway.config.ShareCatalog {
		if shared, _ := p.records.Get(primedKey{"", kind, id}); !shared.at.Before(have.at) {
			return nil, at
		}
	}
	whole, err := fsclient.ReadRecord(ctx, have.whole, have.source)
	if err != nil {
		return nil, at
	}
	return whole, have.at
}

// Spared notes a call that was not made.
func (p *primed) Spared(ctx context.Context, at time.Time) {
	p.gateway.metrics.cacheHits.Inc()
	middleware.EntryFrom(ctx).Hit(time.Since(at))
}
