// Package graph is the hand-written side of the GraphQL schema: resolvers, one
// file for each SDL file; what directives do; how errors look; the handler.
//
// Resolvers call and return. What has to be fetched was decided and started
// before they run (package loader); a mutation's resolver writes, and hands what
// came back to the walker.
package graph

import (
	"net/url"

	"fsgateway/graph/live"
	"fsgateway/graph/model"
	"fsgateway/internal/fsclient"
)

// Resolver is what resolvers may use.
type Resolver struct {
	Client *fsclient.Client
	// PublicURL is the gateway's own address as clients see it, without a slash
	// at the end.
	PublicURL string
	// Currency is that of all prices, nil if it is not known. The partner's answers
	// do not hold it.
	Currency *model.CurrencyCode
	// Live is where subscriptions get their events from.
	Live *live.Feed
}

// downloadURL is the gateway's own route for a plan attachment, which passes
// the caller's token on and streams.
func (r *Resolver) downloadURL(res *fsclient.Resource) *string {
	u := r.PublicURL + "/resources/" + url.PathEscape(string(res.ID)) + "/download"
	if kind := res.DownloadKind(); kind != "" {
		u += "?type=" + url.QueryEscape(kind)
	}
	return &u
}
