package tests

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// BenchmarkPatients compares the gateway with a handler written by hand for one
// query: it makes the same call and writes the same JSON.
func BenchmarkPatients(b *testing.B) {
	s := sandbox.New(sandbox.Options{RateLimit: -1})
	upstream := httptest.NewServer(s)
	b.Cleanup(upstream.Close)
	c := config()
	c.Upstream = upstream.URL + "/api"
	g, err := gateway.New(c, zerolog.Nop())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = g.Close() })
	const query = `{ patients(first: 50) { nodes { fullscriptId firstName lastName email archived } } }`
	b.Run("Gateway", func(b *testing.B) { measure(b, g.Handler(), query) })
	b.Run("HandWritten", func(b *testing.B) { measure(b, handWritten(upstream.URL), query) })
}

func measure(b *testing.B, h http.Handler, query string) {
	body, _ := json.Marshal(map[string]string{"query": query})
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/graphql", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
		res := httptest.NewRecorder()
		h.ServeHTTP(res, req)
		if n := strings.Count(res.Body.String(), `"archived"`); n != 50 {
			b.Fatalf("%d rows: %.300s", n, res.Body)
		}
	}
}

func handWritten(upstream string) http.Handler {
	type row struct {
		FullscriptID string  `json:"id"`
		FirstName    *string `json:"first_name"`
		LastName     *string `json:"last_name"`
		Email        *string `json:"email"`
		Archived     *bool   `json:"archived"`
	}
	type node struct {
		FullscriptID string  `json:"fullscriptId"`
		FirstName    *string `json:"firstName"`
		LastName     *string `json:"lastName"`
		Email        *string `json:"email"`
		Archived     *bool   `json:"archived"`
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, upstream+"/api/clinic/patients?page[number]=1&page[size]=50", nil)
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		req.Header.Set("Authorization", r.Header.Get("Authorization"))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		var page struct{ Patients []row }
		if err := json.NewDecoder(res.Body).Decode(&page); err != nil {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		nodes := make([]node, len(page.Patients))
		for i, p := range page.Patients {
			nodes[i] = node(p)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"patients": map[string]any{"nodes": nodes}}})
	})
}
