package loader

import (
	"reflect"

	"fsgateway/graph/plan"
	"fsgateway/internal/fsclient"
)

// Effort is a kind of call behind a field, for who counts calls before they are made.
type Effort int

const (
	Lists      Effort = iota // pages of rows
	Values                   // one call for a value
	LooksUp                  // a record by its id
	LooksUpAny               // records of any type by their ids
	Known                    // none
)

// Effort returns what a [plan.Call] does, and the type of its rows, record or value.
func (o *Operations) Effort(call any) (Effort, reflect.Type) {
	switch op := call.(type) {
	case *listOp:
		return Lists, op.row
	case *valueOp:
		return Values, op.typ
	case lookUp:
		return LooksUp, op.op.typ
	case nodes:
		return LooksUpAny, nil
	case interface{ typ() reflect.Type }: // known
		return Known, op.typ()
	}
	panic("loader: a call of no kind")
}

// Fetch is how records are fetched that lack something.
type Fetch struct {
	Operation string          // the operationId of the single fetch
	Lacks, ID fsclient.Fields // what it does not bring, and what is known without it
	Planned   bool            // they may come from their list,
	Pages     int             // which has so many pages for the caller, 0 if that is not known
	Sole      bool            // there is one of the type for the caller
}

// Fetch returns how the records of a node are fetched for a caller; false for other objects.
func (o *Operations) Fetch(n *plan.Node, caller string) (Fetch, bool) {
	op := recordOf(n)
	if op == nil {
		return Fetch{}, false
	}
	f := Fetch{Operation: op.operation, Lacks: op.lacks, ID: op.idBit, Planned: op.list != nil, Sole: op.sole != nil}
	f.Pages, _ = o.lengths.Get(lengthKey{caller, op.name})
	return f, true
}
