package tests

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fsgateway/internal/sandbox"
)

// TestClientLeft: a client who leaves is not counted as a partner who does not answer, and the
// log says who left.
func TestClientLeft(t *testing.T) {
	t.Parallel()
	const query = `query Left { clinic { name } }`
	hang := sandbox.Fault{Hang: true}
	check := func(v *virtual, canceled bool) {
		v.Helper()
		synctest.Wait()
		line := v.log.info()
		if canceled != strings.Contains(line, `"canceled":true`) || canceled != strings.Contains(line, `"status":499`) || canceled == strings.Contains(line, "UPSTREAM_TIMEOUT") {
			v.Errorf("canceled is %v: %s", canceled, line)
		}
		res := httptest.NewRecorder()
		v.admin.ServeHTTP(res, httptest.NewRequestWithContext(v.Context(), http.MethodGet, "http://127.0.0.1/metrics", nil))
		if text := res.Body.String(); canceled != strings.Contains(text, `fsgateway_errors_total{code="UPSTREAM_TIMEOUT"} 0`) {
			v.Errorf("canceled is %v: UPSTREAM_TIMEOUT is counted wrongly", canceled)
		}
	}
	t.Run("HTTP", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(hang)
			ctx, leave := context.WithCancel(v.Context())
			time.AfterFunc(time.Second, leave)
			v.postAs(ctx, requestBody(v, query))
			check(v, true)
		})
	})
	t.Run("Deferred", func(t *testing.T) { // which has begun, with 200
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(hang)
			ctx, leave := context.WithCancel(v.Context())
			time.AfterFunc(time.Second, leave)
			r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", strings.NewReader(requestBody(v, `{ __typename ... @defer { clinic { name } } }`)))
			for name, value := range map[string]string{"Content-Type": asJSON, "Authorization": "Bearer " + sandbox.TokenPractitioner, "Accept": "multipart/mixed;deferSpec=20220824, application/json"} {
				r.Header.Set(name, value)
			}
			v.handler.ServeHTTP(httptest.NewRecorder(), r)
			synctest.Wait()
			if line := v.log.info(); !strings.Contains(line, `"status":200`) || !strings.Contains(line, `"canceled":true`) || strings.Contains(line, "UPSTREAM_TIMEOUT") {
				v.Error(line)
			}
		})
	})
	t.Run("Download", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(hang)
			ctx, leave := context.WithCancel(v.Context())
			time.AfterFunc(time.Second, leave)
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/resources/1/download", nil)
			r.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
			v.handler.ServeHTTP(httptest.NewRecorder(), r)
			check(v, true)
		})
	})
	t.Run("TimeIsUp", func(t *testing.T) {
		t.Parallel()
		virtually(t, config(), sandbox.Options{}, func(v *virtual) {
			v.sandbox.AddFault(hang)
			v.query(query)
			check(v, false)
		})
	})
	for name, leave := range map[string]func(*socket){
		"Complete": func(s *socket) { s.send(`{"type":"complete","id":"1"}`) },
		"Socket":   func(s *socket) { _ = s.conn.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			virtually(t, config(), sandbox.Options{}, func(v *virtual) {
				h, _ := v.online()
				s := h.socket(sandbox.TokenPractitioner)
				v.sandbox.AddFault(hang)
				s.subscribe("1", query)
				time.Sleep(time.Second)
				leave(s)
				check(v, true)
				_ = s.conn.CloseNow()
			})
		})
	}
}
