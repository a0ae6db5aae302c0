package demo

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/golang/geo/s2"
)

func TestTown(t *testing.T) {
	a, b := town(), Make(7)
	if !reflect.DeepEqual(a.GeoJSON(), b.GeoJSON()) {
		t.Fatal("the same seed made two towns")
	}
	if n := len(a.Houses); n < 400 || n > 1500 {
		t.Errorf("%d houses", n)
	}
	addresses := map[string]bool{}
	cells := map[s2.CellID]bool{}
	for _, h := range a.Houses {
		if addresses[h.Address()] {
			t.Errorf("two houses at %s", h.Address())
		}
		addresses[h.Address()] = true
		cells[s2.CellIDFromLatLng(s2.LatLngFromDegrees(h.Door[1], h.Door[0])).Parent(10)] = true
	}
	if len(cells) != 1 {
		t.Errorf("the town lies in %d coarse cells", len(cells))
	}
	cameras := 0
	for _, r := range a.Residents {
		cameras += len(r.Cameras)
	}
	if cameras < 60 {
		t.Errorf("%d cameras", cameras)
	}
	total, packed := 0, 0
	for name, file := range a.GeoJSON() {
		if !json.Valid(file) {
			t.Errorf("%s is not JSON", name)
		}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(file)
		w.Close()
		total, packed = total+len(file), packed+z.Len()
	}
	t.Logf("%d houses, %d cameras, map %d kB, %d kB gzip", len(a.Houses), cameras, total/1000, packed/1000)
	if total > 700_000 {
		t.Errorf("the map is %d bytes", total)
	}
}
