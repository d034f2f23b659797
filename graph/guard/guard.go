// Package guard refuses documents that cost too much to look at, before they are
// validated: the validator compares fields of one name pair by pair, walks a fragment
// anew for each one that spreads it, measures what it does not know against all that
// it knows, and cannot be stopped. Everything the guard does itself is linear in the
// document, or ends at one of its limits.
package guard

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"

	"fsgateway/graph/apierror"
	"fsgateway/internal/cache"
)

// Limits bound what a document may ask for. 0 is no limit.
type Limits struct {
	// Tokens of the document; comments and white space are none.
	Tokens int
	// Fields of all operations, those of a fragment counted where it is spread.
	Fields int
	// Depth of fields, and of lists and objects in a value.
	Depth int
	// IntrospectionDepth is that of fields from __schema and __type on.
	IntrospectionDepth int
	// Aliases as written, without those of __typename.
	Aliases int
	// RootFields of the operation that is to run, by the names of its answer.
	RootFields int
	// Directives as written.
	Directives int
	// FragmentSpreads as written, and fragments, which are spread or of no use.
	FragmentSpreads int
	// ListItems of a list, in the document or in the variables.
	ListItems int
	// OperationNameLength is that of any name in the document, in bytes.
	OperationNameLength int
}

// limit is one of Limits, as a refusal names it. Of those without a flag the
// validator's work is made: no client comes near them.
type limit struct{ name, flag, says string }

var (
	limitTokens             = limit{"tokens", "--max-tokens", "The query has more than %d tokens"}
	limitFields             = limit{"fields", "--max-fields", "The query has more than %d fields"}
	limitDepth              = limit{"depth", "--max-depth", "The query is more than %d fields deep"}
	limitValueDepth         = limit{"depth", "--max-depth", "A value is more than %d lists and objects deep"}
	limitIntrospectionDepth = limit{"introspectionDepth", "--max-introspection-depth", "The introspection is more than %d fields deep"}
	limitAliases            = limit{"aliases", "--max-aliases", "The query has more than %d aliases"}
	limitRootFields         = limit{"rootFields", "--max-root-fields", "The operation has more than %d root fields"}
	limitDirectives         = limit{"directives", "--max-directives", "The query has more than %d directives"}
	limitFragmentSpreads    = limit{"fragmentSpreads", "--max-fragment-spreads", "The query has more than %d fragment spreads"}
	limitFragments          = limit{"fragmentSpreads", "--max-fragment-spreads", "The query has more than %d fragments"}
	limitListItems          = limit{"listItems", "--max-list-items", "A list has more than %d items"}
	limitNameLength         = limit{"operationNameLength", "--max-operation-name-length", "A name is longer than %d characters"}

	limitSchemas    = limit{"introspection", "", "The operation asks for __schema more than %d time"}
	limitTypes      = limit{"introspection", "", "The operation asks for __type more than %d time"}
	limitRenamed    = limit{"introspection", "", "The introspection has more than %d aliases"}
	limitOperations = limit{"operations", "", "The query has more than %d operations"}
	limitSteps      = limit{"validation", "", "Checking the query takes more than %d steps: its fragments are spread in each other too often"}
	limitPairs      = limit{"comparisons", "", "Checking the query takes more than %d comparisons: of fields with the same name, or of fragments within fragments"}
	limitGuesses    = limit{"unknownNames", "", "The query has too many names that the schema lacks (a measure of %d)"}
)

func (l limit) refuse(maximum int) *gqlerror.Error {
	message := fmt.Sprintf(l.says, maximum)
	if l.flag != "" {
		message += " (" + l.flag + ")"
	}
	return &gqlerror.Error{
		Message:    message + ".",
		Extensions: map[string]any{"code": apierror.CodeQueryTooComplex, "limit": l.name, "maximum": maximum},
	}
}

// over reports whether n is beyond a maximum, of which 0 is none.
func over(n, maximum int) bool { return maximum > 0 && n > maximum }

type guard struct {
	limits Limits
	names  *nameLengths
	// passed holds what was found good, without its comments, by its hash.
	passed *cache.Split[string, string]
	known  func(context.Context) bool
}

// New makes the extension that refuses documents beyond l. It goes after
// those that put a document in the place of its hash, and hands on one without
// comments: the parser would keep each of them, at a hundred times its size.
// known reports whether the sender of a request is known; nil takes everybody for known.
func New(l Limits, known func(context.Context) bool) graphql.HandlerExtension {
	if known == nil {
		known = func(context.Context) bool { return true }
	}
	return &guard{limits: l, passed: cache.NewSplit[string, string](maxPassed), known: known}
}

// maxPassed bounds the documents that were found good, in bytes.
const maxPassed = 8 << 20

func (*guard) ExtensionName() string { return "Guard" }

func (g *guard) Validate(s graphql.ExecutableSchema) error {
	g.names = newNameLengths(s.Schema())
	return nil
}

var _ graphql.OperationParameterMutator = (*guard)(nil)

func (g *guard) MutateOperationParameters(ctx context.Context, p *graphql.RawParams) *gqlerror.Error {
	if over(len(p.OperationName), g.limits.OperationNameLength) {
		return limitNameLength.refuse(g.limits.OperationNameLength)
	}
	if !isName(p.OperationName) {
		return &gqlerror.Error{
			Message:    "operationName must be a GraphQL name: letters, digits and underscores, not starting with a digit.",
			Extensions: map[string]any{"code": apierror.CodeBadUserInput},
		}
	}
	for _, v := range p.Variables {
		if err := g.value(v, 1); err != nil {
			return err
		}
	}
	// An operation's name has no space, so nobody can make one key of two.
	sum := sha256.Sum256([]byte(p.OperationName + " " + p.Query))
	key := string(sum[:])
	if query, ok := g.passed.Get(key); ok {
		p.Query = query
		return nil
	}
	in, err := g.inspect(p.Query, p.OperationName)
	if err != nil {
		return err
	}
	p.Query = in.query
	g.passed.Put(key, in.query, len(key)+len(in.query), g.known(ctx))
	return nil
}

// isName also takes none at all.
func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isNameStart(c) && (i == 0 || !isDigit(c)) {
			return false
		}
	}
	return true
}

// value bounds a variable, of which the validator sees nothing but its type.
func (g *guard) value(v any, depth int) *gqlerror.Error {
	switch v := v.(type) {
	case []any:
		if over(len(v), g.limits.ListItems) {
			return limitListItems.refuse(g.limits.ListItems)
		}
		if over(depth, g.limits.Depth) {
			return limitValueDepth.refuse(g.limits.Depth)
		}
		for _, v := range v {
			if err := g.value(v, depth+1); err != nil {
				return err
			}
		}
	case map[string]any:
		if over(depth, g.limits.Depth) {
			return limitValueDepth.refuse(g.limits.Depth)
		}
		for _, v := range v {
			if err := g.value(v, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// inspect counts and parses a document. Its error is that of the parser or a
// refusal, and what was done until then is in the inspection all the same.
func (g *guard) inspect(query, operation string) (*inspection, *gqlerror.Error) {
	in := &inspection{limits: g.limits, names: g.names}
	if err := in.count(query); err != nil {
		return in, err
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: in.query}, in.limits.Tokens)
	if err != nil {
		e := gqlerror.WrapIfUnwrapped(err)
		errcode.Set(e, apierror.CodeParseFailed)
		return in, e
	}
	return in, in.document(doc, operation)
}

// count reads the tokens of a document, and keeps it as gqlparser reads it.
func (in *inspection) count(query string) *gqlerror.Error {
	s := scanner{text: query}
	for tokens := 0; ; {
		kind, text, err := s.next()
		in.work++
		switch {
		case err != nil:
			return err
		case kind == tokenEnd && tokens == 0:
			return s.refuse("Unexpected <EOF>")
		case kind == tokenEnd:
			in.query = s.rewritten()
			return nil
		case kind == tokenName && over(len(text), in.limits.OperationNameLength):
			return limitNameLength.refuse(in.limits.OperationNameLength)
		}
		if tokens++; over(tokens, in.limits.Tokens) {
			return limitTokens.refuse(in.limits.Tokens)
		}
	}
}

// sum adds without overflow, for fragments that double each other.
func sum(a, b int) int { return min(a+b, math.MaxInt32) }
