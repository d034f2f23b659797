package fsclient

import "reflect"

// Fields is a set of fields of a struct: bit i stands for field i.
type Fields uint64

// AllFields is the set of all fields.
const AllFields = ^Fields(0)

// FieldOf returns the set of the field of the given Go name of struct type t. It is
// empty if there is no such field.
func FieldOf(t reflect.Type, name string) Fields {
	if i, ok := shapeOf(t).fields[name]; ok {
		return FieldAt(i)
	}
	return 0
}

// FieldAt returns the set of field i of a struct.
func FieldAt(i int) Fields { return 1 << i }

// Has reports whether any of the fields of g is in the set.
func (f Fields) Has(g Fields) bool { return f&g != 0 }

// Without returns the set without the fields of g.
func (f Fields) Without(g Fields) Fields { return f &^ g }

// Only returns the fields of the set that are in g, too.
func (f Fields) Only(g Fields) Fields { return f & g }
