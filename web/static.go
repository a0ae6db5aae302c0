package web

import (
	"io/fs"
	"net/http"
	"path"
	"strings"

	"porchlight/internal/asset"
	"porchlight/web/app"
)

// appPaths are the pages of the TypeScript app; each is the same shell.
var appPaths = []string{
	"GET /desk", "GET /desk/{rest...}", "GET /near", "GET /notices", "GET /r/{id}/share", "GET /clip",
	"GET /enrol", "GET /signin", "GET /verify", "GET /audit", "GET /camera", "GET /camera/mine",
	"GET /pets/new", "GET /pets/mine", "GET /pets/sighting", "GET /pets/{post}/seen",
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
		a := asset.New(name, body)
		a.CSP = csp[name]
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
	shell := asset.New("index.html", body)
	shell.CSP, shell.Cache = app.CSP, "no-cache"
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
