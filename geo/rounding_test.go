package geo

import "testing"

func TestRounding(t *testing.T) {
	home, err := NewPoint(-89.6470123, 39.7510789)
	if err != nil {
		t.Fatal(err)
	}
	for r, want := range map[Rounding]Point{
		Exact: home, Hundred: {-896470000, 397510000}, Half: {-896450000, 397500000},
	} {
		got := r.Of(home)
		if got != want || r.Of(got) != got || !r.Keeps(got) {
			t.Errorf("%s: %v, want %v", r, got, want)
		}
	}
	if Half.Keeps(home) || Rounding("10m").Keeps(home) || Rounding("").Keeps(Point{}) {
		t.Error("a place off the grid, or a grid nobody knows, is kept")
	}
}

// Rounding moves a place by half a step at most, and only once.
func FuzzRounding(f *testing.F) {
	f.Add(int32(-896470123), int32(397510789))
	f.Add(int32(1800000000), int32(-850000000))
	f.Fuzz(func(t *testing.T, lon, lat int32) {
		if lon < -180e7 || lon > 180e7 || lat < -85e7 || lat > 85e7 {
			t.Skip()
		}
		p := Point{lon, lat}
		for _, r := range Roundings() {
			q := r.Of(p)
			if dx, dy := int64(q.Lon)-int64(lon), int64(q.Lat)-int64(lat); 2*max(dx, -dx, dy, -dy) > r.step() || !r.Keeps(q) {
				t.Errorf("%s of %v is %v", r, p, q)
			}
		}
	})
}
