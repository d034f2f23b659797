package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"fsgateway/graph/gen"
	"fsgateway/graph/loader"
	"fsgateway/internal/fsclient"
)

// Schema is the executable schema for a client.
func Schema(r *Resolver) graphql.ExecutableSchema {
	return gen.NewExecutableSchema(gen.Config{Resolvers: r, Directives: directives()})
}

// Options are what the handler is given from outside.
type Options struct {
	// Caller stands for the token of a request, opaquely, "" for none.
	Caller func(context.Context) string
	// RequestID is the gateway's id of a request.
	RequestID func(context.Context) string
	// LogBug is told of errors that are the gateway's fault.
	LogBug func(context.Context, error)
	// Timeout bounds an operation. What is there when it is over is answered,
	// with errors for the rest.
	Timeout time.Duration
	// Done is told of each response, for the access log.
	Done func(ctx context.Context, operation string, codes []string)
	// MaxBody bounds the body of a request, in bytes.
	MaxBody int64
}

// NewHandler serves GraphQL over HTTP.
func NewHandler(r *Resolver, o Options) http.Handler {
	schema := Schema(r)
	ops := loader.New(schema.Schema(), r.Client)
	h := handler.New(schema)
	h.AddTransport(post{o})
	h.AddTransport(unsupported{post{o}})
	h.SetQueryCache(lru.New[*ast.QueryDocument](1000))
	h.Use(extension.Introspection{})
	h.Use(oneOf{schema.Schema()})
	h.SetErrorPresenter(present(o.RequestID, o.LogBug))
	h.SetRecoverFunc(func(_ context.Context, v any) error {
		return &loader.PanicError{Value: v, Stack: debug.Stack()}
	})
	h.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		if o.Caller(ctx) == "" && needsCaller(graphql.GetOperationContext(ctx)) {
			f := faults[fsclient.KindUnauthorized]
			return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{{
				Message:    "A token is needed: send Authorization: Bearer <token>.",
				Extensions: map[string]any{"code": f.code, "requestId": o.RequestID(ctx)},
			}}})
		}
		return next(ctx)
	})
	h.AroundResponses(func(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
		// What was refused before it ran, unread perhaps, comes through here too.
		op := graphql.GetOperationContext(ctx).Operation
		if op == nil || op.Operation != ast.Query || len(graphql.GetErrors(ctx)) > 0 {
			return next(ctx)
		}
		ctx, set := ops.NewSet(ctx, o.Caller(ctx))
		set.Start()
		return next(ctx)
	})
	// Root fields of a mutation run one after the other, and each may change
	// what the one before has read, so each begins with an empty set.
	h.AroundRootFields(func(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
		if graphql.GetOperationContext(ctx).Operation.Operation == ast.Mutation {
			ctx, _ = ops.NewSet(ctx, o.Caller(ctx))
		}
		return next(ctx)
	})
	return h
}

// needsCaller says whether an operation asks for more than the schema itself.
func needsCaller(op *graphql.OperationContext) bool {
	for _, f := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query", "Mutation"}) {
		if len(f.Name) < 2 || f.Name[:2] != "__" {
			return true
		}
	}
	return false
}

// oneOf refuses values of variables that break @oneOf, of which the validator
// sees literals only.
type oneOf struct{ schema *ast.Schema }

func (oneOf) ExtensionName() string                   { return "OneOf" }
func (oneOf) Validate(graphql.ExecutableSchema) error { return nil }

func (o oneOf) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, v := range op.Operation.VariableDefinitions {
		path := ast.Path{ast.PathName("variable"), ast.PathName(v.Variable)}
		if err := o.check(v.Type.Name(), op.Variables[v.Variable], path); err != nil {
			return err
		}
	}
	return nil
}

func (o oneOf) check(typeName string, value any, path ast.Path) *gqlerror.Error {
	switch value := value.(type) {
	case []any:
		for i, v := range value {
			if err := o.check(typeName, v, append(path[:len(path):len(path)], ast.PathIndex(i))); err != nil {
				return err
			}
		}
	case map[string]any:
		def := o.schema.Types[typeName]
		given := 0
		for _, f := range def.Fields {
			if v := value[f.Name]; v != nil {
				given++
				if err := o.check(f.Type.Name(), v, append(path[:len(path):len(path)], ast.PathName(f.Name))); err != nil {
					return err
				}
			}
		}
		if def.Directives.ForName("oneOf") != nil && (given != 1 || len(value) != 1) {
			return gqlerror.ErrorPathf(path, "exactly one field of %s must be given, and not as null", typeName)
		}
	}
	return nil
}

// post is GraphQL over HTTP POST with a JSON body. What a client sent is never
// part of what it is told about it.
type post struct{ o Options }

func (post) Supports(r *http.Request) bool {
	if r.Method != http.MethodPost || r.Header.Get("Upgrade") != "" {
		return false
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/json"
}

func (t post) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	ctx, cancel := context.WithTimeout(r.Context(), t.o.Timeout)
	defer cancel()
	start := graphql.Now()
	params := &graphql.RawParams{}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, t.o.MaxBody))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		t.refuse(ctx, w, http.StatusRequestEntityTooLarge, "The body is over "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes.")
		return
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err != nil || d.Decode(params) != nil || params.Query == "" || d.Decode(&struct{}{}) != io.EOF {
		t.refuse(ctx, w, http.StatusBadRequest, `The body must be a JSON object with a "query".`)
		return
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}

	op, errs := exec.CreateOperationContext(ctx, params)
	if errs != nil {
		for _, e := range errs {
			// gqlgen calls a wrong variable a validation error too.
			if len(e.Path) > 0 && e.Path[0] == ast.PathName("variable") {
				e.Extensions = map[string]any{"code": CodeBadUserInput}
			}
		}
		t.write(ctx, w, "", http.StatusBadRequest, exec.DispatchError(graphql.WithOperationContext(ctx, op), errs))
		return
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	res := responses(ctx)
	if res == nil { // the time was over before anything ran
		f := faults[fsclient.KindCanceled]
		res = &graphql.Response{Errors: gqlerror.List{{
			Message: f.message, Extensions: map[string]any{"code": f.code, "requestId": t.o.RequestID(ctx)},
		}}}
	}
	t.write(ctx, w, op.Operation.Name, status(res), res)
}

func (t post) refuse(ctx context.Context, w http.ResponseWriter, status int, message string) {
	t.write(ctx, w, "", status, &graphql.Response{Errors: gqlerror.List{{
		Message: message, Extensions: map[string]any{"code": CodeBadUserInput, "requestId": t.o.RequestID(ctx)},
	}}})
}

// unsupported answers what no other transport takes.
type unsupported struct{ post }

func (unsupported) Supports(*http.Request) bool { return true }

func (t unsupported) Do(w http.ResponseWriter, r *http.Request, _ graphql.GraphExecutor) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		t.refuse(r.Context(), w, http.StatusMethodNotAllowed, "Send the query with POST.")
		return
	}
	t.refuse(r.Context(), w, http.StatusUnsupportedMediaType, "Send the query as JSON, with Content-Type: application/json.")
}

// answer is a response as it is written: one that never ran has no data entry.
type answer struct {
	Errors     gqlerror.List   `json:"errors,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
	Extensions map[string]any  `json:"extensions,omitempty"`
}

func (t post) write(ctx context.Context, w http.ResponseWriter, operation string, status int, res *graphql.Response) {
	codes := make([]string, 0, len(res.Errors))
	wait := 0
	for _, e := range res.Errors {
		code, _ := e.Extensions["code"].(string)
		codes = append(codes, code)
		s, _ := e.Extensions["retryAfter"].(int)
		wait = max(wait, s)
	}
	if status == http.StatusTooManyRequests && wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(wait))
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-store")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // JSON is never put into a page as it is
	_ = e.Encode(answer{res.Errors, res.Data, res.Extensions})
	t.o.Done(ctx, operation, codes)
}
