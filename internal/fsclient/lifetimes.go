package fsclient

import (
	"strings"
	"time"
)

// lifetimes are how long the answers of operations may be kept for the caller who got them.
// What is not named is never kept: patients, and whatever belongs to one.
var lifetimes = map[string]time.Duration{
	"/catalog/brands":                           time.Hour,
	"/catalog/brands/{id}":                      time.Hour,
	"/catalog/ingredients":                      time.Hour,
	"/catalog/ingredients/{id}":                 time.Hour,
	"/catalog/allergens":                        time.Hour,
	"/catalog/allergens/{id}":                   time.Hour,
	"/catalog/supplement_types":                 time.Hour,
	"/catalog/supplement_types/{id}":            time.Hour,
	"/catalog/third_party_certifications":       time.Hour,
	"/catalog/third_party_certifications/{id}":  time.Hour,
	"/catalog/practitioner_types":               time.Hour,
	"/clinic/categories":                        time.Hour,
	"/clinic/categories/{id}":                   time.Hour,
	"/catalog/products":                         5 * time.Minute,
	"/catalog/products/{id}":                    5 * time.Minute,
	"/catalog/products/{product_id}/similar":    5 * time.Minute,
	"/catalog/search/products":                  5 * time.Minute,
	"/clinic/categories/{category_id}/products": 5 * time.Minute,
	"/catalog/variants/{id}":                    5 * time.Minute,
	"/clinic/practitioners":                     time.Minute,
	"/clinic/practitioners/{id}":                time.Minute,
	"/clinic/staff":                             time.Minute,
	"/clinic/staff/{id}":                        time.Minute,
}

// common are the operations whose answers are the same for all who may read them, each with
// the parameter that makes it depend on the caller, "" for none. A product has the dosage of
// the caller's practitioner, and a search leaves out brands that their clinic may not see.
var common = map[string]string{
	"/catalog/brands":                          "clinic_permitted",
	"/catalog/brands/{id}":                     "",
	"/catalog/ingredients":                     "",
	"/catalog/ingredients/{id}":                "",
	"/catalog/allergens":                       "",
	"/catalog/allergens/{id}":                  "",
	"/catalog/supplement_types":                "",
	"/catalog/supplement_types/{id}":           "",
	"/catalog/third_party_certifications":      "",
	"/catalog/third_party_certifications/{id}": "",
	"/catalog/practitioner_types":              "",
	"/catalog/products":                        "",
	"/catalog/products/{product_id}/similar":   "",
	"/catalog/variants/{id}":                   "",
}

// Common reports whether the answer is the same for all who may read it.
func (r Read) Common() bool {
	parameter, is := common[r.Route]
	return is && (parameter == "" || !strings.Contains(r.Query, parameter))
}
