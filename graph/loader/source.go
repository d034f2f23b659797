package loader

import (
	"context"
	"fmt"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/graph/model"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// A session is the [plan.Source] of the writer, which waits for the same promises as the
// resolvers do (collect.go), in the same ways.

// Plan returns the compiled operation.
func (s *Session) Plan() *plan.Plan { return s.plan }

// Value waits for the value of a field that performs a call.
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
		if err != nil {
			return nil, err
		}
		if found, ok := v.([]nodeFound); ok {
			return all(ctx, found)
		}
		rec, err := lookedUp(ctx, v.(fsclient.Recorder))
		if rec == nil {
			return nil, err
		}
		return rec, err
	}
	if fsclient.IsNotFound(err) {
		return nil, nil
	}
	return v, err
}

// all returns the records of `nodes`, nil for those that do not exist.
func all(ctx context.Context, found []nodeFound) ([]model.Node, error) {
	out := make([]model.Node, len(found))
	for i, f := range found {
		err := f.err
		if err == nil {
			out[i], err = orNull(lookedUp(ctx, f.rec))
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
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
