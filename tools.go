//go:build tools

// Package main's generator: run as `go generate tools.go` (a tagged file is
// skipped by `go generate ./...`).
package main

//go:generate go run ./internal/generate
