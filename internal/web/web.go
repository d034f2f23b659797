// Package web serves the GraphiQL page. Everything it needs is in the binary and
// comes from the gateway's own address, under a policy that lets nothing else
// in. The files under assets are built by ui/build.mjs and committed, so that
// building the gateway takes no Node.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"fsgateway/docs/examples"
	"fsgateway/internal/accept"
)

var (
	//go:embed assets
	assets embed.FS
	//go:embed index.html
	index string
)

// policy is the page's and, because a worker does not inherit one, its scripts'.
// Monaco and GraphiQL style elements from scripts, hence 'unsafe-inline' there.
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// Config is what the page knows of the gateway. All of it can be read by
// anyone who can load the page.
type Config struct {
	Endpoint string             `json:"endpoint"`           // where queries go; relative to the page when it is no URL
	Token    string             `json:"token,omitempty"`    // what the headers editor starts with: a sandbox's token, never a real one
	SignIn   bool               `json:"signIn,omitempty"`   // whether users can sign in, at oauth/login
	Examples []examples.Example `json:"examples,omitempty"` // a tab each for those to start with, the rest in a list
}

// Handler serves the page at / and its files under /graphiql/.
func Handler(c Config) http.Handler {
	m := manifest()
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page(m, c))
	files := make(map[string]*file, len(m.Files))
	for _, f := range m.Files {
		files[f.Name] = &f
	}
	mux.HandleFunc("GET /graphiql/{name}", func(w http.ResponseWriter, r *http.Request) {
		f, known := files[r.PathValue("name")]
		if !known {
			http.NotFound(w, r)
			return
		}
		if hashed.MatchString(f.Name) { // the name changes with the content
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			w.Header().Set("Cache-Control", "no-cache")
		}
		serve(w, r, f)
	})
	return mux
}

// hashed matches the names that esbuild gives.
var hashed = regexp.MustCompile(`-[0-9A-Z]{8}\.\w+$`)

// content is something to be served, gzipped or not.
type content interface {
	contentType() string
	tag() string // of the content as it is; gzipped it is another representation with a tag of its own
	open(gzipped bool) (body io.Reader, size int64, err error)
}

func serve(w http.ResponseWriter, r *http.Request, c content) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Add("Vary", "Accept-Encoding")
	gzipped := accept.Coding(r.Header.Values("Accept-Encoding"), "gzip") != ""
	tag := `"` + c.tag() + `"`
	if gzipped {
		tag = `"` + c.tag() + `-gzip"`
	}
	h.Set("ETag", tag)
	if matches(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body, size, err := c.open(gzipped)
	if err != nil {
		panic(err) // a broken build: the manifest names what is not there
	}
	if gzipped {
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Type", c.contentType())
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, body) // fails when the client has left
	}
}

// file is one of assets: kept gzipped, unzipped only for the rare client that
// wants it so.
type file struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (f *file) contentType() string { return f.Type }
func (f *file) tag() string         { return f.SHA256[:32] }

func (f *file) open(gzipped bool) (io.Reader, int64, error) {
	stored, err := assets.Open("assets/" + f.Name + ".gz") // nothing to close: it is in memory
	if err != nil {
		return nil, 0, err
	}
	if gzipped {
		info, err := stored.Stat()
		if err != nil {
			return nil, 0, err
		}
		return stored, info.Size(), nil
	}
	plain, err := gzip.NewReader(stored)
	return plain, f.Size, err
}

// build is what ui/build.mjs says of the files it made.
type build struct {
	Script  string   `json:"script"`
	Style   string   `json:"style"`
	Preload []string `json:"preload"`
	Files   []file   `json:"files"`
}

func manifest() (m build) {
	text, err := assets.ReadFile("assets/manifest.json")
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		panic(fmt.Sprintf("internal/web/assets: %v", err)) // a broken build
	}
	return m
}

// html is the page.
type html struct {
	plain, gzipped []byte
	hash           string
}

func (p *html) contentType() string { return "text/html; charset=utf-8" }
func (p *html) tag() string         { return p.hash }

func (p *html) open(gzipped bool) (io.Reader, int64, error) {
	body := p.plain
	if gzipped {
		body = p.gzipped
	}
	return bytes.NewReader(body), int64(len(body)), nil
}

func (p *html) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache")
	serve(w, r, p)
}

func page(m build, c Config) *html {
	if c.Endpoint == "" {
		c.Endpoint = "graphql"
	}
	// encoding/json writes <, > and & as \u003c and so on, so that no text can end
	// the element it stands in. File names are of letters, digits, dots and hyphens.
	config, err := json.Marshal(c)
	if err != nil {
		panic(err) // it is made of strings
	}
	var preload strings.Builder
	for _, name := range m.Preload {
		fmt.Fprintf(&preload, "<link rel=\"modulepreload\" href=\"graphiql/%s\">\n", name)
	}
	p := &html{plain: []byte(strings.NewReplacer(
		"{{script}}", m.Script,
		"{{style}}", m.Style,
		"{{preload}}", preload.String(),
		"{{config}}", string(config),
	).Replace(index))}
	sum := sha256.Sum256(p.plain)
	p.hash = hex.EncodeToString(sum[:16])
	var zipped bytes.Buffer
	z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is one there is
	_, _ = z.Write(p.plain)                                    // a buffer takes everything
	_ = z.Close()
	p.gzipped = zipped.Bytes()
	return p
}

// matches reports whether If-None-Match names the tag, which holds no comma.
func matches(values []string, tag string) bool {
	for candidate := range strings.SplitSeq(strings.Join(values, ","), ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == tag {
			return true
		}
	}
	return false
}
