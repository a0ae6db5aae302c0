package ort_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"porchlight/vision/models"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/ort"
)

func open(t *testing.T) *ort.Library {
	t.Helper()
	lib, err := ort.Open(filepath.Join(modelstest.Dir(t), models.Runtime))
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// message is a protobuf message of alternating field numbers and values.
func message(fields ...any) (m []byte) {
	for i := 0; i < len(fields); i += 2 {
		n := protowire.Number(fields[i].(int))
		switch v := fields[i+1].(type) {
		case int:
			m = protowire.AppendVarint(protowire.AppendTag(m, n, protowire.VarintType), uint64(v))
		case string:
			m = protowire.AppendString(protowire.AppendTag(m, n, protowire.BytesType), v)
		case []byte:
			m = protowire.AppendBytes(protowire.AppendTag(m, n, protowire.BytesType), v)
		}
	}
	return m
}

// port is a ValueInfoProto of the shape [n, 3]: any n.
func port(name string, kind int) []byte {
	shape := message(1, message(2, "n"), 1, message(1, 3))
	return message(1, name, 2, message(1, message(1, kind, 2, shape)))
}

// twice is a model that doubles floats and hands integers through.
func twice() []byte {
	graph := message(
		1, message(1, "f", 1, "f", 2, "g", 4, "Add"),
		1, message(1, "i", 2, "j", 4, "Identity"),
		2, "twice",
		11, port("f", 1), 11, port("i", 7), 12, port("g", 1), 12, port("j", 7))
	return message(1, 8, 7, graph, 8, message(2, 13))
}

func TestRun(t *testing.T) {
	s, err := open(t).Session(twice())
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Inputs[0]; got.Name != "f" || got.Type != ort.Float32 || !slices.Equal(got.Shape, []int64{-1, 3}) {
		t.Fatalf("first input %+v", got)
	}
	if got := s.Outputs[1]; got.Name != "j" || got.Type != ort.Int64 {
		t.Fatalf("second output %+v", got)
	}
	var all sync.WaitGroup
	for n := range int64(8) {
		all.Go(func() {
			rows := n + 1
			f, i := make([]float32, 3*rows), make([]int64, 3*rows)
			for k := range f {
				f[k], i[k] = float32(k)+float32(n)/8, n<<40+int64(k)
			}
			for range 50 {
				out, err := s.Run(ort.Floats(f, rows, 3), ort.Ints(i, rows, 3))
				if err != nil {
					t.Error(err)
					return
				}
				if !slices.Equal(out[0].Shape, []int64{rows, 3}) || !slices.Equal(out[1].Int, i) {
					t.Errorf("%d rows: %v", rows, out)
				}
				for k := range f {
					if out[0].Float[k] != 2*f[k] {
						t.Fatalf("%d rows: twice %v is not %v", rows, f[k], out[0].Float[k])
					}
				}
			}
		})
	}
	all.Wait()

	for name, in := range map[string][]ort.Tensor{
		"too few inputs":  {ort.Floats(make([]float32, 3), 1, 3)},
		"another type":    {ort.Ints(make([]int64, 3), 1, 3), ort.Ints(make([]int64, 3), 1, 3)},
		"another shape":   {ort.Floats(make([]float32, 4), 1, 4), ort.Ints(make([]int64, 3), 1, 3)},
		"too few numbers": {ort.Floats(make([]float32, 2), 1, 3), ort.Ints(make([]int64, 3), 1, 3)},
		"nothing":         {ort.Floats(nil, 0, 3), ort.Ints(make([]int64, 3), 1, 3)},
	} {
		if _, err := s.Run(in...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}

	s.Close()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Run(ort.Floats(make([]float32, 3), 1, 3), ort.Ints(make([]int64, 3), 1, 3)); !errors.Is(err, ort.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestErrorsTell(t *testing.T) {
	lib := open(t)
	if _, err := lib.Session([]byte("no model")); err == nil || !strings.Contains(err.Error(), "protobuf") {
		t.Errorf("no model: %v", err)
	}
	if _, err := lib.Session(nil); err == nil {
		t.Error("an empty model was taken")
	}
	none := filepath.Join(t.TempDir(), "none.so")
	if _, err := ort.Open(none); err == nil || !strings.Contains(err.Error(), "none.so") {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(none, []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ort.Open(none); err == nil {
		t.Error("a text was loaded as a library")
	}
}
