package gateway

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// refusals are what is wrong with the settings of a Config, so that all of it is
// said at once.
type refusals struct {
	config *Config
	found  []refusal
}

type refusal struct {
	field int // of Config
	text  string
}

// add notes what is wrong with a setting, which is given as a pointer to its field.
func (r *refusals) add(setting any, format string, args ...any) {
	i, name := r.config.setting(setting)
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = hidden(text)
		}
	}
	found := refusal{i, name + ": " + fmt.Sprintf(format, args...)}
	if !slices.Contains(r.found, found) { // of a list, the same for several values
		r.found = append(r.found, found)
	}
}

// secretParts are what an address holds before its host, and its query. The text may be no
// address that can be parsed.
var secretParts = regexp.MustCompile(`(?s)^(\w+://)?.*(@)|(\?).*`)

// hidden is a setting's value for an error, which ends up in logs: an address without what may
// be a password in it.
func hidden(value string) string { return secretParts.ReplaceAllString(value, "${1}${3}xxxxx${2}") }

// err is a line for each refusal, in the order of the fields; nil for none.
func (r *refusals) err() error {
	slices.SortStableFunc(r.found, func(a, b refusal) int { return a.field - b.field })
	var errs []error
	for _, f := range r.found {
		errs = append(errs, errors.New(f.text))
	}
	return errors.Join(errs...)
}

// name is how an operator knows a setting, such as --addr (GATEWAY_ADDR). The
// setting is given as a pointer to its field.
func (c *Config) name(setting any) string {
	_, name := c.setting(setting)
	return name
}

// variable is the environment variable of a setting.
func (c *Config) variable(setting any) string {
	i, _ := c.setting(setting)
	return reflect.TypeOf(*c).Field(i).Tag.Get("from")
}

func (c *Config) setting(field any) (i int, name string) {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if v.Field(i).Addr().Interface() == field {
			f := v.Type().Field(i)
			return i, "--" + flagName(f) + " (" + f.Tag.Get("from") + ")"
		}
	}
	panic("gateway: no field of the Config")
}

var wordEnd = regexp.MustCompile("([a-z0-9])([A-Z])")

// flagName is the flag of a field, as the command line makes it of the field's
// name; a test compares the two.
func flagName(f reflect.StructField) string {
	if name := f.Tag.Get("name"); name != "" {
		return name
	}
	return strings.ToLower(wordEnd.ReplaceAllString(f.Name, "$1-$2"))
}

// splitLists parts lists that came as people write them: a value a line, or a space
// after the comma.
func (c *Config) splitLists() {
	v := reflect.ValueOf(c).Elem()
	for i := range v.NumField() {
		if list, ok := v.Field(i).Addr().Interface().(*[]string); ok {
			*list = splitList(*list)
		}
	}
}

// separator is a comma or line breaks, with the white space around it.
var separator = regexp.MustCompile(`\s*[,\r\n]\s*`)

// splitList parts texts of several values. An empty one between commas stays, to be
// refused. White space at the very beginning or end is left to the reader of a file
// or variable: in a flag it is deliberate.
func splitList(texts []string) []string {
	if len(texts) == 0 {
		return nil
	}
	return separator.Split(strings.Trim(strings.Join(texts, ","), "\r\n"), -1)
}
