package fsclient

import (
	"context"
	"encoding/json"
	"errors"
	"io"
)

// SessionGrantsService makes the one-time secrets that open the partner's
// browser tool for a user.
// https://fullscript.dev/docs/how-to-guides/fullscript-embed/reference/session-grant-endpoint
type SessionGrantsService service

// SessionGrant opens one browser session within 120 seconds. It is never
// cached, stored or logged.
type SessionGrant struct {
	Record
	ID          *SessionGrantID   `json:"id"`
	SecretToken *string           `json:"secret_token"`
	ClaimedAt   *DateTime         `json:"claimed_at"`
	ExpiresAt   *DateTime         `json:"expires_at"`
	User        *SessionGrantUser `json:"user"`
}

// FullscriptID is the partner's own id.
func (g *SessionGrant) FullscriptID() *string { return raw(g.ID) }

// SessionGrantUser is whom the session is for.
type SessionGrantUser struct {
	Faults
	UserID *string   `json:"id"`
	Type   *UserType `json:"type"`
}

// ID is the user's global id; the partner's names of the two kinds are ours.
func (u *SessionGrantUser) ID() *string {
	if u.Type == nil || u.UserID == nil {
		return u.UserID
	}
	id := string(*u.Type) + ":" + *u.UserID
	return &id
}

// FullscriptID is the partner's own id.
func (u *SessionGrantUser) FullscriptID() *string { return u.UserID }

// TypeRaw is the partner's text of the type.
func (u *SessionGrantUser) TypeRaw() *string { return raw(u.Type) }

// UserType is a kind of user of the partner's web pages.
type UserType string

// The kinds of users that there are today.
const (
	UserPractitioner UserType = "Practitioner"
	UserStaff        UserType = "Staff"
)

var userTypes = []string{string(UserPractitioner), string(UserStaff)}

func (e UserType) MarshalGQL(w io.Writer)    { marshalEnum(w, userTypes, string(e)) }
func (e *UserType) UnmarshalGQL(v any) error { return unmarshalEnum(userTypes, v, (*string)(e)) }

// UserID is the id of a practitioner or of a member of the staff, as an input.
// Which of the two is said beside it.
type UserID string

func (id UserID) MarshalGQL(w io.Writer) {
	text, _ := json.Marshal(string(id))
	_, _ = w.Write(text)
}

func (id *UserID) UnmarshalGQL(v any) error {
	if unmarshalID("Practitioner", v, (*string)(id)) != nil && unmarshalID("Staff", v, (*string)(id)) != nil {
		return errors.New("the id of a Practitioner or of a Staff is expected here")
	}
	return nil
}

// CreateSessionGrantInput names the user, which only clinic-level tokens must.
type CreateSessionGrantInput struct {
	UserID   Opt[*UserID]   `json:"user_id,omitzero"`
	UserType Opt[*UserType] `json:"user_type,omitzero"`
}

// Create makes a grant. Its answer has no envelope.
// https://fullscript.dev/docs/how-to-guides/fullscript-embed/reference/session-grant-endpoint
//
// op: POST /clinic/embeddable/session_grants
func (s *SessionGrantsService) Create(ctx context.Context, in *CreateSessionGrantInput) (*SessionGrant, error) {
	return send[SessionGrant](ctx, s.client, post("/clinic/embeddable/session_grants"), in, "session_grant")
}
