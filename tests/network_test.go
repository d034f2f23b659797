package tests

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"fsgateway/internal/sandbox"
)

// network is one within a bubble. Its connections hold nothing: what one end
// writes waits until the other reads.
type network struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (n *network) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case n.conns <- theirs:
		return ours, nil
	case <-n.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) Accept() (net.Conn, error) {
	select {
	case c := <-n.conns:
		return c, nil
	case <-n.closed:
		return nil, net.ErrClosed
	}
}

func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return nil
}

func (n *network) Addr() net.Addr { return &net.UnixAddr{Name: "gateway", Net: "pipe"} }

// online serves the gateway on a network within the bubble.
func (v *virtual) online() (*harness, *network) {
	n := &network{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: v.handler}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = server.Serve(n) // until it is closed
	}()
	transport := &http.Transport{DialContext: n.dial}
	v.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		<-over
	})
	return &harness{t: v, sandbox: v.sandbox, url: "http://gateway", client: &http.Client{Transport: transport}, log: &v.log}, n
}

// happens has the partner tell of an event in the first practitioner's clinic.
func (h *harness) happens(kind, id, data string) {
	h.t.Helper()
	if err := h.arrives(h.t.Context(), id, kind, sandbox.ClinicID, data); err != nil {
		h.t.Fatal(err)
	}
}

// arrives is an event that the partner sends to the gateway.
func (h *harness) arrives(ctx context.Context, id, kind, clinic, data string) error {
	body := `{"event":{"id":"` + id + `","type":"` + kind + `","created_at":"2026-01-01T00:00:00Z","clinic_id":"` + clinic + `","data":` + data + `}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/webhooks/fullscript", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Fullscript-Signature", sandbox.Sign(sandbox.DefaultWebhookSecret, time.Now(), []byte(body)))
	res, err := h.http().Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s was answered with %d", id, res.StatusCode)
	}
	return nil
}
