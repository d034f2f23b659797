package gateway

import (
	"context"
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

type primedIn struct {
	held   fsclient.Fields // what it holds of the record with the id
	whole  reflect.Type    // its own type
	source string          // its JSON
	at     time.Time       // when the partner was asked
}

// primedFor are the types that are kept, and for how long. They belong to no clinic.
var primedFor = map[string]time.Duration{"Brand": time.Hour, "Product": 5 * time.Minute, "Variant": 5 * time.Minute}

// primedShare is the part of --cache-size that they may take beside the answers.
const primedShare = 8

func newPrimed(g *Gateway) *primed {
	return &primed{g, cache.New[primedKey, primedIn](g.config.CacheSize / primedShare)}
}

// Note keeps the record that holds part, unless what is known of part is as new. An answer for
// part itself is kept elsewhere, and only takes the place of what is older.
func (p *primed) Note(ctx context.Context, kind, id string, part, whole fsclient.Recorder) {
	op := transport.OperationFrom(ctx)
	life, source := primedFor[kind], whole.JSON()
	if life == 0 || op == nil || source == "" {
		return
	}
	// It may have come in an answer that was kept, or by a call that began a while ago: what has
	// changed since then may not be in it.
	age := middleware.EntryFrom(ctx).Oldest() + p.gateway.config.OperationTimeout
	if age >= life {
		return
	}
	k, at := primedKey{op.Caller.Key, kind, id}, time.Now().Add(-age)
	if have, ok := p.records.Get(k); ok && !have.at.Before(at) || !ok && part == whole {
		return
	}
	in := primedIn{part.Held(), reflect.TypeOf(whole).Elem(), source, at}
	p.records.Put(k, in, len(k.caller)+len(id)+len(source), life-age)
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
	if !ok || wanted.Without(have.held) != 0 || p.gateway.kept.changes.toAll(have.at) || !p.gateway.acceptedWithin(op, p.gateway.config.ProofAge) {
		return nil, at
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
