package plates_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"porchlight/internal/streets"
	"porchlight/vision"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/nets"
	"porchlight/vision/plates"
)

type eyes struct {
	nets   *nets.Nets
	reader *plates.Reader
}

// open hands out one reader for all tests: the networks are loaded once.
var open = func() func(testing.TB) eyes {
	var once sync.Once
	var e eyes
	var err error
	return func(t testing.TB) eyes {
		t.Helper()
		dir := modelstest.Dir(t)
		once.Do(func() {
			if e.nets, err = nets.Open(dir); err == nil {
				e.reader, err = plates.Open(e.nets)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
}()

// rear is a drawn photograph of a vehicle's rear.
func rear(t testing.TB, seed uint64, plate string) vision.Frame {
	t.Helper()
	pic, err := streets.Rear{Seed: seed, Plate: plate, Type: "car", Color: "white"}.JPEG()
	if err != nil {
		t.Fatal(err)
	}
	f, err := plates.Picture(bytes.NewReader(pic))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestReadsAPlate(t *testing.T) {
	e := open(t)
	for i, want := range []string{"7KLM204", "HXW 5518", "ZZT 1306"} {
		f := rear(t, uint64(i+1), want)
		found, err := e.reader.Still(f, e.nets)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Errorf("%s: no plate found", want)
			continue
		}
		p := found[0]
		if p.Text != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s was read as %s (%.2f), others %v", want, p.Text, p.Confidence, p.Others)
		}
		if p.Confidence <= 0 || p.Confidence > 1 {
			t.Errorf("%s: confidence %v", want, p.Confidence)
		}
		middle := p.Box.X + p.Box.W/2
		if middle < 0.3*float32(f.W) || middle > 0.7*float32(f.W) {
			t.Errorf("%s: the plate is said to be at %v", want, p.Box)
		}
	}
}

// Places finds what a Reader finds, as a whole, and does not say what it reads.
func TestPlacesAreFoundUnread(t *testing.T) {
	e := open(t)
	for i, text := range []string{"7KLM204", "HXW 5518", "ZZT 1306"} {
		f := rear(t, uint64(i+1), text)
		car := []vision.Thing{{Kind: "car", Box: vision.Box{W: float32(f.W), H: float32(f.H)}, Score: 1}}
		want, err := e.reader.Plates(f, car)
		if err != nil || len(want) == 0 {
			t.Fatalf("%s: %v, %v", text, want, err)
		}
		got, err := plates.Places{Reader: e.reader}.Plates(f, car)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(got, func(p vision.Plate) bool {
			a, b := p.Box, want[0].Box
			return a.X < b.X+b.W/10 && a.Y < b.Y+b.H/5 && a.X+a.W > b.X+0.9*b.W && a.Y+a.H > b.Y+0.8*b.H && a.W*a.H < 3*b.W*b.H
		})
		if at < 0 {
			t.Errorf("%s is at %v, found was %+v", text, want[0].Box, got)
			continue
		}
		if p := got[at]; p.Text != "" || p.Confidence < 0.5 || p.Vehicle == nil {
			t.Errorf("%s: %+v", text, p)
		}
		if none, err := (plates.Places{Reader: e.reader}).Plates(f, []vision.Thing{}); err != nil || len(none) > 0 {
			t.Errorf("without vehicles there is %v, %v", none, err)
		}
	}
}

// A vehicle keeps its own look when the finder takes the whole street for one, too.
func TestVehicleWithinAnother(t *testing.T) {
	e := open(t)
	rear := rear(t, 1, "7KLM204")
	small := nets.Part(rear, vision.Box{W: float32(rear.W), H: float32(rear.H)}, 300, 300*rear.H/rear.W)
	street := vision.Frame{Pix: bytes.Repeat([]byte{120}, 3*1920*1080), W: 1920, H: 1080}
	for y := range small.H {
		copy(street.Pix[3*((600+y)*street.W+400):], small.Pix[3*y*small.W:][:3*small.W])
	}
	car := vision.Thing{Kind: "car", Box: vision.Box{X: 400, Y: 600, W: 300, H: float32(small.H)}, Score: 0.5}
	all := vision.Thing{Kind: "truck", Box: vision.Box{X: 20, Y: 10, W: 1880, H: 1060}, Score: 0.4}
	found, err := e.reader.Plates(street, []vision.Thing{car, all})
	if err != nil || len(found) == 0 || found[0].Text != "7KLM204" {
		t.Errorf("%+v, %v", found, err)
	}
}

// Video looks nowhere but at vehicles: a time burnt into the picture is no plate.
func TestOnlyWithinVehicles(t *testing.T) {
	e := open(t)
	f := rear(t, 1, "7KLM204")
	found, err := e.reader.Plates(f, []vision.Thing{})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		t.Errorf("without vehicles there is %v", found)
	}
	whole := vision.Thing{Kind: "car", Box: vision.Box{W: float32(f.W), H: float32(f.H)}, Score: 1}
	person := whole
	person.Kind = "person"
	if found, err = e.reader.Plates(f, []vision.Thing{person}); err != nil || len(found) > 0 {
		t.Errorf("on a person there is %v, %v", found, err)
	}
	found, err = e.reader.Plates(f, []vision.Thing{person, whole})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Text != "7KLM204" || found[0].Vehicle == nil || found[0].Vehicle.Kind != "car" {
		t.Errorf("on the car there is %+v", found)
	}
}

func TestWordsAreNoPlates(t *testing.T) {
	e := open(t)
	f := vision.Frame{Pix: bytes.Repeat([]byte{90}, 3*640*480), W: 640, H: 480}
	found, err := e.reader.Still(f, e.nets)
	if err != nil || len(found) > 0 {
		t.Errorf("a grey wall has the plates %v, %v", found, err)
	}
	for _, f := range []vision.Frame{{}, {Pix: []byte{1, 2, 3}, W: 1, H: 1}} {
		if found, err := e.reader.Still(f, e.nets); err != nil || len(found) > 0 {
			t.Errorf("a picture of %d by %d pixels: %v, %v", f.W, f.H, found, err)
		}
	}
}

func TestConcurrent(t *testing.T) {
	e := open(t)
	f := rear(t, 2, "HXW 5518")
	var wg sync.WaitGroup
	texts := make([]string, 3)
	for i := range texts {
		wg.Go(func() {
			if found, err := e.reader.Plates(f, nil); err == nil && len(found) > 0 {
				texts[i] = found[0].Text
			}
		})
	}
	wg.Wait()
	if slices.Sort(texts); texts[0] == "" || texts[0] != texts[2] {
		t.Errorf("at the same time: %q", texts)
	}
}

func TestEval(t *testing.T) {
	e := open(t)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	draw := func(name, plate string) {
		t.Helper()
		pic, err := streets.Rear{Seed: 5, Plate: plate, Type: "car", Color: "silver"}.JPEG()
		if err != nil {
			t.Fatal(err)
		}
		write(name, string(pic))
	}
	draw("a.jpg", "ABC 1234")
	write("a.txt", "a.jpg\t250\t200\t300\t200\tabc-1234\n")
	draw("b.jpg", "KRT 5562")
	write("b.txt", "b.jpg\t250\t200\t300\t200\tKRT5563\nb.jpg\t0\t0\t10\t10\tNOTHERE\nb.jpg\tsix\n")
	write("c.jpg", "no picture")
	write("c.txt", "c.jpg\t0\t0\t10\t10\tX1\n")
	draw("d.jpg", "LOST 1")
	write("e.txt", "e.jpg\t0\t0\t10\t10\tX1\n")
	rep, err := plates.Eval(context.Background(), func(f vision.Frame) ([]vision.Plate, error) { return e.reader.Still(f, e.nets) }, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Pictures != 2 || rep.Plates != 3 || rep.FramesASecond <= 0 {
		t.Errorf("%+v", rep)
	}
	if got := fmt.Sprintf("%.3f %.3f", rep.Exact, rep.Found); got != "0.333 0.667" {
		t.Errorf("exact and found are %s of ABC1234 read, KRT5562 known as KRT5563, and one that is not there: %+v", got, rep)
	}
	if want := 8. / 21; rep.CharacterError != want {
		t.Errorf("character error %v, want %v", rep.CharacterError, want)
	}
	var told []string
	for _, p := range rep.Problems {
		told = append(told, p.File)
	}
	slices.Sort(told)
	if got := strings.Join(told, " "); got != "b.txt c.jpg d.txt e.txt" {
		t.Errorf("problems are told of %s: %v", got, rep.Problems)
	}
}

func TestEvalOfNothing(t *testing.T) {
	none := func(vision.Frame) ([]vision.Plate, error) { return nil, nil }
	if _, err := plates.Eval(context.Background(), none, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "X.txt") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := plates.Eval(context.Background(), none, filepath.Join(t.TempDir(), "no"), nil); err == nil {
		t.Error("a folder that is not there is measured")
	}
}
