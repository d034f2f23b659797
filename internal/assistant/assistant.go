// Package assistant serves trusted documents as tools of the Model Context Protocol, for
// coding assistants and other agents. A tool is one operation that was written and reviewed
// beforehand: an agent chooses it and its variables, and never writes a query.
// https://modelcontextprotocol.io/specification
package assistant

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// Options of [New].
type Options struct {
	Schema *ast.Schema
	// Documents are the texts of the trusted documents. Each named query in them is a tool,
	// and with Writes each named mutation.
	Documents []string
	Writes    bool
	// GraphQL answers a request to the GraphQL endpoint, with all that is around it: tokens,
	// limits, budgets, the log.
	GraphQL http.Handler
	// Path is that of the endpoint.
	Path string
	// Version is the program's.
	Version string
}

const instructions = "Each tool is one GraphQL operation on a clinic's records at Fullscript, run with the caller's own token. " +
	"An answer has data, errors with codes, and what it cost in calls to the partner, of which there are 5,000 in 5 minutes. " +
	"Null with an error means that it could not be fetched; null alone means that there is none."

// New returns the handler of the protocol's requests. It is refused for documents that do not
// fit the schema, and for two operations of one name.
func New(o Options) (http.Handler, error) {
	server := mcp.NewServer(&mcp.Implementation{Name: "fsgateway", Version: o.Version}, &mcp.ServerOptions{Instructions: instructions, PageSize: 1000})
	seen := map[string]bool{}
	for _, text := range o.Documents {
		doc, err := parser.ParseQuery(&ast.Source{Input: text})
		if err != nil {
			return nil, fmt.Errorf("a document cannot be read: %w", err)
		}
		if errs := validator.ValidateWithRules(o.Schema, doc, rules.NewDefaultRules()); len(errs) > 0 {
			return nil, fmt.Errorf("the document of %s does not fit the schema: %w", name(doc), errs)
		}
		for _, op := range doc.Operations {
			if op.Name == "" || op.Operation == ast.Subscription || op.Operation == ast.Mutation && !o.Writes {
				continue
			}
			if seen[op.Name] {
				return nil, fmt.Errorf("two operations are called %s", op.Name)
			}
			seen[op.Name] = true
			server.AddTool(o.tool(op), o.run(text, op.Name))
		}
	}
	return withOuter(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		Stateless: true, JSONResponse: true,
		// A proxy on the same machine sends the public name. What the protection is against, a
		// page that has its own name lead here, has no token.
		DisableLocalhostProtection: true,
	})), nil
}

func name(doc *ast.QueryDocument) string {
	for _, op := range doc.Operations {
		if op.Name != "" {
			return op.Name
		}
	}
	return "an operation without a name"
}

// tool describes an operation by the fields that it selects at the root.
func (o *Options) tool(op *ast.OperationDefinition) *mcp.Tool {
	var texts []string
	for _, s := range op.SelectionSet {
		if f, ok := s.(*ast.Field); ok && f.Definition != nil && f.Definition.Description != "" {
			texts = append(texts, f.Name+": "+strings.Join(strings.Fields(f.Definition.Description), " "))
		}
	}
	no := false
	return &mcp.Tool{
		Name: op.Name, Description: strings.Join(texts, "\n"), InputSchema: o.variables(op),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: op.Operation == ast.Query, OpenWorldHint: &no},
	}
}

// run returns what runs an operation for a caller: it is a request like any other.
func (o *Options) run(document, operation string) mcp.ToolHandler {
	return func(ctx context.Context, call *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		body, err := json.Marshal(map[string]any{"query": document, "operationName": operation, "variables": call.Params.Arguments})
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.Path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		outer := outerFrom(ctx)
		for _, name := range passedOn {
			if values := call.Extra.Header.Values(name); len(values) > 0 {
				r.Header[name] = values
			}
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/graphql-response+json")
		r.Header.Set("X-Gateway-Cost", "1")
		r.Host, r.RemoteAddr = outer.host, outer.address
		w := &recorder{header: http.Header{}}
		o.GraphQL.ServeHTTP(w, r)
		return w.result()
	}
}

// passedOn are the headers that a tool's operation has from the request that called it. Its id
// and its trace are in the context.
var passedOn = []string{"Authorization", "User-Agent", "Forwarded", "X-Forwarded-For", "Apollographql-Client-Name", "Apollographql-Client-Version"}

// result is what an agent gets.
type result struct {
	Data   json.RawMessage `json:"data,omitempty"`
	Errors json.RawMessage `json:"errors,omitempty"`
	Cost   json.RawMessage `json:"cost,omitempty"`
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(int)             {}
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }

func (w *recorder) result() (*mcp.CallToolResult, error) {
	var answer struct {
		result
		Extensions map[string]json.RawMessage
	}
	if err := json.Unmarshal(w.body.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("the endpoint did not answer with JSON: %w", err)
	}
	answer.Cost = answer.Extensions["cost"]
	text, err := json.Marshal(answer.result)
	if err != nil {
		return nil, err
	}
	nothing := len(answer.Data) == 0 || string(answer.Data) == "null"
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}, StructuredContent: json.RawMessage(text), IsError: nothing}, nil
}

// outer is where a request to the protocol's endpoint is from.
type outer struct{ host, address string }

type outerKey struct{}

// withOuter keeps where a request is from for the requests that it leads to.
func withOuter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), outerKey{}, outer{r.Host, r.RemoteAddr})))
	})
}

func outerFrom(ctx context.Context) outer {
	o, _ := ctx.Value(outerKey{}).(outer)
	return o
}

// variables is the JSON schema of an operation's variables.
func (o *Options) variables(op *ast.OperationDefinition) map[string]any {
	s := object{}
	for _, v := range op.VariableDefinitions {
		s.add(v.Variable, o.input(v.Type, nil), "", v.Type.NonNull && v.DefaultValue == nil)
	}
	return s.schema()
}

// object is a JSON schema of an object being made.
type object struct {
	properties map[string]any
	required   []string
}

func (s *object) add(name string, schema map[string]any, description string, required bool) {
	if description = strings.Join(strings.Fields(description), " "); description != "" {
		schema["description"] = description
	}
	if s.properties == nil {
		s.properties = map[string]any{}
	}
	if s.properties[name] = schema; required {
		s.required = append(s.required, name)
	}
}

func (s *object) schema() map[string]any {
	schema := map[string]any{"type": "object", "additionalProperties": false}
	if len(s.properties) > 0 {
		schema["properties"] = s.properties
	}
	if len(s.required) > 0 {
		schema["required"] = s.required
	}
	return schema
}

// scalars are the JSON types of scalars that are not text.
var scalars = map[string]string{"Int": "integer", "Float": "number", "Boolean": "boolean"}

// formats are those of scalars that have a format with a name in JSON schema.
var formats = map[string]string{"Date": "date", "DateTime": "date-time", "EmailAddress": "email", "URL": "uri"}

// input is the JSON schema of an input type; within are the types around it.
func (o *Options) input(t *ast.Type, within []string) map[string]any {
	schema := map[string]any{"type": "string"}
	def := o.Schema.Types[t.Name()]
	switch {
	case t.Elem != nil:
		schema = map[string]any{"type": "array", "items": o.input(t.Elem, within)}
	case def.Kind == ast.Enum:
		var values []any
		for _, v := range def.EnumValues {
			if v.Name != "UNKNOWN" { // never an input
				values = append(values, v.Name)
			}
		}
		if !t.NonNull {
			values = append(values, nil)
		}
		schema["enum"] = values
	case def.Kind == ast.InputObject && slices.Contains(within, def.Name):
		schema = map[string]any{"type": "object"}
	case def.Kind == ast.InputObject:
		s := object{}
		for _, f := range def.Fields {
			s.add(f.Name, o.input(f.Type, append(slices.Clip(within), def.Name)), f.Description, f.Type.NonNull && f.DefaultValue == nil)
		}
		schema = s.schema()
	case scalars[def.Name] != "":
		schema["type"] = scalars[def.Name]
	case formats[def.Name] != "":
		schema["format"] = formats[def.Name]
	}
	if !t.NonNull {
		schema["type"] = []any{schema["type"], "null"}
	}
	return schema
}
