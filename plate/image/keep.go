package image

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"filippo.io/age"

	"porchlight/gate"
)

// Keep seals a clear picture to its owner's plates vault and keeps it; its id is
// for the read. It is durable on return. What is kept is stripped of metadata;
// no clear byte is written anywhere, and the copy made here is overwritten. The
// same picture of the same time gives the same id while the program runs, so a
// repeated batch keeps nothing twice. *Refused for one that is not kept.
func (s *Service) Keep(ctx context.Context, owner string, seen time.Time, mediaType string, picture []byte) (id string, err error) {
	vault, due, err := s.room(ctx, owner, seen)
	if err != nil {
		return "", err
	}
	clean, err := strip(mediaType, picture)
	if err != nil {
		return "", s.refuse(owner, err)
	}
	defer clear(clean)
	id = s.name(owner, seen, clean)
	if kept, err := s.kept(ctx, id); err != nil || kept {
		return id, err
	}
	to, err := age.ParseX25519Recipient(vault)
	if err != nil {
		return "", fmt.Errorf("the plates vault of %s: %w", owner, err)
	}
	sealed := bytes.NewBuffer(make([]byte, 0, len(clean)+512))
	w, err := age.Encrypt(sealed, to)
	if err == nil {
		_, err = w.Write(clean)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", fmt.Errorf("sealing a picture: %w", err)
	}
	header, payload := cutHeader(sealed.Bytes())
	return id, s.keep(ctx, Picture{ID: id, Owner: owner, Seen: seen, Due: due}, header, payload)
}

// KeepSealed keeps a picture that a Porchlight camera stripped and sealed to its
// owner's plates vault: an age file for one X25519 recipient. Otherwise as Keep.
func (s *Service) KeepSealed(ctx context.Context, owner string, seen time.Time, file []byte) (id string, err error) {
	_, due, err := s.room(ctx, owner, seen)
	if err != nil {
		return "", err
	}
	if len(file) > MaxPicture {
		return "", s.refuse(owner, &Refused{TooBig})
	}
	header, payload := cutHeader(file)
	if header == nil || len(payload) < 32 { // nonce and the tag of an empty chunk
		return "", s.refuse(owner, &Refused{NotSealed})
	}
	id = s.name(owner, seen, file)
	if kept, err := s.kept(ctx, id); err != nil || kept {
		return id, err
	}
	return id, s.keep(ctx, Picture{ID: id, Owner: owner, Seen: seen, Due: due}, header, payload)
}

// room is where a picture would go and until when.
func (s *Service) room(ctx context.Context, owner string, seen time.Time) (vault string, due time.Time, err error) {
	if vault, err = s.Vaults.PlatesVault(ctx, owner); err != nil {
		return "", due, fmt.Errorf("looking up a plates vault: %w", err)
	}
	if vault == "" {
		return "", due, s.refuse(owner, &Refused{NoVault})
	}
	keep, err := s.KeptFor(ctx, owner)
	if err != nil {
		return "", due, err
	}
	if due = dueAt(seen, keep); !due.After(s.Now()) {
		return "", due, s.refuse(owner, &Refused{Over})
	}
	return vault, due, nil
}

// dueAt is when a picture goes: at the whole day, hour or minute before its time
// is over, so that one act ends many.
func dueAt(seen time.Time, keep time.Duration) time.Time {
	unit := 24 * time.Hour
	switch {
	case keep < 2*time.Hour:
		unit = time.Minute
	case keep < 48*time.Hour:
		unit = time.Hour
	}
	return seen.Add(keep).UTC().Truncate(unit)
}

// name makes a picture's id. It depends on the bytes, so that a repeat is known,
// and on a key that only this process has, so that nobody can tell from an id
// whether it is that of a picture she has.
func (s *Service) name(owner string, seen time.Time, data []byte) string {
	mac := hmac.New(sha256.New, s.naming[:])
	fmt.Fprintf(mac, "%s\n%d\n", owner, seen.UnixMilli())
	mac.Write(data)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:16]))
}

// cutHeader splits an age file for exactly one X25519 recipient
// (https://age-encryption.org/v1); header is nil when it is none.
func cutHeader(file []byte) (header, payload []byte) {
	header, err := age.ExtractHeader(bytes.NewReader(file))
	if err != nil || !bytes.HasPrefix(file, header) || !forOne(header) {
		return nil, nil
	}
	return header, file[len(header):]
}

func forOne(header []byte) bool {
	return bytes.HasPrefix(header, []byte("age-encryption.org/v1\n-> X25519 ")) && bytes.Count(header, []byte("\n-> ")) == 1
}

// rollKey is what a roll is of.
type rollKey struct{ owner, day string }

// roll is the blob to which this process appends the pictures of an owner and day.
type roll struct {
	key  rollKey
	mu   sync.Mutex
	blob string // "" before the first picture, and when another must be begun
	size int64
}

// errRollClosed: the roll was closed by a purge meanwhile; another is begun.
var errRollClosed = errors.New("image: the roll is closed")

// keep appends the payload to the roll of its day, then records the picture. A
// crash between the two leaves bytes without a header, unreadable, that go with
// the roll.
func (s *Service) keep(ctx context.Context, p Picture, header, payload []byte) error {
	ctx = context.WithoutCancel(ctx)
	p.Size = int64(len(payload))
	r := s.rollOf(rollKey{p.Owner, dayOf(p.Seen)})
	for {
		var err error
		if p.roll, p.start, err = s.append(ctx, r, payload); err != nil {
			return fmt.Errorf("keeping a picture: %w", err)
		}
		err = s.DB.Write(ctx, func(tx *sql.Tx) error { return insertPicture(tx, p, header) })
		if !errors.Is(err, errRollClosed) {
			return err
		}
		r.leave(p.roll)
		if err := s.Blobs.Delete(ctx, p.roll); err != nil { // begun anew by the append
			return err
		}
	}
}

func (s *Service) rollOf(k rollKey) *roll {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rolls[k]
	if r == nil {
		r = &roll{key: k}
		s.rolls[k] = r
	}
	return r
}

// leave makes the next picture begin another blob, if blob is still the one in use.
func (r *roll) leave(blob string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blob == blob {
		r.blob = ""
	}
}

func (s *Service) append(ctx context.Context, r *roll, payload []byte) (blob string, start int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for fresh := r.blob == ""; ; fresh = true {
		if fresh {
			blob := "roll-" + gate.NewActID()
			if err := s.DB.Write(ctx, func(tx *sql.Tx) error { return insertRoll(tx, blob, r.key) }); err != nil {
				return "", 0, err
			}
			r.blob, r.size = blob, 0
		}
		n, err := s.Blobs.Append(ctx, r.blob, r.size, bytes.NewReader(payload))
		if err == nil {
			blob, start = r.blob, r.size
			r.size += n
			return blob, start, nil
		}
		// How much arrived is not worth knowing, and perhaps the roll was purged.
		if r.blob = ""; fresh {
			return "", 0, err
		}
	}
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// refusal is what is counted: pictures of an owner, refused on a day, why.
type refusal struct {
	owner, day string
	why        Why
}

// refuse counts a refusal and returns err.
func (s *Service) refuse(owner string, err error) error {
	if r := (*Refused)(nil); errors.As(err, &r) {
		s.mu.Lock()
		s.refused[refusal{owner, dayOf(s.Now()), r.Why}]++
		s.mu.Unlock()
	}
	return err
}

// Refusals counts the pictures of an owner that were refused since a day, by why.
func (s *Service) Refusals(ctx context.Context, owner string, since time.Time) (map[Why]int64, error) {
	if err := s.saveRefusals(ctx); err != nil {
		return nil, err
	}
	return s.refusals(ctx, owner, dayOf(since))
}

// saveRefusals moves what was counted to the store.
func (s *Service) saveRefusals(ctx context.Context) error {
	s.mu.Lock()
	counted := s.refused
	s.refused = map[refusal]int64{}
	s.mu.Unlock()
	if len(counted) == 0 {
		return nil
	}
	err := s.DB.Write(ctx, func(tx *sql.Tx) error {
		for r, n := range counted {
			if err := addRefusals(tx, r, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.mu.Lock()
		for r, n := range counted {
			s.refused[r] += n
		}
		s.mu.Unlock()
	}
	return err
}
