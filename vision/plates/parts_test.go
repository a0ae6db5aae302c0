package plates

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"porchlight/vision"
	"porchlight/vision/nets"
)

// said is odds along a crop that say text, with a step of none after each
// character; sure is the probability of what is said.
func said(text string, sure float64) odds {
	o := make(odds, 26*classes)
	for step := range 26 {
		c := 0
		if step%2 == 1 && step/2 < len(text) {
			c = class(text[step/2])
		}
		for k := range classes {
			p := (1 - sure) / float64(classes-1)
			if k == c {
				p = sure
			}
			o[step*classes+k] = float32(math.Log(p))
		}
	}
	return o
}

func TestOddsOfTexts(t *testing.T) {
	o := said("AAB10", 0.97)
	if best := o.best(8); len(best) == 0 || best[0] != "AAB10" {
		t.Fatalf("AAB10 is best read as %v", best)
	}
	// The likeliest texts by beam search are so by the whole sum over paths too.
	p := o.of("AAB10")
	for _, other := range []string{"AB10", "AAB1", "AAB100", "", "AABI0"} {
		if q := o.of(other); q >= p {
			t.Errorf("%q is as likely (%v) as AAB10 (%v)", other, q, p)
		}
	}
	// All texts of one crop add up to one: two steps and every text of up to two
	// characters.
	short := said("7", 0.5)[:2*classes]
	sum := math.Exp(short.of(""))
	for i := range letters {
		sum += math.Exp(short.of(letters[i : i+1]))
		for j := range letters {
			if i != j {
				sum += math.Exp(short.of(letters[i:i+1] + letters[j:j+1]))
			}
		}
	}
	if math.Abs(sum-1) > 1e-6 {
		t.Errorf("all texts of two steps are likely %v, not 1", sum)
	}
}

func TestVote(t *testing.T) {
	plate := [kinds]float64{us: 0.9, none: 0.1}
	v := vote([]look{{said("8KLM204", 0.6), plate, 1}, {said("3KLM204", 0.5), plate, 1}, {said("8KLM204", 0.7), plate, 1}})
	if v.texts[0].Text != "8KLM204" {
		t.Errorf("two of three say 8KLM204, the vote says %v", v.texts)
	}
	if v.texts[1].Text != "3KLM204" {
		t.Errorf("the second is %v", v.texts[1])
	}
	if v := vote([]look{{make(odds, 26*classes), plate, 1}}); len(v.texts) > 6 {
		t.Errorf("%d texts", len(v.texts))
	}
}

// Where a letter and a digit look the same, the way plates are written decides.
func TestFormatsDecide(t *testing.T) {
	same := func(a, b string) odds { // each place as likely a's character as b's
		o := said(a, 0.9)
		for i := range a {
			step := 2*i + 1
			if a[i] != b[i] {
				o[step*classes+class(a[i])], o[step*classes+class(b[i])] = float32(math.Log(0.45)), float32(math.Log(0.45))
			}
		}
		return o
	}
	for _, c := range []struct {
		kind        kind
		right, also string
	}{
		{us, "6RUX251", "6RUX25I"}, {us, "ABC1204", "ABC12O4"}, {br, "ABO1234", "AB01234"}, {eu, "MAB1005", "MAB1OO5"},
	} {
		var of [kinds]float64
		of[c.kind] = 1
		if v := vote([]look{{same(c.right, c.also), of, 1}}); v.texts[0].Text != c.right {
			t.Errorf("%s or %s is read as %v", c.right, c.also, v.texts)
		}
	}
}

func TestRegions(t *testing.T) {
	only := func(k kind) (of [kinds]float64) { of[k] = 1; return of }
	for _, c := range []struct {
		text string
		kind kind
		want string
	}{
		{"6RUX251", us, "US-CA"}, {"ABC1234", br, "BR"}, {"1AB2345", eu, "CZ"}, {"ABC123", us, "US"}, {"IO", us, ""},
	} {
		if got := regionOf(c.text, only(c.kind)); got != c.want {
			t.Errorf("%s is from %q, want %q", c.text, got, c.want)
		}
	}
}

func FuzzFormats(f *testing.F) {
	f.Add(formatsTSV)
	f.Add("US-CA\t36\t9AAA999\t\n")
	f.Fuzz(func(t *testing.T, tsv string) {
		list, err := parseFormats(tsv)
		if err != nil {
			return
		}
		for _, f := range list {
			if p := f.odds("ABC123"); p < 0 || p > 1 {
				t.Fatalf("%+v says ABC123 with probability %v", f, p)
			}
		}
	})
}

func FuzzParseTruth(f *testing.F) {
	f.Add("a.jpg\t1\t2\t3\t4\tABC 123\n")
	f.Add("a.jpg\t1\t2\t-3\t4\tABC\r\n\ufeffb\t1e9\tNaN\t1\t1\t-")
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := ParseTruth(strings.NewReader(text))
		for _, truth := range list {
			if !(truth.Box.W > 0 && truth.Box.H > 0) || truth.Text == "" || truth.Text != plain(truth.Text) {
				t.Fatalf("%q is taken as %+v", text, truth)
			}
		}
	})
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"ABC", "", 3}, {"ABC123", "ABC123", 0}, {"ABC123", "AC123", 1}, {"ABC123", "ABD1230", 2}} {
		if got := edits(c.a, c.b); got != c.want {
			t.Errorf("%s to %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestJoinsNeighbors(t *testing.T) {
	at := func(x, y, w, h float32) nets.Text {
		return nets.Text{Quad: nets.Upright(vision.Box{X: x, Y: y, W: w, H: h}), Score: 0.9}
	}
	widest := func(list []line) (w float32) {
		for _, l := range list {
			w = max(w, l.quad.Bounds().W)
		}
		return w
	}
	if w := widest(candidates([]nets.Text{at(10, 10, 60, 30), at(95, 12, 70, 31)}, 9)); w != 155 {
		t.Errorf("two groups of a plate become %v wide, want 155", w)
	}
	for _, apart := range []nets.Text{at(150, 10, 60, 30), at(75, 60, 60, 30), at(75, 10, 60, 90)} {
		if w := widest(candidates([]nets.Text{at(10, 10, 60, 30), apart}, 9)); w > 61 {
			t.Errorf("%v is joined", apart.Quad)
		}
	}
}

func TestCalibrationRises(t *testing.T) {
	last := float32(-1)
	for i := range 1001 {
		c := calibrated(float32(i) / 1000)
		if c < last || c < 0 || c > 1 {
			t.Fatalf("%v becomes %v after %v", float32(i)/1000, c, last)
		}
		last = c
	}
}

// frames is a street of 1000 by 500 pixels.
func frames(at time.Duration) vision.Frame {
	return vision.Frame{Pix: make([]byte, 3*1000*500), W: 1000, H: 500, At: at}
}

// reads is a plate on a car, both moved right by x.
func reads(x float32, text string, confidence float32) (vision.Plate, []vision.Thing) {
	car := []vision.Thing{{Kind: "car", Box: vision.Box{X: x, Y: 100, W: 300, H: 200}, Score: 0.9}}
	return vision.Plate{Box: vision.Box{X: x + 100, Y: 220, W: 100, H: 40}, Text: text, Confidence: confidence, Vehicle: &car[0]}, car
}

func TestOneReadAPassing(t *testing.T) {
	tr := NewTracker(Limits{})
	var told []Passing
	for i := range 20 {
		at := time.Duration(i) * 100 * time.Millisecond
		text, sure := "7KLM204", float32(0.8)
		if i%4 == 0 {
			text, sure = "7KLN204", 0.6
		}
		p, car := reads(float32(20*i), text, sure)
		tr.Add(frames(at), car, []vision.Plate{p})
		told = append(told, tr.Done(at)...)
	}
	if len(told) > 0 {
		t.Fatalf("%d told while it is there", len(told))
	}
	if told = tr.Done(5 * time.Second); len(told) != 1 {
		t.Fatalf("%d passings, not 1", len(told))
	}
	p := told[0]
	if p.Plate.Text != "7KLM204" || p.Plate.Confidence < 0.8 || p.Reads != 20 {
		t.Errorf("%s, %.2f, %d reads", p.Plate.Text, p.Plate.Confidence, p.Reads)
	}
	if len(p.Plate.Others) == 0 || p.Plate.Others[0].Text != "7KLN204" {
		t.Errorf("others %v", p.Plate.Others)
	}
	if p.From != 0 || p.To != 1900*time.Millisecond || math.Abs(float64(p.MovedX)-0.38) > 1e-3 || p.MovedY != 0 || p.Grew != 1 {
		t.Errorf("from %v to %v, moved %v %v, grew %v", p.From, p.To, p.MovedX, p.MovedY, p.Grew)
	}
	if p.Picture.W < 300 || p.Picture.W > 340 || len(p.Picture.Pix) != 3*p.Picture.W*p.Picture.H || p.Vehicle == nil {
		t.Errorf("the picture is %d by %d", p.Picture.W, p.Picture.H)
	}
	if more := tr.End(); len(more) > 0 {
		t.Errorf("told again: %v", more)
	}
}

func TestTwoCarsAreTwo(t *testing.T) {
	tr := NewTracker(Limits{})
	for i := range 10 {
		at := time.Duration(i) * 100 * time.Millisecond
		a, car := reads(float32(10*i), "AAA1111", 0.9)
		b, other := reads(600-float32(10*i), "BBB2222", 0.9)
		tr.Add(frames(at), append(car, other...), []vision.Plate{b, a})
	}
	if told := tr.End(); len(told) != 2 || told[0].Plate.Text == told[1].Plate.Text {
		t.Errorf("%+v", told)
	}
}

func TestParkedIsToldOnce(t *testing.T) {
	tr := NewTracker(Limits{Most: 10 * time.Second})
	count := 0
	for i := range 300 {
		at := time.Duration(i) * time.Second
		p, car := reads(100, "7KLM204", 0.9)
		if i%7 == 3 { // somebody walks before the plate
			tr.Add(frames(at), car, nil)
		} else {
			tr.Add(frames(at), car, []vision.Plate{p})
		}
		count += len(tr.Done(at))
	}
	if count += len(tr.End()); count != 1 {
		t.Errorf("told %d times", count)
	}
}

func TestAgain(t *testing.T) {
	for _, c := range []struct {
		again time.Duration
		want  int
	}{{time.Minute, 2}, {-1, 3}} {
		tr := NewTracker(Limits{Again: c.again})
		count := 0
		for _, at := range []time.Duration{0, 30 * time.Second, 5 * time.Minute} {
			p, car := reads(100, "7KLM204", 0.9)
			tr.Add(frames(at), car, []vision.Plate{p})
			count += len(tr.Done(at + 5*time.Second))
		}
		if count != c.want {
			t.Errorf("again after %v: told %d times, want %d", c.again, count, c.want)
		}
	}
}

func TestUnsureIsNotTold(t *testing.T) {
	tr := NewTracker(Limits{})
	for i, text := range []string{"8A", "", "B4", "88"} {
		p, car := reads(100, text, 0.1)
		tr.Add(frames(time.Duration(i)*100*time.Millisecond), car, []vision.Plate{p})
	}
	if told := tr.End(); len(told) > 0 {
		t.Error(fmt.Sprint("told: ", told[0].Plate))
	}
}
