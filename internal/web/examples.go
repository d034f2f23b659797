package web

import (
	"regexp"

	"fsgateway/docs/examples"
)

// id is one of the sandbox's.
var id = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// Examples are queries for every area of the graph. Their ids are the
// sandbox's; elsewhere they are left empty, to be filled in.
func Examples(sandbox bool) []examples.Example {
	all := examples.All()
	if !sandbox {
		for i, e := range all {
			all[i].Variables = id.ReplaceAllString(e.Variables, "")
		}
	}
	return all
}
