// Package asset serves the files of a built web app, prepared once: types, ETags,
// caching by name, gzip.
package asset

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Asset is a static file as it is sent.
type Asset struct {
	CSP   string // its Content-Security-Policy; "" leaves what the server set
	Cache string // Cache-Control: five minutes, or for ever when the name is under assets/ and so carries a hash

	contentType string
	etag        string
	body        []byte
	gzipped     func() []byte // made when first wanted; nil when it does not pay
}

// New prepares a file once, so that serving it is a copy. Packing waits until
// somebody asks: the face finder's runtime takes a second and few want it.
func New(name string, body []byte) *Asset {
	sum := sha256.Sum256(body)
	a := &Asset{
		contentType: mime.TypeByExtension(path.Ext(name)), body: body,
		Cache: "public, max-age=300", etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
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
		a.Cache = "public, max-age=31536000, immutable"
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

func (a *Asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", a.Cache)
	h.Set("ETag", a.etag)
	h.Set("Vary", "Accept-Encoding")
	if a.CSP != "" {
		h.Set("Content-Security-Policy", a.CSP)
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
