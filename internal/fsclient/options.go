package fsclient

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// SetOptions puts the arguments of a field, but for those that choose a page, into a list's
// options, a pointer to a struct, by name. Types that read GraphQL themselves (ids, enums, days) do, and refuse what
// they cannot read; options that need more than that say what with Check.
func SetOptions(options any, args map[string]any) error {
	if err := bindFields(reflect.ValueOf(options).Elem(), args); err != nil {
		return err
	}
	if o, ok := options.(interface{ Check() error }); ok {
		return o.Check()
	}
	return nil
}

func bindFields(options reflect.Value, args map[string]any) error {
	for name, arg := range args {
		if arg == nil {
			continue
		}
		f := options.FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, name) })
		if !f.IsValid() {
			return fmt.Errorf("fsclient: %s has no field for the argument %s", options.Type(), name)
		}
		if err := bindValue(f, arg); err != nil {
			return InputErrorf("%s: %s", name, err)
		}
	}
	return nil
}

func bindValue(f reflect.Value, arg any) error {
	if arg == nil {
		return nil
	}
	if u, ok := f.Addr().Interface().(interface{ UnmarshalGQL(any) error }); ok {
		return u.UnmarshalGQL(arg)
	}
	switch f.Kind() {
	case reflect.Pointer:
		e := reflect.New(f.Type().Elem())
		f.Set(e)
		return bindValue(e.Elem(), arg)
	case reflect.Slice:
		list, ok := arg.([]any)
		if !ok {
			list = []any{arg} // GraphQL takes one value for a list of one
		}
		for _, item := range list {
			e := reflect.New(f.Type().Elem()).Elem()
			if err := bindValue(e, item); err != nil {
				return err
			}
			f.Set(reflect.Append(f, e))
		}
		return nil
	case reflect.Struct:
		fields, _ := arg.(map[string]any)
		return bindFields(f, fields)
	case reflect.String:
		if s, ok := arg.(string); ok {
			f.SetString(s)
			return nil
		}
	case reflect.Bool:
		if b, ok := arg.(bool); ok {
			f.SetBool(b)
			return nil
		}
	case reflect.Int:
		n, err := strconv.ParseInt(fmt.Sprint(arg), 10, 32)
		if err != nil {
			return errors.New("a whole number is expected")
		}
		f.SetInt(n)
		return nil
	}
	return fmt.Errorf("a value of another type is expected")
}

// SetParameter sets the option that travels under the given parameter's name. options is a
// pointer to a struct.
func SetParameter(options any, parameter, id string) {
	v := reflect.ValueOf(options).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("url") == parameter {
			f := v.Field(i)
			if f.Kind() == reflect.Pointer {
				f.Set(reflect.New(f.Type().Elem()))
				f = f.Elem()
			}
			f.SetString(id)
			return
		}
	}
	panic("fsclient: " + v.Type().String() + " has no parameter " + parameter)
}

// EncodeQuery writes the fields of an options struct (or a pointer to one,
// which may be nil) that carry a `url` tag and are set. Repeated values travel
// as name[]=a&name[]=b, which their tag spells out.
func EncodeQuery(options any) string {
	v := reflect.ValueOf(options)
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	if !v.IsValid() {
		return ""
	}
	var q []byte
	add := func(name string, v reflect.Value) {
		if len(q) > 0 {
			q = append(q, '&')
		}
		q = append(append(append(q, name...), '='), url.QueryEscape(queryText(v))...)
	}
	for _, p := range parametersOf(v.Type()) {
		switch f := v.FieldByIndex(p.field); {
		case f.IsZero():
		case f.Kind() == reflect.Slice:
			for i := range f.Len() {
				add(p.name, f.Index(i))
			}
		default:
			add(p.name, reflect.Indirect(f))
		}
	}
	return string(q)
}

// parameter is a field of an options struct that travels.
type parameter struct {
	name  string // escaped
	field []int
}

var parameters sync.Map // reflect.Type -> []parameter

// parametersOf returns the parameters of an options struct in the order of their names.
func parametersOf(t reflect.Type) []parameter {
	if known, ok := parameters.Load(t); ok {
		return known.([]parameter)
	}
	all := findParameters(t, nil)
	slices.SortFunc(all, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	parameters.Store(t, all)
	return all
}

func findParameters(t reflect.Type, outer []int) (all []parameter) {
	for i := range t.NumField() {
		f, at := t.Field(i), append(slices.Clone(outer), i)
		name := f.Tag.Get("url")
		switch {
		case f.Anonymous, name == "" && f.Type.Kind() == reflect.Struct:
			all = append(all, findParameters(f.Type, at)...)
		case name != "":
			all = append(all, parameter{url.QueryEscape(name), at})
		}
	}
	return all
}

func queryText(v reflect.Value) string {
	if f, ok := v.Interface().(interface{ query() string }); ok {
		return f.query()
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	}
	return v.String()
}
