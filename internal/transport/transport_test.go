package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"fsgateway/internal/transport"
)

func call(ctx context.Context, rt http.RoundTripper, caller string) (*http.Response, error) {
	if transport.CallerFrom(ctx).Tokens == nil {
		ctx = as(ctx, known(caller))
	}
	return rt.RoundTrip(httptest.NewRequestWithContext(ctx, http.MethodGet, "http://partner.example/", nil))
}

func known(caller string) transport.Caller {
	return transport.Caller{Key: caller, Tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "token of " + caller})}
}

func as(ctx context.Context, c transport.Caller) context.Context {
	return transport.WithOperation(ctx, &transport.Operation{Caller: c, Calls: new(atomic.Int64)})
}

func ok(body io.Reader) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body)}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	rt := transport.Authorize(unsigned, transport.Func(func(r *http.Request) (*http.Response, error) {
		if got := r.Header.Get("Authorization"); got != "Bearer token of ada" {
			t.Errorf("Authorization: %s", got)
		}
		return ok(http.NoBody), nil
	}))
	res, err := call(t.Context(), rt, "ada")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res, err := rt.RoundTrip(httptest.NewRequest(http.MethodGet, "http://partner.example/", nil)); err == nil {
		_ = res.Body.Close()
		t.Error("a call for nobody was made")
	}
}

// TestRenew sends a call that was refused again, with another token and the same
// body, if there is one.
func TestRenew(t *testing.T) {
	t.Parallel()
	old := &oauth2.Token{AccessToken: "old"}
	type renew = func(*oauth2.Token) (*oauth2.Token, error)
	better := func(rejected *oauth2.Token) (*oauth2.Token, error) {
		if rejected != old {
			t.Error("another token than the one refused")
		}
		return &oauth2.Token{AccessToken: "new"}, nil
	}
	for name, c := range map[string]struct {
		renew  renew
		body   io.Reader
		accept string
		calls  string
		status int
	}{
		"Better":      {better, nil, "new", "old new ", 200},
		"BetterWrite": {better, strings.NewReader("body"), "new", "old:body new:body ", 200},
		"OnceOnly":    {better, nil, "nothing", "old new ", 401},
		"Fine":        {better, nil, "old", "old ", 200},
		"NoOther":     {func(r *oauth2.Token) (*oauth2.Token, error) { return r, nil }, nil, "new", "old ", 401},
		"Fails":       {func(*oauth2.Token) (*oauth2.Token, error) { return nil, errors.New("down") }, nil, "new", "old ", 401},
		"OwnToken":    {nil, nil, "new", "old ", 401},
		"BodyIsGone":  {better, io.MultiReader(strings.NewReader("body")), "new", "old:body ", 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls strings.Builder
			rt := transport.Authorize(unsigned, transport.Func(func(r *http.Request) (*http.Response, error) {
				token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
				calls.WriteString(token)
				if r.Body != nil {
					raw, _ := io.ReadAll(r.Body)
					calls.WriteString(":" + string(raw))
				}
				calls.WriteString(" ")
				res := ok(http.NoBody)
				if token != c.accept {
					res.StatusCode = http.StatusUnauthorized
				}
				return res, nil
			}))
			ctx := as(t.Context(), transport.Caller{Key: "ada", Tokens: oauth2.StaticTokenSource(old), Renew: c.renew})
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://partner.example/", c.body)
			if err != nil {
				t.Fatal(err)
			}
			res, err := rt.RoundTrip(r)
			if err != nil || res.StatusCode != c.status || calls.String() != c.calls {
				t.Errorf("%v, %v, calls %q", res, err, calls.String())
			}
		})
	}
}

type sourceFunc func() (*oauth2.Token, error)

func (f sourceFunc) Token() (*oauth2.Token, error) { return f() }

// TestSignedOut is answered as a token that is over, without a call.
func TestSignedOut(t *testing.T) {
	t.Parallel()
	rt := transport.Authorize(unsigned, transport.Func(func(*http.Request) (*http.Response, error) {
		t.Error("it was called")
		return ok(http.NoBody), nil
	}))
	for err, status := range map[error]int{fmt.Errorf("session: %w", transport.ErrSignedOut): 401, errors.New("down"): 0} {
		ctx := as(t.Context(), transport.Caller{Key: "ada", Tokens: sourceFunc(func() (*oauth2.Token, error) { return nil, err })})
		res, got := rt.RoundTrip(httptest.NewRequestWithContext(ctx, http.MethodGet, "http://partner.example/", nil))
		if status == 0 && !errors.Is(got, err) || status != 0 && (got != nil || res.StatusCode != status) {
			t.Errorf("%v: %v, %v", err, res, got)
		}
	}
}

// TestSignedOutClosesTheBody holds the refusal to what every RoundTripper must
// do: close the body of the request, also of one that is never sent.
func TestSignedOutClosesTheBody(t *testing.T) {
	t.Parallel()
	rt := transport.Authorize(unsigned, transport.Func(func(*http.Request) (*http.Response, error) { return ok(http.NoBody), nil }))
	ctx := as(t.Context(), transport.Caller{Key: "ada", Tokens: sourceFunc(func() (*oauth2.Token, error) { return nil, transport.ErrSignedOut })})
	closed := false
	body := &closeSpy{Reader: strings.NewReader("{}"), closed: &closed}
	if _, err := rt.RoundTrip(httptest.NewRequestWithContext(ctx, http.MethodPost, "http://partner.example/", body)); err != nil {
		t.Fatal(err)
	}
	if !closed {
		t.Error("the body is still open")
	}
}

type closeSpy struct {
	io.Reader
	closed *bool
}

func (c *closeSpy) Close() error { *c.closed = true; return nil }

// TestLimit has one caller fill all places and queue up, then another arrive.
func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		var order []string
		var mu sync.Mutex
		rt := transport.Limit(transport.NewPlaces(4, 4), func(*transport.Operation) bool { return false }, transport.Func(func(r *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), running.Add(1)))
			mu.Lock()
			order = append(order, transport.CallerFrom(r.Context()).Key)
			mu.Unlock()
			return ok(http.NoBody), nil
		}))
		one := func(caller string) {
			res, err := call(t.Context(), rt, caller)
			if err != nil {
				t.Error(err)
				return
			}
			time.Sleep(time.Second) // virtual: the call takes a second
			running.Add(-1)
			_ = res.Body.Close()
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { one("greedy") })
		}
		synctest.Wait()
		for range 2 {
			wg.Go(func() { one("modest") })
		}
		wg.Wait()
		if most.Load() != 4 {
			t.Errorf("%d calls ran at once, want 4: all that are allowed, and no more", most.Load())
		}
		// Four places came free at once, and who got them began in any order.
		if next := order[4:8]; len(slices.DeleteFunc(slices.Clone(next), func(caller string) bool { return caller != "modest" })) != 2 {
			t.Errorf("the next places went to %v", next)
		}
		if len(order) != 22 {
			t.Errorf("%d calls were made", len(order))
		}
	})
}

func TestLimitForgetsWhoLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		rt := transport.Limit(transport.NewPlaces(1, 1), func(*transport.Operation) bool { return false }, transport.Func(func(*http.Request) (*http.Response, error) {
			<-release
			return ok(http.NoBody), nil
		}))
		done := make(chan error, 2)
		go func() {
			res, err := call(t.Context(), rt, "first")
			if err == nil {
				err = res.Body.Close()
			}
			done <- err
		}()
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			res, err := call(ctx, rt, "second")
			if err == nil {
				_ = res.Body.Close()
			}
			done <- err
		}()
		synctest.Wait()
		leave()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("who left while waiting got %v", err)
		}
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		res, err := call(t.Context(), rt, "third")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	})
}

// slow gives its first byte at once and the next never.
type slow struct {
	ctx  context.Context
	sent bool
}

func (s *slow) Read(p []byte) (int, error) {
	if !s.sent {
		s.sent = true
		return copy(p, "x"), nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	hang := transport.Func(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	drip := transport.Func(func(r *http.Request) (*http.Response, error) { return ok(&slow{ctx: r.Context()}), nil })
	t.Run("NoAnswer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			res, err := call(t.Context(), transport.Timeout(5*time.Second, hang), "ada")
			if err == nil {
				_ = res.Body.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 5*time.Second {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
	})
	t.Run("BodyThatStops", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			res, err := call(t.Context(), transport.Timeout(5*time.Second, drip), "ada")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := io.ReadAll(res.Body); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("reading it: %v", err)
			}
		})
	})
	t.Run("StreamsMayTakeLonger", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			steps := make(chan string)
			go func() {
				defer close(steps)
				for range 4 {
					time.Sleep(4 * time.Second)
					steps <- "x"
				}
			}()
			rt := transport.Timeout(5*time.Second, transport.Func(func(r *http.Request) (*http.Response, error) {
				return ok(stepwise(func() (string, bool) { s, more := <-steps; return s, more })), nil
			}))
			res, err := call(transport.Streaming(t.Context()), rt, "ada")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			time.Sleep(time.Hour) // whoever reads may take their time
			if text, err := io.ReadAll(res.Body); string(text) != "xxxx" || err != nil {
				t.Errorf("%q %v", text, err)
			}
		})
	})
	t.Run("StreamThatStops", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			begin := time.Now()
			res, err := call(transport.Streaming(t.Context()), transport.Timeout(5*time.Second, drip), "ada")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := io.ReadAll(res.Body); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 5*time.Second {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
	})
}

// stepwise is a body that comes in steps.
type stepwise func() (step string, more bool)

func (next stepwise) Read(p []byte) (int, error) {
	step, more := next()
	if !more {
		return 0, io.EOF
	}
	return copy(p, step), nil
}

func TestCount(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	rt := transport.Count(transport.Func(func(*http.Request) (*http.Response, error) { return ok(http.NoBody), nil }))
	for range 3 {
		res, err := call(transport.WithOperation(t.Context(), &transport.Operation{Caller: known("ada"), Calls: &n}), rt, "")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	if n.Load() != 3 {
		t.Errorf("counted %d", n.Load())
	}
}

// TestSharedTimeout: calls of one operation that begin together have their time from one
// timer, and no other call ends with them.
func TestSharedTimeout(t *testing.T) {
	t.Parallel()
	var seen []context.Context
	rt := transport.Timeout(time.Hour, transport.Func(func(r *http.Request) (*http.Response, error) {
		seen = append(seen, r.Context())
		return ok(http.NoBody), nil
	}))
	op := func(parent context.Context) context.Context { return as(parent, known("ada")) }
	first, leave := context.WithCancel(t.Context())
	one := op(first)
	part, stop := context.WithCancel(one)
	traced := httptrace.WithClientTrace(one, &httptrace.ClientTrace{})
	for _, ctx := range []context.Context{one, withValue(one), part, op(first), traced, t.Context()} {
		res, err := call(ctx, rt, "")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	if seen[0] != seen[1] {
		t.Error("two calls of one operation have a timer each")
	}
	for i, ctx := range seen[2:] {
		if ctx == seen[0] {
			t.Errorf("call %d shares the context of an operation or a part that it does not belong to", i+2)
		}
	}
	if seen[0].Err() != nil {
		t.Error("the end of a call ended the others")
	}
	stop()
	if seen[0].Err() != nil || seen[2].Err() == nil {
		t.Error("a part that ended has not ended its own calls alone")
	}
	leave()
	if seen[0].Err() == nil {
		t.Error("the calls go on after their operation")
	}
}

type valueKey struct{}

func withValue(ctx context.Context) context.Context {
	return context.WithValue(ctx, valueKey{}, "of one call")
}

func TestObserve(t *testing.T) {
	t.Parallel()
	reset := errors.New("reset")
	for _, c := range []struct {
		name   string
		base   transport.Func
		status int
		err    error
	}{
		{"Answer", func(*http.Request) (*http.Response, error) { return ok(strings.NewReader("body")), nil }, 200, nil},
		{"NoAnswer", func(*http.Request) (*http.Response, error) { return nil, reset }, 0, reset},
		{"BodyBrokenOff", func(*http.Request) (*http.Response, error) { return ok(iotest.ErrReader(reset)), nil }, 200, reset},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			begun, ended := 0, 0
			rt := transport.Observe(func(r *http.Request) func(int, error) {
				begun++
				if transport.CallerFrom(r.Context()).Key != "ada" {
					t.Error("it is not the call's context")
				}
				return func(status int, err error) {
					ended++
					if status != c.status || !errors.Is(err, c.err) {
						t.Errorf("ended with %d, %v", status, err)
					}
				}
			}, c.base)
			if res, err := call(t.Context(), rt, "ada"); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				if ended != 0 {
					t.Error("it ended before its body was closed")
				}
				_ = res.Body.Close()
				_ = res.Body.Close()
			}
			if begun != 1 || ended != 1 {
				t.Errorf("begun %d times, ended %d times", begun, ended)
			}
		})
	}
}

func unsigned(context.Context, http.Header) {}
