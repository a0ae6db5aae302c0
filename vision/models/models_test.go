package models

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packed is a tarball as npm makes it.
func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: "package/" + name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFetch(t *testing.T) {
	tarball := packed(t, map[string]string{"lamp.onnx": "light", "half-a": "dusk ", "half-b": "dawn", "other": "not wanted"})
	p := &Package{Name: "@town/lamps", Version: "1.2.3", SHA256: sum(tarball)}
	lamp := File{Name: "lamp.onnx", Package: p, Paths: []string{"lamp.onnx"}, SHA256: sum([]byte("light"))}
	both := File{Name: "both.onnx", Package: p, Paths: []string{"half-a", "half-b"}, SHA256: sum([]byte("dusk dawn")),
		convert: func(parts [][]byte) ([]byte, error) { return bytes.Join(parts, nil), nil }}

	asked := 0
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path != "/npm/@town/lamps/-/lamps-1.2.3.tgz" {
			http.NotFound(w, r)
			return
		}
		w.Write(tarball)
	}))
	defer registry.Close()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "town-lamps-1.2.3.tgz"), tarball, 0o600); err != nil {
		t.Fatal(err)
	}

	for name, from := range map[string]Source{"registry": {Registry: registry.URL + "/npm/"}, "folder": {Folder: folder}} {
		t.Run(name, func(t *testing.T) {
			dir, last := filepath.Join(t.TempDir(), "models"), int64(0)
			asked = 0
			err := fetch(t.Context(), dir, []File{lamp, both}, from, func(_ Package, read, of int64) {
				if read < last || of != int64(len(tarball)) {
					t.Errorf("told %d of %d after %d", read, of, last)
				}
				last = read
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := contents(t, dir), "both.onnx=dusk dawn lamp.onnx=light"; got != want {
				t.Errorf("the folder has %q, expected %q", got, want)
			}
			if last != int64(len(tarball)) || asked > 1 {
				t.Errorf("read %d of %d bytes, in %d requests", last, len(tarball), asked)
			}
		})
	}

	stopped, stop := context.WithCancel(t.Context())
	stop()
	closed := httptest.NewServer(nil)
	closed.Close()
	another := *p
	another.SHA256 = sum([]byte("another"))
	newer := *p
	newer.Version = "9.9.9"
	for name, c := range map[string]struct {
		ctx  context.Context
		file File
		from Source
		says string
	}{
		"another tarball":    {t.Context(), File{Name: "x", Package: &another, Paths: []string{"lamp.onnx"}, SHA256: lamp.SHA256}, Source{Folder: folder}, "another package"},
		"another result":     {t.Context(), File{Name: "x", Package: p, Paths: []string{"other"}, SHA256: lamp.SHA256}, Source{Folder: folder}, "expected " + lamp.SHA256},
		"a part is missing":  {t.Context(), File{Name: "x", Package: p, Paths: []string{"none"}}, Source{Folder: folder}, "none is not in it"},
		"no such package":    {t.Context(), File{Name: "x", Package: &newer, Paths: []string{"none"}}, Source{Registry: registry.URL + "/npm"}, "404"},
		"no such file":       {t.Context(), File{Name: "x", Package: &newer, Paths: []string{"none"}}, Source{Folder: folder}, "npm pack @town/lamps@9.9.9"},
		"offline":            {t.Context(), lamp, Source{Registry: closed.URL}, "npm pack @town/lamps@1.2.3"},
		"stopped by the ctx": {stopped, lamp, Source{Registry: registry.URL + "/npm"}, "canceled"},
	} {
		dir := t.TempDir()
		err := fetch(c.ctx, dir, []File{c.file}, c.from, nil)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, expected %q", name, err, c.says)
		}
		if got := contents(t, dir); got != "" {
			t.Errorf("%s: the folder has %q", name, got)
		}
	}
}

// contents lists a folder's files and what they say.
func contents(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e.Name()+"="+string(b))
	}
	return strings.Join(all, " ")
}

func TestOwnFilesComeFirst(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir, Faces); !errors.Is(err, ErrMissing) {
		t.Errorf("an empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, Faces), []byte("tampered with"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(dir, Faces); !errors.Is(err, ErrMissing) {
		t.Errorf("a file of another hash: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "own"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{Faces, "unknown.onnx"} {
		if err := os.WriteFile(filepath.Join(dir, "own", name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := Read(dir, Faces); err != nil || string(data) != "mine" {
		t.Errorf("her own: %q, %v", data, err)
	}
	if own := Own(dir); len(own) != 1 || own[0] != Faces {
		t.Errorf("her own are %v", own)
	}
	for _, f := range Missing(dir) {
		if f.Name == Faces {
			t.Error("what she brought is fetched")
		}
	}
	if _, err := Read(dir, "none.onnx"); err == nil || errors.Is(err, ErrMissing) {
		t.Errorf("a file that no one knows: %v", err)
	}
}

func TestBundled(t *testing.T) {
	got, err := bundled([]byte(`!function(){return t({1:[function(t,e){e.exports={format:"graph-model",a:-.5,b_1:[1e-5,.25,!0,!1,null],"c d":{e:"x\"y{"}}},{}]})}()`))
	if want := `{"format":"graph-model","a":-0.5,"b_1":[1e-5,0.25,true,false,null],"c d":{"e":"x\"y{"}}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; expected %s", got, err, want)
	}
	for _, text := range []string{"", "no model", `{format:"graph-model",a:{`} {
		if _, err := bundled([]byte(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestHalf(t *testing.T) {
	for h, want := range map[uint16]float32{0x3c00: 1, 0xc000: -2, 0x3555: 0.333251953125, 0x0001: 1.0 / (1 << 24), 0x7bff: 65504} {
		if got := half(h); got != want {
			t.Errorf("%#x is %v, expected %v", h, got, want)
		}
	}
}

func FuzzConvert(f *testing.F) {
	f.Add([]byte(`{"modelTopology":{"node":[{"name":"x","op":"Placeholder","attr":{"shape":{"shape":{"dim":[{"size":"-1"}]}}}},`+
		`{"name":"c","op":"Conv2D","input":["x","w"],"attr":{"padding":{"s":"U0FNRQ=="},"strides":{"list":{"i":["1","2","2","1"]}}}},`+
		`{"name":"y","op":"SplitV","input":["c","s","a"]}]},"weightsManifest":[{"weights":[{"name":"w","shape":[1,1,1,2],"dtype":"float32"},`+
		`{"name":"s","shape":[2],"dtype":"int32"},{"name":"a","shape":[],"dtype":"int32"}]}]}`), []byte(strings.Repeat("\x01\x00\x00\x00", 5)))
	f.Fuzz(func(t *testing.T, model, data []byte) {
		if out, err := convertGraph(model, data, "y"); err == nil {
			if _, err := cut(out, "y"); err != nil {
				t.Errorf("what was written cannot be read: %v", err)
			}
		}
	})
}

func FuzzCut(f *testing.F) {
	g := &graph{}
	g.input("x", 1, 3)
	g.node("Relu", "y", []string{"x"})
	g.node("Relu", "z", []string{"y"})
	g.output("z")
	f.Add(g.model(), "y")
	f.Fuzz(func(t *testing.T, model []byte, name string) { cut(model, name) })
}

func FuzzSimplify(f *testing.F) {
	f.Add(Swishing(false))
	f.Add(Swishing(true))
	f.Fuzz(func(t *testing.T, model []byte) {
		if out, err := simplify(model); err == nil {
			if _, err := simplify(out); err != nil {
				t.Errorf("what was written cannot be read: %v", err)
			}
		}
	})
}

func FuzzBundled(f *testing.F) {
	f.Add([]byte(`x={format:"graph-model",a:[.5,!0]}`))
	f.Fuzz(func(t *testing.T, module []byte) {
		bundled(module)
		shard(module)
	})
}
