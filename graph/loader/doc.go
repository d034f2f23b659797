// Package loader decides what is asked of the partner API, and when.
//
// The API has no call for several ids, and its lists carry summaries, so the cost of
// a query depends on who asks for what in which order. GraphQL's executor is a poor
// judge of that: it sees one field of one object at a time. So the decisions are made
// here, ahead of it, by one mechanism. Its words:
//
//   - A session ([Session]) is what one operation has asked of the partner and learned
//     from it. Nothing outlives it but the lengths and page sizes of lists.
//   - A call is one request to the partner, named by a key. The session keeps one
//     promise for each, so nothing is fetched twice.
//   - The selection is what the operation selects, compiled for each type of object by
//     package plan: fields to read, fields that perform calls, fields to go into.
//   - The walk (walk.go) is given each value as it arrives, a row or a record or the
//     query itself, with its selection. It starts every call that the selection needs
//     and the value does not hold, and goes on with what these bring.
//   - Embedded is what arrived of a record inside something else (package parts). If it is enough, the
//     record is not fetched.
//   - A hydration (hydration.go) is a record that waits for its missing fields. The
//     fields that it holds may be read meanwhile.
//   - A call's wave (waves.go) is the number of calls that had to be answered before it
//     could be made.
//   - The planner (planner.go) is for resources whose list holds full records. Their keys
//     wait until all calls of the waves before have been answered; then all of them are
//     known, and it chooses between single calls and the list. No clock is involved.
//
// The query of docs/tour.md, step by step:
//
//	patient(id: "p") { firstName treatmentPlans(first: 2) { nodes { practitioner { lastName } recommendations { variant { sku } } } } }
//
//	wave 1  getPatient: a hydration, for the reference holds only the id
//	        listPatientTreatmentPlans: needs only the id, so it starts at the same time
//	wave 2  getTreatmentPlan, twice: rows of a list lack the recommendations
//	        the practitioners of both plans: planned, so their ids wait until wave 1 is
//	        over; one page of listPractitioners costs less than two single calls
//	wave 3  getVariant, once for each different variant
//
// Each list below a record or at the root is read by a [paging.Reader], which chooses the
// pages; where the partner cuts its pages or does not say how many there are, they are
// placed by what they show and planned again.
//
// The plan's writer (source.go), and the executor's resolvers and directives (collect.go),
// only wait for what the walk has started. How an operation of the API is called is one
// line in register.go.
//
// What arrived is never thrown away: a row is in the answer, and what is held of a
// record survives the failure of the call that would complete it. Only look-ups by id
// that find nothing are silent; whatever else is missing is null with an error at its
// path.
//
// A value belongs to one place of one answer: calls share promises, never values. A
// hydration writes the fields that nobody reads before it is done, and no others,
// so no record needs a lock.
package loader
