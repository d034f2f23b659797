package tests

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"fsgateway/internal/gateway"
	"fsgateway/internal/sandbox"
)

// authority signs certificates into files.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
	file string // its own certificate
	n    int64
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir(), n: time.Now().UnixNano()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, key := a.create(template, template, nil)
	a.key = key
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = a.write("authority.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) create(template, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	replace(a.t, path, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
	return path
}

// issue writes a certificate of a name, valid for this machine, and its key.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	a.n++
	der, k := a.create(&x509.Certificate{
		SerialNumber: big.NewInt(a.n), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.cert, a.key)
	text, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "PRIVATE KEY", text)
}

// pool trusts the authority.
func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// replace writes a file as it is done in production: a new one takes the place of the old one.
func replace(t testing.TB, path, text string) {
	t.Helper()
	next, err := os.CreateTemp(filepath.Dir(path), "next")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.WriteString(text); err != nil || next.Close() != nil {
		t.Fatal(err)
	}
	if old, err := os.Stat(path); err == nil { // file systems have coarse clocks
		if err := os.Chtimes(next.Name(), time.Time{}, old.ModTime().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(next.Name(), path); err != nil {
		t.Fatal(err)
	}
}

// secured runs a gateway as the program does, on a port of its own.
func secured(t testing.TB, c gateway.Config, opts ...gateway.Option) *harness {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Addr = l.Addr().String()
	h := &harness{t: t, log: &logBuffer{}, url: "https://" + c.Addr}
	g, err := gateway.New(c, zerolog.New(h.log), opts...)
	if err != nil {
		t.Fatal(err)
	}
	s := g.Server(l)
	go func() { _ = s.Serve(s.Listener) }()
	t.Cleanup(func() {
		_ = s.Close()
		_ = g.Close()
	})
	return h
}

// over makes requests go with a configuration, over connections of their own.
func (h *harness) over(config *tls.Config, http2 bool) *harness {
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: http2, DisableKeepAlives: true}
	h.t.Cleanup(transport.CloseIdleConnections)
	other := *h
	other.client = &http.Client{Transport: transport}
	return &other
}

// peer is the name in the certificate that the gateway presents.
func (h *harness) peer(config *tls.Config) (string, error) {
	conn, err := (&tls.Dialer{Config: config}).DialContext(h.t.Context(), "tcp", strings.TrimPrefix(h.url, "https://"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// TestTLS: the gateway serves https itself, HTTP/2 included, and a certificate that is replaced
// without a restart.
func TestTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	c := config()
	c.TLSCert, c.TLSKey = a.issue("first")
	h := secured(t, c)
	trust := &tls.Config{RootCAs: a.pool()}
	for major, http2 := range map[int]bool{1: false, 2: true} {
		res, err := h.over(trust.Clone(), http2).client.Get(h.url + "/agents.md")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.ProtoMajor != major || res.StatusCode != http.StatusOK {
			t.Errorf("%s %d", res.Proto, res.StatusCode)
		}
	}
	if a := h.over(trust.Clone(), true).as(sandbox.TokenPractitioner, `{ clinic { name } }`); a.Errors != nil || a.Data["clinic"] == nil {
		t.Errorf("%v %v", a.Data, a.Errors)
	}
	resuming := trust.Clone()
	resuming.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	resumed := false
	for range 2 {
		res, err := h.over(resuming, false).client.Get(h.url + "/agents.md")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		resumed = res.TLS.DidResume
	}
	if !resumed {
		t.Error("clients cannot resume")
	}
	old := trust.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := h.peer(old); err == nil {
		t.Error("TLS 1.1 is spoken")
	}

	cert, key := a.issue("second")
	move := func(from, to string) {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		replace(t, to, string(text))
	}
	move(cert, c.TLSCert) // and not yet its key: the two do not fit
	if name, err := h.peer(trust); name != "first" || err != nil {
		t.Errorf("in between it is %q, %v", name, err)
	}
	move(key, c.TLSKey)
	if name, err := h.peer(trust); name != "second" || err != nil {
		t.Errorf("then it is %q, %v", name, err)
	}
	replace(t, c.TLSCert, "nothing of the kind")
	if name, err := h.peer(trust); name != "second" || err != nil {
		t.Errorf("after a broken file it is %q, %v", name, err)
	}
	if log := h.log.String(); strings.Count(log, "cannot be used") != 2 || strings.Count(log, "read again") != 1 {
		t.Errorf("log: %s", log)
	}
}

// TestEventsOverTLS: the embedded sandbox sends events to a gateway whose certificate nobody
// knows, and which wants one of its clients.
func TestEventsOverTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	c := config()
	c.TLSCert, c.TLSKey = a.issue("gateway")
	c.TLSClientCA = a.file
	h := secured(t, c)
	cert, key := a.issue("app")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	h = h.over(&tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{pair}}, true)
	res, err := h.client.Post(h.url+"/_sandbox/webhooks", "application/json", strings.NewReader(`{"type":"patient.updated"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var sent struct{ Sent []sandbox.Sent }
	if err := json.NewDecoder(res.Body).Decode(&sent); err != nil {
		t.Fatal(err)
	}
	if len(sent.Sent) != 1 || !sent.Sent[0].Delivered {
		t.Errorf("%+v", sent)
	}
}

// TestClientCertificates: with --tls-client-ca nobody is answered without a certificate of that
// authority.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	c := config()
	c.TLSCert, c.TLSKey = a.issue("gateway")
	c.TLSClientCA = a.file
	h := secured(t, c)
	for _, by := range []*authority{nil, stranger, a} {
		config := &tls.Config{RootCAs: a.pool()}
		if by != nil {
			pair, err := tls.LoadX509KeyPair(by.issue("app"))
			if err != nil {
				t.Fatal(err)
			}
			config.Certificates = []tls.Certificate{pair}
		}
		res, err := h.over(config, false).client.Get(h.url + "/agents.md")
		if err == nil {
			res.Body.Close()
		}
		if answered := err == nil; answered != (by == a) {
			t.Errorf("answered: %t, %v", answered, err)
		}
	}
}

// TestPartnerOverMutualTLS: the gateway trusts an authority of its own for the partner, and
// presents a certificate.
func TestPartnerOverMutualTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	cert, key := a.issue("partner")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := sandbox.New(sandbox.Options{})
	t.Cleanup(func() { _ = s.Close() })
	partner := httptest.NewUnstartedServer(s)
	partner.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: a.pool(), ClientAuth: tls.RequireAndVerifyClientCert}
	partner.Config.ErrorLog = log.New(io.Discard, "", 0)
	partner.StartTLS()
	t.Cleanup(partner.Close)
	ours, oursKey := a.issue("gateway")
	for _, c := range []struct {
		name, authority, cert, key string
		works                      bool
	}{
		{"Both", a.file, ours, oursKey, true},
		{"UnknownAuthority", "", ours, oursKey, false},
		{"NoCertificate", a.file, "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			config := config()
			config.Upstream, config.Retries = partner.URL+"/api", 0
			config.UpstreamCA, config.UpstreamCert, config.UpstreamKey = c.authority, c.cert, c.key
			h := &harness{t: t, log: &logBuffer{}, sandbox: s}
			h.serve(config)
			answer := h.as(sandbox.TokenPractitioner, `{ clinic { name } }`)
			if works := answer.Data["clinic"] != nil; works != c.works {
				t.Errorf("%v %v", answer.Data, answer.Errors)
			}
			if !c.works && answer.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" {
				t.Errorf("%v", answer.Errors)
			}
		})
	}
}

// TestSecretsAreReadAgain: secrets from files are those that the files have now.
func TestSecretsAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	paths := map[string]string{}
	write := func(variable, text string) {
		paths[variable] = filepath.Join(dir, variable)
		replace(t, paths[variable], text+"\n")
	}
	write("FULLSCRIPT_WEBHOOK_SECRET", "the first secret")
	write("FULLSCRIPT_WEBHOOK_CHALLENGE", "the first challenge")
	c := config()
	c.WebhookSecret, c.WebhookChallenge, c.Upstream = []string{"the first secret"}, "the first challenge", "https://127.0.0.1:1/api"
	h := &harness{t: t, log: &logBuffer{}, sandbox: sandbox.New(sandbox.Options{})}
	t.Cleanup(func() { _ = h.sandbox.Close() })
	h.serve(c, gateway.WithSecretFiles(paths))
	send := func(secret string) (status int, answer string) {
		body, now := `{"id":"1","type":"patient.updated"}`, strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "%s.%s", now, body)
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, h.url+"/webhooks/fullscript", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Fullscript-Signature", "t="+now+",v1="+hex.EncodeToString(mac.Sum(nil)))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	expect := func(secret string, accepted bool, challenge string) {
		t.Helper()
		status, answer := send(secret)
		if (status == http.StatusOK) != accepted || accepted && !strings.Contains(answer, challenge) {
			t.Errorf("%s: %d %s", secret, status, answer)
		}
	}
	expect("the first secret", true, "the first challenge")
	write("FULLSCRIPT_WEBHOOK_SECRET", "the second secret,the first secret")
	expect("the second secret", true, "the first challenge")
	expect("the first secret", true, "the first challenge")
	write("FULLSCRIPT_WEBHOOK_SECRET", "the second secret")
	write("FULLSCRIPT_WEBHOOK_CHALLENGE", "the second challenge")
	expect("the first secret", false, "")
	expect("the second secret", true, "the second challenge")
	write("FULLSCRIPT_WEBHOOK_SECRET", "")
	expect("the second secret", true, "the second challenge")
	for _, secret := range []string{"the first", "the second"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("a secret is in the log: %s", h.log.String())
		}
	}
}
