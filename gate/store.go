package gate

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/identity"
	"porchlight/ledger"
)

var migrations = []string{`
CREATE TABLE acts (
	id         TEXT PRIMARY KEY,
	state      TEXT NOT NULL,
	digest     BLOB NOT NULL,
	at         INTEGER NOT NULL, -- microseconds since 1970
	entry      TEXT NOT NULL,
	idx        INTEGER NOT NULL, -- decided: size of the log before; later: index of the entry
	nonce      BLOB,             -- pending: of the challenge
	expires    INTEGER NOT NULL, -- pending: until when it may be answered
	keep_until INTEGER NOT NULL  -- of the private values
);
CREATE INDEX acts_by_idx ON acts (idx);
CREATE INDEX acts_open ON acts (state) WHERE state IN ('pending', 'decided');
CREATE TABLE act_objects (
	object TEXT NOT NULL,
	act    TEXT NOT NULL,
	PRIMARY KEY (object, act)
) WITHOUT ROWID;
CREATE INDEX act_objects_by_act ON act_objects (act);
CREATE TABLE act_private (
	act   TEXT NOT NULL,
	name  TEXT NOT NULL,
	salt  BLOB NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (act, name)
) WITHOUT ROWID;
`, `
ALTER TABLE act_private ADD COLUMN open INTEGER NOT NULL DEFAULT 0; -- anybody may be shown it; see Act.Open
`, `
ALTER TABLE acts ADD COLUMN voids TEXT NOT NULL DEFAULT ''; -- act.void: the act that did not happen
CREATE INDEX acts_voids ON acts (voids) WHERE voids <> '';
`}

// errMoved: the act is not, or no more, in the state that this step leaves.
var errMoved = errors.New("gate: the act has moved on")

// An act's way: new (not stored) -> pending (to be signed) -> decided (intent
// durable, entry perhaps in the log) -> done | denied | void.
type state string

const (
	stateNew     state = ""
	statePending state = "pending"
	stateDecided state = "decided"
	stateDone    state = "done"
	stateDenied  state = "denied"
	stateVoid    state = "void"
)

// record is an act as the store keeps it.
type record struct {
	id        string
	state     state
	digest    [32]byte
	at        time.Time
	entry     ledger.Entry
	index     uint64
	nonce     [32]byte
	expires   time.Time
	keepUntil time.Time
	objects   []string
	private   []ledger.Disclosure // sorted by name
	open      []string            // names of those that anybody may be shown
	voids     string              // act.void: id of the act that did not happen
}

func (r *record) sign(s identity.Signed) {
	b, err := json.Marshal(s)
	if err != nil {
		panic("gate: encoding plain data: " + err.Error())
	}
	d := ledger.Disclosure{Name: PrivateSignature, Salt: ledger.NewSalt(), Value: string(b)}
	c := d.Commitment()
	r.entry.Signature = &c
	r.private = append(r.private, d)
}

func (r *record) grant(a Act, replayed bool) *Grant {
	return &Grant{
		ActID: r.id, Action: a.Action, Who: a.By.Who, Index: r.index, At: r.at,
		Replayed: replayed, objects: slices.Clone(r.objects),
	}
}

// sameCall reports whether a is the same person asking for the same action on
// the same things.
func (r *record) sameCall(a Act) bool {
	person := ""
	for _, d := range r.private {
		if d.Name == PrivatePerson {
			person = d.Value
		}
	}
	return person == a.By.Who.PersonID && r.entry.Act.Action == a.Action && slices.Equal(r.objects, a.Objects)
}

// outcome closes the decided act within tx. errMoved when it is not decided any
// more, or when it is to be done while a void of it is under way.
func (r *record) outcome(tx *sql.Tx, s state) error {
	res, err := tx.Exec(`UPDATE acts SET state = ?1, idx = ?2, nonce = NULL WHERE id = ?3 AND state = 'decided'
		AND (?4 = 0 OR NOT EXISTS (SELECT 1 FROM acts v WHERE v.voids = ?3 AND v.state = 'decided'))`,
		s, r.index, r.id, s == stateDone)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errMoved)
	}
	return nil
}

// closed is outcome for what the log says already: that another node was first
// is no error.
func (r *record) closed(tx *sql.Tx, s state) error {
	if err := r.outcome(tx, s); !errors.Is(err, errMoved) {
		return err
	}
	return nil
}

// save stores the act as it is, replacing what was there, and hands a decided
// one to the log's queue if it has one. errMoved when the act stored is decided
// already, and when the act to be voided is closed.
func (g *Gate) save(ctx context.Context, r record) error {
	return g.DB.Write(ctx, func(tx *sql.Tx) error {
		var was state
		switch err := tx.QueryRow(`SELECT state FROM acts WHERE id = ?`, r.id).Scan(&was); {
		case err == nil && was != statePending:
			return errMoved
		case err == nil:
			if err := drop(tx, r.id); err != nil {
				return err
			}
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if r.voids != "" {
			var open bool
			if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM acts WHERE id = ?1 AND state = 'decided')
				AND NOT EXISTS (SELECT 1 FROM acts WHERE voids = ?1 AND state = 'decided')`, r.voids).Scan(&open); err != nil {
				return err
			}
			if !open {
				return errMoved
			}
		}
		_, err := tx.Exec(`INSERT INTO acts (id, state, digest, at, entry, idx, nonce, expires, keep_until, voids)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, r.id, r.state, r.digest[:], r.at.UnixMicro(), string(r.entry.Bytes()),
			int64(r.index), r.nonce[:], db.Micros(r.expires), r.keepUntil.UnixMicro(), r.voids)
		if err != nil {
			return err
		}
		if q, ok := g.Log.(Queue); ok && r.state == stateDecided {
			if err := q.Enqueue(tx, r.entry); err != nil {
				return err
			}
		}
		for _, o := range r.objects {
			if _, err := tx.Exec(`INSERT INTO act_objects (object, act) VALUES (?, ?)`, o, r.id); err != nil {
				return fmt.Errorf("object %s: %w", o, err)
			}
		}
		for _, d := range r.private {
			if _, err := tx.Exec(`INSERT INTO act_private (act, name, salt, value, open) VALUES (?, ?, ?, ?, ?)`,
				r.id, d.Name, d.Salt[:], d.Value, slices.Contains(r.open, d.Name)); err != nil {
				return err
			}
		}
		return nil
	})
}

func drop(tx *sql.Tx, id string) error {
	for _, q := range []string{
		`DELETE FROM act_private WHERE act = ?`, `DELETE FROM act_objects WHERE act = ?`, `DELETE FROM acts WHERE id = ?`,
	} {
		if _, err := tx.Exec(q, id); err != nil {
			return err
		}
	}
	return nil
}

// forget removes an act that never reached the log.
func (g *Gate) forget(ctx context.Context, id string) error {
	return g.DB.Write(ctx, func(tx *sql.Tx) error { return drop(tx, id) })
}

const recordColumns = `id, state, digest, at, entry, idx, nonce, expires, keep_until`

// load reads an act; sql.ErrNoRows when there is none.
func (g *Gate) load(ctx context.Context, id string) (record, error) {
	rs, err := g.query(ctx, `SELECT `+recordColumns+` FROM acts WHERE id = ?`, id)
	if err != nil {
		return record{}, err
	}
	if len(rs) == 0 {
		return record{}, sql.ErrNoRows
	}
	return rs[0], nil
}

func scanRecord(row db.Row) (r record, err error) {
	var digest, nonce []byte
	var at, idx, expires, keep int64
	var entry string
	if err := row.Scan(&r.id, &r.state, &digest, &at, &entry, &idx, &nonce, &expires, &keep); err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(entry), &r.entry); err != nil {
		return r, fmt.Errorf("act %s: %w", r.id, err)
	}
	copy(r.digest[:], digest)
	copy(r.nonce[:], nonce)
	r.at, r.expires, r.keepUntil = time.UnixMicro(at).UTC(), time.UnixMicro(expires), time.UnixMicro(keep)
	r.index = uint64(idx)
	return r, nil
}

func (g *Gate) query(ctx context.Context, q string, args ...any) ([]record, error) {
	rs, err := db.All(scanRecord)(g.DB.Read().QueryContext(ctx, q, args...))
	if err != nil {
		return nil, err
	}
	for i := range rs {
		if err := g.details(ctx, &rs[i]); err != nil {
			return nil, err
		}
	}
	return rs, nil
}

func (g *Gate) details(ctx context.Context, r *record) error {
	return db.Each(func(row db.Row) error {
		var d ledger.Disclosure
		var salt []byte
		var open bool
		if err := row.Scan(&d.Name, &salt, &d.Value, &open); err != nil {
			return err
		}
		if open {
			r.open = append(r.open, d.Name)
		}
		copy(d.Salt[:], salt)
		if d.Name == PrivateObjects {
			r.objects = strings.Fields(d.Value)
		}
		r.private = append(r.private, d)
		return nil
	})(g.DB.Read().QueryContext(ctx, `SELECT name, salt, value, open FROM act_private WHERE act = ? ORDER BY name`, r.id))
}

// find looks in the log for a decided act whose index was never learned, and
// sets it; and its state to void when a void of it stands in the log as well,
// which is then known to the store too. ErrUnsettled when the log does not say
// (yet) whether it holds the act, or a void of it.
func (g *Gate) find(ctx context.Context, r *record) error {
	at, voided := ^uint64(0), false
	voids := map[string]bool{} // of this act, by their ids
	for e, err := range g.Log.Entries(ctx, r.index) {
		switch {
		case err != nil:
			return fmt.Errorf("reading the log: %w", err)
		case e.Entry.Act.ID == r.id:
			at = e.Index
		case e.Entry.Act.Action == "act.void" && e.Entry.Act.Public["of"] == fmt.Sprint(at):
			voided, voids[e.Entry.Act.ID] = true, true
		}
	}
	if at == ^uint64(0) {
		return ErrUnsettled
	}
	r.index = at
	open, err := g.query(ctx, `SELECT `+recordColumns+` FROM acts WHERE state = ?`, stateDecided)
	if err != nil {
		return err
	}
	for _, o := range open {
		if o.entry.Act.Action == "act.void" && o.entry.Act.Public["of"] == fmt.Sprint(at) && !voids[o.id] {
			return ErrUnsettled
		}
	}
	if !voided {
		return nil
	}
	r.state = stateVoid
	return g.DB.Write(ctx, func(tx *sql.Tx) error { return r.closed(tx, stateVoid) })
}

// Settle closes acts that have stood open for so long that nobody repeats them
// any more: after the log did not answer, or the disk was full. Those whose
// entry the log does not show wait for the next start. It returns how many.
func (g *Gate) Settle(ctx context.Context) (n int, err error) {
	const quiet = 2 * SignWithin
	open, err := g.query(ctx, `SELECT `+recordColumns+` FROM acts WHERE state = ? AND at < ?`, stateDecided, g.Now().Add(-quiet).UnixMicro())
	if err != nil {
		return 0, err
	}
	for _, r := range open {
		if e := g.settle(ctx, r.id); e == nil {
			n++
		} else if !errors.Is(e, ErrUnsettled) {
			err = errors.Join(err, fmt.Errorf("closing act %s: %w", r.id, e))
		}
	}
	return n, err
}

func (g *Gate) settle(ctx context.Context, id string) error {
	defer g.busy.lock(id)()
	r, err := g.load(ctx, id)
	if err != nil || r.state != stateDecided {
		return err
	}
	err = g.find(ctx, &r)
	switch end := stateDone; {
	case err != nil || r.state == stateVoid:
		return err
	case !r.entry.Decision.Permit:
		end = stateDenied
		fallthrough
	case r.entry.Act.Action == "act.void": // its act finds it in the log
		return g.DB.Write(ctx, func(tx *sql.Tx) error { return r.closed(tx, end) })
	}
	return g.void(ctx, r, "interrupted")
}

// scan returns where in the log, from index from on, the entries of ids stand,
// and which indexes a void there closes.
func (g *Gate) scan(ctx context.Context, from uint64, ids map[string]bool) (found map[string]uint64, closed map[uint64]bool, err error) {
	found, closed = map[string]uint64{}, map[uint64]bool{}
	for e, err := range g.Log.Entries(ctx, from) {
		if err != nil {
			return nil, nil, fmt.Errorf("reading the log: %w", err)
		}
		if ids[e.Entry.Act.ID] {
			found[e.Entry.Act.ID] = e.Index
		}
		if e.Entry.Act.Action == "act.void" {
			var of uint64
			if _, err := fmt.Sscan(e.Entry.Act.Public["of"], &of); err != nil {
				return nil, nil, fmt.Errorf("void entry %d: %w", e.Index, err)
			}
			closed[of] = true
		}
	}
	return found, closed, nil
}

// Recover closes what a crash left open, and must run before the first act.
// Acts that never reached the log are forgotten; permitted acts that did, but
// whose effect is not in the store, are voided in the log. It returns how many
// of each.
func (g *Gate) Recover(ctx context.Context) (forgotten, voided int, err error) {
	open, err := g.query(ctx, `SELECT `+recordColumns+` FROM acts WHERE state = ?`, stateDecided)
	if err != nil || len(open) == 0 {
		return 0, 0, err
	}
	from, ids := open[0].index, map[string]bool{}
	for _, r := range open {
		from, ids[r.id] = min(from, r.index), true
	}
	found, closed, err := g.scan(ctx, from, ids)
	if err != nil {
		return 0, 0, err
	}
	// Voids first: one that never reached the log must not stand in the way of another.
	isVoid := func(r record) bool { return r.entry.Act.Action == "act.void" }
	open = slices.Concat(slices.DeleteFunc(slices.Clone(open), func(r record) bool { return !isVoid(r) }), slices.DeleteFunc(open, isVoid))
	for _, r := range open {
		i, ok := found[r.id]
		switch {
		case !ok:
			err, forgotten = g.forget(ctx, r.id), forgotten+1
		case r.entry.Act.Action == "act.void" || !r.entry.Decision.Permit || closed[i]:
			r.index = i
			end := stateDone
			if !r.entry.Decision.Permit {
				end = stateDenied
			} else if closed[i] {
				end = stateVoid
			}
			err = g.DB.Write(ctx, func(tx *sql.Tx) error { return r.outcome(tx, end) })
		default:
			r.index = i
			err, voided = g.void(ctx, r, "interrupted"), voided+1
		}
		if err != nil {
			return forgotten, voided, fmt.Errorf("closing act %s: %w", r.id, err)
		}
	}
	return forgotten, voided, nil
}

// Record is one act as it happened, for custody chains and audits.
type Record struct {
	Index       uint64
	At          time.Time
	Entry       ledger.Entry
	Outcome     string              // done, denied, void
	Disclosures []ledger.Disclosure // private values still kept; show only what the reader may see
	open        []string            // names of those that anybody may see
}

// Private returns the kept private value of that name, "" if there is none.
func (r Record) Private(name string) string {
	for _, d := range r.Disclosures {
		if d.Name == name {
			return d.Value
		}
	}
	return ""
}

// Disclose returns the disclosures of these names that are still kept.
func (r Record) Disclose(names ...string) (ds []ledger.Disclosure) {
	for _, d := range r.Disclosures {
		if slices.Contains(names, d.Name) {
			ds = append(ds, d)
		}
	}
	return ds
}

// History returns the recorded acts on object, oldest first. The custody chain
// of an item is this.
func (g *Gate) History(ctx context.Context, object string) ([]Record, error) {
	rs, err := g.query(ctx, `SELECT `+recordColumns+` FROM acts
		WHERE id IN (SELECT act FROM act_objects WHERE object = ?)
		AND state IN ('done', 'denied', 'void') ORDER BY idx`, object)
	if err != nil {
		return nil, fmt.Errorf("reading the history of an object: %w", err)
	}
	out := make([]Record, len(rs))
	for i, r := range rs {
		out[i] = r.public()
	}
	return out, nil
}

// At returns the act recorded at index; ErrNotFound when the gate did not record one there.
func (g *Gate) At(ctx context.Context, index uint64) (Record, error) {
	rs, err := g.query(ctx, `SELECT `+recordColumns+` FROM acts
		WHERE idx = ? AND state IN ('done', 'denied', 'void')`, int64(index))
	if err != nil {
		return Record{}, fmt.Errorf("reading act %d: %w", index, err)
	}
	if len(rs) == 0 {
		return Record{}, ErrNotFound
	}
	return rs[0].public(), nil
}

// Granted returns the grant of an act that was done, for what it opened to go
// on, at whichever node. It does not say who acted. ErrNotFound.
func (g *Gate) Granted(ctx context.Context, actID string) (*Grant, error) {
	r, err := g.load(ctx, actID)
	if errors.Is(err, sql.ErrNoRows) || err == nil && r.state != stateDone {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("looking up act: %w", err)
	}
	return r.grant(Act{Action: r.entry.Act.Action}, true), nil
}

// ErrNotFound: the gate recorded no act there.
var ErrNotFound = errors.New("gate: no such act")

func (r record) public() Record {
	return Record{Index: r.index, At: r.at, Entry: r.entry, Outcome: string(r.state), Disclosures: r.private, open: r.open}
}

// Receipt proves the entry at index and opens its private values of these
// names, and those that are open to anybody. Names whose value is not kept are
// left out. ErrNotFound when values are asked of an entry the gate did not record.
func (g *Gate) Receipt(ctx context.Context, index uint64, disclose ...string) (ledger.Receipt, error) {
	rec, err := g.At(ctx, index)
	if err != nil && (len(disclose) > 0 || !errors.Is(err, ErrNotFound)) {
		return ledger.Receipt{}, err
	}
	return g.Log.Receipt(ctx, index, rec.Disclose(slices.Concat(disclose, rec.open)...)...)
}

// Purge deletes private values past their retention and challenges nobody
// answered. What they were can then no longer be shown to anybody.
func (g *Gate) Purge(ctx context.Context) (values int, err error) {
	now := g.Now().UnixMicro()
	err = g.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`DELETE FROM act_private WHERE act IN (SELECT id FROM acts WHERE state = 'pending' AND expires < ?)`, now); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM act_objects WHERE act IN (SELECT id FROM acts WHERE state = 'pending' AND expires < ?)`, now); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM acts WHERE state = 'pending' AND expires < ?`, now); err != nil {
			return err
		}
		res, err := tx.Exec(`DELETE FROM act_private WHERE open = 0 AND act IN (SELECT id FROM acts WHERE keep_until < ?)`, now)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		values = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("purging private values: %w", err)
	}
	return values, nil
}

// keyed is a set of locks by name.
type keyed struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// lock waits for the name and returns its unlock.
func (k *keyed) lock(name string) func() {
	for {
		k.mu.Lock()
		if k.held == nil {
			k.held = map[string]chan struct{}{}
		}
		wait, busy := k.held[name]
		if !busy {
			free := make(chan struct{})
			k.held[name] = free
			k.mu.Unlock()
			return func() {
				k.mu.Lock()
				delete(k.held, name)
				k.mu.Unlock()
				close(free)
			}
		}
		k.mu.Unlock()
		<-wait
	}
}
