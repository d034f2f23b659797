package fsclient

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"
)

// ResourcesService downloads the files attached to plans.
type ResourcesService service

// Resource is a file attached to a plan. Its address at the partner's needs the
// caller's token, so it must not be given to a browser.
type Resource struct {
	Record
	ID            ResourceID `json:"id"`
	AttachmentURL *string    `json:"attachment_url"`
	Category      *string    `json:"category"`
	Name          *string    `json:"name"`
	Type          *string    `json:"type"`
}

// FullscriptID is the partner's own id.
func (r *Resource) FullscriptID() string { return string(r.ID) }

// DownloadKind is what the attachment's address says of its kind, such as
// "practitioner_resource", and what [ResourcesService.Download] wants to hear
// again; "" when it says nothing.
func (r *Resource) DownloadKind() string {
	if r.AttachmentURL == nil {
		return ""
	}
	u, err := url.Parse(*r.AttachmentURL)
	if err != nil {
		return ""
	}
	return u.Query().Get("type")
}

// Download opens an attachment. kind is the resource's [Resource.DownloadKind].
// The body streams from the partner, or from where it redirects to, and the caller
// closes it. An answer that
// is no success is an [*Error], as everywhere.
//
// op: GET /clinic/resources/{id}/download
func (s *ResourcesService) Download(ctx context.Context, id string, kind string) (*http.Response, error) {
	r := get("/clinic/resources/{id}/download", id)
	query := struct {
		Type string `url:"type"`
	}{kind}
	address, err := s.client.address(r, &query)
	if err != nil {
		return nil, err
	}
	at := time.Now()
	res, _, err := s.client.open(ctx, r, address, nil, http.Header{"Accept": {"*/*"}})
	if err != nil {
		return nil, err
	}
	res, own, err := s.client.followed(ctx, r, res)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 200 && res.StatusCode <= 299 {
		// A page may be one that asks to sign in.
		media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
		if f := s.client.flights; f != nil && media != "text/html" {
			f.Accepted(ctx, at)
		}
		return res, nil
	}
	defer res.Body.Close()
	failed := &Error{Op: r.String(), Kind: KindUpstream, Status: res.StatusCode}
	if own { // what another host says is nothing about the token or the record
		body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
		failed = statusError(r, res.StatusCode, res.Header, body)
	}
	s.client.cannotUse(ctx, failed)
	return nil, failed
}
