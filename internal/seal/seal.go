// Package seal encrypts what is kept outside of the gateway's own memory or
// handed to a browser: sessions in a store, events in a stream, the cookie of a
// sign-in under way.
package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"sync"

	"github.com/gorilla/securecookie"
)

// MinSecret is the least length of a secret, in bytes.
const MinSecret = 32

// Keys seal and open. Make them with [New].
type Keys struct {
	names []byte // the key of Name

	mu      sync.Mutex
	current func() []string // nil for secrets that stay
	secrets []string
	codecs  []securecookie.Codec
}

// New makes keys of secrets: the first seals, all open, so that one can be
// replaced while what it sealed is still around. Without any, a random one
// serves, and what it seals is lost with the process.
func New(secrets ...string) *Keys {
	if len(secrets) == 0 {
		secrets = []string{string(securecookie.GenerateRandomKey(MinSecret))}
	}
	return &Keys{names: derive(secrets[0], "names"), secrets: secrets, codecs: codecsOf(secrets)}
}

func codecsOf(secrets []string) (codecs []securecookie.Codec) {
	for _, secret := range secrets {
		// Lengths and ages are minded by who seals: a session is no cookie.
		codecs = append(codecs, securecookie.New(derive(secret, "mac"), derive(secret, "encryption")).
			MaxLength(0).MaxAge(0).SetSerializer(securecookie.NopEncoder{}))
	}
	return codecs
}

// Follow has the keys be made of the secrets that current returns at each use, at least one.
// Names stay those of the first secret of all, for callers are told apart by them.
func (k *Keys) Follow(current func() []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.current = current
}

func (k *Keys) now() []securecookie.Codec {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != nil {
		if secrets := k.current(); !slices.Equal(secrets, k.secrets) {
			k.secrets, k.codecs = secrets, codecsOf(secrets)
		}
	}
	return k.codecs
}

func derive(secret, use string) []byte {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "fsgateway "+use, 32)
	if err != nil {
		panic(err) // only for a length that SHA-256 cannot give
	}
	return key
}

// Seal encrypts. What is sealed for one purpose cannot be opened for another.
func (k *Keys) Seal(purpose string, plain []byte) (string, error) {
	sealed, err := k.now()[0].Encode(purpose, bytes.Clone(plain)) // it is encrypted in place
	if err != nil {
		return "", fmt.Errorf("seal %s: %w", purpose, err)
	}
	return sealed, nil
}

// Open returns what was sealed, and refuses what was not sealed for this purpose
// with one of the keys.
func (k *Keys) Open(purpose, sealed string) (plain []byte, err error) {
	if err := securecookie.DecodeMulti(purpose, sealed, &plain, k.now()...); err != nil {
		return nil, fmt.Errorf("open %s: it was not sealed here", purpose)
	}
	return plain, nil
}

// Name stands for a text where others may read it, such as in the key of a store:
// the same for all who share the first secret, and telling nobody else the text.
func (k *Keys) Name(text string) string {
	mac := k.Hash()
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// Hash returns what computes names: the first 16 bytes of its sum, in hex, are one. It can
// be used again and again.
func (k *Keys) Hash() hash.Hash { return hmac.New(sha256.New, k.names) }
