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

// primed are records of the catalogue that came inside the answer for another, such as the
// variants of a product, each for the caller who got it, for as long as an answer of their own
// would be kept. Parts of lists are not among them: they are many, and seldom asked for.
type primed struct {
	gateway *Gateway
	records *cache.Cache[primedKey, primedRecord]
}

type primedKey struct{ caller, kind, id string }

type primedRecord struct {
	fsclient.Recorder
	at time.Time // when the partner was asked
}

// primedFor are the types that are kept, and for how long. They belong to no clinic.
var primedFor = map[string]time.Duration{"Brand": time.Hour, "Product": 5 * time.Minute, "Variant": 5 * time.Minute}

// primedShare is the part of --cache-size that they may take beside the answers.
const primedShare = 8

func newPrimed(g *Gateway) *primed {
	return &primed{g, cache.New[primedKey, primedRecord](g.config.CacheSize / primedShare)}
}

// Note keeps a record, unless as much of it is there already.
func (p *primed) Note(ctx context.Context, kind, id string, r fsclient.Recorder) {
	op := transport.OperationFrom(ctx)
	life := primedFor[kind]
	if life == 0 || op == nil || p.gateway.config.CacheSize == 0 {
		return
	}
	k := primedKey{op.Caller.Key, kind, id}
	if have, ok := p.records.Get(k); ok && r.Held().Without(have.Held()) == 0 {
		return
	}
	// It may have come in an answer that was kept, or by a call that began a while ago: what has
	// changed since then may not be in it.
	age := middleware.EntryFrom(ctx).Oldest() + p.gateway.config.OperationTimeout
	if age >= life {
		return
	}
	own, bytes := detached(reflect.ValueOf(r))
	p.records.Put(k, primedRecord{own.Interface().(fsclient.Recorder), time.Now().Add(-age)}, bytes+len(k.caller)+len(id), life-age)
}

// Known returns a record if the partner has lately accepted the caller's token, and nothing in
// the catalogue has changed since.
func (p *primed) Known(ctx context.Context, kind, id string, wanted, details fsclient.Fields) fsclient.Recorder {
	op := transport.OperationFrom(ctx)
	if op == nil || primedFor[kind] == 0 || fsclient.IsFresh(ctx) {
		return nil
	}
	have, ok := p.records.Get(primedKey{op.Caller.Key, kind, id})
	if !ok || fsclient.Lacks(have, wanted, details) != 0 || have.at.UnixNano() < p.gateway.kept.changed.Load() || !p.gateway.acceptedWithin(op, p.gateway.config.ProofAge) {
		return nil
	}
	p.gateway.metrics.cacheHits.Inc()
	middleware.EntryFrom(ctx).Hit(time.Since(have.at))
	return have.Recorder
}

// detached copies a value with all that hangs on it, for texts of a record are parts of the
// answer that it came in. It returns how many bytes it found, more or less.
func detached(v reflect.Value) (c reflect.Value, bytes int) {
	c = reflect.New(v.Type()).Elem()
	c.Set(v)
	return c, detach(c)
}

func detach(v reflect.Value) (bytes int) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(string([]byte(v.String())))
		}
		return v.Len()
	case reflect.Pointer:
		if v.IsNil() || !v.CanSet() {
			return 0
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(v.Elem())
		v.Set(c)
		return int(c.Type().Elem().Size()) + detach(c.Elem())
	case reflect.Slice:
		if v.IsNil() || !v.CanSet() {
			return 0
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		v.Set(c)
		bytes = v.Len() * int(v.Type().Elem().Size())
		for i := range v.Len() {
			bytes += detach(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				bytes += detach(v.Field(i))
			}
		}
	case reflect.Interface, reflect.Map:
		panic("gateway: a record of the catalogue holds a " + v.Kind().String())
	}
	return bytes
}
