package redisconn

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

const (
	// timeout bounds connecting, and waiting for the answer to a command.
	timeout = time.Second
	// checkEvery is how often a server that works is checked: failures are noticed
	// while nobody uses it.
	checkEvery = 2 * time.Second
	// retryEvery is how often a server that does not work is checked.
	retryEvery = 250 * time.Millisecond
)

// Options of a client.
type Options struct {
	// URL is the server's address, such as redis://127.0.0.1:6379.
	URL string
	// Check does once whatever the gateway needs of the server.
	Check func(context.Context, rueidis.Client) error
	// Observe is told of each command when it is sent, and end when it is answered; nil for
	// nobody.
	Observe func(ctx context.Context, command string) (end func(error))
	// Changed is told why the server cannot be used, and nil when it works again.
	// It must not use the client.
	Changed func(error)
}

// Client is a [rueidis.Client] whose Do and DoMulti fail at once while the server
// cannot be used. Dedicated connections and subscriptions are dropped when that
// begins; its holder connects again.
type Client struct {
	rueidis.Client
	o     Options
	conns conns

	ctx    context.Context // ends with the client
	cancel context.CancelFunc
	done   chan struct{} // closed when watch has ended
	wake   chan struct{} // has the server checked now

	mu       sync.Mutex
	down     error // why the server cannot be used, nil while it works
	failures int   // how often down was set
}

// Open connects to a server and checks it. An error says what is wrong with it, and
// nothing of the address beyond the host.
func Open(o Options) (*Client, error) {
	settings, err := rueidis.ParseURL(o.URL)
	if err != nil { // whose text has the password in it
		return nil, errors.New("is not an address such as redis://127.0.0.1:6379")
	}
	c := &Client{o: o, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	settings.DisableCache = true    // everything that is read there changes
	settings.PipelineMultiplex = -1 // one connection, so that a check of it is a check of all
	settings.DisableRetry = true    // which would go on until the request is over, however long that is
	settings.Dialer.Timeout = timeout
	settings.ConnWriteTimeout = timeout
	settings.DialCtxFn = c.conns.dial
	if c.Client, err = rueidis.NewClient(settings); err != nil {
		c.cancel()
		return nil, describe(err)
	}
	if err := c.check(); err != nil {
		c.cancel()
		c.Client.Close()
		return nil, describe(err)
	}
	go c.watch()
	return c, nil
}

// Err says why the server cannot be used, nil while it works.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.down
}

// Do sends a command.
func (c *Client) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	before, err := c.state()
	if err != nil {
		return rueidis.NewErrorResult(err)
	}
	end := c.observe(ctx, cmd)
	r := c.Client.Do(ctx, cmd)
	end(r.Error())
	c.note(ctx, before, r.Error())
	return r
}

// DoMulti sends commands in one go.
func (c *Client) DoMulti(ctx context.Context, multi ...rueidis.Completed) []rueidis.RedisResult {
	before, err := c.state()
	if err != nil {
		failed := make([]rueidis.RedisResult, len(multi))
		for i := range failed {
			failed[i] = rueidis.NewErrorResult(err)
		}
		return failed
	}
	end := func(error) {}
	if len(multi) > 0 {
		end = c.observe(ctx, multi[0])
	}
	results := c.Client.DoMulti(ctx, multi...)
	end(errors.Join(failures(results)...))
	for _, r := range results {
		c.note(ctx, before, r.Error())
	}
	return results
}

// observe begins the observation of a command. That a key is not there is no failure.
func (c *Client) observe(ctx context.Context, cmd rueidis.Completed) (end func(error)) {
	if c.o.Observe == nil {
		return func(error) {}
	}
	ended := c.o.Observe(ctx, cmd.Commands()[0])
	return func(err error) {
		if rueidis.IsRedisNil(err) {
			err = nil
		}
		ended(err)
	}
}

func failures(results []rueidis.RedisResult) (errs []error) {
	for _, r := range results {
		if err := r.Error(); !rueidis.IsRedisNil(err) {
			errs = append(errs, err)
		}
	}
	return errs
}

// Close ends the client and its connections.
func (c *Client) Close() {
	c.cancel()
	c.conns.drop()
	<-c.done
	c.Client.Close()
}

func (c *Client) state() (failures int, down error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failures, c.down
}

// note looks at what came of a command that was sent when the client had failed
// before times. What the drop of that failure has broken says nothing new.
func (c *Client) note(ctx context.Context, before int, err error) {
	if err == nil || !unusable(err) || ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	first := c.failures == before && c.down == nil && c.ctx.Err() == nil
	if first {
		c.fail(err)
	}
	c.mu.Unlock()
	if first {
		c.conns.drop()
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// fail sets why the server cannot be used.
func (c *Client) fail(err error) {
	err = describe(err)
	if c.down == nil {
		c.failures++
	}
	if c.down == nil || c.down.Error() != err.Error() {
		c.down = err
		c.o.Changed(err)
	}
}
