package tests

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"fsgateway/internal/sandbox"
)

// after checks how much of the bubble's time something took.
func after(t testing.TB, begin time.Time, want time.Duration) {
	t.Helper()
	if took := time.Since(begin); took != want {
		t.Errorf("it took %v, want %v", took, want)
	}
}

func TestSocketInitTimeout(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		h, _ := v.online()
		begin := time.Now()
		s := h.dial(subprotocol)
		time.Sleep(2 * time.Second)
		s.send(`{"type":"ping"}`) // is no beginning
		s.closed(4408)
		after(v, begin, 3*time.Second)

		s = h.dial(subprotocol)
		time.Sleep(3*time.Second - 1)
		s.init("")
		time.Sleep(time.Second)
		s.send(`{"type":"ping"}`)
		s.hears("pong", "")
		_ = s.conn.CloseNow()
	})
}

// TestSocketPings: who answers pings may be silent otherwise, and who does not
// is cut.
func TestSocketPings(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		h, n := v.online()
		s := h.socket(sandbox.TokenPractitioner)
		s.subscribe("1", watchAll)
		synctest.Wait()
		go func() {
			time.Sleep(24 * time.Hour)
			h.happens("patient.updated", "one", `{"patient":{"id":"p","first_name":"Ada"}}`)
		}()
		begin := time.Now()
		if x := s.value("1"); at(v, x, "events.fullscriptId") != "one" {
			v.Errorf("%v", x)
		}
		after(v, begin, 24*time.Hour)
		_ = s.conn.CloseNow()

		// This one reads and says nothing.
		conn, read := upgraded(v, n)
		begin = time.Now()
		// connection_init in a frame whose mask is zero.
		if _, err := conn.Write(append([]byte{0x81, 0x80 | 26, 0, 0, 0, 0}, `{"type":"connection_init"}`...)); err != nil {
			v.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, read); err != nil {
			v.Error(err)
		}
		after(v, begin, 30*time.Second)
	})
}

// TestSocketSlowReader: a client that does not read is cut, whatever it is sent.
func TestSocketSlowReader(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		h, _ := v.online()
		s := h.socket(sandbox.TokenPractitioner)
		s.subscribe("1", watchAll)
		synctest.Wait()
		time.Sleep(time.Second)
		h.happens("patient.updated", "one", `{"patient":{"id":"p","first_name":"Ada"}}`)
		v.lasted(11 * time.Second)
		if _, _, err := s.conn.Read(v.Context()); err == nil {
			v.Error("it reads on")
		}
	})
}

// TestSocketTimeouts: each operation has its time, each event too, and the wait
// for one takes as long as it takes.
func TestSocketTimeouts(t *testing.T) {
	t.Parallel()
	c := config()
	c.OperationTimeout, c.CallTimeout = 2*time.Second, time.Minute
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		h, _ := v.online()
		s := h.socket(sandbox.TokenPractitioner)
		s.subscribe("1", `subscription { patientUpdated { patient { id dateOfBirth } } }`)
		synctest.Wait()
		v.sandbox.AddFault(sandbox.Fault{Hang: true})
		begin := time.Now()
		s.subscribe("2", `{ clinic { name } }`)
		if m := s.hears("next", "2"); !strings.Contains(string(m.Payload), "UPSTREAM_TIMEOUT") {
			v.Errorf("%s", m.Payload)
		}
		after(v, begin, 2*time.Second)
		s.hears("complete", "2")
		v.sandbox.ClearFaults()
		v.sandbox.AddFault(sandbox.Fault{Operation: "getPatient", Hang: true})
		begin = time.Now()
		h.happens("patient.updated", "one", `{"patient":{"id":"p","first_name":"Ada"}}`)
		if m := s.hears("next", "1"); !strings.Contains(string(m.Payload), "UPSTREAM_TIMEOUT") {
			v.Errorf("%s", m.Payload)
		}
		after(v, begin, 2*time.Second)
		v.sandbox.ClearFaults()
		h.happens("patient.updated", "two", `{"patient":{"id":"`+sandbox.PatientWithNoPlans+`"}}`)
		s.value("1")
		_ = s.conn.Close(websocket.StatusNormalClosure, "")
	})
}

// upgraded is a connection on which nothing is answered by itself.
func upgraded(v *virtual, n *network) (net.Conn, *bufio.Reader) {
	v.Helper()
	conn, err := n.dial(v.Context(), "", "")
	if err != nil {
		v.Fatal(err)
	}
	if _, err := fmt.Fprint(conn, "GET /graphql HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Protocol: graphql-transport-ws\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"); err != nil {
		v.Fatal(err)
	}
	read := bufio.NewReader(conn)
	res, err := http.ReadResponse(read, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		v.Fatalf("%v %v", res, err)
	}
	return conn, read
}

// TestSocketCloseIsBounded: a client that stalls within a message cannot keep
// the gateway from closing.
func TestSocketCloseIsBounded(t *testing.T) {
	t.Parallel()
	c := config()
	c.MaxBody = 1000
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		_, n := v.online()
		conn, read := upgraded(v, n)
		begin := time.Now()
		// 10,000 bytes are announced, and half of them sent.
		go func() {
			_, _ = conn.Write(append([]byte{0x81, 0x80 | 126, 10_000 >> 8, 10_000 & 0xff, 0, 0, 0, 0}, strings.Repeat(" ", 5000)...))
		}()
		said, err := io.ReadAll(read)
		if err != nil || len(said) < 4 || said[0] != 0x88 || int(said[2])<<8+int(said[3]) != int(websocket.StatusMessageTooBig) {
			v.Errorf("%q %v", said, err)
		}
		after(v, begin, 5*time.Second)
	})
}

// TestSocketDrain: what has one answer gets it, and then the close brings the
// client to another gateway. An error would make its subscriptions give up.
func TestSocketDrain(t *testing.T) {
	t.Parallel()
	virtually(t, config(), sandbox.Options{}, func(v *virtual) {
		h, _ := v.online()
		s, idle, mute := h.socket(sandbox.TokenPractitioner), h.socket(""), h.dial(subprotocol)
		s.subscribe("stream", watchAll)
		synctest.Wait()
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Latency: 2 * time.Second})
		s.subscribe("query", `{ clinic { fullscriptId } }`)
		synctest.Wait()
		begin := time.Now()
		v.drain()
		idle.closed(websocket.StatusServiceRestart)
		mute.closed(websocket.StatusServiceRestart)
		after(v, begin, 0)
		s.subscribe("later", `{ clinic { name } }`) // is not answered, nor is it executed
		s.send(`{"type":"ping"}`)
		s.hears("pong", "")
		if x := s.value("query"); at(v, x, "clinic.fullscriptId") != sandbox.ClinicID {
			v.Errorf("%v", x)
		}
		s.hears("complete", "query")
		if _, text, err := s.conn.Read(v.Context()); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
			v.Errorf("%s %v", text, err)
		}
		after(v, begin, 2*time.Second)
		if n := v.sandbox.Count("getClinic"); n != 2 { // to begin the stream, and the query
			v.Errorf("%d calls", n)
		}
		_, res, err := dial(v.Context(), h.http(), h.url, subprotocol)
		if err == nil || res.StatusCode != http.StatusServiceUnavailable {
			v.Errorf("one more is answered with %v", err)
		}
	})
}

// TestSocketDrainIsBounded: an operation that takes longer than draining may is
// cut off with its socket.
func TestSocketDrainIsBounded(t *testing.T) {
	t.Parallel()
	c := config()
	c.OperationTimeout, c.CallTimeout, c.DrainTimeout = time.Hour, time.Hour, 20*time.Second
	virtually(t, c, sandbox.Options{}, func(v *virtual) {
		h, _ := v.online()
		s := h.socket(sandbox.TokenPractitioner)
		v.sandbox.AddFault(sandbox.Fault{Operation: "getClinic", Hang: true})
		s.subscribe("query", `{ clinic { fullscriptId } }`)
		synctest.Wait()
		begin := time.Now()
		v.drain()
		// The query may end with the time just before the connection does, and the socket say why.
		if _, text, err := s.conn.Read(v.Context()); err == nil || websocket.CloseStatus(err) != -1 && websocket.CloseStatus(err) != websocket.StatusServiceRestart {
			v.Errorf("%s %v", text, err)
		}
		after(v, begin, 20*time.Second)
	})
}
