package model

import "fsgateway/internal/fsclient"

// RateLimit is what a caller may still ask of the partner.
type RateLimit struct {
	Limit         int
	Remaining     int
	WindowSeconds int
	ResetAt       fsclient.DateTime
}
