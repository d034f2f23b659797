// Package loader decides what is asked of the partner API, and when.
//
// The API has no call for several ids and its lists carry summaries, so what a
// query costs depends on who asks for what in which order. GraphQL's executor
// is a poor judge of that: it sees one field of one object at a time. So the
// decisions are taken here, ahead of it, by one mechanism:
//
//   - The selection walker (walk.go) is given each value as it arrives, a row
//     or a record or the query itself, with what is selected of it
//     (selection.go). It starts every call the selection needs and the value
//     does not hold, all at once, and is called again with what these bring.
//   - A [Set] (set.go) belongs to one operation. It keeps one promise for each
//     upstream call, so nothing is fetched twice, and what arrived embedded in
//     something else, so that some of it is not fetched at all.
//   - Calls go out as soon as their key is known, except for resources whose
//     list holds full records: their keys wait until every call of the waves
//     before has arrived (waves.go), so that the planner (plan.go) sees all of
//     them and chooses between singles and the list. No clock is involved.
//   - Windows of a list become pages in package paging and connections in list.go.
//     Where the partner cuts its pages or does not tell how many there are,
//     list_read.go places them by what they show and plans again.
//
// The executor's resolvers and directives only wait for what is under way
// (collect.go). How an operation of the API is called is one line in the
// gateway's table of operations (operations.go).
//
// What came is never thrown away: a row that arrived is in the answer, and what
// is held of a record survives the failure of the call that would complete it.
// Silence is for look-ups by id that find nothing; whatever else is missing is
// null with an error at its path.
//
// A value belongs to one place of one answer: calls share promises, never
// values. Hydration writes fields that nobody reads before it is done, and no
// others, which is why none of this needs a lock around a record.
package loader
