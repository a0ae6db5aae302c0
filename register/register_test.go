package register

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/canvass"
	"porchlight/capability"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/form"
	"porchlight/internal/gatetest"
	"porchlight/purpose"

	"filippo.io/age"
)

func TestMain(m *testing.M) { dbtest.Main(m, "^(TestWalk|TestSweep)$") }

type world struct {
	*gatetest.World
	*Service
	ctx    context.Context
	told   int
	street geo.Polygon // 0.1 square km around (-89.65, 39.75)
}

func newWorld(t *testing.T) *world {
	w := &world{World: gatetest.New(t, gatetest.Options{}), ctx: t.Context()}
	var err error
	w.Service, err = New(w.ctx, Options{DB: w.DB, Gate: w.Gate, Agencies: w, Purposes: purpose.Classes, FormKey: [32]byte{1}, Now: w.Now})
	w.Must(err)
	w.Enrol("rita", gatetest.City, identity.RoleRequester)
	w.Enrol("ivo", gatetest.City, identity.RoleInvestigator)
	w.Enrol("sam", gatetest.Sheriff, identity.RoleInvestigator)
	w.Enrol("fred", gatetest.Federal, identity.RoleInvestigator)
	w.Enrol("ada", gatetest.City, identity.RoleAdmin)
	w.street = gatetest.Box(t, -89.652, 39.749, -89.648, 39.7515)
	return w
}

// Agency stands in for package roster.
func (w *world) Agency(ctx context.Context, ori string) (canvass.Agency, error) {
	f, err := w.AgencyFacts(ctx, ori)
	if err != nil {
		return canvass.Agency{}, err
	}
	return canvass.Agency{ORI: ori, Name: "Agency " + ori, Kind: f.Kind, Status: f.Status, State: f.State, Jurisdiction: w.Town,
		Vault: w.Vault[ori].Recipient().String(), VaultEntry: 3}, nil
}

func (w *world) details(lon, lat float64) Details {
	return Details{Place: geo.Hundred.Of(w.Place(lon, lat)), Rounding: geo.Hundred, Films: []Films{"street", "driveway"}, Note: "Faces east.", Days: 14}
}

// tell puts a camera in the city's register.
func (w *world) tell(d Details) (gatetest.Bearer, string) {
	w.T.Helper()
	w.told++
	b := w.NewBearer(fmt.Sprintf("secret of camera %04d", w.told))
	token := w.Forms.Token()
	w.Sleep(form.Takes)
	by := gatetest.Resident()
	_, err := w.Tell(w.ctx, by, Telling{Form: token, Agency: gatetest.City, OwnerHash: b.OwnerHash, Recipient: b.Recipient, Details: d})
	w.Must(err)
	return b, by.ActID
}

func (w *world) view(id, caseNumber string, area geo.Polygon) ([]Camera, error) {
	return gatetest.As(w.World, id, func(by gate.Caller) ([]Camera, error) {
		_, cs, err := w.View(w.ctx, by, Ask{Case: caseNumber, Incident: "burglary", Note: "A door was forced.", Area: area})
		return cs, err
	})
}

func (w *world) ask(id, camera, caseNumber string, b gatetest.Bearer) error {
	_, err := gatetest.As(w.World, id, func(by gate.Caller) (*gate.Grant, error) {
		return w.Ask(w.ctx, by, camera, caseNumber, w.Seal("Do you hold footage of Tuesday?", b.Recipient, w.Vault[gatetest.City].Recipient().String()))
	})
	return err
}

func open(t *testing.T, sealed []byte, id age.Identity) string {
	t.Helper()
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The whole walk: told, looked at, asked, answered, changed, taken back.
func TestWalk(t *testing.T) {
	w := newWorld(t)
	d := w.details(-89.65, 39.75)
	d.Vault = w.Vault[gatetest.City].Recipient().String()
	d.Contact = w.Seal("Ann, 555-0100", d.Vault)
	ann, camera := w.tell(d)
	far, _ := w.tell(w.details(-89.62, 39.78))

	seen, err := w.view("ivo", "26-0001", w.street)
	w.Must(err)
	if len(seen) != 1 || seen[0].ID != camera || seen[0].Note != d.Note || open(t, seen[0].Contact, w.Vault[gatetest.City]) != "Ann, 555-0100" {
		t.Fatalf("saw %+v", seen)
	}
	if err := w.ask("ivo", camera, "26-9999", ann); !slices.Equal(gatetest.RefusedBy(err), []string{"base.register-led"}) {
		t.Errorf("asked about a case nobody looked for: %v", err)
	}
	w.Must(w.ask("ivo", camera, "26.0001", ann))
	w.Must(w.ask("rita", camera, "26-0001", ann))
	if err := w.ask("rita", camera, "26-0001", ann); !slices.Equal(gatetest.RefusedBy(err), []string{"base.register-twice"}) {
		t.Errorf("a third letter without an answer: %v", err)
	}

	f, err := w.Follow(w.ctx, ann.Token)
	w.Must(err)
	if len(f.Looks) != 1 || f.Looks[0].Role != "investigator" || f.Looks[0].Incident != "burglary" || len(f.Messages) != 2 || f.Agency.ORI != gatetest.City {
		t.Fatalf("she sees %+v", f)
	}
	if got := open(t, f.Messages[0].Sealed, ann.Identity); !strings.Contains(got, "Tuesday") {
		t.Errorf("she reads %q", got)
	}
	for _, entry := range []uint64{f.Camera.Entry, f.Looks[0].Entry, f.Messages[1].Entry} {
		r, err := w.Receipt(w.ctx, ann.Token, entry)
		w.Must(err)
		if len(r.Disclosures) != 1 || r.Disclosures[0].Name != gate.PrivateAt {
			t.Errorf("entry %d tells her %v", entry, r.Disclosures)
		}
		if _, err := w.Receipt(w.ctx, far.Token, entry); !errors.Is(err, ErrNotFound) {
			t.Errorf("another owner has the receipt of entry %d: %v", entry, err)
		}
	}
	if f, err := w.Follow(w.ctx, far.Token); err != nil || len(f.Looks) != 0 {
		t.Errorf("a camera outside the look: %+v, %v", f.Looks, err)
	}

	_, err = w.Write(w.ctx, gatetest.Resident(), ann.Token, w.Seal("Yes, I do.", w.Vault[gatetest.City].Recipient().String(), ann.Recipient))
	w.Must(err)
	w.Must(w.ask("ivo", camera, "26-0001", ann)) // she answered: they may go on
	threads, err := w.Threads(w.ctx, w.Who["rita"])
	w.Must(err)
	if len(threads) != 1 || threads[0].Camera != camera || threads[0].Recipient != ann.Recipient || len(threads[0].Messages) != 4 || !threads[0].Messages[2].FromOwner {
		t.Errorf("%+v", threads)
	}
	if _, err := w.Threads(w.ctx, w.Who["ada"]); !errors.Is(err, gate.ErrRole) {
		t.Errorf("an administrator reads letters: %v", err)
	}
	if ts, err := w.Threads(w.ctx, w.Who["sam"]); err != nil || len(ts) != 0 {
		t.Errorf("another agency reads %v, %v", ts, err)
	}

	moved := w.details(-89.62, 39.78)
	moved.Note = "The garden now."
	_, err = w.Change(w.ctx, gatetest.Resident(), ann.Token, moved)
	w.Must(err)
	if seen, err := w.view("rita", "26-0001", w.street); err != nil || len(seen) != 0 {
		t.Errorf("it is still there: %+v, %v", seen, err)
	}
	_, err = w.Withdraw(w.ctx, gatetest.Resident(), ann.Token)
	w.Must(err)
	if _, err := w.Follow(w.ctx, ann.Token); !errors.Is(err, ErrNotFound) {
		t.Errorf("her link still opens: %v", err)
	}
	for table, left := range map[string]int{"register_camera": 1, "register_message": 0, "register_look": 0} {
		var n int
		w.Must(w.DB.Read().QueryRow(`SELECT count(*) FROM ` + table).Scan(&n))
		if n != left {
			t.Errorf("%d rows left in %s, want %d", n, table, left)
		}
	}
	var actions []string
	for _, e := range w.Entries() {
		actions = append(actions, e.Act.Action)
		if s := string(e.Bytes()); strings.Contains(s, camera) && e.Act.ID != camera || strings.Contains(s, "garden") || strings.Contains(s, "39.7") {
			t.Errorf("the ledger says %s", s)
		}
	}
	if want := "register.tell register.tell register.view register.ask register.ask register.ask register.ask register.write register.ask register.change register.view register.withdraw"; strings.Join(actions, " ") != want {
		t.Errorf("entries %v", actions)
	}
	var place int
	w.Must(w.DB.Read().QueryRow(`SELECT count(*) FROM act_private WHERE value LIKE '%39.75%' AND name <> 'area'`).Scan(&place))
	if place != 0 {
		t.Error("her place stays among the private values of acts")
	}
}

// What a look may not be; and what is refused shows nothing.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	w.tell(w.details(-89.65, 39.75))
	for name, c := range map[string]struct {
		who, number string
		area        geo.Polygon
		rule        string
	}{
		"one house":           {"ivo", "26-1", gatetest.Box(t, -89.6505, 39.7499, -89.6495, 39.7501), "base.register-area"},
		"the whole town":      {"ivo", "26-1", w.Town, "base.register-area"},
		"no case":             {"ivo", " - ", w.street, "base.register-case"},
		"elsewhere":           {"ivo", "26-1", gatetest.Box(t, -89.602, 39.749, -89.598, 39.752), "base.register-jurisdiction"},
		"a federal agency":    {"fred", "26-1", w.street, "base.register-local"},
		"an administrator":    {"ada", "26-1", w.street, "base.default-deny"},
		"another agency sees": {"sam", "26-1", w.street, ""},
	} {
		seen, err := w.view(c.who, c.number, c.area)
		if len(seen) != 0 {
			t.Errorf("%s: saw %+v", name, seen)
		}
		if c.rule == "" && err != nil || c.rule != "" && !slices.Contains(gatetest.RefusedBy(err), c.rule) {
			t.Errorf("%s: %v, want %q", name, err, c.rule)
		}
	}
	w.Must(w.DB.Write(w.ctx, func(tx *sql.Tx) error {
		for i := range 19 {
			if err := recordLook(tx, view{id: fmt.Sprint(i), agency: gatetest.City, person: "ivo", at: w.Now()}, w.street); err != nil {
				return err
			}
		}
		return nil
	}))
	if _, err := w.view("ivo", "26-1", w.street); err != nil {
		t.Errorf("the 20th look in a day: %v", err)
	}
	if _, err := w.view("ivo", "26-1", w.street); !slices.Equal(gatetest.RefusedBy(err), []string{"base.register-bulk"}) {
		t.Errorf("the 21st look in a day: %v", err)
	}
	if _, err := w.view("rita", "26-1", w.street); err != nil {
		t.Errorf("a colleague: %v", err)
	}
	w.Sleep(looksWithin + time.Minute)
	if _, err := w.view("ivo", "26-1", w.street); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

// What cannot be told, and by whom a camera cannot be touched.
func TestRefused(t *testing.T) {
	w := newWorld(t)
	b := w.NewBearer("a secret of enough bytes")
	good := w.details(-89.65, 39.75)
	tell := func(agency string, d Details) error {
		token := w.Forms.Token()
		w.Sleep(form.Takes)
		_, err := w.Tell(w.ctx, gatetest.Resident(), Telling{Form: token, Agency: agency, OwnerHash: b.OwnerHash, Recipient: b.Recipient, Details: d})
		return err
	}
	for field, change := range map[string]func(*Details){
		"place": func(d *Details) { d.Place = w.Place(-89.6501234, 39.75) },
		"films": func(d *Details) { d.Films = []Films{"street", "street"} },
		"note":  func(d *Details) { d.Note = strings.Repeat("x", MaxNote+1) },
		"days":  func(d *Details) { d.Days = 366 },
	} {
		d := good
		change(&d)
		var invalid *Invalid
		if err := tell(gatetest.City, d); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, ori := range []string{gatetest.Federal, gatetest.Company, gatetest.Suspended} {
		if err := tell(ori, good); !slices.Equal(gatetest.RefusedBy(err), []string{"base.register-receiver"}) {
			t.Errorf("told to %s: %v", ori, err)
		}
	}
	sealed := good
	sealed.Contact, sealed.Vault = w.Seal("me", w.Vault[gatetest.Sheriff].Recipient().String()), w.Vault[gatetest.Sheriff].Recipient().String()
	if err := tell(gatetest.City, sealed); !slices.Equal(gatetest.RefusedBy(err), []string{"base.register-contact"}) {
		t.Errorf("sealed to another key: %v", err)
	}
	sealed.Contact = []byte("Ann, 555-0100")
	if err := tell(gatetest.City, sealed); !errors.Is(err, capability.ErrInput) {
		t.Errorf("a contact in clear: %v", err)
	}
	if _, err := w.Tell(w.ctx, gatetest.Resident(), Telling{Form: "none", Agency: gatetest.City, OwnerHash: b.OwnerHash, Recipient: b.Recipient, Details: good}); !errors.Is(err, form.ErrSlow) {
		t.Errorf("without a form: %v", err)
	}
	for name, act := range map[string]func() error{
		"change":   func() error { _, err := w.Change(w.ctx, gatetest.Resident(), b.Token, good); return err },
		"withdraw": func() error { _, err := w.Withdraw(w.ctx, gatetest.Resident(), "AAAA"); return err },
		"write": func() error {
			_, err := w.Write(w.ctx, gatetest.Resident(), b.Token, w.Seal("x", b.Recipient))
			return err
		},
	} {
		if err := act(); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s without her link: %v", name, err)
		}
	}
}

// A repeat of the act that told a camera is no second camera and needs no new form.
func TestRepeat(t *testing.T) {
	w := newWorld(t)
	b := w.NewBearer("a secret of enough bytes")
	by, token := gatetest.Resident(), w.Forms.Token()
	w.Sleep(form.Takes)
	in := Telling{Form: token, Agency: gatetest.City, OwnerHash: b.OwnerHash, Recipient: b.Recipient, Details: w.details(-89.65, 39.75)}
	first, err := w.Tell(w.ctx, by, in)
	w.Must(err)
	again, err := w.Tell(w.ctx, by, in)
	w.Must(err)
	if !again.Replayed || again.Index != first.Index || len(w.Entries()) != 1 {
		t.Errorf("%+v after %+v, %d entries", again, first, len(w.Entries()))
	}
}

// After 30 days a look leads nowhere, and its case is forgotten.
func TestSweep(t *testing.T) {
	w := newWorld(t)
	ann, camera := w.tell(w.details(-89.65, 39.75))
	_, err := w.view("ivo", "26-0001", w.street)
	w.Must(err)
	_, err = w.view("ivo", "26-0001", gatetest.Box(t, -89.692, 39.709, -89.688, 39.7115)) // saw nothing
	w.Must(err)
	w.Sleep(leadLasts + time.Minute)
	if n, err := w.Sweep(w.ctx); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := w.ask("ivo", camera, "26-0001", ann); !slices.Equal(gatetest.RefusedBy(err), []string{"base.register-led"}) {
		t.Errorf("an old look leads to her: %v", err)
	}
	var known int
	w.Must(w.DB.Read().QueryRow(`SELECT count(*) FROM register_view WHERE case_key <> ''`).Scan(&known))
	if f, err := w.Follow(w.ctx, ann.Token); err != nil || len(f.Looks) != 1 || known != 0 {
		t.Errorf("looks %+v, %d cases known, %v", f.Looks, known, err)
	}
}
