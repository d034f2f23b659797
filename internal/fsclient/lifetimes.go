package fsclient

import "time"

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
