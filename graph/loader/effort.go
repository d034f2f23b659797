package loader

import (
	"reflect"

	"fsgateway/graph/paging"
	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// Kind is a kind of call behind a field.
type Kind int

const (
	Lists      Kind = iota // pages of rows
	Values                 // a value
	LooksUp                // a record by its id
	LooksUpAny             // records of any type by their ids
	Known                  // none
)

// Effort describes the call behind a field, for estimates.
type Effort struct {
	Kind  Kind
	Type  reflect.Type // of the rows, the record or the value
	Sizes paging.Sizes // of a list's pages, as far as they are known
	Most  int          // calls that a value takes
}

// Effort returns the effort of a [plan.Call].
func (o *Operations) Effort(call any) Effort {
	switch op := call.(type) {
	case *listOp:
		return Effort{Kind: Lists, Type: op.row, Sizes: o.sizes.Get(op.operation)}
	case *valueOp:
		return Effort{Kind: Values, Type: op.typ, Most: op.most}
	case lookUp:
		return Effort{Kind: LooksUp, Type: op.op.typ}
	case nodes:
		return Effort{Kind: LooksUpAny}
	case interface{ typ() reflect.Type }: // known
		return Effort{Kind: Known, Type: op.typ()}
	}
	panic("loader: a call of no kind")
}

// Fetch is how records are fetched that lack something.
type Fetch struct {
	Operation  string          // the operationId of the single fetch
	Lacks, ID  fsclient.Fields // what it does not bring, and what is known without it
	Planned    bool            // they may come from their list,
	OnlyListed bool            // or can come from nowhere else,
	Pages      int             // which has so many pages for the caller, 0 if that is not known
	Sole       bool            // there is one of the type for the caller
}

// Fetch returns how the records of a node are fetched for a caller; false for other objects.
func (o *Operations) Fetch(n *plan.Node, caller string) (Fetch, bool) {
	op := recordOf(n)
	if op == nil {
		return Fetch{}, false
	}
	f := Fetch{Operation: op.operation, Lacks: op.lacks, ID: op.idBit, Planned: op.list != nil, OnlyListed: op.get == nil, Sole: op.sole != nil}
	f.Pages, _ = o.lengths.Get(lengthKey{caller, op.name})
	return f, true
}
