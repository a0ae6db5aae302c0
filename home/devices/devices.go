// Package devices are the phones and computers that a household has let into its
// Porchlight. There is no password: a device is paired by a code that the box's
// own console, or a device already paired, shows; it is good once and for ten
// minutes. From then on the device has a token of its own, kept here only as its
// SHA-256, until somebody removes the device.
package devices

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"porchlight/db"

	"github.com/oklog/ulid/v2"
)

// Device is a phone or computer that may come in.
type Device struct {
	ID    string    // ULID
	Name  string    // as its owner calls it
	By    string    // name of the device that showed the code; "" the console
	Added time.Time //
	Used  time.Time // to the hour
}

// Code pairs one device.
type Code struct {
	Text    string // eight letters and digits in two groups: "K3QW-7MZP"
	Expires time.Time
}

const (
	codeLife  = 10 * time.Minute
	codeChars = 8                    // of base 32: 40 bits
	openCodes = 4                    // at once; a fifth pushes out the oldest
	life      = 400 * 24 * time.Hour // a device unused for so long is forgotten
	maxName   = 60                   // characters

	// Wrong codes a minute, from one address (IPv6: /64) and in all. With ten
	// minutes a code and four of them open, the chance to guess is 1 in 10^9.
	triesOne, triesAll = 5, 30
)

// What callers branch on.
var (
	ErrCode     = errors.New("devices: this code is not right, was used, or is older than ten minutes")
	ErrTooMany  = errors.New("devices: too many wrong codes; wait a minute")
	ErrNotFound = errors.New("devices: no such device")
	ErrName     = errors.New("devices: give the device a name of at most 60 characters")
)

// Service keeps the devices. Safe for concurrent use.
type Service struct {
	db    *db.DB
	now   func() time.Time
	tries tries
}

// Open makes the tables; now is nil for time.Now.
func Open(ctx context.Context, d *db.DB, now func() time.Time) (*Service, error) {
	if now == nil {
		now = time.Now
	}
	return &Service{db: d, now: now}, d.Migrate(ctx, "home_devices", migrations)
}

// NewCode makes a code to show. by is the id of the device that shows it, "" for
// the console.
func (s *Service) NewCode(ctx context.Context, by string) (Code, error) {
	text := rand.Text()[:codeChars]
	c := Code{Text: text[:codeChars/2] + "-" + text[codeChars/2:], Expires: s.now().Add(codeLife)}
	return c, s.db.Write(ctx, func(tx *sql.Tx) error { return insertCode(ctx, tx, hash(text), by, c.Expires, s.now()) })
}

// Pair lets a device in: token is for its cookie. Of two devices with the same
// code one comes in. ErrCode, ErrTooMany or ErrName.
func (s *Service) Pair(ctx context.Context, code, name string, from netip.Addr) (token string, d Device, err error) {
	name = strings.TrimSpace(name)
	if name == "" || utf8.RuneCountInString(name) > maxName {
		return "", d, ErrName
	}
	now := s.now()
	if !s.tries.allowed(from, now) {
		return "", d, ErrTooMany
	}
	token = rand.Text()
	d = Device{ID: strings.ToLower(ulid.Make().String()), Name: name, Added: now, Used: now}
	err = s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		d.By, err = takeCode(ctx, tx, hash(normal(code)), now)
		if err != nil {
			return err
		}
		return insert(ctx, tx, d, hash(token))
	})
	if errors.Is(err, ErrCode) {
		s.tries.wrong(from, now)
	}
	if err != nil {
		return "", Device{}, err
	}
	return token, d, nil
}

// Session is the device of a token. ErrNotFound if there is none, any more.
func (s *Service) Session(ctx context.Context, token string) (Device, error) {
	now := s.now()
	d, err := byToken(ctx, s.db.Read(), hash(token))
	switch {
	case err != nil:
		return Device{}, err
	case now.Sub(d.Used) > life:
		return Device{}, ErrNotFound
	case now.Sub(d.Used) > time.Hour: // not a write for every request
		d.Used = now
		err = s.db.Write(ctx, func(tx *sql.Tx) error { return touch(ctx, tx, d.ID, now) })
	}
	return d, err
}

// List is who may come in, oldest first.
func (s *Service) List(ctx context.Context) ([]Device, error) { return list(ctx, s.db.Read()) }

// Rename changes a device's name. ErrNotFound, ErrName.
func (s *Service) Rename(ctx context.Context, id, name string) error {
	name = strings.TrimSpace(name)
	if name == "" || utf8.RuneCountInString(name) > maxName {
		return ErrName
	}
	return s.db.Write(ctx, func(tx *sql.Tx) error { return rename(ctx, tx, id, name) })
}

// Remove ends a device's access at once. ErrNotFound.
func (s *Service) Remove(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error { return remove(ctx, tx, id) })
}

// normal is a code as it was made, from what somebody typed: O for 0, I for 1
// and B for 8 (base 32 has neither of these digits), groups joined.
func normal(typed string) string {
	return strings.NewReplacer("0", "O", "1", "I", "8", "B", "-", "", " ", "").Replace(strings.ToUpper(strings.TrimSpace(typed)))
}

func hash(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return h[:]
}

// tries counts wrong codes by the minute.
type tries struct {
	mu     sync.Mutex
	minute time.Time
	all    int
	by     map[netip.Prefix]int
}

func (t *tries) allowed(from netip.Addr, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := now.Truncate(time.Minute); !m.Equal(t.minute) {
		t.minute, t.all, t.by = m, 0, map[netip.Prefix]int{}
	}
	return t.all < triesAll && t.by[network(from)] < triesOne
}

func (t *tries) wrong(from netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all++
	t.by[network(from)]++
}

// network is what one machine can have for itself.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits) // the zero Prefix for the zero Addr
	return p
}

// String does not show the code: it must not reach a log.
func (c Code) String() string { return fmt.Sprintf("a code until %s", c.Expires.Format(time.TimeOnly)) }
