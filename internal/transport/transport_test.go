package transport_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
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
	ctx = transport.WithCaller(ctx, transport.Caller{Key: caller, Tokens: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "token of " + caller})})
	return rt.RoundTrip(httptest.NewRequestWithContext(ctx, http.MethodGet, "http://partner.example/", nil))
}

func ok(body io.Reader) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body)}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	rt := transport.Authorize(transport.Func(func(r *http.Request) (*http.Response, error) {
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

// TestLimit has one caller fill all places and queue up, then another arrive.
func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		var order []string
		var mu sync.Mutex
		rt := transport.Limit(4, transport.Func(func(r *http.Request) (*http.Response, error) {
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
		rt := transport.Limit(1, transport.Func(func(*http.Request) (*http.Response, error) {
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
			ctx, leave := context.WithTimeout(transport.Streaming(t.Context()), time.Hour)
			defer leave()
			begin := time.Now()
			res, err := call(ctx, transport.Timeout(5*time.Second, drip), "ada")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			_, _ = io.ReadAll(res.Body)
			if time.Since(begin) != time.Hour {
				t.Errorf("it ended after %v", time.Since(begin))
			}
		})
	})
}

func TestCount(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	rt := transport.Count(transport.Func(func(*http.Request) (*http.Response, error) { return ok(http.NoBody), nil }))
	for i := range 3 {
		res, err := call(transport.WithCounter(t.Context(), &n), rt, strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
	if n.Load() != 3 {
		t.Errorf("counted %d", n.Load())
	}
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
			rt := transport.Observe(func(ctx context.Context) func(int, error) {
				begun++
				if transport.CallerFrom(ctx).Key != "ada" {
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
