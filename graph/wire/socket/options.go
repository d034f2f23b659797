// Package socket is GraphQL over WebSockets, by the protocol graphql-transport-ws.
package socket

import (
	"cmp"
	"context"
	"io"
	"time"

	"fsgateway/graph/wire"
)

// Options are what sockets need beside what answers over HTTP do.
type Options struct {
	wire.Options

	// Caller stands for the token of a request, opaquely, "" for none.
	Caller func(context.Context) string
	// Authenticate makes the context of the caller whose Authorization came over
	// a socket; an error refuses it.
	Authenticate func(ctx context.Context, authorization string) (context.Context, error)
	// Operation makes the context of each operation of a socket, since there is
	// one request for all; nil for the same.
	Operation func(context.Context) context.Context
	// Ended returns a context that is done when the session of ctx's caller ends,
	// which is watched until ctx is done; nil for a caller without a session. A
	// stream or a socket ends with it. Check asks for the same before each operation
	// of a socket: it returns [apierror.ErrSignedOut], or why it cannot tell. Both may
	// be nil.
	Ended func(ctx context.Context) context.Context
	Check func(ctx context.Context) error
	// Origins are those of the pages that may open sockets, beside the gateway's
	// own.
	Origins []string
	// Admit counts a socket until release is called; false for one too many. It may be nil.
	Admit func(ctx context.Context) (release func(), ok bool)
	// Count counts a message while it is being read, until leave is called, if it is large; of
	// one too many reading fails with [quota.ErrFull]. It may be nil.
	Count func(ctx context.Context, message io.Reader) (counted io.Reader, leave func())
	// Prove returns [apierror.ErrSignedOut] for a caller who is none, of whom a socket is
	// closed after ProofTime, or why it cannot tell, and then is asked again. It may be nil.
	Prove     func(ctx context.Context) error
	ProofTime time.Duration
	// Closed is told why the gateway closes a socket: the code of the close, and the code of an
	// error for the same, "" if nothing is wrong. It may be nil.
	Closed func(ctx context.Context, status int, code string)
	// ReadTimeout is how long a message may take to arrive once it has begun; default 15
	// seconds.
	ReadTimeout time.Duration
	// WriteTimeout is how long a client may take to accept each 128 KiB of a message;
	// default 10 seconds.
	WriteTimeout time.Duration
}

// writeTime is how long writing a message of n bytes may take.
func (o *Options) writeTime(n int) time.Duration {
	return cmp.Or(o.WriteTimeout, 10*time.Second) * time.Duration(n/(128<<10)+1)
}

func (o *Options) count(ctx context.Context, message io.Reader) (counted io.Reader, leave func()) {
	if o.Count == nil {
		return message, func() {}
	}
	return o.Count(ctx, message)
}

func (o *Options) operation(ctx context.Context) context.Context {
	if o.Operation == nil {
		return ctx
	}
	return o.Operation(ctx)
}
