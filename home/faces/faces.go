// Package faces is Familiar Faces: the house tells its people "Sam at Front door".
//
// It is off until somebody in the house switches it on, and cannot be switched on
// where the law forbids it (policy/packs, home.json): by the place the household
// says it lives in, and by where its cameras hang. Only people who agreed are
// known, up to 50, each with the date, the words and the giver of her consent, and
// with a link at which she sees what is kept of her and can erase it.
//
// Of everybody else nothing is kept: a stranger's face becomes 128 numbers in
// memory, which are compared and forgotten. Pictures are kept of nobody.
//
// Nothing of this leaves the house. internal/housetest forbids the packages that
// send anything to know this one.
package faces

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"porchlight/db"
	"porchlight/home/cameras"
	"porchlight/policy/packs"
	"porchlight/vision"
)

// Place is where the house is.
type Place struct {
	Code string `json:"code"` // ISO 3166-2 ("US-OR"), in other countries ISO 3166-1 will do ("NL"); "" not said
	City string `json:"city"` // in English, e.g. "Portland"
}

// Consent is that a person agreed to be recognized.
type Consent struct {
	Given time.Time `json:"given"` // the day
	By    string    `json:"by"`    // who gave it: herself, or a parent's name
	Text  string    `json:"text"`  // what was agreed to, word for word as it was shown
}

// Person is somebody the house knows by her face.
type Person struct {
	ID       string    `json:"id"`   // ULID
	Name     string    `json:"name"` // as the household calls her
	Added    time.Time `json:"added"`
	Consent  Consent   `json:"consent"`
	Pictures int       `json:"pictures"` // by which she is known; they themselves are not kept
}

// Status is whether faces are compared, and why not.
type Status struct {
	On      bool           `json:"on"`
	Place   Place          `json:"place"`
	Refused *packs.HomeLaw `json:"refused"` // the law that forbids it; nil: it may be switched on
}

// Seen is that somebody the house knows was seen.
type Seen struct {
	Person, Name string
	Camera       string // id
	At           time.Time
}

// Cameras is what this package needs of home/cameras: where they hang.
type Cameras interface {
	List(ctx context.Context) ([]cameras.Camera, error)
}

// Nets finds faces and describes them.
type Nets interface {
	vision.Faces
	vision.FaceEmbedder
}

// Options are what a Service needs. DB, Cameras and Nets are needed.
type Options struct {
	DB      *db.DB
	Cameras Cameras
	Nets    Nets
	Notify  func(context.Context, Seen) error                // tells the household; nil: nobody is told
	Forget  func(ctx context.Context, personID string) error // takes her name off what was seen; nil: nothing has it
	Now     func() time.Time                                 // nil: time.Now
	Logger  *slog.Logger                                     // nil: discards
}

var (
	// ErrNotFound: no such person, or no such link.
	ErrNotFound = errors.New("there is no such person")
	// ErrFull: 50 people are known.
	ErrFull = errors.New("the house knows 50 people already: remove one first")
	// ErrConsent: without consent nobody is known.
	ErrConsent = errors.New("say when she agreed, who agreed and to which words; the day may not lie in the future")
	// ErrName: a name has 1 to 60 characters.
	ErrName = errors.New("a name has 1 to 60 characters")
	// ErrPicture: a picture does not show one clear face.
	ErrPicture = errors.New("the picture must show one face, clearly and from the front, and nobody else's")
	// ErrPictures: she is known by 10 pictures.
	ErrPictures = errors.New("10 pictures of a person are enough: remove her and start again with better ones")
	// ErrPlace: the household has not said where it lives, or not clearly.
	ErrPlace = errors.New("say first where the house is: country and state, for Oregon also the city")
	// ErrOff: nothing is learned while it is off.
	ErrOff = errors.New("switch Familiar Faces on first")
)

// RefusedError is that the law forbids it.
type RefusedError struct{ Law packs.HomeLaw }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s (%s)", e.Law.FamiliarFaces.Plain, e.Law.FamiliarFaces.Citation)
}

const (
	maxPeople   = 50
	maxPictures = 10

	alike   = 0.955 // cosine from which two faces are one person's: dlib's own threshold, a distance of 0.6, is looser
	certain = 0.75  // score of a face that is learned
	sharp   = 40    // pixels: width of a face that is learned
	least   = 24    // pixels: width of a face that is compared

	fresh = 2 * time.Minute  // what was seen longer ago is not told: the house was behind
	quiet = 10 * time.Minute // until the same person at the same camera is told again
)

// Service knows faces. Safe for concurrent use.
type Service struct {
	Options
	laws []packs.HomeLaw

	mu      sync.RWMutex
	on      bool
	people  map[string]string // names by id
	known   map[string][]vision.Embedding
	told    map[[2]string]time.Time // by person and camera
	changes sync.Mutex              // one change at a time
}

// Open opens what the house knows of faces. What was deleted and, because of a
// crash, not yet wiped from the database's files, is wiped.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "home_faces", migrations); err != nil {
		return nil, err
	}
	s := &Service{Options: o, told: map[[2]string]time.Time{}}
	var err error
	if s.laws, err = packs.Homes(); err != nil {
		return nil, fmt.Errorf("the law on faces: %w", err)
	}
	if err := s.wipe(ctx); err != nil {
		o.Logger.Warn("what was deleted is not wiped yet", "err", err)
	}
	if err := s.load(ctx); err != nil {
		return nil, fmt.Errorf("familiar faces: %w", err)
	}
	return s, s.Check(ctx)
}

// load reads what is compared with.
func (s *Service) load(ctx context.Context) error {
	set, err := loadSetting(ctx, s.DB.Read())
	if err != nil {
		return err
	}
	known, err := loadLikenesses(ctx, s.DB)
	if err != nil {
		return err
	}
	people, err := s.People(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, p := range people {
		names[p.ID] = p.Name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on, s.known, s.people = set.on, known, names
	return nil
}

// refused is the law that forbids it in a place or where a camera hangs; nil: none.
func (s *Service) refused(ctx context.Context, p Place) (*packs.HomeLaw, error) {
	list, err := s.Cameras.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, law := range s.laws {
		if law.FamiliarFaces == nil {
			continue
		}
		if law.Covers(p.Code, p.City) || slices.ContainsFunc(list, func(c cameras.Camera) bool {
			lon, lat := c.Place.Degrees()
			return law.Holds(lat, lon)
		}) {
			return &law, nil
		}
	}
	return nil, nil
}

// Status is whether faces are compared, and why not.
func (s *Service) Status(ctx context.Context) (Status, error) {
	set, err := loadSetting(ctx, s.DB.Read())
	if err != nil {
		return Status{}, err
	}
	law, err := s.refused(ctx, set.place)
	return Status{On: set.on && law == nil, Place: set.place, Refused: law}, err
}

// Check switches it off and forgets everybody where the law forbids it. Open and
// Who do so; who moves a camera may call it to have it done at once.
func (s *Service) Check(ctx context.Context) error {
	set, err := loadSetting(ctx, s.DB.Read())
	if err != nil {
		return err
	}
	law, err := s.refused(ctx, set.place)
	if err != nil || law == nil {
		return err
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	return s.switchOff(ctx, set)
}

// switchOff switches it off and forgets everybody.
func (s *Service) switchOff(ctx context.Context, set setting) error {
	set.on = false
	return s.remove(ctx, "", set)
}

// SetPlace says where the house is. In a place whose law forbids Familiar Faces it
// is switched off and everybody is forgotten. ErrPlace.
func (s *Service) SetPlace(ctx context.Context, p Place) error {
	p = Place{strings.ToUpper(strings.TrimSpace(p.Code)), strings.TrimSpace(p.City)}
	if !p.clear() {
		return ErrPlace
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	law, err := s.refused(ctx, p)
	if err != nil {
		return err
	}
	set, err := loadSetting(ctx, s.DB.Read())
	if err != nil {
		return err
	}
	set.place = p
	if law != nil {
		return s.switchOff(ctx, set)
	}
	return s.write(ctx, func(tx *sql.Tx) error { return putSetting(ctx, tx, set) })
}

// clear reports whether the place is exact enough to know its law.
func (p Place) clear() bool {
	country, state, _ := strings.Cut(p.Code, "-")
	letters := func(s string, min, max int) bool {
		return len(s) >= min && len(s) <= max && strings.IndexFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) < 0
	}
	if !letters(country, 2, 2) || state != "" && !letters(state, 1, 3) || len(p.City) > 100 {
		return false
	}
	switch country {
	case "US", "CA":
		return state != "" && (p.Code != "US-OR" || p.City != "")
	}
	return true
}

// Switch switches it on or off. Off, faces are not looked for; who is known stays
// known until she is removed. ErrPlace, *RefusedError.
func (s *Service) Switch(ctx context.Context, on bool) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	set, err := loadSetting(ctx, s.DB.Read())
	if err != nil {
		return err
	}
	if on {
		if !set.place.clear() {
			return ErrPlace
		}
		law, err := s.refused(ctx, set.place)
		if err != nil {
			return err
		}
		if law != nil {
			return &RefusedError{*law}
		}
	}
	set.on = on
	return s.write(ctx, func(tx *sql.Tx) error { return putSetting(ctx, tx, set) })
}

// write changes the store, and what is in memory after it.
func (s *Service) write(ctx context.Context, change func(tx *sql.Tx) error) error {
	if err := s.DB.Write(ctx, change); err != nil {
		return err
	}
	return s.load(ctx)
}

// On reports whether faces are compared.
func (s *Service) On() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.on && len(s.known) > 0
}

// People are those the house knows, by name.
func (s *Service) People(ctx context.Context) ([]Person, error) {
	return db.All(scan)(s.DB.Read().QueryContext(ctx, columns+"ORDER BY name, id"))
}

// Add makes somebody known by pictures of her, and returns the secret of her link:
// 22 characters, which are not kept and cannot be shown again. ErrOff, ErrConsent,
// ErrName, ErrFull, ErrPicture.
func (s *Service) Add(ctx context.Context, name string, consent Consent, pictures ...vision.Frame) (p Person, link string, err error) {
	s.changes.Lock()
	defer s.changes.Unlock()
	if err := s.mayLearn(ctx); err != nil {
		return p, "", err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	name, consent.By = strings.TrimSpace(name), strings.TrimSpace(consent.By)
	consent.Given = consent.Given.UTC().Truncate(time.Microsecond)
	switch n := len([]rune(name)); {
	case n < 1 || n > 60:
		return p, "", ErrName
	case consent.Given.IsZero() || consent.Given.After(now.Add(24*time.Hour)) || consent.By == "" || strings.TrimSpace(consent.Text) == "" || len(consent.By)+len(consent.Text) > 10_000:
		return p, "", ErrConsent
	case len(pictures) == 0:
		return p, "", ErrPicture
	case len(pictures) > maxPictures:
		return p, "", ErrPictures
	}
	people, err := s.People(ctx)
	if err != nil {
		return p, "", err
	}
	if len(people) >= maxPeople {
		return p, "", ErrFull
	}
	var likenesses []vision.Embedding
	for _, f := range pictures {
		v, err := s.learn(f)
		if err != nil {
			return p, "", err
		}
		likenesses = append(likenesses, v)
	}
	p = Person{ID: strings.ToLower(ulid.Make().String()), Name: name, Added: now, Consent: consent, Pictures: len(likenesses)}
	link, hash := newLink()
	err = s.write(ctx, func(tx *sql.Tx) error {
		for _, v := range likenesses {
			if err := insertLikeness(ctx, tx, p.ID, now, v); err != nil {
				return err
			}
		}
		return insertPerson(ctx, tx, p, hash)
	})
	if err != nil {
		return Person{}, "", err
	}
	return p, link, nil
}

// Teach adds a picture of somebody known. ErrOff, ErrNotFound, ErrPicture, ErrPictures.
func (s *Service) Teach(ctx context.Context, id string, picture vision.Frame) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	if err := s.mayLearn(ctx); err != nil {
		return err
	}
	p, err := scan(s.DB.Read().QueryRowContext(ctx, columns+"WHERE id = ?", id))
	if err != nil {
		return err
	}
	if p.Pictures >= maxPictures {
		return ErrPictures
	}
	v, err := s.learn(picture)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error { return insertLikeness(ctx, tx, id, s.Now(), v) })
}

func (s *Service) mayLearn(ctx context.Context) error {
	st, err := s.Status(ctx)
	switch {
	case err != nil:
		return err
	case st.Refused != nil:
		return &RefusedError{*st.Refused}
	case !st.On:
		return ErrOff
	}
	return nil
}

// learn describes the one clear face of a picture.
func (s *Service) learn(f vision.Frame) (vision.Embedding, error) {
	found, err := s.Nets.Faces(f)
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(face vision.Face) bool { return face.Score < certain })
	if len(found) != 1 || found[0].Box.W < sharp {
		return nil, ErrPicture
	}
	return s.Nets.EmbedFace(f, found[0])
}

// Who are the ids of the named people in a frame. The household is told of those
// seen just now.
func (s *Service) Who(ctx context.Context, camera string, at time.Time, f vision.Frame) (ids []string, err error) {
	if !s.On() {
		return nil, nil
	}
	if st, err := s.Status(ctx); err != nil || st.Refused != nil { // a camera was hung elsewhere
		if err == nil {
			err = s.Check(ctx)
		}
		return nil, err
	}
	found, err := s.Nets.Faces(f)
	if err != nil {
		return nil, err
	}
	for _, face := range found {
		if face.Score < 0.5 || face.Box.W < least {
			continue
		}
		v, err := s.Nets.EmbedFace(f, face)
		if err != nil {
			return nil, err
		}
		id := s.closest(v)
		clear(v)
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if err := s.tell(ctx, id, camera, at); err != nil {
			s.Logger.Warn("the household was not told of a familiar face", "err", err)
		}
	}
	return ids, nil
}

// closest is who of the known people a face is; "" nobody.
func (s *Service) closest(v vision.Embedding) (id string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	best := float32(alike)
	for person, list := range s.known {
		for _, k := range list {
			if c := cosine(v, k); c > best {
				id, best = person, c
			}
		}
	}
	return id
}

func cosine(a, b vision.Embedding) (sum float32) {
	if len(a) != len(b) {
		return -1
	}
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// tell tells the household, of the same person at the same camera now and then.
func (s *Service) tell(ctx context.Context, id, camera string, at time.Time) error {
	now := s.Now()
	if s.Notify == nil || now.Sub(at) > fresh {
		return nil
	}
	s.mu.Lock()
	last, name := s.told[[2]string{id, camera}], s.people[id]
	due := name != "" && (last.IsZero() || at.Sub(last) >= quiet || last.After(now.Add(quiet)))
	if due {
		s.told[[2]string{id, camera}] = at
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	return s.Notify(ctx, Seen{Person: id, Name: name, Camera: camera, At: at})
}

// Remove forgets a person: her name, her consent, what her face looks like, and
// her name on what was seen. When it returns, nothing of it is in the database's
// files. ErrNotFound; after any other error Remove is to be repeated.
func (s *Service) Remove(ctx context.Context, id string) error {
	if id == "" {
		return ErrNotFound
	}
	s.changes.Lock()
	defer s.changes.Unlock()
	set, err := loadSetting(ctx, s.DB.Read())
	if err != nil {
		return err
	}
	return s.remove(ctx, id, set)
}

// remove forgets one person, or everybody when id is "", and stores the setting.
func (s *Service) remove(ctx context.Context, id string, set setting) error {
	people, err := s.People(ctx)
	if err != nil {
		return err
	}
	for _, p := range people {
		if s.Forget != nil && (id == "" || p.ID == id) {
			if err := s.Forget(ctx, p.ID); err != nil {
				return fmt.Errorf("taking the name off what was seen: %w", err)
			}
		}
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		n, err := removePerson(ctx, tx, id)
		if err == nil && n == 0 && id != "" {
			err = ErrNotFound
		}
		set.scrub = set.scrub || n > 0
		return cmp.Or(err, putSetting(ctx, tx, set))
	})
	if err != nil {
		return err
	}
	return s.wipe(ctx)
}

// wipe empties the database's files of what was deleted.
func (s *Service) wipe(ctx context.Context) error {
	set, err := loadSetting(ctx, s.DB.Read())
	if err != nil || !set.scrub {
		return err
	}
	if err := s.DB.Scrub(ctx, tables...); err != nil {
		return fmt.Errorf("wiping what was deleted: %w", err)
	}
	set.scrub = false
	return s.DB.Write(ctx, func(tx *sql.Tx) error { return putSetting(ctx, tx, set) })
}

// NewLink replaces a person's link, whose old one ends. ErrNotFound.
func (s *Service) NewLink(ctx context.Context, id string) (string, error) {
	link, hash := newLink()
	return link, s.DB.Write(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, "UPDATE home_faces_person SET link_hash = ? WHERE id = ?", hash, id)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return cmp.Or(err, ErrNotFound)
		}
		return nil
	})
}

// ByLink is what is kept of the person whose link it is. ErrNotFound.
func (s *Service) ByLink(ctx context.Context, link string) (Person, error) {
	return scan(s.DB.Read().QueryRowContext(ctx, columns+"WHERE link_hash = ?", hashOf(link)))
}

// EraseByLink is Remove by the person herself. ErrNotFound.
func (s *Service) EraseByLink(ctx context.Context, link string) error {
	p, err := s.ByLink(ctx, link)
	if err != nil {
		return err
	}
	return s.Remove(ctx, p.ID)
}

func newLink() (link string, hash []byte) {
	b := make([]byte, 16)
	rand.Read(b)
	link = base64.RawURLEncoding.EncodeToString(b)
	return link, hashOf(link)
}

func hashOf(link string) []byte {
	h := sha256.Sum256([]byte("porchlight home face link\n" + link))
	return h[:]
}
