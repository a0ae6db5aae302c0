package web

import (
	"io/fs"
	"net/http"
	"path"
	"strings"

	"porchlight/internal/asset"
	"porchlight/web/app"
)

// pagePaths are the pages of the app; each is the same shell.
var pagePaths = []string{
	"/{$}", "/pair", "/house", "/timeline", "/requests", "/requests/{id}", "/answers", "/answers/{id}", "/faces", "/pets",
	"/cameras", "/cameras/{id}", "/storage", "/privacy", "/devices", "/me",
}

// pageRoutes serves the built app: its shell for each of its pages, its assets by
// their own names.
func (s *Server) pageRoutes() error {
	s.handle(anyone, "GET /healthz", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("ok\n")) })
	if s.Basemap != nil {
		s.handle(paired, "GET /map/", s.Basemap.Handler().ServeHTTP)
	}
	if !app.HomeBuilt() {
		for _, p := range pagePaths {
			s.handle(anyone, "GET "+p, func(w http.ResponseWriter, r *http.Request) {
				http.Error(w, "This porchlight was built without its app: run make build.", http.StatusNotImplemented)
			})
		}
		return nil
	}
	root := app.Home()
	return fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		body, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		a := asset.New(name, body)
		if name == "home.html" {
			a.Cache = "no-cache"
			for _, p := range pagePaths {
				s.handle(anyone, "GET "+p, a.ServeHTTP)
			}
			return nil
		}
		s.handle(anyone, "GET /"+name, a.ServeHTTP)
		return nil
	})
}
