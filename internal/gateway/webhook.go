package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"fsgateway/graph/apierror"
	"fsgateway/internal/events"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/poller"
	"fsgateway/internal/sandbox"
	"fsgateway/internal/transport"
	"fsgateway/internal/webhook"
)

// webhookRoute is the address that the partner sends events to.
const webhookRoute = "/webhooks/fullscript"

// openWebhooks makes what serves that address.
func (g *Gateway) openWebhooks() error {
	c := &g.config
	keys, challenge := strings.Join(c.WebhookSecret, ","), c.WebhookChallenge
	if keys == "" && g.sandbox != nil {
		keys, challenge = sandbox.DefaultWebhookSecret, sandbox.DefaultWebhookChallenge
	}
	if keys == "" {
		return nil
	}
	secrets, err := g.secret(&c.WebhookSecret, keys, func(keys string) error {
		var errs []error
		for _, key := range splitList([]string{keys}) {
			errs = append(errs, longEnough(key))
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c.name(&c.WebhookSecret), err)
	}
	echoed, err := g.secret(&c.WebhookChallenge, challenge, longEnough)
	if err != nil {
		return fmt.Errorf("%s: %w", c.name(&c.WebhookChallenge), err)
	}
	g.received = webhook.New(webhook.Options{
		Secrets: func() []string { return splitList([]string{secrets.Get()}) }, Challenge: echoed.Get, Publish: g.events.Publish,
		Done: func(ctx context.Context, outcome webhook.Outcome) {
			g.metrics.webhooks.WithLabelValues(string(outcome)).Inc()
			trace.SpanFromContext(ctx).SetAttributes(attribute.String("fsgateway.outcome", string(outcome)))
			if outcome == webhook.Unreadable {
				g.log.Warn().Str("requestId", middleware.RequestIDFrom(ctx)).Msg("a signed webhook holds no event that can be read; it was acknowledged and kept as it came")
			}
		},
	})
	return nil
}

// webhooks serves that address.
func (g *Gateway) webhooks() http.Handler {
	if g.received == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			g.fail(w, r, http.StatusNotFound, apierror.CodeNotFound, "Webhooks are not enabled; set --webhook-secret and --webhook-challenge.")
		})
	}
	return g.received
}

// newEvents makes the bus.
func (g *Gateway) newEvents() error {
	o := events.Options{Keep: g.config.EventsKept, OnEvent: g.kept.happened, OnGap: g.kept.drop, OnError: func(err error) { g.log.Warn().Err(err).Msg("events") }}
	if g.redis == nil {
		g.events = events.NewMemory(o)
	} else {
		var err error
		if g.events, err = events.NewRedis(context.Background(), g.redis, g.keys, o); err != nil {
			return fmt.Errorf("--redis-url: the events there cannot be read: %w", err)
		}
	}
	g.close = append(g.close, g.events.Close)
	return nil
}

// newPoller makes what asks for events where none are sent, nil without
// --poll-events.
func (g *Gateway) newPoller() *poller.Poller {
	if g.config.PollEvents == 0 {
		return nil
	}
	p := poller.New(poller.Options{
		Every: g.config.PollEvents, Events: g.client.Events, Bus: g.events, Turn: g.pollTurn, Apart: transport.Apart,
		Done: func(err error) {
			outcome := "ok"
			if err != nil {
				outcome = "failed"
				line := g.log.Warn()
				if e, ok := errors.AsType[*fsclient.Error](err); ok { // of which the partner made a part
					line = line.Str("failure", string(e.Kind)).Int("status", e.Status)
				} else {
					line = line.Err(err)
				}
				line.Msg("events cannot be polled")
			}
			g.metrics.polls.WithLabelValues(outcome).Inc()
		},
	})
	g.close = append(g.close, p.Close)
	return p
}

// pollTurn lets one of the gateways that share a store poll a category of a
// clinic. When the store does not answer each does: an event counts once.
func (g *Gateway) pollTurn(ctx context.Context, clinic, category string) (end func(done bool), mine bool) {
	key, token := "poll:"+g.keys.Name(clinic)+":"+category, rand.Text()
	life := g.config.PollEvents * 9 / 10 // so that it is over when the next turn begins
	added, err := g.store.Add(ctx, key, token, life)
	return func(done bool) {
		if !done {
			_, _ = g.store.Swap(context.WithoutCancel(ctx), key, token, "", 0) // else it runs out
		}
	}, added || err != nil
}

// Drain makes the gateway unready, and ends streams: their clients come back to
// another process. The partner sends what it has no answer for again.
func (g *Gateway) Drain() {
	g.health.Drain()
	g.drainSockets()
	_ = g.events.Close()
}
