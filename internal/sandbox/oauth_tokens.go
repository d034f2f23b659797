package sandbox

// Scopes of the partner API.
const (
	scopeCatalogRead   = "catalog:read"
	scopeClinicRead    = "clinic:read"
	scopeClinicWrite   = "clinic:write"
	scopePatientsRead  = "patients:read"
	scopePatientsWrite = "patients:write"
	scopePlanHistory   = "patients:treatment_plan_history"
	scopeOrderHistory  = "patients:order_history"
	scopeLabsCreate    = "labs:treatment_plans:create"
)

var (
	readScopes = []string{scopeCatalogRead, scopeClinicRead, scopePatientsRead, scopePlanHistory, scopeOrderHistory}
	allScopes  = append(readScopes[:len(readScopes):len(readScopes)], scopeClinicWrite, scopePatientsWrite, scopeLabsCreate)
)

// Names of the fixed tokens, which are also their bearer text.
const (
	TokenPractitioner = "sandbox-practitioner"
	TokenStaff        = "sandbox-staff"
	TokenReadonly     = "sandbox-readonly"
	TokenUnapproved   = "sandbox-unapproved"
	TokenOtherClinic  = "sandbox-other-clinic"
	TokenExpired      = "sandbox-expired"
)

// Token is a bearer token that works without any login.
type Token struct {
	Name        string `json:"name"` // also the bearer text
	Description string `json:"description"`
}

// Tokens lists the fixed tokens.
func Tokens() []Token {
	return []Token{
		{TokenPractitioner, "Practitioner of the first clinic; all scopes, commercial approval."},
		{TokenStaff, "Staff member of the first clinic; all scopes, commercial approval. Has to name practitioner_id on plans."},
		{TokenReadonly, "Practitioner of the first clinic; without the scopes that write."},
		{TokenUnapproved, "Practitioner of the first clinic; all scopes, but restricted operations answer 403."},
		{TokenOtherClinic, "Practitioner of the second clinic; all scopes, commercial approval. Nothing of the first clinic exists for it."},
		{TokenExpired, "Always answered with 401."},
	}
}

const (
	ownerPractitioner = "Practitioner"
	ownerStaff        = "Staff"
)

// identity is a token's user and what it may do.
type identity struct {
	key       string // what the rate limit counts by: the token's text
	ownerID   string
	ownerType string
	clinicID  string
	scopes    []string
	approved  bool
	expired   bool
}

func (i *identity) has(scope string) bool {
	for _, s := range i.scopes {
		if s == scope {
			return true
		}
	}
	return false
}

// practitionerID is the token's practitioner, "" for staff.
func (i *identity) practitionerID() string {
	if i.ownerType != ownerPractitioner {
		return ""
	}
	return i.ownerID
}

var fixedTokens = map[string]*identity{
	TokenPractitioner: {TokenPractitioner, PractitionerID, ownerPractitioner, ClinicID, allScopes, true, false},
	TokenStaff:        {TokenStaff, StaffID, ownerStaff, ClinicID, allScopes, true, false},
	TokenReadonly:     {TokenReadonly, PractitionerID, ownerPractitioner, ClinicID, readScopes, true, false},
	TokenUnapproved:   {TokenUnapproved, PractitionerID, ownerPractitioner, ClinicID, allScopes, false, false},
	TokenOtherClinic:  {TokenOtherClinic, OtherClinicPractitionerID, ownerPractitioner, OtherClinicID, allScopes, true, false},
	TokenExpired:      {TokenExpired, PractitionerID, ownerPractitioner, ClinicID, allScopes, true, true},
}
