package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// Failure names the kind of failure of a call that was not answered, "" for nil.
// There are few kinds, and none repeats anything of the error's text, which can hold
// what the partner sent.
func Failure(err error) string {
	if err == nil {
		return ""
	}
	for _, f := range failures {
		if f.is(err) {
			return f.kind
		}
	}
	return "connection"
}

// failures are looked through in order: a look-up that took too long is "dns".
var failures = []struct {
	kind string
	is   func(error) bool
}{
	{"dns", of[*net.DNSError]},
	{"timeout", func(err error) bool {
		timeout, ok := errors.AsType[net.Error](err)
		return errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout()
	}},
	{"canceled", is(context.Canceled)},
	{"tls_name", of[x509.HostnameError]},
	{"tls_authority", of[x509.UnknownAuthorityError]},
	{"tls_expired", func(err error) bool {
		invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
		return ok && invalid.Reason == x509.Expired
	}},
	{"tls", of[*tls.CertificateVerificationError]},
	{"tls", of[tls.RecordHeaderError]},
	{"tls", of[tls.AlertError]},
	{"tls", func(err error) bool { // an alert of the partner's
		op, ok := errors.AsType[*net.OpError](err)
		return ok && op.Op == "remote error"
	}},
	{"proxy", func(err error) bool {
		op, ok := errors.AsType[*net.OpError](err)
		return ok && op.Op == "proxyconnect"
	}},
	{"refused", is(syscall.ECONNREFUSED)},
	{"unreachable", is(syscall.EHOSTUNREACH, syscall.ENETUNREACH)},
	{"reset", is(syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed)},
	{"reset", func(err error) bool { // net/http exports neither
		text := err.Error()
		return text == "http2: client connection lost" || strings.HasSuffix(text, "server closed idle connection")
	}},
}

func of[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func is(targets ...error) func(error) bool {
	return func(err error) bool {
		for _, target := range targets {
			if errors.Is(err, target) {
				return true
			}
		}
		return false
	}
}
