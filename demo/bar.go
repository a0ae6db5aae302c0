package demo

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"porchlight/internal/softkey"
	"porchlight/web/i18n"
)

// A Player is a demo person with a passkey in software. Whoever opens the demo
// may play her; that is the point of it, and why `serve` has no path to this.
type Player struct {
	ID     string // in the bar's forms
	Name   string
	Roles  []string // as in web/messages, people.role.*; none for one the visitor enrolled
	Agency string   // its name, empty for the exchange's own people
	Key    *softkey.Key
}

// A Bar puts the demo's marks and software passkeys before an exchange.
type Bar struct {
	Next http.Handler // the exchange
	URL  string       // its base URL, the passkeys' origin
	Page func() Page  // what /demo/ shows
	// Enter is where a visitor goes who plays the household of Page.Home; an error
	// while its house is not open. Needed where there is one.
	Enter func(*http.Request) (string, error)
	// Save keeps everybody's keys, after each use: a key whose counter went back
	// with a restart would be refused as a copy. Nil keeps nothing.
	Save func([]*Player) error

	mu      sync.Mutex
	players []*Player
}

// Page is what the demo's own page tells a visitor.
type Page struct {
	Town    string
	Playing bool // the story is still being played
	Home    *Home
	Clips   []Clip
	Answers []Follow
	Refused []Refusal
}

// A Home is a household that runs porchlight home.
type Home struct {
	Resident, Address string
}

// A Follow is a resident's link to what became of what she sent.
type Follow struct {
	Resident string `json:"resident"`
	Address  string `json:"address"`
	What     string `json:"what,omitempty"` // pet or camera; "" clips
	Link     string `json:"link"`           // path and fragment
}

// A Refusal is a request of the story that was refused.
type Refusal struct {
	Agency string `json:"agency"`
	What   string `json:"what"`
	Plain  string `json:"plain"` // the rule
	Entry  uint64 `json:"entry"`
}

//go:embed static
var static embed.FS

// Add seats players; one with the same ID is replaced.
func (b *Bar) Add(players ...*Player) error {
	b.mu.Lock()
	for _, p := range players {
		b.players = slices.DeleteFunc(b.players, func(o *Player) bool { return o.ID == p.ID })
		b.players = append(b.players, p)
	}
	b.mu.Unlock()
	return b.keep()
}

func (b *Bar) keep() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Save == nil {
		return nil
	}
	return b.Save(b.players)
}

func (b *Bar) cast() []*Player {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.players)
}

func (b *Bar) player(id string) *Player {
	for _, p := range b.cast() {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// Handler serves /demo/ and marks every HTML page of the exchange.
func (b *Bar) Handler() http.Handler {
	mux := http.NewServeMux()
	files := http.StripPrefix("/demo/", http.FileServerFS(sub()))
	mux.Handle("GET /demo/bar.js", files)
	mux.Handle("GET /demo/bar.css", files)
	mux.HandleFunc("GET /demo/{$}", b.page)
	mux.HandleFunc("GET /demo/clips/{file}", b.clip)
	mux.HandleFunc("GET /demo/house", b.house)
	mux.HandleFunc("POST /demo/enter", b.enter)
	mux.HandleFunc("POST /demo/get", b.get)
	mux.HandleFunc("POST /demo/create", b.create)
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/demo/") {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			guarded.ServeHTTP(w, r)
			return
		}
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			r = r.Clone(r.Context())
			r.Header.Del("If-None-Match") // the page without the bar may be what it has
		}
		m := &marker{ResponseWriter: w, bar: func() []byte { return b.html(r) }}
		b.Next.ServeHTTP(m, r)
		m.finish()
	})
}

// marker holds an HTML answer back to write the bar into it; others pass.
type marker struct {
	http.ResponseWriter
	bar    func() []byte
	status int
	html   bool
	body   bytes.Buffer
}

func (m *marker) WriteHeader(status int) {
	if m.status != 0 {
		return
	}
	m.status = status
	if m.html = strings.HasPrefix(m.Header().Get("Content-Type"), "text/html"); !m.html {
		m.ResponseWriter.WriteHeader(status)
	}
}

func (m *marker) Write(p []byte) (int, error) {
	if m.status == 0 {
		m.WriteHeader(http.StatusOK)
	}
	if m.html {
		return m.body.Write(p)
	}
	return m.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (m *marker) Unwrap() http.ResponseWriter { return m.ResponseWriter }

func (m *marker) finish() {
	if !m.html {
		return
	}
	page := m.body.Bytes()
	if m.Header().Get("Content-Encoding") == "gzip" {
		if z, err := gzip.NewReader(&m.body); err == nil {
			if plain, err := io.ReadAll(z); err == nil {
				page = plain
				m.Header().Del("Content-Encoding")
			}
		}
	}
	const head = `<link rel="stylesheet" href="/demo/bar.css"><script src="/demo/bar.js"></script>`
	page = bytes.Replace(page, []byte("<head>"), []byte("<head>"+head), 1)
	page = bytes.Replace(page, []byte("<body>"), append([]byte("<body>"), m.bar()...), 1)
	m.Header().Del("ETag")
	m.Header().Set("Cache-Control", "no-store")
	m.Header().Set("Content-Length", strconv.Itoa(len(page)))
	m.ResponseWriter.WriteHeader(m.status)
	m.ResponseWriter.Write(page)
}

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"t": func(l i18n.Lang, key string, pairs ...any) string { return l.T(key, pairs...) },
}).ParseFS(static, "static/*.html"))

// html is the bar in the visitor's language, with who is signed in.
func (b *Bar) html(r *http.Request) []byte {
	type group struct {
		Agency  string
		Players []*Player
	}
	v := struct {
		Lang   i18n.Lang
		Now    string
		Home   *Home
		Groups []group
		Clips  []Clip
	}{Lang: i18n.FromRequest(r), Now: b.signedIn(r)}
	for _, p := range b.cast() {
		i := slices.IndexFunc(v.Groups, func(g group) bool { return g.Agency == p.Agency })
		if i < 0 {
			i = len(v.Groups)
			v.Groups = append(v.Groups, group{Agency: p.Agency})
		}
		v.Groups[i].Players = append(v.Groups[i].Players, p)
	}
	p := b.Page()
	v.Home, v.Clips = p.Home, p.Clips
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, "bar.html", v); err != nil {
		return []byte("<!-- " + template.HTMLEscapeString(err.Error()) + " -->")
	}
	return out.Bytes()
}

// signedIn is the name of whoever the exchange says is signed in.
func (b *Bar) signedIn(r *http.Request) string {
	var me struct{ Person *struct{ Name string } }
	a := b.ask(r, http.MethodGet, "/api/v1/me", nil)
	if a.status != http.StatusOK || json.Unmarshal(a.body.Bytes(), &me) != nil || me.Person == nil {
		return ""
	}
	return me.Person.Name
}

// answer is a response of the exchange kept in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { a.WriteHeader(http.StatusOK); return a.body.Write(p) }
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// ask puts a request to the exchange with the visitor's cookies.
func (b *Bar) ask(r *http.Request, method, path string, body any) *answer {
	a := &answer{header: http.Header{}}
	text, err := json.Marshal(body)
	if err != nil {
		a.status = http.StatusInternalServerError
		return a
	}
	req, err := http.NewRequestWithContext(r.Context(), method, b.URL+path, bytes.NewReader(text))
	if err != nil {
		a.status = http.StatusInternalServerError
		return a
	}
	req.Header.Set("Content-Type", "application/json")
	for _, c := range r.Cookies() {
		req.AddCookie(c)
	}
	req.RequestURI, req.RemoteAddr = req.URL.RequestURI(), r.RemoteAddr
	b.Next.ServeHTTP(a, req)
	return a
}

// enter signs a player in, the way her browser would: the exchange's challenge,
// her passkey's answer, the exchange's check. Without a player it signs out, and
// the visitor is a resident again.
func (b *Bar) enter(w http.ResponseWriter, r *http.Request) {
	pass := func(a *answer, to string) {
		for _, c := range a.header.Values("Set-Cookie") {
			w.Header().Add("Set-Cookie", c)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
	id := r.PostFormValue("player")
	if id == "" {
		pass(b.ask(r, http.MethodPost, "/api/v1/signout", nil), "/requests")
		return
	}
	p := b.player(id)
	if p == nil {
		http.Error(w, "nobody of that name plays here", http.StatusNotFound)
		return
	}
	var begun struct{ Options json.RawMessage }
	a := b.ask(r, http.MethodPost, "/api/v1/signin/begin", struct{}{})
	if a.status == http.StatusOK {
		if err := json.Unmarshal(a.body.Bytes(), &begun); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		got, err := p.Key.Get(begun.Options, b.URL)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		public, _, err := softkey.Split(got)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		a = b.ask(r, http.MethodPost, "/api/v1/signin", map[string]any{"response": json.RawMessage(public)})
	}
	if a.status != http.StatusOK {
		http.Error(w, fmt.Sprintf("signing in %s: %s", p.Name, a.body.String()), a.status)
		return
	}
	if err := b.keep(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	pass(a, "/desk")
}

// get answers navigator.credentials.get in a page: the player named, or the one
// who holds a credential that is allowed.
func (b *Bar) get(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Player  string
		Options json.RawMessage
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, p := range b.cast() {
		if in.Player != "" && in.Player != p.ID {
			continue
		}
		got, err := p.Key.Get(in.Options, b.URL)
		if err != nil {
			continue // not hers
		}
		if err := b.keep(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(got)
		return
	}
	http.Error(w, "no passkey of this town fits", http.StatusNotFound)
}

// create answers navigator.credentials.create: a new key for whoever enrols.
func (b *Bar) create(w http.ResponseWriter, r *http.Request) {
	var in struct{ Options json.RawMessage }
	var o struct {
		User struct{ Name, DisplayName string }
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	key := softkey.New()
	made, err := key.Create(in.Options, b.URL)
	if err == nil {
		err = json.Unmarshal(in.Options, &o)
	}
	if err == nil {
		name := o.User.DisplayName
		if name == "" {
			name = o.User.Name
		}
		err = b.Add(&Player{ID: fmt.Sprintf("visitor-%d", len(b.cast())+1), Name: name, Key: key})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(made)
}

// clip serves a video of the town or its still, for a visitor who plays a resident.
func (b *Bar) clip(w http.ResponseWriter, r *http.Request) {
	for _, c := range b.Page().Clips {
		if name := r.PathValue("file"); name == c.File() || name == c.File()+".jpg" {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
			http.ServeFile(w, r, filepath.Join(filepath.Dir(c.Path), name))
			return
		}
	}
	http.NotFound(w, r)
}

// house leads into the household's house, on its own port. Each visit shows a
// pairing code that works once, for who follows a link of the demo's own pages.
func (b *Bar) house(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" || b.Page().Home == nil {
		http.NotFound(w, r)
		return
	}
	to, err := b.Enter(r)
	if err == nil {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	w.Header().Set("Refresh", "2")
	b.show(w, r, "wait.html", http.StatusServiceUnavailable)
}

// page is the demo's own page.
func (b *Bar) page(w http.ResponseWriter, r *http.Request) { b.show(w, r, "page.html", http.StatusOK) }

// show answers with a page of the demo's own.
func (b *Bar) show(w http.ResponseWriter, r *http.Request, page string, status int) {
	v := struct {
		Page
		Lang i18n.Lang
		Bar  template.HTML
	}{b.Page(), i18n.FromRequest(r), template.HTML(b.html(r))}
	var out bytes.Buffer
	if err := pages.ExecuteTemplate(&out, page, v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	w.Write(out.Bytes())
}

func sub() fs.FS {
	f, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // "static" is a valid path
	}
	return f
}
