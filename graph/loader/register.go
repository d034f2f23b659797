package loader

import (
	"context"
	"fmt"

	"fsgateway/internal/fsclient"
)

// register is the API's reading operations: what is fetched by id, what is
// listed, and what else there is to read. A new one is a line here.
func (o *Operations) register(c *fsclient.Client) {
	o.registerRecords(c)
	o.registerLists(c)
	o.registerValues(c)
}

func (o *Operations) registerRecords(c *fsclient.Client) {
	// Records whose list is full: the planner may page it instead of fetching
	// one by one. Practitioner types have no single fetch at all.
	listed(o, "getPractitioner", c.Practitioners.Get, c.Practitioners.List)
	listed(o, "getStaff", c.Staff.Get, c.Staff.List)
	listed(o, "listPractitionerTypes", nil, c.PractitionerTypes.List)
	listed(o, "getBrand", c.Brands.Get, c.Brands.List)
	listed(o, "getIngredient", c.Ingredients.Get, c.Ingredients.List)
	listed(o, "getAllergen", c.Allergens.Get, c.Allergens.List)
	listed(o, "getSupplementType", c.SupplementTypes.Get, c.SupplementTypes.List)
	listed(o, "getThirdPartyCertification", c.ThirdPartyCertifications.Get, c.ThirdPartyCertifications.List)

	// Records that are only whole when fetched by id. What only lists carry is
	// named: fetching would not bring it.
	record(o, "getPatient", c.Patients.Get)
	record(o, "getTreatmentPlan", c.TreatmentPlans.Get)
	record(o, "getProtocol", c.Protocols.Get).never("OwnershipType")
	record(o, "getTemplate", c.Templates.Get)
	record(o, "getOrder", c.Orders.Get)
	record(o, "getLabOrder", c.LabOrders.Get)
	record(o, "getLabTest", c.LabTests.Get)
	record(o, "getOrderedLabTest", c.OrderedLabTests.Get)
	record(o, "getProduct", c.Products.Get).never("Status")
	record(o, "getVariant", c.Variants.Get)
	record(o, "getCategory", c.Categories.Get)
	record(o, "getEvent", c.Events.Get)
}

func (o *Operations) registerLists(c *fsclient.Client) {
	root(o, "listPractitioners", c.Practitioners.List)
	root(o, "listStaff", c.Staff.List)
	root(o, "listPractitionerTypes", c.PractitionerTypes.List)
	root(o, "listBrands", c.Brands.List)
	root(o, "listIngredients", c.Ingredients.List)
	root(o, "listAllergens", c.Allergens.List)
	root(o, "listSupplementTypes", c.SupplementTypes.List)
	root(o, "listThirdPartyCertifications", c.ThirdPartyCertifications.List)
	root(o, "listPatients", c.Patients.List)
	root(o, "searchPatients", c.Patients.Search)
	below(o, "listDependents", c.Patients.ListDependents)
	below(o, "listPatientAddresses", c.Addresses.ListByPatient)
	below(o, "listPatientTreatmentPlans", c.TreatmentPlans.ListByPatient)
	root(o, "listOrders", c.Orders.List)
	below(o, "listPatientOrders", c.Orders.ListByPatient)
	root(o, "listLabOrders", c.LabOrders.List)
	root(o, "listLabTests", c.LabTests.List)
	root(o, "searchLabTests", c.LabTests.Search)
	root(o, "listFullscriptProtocols", c.Protocols.ListFullscript)
	below(o, "listPractitionerProtocols", c.Protocols.ListByPractitioner)
	below(o, "listPractitionerTemplates", c.Templates.ListByPractitioner)
	root(o, "listProducts", c.Products.List)
	root(o, "searchProducts", c.Products.Search)
	below(o, "listSimilarProducts", c.Products.ListSimilar)
	root(o, "listCategories", c.Categories.List)
	below(o, "listCategoryProducts", c.Products.ListByCategory)
	root(o, "findByMetadata", c.Metadata.Search)
	root(o, "listClinicKeyEvents", c.Events.ListClinicKeyEvents)
	root(o, "listOrderEvents", c.Events.ListOrderEvents)
	root(o, "listPatientEvents", c.Events.ListPatientEvents)
	root(o, "listProductEvents", c.Events.ListProductEvents)
	root(o, "listTreatmentPlanEvents", c.Events.ListTreatmentPlanEvents)
	root(o, "listLabOrderEvents", c.Events.ListLabOrderEvents)
	root(o, "listWebhookDeliveries", c.WebhookDeliveries.List)
}

func (o *Operations) registerValues(c *fsclient.Client) {
	sole(o, "getClinic", c.Clinic.Get)
	value(o, "getNewTreatmentPlanLink", free(c.DynamicLinks.New))
	value(o, "getTreatmentPlanLink", c.DynamicLinks.Get)

	// Fields that use an operation in another way than its own.
	o.byField["Query.node"] = nodes{}
	o.byField["Query.nodes"] = nodes{many: true}
	valueWith(o, "Query.patientByEmail", func(ctx context.Context, _ string, args map[string]any) (*fsclient.Patient, error) {
		return c.Patients.FindByEmail(ctx, fmt.Sprint(args["email"]))
	}).most = fsclient.MaxLookUpPages
	valueWith(o, "Query.patientByExternalId", func(ctx context.Context, _ string, args map[string]any) (*fsclient.Patient, error) {
		return c.Patients.FindByExternalID(ctx, fmt.Sprint(args["externalId"]))
	}).most = fsclient.MaxLookUpPages
	valueWith(o, "Product.customDosage", func(ctx context.Context, product string, args map[string]any) (*fsclient.Dosage, error) {
		practitioner, err := fsclient.ParseID("Practitioner", args["practitionerId"])
		if err != nil {
			return nil, err
		}
		p, err := c.Products.GetForPractitioner(ctx, product, practitioner)
		if err != nil || p.CustomDosage == nil {
			return nil, err
		}
		return p.CustomDosage, nil
	})
}
