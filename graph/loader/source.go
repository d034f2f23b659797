package loader

import (
	"context"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// Plan and the others make it the [plan.Source] of the writer, as collect.go is the resolvers'.
func (s *Session) Plan() *plan.Plan { return s.plan }

// Value waits for the value of a field that performs a call. "Not found" becomes
// GraphQL's null here and nowhere else, and for look-ups only: a list below a record
// that is gone is an error.
func (s *Session) Value(ctx context.Context, object any, c *plan.Call) (any, error) {
	p, fresh := s.field(object, c.AST)
	if fresh {
		return nil, fmt.Errorf("loader: %s.%s was not announced", c.AST.ObjectDefinition.Name, c.AST.Name)
	}
	v, err := p.wait(ctx)
	switch c.Call.(type) {
	case *listOp:
		return v, err
	case lookUp, nodes:
		switch found := v.(type) {
		case []nodeFound:
			nodes := records(ctx, found, func(_ int, failed error) { err = failed })
			return nodes, err
		case fsclient.Recorder:
			return lookedUp(ctx, found)
		}
		return nil, err
	}
	if fsclient.IsNotFound(err) {
		return nil, nil
	}
	return v, err
}

// records returns the records of `nodes`, nil for those that do not exist. It calls failed
// for each that cannot be returned.
func records(ctx context.Context, found []nodeFound, failed func(i int, err error)) []model.Node {
	out := make([]model.Node, len(found))
	for i, f := range found {
		rec, err := f.rec, f.err
		if err == nil {
			rec, err = lookedUp(ctx, rec)
		}
		if err != nil {
			failed(i, err)
			continue
		}
		if rec != nil {
			out[i] = rec
		}
	}
	return out
}

// Complete waits until the given fields of a record are there.
func (s *Session) Complete(ctx context.Context, rec fsclient.Recorder, fields fsclient.Fields) error {
	h := pending(rec)
	if h == nil || !h.missing.Has(fields) {
		return nil
	}
	_, err := h.wait(ctx)
	return err
}

// Arguments returns the arguments of a field, which are read once for all objects.
func (s *Session) Arguments(f *ast.Field) map[string]any {
	if len(f.Definition.Arguments) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	args, known := s.args[f]
	if !known {
		args = f.ArgumentMap(s.op.Variables)
		if s.args == nil {
			s.args = map[*ast.Field]map[string]any{}
		}
		s.args[f] = args
	}
	return args
}
