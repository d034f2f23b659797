package sandbox

// Well-known records of the seed, for tests and documentation. They are constants rather than look-ups so that they can be printed in a
// README; a test checks that each is what its name says.
const (
	// SharedExternalID is the integrator's id of both PatientWithManyPlans and PlanWithLabs.
	SharedExternalID = "emr-shared"

	// The two clinics; everything below without Other belongs to the first.
	ClinicID      = "c1a40d85-1e27-469a-84b7-3368f770a8ef"
	OtherClinicID = "c1ddafe9-d244-4fb4-a473-09479b5719ed"

	// Users.
	PractitionerID            = "e1956e31-3da1-4bb2-93b8-223799e62650" // owner of sandbox-practitioner
	ColleagueID               = "e1146ecb-4f29-4bef-9290-f0a1d9cc6fc1" // another practitioner of the same clinic
	OtherClinicPractitionerID = "e1e9fd7e-4c1d-480b-a11e-d2b6b1b22a25" // owner of sandbox-other-clinic
	StaffID                   = "e52a0f58-baf6-4b9e-ad7b-403506d99969" // owner of sandbox-staff
	OtherClinicStaffID        = "e5d5f95d-283a-4e58-a4c5-f3423900ef06"
	PractitionerTypeID        = "eeafe68c-0bd9-4934-a0ef-5e722320acb6"

	// Patients.
	PatientWithManyPlans   = "b1d36490-f250-49a7-8707-2133a9eaceab" // 60 plans, by all practitioners of the clinic in turn
	PatientWithNoPlans     = "b1eff91c-d35f-4e5c-8a7a-0958196c6f20" // no plans, no orders, no addresses
	PatientWithDependents  = "b1150088-0c0b-43d7-b6e2-29c89f3f7f89" // guardian of two
	DependentPatient       = "b18a97fc-d6a1-4c11-a3f2-47c83b2cf73b" // without email
	SecondDependentPatient = "b1e15744-455e-4c8d-9303-0eb99c1d22e9"
	ArchivedPatient        = "b1888064-9ad6-43e9-9ab4-5b6a4395d1ca"
	PatientWithNulls       = "b1e39019-0f57-4834-9f4d-4fdfa7f33d57" // null wherever the API allows it for a guardian
	PatientEmail           = "valentina.vandermeer1@example.net"    // of PatientWithManyPlans
	OtherClinicPatient     = "b1039e94-b3da-439c-8a82-4167ba83ffc4"

	// Treatment plans, all but the last of PatientWithManyPlans.
	PlanWithLabs    = "a1f3e8ec-6e8b-432b-8c1e-948b249ea70b" // active, 5 recommendations, 2 labs, 2 resources
	DraftPlan       = "a1e661fd-a192-4303-bda9-65622e87ae27" // 2 recommendations
	CancelledPlan   = "a1ad827b-747e-4913-834e-7668e2441e14"
	EmptyPlan       = "a111c754-c4b6-4925-aa59-c51a74c56965" // active, without recommendations
	ActivePlan      = "a1d3da0d-2724-4580-8454-7b2aa05da688" // 3 recommendations, no labs
	OtherClinicPlan = "a19b495b-132f-42e2-a290-1029ad3dbe53"

	// Orders and labs.
	OrderWithLabs       = "d16b2b52-b84c-4e25-ad1c-898f522f1ba3" // of PlanWithLabs, with lab lines
	OtherClinicOrder    = "d1356bf0-9283-4216-962f-edf408cb626c"
	LabOrderID          = "911054bf-b36f-4348-b7a8-7b002fe2edca" // of PlanWithLabs, results ready
	OtherClinicLabOrder = "91186726-0b3f-4623-bbb9-90cf110b5f9f"
	OrderedLabTestID    = "923ce7d0-d879-4f3e-a915-721d9226e4be" // of LabOrderID
	LabTestID           = "81887238-75f2-4037-a8df-66d1337e218f" // in the lab catalogue
	ResourceID          = "713db969-1de7-461c-8c6e-a7dfe72bc564" // attached to PlanWithLabs
	OtherClinicResource = "71108e86-5e1f-449b-a6ab-f99dcacfe1a8"

	// Protocols and templates.
	ProtocolID           = "a731c800-06e0-4112-940a-862ad978fa61" // owned by PractitionerID
	FullscriptProtocolID = "a73a7c21-eae5-4c92-b744-d305d4430905" // made by Fullscript, open to both clinics
	TemplateID           = "a8f7c285-b3a0-4fe3-9b8f-6318d99319f0" // of PractitionerID

	// Catalogue.
	ProductID           = "f0a954c8-ea04-4cd3-b277-b909da03c6b0" // three variants; PractitionerID has a custom dosage for it
	VariantID           = "f1a94aab-f06f-4055-8637-7a62a3deb150" // its primary variant
	SKU                 = "ALD0000-1"                            // of VariantID
	BrandID             = "6137be13-95e7-4cda-b9d0-0920d6ba5cfe" // its brand
	IngredientID        = "1a55d538-e827-48a5-9a83-181fb65f9f3b"
	AllergenID          = "1b406516-6df0-4c04-8767-7d5aeae147e2"
	SupplementTypeID    = "1ce70130-3353-4609-a6b0-b40147e08cf5"
	CertificationID     = "1d05ebb7-23ed-46fb-8fe2-edb6bf05e813"
	CategoryID          = "1e4a02c9-1d05-41b8-9448-036ca98f1c64"
	OtherClinicCategory = "1e2f72ab-a47b-411c-975d-de5412a96885"
)
