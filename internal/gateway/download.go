package gateway

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"unicode"

	"fsgateway/graph"
	"fsgateway/graph/apierror"
	"fsgateway/internal/fsclient"
	"fsgateway/internal/middleware"
	"fsgateway/internal/transport"
)

// download streams a plan attachment from the partner, whose address for it
// wants the caller's token.
func (g *Gateway) download(w http.ResponseWriter, r *http.Request) {
	if transport.CallerFrom(r.Context()).Key == "" {
		g.fail(w, r, http.StatusUnauthorized, apierror.CodeUnauthenticated, graph.TokenNeeded(g.signInURL()))
		return
	}
	id, err := fsclient.ParseID("Resource", r.PathValue("id"))
	if err != nil {
		g.fail(w, r, http.StatusBadRequest, apierror.CodeBadUserInput, err.Error())
		return
	}
	caller := transport.Share(r.Context(), g.stranger)
	if !g.placeForDownload(r.Context(), caller) {
		w.Header().Set("Retry-After", "5")
		g.fail(w, r, http.StatusTooManyRequests, apierror.CodeRateLimited, "Too many downloads are in progress; try again later.")
		return
	}
	defer g.downloads.Release(caller)
	res, err := g.client.Resources.Download(transport.Streaming(r.Context()), id, r.URL.Query().Get("type"))
	if err != nil {
		if e, ok := errors.AsType[*fsclient.Error](err); ok {
			if wait := apierror.RetryAfter(e); wait > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(wait))
			}
			if _, refused := errors.AsType[*fsclient.Refused](err); !refused && (e.Kind == fsclient.KindUnavailable || e.Kind == fsclient.KindTimeout) && e.Status == 0 {
				middleware.EntryFrom(r.Context()).CallFailed(transport.Failure(err)) // of the storage no call is observed
			}
		}
		g.failAs(w, r, apierror.Describe(err))
		return
	}
	defer res.Body.Close()
	attachment(w.Header(), res.Header)
	if r.Method == http.MethodHead {
		return
	}
	file := &source{Reader: res.Body}
	_, err = io.Copy(w, file)
	if err != nil && r.Context().Err() == nil {
		if file.broken != nil { // which the status does not say, having left before
			entry := middleware.EntryFrom(r.Context())
			entry.CallFailed(transport.Failure(file.broken))
			entry.Operation.Codes = []string{apierror.CodeUpstreamError}
		}
		panic(http.ErrAbortHandler) // the client must not take it for whole
	}
}

// source is what a file is read from.
type source struct {
	io.Reader
	broken error // why it broke off
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.broken = err
	}
	return n, err
}

// storage reaches the hosts to which the partner, at base, redirects for its files.
func (g *Gateway) storage(base string, proxy func(*http.Request) (*url.URL, error)) *transport.Foreign {
	o := transport.ForeignOptions{Partner: "localhost", Proxy: proxy, DialTimeout: g.config.DialTimeout, CallTimeout: g.config.CallTimeout}
	if u, err := url.Parse(base); err == nil && g.config.Upstream != Embedded { // which is on this machine
		o.Partner = u.Hostname()
	}
	f := transport.NewForeign(o)
	g.close = append(g.close, func() error { f.CloseIdleConnections(); return nil })
	return f
}

// placeForDownload reports whether a caller may begin a download; it waits for
// at most the time of an operation, and behind as many as calls may. Downloads have places of their own, since a
// client who reads slowly keeps one for long, and queries must not wait for it.
func (g *Gateway) placeForDownload(ctx context.Context, caller string) bool {
	ctx, cancel := context.WithTimeout(ctx, g.config.OperationTimeout)
	defer cancel()
	return g.downloads.Acquire(ctx, caller) == nil
}

// attachment sets the headers of a file from those that the partner gives it.
// Whatever the file is, a browser stores it under a harmless name, runs none of
// it on this origin, and shows it to no page of another.
func attachment(h, partner http.Header) {
	h.Set("Content-Type", "application/octet-stream") // net/http would guess
	if value := partner.Get("Content-Type"); value != "" {
		if media, parameters, err := mime.ParseMediaType(value); err == nil {
			h.Set("Content-Type", mime.FormatMediaType(media, parameters))
		}
	}
	if length := partner.Get("Content-Length"); length != "" {
		h.Set("Content-Length", length)
	}
	h.Set("Content-Disposition", "attachment")
	if _, parameters, err := mime.ParseMediaType(partner.Get("Content-Disposition")); err == nil {
		if name := fileName(parameters["filename"]); name != "" {
			h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
		}
	}
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// maxFileName is the longest name in bytes that common file systems take.
const maxFileName = 255

// fileName returns the name of a file without what would mean something to a
// file system or a reader beyond a name: folders, leading dots, control and
// formatting characters. It is "" if nothing is left.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) || strings.ContainsRune(`<>:"|?*/`, c) {
			return -1
		}
		return c
	}, name)
	name = strings.Trim(name, " .")
	if len(name) > maxFileName {
		ending := path.Ext(name)
		if len(ending) > 20 {
			ending = ""
		}
		name = strings.ToValidUTF8(name[:maxFileName-len(ending)], "") + ending
	}
	return name
}
