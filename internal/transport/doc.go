// Package transport holds what happens to every call to the partner between the
// client and net/http, each as an http.RoundTripper around another: the caller's
// token, how many calls run at once, how long one may take, how many there were.
package transport

import "net/http"

// Func is a function as a RoundTripper.
type Func func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f Func) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
