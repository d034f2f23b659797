package sandbox

import (
	"html"
	"net/http"
	"time"
)

const grantLife = 120 * time.Second

// sessionGrant lets a browser open the partner's tool once, as the user it was made for.
type sessionGrant struct {
	ID          string    `json:"id"`
	SecretToken string    `json:"secret_token"`
	ClaimedAt   *string   `json:"claimed_at"`
	ExpiresAt   string    `json:"expires_at"`
	User        grantUser `json:"user"`

	expires time.Time
}

type grantUser struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

// createSessionGrant answers bare, and with 200 as one public client expects. user_id and user_type only mean something for clinic-level
// OAuth, which the sandbox does not have: here they may only repeat the token's owner.
func createSessionGrant(req *request) reply {
	in := req.input()
	var userID, userType *string
	in.nullable("user_type", &userType, checkOneOf(ownerPractitioner, ownerStaff))
	in.nullable("user_id", &userID, nil)
	if userID != nil && *userID != req.caller.ownerID {
		in.report(invalid("user_id", "is not the owner of the token"))
	}
	if userType != nil && *userType != req.caller.ownerType {
		in.report(invalid("user_type", "is not the owner of the token"))
	}
	if refused := in.refused(shapeMessage); refused != nil {
		return *refused
	}
	expires := req.s.opts.Now().Add(grantLife)
	grant := &sessionGrant{
		ID: req.state().newID(kindGrant), SecretToken: req.state().newID(kindSecret), ExpiresAt: timestamp(expires),
		User: grantUser{req.caller.ownerType, req.caller.ownerID}, expires: expires,
	}
	req.state().grants[grant.SecretToken] = grant
	return ok(*grant) // a copy: opening the tool marks the stored one
}

// tokenizeEmbedPatient and the two pages below are called by the partner's browser SDK, never by a gateway; they are here so that its
// whole flow can be walked through.
func tokenizeEmbedPatient(req *request) reply {
	in := req.input()
	if in.nested("data") == nil {
		return failure(http.StatusBadRequest, "data is missing")
	}
	return ok(object{"data_token": req.state().newID(kindSecret)})
}

func openEmbedTreatmentPlan(req *request) reply { return req.openEmbed("Treatment plan tool") }

func openEmbedPlatform(req *request) reply {
	if req.param("entrypoint") == "labs" {
		return req.openEmbed("Platform: labs")
	}
	return req.openEmbed("Platform: catalog")
}

func (r *request) openEmbed(title string) reply {
	grant := r.state().grants[r.param("secret_token")]
	now := r.s.opts.Now()
	if grant == nil || grant.ClaimedAt != nil || !now.Before(grant.expires) {
		return failure(http.StatusUnauthorized, "The session grant is unknown, used or expired")
	}
	grant.ClaimedAt = new(timestamp(now))
	// Unlike the consent page, this one is made to stand in another site's frame.
	return htmlPage(title, "<p>Opened for "+html.EscapeString(grant.User.Type+" "+grant.User.ID)+".</p>").
		with("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
}
