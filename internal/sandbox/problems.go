package sandbox

import (
	"net/http"
	"strings"
)

// problem is one reason for a 422.
type problem struct{ field, code, message string }

func (p problem) sentence() string {
	if p.field == "" {
		return p.message
	}
	name := strings.ReplaceAll(p.field, "_", " ")
	return strings.ToUpper(name[:1]) + name[1:] + " " + p.message
}

// shape is the form of a 422 body. The partner publishes none and public clients have met several, so the sandbox gives each resource
// another one; a client has to read them all.
type shape int

const (
	shapeText    shape = iota // {"error":"Email has already been taken"}
	shapeList                 // {"errors":[{"code":"taken","message":"Email has already been taken"}]}
	shapeByField              // {"errors":{"email":["has already been taken"]}}
	shapeMessage              // {"message":"Email has already been taken"}
)

func unprocessable(as shape, problems ...problem) reply {
	sentences := make([]string, len(problems))
	for i, p := range problems {
		sentences[i] = p.sentence()
	}
	body := object{}
	switch as {
	case shapeText:
		body["error"] = strings.Join(sentences, ", ")
	case shapeMessage:
		body["message"] = strings.Join(sentences, ", ")
	case shapeList:
		list := make([]object, len(problems))
		for i, p := range problems {
			list[i] = object{"code": p.code, "message": sentences[i]}
		}
		body["errors"] = list
	case shapeByField:
		fields := map[string][]string{}
		for _, p := range problems {
			name := p.field
			if name == "" {
				name = "base" // what Rails calls problems of the whole record
			}
			fields[name] = append(fields[name], p.message)
		}
		body["errors"] = fields
	}
	return reply{status: http.StatusUnprocessableEntity, value: body}
}

func blank(field string) problem { return problem{field, "blank", "can't be blank"} }

func taken(field string) problem { return problem{field, "taken", "has already been taken"} }

func invalid(field, why string) problem { return problem{field, "invalid", why} }
