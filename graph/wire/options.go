package wire

import (
	"cmp"
	"context"
	"time"
)

// Options are what answering needs from outside.
type Options struct {
	// RequestID is the gateway's id of a request.
	RequestID func(context.Context) string
	// LogBug is told of errors that are the gateway's fault.
	LogBug func(context.Context, error)
	// Timeout is the time limit of an operation. What has arrived by then is
	// answered, with errors for the rest.
	Timeout time.Duration
	// Done is told of each response, for the access log and the metrics.
	Done func(context.Context, Result)
	// Progress is told of a subscription when it begins and after each event, with the codes
	// since the last time; Done has the rest. It may be nil.
	Progress func(context.Context, Result)
	// MaxBody bounds the body of a request, in bytes.
	MaxBody int64
	// MaxRequestErrors and MaxExecutionErrors are the maximum errors returned for a
	// rejected document and for an operation that ran; default 10 and 100.
	MaxRequestErrors, MaxExecutionErrors int
	// Hold counts the bytes of a large answer of a query until leave is called; false for too
	// many of them. It may be nil.
	Hold func(ctx context.Context, bytes int) (leave func(), ok bool)
	// NamedDocuments lets requests name a document instead of sending it.
	NamedDocuments bool
	// Suggestions lets the refusal of an unknown name say which one is close.
	Suggestions bool
	// DraftStatus answers with the statuses of the 2026 draft of GraphQL over
	// HTTP: 422 for what was refused, 294 for data with errors.
	DraftStatus bool
}

func (o *Options) maxRequestErrors() int   { return cmp.Or(o.MaxRequestErrors, 10) }
func (o *Options) maxExecutionErrors() int { return cmp.Or(o.MaxExecutionErrors, 100) }

// Result describes a response without repeating any of it.
type Result struct {
	// Operation is the name the client gave it, Type query, mutation or
	// subscription; both "" for what was refused before it was known.
	Operation, Type string
	// Codes are those of the errors that left.
	Codes  []string
	Status int
	// Canceled says that the client has left: what went wrong then is nobody's fault, and
	// has no code.
	Canceled bool
}

// Subprotocol is what is spoken on a socket, see package socket.
const Subprotocol = "graphql-transport-ws"
