package oauth

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// NewRedis makes a store of a Redis server, which gateways share.
func NewRedis(client rueidis.Client) Store { return redis{client} }

type redis struct{ client rueidis.Client }

// keyPrefix keeps our keys apart from those of others on the same server.
const keyPrefix = "fsgateway:"

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
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1`)

func (r redis) Swap(ctx context.Context, key, old, value string, life time.Duration) (bool, error) {
	if old == "" {
		return false, nil
	}
	return swap.Exec(ctx, r.client, []string{keyPrefix + key}, []string{old, value, strconv.FormatInt(max(1, life.Milliseconds()), 10)}).AsBool()
}
