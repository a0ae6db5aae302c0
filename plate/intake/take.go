package intake

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"porchlight/identity"
	"porchlight/plate"
)

// Post is a body that a camera sent over HTTP, and what it showed.
type Post struct {
	Camera    string // of a signed batch: its id
	Signature string // of a signed batch: base64
	Token     string // of a webhook or file
	Type      string // Content-Type
	Length    int64  // Content-Length, -1 when it is not known
	Body      io.Reader
}

// Result is what came of a batch. Its reads are durable, and its hits recorded,
// before it is given.
type Result struct {
	Counts
	Replayed bool    `json:"replayed"` // the batch came before; this is what came of it then
	Faults   []Fault `json:"faults"`   // of reads not taken in, at most MaxFaults
}

// Counts tells reads apart. Each read is one of the first six.
type Counts struct {
	Fresh     int64 `json:"fresh"`     // new and in time
	Late      int64 `json:"late"`      // new, but sent long after they were seen
	Duplicate int64 `json:"duplicate"` // known already
	TooOld    int64 `json:"too_old"`   // not taken in: past their owner's retention
	Future    int64 `json:"future"`    // not taken in: seen after now
	Malformed int64 `json:"malformed"` // not taken in: no plate, no time, or not what the camera may say
	Pictures  int64 `json:"pictures"`  // kept
	Unkept    int64 `json:"unkept"`    // pictures that could not be kept; their reads were
}

func (c *Counts) add(d Counts) {
	c.Fresh += d.Fresh
	c.Late += d.Late
	c.Duplicate += d.Duplicate
	c.TooOld += d.TooOld
	c.Future += d.Future
	c.Malformed += d.Malformed
	c.Pictures += d.Pictures
	c.Unkept += d.Unkept
}

// Fault is why one read was not taken in.
type Fault struct {
	Read   int    `json:"read"`   // its place in the batch, from 0
	Kind   string `json:"kind"`   // too_old, future, malformed
	Reason string `json:"reason"` // one sentence
}

// MaxFaults is how many faults a result names.
const MaxFaults = 20

var (
	// ErrCamera: no camera in use shows this key or token. What it sent was not
	// looked at.
	ErrCamera = errors.New("intake: no camera in use shows this key or token")
	// ErrSignature: the batch is not signed by the camera it names.
	ErrSignature = errors.New("intake: the batch is not signed with the key of this camera")
	// ErrSequence: the camera used this sequence number for another batch.
	ErrSequence = errors.New("intake: this camera sent another batch under the same sequence number")
	// ErrTooLarge: the body has more bytes than Limits.Bytes.
	ErrTooLarge = errors.New("intake: the body is too large; send fewer reads at a time")
	// ErrTooMany: the batch has more reads than Limits.Reads.
	ErrTooMany = errors.New("intake: the batch has too many reads; send fewer at a time")
	// ErrOwner: the camera's agency is suspended.
	ErrOwner = errors.New("intake: the camera's agency is suspended; its reads are not taken in")
	// ErrMalformed: the body is none of this camera's dialect.
	ErrMalformed = errors.New("intake: the body is not what this camera speaks")
)

// TakeBatch takes in a signed batch. A batch that came before is answered as
// it was then. Errors: ErrCamera, ErrSignature, ErrSequence, ErrTooLarge,
// ErrTooMany, ErrOwner, ErrMalformed, *Busy; after any other error the camera
// sends it again.
func (s *Service) TakeBatch(ctx context.Context, p Post) (Result, error) {
	c, err := s.inUse(s.Camera(ctx, p.Camera))
	if err != nil {
		return Result{}, err
	}
	if c.Speaks != plate.Signed {
		return Result{}, ErrCamera
	}
	return s.admitted(ctx, c, p, func(body []byte) (Result, int, error) {
		signature, err := base64.StdEncoding.DecodeString(p.Signature)
		if err != nil || !ed25519.Verify(c.Key, signed(c.ID, body), signature) {
			s.tally.trouble(c.ID, s.Now(), Unsigned, "A batch was not signed with this camera's key.")
			s.Observe(c.Speaks, "unsigned", 1)
			return Result{}, 0, ErrSignature
		}
		b, err := ParseBatch(p.Type, body)
		if errors.Is(err, ErrTooMany) {
			return Result{}, 0, ErrTooMany
		}
		if err == nil && b.Camera != c.ID {
			err = fmt.Errorf("%w (it names another camera)", errBatch)
		}
		if err != nil {
			return Result{}, 0, s.malformed(c, err)
		}
		if len(b.Reads) > s.limits.Reads {
			return Result{}, 0, ErrTooMany
		}
		digest := sha256.Sum256(body)
		if before, known, err := s.before(ctx, c.ID, b.Sequence); err != nil {
			return Result{}, 0, err
		} else if known && before.digest != digest {
			s.tally.trouble(c.ID, s.Now(), Malformed, "A sequence number was used for two batches.")
			return Result{}, 0, ErrSequence
		} else if known {
			s.tally.replayed(c.ID, s.Now(), len(b.Reads))
			s.Observe(c.Speaks, "replayed", len(b.Reads))
			before.result.Replayed = true
			return before.result, len(b.Reads), nil
		}
		r, err := s.take(ctx, c, b.Sent, b.Reads)
		if err == nil {
			s.tally.remember(c.ID, b.Sequence, digest, r, s.Now())
		}
		return r, len(b.Reads), err
	})
}

// TakePost takes in what a webhook posts, or a file: of a camera that shows a
// token. Errors as of TakeBatch, but for signature and sequence.
func (s *Service) TakePost(ctx context.Context, p Post) (Result, error) {
	hash := identity.TokenHash(p.Token)
	all, err := s.query(ctx, `WHERE secret = ? AND removed = 0 ORDER BY id`, hash[:])
	if err != nil {
		return Result{}, err
	}
	if p.Token == "" || len(all) == 0 {
		return Result{}, ErrCamera
	}
	// Cameras that share a token share its places and allowance too.
	return s.admitted(ctx, all[0], p, func(body []byte) (Result, int, error) {
		list, err := parse(all[0].Speaks, p.Type, body)
		if errors.Is(err, ErrTooMany) {
			return Result{}, 0, ErrTooMany
		}
		if err != nil {
			return Result{}, 0, s.malformed(all[0], err)
		}
		if len(list) > s.limits.Reads {
			return Result{}, 0, ErrTooMany
		}
		r, err := s.share(ctx, all, list)
		return r, len(list), err
	})
}

// TakeFrigate takes in a message that an agency's broker passed on. What names
// no camera of hers is passed over. Errors: ErrMalformed, ErrOwner; after any
// other the message is to be tried again.
func (s *Service) TakeFrigate(ctx context.Context, owner, topic string, payload []byte) (Result, error) {
	list, err := parseFrigate(topic, payload)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(list) > 0 {
		if err := s.active(ctx, owner); err != nil {
			return Result{}, err
		}
	}
	var total Result
	for _, sighting := range list {
		all, err := s.query(ctx, `WHERE owner = ? AND speaks = ? AND alias = ? AND removed = 0 ORDER BY id`, owner, string(plate.Frigate), sighting.Alias)
		if err != nil {
			return Result{}, err
		}
		if len(all) == 0 {
			s.Observe(plate.Frigate, "unknown_camera", 1)
			continue
		}
		r, err := s.take(ctx, all[0], time.Time{}, []Sighting{sighting})
		if err != nil {
			return Result{}, err
		}
		total.add(r.Counts)
	}
	return total, nil
}

func parse(d plate.Dialect, contentType string, body []byte) ([]Sighting, error) {
	if crowded(body) {
		return nil, ErrTooMany
	}
	switch d {
	case plate.OpenALPR:
		return parseOpenALPR(body)
	case plate.PlateRecognizer:
		return parsePlateRecognizer(contentType, body)
	case plate.CSV:
		return parseCSV(body)
	}
	return nil, fmt.Errorf("%w: a %s camera posts nothing", errForeign, d)
}

// inUse is the camera, if it may send.
func (s *Service) inUse(c plate.Camera, err error) (plate.Camera, error) {
	if errors.Is(err, ErrNotFound) || err == nil && !c.Removed.IsZero() {
		return c, ErrCamera
	}
	return c, err
}

// admitted reads the body when there is room for it and has f take it in. f
// says how many reads it held.
func (s *Service) admitted(ctx context.Context, c plate.Camera, p Post, f func(body []byte) (Result, int, error)) (Result, error) {
	if p.Length > s.limits.Bytes {
		return Result{}, ErrTooLarge
	}
	if err := s.active(ctx, c.Owner); err != nil {
		return Result{}, err
	}
	leave, err := s.limits.enter(ctx, c.ID, p.Length)
	if err != nil {
		s.Observe(c.Speaks, "busy", 1)
		return Result{}, err
	}
	reads := 0
	defer func() { leave(max(1, reads)) }() // what holds no reads costs something too
	body, err := io.ReadAll(io.LimitReader(p.Body, s.limits.Bytes+1))
	if err != nil {
		return Result{}, fmt.Errorf("%w: the body broke off", ErrMalformed)
	}
	if int64(len(body)) > s.limits.Bytes {
		return Result{}, ErrTooLarge
	}
	r, reads, err := f(body)
	return r, err
}

// active is ErrOwner while an agency is suspended.
func (s *Service) active(ctx context.Context, owner string) error {
	a, err := s.Agencies.AgencyFacts(ctx, owner)
	if err != nil {
		return fmt.Errorf("looking up a camera's agency: %w", err)
	}
	if a.Status == "suspended" {
		return ErrOwner
	}
	return nil
}

// malformed counts a body that is none and says why it is none.
func (s *Service) malformed(c plate.Camera, err error) error {
	s.tally.trouble(c.ID, s.Now(), Malformed, "A body could not be read: "+err.Error())
	s.Observe(c.Speaks, "malformed", 1)
	return fmt.Errorf("%w: %w", ErrMalformed, err)
}

// share gives each sighting to the camera it names, of those that share a token.
func (s *Service) share(ctx context.Context, all []plate.Camera, list []Sighting) (total Result, err error) {
	total.Faults = []Fault{}
	mine, places := make([][]Sighting, len(all)), make([][]int, len(all))
	for n, sighting := range list {
		to := 0
		for i, c := range all {
			if c.Alias == sighting.Alias {
				to = i
			}
		}
		mine[to], places[to] = append(mine[to], sighting), append(places[to], n)
	}
	for i, c := range all {
		if i > 0 && len(mine[i]) == 0 {
			continue
		}
		r, err := s.take(ctx, c, time.Time{}, mine[i])
		if err != nil {
			return Result{}, err
		}
		total.add(r.Counts)
		for _, f := range r.Faults[:min(len(r.Faults), MaxFaults-len(total.Faults))] {
			f.Read = places[i][f.Read]
			total.Faults = append(total.Faults, f)
		}
	}
	return total, nil
}

// take sorts the sightings of one camera, makes those it keeps durable, and has
// hits looked for. sent is by the camera's clock, zero when it does not say.
func (s *Service) take(ctx context.Context, c plate.Camera, sent time.Time, list []Sighting) (Result, error) {
	now := s.Now().UTC()
	r := Result{Faults: []Fault{}}
	fault := func(i int, n *int64, kind, reason string) {
		*n++
		if len(r.Faults) < MaxFaults {
			r.Faults = append(r.Faults, Fault{i, kind, reason})
		}
	}
	oldest, horizon := now.Add(-s.Keep(c.Owner)), s.horizon(now).Add(s.Ahead)
	var reads []plate.Read
	var places []int // of reads in list
	for i, g := range list {
		switch {
		case g.Fault == "" && c.Alias != "" && g.Alias != "" && g.Alias != c.Alias:
			fault(i, &r.Malformed, Malformed, "It names a camera that is not registered.")
		case g.Fault != "":
			fault(i, &r.Malformed, Malformed, g.Fault)
		case g.Seen.After(horizon):
			fault(i, &r.Future, Future, "It was seen in the future: the camera's clock is ahead.")
		case g.Seen.Before(oldest):
			fault(i, &r.TooOld, TooOld, "It is older than its agency keeps reads.")
		default:
			read := ownRead(c, g, now)
			var err error
			if read.Image, err = s.picture(ctx, read, g, &r.Counts); err != nil {
				return Result{}, fmt.Errorf("keeping a picture: %w", err)
			}
			reads, places = append(reads, read), append(places, i)
		}
	}
	if len(reads) > 0 {
		ids, fresh, err := s.Reads.Append(ctx, reads)
		var refused Refused
		if err != nil && !errors.As(err, &refused) {
			return Result{}, fmt.Errorf("keeping reads: %w", err)
		}
		taken := make([]plate.Read, 0, len(reads))
		for i, read := range reads {
			read.ID = ids[i]
			switch {
			case refused[i] != nil:
				fault(places[i], &r.Malformed, Malformed, "It cannot be kept.")
				s.Logger.Error("the store of reads refused what intake let in", "why", refused[i])
				continue
			case !fresh[i]:
				r.Duplicate++
			case now.Sub(read.Seen) > s.Late:
				r.Late++
			default:
				r.Fresh++
			}
			taken = append(taken, read)
		}
		// Known reads too: when their batch was cut short, their hits are still
		// to be found.
		if s.Hits != nil && len(taken) > 0 {
			if err := s.Hits.Seen(ctx, taken); err != nil {
				return Result{}, fmt.Errorf("matching reads: %w", err)
			}
		}
	}
	s.tally.took(c, now, sent, list, r)
	for _, k := range []struct {
		name string
		n    int64
	}{{"fresh", r.Fresh}, {"late", r.Late}, {"duplicate", r.Duplicate}, {TooOld, r.TooOld}, {Future, r.Future}, {Malformed, r.Malformed}} {
		if k.n > 0 {
			s.Observe(c.Speaks, k.name, int(k.n))
		}
	}
	return r, nil
}

// horizon is the latest that now can be: what the clock says, or, when the
// clock was set back since the program began, what it would have said. So a
// clock set back makes no read on time one of the future.
func (s *Service) horizon(now time.Time) time.Time {
	if steady := s.began.Add(s.Elapsed() - s.beganAt); steady.After(now) {
		return steady
	}
	return now
}

// ownRead is a sighting as the camera's owner keeps it.
func ownRead(c plate.Camera, g Sighting, now time.Time) plate.Read {
	r := g.Read
	r.ID, r.Owner, r.Camera, r.Received, r.Image = 0, c.Owner, c.ID, now, ""
	if !c.Mobile || !g.Placed {
		r.Place = c.Place
	}
	if r.Heading < 0 {
		r.Heading = c.Heading
	}
	return r
}

// picture hands a sighting's picture over and returns its id, "" when there is
// none or it cannot be kept: the read is worth more. One picture of several
// plates is kept for each, as each is viewed by itself.
func (s *Service) picture(ctx context.Context, r plate.Read, g Sighting, n *Counts) (id string, err error) {
	switch {
	case len(g.Sealed)+len(g.Clear) == 0:
		return "", nil
	case s.Images == nil:
		err = ErrPicture
	case len(g.Sealed) > 0:
		id, err = s.Images.KeepSealed(ctx, r.Owner, r.Seen, g.Sealed)
	default:
		id, err = s.Images.Keep(ctx, r.Owner, r.Seen, http.DetectContentType(g.Clear), g.Clear)
	}
	if errors.Is(err, ErrPicture) {
		n.Unkept++
		return "", nil
	}
	if err == nil {
		n.Pictures++
	}
	return id, err
}
