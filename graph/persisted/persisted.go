package persisted

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/apierror"
	"fsgateway/internal/cache"
)

// Mode says which documents run.
type Mode string

// The modes, which are also the values of the setting.
const (
	// Off runs every document.
	Off Mode = "off"
	// Log runs every document, and reports those outside the manifest.
	Log Mode = "log"
	// Enforce runs the documents of the manifest and nothing else: no other
	// introspection either, and no { __typename }.
	Enforce Mode = "enforce"
)

// Events that Options.Log is told of.
const (
	// EventUnlisted is a valid document outside the manifest, in log mode. It is
	// about to run: graphql.GetOperationContext(ctx).Operation has its name,
	// which its author chose and nothing bounds.
	EventUnlisted = "document outside the manifest"
	// EventRefused is a request that enforce mode has refused, unread.
	EventRefused = "document refused: outside the manifest"
)

// DefaultAPQSize bounds the registered documents that are kept, in bytes.
const DefaultAPQSize = 8 << 20

// maxDocument is the longest document that is kept, in bytes. Longer ones run
// and are sent in full each time.
const maxDocument = 64 << 10

// Options are what the extension is made from.
type Options struct {
	// Mode is Off when empty. The others need a manifest.
	Mode Mode
	// Manifest is the path of the trusted documents, "" for none. They can be
	// named in every mode.
	Manifest string
	// APQ lets clients register documents, except in enforce mode.
	APQ bool
	// APQSize bounds them in bytes, to DefaultAPQSize when it is not positive.
	APQSize int
	// Caller stands for the sender of a request, "" for nobody, who registers nothing; nil takes
	// everybody for somebody.
	Caller func(context.Context) string
	// Known reports whether the sender of a request is known; nil takes everybody for
	// known. Documents of others push out none of known senders.
	Known func(context.Context) bool
	// Log is told of an event and the SHA-256 of its document, in hex, "" when
	// all there was is an id of another kind. It never gets a text: literals in
	// it are data of patients.
	Log func(ctx context.Context, event, hash string)
}

// New makes the extension, which is a graphql.OperationParameterMutator. It is
// refused for an unknown mode, for one that lacks its manifest, and for a manifest that
// cannot be read or contradicts itself; the error names the file.
func New(o Options) (graphql.HandlerExtension, error) {
	e := &extension{mode: cmp.Or(o.Mode, Off), log: o.Log, caller: o.Caller, known: o.Known}
	if e.caller == nil {
		e.caller = func(context.Context) string { return "somebody" }
	}
	if e.known == nil {
		e.known = func(context.Context) bool { return true }
	}
	if e.log == nil {
		e.log = func(context.Context, string, string) {}
	}
	switch e.mode {
	case Off:
	case Log, Enforce:
		if o.Manifest == "" {
			return nil, fmt.Errorf("mode %s needs a manifest: without one it would have no document to allow", e.mode)
		}
	default:
		return nil, fmt.Errorf("mode %q is none of %s, %s and %s", o.Mode, Off, Log, Enforce)
	}
	if o.Manifest != "" {
		var err error
		if e.manifest, err = readManifest(o.Manifest); err != nil {
			return nil, err
		}
	}
	if o.APQ && e.mode != Enforce {
		size := o.APQSize
		if size <= 0 {
			size = DefaultAPQSize
		}
		e.registered = cache.NewSplit[string, string](size)
	}
	return e, nil
}

type extension struct {
	mode     Mode
	manifest manifest // nil without one
	caller   func(context.Context) string
	known    func(context.Context) bool
	// registered are the documents that clients have registered; nil where none can.
	//
	// All callers share it. A key is the SHA-256 of its document, computed here and
	// never taken from a request, so whoever gets a document by its hash gets the
	// text the hash was made from, whoever registered it: there is nothing to
	// replace and nothing to poison. A document is text of a client's program, its
	// variables are not in it; it runs with the rights of who asks, and no answer
	// shows it. What sharing does tell is that somebody has sent exactly this text.
	registered *cache.Split[string, string]
	log        func(ctx context.Context, event, hash string)
}

var (
	_ graphql.OperationParameterMutator = (*extension)(nil)
	_ graphql.OperationContextMutator   = (*extension)(nil)
)

const extensionName = "PersistedDocuments"

func (*extension) ExtensionName() string { return extensionName }

// Validate asks nothing of the schema. A document of the manifest that does not
// fit it is one of a client older or newer than the gateway: it fails when it is
// asked for, and does not keep the others from running.
func (*extension) Validate(graphql.ExecutableSchema) error { return nil }

// finding is what is left to do once the document has turned out to be valid.
type finding struct {
	document
	register bool
	unlisted bool
}

// MutateOperationParameters puts the document in place that the request names,
// and refuses what must not run.
func (e *extension) MutateOperationParameters(ctx context.Context, p *graphql.RawParams) *gqlerror.Error {
	id, err := identifier(p.Extensions)
	if err != nil {
		return err
	}
	if id == "" && (p.Query == "" || e.mode == Off) {
		return nil // free, or nothing to run, which the parser says
	}
	var d document
	if p.Query == "" {
		var known bool
		if d, known = e.find(id); !known {
			return e.unknown(ctx, id)
		}
	} else {
		d = document{p.Query, sum(p.Query)}
		if id != "" && !e.mayName(id, d) {
			return refusal(apierror.CodePersistedQueryHashMismatch, "The query is not the document that its hash or id names: "+
				"send the SHA-256 of the text exactly as it is sent, in hex, or send only one of the two.")
		}
	}
	_, listed := e.manifest[d.hash]
	if e.mode == Enforce && !listed {
		return e.refuse(ctx, d.hash)
	}
	graphql.GetOperationContext(ctx).Stats.SetExtension(extensionName, finding{
		document: d,
		register: e.registered != nil && !listed && p.Query != "" && id == d.hash,
		unlisted: e.mode == Log && !listed,
	})
	p.Query = d.text
	return nil
}

// MutateOperationContext registers and reports what has passed the guard and the
// validator: nothing else takes up room in the cache or in a log.
func (e *extension) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	f, _ := op.Stats.GetExtension(extensionName).(finding)
	// Who is nobody is refused in a moment, and leaves nothing behind.
	if f.register && e.caller(ctx) != "" && len(f.text) <= maxDocument {
		// A copy: the text may be a piece of a whole URL, which it would keep alive.
		e.registered.Put(f.hash, strings.Clone(f.text), len(f.hash)+len(f.text), e.known(ctx))
	}
	if f.unlisted {
		e.log(ctx, EventUnlisted, f.hash)
	}
	return nil
}

// find is the document of an id. The manifest comes first, though nothing in the
// cache could take the place of one of its documents.
func (e *extension) find(id string) (document, bool) {
	if d, ok := e.manifest[id]; ok {
		return d, true
	}
	if e.registered == nil {
		return document{}, false
	}
	text, ok := e.registered.Get(id)
	return document{text, id}, ok
}

// mayName reports whether the id that came with a text may be its. Ids that are no
// hashes are the manifest's; one that it does not know proves nothing, and
// nothing is ever kept under it.
func (e *extension) mayName(id string, d document) bool {
	if isHash(id) {
		return id == d.hash
	}
	named, ok := e.manifest[id]
	return !ok || named.hash == d.hash
}

// unknown refuses a request that has only the name of a document. Apollo's
// clients look for these two messages, whatever the code, and then send the text;
// after the second they do not try again with a hash alone.
func (e *extension) unknown(ctx context.Context, id string) *gqlerror.Error {
	var err *gqlerror.Error
	switch {
	case e.mode == Enforce:
		if !isHash(id) {
			id = ""
		}
		return e.refuse(ctx, id)
	case e.registered != nil:
		err = refusal(apierror.CodePersistedQueryNotFound, "PersistedQueryNotFound")
		err.Extensions["hint"] = `Send the document itself as "query", and with it its SHA-256 as extensions.persistedQuery.sha256Hash: the hash alone does from then on.`
	case e.manifest != nil:
		err = refusal(apierror.CodePersistedQueryNotFound, "PersistedQueryNotFound")
		err.Extensions["hint"] = `Send the document itself as "query": the gateway's manifest has none of this name.`
	default:
		err = refusal(apierror.CodePersistedQueryNotSupported, "PersistedQueryNotSupported")
		err.Extensions["hint"] = `Send the document itself as "query": this gateway knows none by name.`
	}
	return err
}

func (e *extension) refuse(ctx context.Context, hash string) *gqlerror.Error {
	e.log(ctx, EventRefused, hash)
	return refusal(apierror.CodePersistedQueryNotAllowed, "Only the documents of the gateway's manifest run here: "+
		"have this one added to the manifest, or send the id of one that is in it.")
}

func refusal(code, message string) *gqlerror.Error {
	return &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}}
}

// identifier is the name that a request gives its document, in any form, "" for
// none. What the client sent is never part of the refusal.
func identifier(extensions map[string]any) (string, *gqlerror.Error) {
	var id string
	for _, form := range []struct {
		key  string
		read func(any) string
		want string
	}{
		{"persistedQuery", readAPQ, "extensions.persistedQuery must be {version: 1, sha256Hash: <the SHA-256 of the document in hex>}."},
		{"documentId", readID, "documentId must be text: the id of a document, or sha256: and its SHA-256 in hex."},
		{"doc_id", readID, "doc_id must be text: the id of a document."},
	} {
		value := extensions[form.key]
		if value == nil {
			continue
		}
		given := canonical(form.read(value))
		if given == "" {
			return "", refusal(apierror.CodeBadUserInput, form.want)
		}
		if id != "" && id != given {
			return "", refusal(apierror.CodeBadUserInput, "The request names two documents: send one of persistedQuery, documentId and doc_id.")
		}
		id = given
	}
	return id, nil
}

func readID(value any) string {
	id, _ := value.(string)
	return id
}

func readAPQ(value any) string {
	fields, _ := value.(map[string]any)
	switch fields["version"] { // transports differ in the type they give a number
	case json.Number("1"), float64(1), int64(1), 1:
		return readID(fields["sha256Hash"])
	}
	return ""
}

// sum is the SHA-256 of a text, in lower-case hex.
func sum(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}
