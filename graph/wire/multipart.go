package wire

import "time"

// part begins a part of a multipart answer, delimiter what ends it. Clients take
// a part for whole when they have read the delimiter behind it, so that is sent
// with it.
const (
	part      = "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"
	delimiter = "\r\n--" + boundary
)

// parts are Apollo's subscriptions over HTTP. What ends a stream stands beside
// the payload, which is null then.
// https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol
var parts = &framing{
	contentType: `multipart/mixed; boundary="` + boundary + `"; subscriptionSpec=1.0`,
	open:        delimiter,
	alive:       part + "{}" + delimiter,
	every:       5 * time.Second, // as Apollo Router does
	answer: func(_ string, body []byte, data bool) string {
		if !data {
			return part + `{"payload":null,` + string(body[1:]) + delimiter
		}
		return part + `{"payload":` + string(body) + "}" + delimiter
	},
	end: "--\r\n",
}
