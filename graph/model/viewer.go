package model

import "fsgateway/internal/fsclient"

// Viewer is the sender of a request, as far as the gateway knows. The records are
// references.
type Viewer struct {
	SignedIn      bool
	SessionEndsAt *fsclient.DateTime
	OwnerType     *fsclient.UserType
	Practitioner  *fsclient.Practitioner
	Staff         *fsclient.Staff
	Scopes        []string
}

// OwnerTypeRaw is the partner's text of the type.
func (v *Viewer) OwnerTypeRaw() *string { return (*string)(v.OwnerType) }
