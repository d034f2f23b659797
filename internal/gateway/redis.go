package gateway

import (
	"context"
	"time"

	"github.com/redis/rueidis"

	"fsgateway/internal/budget"
	"fsgateway/internal/events"
	"fsgateway/internal/middleware"
	"fsgateway/internal/redisconn"
	"fsgateway/internal/store"
)

// command notes a command to Redis when it is sent, and how it went when it is answered.
func (g *Gateway) command(ctx context.Context, name string) (end func(error)) {
	start, span := time.Now(), g.commandSpan(ctx, name)
	entry := middleware.EntryFrom(ctx)
	return func(err error) {
		span(err)
		outcome := "ok"
		if err != nil {
			outcome = "failed"
		}
		observe(g.metrics.redis.WithLabelValues(outcome), time.Since(start).Seconds(), entry)
	}
}

// openRedis connects to the server of the settings and follows whether it can be
// used.
func (g *Gateway) openRedis() (*redisconn.Client, error) {
	return redisconn.Open(redisconn.Options{
		URL: g.config.RedisURL,
		Check: func(ctx context.Context, client rueidis.Client) error {
			if err := store.Check(ctx, client); err != nil {
				return err
			}
			if err := budget.Check(ctx, client); err != nil {
				return err
			}
			return events.CheckRedis(ctx, client)
		},
		Observe: g.command,
		Changed: func(err error) {
			if err == nil {
				g.health.Redis("")
				g.log.Info().Msg("Redis works again")
				return
			}
			g.health.Redis(err.Error())
			g.log.Warn().Err(err).Msg("Redis cannot be used; sessions and webhooks are refused until it can")
		},
	})
}
