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
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/share/client"

	"filippo.io/age"
)

// Options joins the room to its neighbors. DB, Exchange and Cameras are needed.
type Options struct {
	DB       *db.DB
	Exchange *client.Exchange
	Cameras  func(context.Context) ([]home.Camera, error)
	Now      func() time.Time // default time.Now
}

// Service keeps what was told. Safe for concurrent use.
type Service struct{ Options }

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
	ID        string    `json:"id"`     // at the exchange
	Camera    string    `json:"camera"` // home.Camera.ID
	Agency    string    `json:"agency"` // ORI
	Name      string    `json:"name"`   // of the agency
	Details   Details   `json:"details"`
	At        time.Time `json:"at"`
	Confirmed bool      `json:"confirmed"` // the exchange answered; else telling is to be repeated
	Receipt   string    `json:"receipt"`

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
}

// ErrNotFound: no agency was told of that camera, or it was taken back.
var ErrNotFound = errors.New("home/register: there is no such camera in a register")

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
`}

// Open opens the room.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o}, o.DB.Migrate(ctx, "home.register", migrations)
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

// Tell tells one agency of a camera. The link is kept before anything is sent,
// and Tell with the same id repeats what was cut short; id "" begins anew.
// *client.Problem, client.ErrUnproved.
func (s *Service) Tell(ctx context.Context, id, camera, ori string, d Details) (Told, error) {
	var a agency
	if err := s.Exchange.Get(ctx, "/agencies/"+ori, nil, &a); err != nil {
		return Told{}, err
	}
	say, err := s.say(ctx, camera, a, d)
	if err != nil {
		return Told{}, err
	}
	t, err := s.told(ctx, id)
	if errors.Is(err, ErrNotFound) {
		if id == "" {
			id = gate.NewActID()
		}
		t = Told{ID: id, Camera: camera, Agency: ori, Name: a.Name, Details: d, At: s.Now(), secret: client.NewSecret()}
		err = s.keep(ctx, t)
	}
	if err != nil {
		return t, err
	}
	if t.Confirmed {
		return t, nil
	}
	if say.Form, err = s.Exchange.Form(ctx, "/register/form"); err != nil {
		return t, err
	}
	say.Agency = ori
	if say.OwnerHash, say.Recipient, err = t.secret.Holder(); err != nil {
		return t, err
	}
	if t.Receipt, err = s.Exchange.Act(ctx, t.ID, "/register/cameras", "register.tell", nil, say); err != nil {
		return t, err
	}
	t.Confirmed, t.Details = true, d
	return t, s.keep(ctx, t)
}

// Change replaces what an agency was told. ErrNotFound, *client.Problem, client.ErrUnproved.
func (s *Service) Change(ctx context.Context, id string, d Details) (Told, error) {
	t, err := s.told(ctx, id)
	if err != nil {
		return t, err
	}
	var a agency
	if err := s.Exchange.Get(ctx, "/agencies/"+t.Agency, nil, &a); err != nil {
		return t, err
	}
	say, err := s.say(ctx, t.Camera, a, d)
	if err != nil {
		return t, err
	}
	if _, err := s.Exchange.Act(ctx, gate.NewActID(), "/register/camera/change", "register.change", t.secret, say); err != nil {
		return t, err
	}
	t.Details = d
	return t, s.keep(ctx, t)
}

// Withdraw takes a camera back: the exchange erases it, then this house. The
// receipt proves it. ErrNotFound, *client.Problem, client.ErrUnproved.
func (s *Service) Withdraw(ctx context.Context, id string) (receipt string, err error) {
	t, err := s.told(ctx, id)
	if err != nil {
		return "", err
	}
	receipt, err = s.Exchange.Act(ctx, gate.NewActID(), "/register/camera/withdraw", "register.withdraw", t.secret, nil)
	var p *client.Problem
	if errors.As(err, &p) && p.Status == 404 {
		err = nil // it was taken back before, or never arrived
	}
	if err != nil {
		return "", err
	}
	return receipt, s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM register_told WHERE id = ?`, id)
		return err
	})
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
	f := Followed{Told: t, Looks: in.Looks, Messages: []Message{}}
	for _, m := range in.Messages {
		text, err := t.secret.Open(m.Sealed)
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

// Write sends the agency a letter that only it and this house can open.
// ErrNotFound, client.ErrUnproved, *client.Problem.
func (s *Service) Write(ctx context.Context, id, text string) error {
	t, err := s.told(ctx, id)
	if err != nil {
		return err
	}
	var a agency
	if err := s.Exchange.Get(ctx, "/agencies/"+t.Agency, nil, &a); err != nil {
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
	if err != nil {
		return err
	}
	_, err = s.Exchange.Act(ctx, gate.NewActID(), "/register/camera/messages", "register.write", t.secret, map[string]any{"sealed": sealed})
	return err
}

// All is everything that was told, oldest first.
func (s *Service) All(ctx context.Context) ([]Told, error) {
	return s.query(ctx, `1 = 1 ORDER BY at`)
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

func (s *Service) keep(ctx context.Context, t Told) error {
	details, err := json.Marshal(t.Details)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO register_told (id, camera, agency, name, details, at, confirmed, receipt, secret) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET details = excluded.details, confirmed = excluded.confirmed, receipt = excluded.receipt`,
			t.ID, t.Camera, t.Agency, t.Name, string(details), db.Micros(t.At), t.Confirmed, t.Receipt, []byte(t.secret))
		return err
	})
}
