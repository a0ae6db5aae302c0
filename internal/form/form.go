// Package form keeps programs from flooding what anybody may send without an
// account, knowing nothing of who sends it: a form counts once and takes a
// person some seconds to fill in, and all senders together may send so many an
// hour.
package form

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

// Takes is how long a person needs at least, Lasts how long a form is good.
const (
	Takes = 4 * time.Second
	Lasts = 12 * time.Hour
)

// ErrSlow: there were so many that this one must wait; or its form was filled
// in faster than a person could, twice, or is none.
var ErrSlow = errors.New("form: please wait a few minutes and send it again")

// Forms are the forms of one kind. Safe for concurrent use.
type Forms struct {
	key  [32]byte // the same on every node
	kind string   // tells the forms of one kind from those of another under the same key
	now  func() time.Time
	hour *Hour

	mu   sync.Mutex
	used map[string]time.Time // forms sent
}

// New makes forms of a kind under a key; at most hour of them an hour are taken.
func New(key [32]byte, kind string, hour int, now func() time.Time) *Forms {
	return &Forms{key: key, kind: kind, now: now, hour: NewHour(hour, now), used: map[string]time.Time{}}
}

// Token makes a form: when it was handed out, eight random bytes, a MAC.
func (f *Forms) Token() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(f.now().UnixMilli()))
	rand.Read(b[8:])
	return base64.RawURLEncoding.EncodeToString(append(b[:], f.mac(b[:])...))
}

func (f *Forms) mac(b []byte) []byte {
	m := hmac.New(sha256.New, f.key[:])
	m.Write([]byte(f.kind + "\n"))
	m.Write(b)
	return m.Sum(nil)[:16]
}

// Take takes up a form; ErrSlow.
func (f *Forms) Take(token string) error {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 32 || !hmac.Equal(b[16:], f.mac(b[:16])) {
		return ErrSlow // a new form helps
	}
	now := f.now()
	age := now.Sub(time.UnixMilli(int64(binary.BigEndian.Uint64(b))))
	f.mu.Lock()
	defer f.mu.Unlock()
	for t, at := range f.used {
		if now.Sub(at) > Lasts {
			delete(f.used, t)
		}
	}
	if _, again := f.used[token]; again || age < Takes || age > Lasts {
		return ErrSlow
	}
	if err := f.hour.Take(); err != nil {
		return err
	}
	f.used[token] = now
	return nil
}

// Hour is how much everybody together may do in an hour, on one node. Safe for
// concurrent use.
type Hour struct {
	most int
	now  func() time.Time

	mu     sync.Mutex
	recent []time.Time // of the past hour
}

// NewHour lets something be done most times an hour.
func NewHour(most int, now func() time.Time) *Hour { return &Hour{most: most, now: now} }

// Take counts once more; ErrSlow.
func (h *Hour) Take() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	for len(h.recent) > 0 && now.Sub(h.recent[0]) > time.Hour {
		h.recent = h.recent[1:]
	}
	if len(h.recent) >= h.most {
		return ErrSlow
	}
	h.recent = append(h.recent, now)
	return nil
}
