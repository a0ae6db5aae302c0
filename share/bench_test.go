package share

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// endless gives n bytes that begin as an age file does; making them costs nothing.
type endless struct {
	head []byte
	n    int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.head)
	e.head = e.head[n:]
	n = int(min(max(int64(n), int64(len(p))), e.n))
	e.n -= int64(n)
	return n, nil
}

const benchSize = 300 + 8192*(64<<10+16) // half a gibibyte of an age file, about

// BenchmarkLocal is the limit of this machine: read, SHA-256, write, fsync.
func BenchmarkLocal(b *testing.B) {
	b.SetBytes(benchSize)
	head, _, _ := sealed(b, 0)
	for b.Loop() {
		f, err := os.Create(filepath.Join(b.TempDir(), "x"))
		if err != nil {
			b.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.CopyBuffer(io.MultiWriter(f, sum), struct{ io.Reader }{&endless{head, benchSize}}, make([]byte, 1<<20)); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		f.Close()
		os.Remove(f.Name())
	}
}

// BenchmarkIntake sends as much over HTTP, one stream, one piece.
func BenchmarkIntake(b *testing.B) {
	w := newWorld(b, Limits{})
	b.SetBytes(benchSize)
	head, _, _ := sealed(b, 0)
	client := http.Client{Transport: &http.Transport{WriteBufferSize: 1 << 20}}
	for b.Loop() {
		loc := w.create(benchSize)
		req, err := http.NewRequest("PATCH", w.http.URL+loc, &endless{head, benchSize})
		if err != nil {
			b.Fatal(err)
		}
		req.ContentLength = benchSize
		req.Header = http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Token": {w.token}, "Upload-Offset": {"0"}, "Content-Type": {offsetType}}
		res, err := client.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 204 {
			b.Fatal(fmt.Sprint("status ", res.StatusCode))
		}
		w.do(204, "DELETE", loc, nil, nil)
	}
}
