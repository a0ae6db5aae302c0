package faces_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/home/faces"
	"porchlight/internal/drawnface"
	"porchlight/vision"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/nets"
)

var now = time.Date(2026, 11, 3, 20, 0, 0, 0, time.UTC)

// eyes see faces in frames whose bytes are the people in them.
type eyes struct{}

func showing(people ...byte) vision.Frame { return vision.Frame{Pix: people, W: 1920, H: 1080} }

func (eyes) Faces(f vision.Frame) (found []vision.Face, err error) {
	for i := range f.Pix {
		found = append(found, vision.Face{Score: 0.9, Box: vision.Box{X: float32(i), W: 100, H: 100}})
	}
	return found, nil
}

func (eyes) EmbedFace(f vision.Frame, face vision.Face) (vision.Embedding, error) {
	return looks(f.Pix[int(face.Box.X)]), nil
}

// looks is what the face of a person looks like.
func looks(who byte) vision.Embedding {
	r := rand.New(rand.NewPCG(uint64(who), 1))
	v, sum := make(vision.Embedding, 128), 0.0
	for i := range v {
		v[i] = float32(r.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

type house struct {
	*faces.Service
	dir     string
	cameras []cameras.Camera
	told    []faces.Seen
	unnamed []string
	at      time.Time
}

func (h *house) List(context.Context) ([]cameras.Camera, error) { return h.cameras, nil }

// open opens a house; with the same directory, again.
func open(t *testing.T, h *house) *house {
	t.Helper()
	if h.dir == "" {
		h.dir, h.at = t.TempDir(), now
		h.cameras = []cameras.Camera{{Camera: home.Camera{ID: "door", Place: geo.Point{Lon: 49000000, Lat: 523700000}}}}
	}
	d, err := db.Open(t.Context(), filepath.Join(h.dir, "home.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	h.Service, err = faces.Open(t.Context(), faces.Options{DB: d, Cameras: h, Nets: eyes{}, Now: func() time.Time { return h.at },
		Notify: func(_ context.Context, s faces.Seen) error { h.told = append(h.told, s); return nil },
		Forget: func(_ context.Context, id string) error { h.unnamed = append(h.unnamed, id); return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// switchedOn is a house in the Netherlands with Familiar Faces on.
func switchedOn(t *testing.T) *house {
	t.Helper()
	h := open(t, &house{})
	if err := h.SetPlace(t.Context(), faces.Place{Code: "nl"}); err != nil {
		t.Fatal(err)
	}
	if err := h.Switch(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return h
}

var agreed = faces.Consent{Given: now.AddDate(0, 0, -1), By: "herself", Text: "I agree that this house recognizes my face."}

func TestSamAtTheDoor(t *testing.T) {
	h := switchedOn(t)
	if who, err := h.Who(t.Context(), "door", now, showing(1)); err != nil || len(who) > 0 || h.On() {
		t.Errorf("before anybody is known: %v, %v", who, err)
	}
	sam, link, err := h.Add(t.Context(), " Sam ", agreed, showing(1))
	if err != nil {
		t.Fatal(err)
	}
	if sam.Name != "Sam" || sam.Consent.Text != agreed.Text || !sam.Consent.Given.Equal(agreed.Given) || len(link) != 22 {
		t.Errorf("%+v, %q", sam, link)
	}
	ask := func(at time.Time, camera string, people ...byte) []string {
		t.Helper()
		who, err := h.Who(t.Context(), camera, at, showing(people...))
		if err != nil {
			t.Fatal(err)
		}
		return who
	}
	if who := ask(now, "door", 7, 1, 9, 1); !slices.Equal(who, []string{sam.ID}) {
		t.Errorf("seen: %v", who)
	}
	if want := (faces.Seen{Person: sam.ID, Name: "Sam", Camera: "door", At: now}); len(h.told) != 1 || h.told[0] != want {
		t.Fatalf("told %+v, expected %+v", h.told, want)
	}
	ask(now.Add(-time.Second), "door", 1) // again, and while the house was behind
	ask(now.Add(-time.Hour), "yard", 1)
	ask(now, "yard", 8)
	if len(h.told) != 1 {
		t.Errorf("told again: %+v", h.told)
	}
	ask(now, "yard", 1)
	h.at = now.Add(11 * time.Minute)
	ask(h.at, "door", 1)
	if len(h.told) != 3 || h.told[1].Camera != "yard" || h.told[2].Camera != "door" {
		t.Errorf("told %+v", h.told)
	}

	open(t, h) // a restart
	if who := ask(h.at, "door", 1); !slices.Equal(who, []string{sam.ID}) {
		t.Errorf("after a restart: %v", who)
	}
	if err := h.Teach(t.Context(), sam.ID, showing(2)); err != nil {
		t.Fatal(err)
	}
	if who := ask(h.at, "door", 2); !slices.Equal(who, []string{sam.ID}) {
		t.Errorf("with her new glasses: %v", who)
	}
	if err := h.Switch(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if who := ask(h.at, "door", 1); len(who) > 0 || h.On() {
		t.Errorf("switched off: %v", who)
	}
	if people, _ := h.People(t.Context()); len(people) != 1 || people[0].Pictures != 2 {
		t.Errorf("known: %+v", people)
	}
}

func TestNobodyIsKnownWithoutConsent(t *testing.T) {
	h := open(t, &house{})
	add := func(c faces.Consent, pictures ...vision.Frame) error {
		_, _, err := h.Add(t.Context(), "Sam", c, pictures...)
		return err
	}
	if err := add(agreed, showing(1)); !errors.Is(err, faces.ErrOff) {
		t.Errorf("it is on by itself: %v", err)
	}
	if err := h.Switch(t.Context(), true); !errors.Is(err, faces.ErrPlace) {
		t.Errorf("without a place: %v", err)
	}
	for _, p := range []faces.Place{{}, {Code: "US"}, {Code: "CA"}, {Code: "US-OR"}, {Code: "nowhere"}, {Code: "U"}} {
		if err := h.SetPlace(t.Context(), p); !errors.Is(err, faces.ErrPlace) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	h = switchedOn(t)
	for name, c := range map[string]faces.Consent{
		"no day":     {By: "herself", Text: "yes"},
		"the future": {Given: now.AddDate(0, 1, 0), By: "herself", Text: "yes"},
		"nobody":     {Given: now, Text: "yes"},
		"no words":   {Given: now, By: "herself", Text: " "},
	} {
		if err := add(c, showing(1)); !errors.Is(err, faces.ErrConsent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := add(agreed); !errors.Is(err, faces.ErrPicture) {
		t.Errorf("no picture: %v", err)
	}
	for name, f := range map[string]vision.Frame{"nobody": showing(), "two": showing(1, 2)} {
		if err := add(agreed, f); !errors.Is(err, faces.ErrPicture) {
			t.Errorf("a picture of %s: %v", name, err)
		}
	}
	if _, _, err := h.Add(t.Context(), " ", agreed, showing(1)); !errors.Is(err, faces.ErrName) {
		t.Errorf("no name: %v", err)
	}
	for i := range 50 {
		if _, _, err := h.Add(t.Context(), fmt.Sprint("Person ", i), agreed, showing(byte(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(agreed, showing(99)); !errors.Is(err, faces.ErrFull) {
		t.Errorf("the 51st: %v", err)
	}
	people, _ := h.People(t.Context())
	for range 9 {
		if err := h.Teach(t.Context(), people[0].ID, showing(200)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Teach(t.Context(), people[0].ID, showing(200)); !errors.Is(err, faces.ErrPictures) {
		t.Errorf("the 11th picture: %v", err)
	}
}

func TestTheLawRefuses(t *testing.T) {
	for _, c := range []struct {
		place    faces.Place
		lat, lng float64 // of a camera
		citation string
	}{
		{faces.Place{Code: "US-IL"}, 0, 0, "740 ILCS 14/15(b)"},
		{faces.Place{Code: "us-tx", City: "Austin"}, 0, 0, "§ 503.001"},
		{faces.Place{Code: "US-OR", City: "portland"}, 0, 0, "34.10.030"},
		{faces.Place{Code: "CA-QC"}, 0, 0, "c. C-1.1"},
		{faces.Place{Code: "US-IN"}, 41.88, -87.64, "740 ILCS 14/15(b)"}, // says Indiana, hangs in Chicago
		{faces.Place{Code: "US-OR", City: "Salem"}, 44.94, -123.03, ""},
		{faces.Place{Code: "NL"}, 52.37, 4.9, ""},
	} {
		h := switchedOn(t)
		if _, _, err := h.Add(t.Context(), "Sam", agreed, showing(1)); err != nil {
			t.Fatal(err)
		}
		at, err := geo.NewPoint(c.lng, c.lat)
		if err != nil {
			t.Fatal(err)
		}
		h.cameras[0].Place = at
		if err := h.SetPlace(t.Context(), c.place); err != nil {
			t.Fatal(err)
		}
		st, err := h.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		people, _ := h.People(t.Context())
		err = h.Switch(t.Context(), true)
		if c.citation == "" {
			if err != nil || !st.On || len(people) != 1 {
				t.Errorf("%+v: %v, %+v, %d people", c.place, err, st, len(people))
			}
			continue
		}
		var refused *faces.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.citation) || st.On || st.Refused == nil || len(people) != 0 {
			t.Errorf("%+v: %v, %+v, %d people", c.place, err, st, len(people))
		}
		if _, _, err := h.Add(t.Context(), "Sam", agreed, showing(1)); !errors.As(err, &refused) {
			t.Errorf("%+v: somebody can be added: %v", c.place, err)
		}
	}

	h := switchedOn(t) // a camera is hung in Montréal
	if _, _, err := h.Add(t.Context(), "Sam", agreed, showing(1)); err != nil {
		t.Fatal(err)
	}
	h.cameras = append(h.cameras, cameras.Camera{Camera: home.Camera{ID: "far", Place: geo.Point{Lon: -735700000, Lat: 455100000}}})
	if who, err := h.Who(t.Context(), "door", now, showing(1)); err != nil || len(who) > 0 {
		t.Errorf("%v, %v", who, err)
	}
	if people, _ := h.People(t.Context()); len(people) > 0 || len(h.told) > 0 || !slices.Contains(h.unnamed, h.unnamed[0]) {
		t.Errorf("%d people, told %v", len(people), h.told)
	}
}

// holds lists the files of a directory that hold any 16 bytes of what is secret.
func holds(t *testing.T, dir string, secret []byte) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i := 0; i+16 <= len(secret); i += 16 {
			if bytes.Contains(data, secret[i:i+16]) {
				files = append(files, filepath.Base(path))
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func bytesOf(v vision.Embedding) (b []byte) {
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func TestShownAndErasedFromALinkAndReallyGone(t *testing.T) {
	h := switchedOn(t)
	sam, link, err := h.Add(t.Context(), "Samantha Testperson", agreed, showing(1))
	if err != nil {
		t.Fatal(err)
	}
	robin, _, err := h.Add(t.Context(), "Robin", agreed, showing(2))
	if err != nil {
		t.Fatal(err)
	}
	secret := bytesOf(looks(1))
	if len(holds(t, h.dir, secret)) == 0 || len(holds(t, h.dir, []byte("Samantha Testperson"))) == 0 {
		t.Fatal("what is kept is not found on the disk: this test sees nothing")
	}
	if files := holds(t, h.dir, []byte(link)); len(files) > 0 {
		t.Errorf("the link is in %v", files)
	}
	if shown, err := h.ByLink(t.Context(), link); err != nil || shown != sam {
		t.Errorf("%+v, %v; expected %+v", shown, err, sam)
	}
	newer, err := h.NewLink(t.Context(), sam.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, none := range []string{link, "", "AAAAAAAAAAAAAAAAAAAAAA"} {
		if _, err := h.ByLink(t.Context(), none); !errors.Is(err, faces.ErrNotFound) {
			t.Errorf("link %q: %v", none, err)
		}
		if err := h.EraseByLink(t.Context(), none); !errors.Is(err, faces.ErrNotFound) {
			t.Errorf("erased by %q: %v", none, err)
		}
	}
	if err := h.EraseByLink(t.Context(), newer); err != nil {
		t.Fatal(err)
	}
	for what, secret := range map[string][]byte{"her likeness": secret, "her name": []byte("Samantha Testperson"), "her id": []byte(sam.ID)} {
		if files := holds(t, h.dir, secret); len(files) > 0 {
			t.Errorf("%s is still in %v", what, files)
		}
	}
	if !slices.Equal(h.unnamed, []string{sam.ID}) {
		t.Errorf("the name was taken off for %v", h.unnamed)
	}
	if who, err := h.Who(t.Context(), "door", now, showing(1, 2)); err != nil || !slices.Equal(who, []string{robin.ID}) {
		t.Errorf("then %v is seen, %v", who, err)
	}
	if err := h.Remove(t.Context(), sam.ID); !errors.Is(err, faces.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if err := h.Remove(t.Context(), ""); !errors.Is(err, faces.ErrNotFound) {
		t.Errorf("nobody removed: %v", err)
	}
}

// With the real networks: of a stranger at the door neither a picture nor what she
// looks like is anywhere on the disk.
func TestStrangersAreNotKept(t *testing.T) {
	n, err := nets.Open(modelstest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	h := switchedOn(t)
	h.Service.Nets = n
	sam, _, err := h.Add(t.Context(), "Sam", agreed, drawnface.Draw(480, 360, drawnface.Face{Who: 3, X: 240, Y: 180, Size: 200}))
	if err != nil {
		t.Fatal(err)
	}
	const stranger = 10
	both := drawnface.Draw(800, 450, drawnface.Face{Who: 3, X: 220, Y: 220, Size: 150, Turned: 0.1}, drawnface.Face{Who: stranger, X: 580, Y: 220, Size: 160})
	who, err := h.Who(t.Context(), "door", now, both)
	if err != nil || !slices.Equal(who, []string{sam.ID}) {
		t.Errorf("seen: %v, %v; expected %s", who, err, sam.ID)
	}
	found, err := n.Faces(both)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, face := range found {
		v, err := n.EmbedFace(both, face)
		if err != nil {
			t.Fatal(err)
		}
		if files := holds(t, h.dir, bytesOf(v)); len(files) > 0 {
			t.Errorf("the face at %v is in %v", face.Box, files)
		}
		for y := int(face.Box.Y); y < int(face.Box.Y+face.Box.H); y += 4 {
			row := both.Pix[3*(y*both.W+int(face.Box.X)+int(face.Box.W)/4):][:3*int(face.Box.W/2)]
			if files := holds(t, h.dir, row); len(files) > 0 {
				t.Errorf("a row of the picture is in %v", files)
			}
		}
		checked++
	}
	if checked < 2 {
		t.Errorf("%d faces were checked", checked)
	}
}
