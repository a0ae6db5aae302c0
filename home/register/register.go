// Package register tells agencies, at the household's wish, that one of its
// cameras exists, and shows each time an officer looked at it. What is told, how
// finely, and to whom, the household decides camera by camera; nothing is told
// by itself. The exchange's side is package register.
package register

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/outbox"
	"porchlight/share/client"

	"filippo.io/age"
)

// Options joins the room to its neighbors. DB, Exchange and Cameras are needed.
type Options struct {
	DB       *db.DB
	Exchange *client.Exchange
	Cameras  func(context.Context) ([]home.Camera, error)
	Now      func() time.Time // default time.Now
	Changed  func()           // called after what was told changed by itself
	Logger   *slog.Logger     // default discards
}

// Service keeps what was told. Safe for concurrent use.
type Service struct {
	Options
	acts *outbox.Outbox
}

// Details is what the household tells of a camera. The place is the camera's,
// rounded here.
type Details struct {
	Rounding geo.Rounding `json:"rounding"`
	Films    []string     `json:"films"`   // of register.AllFilms
	Note     string       `json:"note"`    // at most 200 characters
	Days     int          `json:"days"`    // for how many days it keeps footage; 0: not said
	Contact  string       `json:"contact"` // her own, sealed to the agency; "": through Porchlight only
}

// Told is a camera that an agency was told of.
type Told struct {
	ID        string    `json:"id"`
	Camera    string    `json:"camera"` // home.Camera.ID
	Agency    string    `json:"agency"` // ORI
	Name      string    `json:"name"`   // of the agency
	Details   Details   `json:"details"`
	At        time.Time `json:"at"`
	Confirmed bool      `json:"confirmed"` // the exchange answered
	Receipt   string    `json:"receipt"`
	Waiting   []string  `json:"waiting"` // actions that go out once the exchange can be reached

	secret client.Secret
}

// Agency is one that can be told.
type Agency struct {
	ORI  string `json:"ori"`
	Name string `json:"name"`
	Kind string `json:"kind"`
}

// Look is one time an officer saw the camera.
type Look struct {
	At       time.Time `json:"at"`
	Role     string    `json:"role"`
	Incident string    `json:"incident"`
	Entry    uint64    `json:"entry"`
}

// Message is a letter about the camera.
type Message struct {
	At       time.Time `json:"at"`
	FromHome bool      `json:"from_home"`
	Text     string    `json:"text"` // "" when it cannot be opened
	Entry    uint64    `json:"entry"`
}

// Followed is what became of a camera that was told.
type Followed struct {
	Told     Told      `json:"told"`
	Looks    []Look    `json:"looks"`    // newest first
	Messages []Message `json:"messages"` // oldest first
	Link     string    `json:"link"`     // to follow it from any browser; whoever has it holds the camera's entry
}

var (
	// ErrNotFound: no agency was told of that camera, or it was taken back.
	ErrNotFound = errors.New("home/register: there is no such camera in a register")
	// ErrElsewhere: the exchange knows no camera by the house's link, so the house
	// forgot it.
	ErrElsewhere = errors.New("home/register: the camera was taken back, or its link replaced, elsewhere: this house cannot reach it any more and forgot it")
)

var migrations = []string{`
CREATE TABLE register_told (
	id        TEXT PRIMARY KEY,
	camera    TEXT NOT NULL,
	agency    TEXT NOT NULL,
	name      TEXT NOT NULL,
	details   TEXT NOT NULL, -- JSON
	at        INTEGER NOT NULL,
	confirmed INTEGER NOT NULL DEFAULT 0,
	receipt   TEXT NOT NULL DEFAULT '',
	secret    BLOB NOT NULL
);
`, `
ALTER TABLE register_told ADD COLUMN next BLOB NOT NULL DEFAULT ''; -- the secret that is to take its place
`}

// Open opens the room.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.DB.Migrate(ctx, "home.register", migrations); err != nil {
		return nil, err
	}
	s := &Service{Options: o}
	var err error
	s.acts, err = outbox.Open(ctx, outbox.Options{DB: o.DB, Exchange: o.Exchange, Room: "register", Secret: s.secret, Over: s.over, Changed: o.Changed, Now: o.Now, Logger: o.Logger})
	return s, err
}

// Run sends what was decided while the exchange could not be reached, until ctx ends.
func (s *Service) Run(ctx context.Context) error { return s.acts.Run(ctx) }

// secret is what shows whose a camera is; who tells of one shows nothing.
func (s *Service) secret(ctx context.Context, a outbox.Act) (client.Secret, error) {
	if a.Action == "register.tell" {
		return nil, nil
	}
	t, err := s.told(ctx, a.Thing)
	return t.secret, err
}

// over keeps what became of an act.
func (s *Service) over(tx *sql.Tx, a outbox.Act, receipt string, refused *client.Problem) (err error) {
	switch unknown := refused != nil && refused.Status == http.StatusNotFound; {
	case a.Action == "register.tell" && refused == nil:
		_, err = tx.Exec(`UPDATE register_told SET confirmed = 1, receipt = ? WHERE id = ?`, receipt, a.Thing)
	case a.Action == "register.change" && refused == nil:
		_, err = tx.Exec(`UPDATE register_told SET details = ? WHERE id = ?`, a.Decision, a.Thing)
	case a.Action == "register.relink" && refused == nil:
		_, err = tx.Exec(`UPDATE register_told SET secret = next, next = ? WHERE id = ?`, []byte{}, a.Thing)
	case a.Action == "register.tell", a.Action == "register.withdraw" && (refused == nil || unknown):
		if _, err = tx.Exec(`DELETE FROM register_told WHERE id = ?`, a.Thing); err == nil {
			err = s.acts.Forget(tx, a.Thing)
		}
	}
	return err
}

// agency is one as the exchange shows it.
type agency struct {
	ORI    string `json:"ori"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Status string `json:"status"`
	Vault  *struct {
		Recipient string `json:"recipient"`
		Entry     uint64 `json:"entry"`
	} `json:"vault"`
}

// Agencies are those that can be told: active, public, not federal.
func (s *Service) Agencies(ctx context.Context) ([]Agency, error) {
	var all []agency
	if err := s.Exchange.Get(ctx, "/agencies", nil, &all); err != nil {
		return nil, err
	}
	out := []Agency{}
	for _, a := range all {
		if a.Status == "active" && a.Kind != "federal" && a.Kind != "private" {
			out = append(out, Agency{a.ORI, a.Name, a.Kind})
		}
	}
	return out, nil
}

// telling is what goes to the exchange of a camera.
type telling struct {
	Form      string   `json:"form,omitempty"`
	Agency    string   `json:"agency,omitempty"`
	OwnerHash []byte   `json:"owner_hash,omitempty"`
	Recipient string   `json:"recipient,omitempty"`
	Place     place    `json:"place"`
	Rounding  string   `json:"rounding"`
	Films     []string `json:"films"`
	Note      string   `json:"note,omitempty"`
	Days      int      `json:"days"`
	Contact   []byte   `json:"contact,omitempty"`
	Vault     string   `json:"vault,omitempty"`
}

type place struct {
	Lon float64 `json:"lon"`
	Lat float64 `json:"lat"`
}

// agency asks the exchange for one.
func (s *Service) agency(ctx context.Context, ori string) (a agency, err error) {
	return a, s.Exchange.Get(ctx, "/agencies/"+ori, nil, &a)
}

// say puts a camera into words for the exchange, its place rounded, its contact
// sealed to the vault that the ledger proves for the agency.
func (s *Service) say(ctx context.Context, camera string, a agency, d Details) (telling, error) {
	all, err := s.Cameras(ctx)
	if err != nil {
		return telling{}, err
	}
	i := slices.IndexFunc(all, func(c home.Camera) bool { return c.ID == camera })
	if i < 0 {
		return telling{}, fmt.Errorf("there is no camera %s", camera)
	}
	lon, lat := d.Rounding.Of(all[i].Place).Degrees()
	t := telling{Place: place{lon, lat}, Rounding: string(d.Rounding), Films: d.Films, Note: strings.TrimSpace(d.Note), Days: d.Days}
	if d.Contact == "" {
		return t, nil
	}
	vault, err := s.vault(ctx, a)
	if err != nil {
		return t, err
	}
	t.Vault = vault.String()
	t.Contact, err = client.Seal([]byte(d.Contact), vault)
	return t, err
}

// vault is the agency's, proved from the ledger.
func (s *Service) vault(ctx context.Context, a agency) (*age.X25519Recipient, error) {
	if a.Vault == nil {
		return nil, fmt.Errorf("%s has no vault yet, so nothing can be sealed to it", a.Name)
	}
	return s.Exchange.Vault(ctx, a.ORI, a.Vault.Entry, client.Evidence)
}

// Tell tells one agency of a camera; one that was told of it before is told the
// details anew. Here as in all that follows: what is decided is kept before it goes
// out, and when the exchange cannot be reached, Run sends it later by itself, once.
// *client.Problem (refused, and not told), client.ErrUnproved.
func (s *Service) Tell(ctx context.Context, camera, ori string, d Details) (Told, error) {
	all, err := s.All(ctx)
	if err != nil {
		return Told{}, err
	}
	if i := slices.IndexFunc(all, func(t Told) bool { return t.Camera == camera && t.Agency == ori }); i >= 0 {
		if err := s.tell(ctx, &all[i]); err != nil || reflect.DeepEqual(all[i].Details, d) {
			return all[i], err
		}
		return s.Change(ctx, all[i].ID, d)
	}
	t := Told{ID: gate.NewActID(), Camera: camera, Agency: ori, Details: d, At: s.Now(), secret: client.NewSecret()}
	if err := s.tell(ctx, &t); err != nil {
		return t, err
	}
	return s.told(ctx, t.ID)
}

// tell has the exchange know of t, unless it does.
func (s *Service) tell(ctx context.Context, t *Told) error {
	if t.Confirmed {
		return nil
	}
	act := outbox.Act{ID: t.ID, Thing: t.ID, Action: "register.tell", Path: "/register/cameras", Form: "/register/form",
		Keep: func(tx *sql.Tx) error { return keep(tx, *t) }}
	_, err := s.acts.Do(ctx, act, func(act *outbox.Act) error {
		a, err := s.agency(ctx, t.Agency)
		if err != nil {
			return err
		}
		say, err := s.say(ctx, t.Camera, a, t.Details)
		if err != nil {
			return err
		}
		t.Name, say.Agency = a.Name, t.Agency
		if say.OwnerHash, say.Recipient, err = t.secret.Holder(); err == nil {
			act.Body, err = json.Marshal(say)
		}
		return err
	})
	return err
}

// Change replaces what an agency was told. ErrNotFound, *client.Problem, client.ErrUnproved.
func (s *Service) Change(ctx context.Context, id string, d Details) (Told, error) {
	t, err := s.told(ctx, id)
	if err == nil {
		err = s.tell(ctx, &t)
	}
	if err != nil {
		return t, err
	}
	details, err := json.Marshal(d)
	if err != nil {
		return t, err
	}
	act := outbox.Act{Thing: id, Action: "register.change", Decision: string(details), Path: "/register/camera/change", Latest: true}
	if _, err := s.acts.Do(ctx, act, func(act *outbox.Act) error {
		a, err := s.agency(ctx, t.Agency)
		if err != nil {
			return err
		}
		say, err := s.say(ctx, t.Camera, a, d)
		if err == nil {
			act.Body, err = json.Marshal(say)
		}
		return err
	}); err != nil {
		return t, err
	}
	return s.told(ctx, id)
}

// Withdraw takes a camera back: the exchange erases it, then this house. The
// receipt proves it; there is none when the exchange never heard of the camera.
// ErrNotFound, ErrElsewhere, *client.Problem, client.ErrUnproved.
func (s *Service) Withdraw(ctx context.Context, id string) (receipt string, err error) {
	t, err := s.told(ctx, id)
	if err != nil {
		return "", err
	}
	act := outbox.Act{Thing: id, Action: "register.withdraw", Path: "/register/camera/withdraw"}
	receipt, err = s.acts.Do(ctx, act, func(*outbox.Act) error { return nil })
	if p := (*client.Problem)(nil); errors.As(err, &p) && p.Status == http.StatusNotFound {
		if err = nil; t.Confirmed {
			err = ErrElsewhere
		}
	}
	return receipt, err
}

// Relink replaces the link to a camera, as somebody else may have seen it: from then
// on the old one opens nothing. ErrNotFound, *client.Problem, client.ErrUnproved.
func (s *Service) Relink(ctx context.Context, id string) error {
	t, err := s.told(ctx, id)
	if err == nil {
		err = s.tell(ctx, &t)
	}
	if err != nil {
		return err
	}
	var next client.Secret
	act := outbox.Act{Thing: id, Action: "register.relink", Path: "/register/camera/relink", Keep: func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE register_told SET next = ? WHERE id = ?`, []byte(next), id)
		return err
	}}
	_, err = s.acts.Do(ctx, act, func(act *outbox.Act) error {
		var now struct{ Past []byte }
		if err := s.Exchange.Get(ctx, "/register/camera", t.secret, &now); err != nil {
			return err
		}
		var link client.NextLink
		if next, link, err = t.secret.Next(now.Past); err == nil {
			act.Body, err = json.Marshal(link)
		}
		return err
	})
	return err
}

// Looks is what became of a camera: who looked, and letters. ErrNotFound,
// *client.Problem.
func (s *Service) Looks(ctx context.Context, id string) (Followed, error) {
	t, err := s.told(ctx, id)
	if err != nil {
		return Followed{}, err
	}
	var in struct {
		Looks    []Look
		Past     []byte
		Messages []struct {
			FromOwner bool `json:"from_owner"`
			Sealed    []byte
			At        time.Time
			Entry     uint64
		}
	}
	if err := s.Exchange.Get(ctx, "/register/camera", t.secret, &in); err != nil {
		return Followed{Told: t}, err
	}
	f := Followed{Told: t, Looks: in.Looks, Messages: []Message{}, Link: t.secret.Link(s.Exchange.URL, "/camera/mine")}
	for _, m := range in.Messages {
		text, err := t.secret.OpenAny(in.Past, m.Sealed)
		if err != nil {
			text = nil
		}
		f.Messages = append(f.Messages, Message{m.At, m.FromOwner, string(text), m.Entry})
	}
	return f, nil
}

// Prove fetches and checks the receipt of a look or a letter. ErrNotFound,
// client.ErrUnproved, *client.Problem.
func (s *Service) Prove(ctx context.Context, id string, entry uint64, action string) (receipt string, err error) {
	t, err := s.told(ctx, id)
	if err != nil {
		return "", err
	}
	var out struct{ Receipt string }
	if err := s.Exchange.Get(ctx, fmt.Sprintf("/register/camera/receipts/%d", entry), t.secret, &out); err != nil {
		return "", err
	}
	return out.Receipt, s.Exchange.Proves(out.Receipt, action, entry, nil)
}

// Write sends the agency a letter that only it and this house can open; until the
// exchange has it, the same text once more is the same letter. ErrNotFound,
// client.ErrUnproved, *client.Problem.
func (s *Service) Write(ctx context.Context, id, text string) error {
	t, err := s.told(ctx, id)
	if err == nil {
		err = s.tell(ctx, &t)
	}
	if err != nil {
		return err
	}
	act := outbox.Act{Thing: id, Action: "register.write", Decision: text, Path: "/register/camera/messages"}
	_, err = s.acts.Do(ctx, act, func(act *outbox.Act) error {
		a, err := s.agency(ctx, t.Agency)
		if err != nil {
			return err
		}
		vault, err := s.vault(ctx, a)
		if err != nil {
			return err
		}
		own, err := t.secret.Identity()
		if err != nil {
			return err
		}
		sealed, err := client.Seal([]byte(text), vault, own.Recipient())
		if err == nil {
			act.Body, err = json.Marshal(map[string]any{"sealed": sealed})
		}
		return err
	})
	return err
}

// All is everything that was told, oldest first.
func (s *Service) All(ctx context.Context) ([]Told, error) {
	ts, err := s.query(ctx, `1 = 1 ORDER BY at`)
	if err != nil {
		return nil, err
	}
	acts, err := s.acts.Kept(ctx, "")
	for i := range ts {
		ts[i].Waiting = []string{}
		for _, a := range acts {
			if a.Thing == ts[i].ID {
				ts[i].Waiting = append(ts[i].Waiting, a.Action)
			}
		}
	}
	return ts, err
}

func (s *Service) told(ctx context.Context, id string) (Told, error) {
	ts, err := s.query(ctx, `id = ?`, id)
	if err == nil && len(ts) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Told{}, err
	}
	return ts[0], nil
}

func (s *Service) query(ctx context.Context, where string, args ...any) ([]Told, error) {
	ts, err := db.All(func(row db.Row) (t Told, err error) {
		var details string
		if err := row.Scan(&t.ID, &t.Camera, &t.Agency, &t.Name, &details, db.Into(&t.At), &t.Confirmed, &t.Receipt, (*[]byte)(&t.secret)); err != nil {
			return t, err
		}
		return t, json.Unmarshal([]byte(details), &t.Details)
	})(s.DB.Read().QueryContext(ctx, `SELECT id, camera, agency, name, details, at, confirmed, receipt, secret FROM register_told WHERE `+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading what was told: %w", err)
	}
	return ts, nil
}

func keep(tx *sql.Tx, t Told) error {
	details, err := json.Marshal(t.Details)
	if err == nil {
		_, err = tx.Exec(`INSERT INTO register_told (id, camera, agency, name, details, at, secret) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			t.ID, t.Camera, t.Agency, t.Name, string(details), db.Micros(t.At), []byte(t.secret))
	}
	return err
}
