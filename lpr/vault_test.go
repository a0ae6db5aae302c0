package lpr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"porchlight/ledger"
	"porchlight/roster"
	"porchlight/vision"
)

// A station seals to what the ledger proves: it takes a newer vault, never goes
// back, and believes no word of the exchange that is not proved.
func TestVaultIsProved(t *testing.T) {
	t.Parallel()
	p := newPlace(t, true)
	ctx := t.Context()
	s, err := Open(p.config(noon), options(t, film{}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v := s.vaults[p.Police.ORI]
	honest := v.get
	look := func() error { return v.look(ctx) }
	recipient := func() string { return v.to.String() }
	// lie has the exchange name another entry as the agency's vault.
	lie := func(entry uint64) {
		v.get = func(ctx context.Context, path string) ([]byte, error) {
			if strings.HasPrefix(path, "/api/v1/agencies/") {
				return json.Marshal(map[string]any{"plates": map[string]any{"recipient": "age1whatever", "entry": entry}})
			}
			return honest(ctx, path)
		}
	}
	agency, err := p.X.Roster.Agency(ctx, p.Police.ORI)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Sheriff.Custodian.PublishVault(ctx, roster.ForPlates); err != nil {
		t.Fatal(err)
	}
	sheriff, err := p.X.Roster.Agency(ctx, p.Sheriff.ORI)
	if err != nil {
		t.Fatal(err)
	}
	for what, entry := range map[string]uint64{"another agency's": sheriff.Plates.Entry, "the vault of evidence": agency.Vault.Entry, "no vault": 1} {
		lie(entry)
		if err := look(); err == nil || v.to != nil {
			t.Errorf("%s is sealed to: %v", what, err)
		}
	}
	if sealed, err := v.seal([]byte("picture")); sealed != nil || err != nil {
		t.Errorf("sealed to nothing: %d bytes, %v", len(sealed), err)
	}

	v.get = honest
	if err := look(); err != nil || recipient() != agency.Plates.Recipient {
		t.Fatalf("%s, %v", recipient(), err)
	}
	if _, err := p.Police.Custodian.PublishVault(ctx, roster.ForPlates); err != nil {
		t.Fatal(err)
	}
	if err := look(); err != nil || recipient() == agency.Plates.Recipient {
		t.Fatalf("the new vault is not taken: %v", err)
	}
	newer := recipient()
	lie(agency.Plates.Entry)
	if err := look(); err == nil || recipient() != newer {
		t.Errorf("went back to the older vault: %v", err)
	}

	// The proof that was kept is proved again at the next start.
	s.Close()
	again := func(c Config) *vault {
		t.Helper()
		s, err := Open(c, options(t, film{}))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return s.vaults[p.Police.ORI]
	}
	if v := again(p.config(noon)); v.to == nil || v.to.String() != newer {
		t.Errorf("started with %v", v.to)
	}
	c := p.config(noon)
	if _, c.Ledger.LogKey, err = ledger.GenerateKey("localhost"); err != nil {
		t.Fatal(err)
	}
	if v := again(c); v.to != nil {
		t.Error("a proof of another ledger is believed")
	}
	text, err := os.ReadFile(v.file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.file, bytes.Replace(text, []byte("entry "), []byte("entry A"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if v := again(p.config(noon)); v.to != nil {
		t.Error("a spoilt proof is believed")
	}
}

// Check says of everything whether it is well; each thing that is wrong is named.
func TestCheck(t *testing.T) {
	t.Parallel()
	p := newPlace(t, true)
	c := p.config(noon)
	c.Cameras[0].Source = "rtsp://localhost/street"
	o := options(t, street())
	bad := func(all []Finding, err error) (names []string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			t.Logf("%v %s: %s", f.OK, f.What, f.Said)
			if !f.OK {
				names = append(names, f.What)
			}
		}
		return names
	}
	ctx := t.Context()
	if got := bad(Check(ctx, c, o, nil)); len(got) > 0 {
		t.Errorf("%q", got)
	}
	if all := p.reads(t); len(all) > 0 {
		t.Errorf("a check sent %d reads", len(all))
	}
	// Beside one that runs.
	s, err := Open(c, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := bad(Check(ctx, c, o, nil)); len(got) > 0 {
		t.Errorf("beside one that runs: %q", got)
	}
	if left, err := os.ReadDir(c.Dir); err != nil || slices.ContainsFunc(left, func(d os.DirEntry) bool { return strings.HasPrefix(d.Name(), ".check") }) {
		t.Errorf("it leaves %v, %v", left, err)
	}
	wrong := lonely(t, "", "")
	c.Cameras[0].Key = wrong.Cameras[0].Key
	o.Frames = film{}.play
	if got := bad(Check(ctx, c, o, errors.New("no models"))); !slices.Equal(got, []string{"key of " + p.camera.ID, "models", "source of " + p.camera.ID}) {
		t.Errorf("%q", got)
	}
	c.Exchange = "http://localhost:1"
	if got := bad(Check(ctx, c, o, nil)); !slices.Contains(got, "exchange") || !slices.Contains(got, "vault of "+p.Police.ORI) {
		t.Errorf("%q", got)
	}
	c.Dir = "/proc/nowhere"
	if got := bad(Check(ctx, c, o, nil)); !slices.Equal(got, []string{"disk"}) {
		t.Errorf("%q", got)
	}
}

// people are faces and persons at places of a part.
type people struct {
	blank
	faces   []vision.Face
	persons []vision.Thing
}

func (p people) Faces(vision.Frame) ([]vision.Face, error)    { return p.faces, nil }
func (p people) Objects(vision.Frame) ([]vision.Thing, error) { return p.persons, nil }

// What is covered is of one shade, without a trace of what was under it; the plate
// stays; of people alone there is no picture.
func TestCovered(t *testing.T) {
	part := vision.Frame{W: 200, H: 160}
	for i := range 200 * 160 {
		part.Pix = append(part.Pix, byte(i*7), byte(i*13), byte(i*29))
	}
	before := slices.Clone(part.Pix)
	at := vision.Box{X: 1000, Y: 500, W: 200, H: 160}
	vehicle := vision.Box{X: 1010, Y: 510, W: 180, H: 140}
	plate := vision.Box{X: 1080, Y: 620, W: 40, H: 20}
	see := func(p people) Sight { return Sight{Objects: p, Faces: p} }
	jpg, err := see(people{
		faces: []vision.Face{{Box: vision.Box{X: 20, Y: 20, W: 20, H: 24}, Score: .3}, // weak, at a window
			{Box: vision.Box{X: 20, Y: 110, W: 40, H: 40}, Score: .4},  // weak, on the bumper: none
			{Box: vision.Box{X: 150, Y: 110, W: 10, H: 12}, Score: .9}, // sure, before the bumper
		},
		persons: []vision.Thing{{Kind: "person", Box: vision.Box{X: 90, Y: 60, W: 30, H: 90}}},
	}).covered(part, at, []vision.Thing{{Kind: "person", Box: vision.Box{X: 1170, Y: 505, W: 60, H: 80}}}, vehicle, plate)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(part.Pix, before) {
		t.Error("the frame itself was painted on")
	}
	img, err := jpeg.Decode(bytes.NewReader(jpg))
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string]vision.Box{"face at the window": {X: 20, Y: 20, W: 20, H: 24}, "sure face": {X: 150, Y: 110, W: 10, H: 12},
		"person in the part": {X: 90, Y: 60, W: 30, H: 55}, "person in the frame": {X: 172, Y: 10, W: 28, H: 70}} {
		if lo, hi := shades(img, b); lo < gray-12 || hi > gray+12 {
			t.Errorf("the %s is still there: shades %d to %d", what, lo, hi)
		}
	}
	for what, b := range map[string]vision.Box{"plate": moved(plate, -at.X, -at.Y), "bumper": {X: 30, Y: 120, W: 20, H: 20}} {
		if lo, hi := shades(img, b); hi-lo < 60 {
			t.Errorf("the %s is covered: shades %d to %d", what, lo, hi)
		}
	}
	if bytes.Contains(jpg, []byte("Exif")) {
		t.Error("metadata")
	}

	crowd := people{persons: []vision.Thing{{Kind: "person", Box: vision.Box{X: 10, Y: 0, W: 180, H: 160}}}}
	if jpg, err := see(crowd).covered(part, at, nil, vehicle, plate); jpg != nil || err != nil {
		t.Errorf("a picture of people is kept: %d bytes, %v", len(jpg), err)
	}
	if jpg, err := see(people{}).covered(vision.Frame{W: 2600, H: 100, Pix: make([]byte, 3*2600*100)}, at, nil, vehicle, plate); err != nil {
		t.Fatal(err)
	} else if img, err := jpeg.DecodeConfig(bytes.NewReader(jpg)); err != nil || img.Width != pictureWide {
		t.Errorf("%+v, %v", img, err)
	}
}

// A sealed picture opens with the vault's identity and nothing else.
func TestSealed(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	v := &vault{to: id.Recipient()}
	sealed, err := v.seal([]byte("picture"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		t.Fatal(err)
	}
	if clear, err := io.ReadAll(r); err != nil || string(clear) != "picture" || bytes.Contains(sealed, []byte("picture")) {
		t.Errorf("%q, %v", clear, err)
	}
	if header := fmt.Sprintf("%.40s", sealed); !strings.HasPrefix(header, "age-encryption.org/v1\n-> X25519") {
		t.Errorf("%q", header)
	}
}
