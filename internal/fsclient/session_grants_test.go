package fsclient_test

import (
	"testing"

	"fsgateway/internal/fsclient"
	"fsgateway/internal/sandbox"
)

func TestSessionGrantsCreate(t *testing.T) {
	t.Parallel()
	everyMood(t, func(t *testing.T, c *fsclient.Client) {
		g := must(c.SessionGrants.Create(background, &fsclient.CreateSessionGrantInput{}))(t)
		whole(t, g)
		if g.FullscriptID() == nil || g.SecretToken == nil || g.ExpiresAt == nil {
			t.Errorf("the grant lacks something")
		}
		same(t, "claimed", g.ClaimedAt, (*fsclient.DateTime)(nil))
		same(t, "user", g.User.ID(), new("Practitioner:"+sandbox.PractitionerID))
		same(t, "user's own id", g.User.FullscriptID(), new(sandbox.PractitionerID))
		same(t, "user's type", g.User.TypeRaw(), new("Practitioner"))

		refused(c.SessionGrants.Create(background, &fsclient.CreateSessionGrantInput{UserID: fsclient.Set(new(fsclient.UserID(sandbox.StaffID)))}))(t, fsclient.KindInvalid)
	})
	t.Run("Body", func(t *testing.T) {
		t.Parallel()
		c, last := scripted(t, `{"session_grant":{"id":"9a","secret_token":"s","user":{"id":"e5"}}}`)
		g := must(c.SessionGrants.Create(background, &fsclient.CreateSessionGrantInput{UserID: fsclient.Set(new(fsclient.UserID("e5"))), UserType: fsclient.Set(new(fsclient.UserType("Staff")))}))(t)
		same(t, "body", last.body, `{"user_id":"e5","user_type":"Staff"}`)
		same(t, "user of no type", g.User.ID(), new("e5"))
	})
	t.Run("WithoutID", func(t *testing.T) {
		t.Parallel()
		c, _ := scripted(t, `{"secret_token":"s","expires_at":"2026-11-25T10:00:00Z"}`)
		g := must(c.SessionGrants.Create(background, &fsclient.CreateSessionGrantInput{}))(t)
		same(t, "secret", g.SecretToken, new("s"))
		same(t, "id", g.FullscriptID(), (*string)(nil))
	})
	t.Run("Nothing", func(t *testing.T) {
		t.Parallel()
		for _, answer := range []string{`{}`, ``, `{"session_grant":null}`} {
			c, _ := scripted(t, answer)
			err := refused(c.SessionGrants.Create(background, &fsclient.CreateSessionGrantInput{}))(t, fsclient.KindUpstream)
			same(t, "outcome unknown", err.Unknown, true)
		}
	})
}

func TestUserID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"Practitioner:e1": "e1", "Staff:e5": "e5", "e7": "e7", "Patient:b1": "", "": "", "Staff:": ""} {
		var id fsclient.UserID
		err := id.UnmarshalGQL(text)
		if (err == nil) != (want != "") || err == nil && string(id) != want {
			t.Errorf("%q became %q, %v", text, id, err)
		}
	}
}
