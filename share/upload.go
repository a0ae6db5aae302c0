package share

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"

	"porchlight/blob"
	"porchlight/capability"
	"porchlight/db"
)

// Upload is ciphertext on its way in: an age file that arrives in pieces. Its
// header is kept in the store and its payload in the blob of the same id.
type Upload struct {
	ID         string
	Submission string
	Length     int64 // bytes of the whole age file, fixed at creation
	Offset     int64 // bytes that are durable
	Expires    time.Time

	header  []byte // the age header, or as much of it as came
	payload int64  // bytes of the payload that came
	whole   []byte // SHA-256 state over Offset bytes
	body    []byte // SHA-256 state over payload bytes
}

// Done reports whether every byte arrived.
func (u *Upload) Done() bool { return u.Offset == u.Length }

var (
	// ErrUnknown: no such request, submission, upload or link, or not with this token.
	ErrUnknown = errors.New("share: unknown, or ended")
	// ErrNotSealed: the upload is not an age v1 file for X25519 recipients.
	ErrNotSealed = errors.New("share: not a clip sealed with age to X25519 recipients")
	// ErrOffset: the piece does not start where the upload stands.
	ErrOffset = errors.New("share: the piece does not start where the upload stands")
	// ErrBusy: another connection is writing this upload.
	ErrBusy = errors.New("share: another connection is writing this upload")
	// ErrTooLarge: the clip, or everything sent to this request, is over its limit.
	ErrTooLarge = errors.New("share: over the limit")
	// ErrFull: the exchange has no room left; what arrived is kept, try again later.
	ErrFull = errors.New("share: the exchange has no room left; try again later")
	// ErrInput: a field is missing, too long or malformed; the message says which.
	ErrInput = errors.New("share: bad input")
)

// Limits bound what strangers may send. Zero values mean the defaults.
type Limits struct {
	Clip            int64         // bytes of one sealed clip; 8 GiB
	SubmissionClips int           // clips in one submission; 200
	RequestClips    int           // clips sent to one request by everybody; 5,000
	RequestBytes    int64         // bytes of uploads under way to one request; 512 GiB
	Idle            time.Duration // an upload without news for so long is removed; 48 h
	Stall           time.Duration // a connection that sends nothing for so long is cut; 30 s
}

func (l Limits) withDefaults() Limits {
	def := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	clips, all := int64(l.SubmissionClips), int64(l.RequestClips)
	def(&l.Clip, 8<<30)
	def(&clips, 200)
	def(&all, 5000)
	def(&l.RequestBytes, 512<<30)
	def((*int64)(&l.Idle), int64(48*time.Hour))
	def((*int64)(&l.Stall), int64(30*time.Second))
	l.SubmissionClips, l.RequestClips = int(clips), int(all)
	return l
}

// Intake takes ciphertext in, piece by piece. Safe for concurrent use, and beside
// the intakes of other nodes over the same store and blobs: who writes an upload
// holds the lock "upload " and its id.
type Intake struct {
	// Elsewhere, if set, asks the other nodes to Cut the upload.
	Elsewhere func(ctx context.Context, id string)

	db     *db.DB
	blobs  blob.Store
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	writing map[string]*writer // uploads a connection writes right now
}

// writer is one connection's hold on an upload.
type writer struct {
	stop func()        // makes its read fail soon
	done chan struct{} // closed when it let go
}

// NewIntake needs tables made by Migrations.
func NewIntake(d *db.DB, blobs blob.Store, limits Limits, now func() time.Time) *Intake {
	return &Intake{db: d, blobs: blobs, limits: limits.withDefaults(), now: now, writing: map[string]*writer{}}
}

// newID is a ULID in lower case.
func newID() string { return strings.ToLower(ulid.Make().String()) }

// Create announces an upload of length bytes in the submission that token
// opens. ErrUnknown, ErrNotSealed when length is too short for an age file,
// ErrTooLarge when a limit is passed.
func (in *Intake) Create(ctx context.Context, token string, length int64) (*Upload, error) {
	if length > in.limits.Clip {
		return nil, fmt.Errorf("%w: a clip may be at most %d bytes when sealed", ErrTooLarge, in.limits.Clip)
	}
	if length < 200 { // intro, one recipient, MAC, nonce and tag come to 200
		return nil, fmt.Errorf("%w: it is too short", ErrNotSealed)
	}
	empty := marshal(sha256.New())
	u := &Upload{ID: newID(), Length: length, Expires: in.now().Add(in.limits.Idle), whole: empty, body: empty}
	err := in.db.Write(ctx, func(tx *sql.Tx) error {
		var request string
		err := tx.QueryRow(`SELECT id, request FROM share_submission WHERE upload_token = ?`, capability.Hash(token)).Scan(&u.Submission, &request)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrUnknown
		}
		if err != nil {
			return err
		}
		var mine, all int
		var size int64
		err = tx.QueryRow(`SELECT (SELECT clips FROM share_submission WHERE id = ?1),
				(SELECT coalesce(sum(clips), 0) FROM share_submission WHERE request = ?2),
				(SELECT coalesce(sum(length), 0) FROM share_upload u JOIN share_submission s ON s.id = u.submission
					WHERE s.request = ?2 AND u.shared = 0)`,
			u.Submission, request).Scan(&mine, &all, &size)
		if err != nil {
			return err
		}
		switch {
		case mine >= in.limits.SubmissionClips:
			return fmt.Errorf("%w: one answer may hold %d clips", ErrTooLarge, in.limits.SubmissionClips)
		case all >= in.limits.RequestClips || size+length > in.limits.RequestBytes:
			return fmt.Errorf("%w: this request has taken in all it can for now", ErrTooLarge)
		}
		if _, err := tx.Exec(`UPDATE share_submission SET clips = clips + 1 WHERE id = ?`, u.Submission); err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO share_upload (id, submission, length, expires, whole, body) VALUES (?, ?, ?, ?, ?, ?)`,
			u.ID, u.Submission, length, u.Expires.UnixMicro(), empty, empty)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("creating an upload: %w", err)
	}
	return u, nil
}

// Stat returns an upload as it is durable. A connection that still writes it is
// cut first: who asks where the upload stands means to go on from there.
func (in *Intake) Stat(ctx context.Context, token, id string) (*Upload, error) {
	if _, err := in.load(ctx, token, id); err != nil {
		return nil, err // who has no token must not cut it
	}
	for {
		release, err := in.hold(ctx, id, func() {})
		if err == nil {
			release()
			return in.load(ctx, token, id)
		}
		if !errors.Is(err, ErrBusy) {
			return nil, err
		}
		gone, again := in.Cut(id), (<-chan time.Time)(nil)
		if gone == nil { // another node's
			if in.Elsewhere != nil {
				in.Elsewhere(ctx, id)
			}
			again = time.After(50 * time.Millisecond)
		}
		select {
		case <-gone:
		case <-again:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Cut has the connection that writes the upload here end soon, and returns what
// closes when it has; nil when there is none.
func (in *Intake) Cut(id string) (gone <-chan struct{}) {
	in.mu.Lock()
	defer in.mu.Unlock()
	w := in.writing[id]
	if w == nil {
		return nil
	}
	w.stop()
	return w.done
}

// hold makes the caller the upload's one writer, or returns ErrBusy. stop is
// called when it must end soon.
func (in *Intake) hold(ctx context.Context, id string, stop func()) (release func(), err error) {
	w := &writer{stop: stop, done: make(chan struct{})}
	in.mu.Lock()
	if in.writing[id] != nil {
		in.mu.Unlock()
		return nil, ErrBusy
	}
	in.writing[id] = w
	in.mu.Unlock()
	end := func() {
		in.mu.Lock()
		delete(in.writing, id)
		in.mu.Unlock()
		close(w.done)
	}
	lock, err := in.db.TryLock(ctx, "upload "+id)
	if err != nil {
		end()
		if errors.Is(err, db.ErrHeld) {
			err = ErrBusy
		}
		return nil, err
	}
	go func() {
		select {
		case <-lock.Lost():
			w.stop()
		case <-w.done:
		}
	}()
	return func() { lock.Release(); end() }, nil
}

// segment bounds how much of a piece may be lost to a crash or a full disk: so
// many bytes are made durable and recorded at a time.
const segment = 256 << 20

// Write appends r, size bytes (-1 when not known before) that start at offset,
// and returns the upload as it is then durable. When r ends early what came is kept: the upload is returned with the
// reader's error. stop must make r fail soon; another connection that takes over
// calls it. Errors: ErrUnknown, ErrBusy, ErrOffset, ErrTooLarge when r brings
// more than was announced, ErrFull, and ErrNotSealed, after which the upload is gone.
func (in *Intake) Write(ctx context.Context, token, id string, offset, size int64, r io.Reader, stop func()) (*Upload, error) {
	if _, err := in.load(ctx, token, id); err != nil {
		return nil, err // who has no token must not even hold it
	}
	release, err := in.hold(ctx, id, stop)
	if err != nil {
		return nil, err
	}
	defer release()
	u, err := in.load(ctx, token, id) // as the last writer left it
	if err != nil {
		return nil, err
	}
	if offset != u.Offset {
		return u, fmt.Errorf("%w, %d", ErrOffset, u.Offset)
	}
	if size > u.Length-offset {
		return u, fmt.Errorf("%w: more bytes than were announced", ErrTooLarge)
	}
	// Once bytes are taken they are recorded, even when the client went away.
	err = in.take(context.WithoutCancel(ctx), u, r)
	if errors.Is(err, ErrNotSealed) {
		return nil, errors.Join(err, in.remove(context.WithoutCancel(ctx), id))
	}
	return u, err
}

// take reads the header if it is not whole yet, then the payload in segments.
func (in *Intake) take(ctx context.Context, u *Upload, r io.Reader) error {
	whole, body := unmarshal(u.whole), unmarshal(u.body)
	limited := &io.LimitedReader{R: r, N: u.Length - u.Offset}
	src := io.Reader(limited)
	if u.payload == 0 {
		rest, err := in.takeHeader(ctx, u, src, whole)
		if err != nil || rest == nil {
			return err
		}
		src = io.MultiReader(bytes.NewReader(rest), limited)
	}
	if err := in.align(ctx, u); err != nil {
		return err
	}
	for first := true; ; first = false {
		part := &hashing{src: io.LimitReader(src, segment), sums: []hash.Hash{whole, body}}
		n, err := in.blobs.Append(ctx, u.ID, u.payload, part)
		part.wait()
		if n != part.given { // the disk, not the reader, failed: go back to what is recorded
			if e := in.blobs.Truncate(ctx, u.ID, u.payload); e != nil {
				return fmt.Errorf("undoing a failed write: %w", errors.Join(err, e))
			}
			return full(err)
		}
		if n > 0 || first {
			u.Offset, u.payload = u.Offset+n, u.payload+n
			if u.Done() {
				if err := checkPayload(u.payload); err != nil {
					return err
				}
			}
			if e := in.record(ctx, u, whole, body); e != nil {
				return e
			}
		}
		switch {
		case err != nil:
			return full(err)
		case n < segment:
			return excess(limited, r)
		}
	}
}

// takeHeader reads until the age header is whole and returns the bytes read
// after it, not nil; or nil, having recorded what came, when r ended before.
func (in *Intake) takeHeader(ctx context.Context, u *Upload, r io.Reader, whole hash.Hash) (rest []byte, err error) {
	buf := make([]byte, 4<<10)
	for {
		end, err := headerLen(u.header) // whole already, from an earlier piece
		if err != nil || end > 0 {
			return []byte{}, err
		}
		n, readErr := r.Read(buf)
		seen := append(u.header[:len(u.header):len(u.header)], buf[:n]...)
		if end, err = headerLen(seen); err != nil {
			return nil, err
		}
		keep := seen
		if end > 0 {
			keep = seen[:end]
		}
		whole.Write(keep[len(u.header):])
		u.header, u.Offset = keep, int64(len(keep))
		switch {
		case end > 0:
			return append([]byte{}, seen[end:]...), nil
		case u.Done():
			return nil, fmt.Errorf("%w: it ends within its header", ErrNotSealed)
		case readErr != nil:
			if readErr == io.EOF {
				readErr = nil
			}
			return nil, errors.Join(readErr, in.record(ctx, u, whole, sha256.New()))
		}
	}
}

// align cuts the blob back to what is recorded: a crash may have left more.
func (in *Intake) align(ctx context.Context, u *Upload) error {
	f, size, err := in.blobs.Open(ctx, u.ID)
	if errors.Is(err, blob.ErrNotFound) {
		size, err = 0, nil
	} else if err == nil {
		f.Close()
	}
	switch {
	case err != nil:
		return fmt.Errorf("opening an upload: %w", err)
	case size < u.payload:
		return fmt.Errorf("upload %s: %d bytes are recorded but %d are there", u.ID, u.payload, size)
	case size > u.payload:
		return in.blobs.Truncate(ctx, u.ID, u.payload)
	}
	return nil
}

// excess reports ErrTooLarge when r holds more than the limit let through.
func excess(l *io.LimitedReader, r io.Reader) error {
	if l.N > 0 {
		return nil
	}
	if n, _ := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return fmt.Errorf("%w: more bytes than were announced", ErrTooLarge)
	}
	return nil
}

// record makes the upload's new state durable.
func (in *Intake) record(ctx context.Context, u *Upload, whole, body hash.Hash) error {
	u.whole, u.body = marshal(whole), marshal(body)
	u.Expires = in.now().Add(in.limits.Idle)
	return full(in.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE share_upload SET received = ?, header = ?, payload = ?, whole = ?, body = ?, expires = ? WHERE id = ?`,
			u.Offset, u.header, u.payload, u.whole, u.body, u.Expires.UnixMicro(), u.ID)
		return err
	}))
}

// load returns an upload that can still be written.
func (in *Intake) load(ctx context.Context, token, id string) (*Upload, error) {
	return in.find(ctx, token, id, false)
}

// find returns an upload, also one that was shared already if shared is set.
func (in *Intake) find(ctx context.Context, token, id string, shared bool) (*Upload, error) {
	u := &Upload{ID: id}
	var expires int64
	var want []byte
	err := in.db.Read().QueryRowContext(ctx, `SELECT s.upload_token, u.submission, u.length, u.received, u.header, u.payload, u.whole, u.body, u.expires
		FROM share_upload u JOIN share_submission s ON s.id = u.submission WHERE u.id = ? AND u.dead = 0 AND (? = 1 OR u.shared = 0)`, id, shared).
		Scan(&want, &u.Submission, &u.Length, &u.Offset, &u.header, &u.payload, &u.whole, &u.body, &expires)
	if errors.Is(err, sql.ErrNoRows) || err == nil && subtle.ConstantTimeCompare(want, capability.Hash(token)) == 0 {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, fmt.Errorf("loading an upload: %w", err)
	}
	u.Expires = time.UnixMicro(expires).UTC()
	if in.now().After(u.Expires) {
		return nil, ErrUnknown
	}
	return u, nil
}

// Terminate removes an upload that was not shared yet. ErrUnknown, ErrBusy.
func (in *Intake) Terminate(ctx context.Context, token, id string) error {
	if _, err := in.load(ctx, token, id); err != nil {
		return err // who has no token must not even hold it
	}
	release, err := in.hold(ctx, id, func() {})
	if err != nil {
		return err
	}
	defer release()
	if _, err := in.load(ctx, token, id); err != nil {
		return err
	}
	return in.remove(ctx, id)
}

// remove marks the upload dead, deletes its payload, then forgets it, so that a
// crash in between leaves something for Sweep to finish.
func (in *Intake) remove(ctx context.Context, id string) error {
	err := in.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE share_submission SET clips = clips - 1 WHERE id =
			(SELECT submission FROM share_upload WHERE id = ?1 AND dead = 0)`, id)
		if err == nil {
			_, err = tx.Exec(`UPDATE share_upload SET dead = 1, header = ? WHERE id = ?`, []byte{}, id)
		}
		return err
	})
	if err == nil {
		err = in.blobs.Delete(ctx, id)
	}
	if err == nil {
		err = in.db.Write(ctx, func(tx *sql.Tx) error {
			_, err := tx.Exec(`DELETE FROM share_upload WHERE id = ?`, id)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("removing upload %s: %w", id, err)
	}
	return nil
}

// Sweep removes uploads without news for Limits.Idle and finishes removals that
// a crash cut short. It returns how many it removed.
func (in *Intake) Sweep(ctx context.Context) (int, error) {
	now := in.now().UnixMicro()
	err := in.db.Write(ctx, func(tx *sql.Tx) error { // their payload is an item's now
		_, err := tx.Exec(`DELETE FROM share_upload WHERE shared = 1 AND expires < ?`, now)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sweeping uploads: %w", err)
	}
	ids, err := db.All(db.One[string])(in.db.Read().QueryContext(ctx, `SELECT id FROM share_upload WHERE (dead = 1 OR expires < ?) AND shared = 0`, now))
	if err != nil {
		return 0, fmt.Errorf("sweeping uploads: %w", err)
	}
	n := 0
	for _, id := range ids {
		release, err := in.hold(ctx, id, func() {})
		if err != nil {
			continue // somebody writes it right now
		}
		err = in.remove(ctx, id)
		release()
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// sums returns the lower-case hex SHA-256 of the whole file and of its payload.
func (u *Upload) sums() (whole, payload string) {
	return fmt.Sprintf("%x", unmarshal(u.whole).Sum(nil)), fmt.Sprintf("%x", unmarshal(u.body).Sum(nil))
}

// hashing passes src on in full buffers and hashes each buffer while the caller
// writes it, which relies on a caller that leaves p alone until its next Read.
type hashing struct {
	src   io.Reader
	sums  []hash.Hash
	given int64 // bytes passed on, all of them hashed after wait
	busy  sync.WaitGroup
	err   error
}

func (h *hashing) wait() { h.busy.Wait() }

func (h *hashing) Read(p []byte) (n int, err error) {
	h.wait()
	for n < len(p) && h.err == nil {
		var k int
		k, h.err = h.src.Read(p[n:])
		n += k
	}
	for full, i := p[:n], 0; i < len(h.sums); i++ {
		h.busy.Go(func() { h.sums[i].Write(full) })
	}
	h.given += int64(n)
	if n > 0 {
		return n, nil
	}
	return 0, h.err
}

func marshal(h hash.Hash) []byte {
	b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic("share: sha256 state: " + err.Error()) // crypto/sha256 never fails
	}
	return b
}

func unmarshal(state []byte) hash.Hash {
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		panic("share: sha256 state: " + err.Error()) // only marshal wrote it
	}
	return h
}

// full names a full disk in this package's words.
func full(err error) error {
	if errors.Is(err, blob.ErrFull) || errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
