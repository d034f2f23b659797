// Package plan compiles an operation once, for the loader and for the writer.
//
// A [Plan] belongs to one operation of a cached document and one choice of its
// conditions (@skip, @include). It holds nothing of a request. A [Selection] is what is
// selected at one place of the document; for each Go type of value that turns up there
// it has a [Node], which says
//
//   - to the loader: which struct fields are read, which values to go into, and which
//     fields perform calls of their own;
//   - to the writer: how to write each field of the answer, in order.
//
// [Plan.Write] writes the answer of a query from the structs of the partner's answers,
// without an executor. It writes only answers in which nothing went wrong: at the first
// error, forbidden null, value that could not be read, or field that it cannot write it
// gives up, and gqlgen's executor answers from the same promises. So every rule about
// errors stays in one place.
package plan
