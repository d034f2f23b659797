package sandbox

import (
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
	owner   identity
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
		User: grantUser{req.caller.ownerType, req.caller.ownerID}, expires: expires, owner: *req.caller,
	}
	req.state().grants[grant.SecretToken] = grant
	return ok(*grant) // a copy: opening the tool marks the stored one
}

// tokenizeEmbedPatient and the two pages below are called by the partner's browser SDK, never by a gateway; they are here so that its
// whole flow can be walked through. The SDK runs in the app's page, wherever that is, so a page of any origin may read the answer.
func tokenizeEmbedPatient(req *request) reply {
	data := req.input().nested("data")
	if data == nil {
		return failure(http.StatusBadRequest, "data is missing").with(allowOrigin, "*")
	}
	token := req.state().newID(kindSecret)
	req.state().embedded[token] = data
	return ok(object{"data_token": token}).with(allowOrigin, "*")
}

const allowOrigin = "Access-Control-Allow-Origin"

// askTokenize answers what a browser asks before it sends JSON to another origin.
func askTokenize(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(allowOrigin, "*")
	w.Header().Set("Access-Control-Allow-Methods", http.MethodPost)
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	w.WriteHeader(http.StatusNoContent)
}

func openEmbedTreatmentPlan(req *request) reply { return req.openEmbed("Treatment plan tool") }

func openEmbedPlatform(req *request) reply {
	if req.param("entrypoint") == "labs" {
		return req.openEmbed("Platform: labs")
	}
	return req.openEmbed("Platform: catalog")
}

// openEmbed uses the grant up. The page has a key of its own, so its forms go on working.
func (r *request) openEmbed(title string) reply {
	grant := r.state().grants[r.param("secret_token")]
	now := r.s.opts.Now()
	if grant == nil || grant.ClaimedAt != nil || !now.Before(grant.expires) {
		return failure(http.StatusUnauthorized, "The session grant is unknown, used or expired")
	}
	grant.ClaimedAt = new(timestamp(now))
	v := &visit{user: grant.owner, source: "embed", framed: true, title: title}
	r.caller = &v.user
	if who := r.state().embedded[r.param("data_token")]; who != nil {
		v.fill.about(who, r.knownPatient(who))
	}
	return r.showNewPlan(v, relative(r.http.URL.Path, sitePath+"embed")+"?link="+r.s.admitVisit(v), v.fill, nil)
}

// knownPatient is whom the app's data is about, if the clinic has such a patient.
func (r *request) knownPatient(who *input) *patient {
	id, _ := who.string("id")
	if p, known := r.patient(id); known {
		return p
	}
	email, _ := who.string("email")
	if email == "" {
		return nil
	}
	return r.patientByEmail(email, "")
}
