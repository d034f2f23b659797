package coerce

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
)

// leaf is a value of a scalar or an enum, as it was written. Numbers keep their
// digits. In variables an enum's value is text.
type leaf struct {
	kind     ast.ValueKind
	raw      string
	variable bool
}

// leaf gives the canonical form of a leaf at a place, or says what is wrong with
// it: sections 3.5 and 3.9. Whatever has no number type of its own leaves as
// text, since the executor would read numbers as int64 and float64.
func (p *place) leaf(l leaf) (leaf, *fault) {
	number := l.kind == ast.IntValue || l.kind == ast.FloatValue
	text := l.kind == ast.StringValue || l.kind == ast.BlockValue
	if p.def.Kind == ast.Enum {
		named := l.kind == ast.EnumValue || l.variable && text
		if !named || p.def.EnumValues.ForName(l.raw) == nil {
			return leaf{}, wrongType("%s takes one of its names, as the schema spells them", p.def.Name)
		}
		return leaf{kind: ast.EnumValue, raw: l.raw}, p.read(l.raw)
	}
	switch p.def.Name {
	case "Int":
		if n, ok := l.int32(); ok {
			return leaf{kind: ast.IntValue, raw: strconv.Itoa(n)}, nil
		}
		return leaf{}, wrongType("Int takes 32-bit whole numbers")
	case "Float":
		if f, err := strconv.ParseFloat(l.raw, 64); number && err == nil && !math.IsInf(f, 0) {
			return leaf{kind: ast.FloatValue, raw: l.raw}, nil
		}
		return leaf{}, wrongType("Float takes numbers")
	case "Boolean":
		if l.kind == ast.BooleanValue {
			return l, nil
		}
		return leaf{}, wrongType("Boolean takes true and false")
	case "ID":
		if text || l.kind == ast.IntValue {
			return leaf{kind: ast.StringValue, raw: l.raw}, p.read(l.raw)
		}
		return leaf{}, wrongType("ID takes text and whole numbers")
	}
	switch {
	case p.check == nil && text, p.check != nil && text:
		return leaf{kind: ast.StringValue, raw: l.raw}, p.read(l.raw)
	case p.check == nil:
		return leaf{}, wrongType("%s takes text", p.def.Name)
	case number:
		return leaf{kind: ast.StringValue, raw: l.raw}, p.read(json.Number(l.raw))
	case l.kind == ast.BooleanValue:
		return leaf{kind: ast.StringValue, raw: l.raw}, p.read(l.raw == "true")
	default: // the name of an enum's value
		return leaf{}, wrongType("%s takes no names", p.def.Name)
	}
}

// read asks the Go type of the place whether it takes a value.
func (p *place) read(v any) *fault {
	if p.check == nil {
		return nil
	}
	if err := p.check(v); err != nil {
		return &fault{message: err.Error(), malformed: err}
	}
	return nil
}

// int32 is a number that Int takes. In variables 1e2 is one: JSON does not tell
// it from 100, section 3.5.1.
func (l leaf) int32() (int, bool) {
	switch {
	case l.kind == ast.IntValue:
		n, err := strconv.ParseInt(l.raw, 10, 32)
		return int(n), err == nil
	case l.kind == ast.FloatValue && l.variable:
		f, err := strconv.ParseFloat(l.raw, 64)
		n := int32(max(math.MinInt32, min(f, math.MaxInt32)))
		return int(n), err == nil && float64(n) == f
	}
	return 0, false
}

// value is what the executor takes for a canonical leaf of a variable.
func (l leaf) value() any {
	switch l.kind {
	case ast.IntValue:
		n, _ := strconv.ParseInt(l.raw, 10, 64)
		return n
	case ast.FloatValue:
		f, _ := strconv.ParseFloat(l.raw, 64)
		return f
	case ast.BooleanValue:
		return l.raw == "true"
	}
	return l.raw
}

// fault is what is wrong with a value. It does not repeat the value.
type fault struct {
	message string
	// malformed is what the gateway's own type says of a value that is as the
	// schema wants it; nil if it is not even that.
	malformed error
}

func wrongType(format string, args ...any) *fault {
	return &fault{message: fmt.Sprintf(format, args...)}
}
