package model

import (
	"context"
	"errors"
	"math"

	"github.com/99designs/gqlgen/graphql"

	"fsgateway/internal/fsclient"
)

// ErrBroken is the error of a row that came from the partner without its id.
var ErrBroken = errors.New("the partner sent a record without its id")

// Connection is a window of a list.
type Connection[T any] struct {
	// Rows are the window's rows in order, nil where the record was broken, and
	// Offsets their places in the list.
	Rows     []*T
	Offsets  []int
	PageInfo *PageInfo
	// Total is the number of rows in the whole list, nil if it is not known.
	// Unusable reports that the partner did send one.
	Total    *int
	Unusable bool
	// Cursor names an offset so that a later window can begin there.
	Cursor func(offset int) string
}

// TotalCount is the number of rows in the whole list as far as it is known. One
// that cannot be used is an error, so that it is not taken for one that was not
// sent.
func (c *Connection[T]) TotalCount() (*int, error) {
	if c.Unusable || c.Total != nil && *c.Total > math.MaxInt32 {
		return nil, &fsclient.Error{Op: "total_count", Kind: fsclient.KindUpstream}
	}
	return c.Total, nil
}

// Nodes are the rows without the broken ones, which are reported.
func (c *Connection[T]) Nodes(ctx context.Context) []*T {
	nodes := make([]*T, 0, len(c.Rows))
	for _, row := range c.Rows {
		if row != nil {
			nodes = append(nodes, row)
		}
	}
	if len(nodes) < len(c.Rows) {
		graphql.AddError(ctx, ErrBroken)
	}
	return nodes
}

// Edges are the rows with their cursors.
func (c *Connection[T]) Edges() []*Edge[T] {
	edges := make([]*Edge[T], len(c.Rows))
	for i, row := range c.Rows {
		edges[i] = &Edge[T]{Cursor: c.Cursor(c.Offsets[i]), row: row}
	}
	return edges
}

// Edge is a row and its cursor.
type Edge[T any] struct {
	Cursor string
	row    *T
}

// Node is the row; a broken one is an error at its own path.
func (e *Edge[T]) Node() (*T, error) {
	if e.row == nil {
		return nil, ErrBroken
	}
	return e.row, nil
}

// PageInfo says where a window stands in its list.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Window is what every connection offers to the writer of answers.
type Window interface {
	Len() int
	// Row returns row i, nil for a broken one.
	Row(i int) any
	CursorAt(i int) string
	Info() *PageInfo
	TotalCount() (*int, error)
}

// Len, Row, CursorAt and Info make it a [Window].
func (c *Connection[T]) Len() int { return len(c.Rows) }

func (c *Connection[T]) Row(i int) any {
	if c.Rows[i] == nil {
		return nil
	}
	return c.Rows[i]
}

func (c *Connection[T]) CursorAt(i int) string { return c.Cursor(c.Offsets[i]) }
func (c *Connection[T]) Info() *PageInfo       { return c.PageInfo }
