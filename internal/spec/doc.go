// Package spec compares descriptions of the partner's API: the one that the schema and the
// client were made from with another, such as the partner's own of today.
//
// Descriptions are OpenAPI documents of version 3, as YAML or JSON. They are read as strangers' texts:
// bounded in size and depth, without aliases, and references lead nowhere but into the
// document itself.
//
// What is compared is what travels: operations by method and path, their parameters, and the
// properties of bodies and answers by where they stand. Names of components, descriptions and
// examples are not. [Read] makes facts of a document, [Compare] differences of two.
package spec
