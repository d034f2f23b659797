package wire

import (
	"strings"

	"fsgateway/internal/accept"
)

// The media types of answers.
const (
	mediaGraphQL = "application/graphql-response+json"
	mediaJSON    = "application/json"
)

// acceptance is the outcome of an Accept header.
type acceptance struct {
	media string
	// legacy says that the client asked for application/json by name and got
	// it: such clients take any other status than 200 for no GraphQL at all.
	legacy bool
	// defers says that parts may follow, in the form that Apollo Client reads.
	defers bool
	// subscription is the form that a subscription is accepted in, nil for none.
	subscription *framing
	// streams says that nothing is accepted as well as server-sent events, only
	// that nothing is but a subscription.
	streams, only bool
}

// negotiate chooses what to answer with: the highest quality, then what was
// named rather than covered by a wildcard. Without a header, or where only
// wildcards speak, that is application/json, which every client reads.
func negotiate(header []string) (a acceptance, found bool) {
	if strings.TrimSpace(strings.Join(header, ",")) == "" {
		return acceptance{media: mediaJSON}, true
	}
	var graphQL, plain, events, mixed match
	for _, r := range accept.Parse(header) {
		if charset, given := r.Params["charset"]; given && !isUTF8(charset) {
			continue
		}
		q := r.Quality
		switch r.Value {
		case "*/*":
			graphQL.meet(q, 1)
			plain.meet(q, 1)
			events.meet(q, 1)
		case "application/*":
			graphQL.meet(q, 2)
			plain.meet(q, 2)
		case mediaGraphQL:
			graphQL.meet(q, 3)
		case mediaJSON:
			plain.meet(q, 3)
		case "text/*":
			events.meet(q, 2)
		case mediaEvents:
			events.meet(q, 3)
		case "multipart/mixed":
			a.defers = a.defers || q > 0 && r.Params["deferspec"] == "20220824"
			if r.Params["subscriptionspec"] == "1.0" {
				mixed.meet(q, 3)
			}
		}
	}
	switch {
	case mixed.quality > 0 && mixed.better(events):
		a.subscription = parts
	case events.quality > 0:
		a.subscription = serverSent
	}
	a.streams = events.quality > max(graphQL.quality, plain.quality)
	switch {
	case a.streams: // refusals are JSON all the same
		a.media = mediaJSON
	case graphQL.quality == 0 && plain.quality == 0:
		if a.subscription == nil {
			return acceptance{}, false
		}
		a.media, a.only = mediaJSON, true
	case graphQL.better(plain):
		a.media = mediaGraphQL
	default:
		a.media, a.legacy = mediaJSON, plain.precision == 3
	}
	return a, true
}

// match is how well a media type is accepted: by the range that names it most
// precisely.
type match struct {
	quality   float64
	precision int
}

func (m *match) meet(quality float64, precision int) {
	if precision > m.precision || precision == m.precision && quality > m.quality {
		*m = match{quality, precision}
	}
}

// better reports whether m goes before another, which goes before m where wildcards
// are all that speaks for them.
func (m match) better(than match) bool {
	switch {
	case m.quality != than.quality:
		return m.quality > than.quality
	case m.precision != than.precision:
		return m.precision > than.precision
	}
	return m.precision == 3
}

// isUTF8 reports whether a charset is the one that is read; both spellings of
// its name are in use.
func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}
