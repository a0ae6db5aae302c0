package demo

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// noon of a Wednesday in the town.
func noon(t *testing.T) time.Time {
	zone, err := time.LoadLocation(chicago)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(2026, 11, 18, 12, 0, 0, 0, zone)
}

func TestTraffic(t *testing.T) {
	now := noon(t)
	all := town().traffic(now, 4)
	if !reflect.DeepEqual(all, town().traffic(now, 4)) {
		t.Fatal("the same seed made two days")
	}
	if len(all) < 3000 || len(all) > 20_000 {
		t.Errorf("%d passings", len(all))
	}
	spots := town().Spots()
	by := make([]int, len(spots))
	for i, p := range all {
		by[p.spot]++
		if !strings.HasPrefix(p.plate, "DEMO ") || len(p.plate) != len("DEMO 12345") {
			t.Fatalf("a plate that could be somebody's: %s", p.plate)
		}
		if p.at.After(now) || i > 0 && p.at.Before(all[i-1].at) {
			t.Fatalf("passing %d at %s", i, p.at)
		}
	}
	for i, n := range by {
		if n < 20 {
			t.Errorf("%s saw %d", spots[i].Name, n)
		}
	}
	t.Logf("%d passings in four days and a half: %v", len(all), by)
}

// A trip goes by the cameras between its ends, in order and at a car's speed.
func TestTrip(t *testing.T) {
	spots := town().Spots()
	got := trip(spots, sought(0), onRoad{false, 300}, onRoad{true, stateLine + 1500}, noon(t))
	var names []string
	for _, p := range got {
		names = append(names, spots[p.spot].Name)
	}
	want := []string{"Main St / Jefferson Ave", "Prairie Ave / Bluestem Dr", "Prairie Ave / County Rd 900 E", "State Line Rd, from Illinois", "State Line Rd / Court St"}
	if !reflect.DeepEqual(names, want) {
		t.Fatalf("%q", names)
	}
	if got[0].heading != 180 || got[1].heading != 90 {
		t.Errorf("headings %d and %d", got[0].heading, got[1].heading)
	}
	if d := got[3].at.Sub(noon(t)); d < 40*time.Minute || d > 50*time.Minute {
		t.Errorf("66 km took %s", d)
	}
}

func TestRear(t *testing.T) {
	spots := town().Spots()
	p := trip(spots, sought(0), onRoad{true, 300}, onRoad{true, -1000}, noon(t))[0]
	for _, p.dark = range []bool{false, true} {
		p.dress(map[bool]string{false: "car", true: "van"}[p.dark], "red")
		b, err := p.picture(spots[p.spot]).JPEG()
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil || img.Bounds().Dx() != 800 || len(b) > 120_000 {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		// The plate is the brightest thing at night, and there are dark figures on it.
		bright, dark := 0, 0
		for x := img.Bounds().Dx()/2 - 60; x < img.Bounds().Dx()/2+60; x++ {
			for y := 230; y < 310; y++ {
				switch r, _, _, _ := img.At(x, y).RGBA(); {
				case r > 0xd000:
					bright++
				case r < 0x6000:
					dark++
				}
			}
		}
		if bright < 3000 || dark < 200 {
			t.Errorf("dark %v: %d bright and %d dark pixels where the plate is", p.dark, bright, dark)
		}
		if dir := os.Getenv("PORCHLIGHT_SHOTS"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("rear-%s.jpg", p.Type)), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
