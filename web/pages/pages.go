// Package pages draws the exchange's public pages: no account, no JavaScript,
// nothing inline. A page is a View and the template of the same name; the words
// come from web/messages, the look from static/porchlight.css, which the app
// shares.
package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"porchlight/web/i18n"
)

//go:embed *.html
var templates embed.FS

//go:embed static
var static embed.FS

// Static is what the pages load, to be served under /static/.
func Static() fs.FS {
	sub, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // "static" is a valid path
	}
	return sub
}

// Site is the exchange whose pages these are.
type Site struct {
	Name string         // e.g. "Maple Falls"
	Zone *time.Location // in which times are written

	pages map[i18n.Lang]map[string]*template.Template
}

// New parses the templates, once for each language. Zone nil means UTC.
func New(name string, zone *time.Location) (*Site, error) {
	if zone == nil {
		zone = time.UTC
	}
	s := &Site{Name: name, Zone: zone, pages: map[i18n.Lang]map[string]*template.Template{}}
	names, err := fs.Glob(templates, "*.html")
	if err != nil {
		return nil, err
	}
	for _, l := range i18n.Languages {
		layout, err := template.New("").Funcs(s.funcs(l)).ParseFS(templates, "layout.html", "parts.html")
		if err != nil {
			return nil, err
		}
		s.pages[l] = map[string]*template.Template{}
		for _, file := range names {
			if file == "layout.html" || file == "parts.html" {
				continue
			}
			page, err := template.Must(layout.Clone()).ParseFS(templates, file)
			if err != nil {
				return nil, err
			}
			s.pages[l][strings.TrimSuffix(file, ".html")] = page
		}
	}
	return s, nil
}

// page is what a template sees: .V is the view.
type page struct {
	*Site
	Lang  i18n.Lang
	Theme string // light or dark; empty as the device has it
	Path  string // where the preferences form comes back to
	Nav   string // the view's template, for the menu
	V     View
}

// Render writes the page of v with the status, in the visitor's language.
func (s *Site) Render(w http.ResponseWriter, r *http.Request, status int, v View) error {
	p := page{Site: s, Lang: i18n.FromRequest(r), Path: r.URL.RequestURI(), Nav: v.template(), V: v}
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		p.Theme = c.Value
	}
	t, ok := s.pages[p.Lang][v.template()]
	if !ok {
		return fmt.Errorf("page %s has no template", v.template())
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", p); err != nil {
		return fmt.Errorf("page %s: %w", v.template(), err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(p.Lang))
	h.Set("Cache-Control", "private, no-cache")
	h.Add("Vary", "Cookie, Accept-Language")
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}

// Preferences keeps the language and theme of the forms at the foot of each
// page in cookies and sends the visitor back: POST lang or theme, and back.
func Preferences(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "unreadable form", http.StatusBadRequest)
		return
	}
	keep := func(name, value string) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode})
	}
	if l, ok := i18n.Parse(r.PostForm.Get("lang")); ok {
		keep("lang", string(l))
	}
	switch t := r.PostForm.Get("theme"); t {
	case "auto", "light", "dark":
		keep("theme", t)
	}
	back, err := localPath(r.PostForm.Get("back"))
	if err != nil {
		back = "/"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// localPath returns s when it is a path on this site, without its ?lang=, which
// would win over the cookie.
func localPath(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil {
		return "", err
	}
	if u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.ContainsRune(u.Path, '\\') {
		return "", errors.New("not a path of this site")
	}
	q := u.Query()
	q.Del("lang")
	return (&url.URL{Path: u.Path, RawQuery: q.Encode()}).String(), nil
}

// funcs are the words a template has, in one language.
func (s *Site) funcs(l i18n.Lang) template.FuncMap {
	in := func(t time.Time) time.Time { return t.In(s.Zone) }
	return template.FuncMap{
		"t":      l.T,
		"plural": l.Plural,
		"int": func(n any) (string, error) {
			switch n := n.(type) {
			case int:
				return l.Int(n), nil
			case uint64:
				return l.Int(int(n)), nil
			}
			return "", fmt.Errorf("int of %T", n)
		},
		"decimal": func(x float64) string { return l.Decimal(x, 3) },
		"date":    func(t time.Time) string { return l.Date(in(t)) },
		"time":    func(t time.Time) string { return l.Time(in(t)) },
		"window":  func(from, to time.Time) string { return l.Window(from, to) }, // in the request's zone
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"month":   func(t time.Time) string { return strings.Fields(l.T("date.months"))[t.Month()-1] },
		"word": func(area, word string) string { // of a closed list: a status, a role
			if key := area + "." + word; l.Has(key) {
				return l.T(key)
			}
			return word
		},
		"say": func(plain map[string]string) string {
			if text, ok := plain[string(l)]; ok {
				return text
			}
			return plain["en"]
		},
		"languages": func() []i18n.Lang { return i18n.Languages },
		"themes":    func() []string { return []string{"auto", "light", "dark"} },
		"asset":     asset,
		"charts":    func(months []Month) []chart { return charts(l, months) },
		"bar":       bar,
		"arr":       func(list ...any) []any { return list },
		"names": func(list []string) string {
			if len(list) == 0 {
				return l.T("sharing.nobody-here")
			}
			return strings.Join(list, ", ")
		},
		"most":   most,
		"around": func(name string, sees, seen []string) template.HTML { return around(l, name, sees, seen) },
	}
}

// asset is the address of a file in static, changing with its content.
func asset(name string) (string, error) {
	body, err := fs.ReadFile(static, "static/"+name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	return "/static/" + name + "?v=" + hex.EncodeToString(sum[:4]), nil
}
