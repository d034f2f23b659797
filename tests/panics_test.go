package tests

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/graph"
	"fsgateway/graph/apierror"
	"fsgateway/graph/wire"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/transport"
)

// TestPanic: a bug is named as one and hides what it was about.
func TestPanic(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"InALoader":   patientQuery,
		"InAList":     `{ patients { nodes { id } } }`,
		"InAValue":    `{ clinic { name } }`,
		"InAMutation": `mutation { cancelTreatmentPlan(input: {id: "x"}) { userErrors { message } } }`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bugs []error
			r := askBroken(t, query, func(err error) { bugs = append(bugs, err) })
			if len(r.Errors) != 1 {
				t.Fatal(r.text)
			}
			r.fails(t, failed{dotted(r.Errors[0].Path), "INTERNAL"})
			if len(r.Errors[0].Path) != 1 {
				t.Errorf("path %v", r.Errors[0].Path)
			}
			silent(t, "the answer", r.text, canary, "panic", "goroutine", ".go")
			if len(bugs) != 1 {
				t.Fatalf("%d bugs were logged", len(bugs))
			}
			p, ok := errors.AsType[*apierror.PanicError](bugs[0])
			if !ok || !bytes.Contains(p.Stack, []byte("panics_test.go")) {
				t.Errorf("what was logged does not lead to the place: %v", bugs[0])
			}
			silent(t, "the error's text", bugs[0].Error(), canary)
		})
	}
	t.Run("InAHandler", func(t *testing.T) {
		t.Parallel()
		var log bytes.Buffer
		logger := zerolog.New(&log)
		h := middleware.RequestID(middleware.Log(logger)(middleware.Recover(logger, internal)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(canary) }))))
		res := httptest.NewRecorder()
		h.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?q="+canary, nil))
		if res.Code != http.StatusInternalServerError {
			t.Errorf("status %d", res.Code)
		}
		silent(t, "answer and log", res.Body.String()+log.String(), canary)
		for _, want := range []string{"panics_test.go", `"status":500`, `"requestId":"` + res.Header().Get("X-Request-Id")} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s: %s", want, log.String())
			}
		}
	})
}

// internal answers for a bug, as the gateway does.
var internal = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { apierror.Write(w, "r", apierror.Describe(nil)) })

// TestBrokenOffAnswerIsLogged: a download that breaks off ends by a panic that
// net/http knows.
func TestBrokenOffAnswerIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := zerolog.New(&log)
	h := middleware.Log(logger)(middleware.Recover(logger, internal)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })))
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("net/http gets %v", v)
		}
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), `"message":"request"`) {
			t.Errorf("the log is %q", log.String())
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
}

// TestPanicOfAPlannedResource runs in a process of its own, which a panic that
// nobody catches would end.
func TestPanicOfAPlannedResource(t *testing.T) {
	const inside = "TEST_PANIC_OF_A_PLANNED_RESOURCE"
	if os.Getenv(inside) == "" {
		t.Parallel()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %.600s", err, out)
		}
		return
	}
	r := askBroken(t, `{ practitioner(id: "x") { firstName } }`, func(error) {})
	r.fails(t, failed{"practitioner", "INTERNAL"})
}

// TestPanicGivesBack: a bug before an operation runs does not keep the calls that were
// reserved for it.
func TestPanicGivesBack(t *testing.T) {
	t.Parallel()
	kept := 0
	r := askBroken(t, patientQuery, func(error) {}, func(o *graph.Options) {
		o.Cost.Reserve = func(_ context.Context, most int) (func(), error) {
			kept += most
			return func() { kept -= most }, nil
		}
		o.Wave = func(context.Context, int) func() { panic(canary) }
	})
	r.fails(t, failed{"", "INTERNAL"})
	if kept != 0 {
		t.Errorf("%d calls stay reserved", kept)
	}
}

// askBroken asks a gateway whose every call to the partner panics.
func askBroken(t *testing.T, query string, logBug func(error), set ...func(*graph.Options)) *reply {
	t.Helper()
	broken, err := fsclient.New("http://partner.example/api", &http.Client{Transport: transport.Func(func(*http.Request) (*http.Response, error) { panic(canary) })})
	if err != nil {
		t.Fatal(err)
	}
	var o graph.Options
	o.Caller = func(context.Context) string { return "someone" }
	o.Options.Options = wire.Options{
		RequestID: middleware.RequestIDFrom, LogBug: func(_ context.Context, err error) { logBug(err) },
		Timeout: time.Minute, Done: func(context.Context, wire.Result) {}, MaxBody: 1 << 20,
	}
	for _, set := range set {
		set(&o)
	}
	h := middleware.RequestID(graph.NewHandler(&graph.Resolver{Client: broken}, o))
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/graphql", strings.NewReader(requestBody(t, query)))
	req.Header.Set("Content-Type", "application/json")
	res := httptest.NewRecorder()
	h.ServeHTTP(res, req)
	return readReply(t, res.Code, res.Result().Header, res.Body.Bytes())
}
