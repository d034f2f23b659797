package oauth

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// plainAnswer rewrites the body of an answer of the token endpoint as the JSON object
// that OAuth describes, so that no detail of its form wastes a code that has been
// spent: an object in an envelope or without one, a form, or the bare word of a
// refusal, whatever its content type says. A body that is none of these is returned
// as it is.
// https://www.rfc-editor.org/rfc/rfc6749#section-5
func plainAnswer(body []byte) []byte {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))
	fields := answerFields(body)
	if fields == nil {
		return body
	}
	for _, name := range []string{"access_token", "token_type", "refresh_token", "scope"} {
		fixText(fields, name)
	}
	if owner, ok := fields["resource_owner"].(map[string]any); ok {
		for _, name := range []string{"id", "type", "clinic_id"} {
			fixText(owner, name)
		}
	}
	if code := refusalIn(fields); code != "" {
		fields["error"] = code
	} else {
		delete(fields, "error")
	}
	if seconds, ok := seconds(fields["expires_in"]); ok {
		fields["expires_in"] = seconds
	} else {
		delete(fields, "expires_in")
	}
	plain, err := json.Marshal(fields)
	if err != nil {
		return body // cannot be: it was JSON before
	}
	return plain
}

// answerFields reads the members of an answer, nil if it has none.
func answerFields(body []byte) map[string]any {
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&fields) == nil && !decoder.More() {
		if inner, wrapped := fields["oauth"].(map[string]any); wrapped {
			return inner
		}
		return fields
	}
	if errorWord.Match(body) {
		return map[string]any{"error": string(body)}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !form.Has("access_token") && !form.Has("error") {
		return nil
	}
	fields = map[string]any{}
	for name := range form {
		fields[name] = form.Get(name)
	}
	return fields
}

// errorWord matches the name of an error, such as invalid_grant.
var errorWord = regexp.MustCompile(`^[a-z]+(_[a-z]+)+$`)

// fixText makes a text of a member that should be one: numbers as they are written,
// lists joined by spaces. Anything else counts as absent.
func fixText(fields map[string]any, name string) {
	switch v := fields[name].(type) {
	case string:
	case json.Number:
		fields[name] = v.String()
	case []any:
		var words []string
		for _, word := range v {
			if word, ok := word.(string); ok {
				words = append(words, word)
			}
		}
		fields[name] = strings.Join(words, " ")
	default:
		delete(fields, name)
	}
}

// refusalIn returns the name of the error in an answer, "" if there is none. The API
// has more than one form for errors.
func refusalIn(fields map[string]any) string {
	switch e := fields["error"].(type) {
	case string:
		return e
	case map[string]any:
		code, _ := e["code"].(string)
		return code
	}
	list, _ := fields["errors"].([]any)
	for _, e := range list {
		switch e := e.(type) {
		case string:
			return e
		case map[string]any:
			if code, _ := e["code"].(string); code != "" {
				return code
			}
		}
	}
	return ""
}

// seconds reads the lifetime of a token: a whole number, however it is written.
func seconds(value any) (n int64, ok bool) {
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	return int64(min(max(f, 0), math.MaxInt32)), true
}
