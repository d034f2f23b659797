// Package middleware holds what every request passes on its way in, each as a
// func(http.Handler) http.Handler, one file each.
package middleware
