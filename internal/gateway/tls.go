package gateway

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"fsgateway/internal/reload"
	"fsgateway/internal/seal"
)

// readPair reads the files of a certificate and its key.
func readPair(cert, key string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return &pair, nil
}

// readAuthorities adds the certificates in a file to those in a pool.
func readAuthorities(path string, pool *x509.CertPool) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: there is no certificate in it", path)
	}
	return pool, nil
}

// files are those of the paths that are not "".
func files(paths ...string) (given []string) {
	for _, path := range paths {
		if path != "" {
			given = append(given, path)
		}
	}
	return given
}

// noteReload logs that a file was read again.
func (g *Gateway) noteReload(what string) func(error) {
	return func(err error) {
		if err != nil {
			g.log.Error().Err(err).Str("what", what).Msg("a file that was replaced cannot be used; what was in it before stays in use")
			return
		}
		g.log.Info().Str("what", what).Msg("a file was replaced and read again")
	}
}

// serving returns the TLS of the gateway's clients, nil without --tls-cert. Each handshake has
// the certificate that is in the files by then.
func (g *Gateway) serving() (*tls.Config, error) {
	c := &g.config
	if c.TLSCert == "" {
		return nil, nil
	}
	v, err := reload.New(c.serverTLS, g.noteReload("certificate of the gateway"), files(c.TLSCert, c.TLSKey, c.TLSClientCA)...)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", c.name(&c.TLSCert), c.name(&c.TLSKey), err)
	}
	config := v.Get().Clone() // net/http looks here for HTTP/2
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return v.Get(), nil }
	return config, nil
}

// serverTLS is what the files say. It is kept until they change, so that clients can resume.
func (c *Config) serverTLS() (*tls.Config, error) {
	pair, err := readPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{*pair}}
	if c.TLSClientCA != "" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs, err = readAuthorities(c.TLSClientCA, x509.NewCertPool())
	}
	return config, err
}

// overTLS is a listener whose connections are encrypted, the listener itself without a
// configuration.
func overTLS(l net.Listener, config *tls.Config) net.Listener {
	if config == nil {
		return l
	}
	return tls.NewListener(l, config)
}

// calling returns the TLS of calls to the partner: the authorities to trust beside the
// system's, and the certificate to present; nil for the system's alone.
func (g *Gateway) calling() (*tls.Config, error) {
	c := &g.config
	if c.UpstreamCA == "" && c.UpstreamCert == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.UpstreamCA != "" {
		system, err := x509.SystemCertPool()
		if err != nil {
			system = x509.NewCertPool()
		}
		if config.RootCAs, err = readAuthorities(c.UpstreamCA, system); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name(&c.UpstreamCA), err)
		}
	}
	if c.UpstreamCert != "" {
		v, err := reload.New(func() (*tls.Certificate, error) { return readPair(c.UpstreamCert, c.UpstreamKey) },
			g.noteReload("certificate for the partner"), c.UpstreamCert, c.UpstreamKey)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", c.name(&c.UpstreamCert), c.name(&c.UpstreamKey), err)
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return v.Get(), nil }
	}
	return config, nil
}

// ourself returns the TLS with which the embedded sandbox calls this gateway, whose
// certificate may be one that no authority has signed. It presents the same one.
func (g *Gateway) ourself() *tls.Config {
	if g.config.TLSCert == "" {
		return nil
	}
	current := func() (*tls.Certificate, error) {
		serving, err := g.tls.GetConfigForClient(nil)
		if err != nil {
			return nil, err
		}
		return &serving.Certificates[0], nil
	}
	return &tls.Config{
		MinVersion:           tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return current() },
		InsecureSkipVerify:   true, //nolint:gosec // VerifyConnection accepts this gateway's own certificate and no other
		VerifyConnection: func(state tls.ConnectionState) error {
			ours, err := current()
			if err != nil {
				return err
			}
			if !bytes.Equal(state.PeerCertificates[0].Raw, ours.Certificate[0]) {
				return errors.New("it is not this gateway's certificate")
			}
			return nil
		},
	}
}

// WithSecretFiles names the files that secrets were read from, by the variable of their
// setting, such as FULLSCRIPT_CLIENT_SECRET. They are read again when they change.
func WithSecretFiles(paths map[string]string) Option {
	return func(o *options) { o.secretFiles = paths }
}

// secret returns a secret that is read again when its file changes. value is what it is now,
// and check says what is wrong with another one.
func (g *Gateway) secret(setting any, value string, check func(string) error) (*reload.Value[string], error) {
	variable := g.config.variable(setting)
	path := g.secretFiles[variable]
	if path == "" {
		return reload.Constant(value), nil
	}
	return reload.New(func() (string, error) {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		secret := strings.TrimSpace(string(text))
		return secret, check(secret)
	}, g.noteReload(variable), path)
}

// longEnough refuses a secret that was cut off, or is a placeholder.
func longEnough(secret string) error {
	if len(secret) < minSecret {
		return fmt.Errorf("it has fewer than %d characters", minSecret)
	}
	return nil
}

// followKeys has the keys of what is sealed be those of their file.
func (g *Gateway) followKeys() error {
	c := &g.config
	if g.secretFiles[c.variable(&c.EncryptionKey)] == "" {
		return nil
	}
	keys, err := g.secret(&c.EncryptionKey, "", func(keys string) error {
		for _, key := range splitList([]string{keys}) {
			if len(key) < seal.MinSecret {
				return fmt.Errorf("one of the keys has %d bytes, fewer than %d", len(key), seal.MinSecret)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c.name(&c.EncryptionKey), err)
	}
	g.keys.Follow(func() []string { return splitList([]string{keys.Get()}) })
	return nil
}
