package redisconn

import (
	"context"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// listenAgain is how long to wait after listening has failed.
const listenAgain = 250 * time.Millisecond

// Listen calls message with each message on a channel until stop is called, and subscribed,
// which may be nil, beside it each time that it begins to listen: what was published before is
// not heard. Both may run at the same time; message must not use the client.
func Listen(client rueidis.Client, channel string, subscribed func(context.Context), message func(string)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var listening sync.WaitGroup
	// The hook must not wait for the server.
	hooked := rueidis.WithOnSubscriptionHook(ctx, func(s rueidis.PubSubSubscription) {
		if s.Kind == "subscribe" && subscribed != nil {
			listening.Go(func() { subscribed(ctx) })
		}
	})
	listening.Go(func() {
		for ctx.Err() == nil {
			_ = client.Dedicated(func(own rueidis.DedicatedClient) error {
				return own.Receive(hooked, own.B().Subscribe().Channel(channel).Build(), func(m rueidis.PubSubMessage) { message(m.Message) })
			}) // that a server is away is reported on connecting to it
			select {
			case <-time.After(listenAgain):
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		listening.Wait()
	}
}
