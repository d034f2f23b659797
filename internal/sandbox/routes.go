package sandbox

import (
	"net/http"
	"slices"
)

// operation is one operation of the API description. A test compares this list with the description, both ways.
type operation struct {
	ID     string
	Method string
	Path   string // below /api
	Access access
	Scopes []string
	Handle func(*request) reply
}

// otherMethods work in public clients, though they are not documented.
var otherMethods = map[string]string{"updatePatient": http.MethodPut}

type access int

const (
	bearerOnly access = iota // any token that has the scopes
	restricted               // and commercial approval, documented or inferred
	public                   // no token
)

func needs(scopes ...string) []string { return scopes }

const (
	get   = http.MethodGet
	post  = http.MethodPost
	patch = http.MethodPatch
)

var operations = []operation{
	{"authorize", get, "/oauth/authorize", public, nil, authorize},
	{"createToken", post, "/oauth/token", public, nil, createToken},
	{"revokeToken", post, "/oauth/revoke", public, nil, revokeToken},

	{"getClinic", get, "/clinic", bearerOnly, needs(scopeClinicRead), getClinic},
	{"findByMetadata", get, "/clinic/metadata", bearerOnly, needs(scopeCatalogRead), findByMetadata},

	{"listStaff", get, "/clinic/staff", bearerOnly, needs(scopeClinicRead), listStaff},
	{"createStaff", post, "/clinic/staff", bearerOnly, needs(scopeClinicWrite), createStaff},
	{"getStaff", get, "/clinic/staff/{id}", bearerOnly, needs(scopeClinicRead), getStaff},
	{"updateStaff", patch, "/clinic/staff/{id}", bearerOnly, needs(scopeClinicWrite), updateStaff},

	{"listPractitioners", get, "/clinic/practitioners", bearerOnly, needs(scopeClinicRead), listPractitioners},
	{"createPractitioner", post, "/clinic/practitioners", bearerOnly, needs(scopeClinicWrite), createPractitioner},
	{"getPractitioner", get, "/clinic/practitioners/{id}", bearerOnly, needs(scopeClinicRead), getPractitioner},
	{"updatePractitioner", patch, "/clinic/practitioners/{id}", bearerOnly, needs(scopeClinicWrite), updatePractitioner},
	{"listPractitionerTypes", get, "/catalog/practitioner_types", bearerOnly, needs(scopeCatalogRead), listPractitionerTypes},

	{"listFullscriptProtocols", get, "/clinic/fullscript_protocols", bearerOnly, needs(scopeClinicRead), listFullscriptProtocols},
	{"listPractitionerProtocols", get, "/clinic/practitioners/{practitioner_id}/protocols", bearerOnly, needs(scopeClinicRead), listPractitionerProtocols},
	{"getProtocol", get, "/clinic/protocols/{id}", bearerOnly, needs(scopeClinicRead), getProtocol},
	{"listPractitionerTemplates", get, "/clinic/practitioners/{practitioner_id}/templates", bearerOnly, needs(scopeClinicRead), listPractitionerTemplates},
	{"getTemplate", get, "/clinic/templates/{id}", bearerOnly, needs(scopeClinicRead), getTemplate},

	{"listPatients", get, "/clinic/patients", bearerOnly, needs(scopePatientsRead), listPatients},
	{"createPatient", post, "/clinic/patients", bearerOnly, needs(scopePatientsWrite), createPatient},
	{"getPatient", get, "/clinic/patients/{id}", bearerOnly, needs(scopePatientsRead), getPatient},
	{"updatePatient", patch, "/clinic/patients/{id}", bearerOnly, needs(scopePatientsWrite), updatePatient},
	{"listDependents", get, "/clinic/patients/{patient_id}/dependents", bearerOnly, needs(scopePatientsRead), listDependents},
	{"searchPatients", get, "/clinic/search/patients", bearerOnly, needs(scopePatientsRead), searchPatients},
	{"listPatientAddresses", get, "/clinic/patients/{patient_id}/addresses", bearerOnly, needs(scopePatientsRead), listPatientAddresses},

	{"listOrders", get, "/clinic/orders", bearerOnly, needs(scopeOrderHistory), listOrders},
	{"getOrder", get, "/clinic/orders/{id}", bearerOnly, needs(scopeOrderHistory), getOrder},
	{"listPatientOrders", get, "/clinic/patients/{patient_id}/orders", bearerOnly, needs(scopeOrderHistory), listPatientOrders},

	{"listPatientTreatmentPlans", get, "/clinic/patients/{patient_id}/treatment_plans", bearerOnly, needs(scopePlanHistory), listPatientTreatmentPlans},
	{"createTreatmentPlan", post, "/clinic/patients/{patient_id}/treatment_plans", restricted, needs(scopeClinicWrite), createTreatmentPlan},
	{"getTreatmentPlan", get, "/clinic/treatment_plans/{id}", bearerOnly, needs(scopePlanHistory), getTreatmentPlan},
	{"updateTreatmentPlan", patch, "/clinic/treatment_plans/{id}", restricted, needs(scopeClinicWrite), updateTreatmentPlan},
	{"activateTreatmentPlan", patch, "/clinic/treatment_plans/{treatment_plan_id}/activate", restricted, needs(scopeClinicWrite), activateTreatmentPlan},
	{"cancelTreatmentPlan", patch, "/clinic/treatment_plans/{treatment_plan_id}/cancel", bearerOnly, needs(scopeClinicWrite), cancelTreatmentPlan},
	{"createInOfficeCheckout", post, "/clinic/treatment_plans/{treatment_plan_id}/in_office_checkout", bearerOnly, needs(scopeClinicWrite), createInOfficeCheckout},
	{"downloadResource", get, "/clinic/resources/{id}/download", bearerOnly, needs(scopePlanHistory), downloadResource},

	{"listLabOrders", get, "/clinic/labs/orders", bearerOnly, needs(scopeOrderHistory), listLabOrders},
	{"getLabOrder", get, "/clinic/labs/orders/{id}", bearerOnly, needs(scopeOrderHistory), getLabOrder},
	{"getOrderedLabTest", get, "/clinic/labs/tests/{id}", bearerOnly, needs(scopeOrderHistory), getOrderedLabTest},
	{"listLabTests", get, "/labs", restricted, needs(scopeCatalogRead), listLabTests},
	{"getLabTest", get, "/labs/{id}", restricted, needs(scopeCatalogRead), getLabTest},
	{"searchLabTests", get, "/labs/search/tests", restricted, needs(scopeCatalogRead), searchLabTests},

	{"listProducts", get, "/catalog/products", bearerOnly, needs(scopeCatalogRead), listProducts},
	{"getProduct", get, "/catalog/products/{id}", bearerOnly, needs(scopeCatalogRead), getProduct},
	{"listSimilarProducts", get, "/catalog/products/{product_id}/similar", bearerOnly, needs(scopeCatalogRead), listSimilarProducts},
	{"searchProducts", get, "/catalog/search/products", restricted, needs(scopeCatalogRead), searchProducts},
	{"getVariant", get, "/catalog/variants/{id}", bearerOnly, needs(scopeCatalogRead), getVariant},
	{"listBrands", get, "/catalog/brands", bearerOnly, needs(scopeCatalogRead), listBrands},
	{"getBrand", get, "/catalog/brands/{id}", bearerOnly, needs(scopeCatalogRead), getBrand},
	{"listIngredients", get, "/catalog/ingredients", bearerOnly, needs(scopeCatalogRead), listNamed("ingredients", ingredients)},
	{"getIngredient", get, "/catalog/ingredients/{id}", bearerOnly, needs(scopeCatalogRead), getNamed("ingredient", "Ingredient", ingredients)},
	{"listAllergens", get, "/catalog/allergens", bearerOnly, needs(scopeCatalogRead), listNamed("allergens", allergens)},
	{"getAllergen", get, "/catalog/allergens/{id}", bearerOnly, needs(scopeCatalogRead), getNamed("allergen", "Allergen", allergens)},
	{"listSupplementTypes", get, "/catalog/supplement_types", bearerOnly, needs(scopeCatalogRead), listNamed("supplement_types", supplementTypes)},
	{"getSupplementType", get, "/catalog/supplement_types/{id}", bearerOnly, needs(scopeCatalogRead), getNamed("supplement_type", "Supplement type", supplementTypes)},
	{"listThirdPartyCertifications", get, "/catalog/third_party_certifications", bearerOnly, needs(scopeCatalogRead), listNamed("third_party_certifications", certifications)},
	{"getThirdPartyCertification", get, "/catalog/third_party_certifications/{id}", bearerOnly, needs(scopeCatalogRead), getNamed("third_party_certification", "Third party certification", certifications)},

	{"listCategories", get, "/clinic/categories", bearerOnly, needs(scopeCatalogRead), listCategories},
	{"getCategory", get, "/clinic/categories/{id}", bearerOnly, needs(scopeCatalogRead), getCategory},
	{"listCategoryProducts", get, "/clinic/categories/{category_id}/products", bearerOnly, needs(scopeCatalogRead), listCategoryProducts},

	{"getNewTreatmentPlanLink", get, "/clinic/dynamic_links/treatment_plans", bearerOnly, needs(scopeClinicRead), getNewTreatmentPlanLink},
	{"createDraftTreatmentPlanLink", post, "/clinic/dynamic_links/treatment_plans", bearerOnly, needs(scopeClinicWrite, scopePatientsWrite), createDraftTreatmentPlanLink},
	{"getTreatmentPlanLink", get, "/clinic/dynamic_links/treatment_plans/{id}", bearerOnly, needs(scopeClinicRead), getTreatmentPlanLink},
	{"createGatewayTreatmentPlanLink", post, "/clinic/dynamic_links/gateway/treatment_plans", bearerOnly, needs(scopeClinicWrite, scopePatientsWrite), createGatewayTreatmentPlanLink},

	{"createSessionGrant", post, "/clinic/embeddable/session_grants", bearerOnly, needs(scopeClinicWrite), createSessionGrant},
	{"tokenizeEmbedPatient", post, "/embeddable/tokenize", public, nil, tokenizeEmbedPatient},
	{"openEmbedTreatmentPlan", get, "/embeddable/session/treatment_plans/new", public, nil, openEmbedTreatmentPlan},
	{"openEmbedPlatform", get, "/embeddable/session/embed/entry", public, nil, openEmbedPlatform},

	{"listClinicKeyEvents", get, "/events/clinic_keys", bearerOnly, nil, listEvents("clinic_keys")},
	{"listOrderEvents", get, "/events/orders", bearerOnly, needs(scopeOrderHistory), listEvents("orders")},
	{"listPatientEvents", get, "/events/patients", bearerOnly, needs(scopePatientsRead), listEvents("patients")},
	{"listProductEvents", get, "/events/products", bearerOnly, needs(scopeCatalogRead), listEvents("products")},
	{"listTreatmentPlanEvents", get, "/events/treatment_plans", bearerOnly, needs(scopePlanHistory), listEvents("treatment_plans")},
	{"listLabOrderEvents", get, "/events/lab_orders", bearerOnly, needs(scopeOrderHistory), listEvents("lab_orders")},
	{"getEvent", get, "/events/{id}", bearerOnly, nil, getEvent},
	{"listWebhookDeliveries", get, "/webhooks/deliveries", bearerOnly, nil, listWebhookDeliveries},

	{"createFulfillmentOrder", post, "/fulfillment/orders", restricted, nil, createFulfillmentOrder},
}

func knownOperation(id string) bool {
	return slices.ContainsFunc(operations, func(op operation) bool { return op.ID == id })
}
