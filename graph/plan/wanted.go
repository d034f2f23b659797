package plan

import (
	"reflect"

	"github.com/vektah/gqlparser/v2/ast"

	"fsgateway/internal/fsclient"
)

// Wanted returns the fields of a struct type that any operation of the document may read,
// whatever its conditions are: nothing else of an answer needs to be decoded.
func (d *Document) Wanted(t reflect.Type) fsclient.Fields {
	if f, ok := d.wanted.Load(t); ok {
		return f.(fsclient.Fields)
	}
	f := d.wantedOf(t)
	d.wanted.Store(t, f)
	return f
}

// wantedOf returns all fields of a type that is not one of the schema's or not selected
// anywhere, or of which a field is selected that is not read from one struct field alone.
func (d *Document) wantedOf(t reflect.Type) fsclient.Fields {
	def := d.schema.Types[t.Name()]
	names := d.selected[t.Name()]
	if def == nil || def.Kind != ast.Object || names == nil {
		return fsclient.AllFields
	}
	b := d.schema.Binding(def, t)
	wanted := fsclient.FieldOf(t, "ID")
	for name := range names {
		f, known := b.fields[name]
		switch {
		case !known, f.index < 0 && f.Call != nil: // __typename, or a call
		case f.Bit == 0, f.index < 0 && f.twin < 0:
			return fsclient.AllFields
		}
		wanted |= f.Bit
	}
	return wanted
}

// selectedIn returns the names of the fields that a document selects of each object
// type.
func (s *Schema) selectedIn(doc *ast.QueryDocument) map[string]map[string]bool {
	selected := map[string]map[string]bool{}
	s.visit(doc, func(_ ast.DirectiveList, f *ast.Field, _ bool) {
		if f == nil || f.ObjectDefinition == nil {
			return
		}
		for _, def := range s.possible(f.ObjectDefinition.Name) {
			if selected[def.Name] == nil {
				selected[def.Name] = map[string]bool{}
			}
			selected[def.Name][f.Name] = true
		}
	})
	return selected
}
