package guard

import (
	"fmt"
	"sort"
	"strings"
)

// hostileDocument is a document made to cost, and what it is refused for: "" where it
// passes the guard, for the validator to find bounded work in.
type hostileDocument struct {
	name      string
	query     string
	variables map[string]any
	limit     string
}

const kib = 1 << 10

// fill repeats a part up to a size.
func fill(part string, size int) string { return strings.Repeat(part, size/len(part)) }

// each writes a format with the numbers below n.
func each(n int, format string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(i)))
	}
	return b.String()
}

// nested writes a part in itself.
func nested(n int, open, inner, end string) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

// chain is fragments on Query, each of which spreads the next, ending in inner.
func chain(n int, spread, inner string) string {
	var b strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&b, " fragment f%d on Query { %s }", i, strings.ReplaceAll(spread, "#", fmt.Sprint(i+1)))
	}
	fmt.Fprintf(&b, " fragment f%d on Query { %s }", n-1, inner)
	return b.String()
}

func items(n int) []any {
	l := make([]any, n)
	for i := range l {
		l[i] = "a"
	}
	return l
}

// listed is a value in as many lists.
func listed(n int, v any) any {
	for range n {
		v = []any{v}
	}
	return v
}

// hostile is every case of RELIABILITY 1.3 and 3 that is a document, up to the
// 256 KiB that a body may have, and what was found beside them.
func hostile() []hostileDocument {
	const size = 255 * kib
	ids := `query($v: [ID!]!) { nodes(ids: $v) { id } }`
	return []hostileDocument{
		// RELIABILITY 1.3
		{"SameField1000", "{" + strings.Repeat("__typename ", 1000) + "}", nil, "fields"},
		{"SameField5000", "{" + strings.Repeat("__typename ", 5000) + "}", nil, "tokens"},
		{"SameField20000", "{" + strings.Repeat("__typename ", 20000) + "}", nil, "tokens"},
		{"SameFieldWithinLimits", "{" + strings.Repeat("__typename ", 490) + "}", nil, "comparisons"},
		{"SameObjectField", "{" + strings.Repeat("clinic{id}", 5000) + "}", nil, "tokens"},
		{"SameObjectFieldWithinLimits", "{" + strings.Repeat("clinic{id}", 240) + "}", nil, "comparisons"},
		{"FragmentsSpreadTwice", "{" + each(2000, "...f# ...f# ") + "}" + each(2000, "fragment f# on Query{__typename}"), nil, "tokens"},
		{"FragmentsSpreadTwiceWithinTokens", "{" + each(60, "...f# ...f# ") + "}" + each(60, "fragment f# on Query{__typename}"), nil, "fragmentSpreads"},
		{"UnknownDirectives", "{clinic " + fill("@a", size) + "{id}}", nil, "tokens"},
		{"UnknownDirectivesWithinTokens", "{clinic " + strings.Repeat("@a", 900) + "{id}}", nil, "directives"},
		{"AliasesOfARootField", "{" + each(1000, "a#:clinic{id}") + "}", nil, "tokens"},
		{"AliasesOfARootFieldWithinTokens", "{" + each(300, "a#:clinic{id}") + "}", nil, "aliases"},
		{"RootFields", "{" + each(20, "a#:clinic{id}") + "}", nil, "rootFields"},
		{"ListVariable", ids, map[string]any{"v": items(100_000)}, "listItems"},
		{"ListVariableNested", ids, map[string]any{"v": map[string]any{"a": []any{items(101)}}}, "listItems"},
		{"DeepVariable", ids, map[string]any{"v": listed(9_000, "a")}, "depth"},
		{"Comments", "{clinic{id}}" + fill("#\n", size), nil, ""},
		{"OneComment", "{clinic{id}}#" + fill("x", size), nil, ""},
		{"CommentsBetweenTokens", "{clinic{id" + fill("#x\n", size) + "}}", nil, ""},
		{"NestingOver1000", nested(40_000, "{a", "", "}"), nil, "tokens"},

		// RELIABILITY 3
		{"DirectiveOverload", "query " + strings.Repeat("@skip(if:true)", 250) + "{clinic{id}}", nil, "directives"},
		{"Whitespace", "{clinic{id}}" + fill(" \t,\n", size), nil, ""},
		{"FragmentBomb", "{...f0}" + chain(30, "...f# ...f#", "__typename"), nil, "fragmentSpreads"},
		{"FragmentBombWithinSpreads", "{...f0}" + chain(24, "...f# ...f#", "__typename"), nil, "fields"},
		{"FragmentBombNested", "{...f0}" + chain(11, "node(id:1){...f#} nodes(ids:[1]){...f#}", "__typename"), nil, "fields"},
		{"FragmentBombUnused", "{clinic{id}}" + chain(24, "...f# ...f#", "__typename"), nil, "fields"},
		{"FragmentCycle", "{...f0}" + chain(10, "...f#", "...f0"), nil, "cycle"},
		{"FragmentInItself", "{...f0} fragment f0 on Query{...f0}", nil, "cycle"},
		{"FragmentCycleThatGrows", "{__schema{types{...t}}} fragment t on __Type{ofType{fields{type{...t}}}}", nil, "cycle"},
		{"FragmentCycleUnused", "{clinic{id}}" + chain(10, "...f#", "...f0"), nil, "cycle"},
		{"DepthCheckerOverflow", nested(240, "{a", "{b}", "}"), nil, "depth"},
		{"DepthOfInlineFragments", nested(450, "{...", "{clinic{id}}", "}"), nil, "comparisons"},
		{"CircularIntrospection", "{__schema" + nested(30, "{types{fields{type", "{name}", "}}}") + "}", nil, "introspectionDepth"},
		{"DeepLiteral", "{nodes(ids:" + nested(900, "[", "1", "]") + "){id}}", nil, "depth"},
		{"DeepObjectLiteral", "{orders(completedAt:" + nested(400, "{on:", "1", "}") + "){nodes{id}}}", nil, "depth"},
		{"LongListLiteral", "{nodes(ids:[" + strings.Repeat("1 ", 1500) + "]){id}}", nil, "listItems"},
		{"LongListDefault", "query($v:[ID!]=[" + strings.Repeat("1 ", 1500) + "]){nodes(ids:$v){id}}", nil, "listItems"},
		{"WideObjectLiteral", "{orders(completedAt:{" + each(600, "a#:1 ") + "}){nodes{id}}}", nil, ""},
		{"LongName", "{" + fill("a", size) + "}", nil, "operationNameLength"},
		{"LongFragmentType", "{...f} fragment f on " + fill("A", size) + "{id}", nil, "operationNameLength"},
		{"LongString", `{searchPatients(query:"` + fill("x", size) + `"){nodes{id}}}`, nil, ""},
		{"LongBlockString", `{searchPatients(query:"""` + fill("x\n  ", size) + `"""){nodes{id}}}`, nil, ""},
		{"LongEscapedString", `{searchPatients(query:"` + fill(`\u0041`, size) + `"){nodes{id}}}`, nil, ""},
		{"QuotesInABlockString", `{searchPatients(query:"""` + fill(`""x`, size) + `"""){nodes{id}}}`, nil, ""},
		{"UnterminatedString", `{searchPatients(query:"` + fill("x", size), nil, "parse"},
		{"UnterminatedBlockString", `{searchPatients(query:"""` + fill(`\"`, size), nil, "parse"},
		{"Operations", each(60, "query a#{clinic{id}}"), nil, "operations"},
		{"VariableDefinitions", "query(" + each(300, "$v#:ID") + "){clinic{id}}", nil, ""},

		// Found while looking for worse.
		{"SameFieldInInlineFragments", "{" + nested(400, "...{", strings.Repeat("__typename ", 400), "}") + "}", nil, "comparisons"},
		{"SameFieldBelowAChain", "{...f0}" + chain(30, "...f#", "...{"+strings.Repeat("__typename ", 100)+"}"), nil, "comparisons"},
		{"SpreadsInInlineFragments", "{" + nested(400, "...{", "...f0"+strings.Repeat("...f1", 47), "}") + "}" + chain(2, "__typename", "__typename"), nil, "comparisons"},
		{"WalksOfAChain", "{...f0}" + chain(30, "...f#", "clinic(a:["+strings.Repeat("["+strings.Repeat("1 ", 99)+"]", 15)+"]){id}"), nil, "validation"},
		{"UnknownTypes", "{clinic{id}}" + each(40, "fragment f# on "+strings.Repeat("Type", 50)+"{id}"), nil, "unknownNames"},
		{"UnknownFields", "{" + "patient(id:1){" + each(400, strings.Repeat("patient", 20)+"# ") + "}}", nil, "unknownNames"},
		{"UnknownEnumString", `{orders(orderBy:{direction:ASC,field:"` + fill("COMPLETED", size) + `"}){nodes{id}}}`, nil, "unknownNames"},
		{"UnknownFieldsBelowAChain", "{patient(id:1){...f0}}" + onPatient(chain(30, "...f#", each(300, "practitioner# "))), nil, "unknownNames"},
	}
}

// heaviest are documents that grow until the guard refuses them: one part less is
// the most that the validator can be made to do in that way.
func heaviest() map[string]func(n int) string {
	patient := func(s string) string { return "{patient(id:1){" + s + "}}" }
	return map[string]func(n int) string{
		"SameField":       func(n int) string { return "{" + strings.Repeat("__typename ", n) + "}" },
		"SameObjectField": func(n int) string { return "{" + strings.Repeat("clinic{id}", n) + "}" },
		"SameFieldWithArguments": func(n int) string {
			return "{" + strings.Repeat(`patients(first:1,after:"a",status:A){__typename}`, n) + "}"
		},
		"SameFieldInInlineFragments": func(n int) string {
			return "{" + nested(100, "...{", strings.Repeat("__typename ", n), "}") + "}"
		},
		"InlineFragments": func(n int) string { return "{" + nested(n, "...{", "clinic{id}", "}") + "}" },
		"SameFieldBelowAChain": func(n int) string {
			return "{...f0}" + chain(30, "...f#", "...{"+strings.Repeat("__typename ", n)+"}")
		},
		"SpreadsInInlineFragments": func(n int) string {
			return "{" + nested(n, "...{", strings.Repeat("...f0 ", 49), "}") + "}" + chain(1, "", "__typename")
		},
		"FieldsInInlineFragments": func(n int) string {
			return patient(nested(n, "...{", each(200, "f# "), "}"))
		},
		"FieldsBelowAChain": func(n int) string {
			return patient("...f0") + onPatient(chain(30, "...f#", strings.Repeat("treatmentPlans(first:1){nodes{id}}", n)))
		},
		"DifferentFieldsBelowAChain": func(n int) string {
			return patient("...f0") + onPatient(chain(30, "...f#", each(n, "f# ")))
		},
		"ArgumentsBelowAChain": func(n int) string {
			return patient("...f0") + onPatient(chain(30, "...f#", "treatmentPlans("+each(n, "a#:1 ")+"){nodes{id}}"))
		},
		"UnknownFields":           func(n int) string { return patient(each(n, "firstNam# ")) },
		"UnknownFieldsWithLength": func(n int) string { return patient(each(n, strings.Repeat("firstNam", 30)+"# ")) },
		"UnknownFieldsBelowAChain": func(n int) string {
			return patient("...f0") + onPatient(chain(30, "...f#", each(n, "firstNam# ")))
		},
		"UnknownTypes": func(n int) string { return "{clinic{id}}" + each(n, "fragment f# on Patien#{id}") },
		"UnknownTypesWithLength": func(n int) string {
			return "{clinic{id}}" + each(n, "fragment f# on "+strings.Repeat("Patien", 20)+"#{id}")
		},
		"UnknownEnum": func(n int) string {
			return `{orders(orderBy:{direction:ASC,field:"` + strings.Repeat("COMPLETED", n) + `"}){nodes{id}}}`
		},
		"UnknownFieldsOfAUnion": func(n int) string {
			return patient("...f0") + onPatient(chain(30, "...f#", "...on EventData{"+each(n, "patien# ")+"}"))
		},
		"UnionsInUnions": func(n int) string {
			return patient(nested(n, "...on EventData{", "__typename", "}"))
		},
		"UnionsBelowAChain": func(n int) string {
			return patient("...f0") + onPatient(chain(30, "...f#", strings.Repeat("...on EventData{...on ExternalIdRecord{__typename}}", n)))
		},
		"UnknownDirectives": func(n int) string {
			return patient("...f0") + onPatient(chain(30, "...f#", "clinic "+strings.Repeat("@a", n)+"{id}"))
		},
		"WrongStringBelowAChain": func(n int) string {
			return patient("...f0") + onPatient(chain(30, "...f#", `treatmentPlans(first:"`+strings.Repeat("x", n*kib)+`"){nodes{id}}`))
		},
		"WrongArguments": func(n int) string {
			return patient(strings.Repeat("treatmentPlans("+strings.Repeat("firs:1 ", 30)+"){__typename}", n))
		},
		"Introspections": func(n int) string {
			return "{" + strings.Repeat("__schema{types{fields{type{ofType{ofType{name}}}}}}", n) + "}"
		},
		"NestedIntrospections": func(n int) string {
			return "{" + nested(19, "__schema{", strings.Repeat("__typename ", n), "}") + "}"
		},
		"VariableUses": func(n int) string {
			return "query(" + each(230, "$v#:ID") + "){" + strings.Repeat("nodes(ids:["+each(n, "$v# ")+"]){id}", 5) + "}"
		},
		"WrongVariables": func(n int) string {
			return "query(" + each(n, "$v#:Int") + "){" + strings.Repeat("nodes(ids:["+each(90, "$v# ")+"]){id}", 3) + "}"
		},
		"LongTwins": func(n int) string {
			return "{" + strings.Repeat(`searchPatients(query:"`+strings.Repeat("x", 2*kib)+`"){__typename}`, n) + "}"
		},
		"LiteralsAndTwins": func(n int) string {
			return "{" + strings.Repeat(`nodes(ids:["a","b","c",{a:1,b:2,c:3}]){__typename}`, n) + "}"
		},
	}
}

func onPatient(fragments string) string {
	return strings.ReplaceAll(fragments, " on Query ", " on Patient ")
}

// mostOf is the greatest of n that the guard lets through, at up to 255 KiB.
func mostOf(g *guard, grow func(n int) string) (n int, query string) {
	passes := func(n int) bool {
		q := grow(n)
		if len(q) > 255*kib {
			return false
		}
		_, err := g.inspect(q, "")
		return err == nil
	}
	top := 1
	for passes(top) {
		top *= 2
	}
	n = sort.Search(top, func(i int) bool { return !passes(i + 1) })
	return n, grow(n)
}
