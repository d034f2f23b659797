// Package cost says how many calls to the partner an operation takes, before it makes
// one. It walks the compiled plan as the loader will, with numbers in place of values.
//
// Two figures are counted. The estimate is what the operation is likely to take: lists at
// the root are as long as asked, lists below a record as long as the schema assumes for
// them (@listSize) unless less is asked, and all references lead to different records. The
// bound has all lists as long as asked, and nothing that a client names by its id in the list
// of its resource; what a record leads to is there. Nothing is taken to be known from before
// but how long such lists are; what comes inside something else is counted only where the
// schema says so (@embeds).
//
// Lists of values inside a record, which cannot be asked for in a length, are as long as
// assumed in both, so a record with more of them can take more than the bound. So can records
// that lead to one that is not listed any more, and what the partner has not shown yet: pages
// smaller than asked for, and lists without a total, whose end has to be looked for. The
// limit at run time holds in any case.
package cost
