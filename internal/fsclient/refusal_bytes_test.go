package fsclient_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"fsgateway/internal/fsclient"
)

// TestNeverHangs sends refusals as bytes: cut off within their length, within a
// chunk, and without an end. Each is an error of its status, with what came of the
// body.
func TestNeverHangs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, answer string
		endless      bool
		message      string // of the only problem, "" for none
	}{
		{"ShorterThanItsLength", "HTTP/1.1 422 X\r\nContent-Length: 100\r\n\r\n" + `{"errors":["Email`, false, ""},
		{"CutBehindAText", "HTTP/1.1 422 X\r\nContent-Length: 100\r\n\r\n" + `{"errors":["Email is taken",`, false, "Email is taken"},
		{"ChunkCutOff", "HTTP/1.1 422 X\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + `{"errors":["Email`, false, ""},
		{"LineBreakInAText", "HTTP/1.1 400 X\r\nConnection: close\r\n\r\n" + "{\"errors\":[\"is\n taken\"]}", false, ""},
		{"WithoutEnd", "HTTP/1.1 409 X\r\nConnection: close\r\n\r\n" + `{"errors":["In use","`, true, "In use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				_, err = io.WriteString(conn, c.answer)
				for more := strings.Repeat("x", 4096); c.endless && err == nil; { // until the client has had enough
					_, err = io.WriteString(conn, more)
				}
			}()
			client, err := fsclient.New("http://"+listener.Addr().String(), &http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
			if err != nil {
				t.Fatal(err)
			}
			e := refused(client.Patients.Create(t.Context(), &fsclient.CreatePatientInput{}))(t, fsclient.KindInvalid)
			if e.Unknown {
				t.Error("a write that was refused may have been carried out")
			}
			if c.message == "" && len(e.Problems) > 0 || c.message != "" && (len(e.Problems) != 1 || e.Problems[0].Message != c.message) {
				t.Errorf("got %+v", e.Problems)
			}
		})
	}
}
