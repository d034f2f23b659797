package store

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"fsgateway/internal/redisconn"
)

// NewRedis makes a store of a Redis server, which gateways share.
func NewRedis(client rueidis.Client) Store { return redis{client} }

type redis struct{ client rueidis.Client }

const keyPrefix = redisconn.Prefix

// Check does once all that the store does at a server, with a key of its own.
func Check(ctx context.Context, client rueidis.Client) error {
	s, key := NewRedis(client), "check:"+rand.Text()
	if _, err := s.Add(ctx, key, "a", 10*time.Second); err != nil {
		return err
	}
	if _, err := s.Get(ctx, key); err != nil {
		return err
	}
	if _, err := s.Swap(ctx, key, "a", "b", 10*time.Second); err != nil {
		return err
	}
	if _, err := s.Swap(ctx, key, "b", "", 0); err != nil {
		return err
	}
	return client.Dedicated(func(own rueidis.DedicatedClient) error {
		ctx, done := context.WithCancelCause(ctx)
		defer done(nil)
		hooked := rueidis.WithOnSubscriptionHook(ctx, func(rueidis.PubSubSubscription) { done(errSubscribed) })
		err := own.Receive(hooked, own.B().Subscribe().Channel(removals).Build(), func(rueidis.PubSubMessage) {})
		if errors.Is(context.Cause(ctx), errSubscribed) {
			return nil
		}
		return err
	})
}

var errSubscribed = errors.New("subscribed")

func (r redis) Get(ctx context.Context, key string) (string, error) {
	value, err := r.client.Do(ctx, r.client.B().Get().Key(keyPrefix+key).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return "", nil
	}
	return value, err
}

func (r redis) Add(ctx context.Context, key, value string, life time.Duration) (bool, error) {
	err := r.client.Do(ctx, r.client.B().Set().Key(keyPrefix+key).Value(value).Nx().Px(life).Build()).Error()
	if rueidis.IsRedisNil(err) {
		return false, nil
	}
	return err == nil, err
}

var swap = rueidis.NewLuaScript(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
  redis.call('PUBLISH', ARGV[4], KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1`)

func (r redis) Swap(ctx context.Context, key, old, value string, life time.Duration) (bool, error) {
	if old == "" {
		return false, nil
	}
	milliseconds := strconv.FormatInt(max(1, life.Milliseconds()), 10)
	return swap.Exec(ctx, r.client, []string{keyPrefix + key}, []string{old, value, milliseconds, removals}).AsBool()
}

// removals is the channel on which the keys that were removed are published.
const removals = keyPrefix + "removed"

func (r redis) Listen(removed func(string), missed func(context.Context)) (stop func()) {
	return redisconn.Listen(r.client, removals, missed, func(key string) { removed(strings.TrimPrefix(key, keyPrefix)) })
}
