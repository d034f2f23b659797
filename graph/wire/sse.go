package wire

const mediaEvents = "text/event-stream"

// serverSent are server-sent events, as graphql-sse and EventSource read them:
// a stream without the event complete is opened again by its client, which says
// what it has seen last.
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md#distinct-connections-mode
var serverSent = &framing{
	contentType: mediaEvents + "; charset=utf-8",
	open:        ":\n\n",
	alive:       ":\n\n",
	every:       KeepAlive,
	answer: func(eventID string, body []byte, _ bool) string {
		id := ""
		if eventID != "" {
			id = "id: " + eventID + "\n"
		}
		return id + "event: next\ndata: " + string(body) + "\n\n"
	},
	end:     "event: complete\ndata: {}\n\n",
	resumes: true,
}
