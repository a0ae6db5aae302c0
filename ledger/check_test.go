package ledger

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func fill(t testing.TB, l *Log, from, to int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := from; i < to; i++ {
		wg.Go(func() {
			e, _ := entry(i)
			if _, err := l.Append(t.Context(), e); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func said(r Report, s Status, what string) *Claim {
	for _, c := range r.Claims {
		if c.Status == s && c.What == what {
			return &c
		}
	}
	return nil
}

func TestWholeLedger(t *testing.T) {
	w := newWorld(t, "porchlight.test/town")
	l := w.open(t)
	v := w.verifier()
	_, empty, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := v.Ledger(t.Context(), FetchFS(os.DirFS(w.Dir)), nil); err != nil {
		t.Fatalf("empty log: %v %+v", err, r)
	}
	fill(t, l, 0, 300)
	_, old, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, l, 300, 700)

	srv := httptest.NewServer(http.StripPrefix("/ledger", l.Handler()))
	defer srv.Close()
	for name, f := range map[string]Fetch{
		"directory": FetchFS(os.DirFS(w.Dir)), "HTTP": FetchURL(srv.Client(), srv.URL+"/ledger/"),
	} {
		for _, older := range [][]byte{empty, old} {
			r, err := v.Ledger(t.Context(), f, older)
			if err != nil || said(r, Proved, "older-checkpoint") == nil || said(r, Proved, "entries").Params["count"] != "700" {
				t.Errorf("%s: %v\n%+v", name, err, r)
			}
		}
	}
	l.Close()

	for _, c := range []struct {
		name, file string
		change     func([]byte) []byte
		what, want string
	}{
		{"an entry", "tile/entries/001", func(b []byte) []byte { return bytes.Replace(b, []byte("theft"), []byte("thefx"), 1) }, "tiles", "tile/0/001: its hash 0 is not that of entry 256."},
		{"an entry's form", "tile/entries/000", func(b []byte) []byte { return bytes.Replace(b, []byte(`"permit":true`), []byte(`"permit": tru`), 1) }, "entries", "tile/entries/000: number 0 of the log: entry: "},
		{"a short bundle", "tile/entries/000", func(b []byte) []byte { return b[:1000] }, "entries", "tile/entries/000: holds 2 entries, want 256"},
		{"a missing bundle", "tile/entries/001", nil, "entries", "tile/entries/001: it is missing"},
		{"a hash", "tile/0/000", func(b []byte) []byte { b[32*7]++; return b }, "tiles", "tile/0/000: its hash 7 is not that of entry 7."},
		{"an upper hash", "tile/1/000.p/2", func(b []byte) []byte { b[32]++; return b }, "tiles", "tile/1/000.p/2: its hash 1 is not that of the entries 256 to 511."},
		{"a missing tile", "tile/0/001", nil, "tiles", "tile/0/001: it is missing"},
		{"a short tile", "tile/0/001", func(b []byte) []byte { return b[:31] }, "tiles", "tile/0/001: 31 bytes, want 8192"},
		{"the checkpoint's size", "checkpoint", func(b []byte) []byte { return bytes.Replace(b, []byte("\n700\n"), []byte("\n699\n"), 1) }, "log-signature", "line 5: the signature"},
		{"the checkpoint's signature", "checkpoint", func(b []byte) []byte {
			if b[len(b)-9] == 'A' {
				b[len(b)-9] = 'B'
			} else {
				b[len(b)-9] = 'A'
			}
			return b
		}, "log-signature", "line 5: the signature"},
		{"an old checkpoint", "checkpoint", func([]byte) []byte { return old }, "older-checkpoint", ""},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(w.Dir)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, c.file)
		if c.change == nil {
			err = os.Remove(path)
		} else if b, rerr := os.ReadFile(path); rerr != nil {
			err = rerr
		} else {
			err = os.WriteFile(path, c.change(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := v.Ledger(t.Context(), FetchFS(os.DirFS(dir)), nil)
		if c.name == "an old checkpoint" { // rolled back: shown only by a newer one
			newer, rerr := os.ReadFile(filepath.Join(w.Dir, "checkpoint"))
			if rerr != nil || err != nil {
				t.Fatal(rerr, err)
			}
			r, err = v.Ledger(t.Context(), FetchFS(os.DirFS(dir)), newer)
		}
		claim := said(r, Refused, c.what)
		if !errors.Is(err, ErrRefused) || claim == nil || !strings.Contains(claim.Detail, c.want) {
			t.Errorf("%s: %v\n%+v", c.name, err, r)
		}
	}

	// Another history of the same log, correctly signed.
	other := world{Options{Dir: t.TempDir(), Signer: w.Signer, LogKey: w.LogKey}, w.skey}
	ol := other.open(t)
	fill(t, ol, 1000, 1400)
	if r, err := v.Ledger(t.Context(), FetchFS(os.DirFS(other.Dir)), old); said(r, Refused, "older-checkpoint") == nil {
		t.Errorf("a second history: %v %+v", err, r)
	}
}

func TestHandler(t *testing.T) {
	w := newWorld(t, "porchlight.test/town")
	l := w.open(t)
	fill(t, l, 0, 260)
	srv := httptest.NewServer(l.Handler())
	defer srv.Close()
	for path, want := range map[string]string{
		"/checkpoint":                   "text/plain; charset=utf-8",
		"/tile/0/000":                   "application/octet-stream",
		"/tile/entries/000":             "application/octet-stream",
		"/tile/entries/001.p/4":         "application/octet-stream",
		"/tile/1/000.p/1":               "application/octet-stream",
		"/":                             "",
		"/.state/treeState":             "",
		"/tile/../.state/version":       "",
		"/tile/0/001":                   "",
		"/tile/entries/001.p/5":         "",
		"/tile/0/0":                     "",
		"/tile/00/000":                  "",
		"/tile/0/000.p":                 "",
		"/tile/0/x000/000":              "",
		"/tile/0/999999999999999999999": "",
		"/tile/60/000":                  "",
	} {
		resp, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if ok := resp.StatusCode == http.StatusOK; ok != (want != "") || ok && resp.Header.Get("Content-Type") != want {
			t.Errorf("%s: %s, %s", path, resp.Status, resp.Header.Get("Content-Type"))
		}
		cache := resp.Header.Get("Cache-Control")
		if strings.HasPrefix(path, "/tile") && want != "" && !strings.Contains(cache, "immutable") || path == "/checkpoint" && cache != "no-cache" {
			t.Errorf("%s: Cache-Control %q", path, cache)
		}
	}
	// What is integrated but not published is not shown.
	if tilePublished("tile/entries/001.p/4", 259) || !tilePublished("tile/entries/001.p/4", 260) {
		t.Error("tilePublished")
	}
	resp, err := srv.Client().Post(srv.URL+"/checkpoint", "", nil)
	if err != nil || resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v %v", resp, err)
	}
}

func TestFetch(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/a/gone" {
			w.WriteHeader(http.StatusGone)
			return
		}
		http.Error(w, "no", http.StatusTeapot)
	}))
	defer srv.Close()
	f := FetchURL(srv.Client(), srv.URL+"/a")
	if _, err := f(t.Context(), "gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := f(t.Context(), "x"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func FuzzTilePath(f *testing.F) {
	for _, s := range []string{"tile/0/000", "tile/entries/x001/234.p/5", "tile/0/000.p", "checkpoint", "tile/7/000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if tilePublished(path, 1<<40) && (strings.Contains(path, "..") || strings.HasPrefix(path, "/") || !fs.ValidPath(path)) {
			t.Fatalf("%q would be opened", path)
		}
	})
}
