package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"porchlight/web/app"
)

// appPaths are the pages of the TypeScript app; each is the same shell.
var appPaths = []string{
	"GET /desk", "GET /desk/{rest...}", "GET /near", "GET /notices", "GET /r/{id}/share", "GET /clip",
	"GET /enrol", "GET /signin", "GET /verify", "GET /audit",
}

// asset is a static file as it is sent.
type asset struct {
	contentType string
	cache       string
	csp         string
	etag        string
	body        []byte
	gzipped     func() []byte // made when first wanted; nil when it does not pay
}

// newAsset prepares a file once, so that serving it is a copy. Packing waits until
// somebody asks: the face finder's runtime takes a second and few want it.
func newAsset(name string, body []byte) *asset {
	sum := sha256.Sum256(body)
	a := &asset{
		contentType: mime.TypeByExtension(path.Ext(name)), body: body,
		cache: "public, max-age=300", etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
	}
	switch path.Ext(name) {
	case ".webmanifest":
		a.contentType = "application/manifest+json"
	case ".geojson":
		a.contentType = "application/geo+json"
	case ".tflite", "":
		a.contentType = "application/octet-stream"
	}
	if strings.HasPrefix(name, "assets/") {
		a.cache = "public, max-age=31536000, immutable"
	}
	a.gzipped = sync.OnceValue(func() []byte {
		if a.contentType == "image/png" || len(body) < 512 {
			return nil
		}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(body) // a buffer takes everything
		w.Close()
		if z.Len() > len(body)*9/10 {
			return nil
		}
		return z.Bytes()
	})
	return a
}

func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", a.cache)
	h.Set("ETag", a.etag)
	h.Set("Vary", "Accept-Encoding")
	if a.csp != "" {
		h.Set("Content-Security-Policy", a.csp)
	}
	if r.Header.Get("If-None-Match") == a.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if z := a.gzipped(); z != nil {
			body = z
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

// files serves every file of root under prefix ("/" or "/map/").
func (s *Server) files(prefix string, root fs.FS, csp map[string]string) error {
	return fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		a := newAsset(name, body)
		a.csp = csp[name]
		s.handle(anyone, "GET "+prefix+name, a)
		return nil
	})
}

// appRoutes serves the built app: its shell for each of its pages, its assets
// by their own names.
func (s *Server) appRoutes() error {
	if !app.Built() {
		unbuilt := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "This porchlight was built without its app: run make build.", http.StatusNotImplemented)
		})
		for _, p := range appPaths {
			s.handle(anyone, p, unbuilt)
		}
		return nil
	}
	root := app.Files()
	body, err := fs.ReadFile(root, "index.html")
	if err != nil {
		return err
	}
	shell := newAsset("index.html", body)
	shell.csp, shell.cache = app.CSP, "no-cache"
	for _, p := range appPaths {
		s.handle(anyone, p, shell)
	}
	// Workers run under the policy they are served with.
	workers := map[string]string{}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if path.Ext(name) == ".js" || path.Ext(name) == ".mjs" {
			workers[name] = app.CSP
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.files("/", root, workers)
}
