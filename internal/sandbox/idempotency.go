package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
)

// kept is the first answer to an Idempotency-Key.
type kept struct {
	fingerprint [sha256.Size]byte
	answer      reply
}

// once carries a write out, unless the caller's Idempotency-Key was answered before: the same request then gets the same answer, another
// request under that key a 422. Keys belong to a user and an operation. Refused requests are not kept, so they may be mended and sent
// again. The write lock is held from look-up to storing, so two at once are carried out once.
func (r *request) once(write func() reply) reply {
	key := r.http.Header.Get("Idempotency-Key")
	if key == "" {
		return write()
	}
	owner := r.caller.ownerID + " " + r.op.ID + " " + key
	sent := r.fingerprint()
	if before, used := r.state().keys[owner]; used {
		if before.fingerprint != sent {
			return unprocessable(shapeText, problem{"", "idempotency_mismatch", "Idempotency-Key was already used with another request"})
		}
		return before.answer
	}
	answer := write()
	answer.raw = answer.encode()
	r.state().keys[owner] = kept{sent, answer}
	return answer
}

// fingerprint does not depend on white space or on the order of keys.
func (r *request) fingerprint() [sha256.Size]byte {
	var value any
	dec := json.NewDecoder(bytes.NewReader(r.body))
	dec.UseNumber()
	canonical := r.body
	if dec.Decode(&value) == nil {
		canonical, _ = json.Marshal(value)
	}
	return sha256.Sum256(append([]byte(r.http.URL.Path+"\n"), canonical...))
}
