package loader

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"fsgateway/graph/paging"
	"fsgateway/internal/fsclient"
)

// pagingArguments are the arguments that choose a window; the others are options of the
// list, found by name.
var pagingArguments = []string{"first", "after", "last", "before", "offset"}

// bindOptions puts the arguments of a connection field into a list's options.
// Types that read GraphQL themselves (ids, enums, days) do, and refuse what
// they cannot read; options that need more than that say what with Check.
func bindOptions(options reflect.Value, args map[string]any) error {
	own := make(map[string]any, len(args))
	for name, arg := range args {
		if !slices.Contains(pagingArguments, name) {
			own[name] = arg
		}
	}
	if err := bindFields(options, own); err != nil {
		return err
	}
	if o, ok := options.Addr().Interface().(interface{ Check() error }); ok {
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
			return fmt.Errorf("loader: %s has no field for the argument %s", options.Type(), name)
		}
		if err := bindValue(f, arg); err != nil {
			return fsclient.InputErrorf("%s: %s", name, err)
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
		n, given, err := paging.Integer(map[string]any{"value": arg}, "value")
		if given && err == nil {
			f.SetInt(int64(n))
		}
		return err
	}
	return fmt.Errorf("a value of another type is expected")
}

// setOption sets the option that travels under the given parameter's name.
func setOption(options reflect.Value, parameter, id string) {
	for i := range options.NumField() {
		if options.Type().Field(i).Tag.Get("url") == parameter {
			f := options.Field(i)
			if f.Kind() == reflect.Pointer {
				f.Set(reflect.New(f.Type().Elem()))
				f = f.Elem()
			}
			f.SetString(id)
			return
		}
	}
	panic("loader: " + options.Type().String() + " has no parameter " + parameter)
}
