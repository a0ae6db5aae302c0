package reads

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"porchlight/plate"
)

// TestPlateSet compares every way of looking plates up with trying each.
func TestPlateSet(t *testing.T) {
	w := newWorld(rand.Uint64())
	var set plateSet
	var all []plate.Packed
	for len(all) < 3*worthPairs {
		some := make([]plate.Packed, 1+w.IntN(3*freshest))
		for i := range some {
			b := make([]byte, 1+w.IntN(plate.MaxText))
			for k := range b {
				b[k] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[w.IntN(36)]
			}
			some[i] = plate.Pack(plate.Text(b))
		}
		all = append(all, some...)
		set.add(some)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	try := func(s string) {
		t.Helper()
		p, err := plate.ParsePattern(s)
		if err != nil {
			return
		}
		forms := p.Forms()
		got, want := set.find(forms), []plate.Packed(nil)
		for _, x := range all {
			if fitsAny(forms, x) {
				want = append(want, x)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %d plates, not %d", s, len(got), len(want))
		}
		if text, ok := p.Exact(); ok && set.has(plate.Pack(text)) != (len(want) > 0) {
			t.Fatalf("%s: has is wrong", s)
		}
	}
	for range 2 {
		for range 150 {
			b := []byte(pick(w, all...).Text())
			for n := w.IntN(3); n > 0; n-- {
				i := w.IntN(len(b))
				b = append(b[:i], append([]byte{"?*"[w.IntN(2)]}, b[min(len(b), i+1+w.IntN(3)):]...)...)
			}
			try(string(b) + []string{"", "~"}[w.IntN(2)])
		}
		for _, s := range []string{"*AB*", "A*B", "*A?B*", "??AB*", "*ZZ", "ZZ*", "*A*B*~", "?A?B*"} {
			try(s)
		}
		if got := set.all(); !slices.Equal(got, all) {
			t.Fatal("all is not all")
		}
	}
	if got, err := decode(encode(all)); err != nil || !slices.Equal(got, all) {
		t.Errorf("saved and read again: %v", err)
	}
}

func FuzzDecodePlates(f *testing.F) {
	f.Add(encode([]plate.Packed{1, 5, 1 << 63}))
	f.Fuzz(func(t *testing.T, b []byte) {
		plates, err := decode(b)
		if err == nil && !slices.IsSorted(plates) {
			t.Error("not sorted")
		}
	})
}

func FuzzBody(f *testing.F) {
	n := newNames()
	n.number([]source{{"IL0160000", "camera"}}, []string{"car", "red"})
	for _, r := range newWorld(1).reads(5) {
		r.Owner, r.Camera = "IL0160000", "camera"
		f.Add(n.row(&r).body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := n.read(row{id: 5 << seqBits, plate: plate.Pack("AB1"), source: 1, body: body})
		if err != nil || valid(&r) != nil {
			return
		}
		w := n.row(&r)
		again, err := n.read(row{id: 5 << seqBits, plate: w.plate, source: 1, body: w.body})
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%+v became %+v: %v", r, again, err)
		}
	})
}

func FuzzJournal(f *testing.F) {
	n := newNames()
	reads := newWorld(2).reads(20)
	var sources []source
	for i := range reads {
		sources = append(sources, source{reads[i].Owner, reads[i].Camera})
	}
	n.number(sources, []string{"US-IL", "US-NH", "NL", "car", "suv", "toyota", "ford", "red", "white"})
	var rows []row
	for i := range reads {
		rows = append(rows, n.row(&reads[i]))
	}
	whole := newTail(1).record(n, rows)
	f.Add(whole, len(whole))
	f.Add(append(bytes.Clone(whole), whole...), 17)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		if cut >= 0 && cut < len(b) {
			b = b[:cut]
		}
		again := newTail(1)
		if err := again.replay(newNames(), b); err != nil {
			return
		}
		for _, r := range again.rows {
			if _, err := placeOf(r.body); err != nil {
				t.Error(err)
			}
		}
	})
}
