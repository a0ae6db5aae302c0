package exchange

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/ledger"

	"golang.org/x/sync/errgroup"
)

// node is this program among those that serve one exchange: same PostgreSQL
// database, same data directory on a shared file system.
//
// The ledger has one writer, the leader. Everybody, the leader too, hands
// entries over through the table ledger_queue, in the transaction that makes the
// act decided, and waits until the leader has written the entry's index there
// and published it. So an act that is decided is in the log or will be, whatever
// node dies; and it is there once, for the queue has one row per act.
//
// Who leads holds the lock "leader" (db.Hold): from election until it stops,
// fails, or loses its connection to PostgreSQL. While a node holds it no other
// node does. The leader checks it before each batch of entries, so that it
// appends nothing more once it is lost; and what it had begun keeps the lock
// file inside the log's directory, for which the next leader waits as well. A
// new leader first looks in the log for the entries that wait: those that the
// old one had added but not told are told, not added again.
//
// node implements gate.Queue.
type node struct {
	*ledger.Log // what is published
	db          *db.DB
	write       ledger.Options
	now         func() time.Time
	logger      *slog.Logger
	heard       func(channel, message string) // the channels other than the queue's

	work chan struct{} // entries may wait for the leader
	stop context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex
	waiting map[string][]chan uint64 // by act
	term    context.Context          // while this node leads, else nil
	turned  chan struct{}            // closed and replaced when term changes
}

// Channels between nodes.
const (
	queueChannel  = "porchlight_queue"  // there are entries for the leader
	loggedChannel = "porchlight_logged" // "act index act index ...": they are in the log
	feedChannel   = "porchlight_feed"   // open requests changed
	uploadChannel = "porchlight_upload" // an upload's id: who writes it is to let go
)

var errNoLeader = errors.New("no node leads: is the data directory's ledger locked by another program?")

// join makes this program a node. It returns when there is a log to read.
func join(ctx context.Context, n *node) (_ *node, err error) {
	n.work, n.turned, n.waiting = make(chan struct{}, 1), make(chan struct{}), map[string][]chan uint64{}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	n.stop = stop
	n.done.Go(func() { n.db.Listen(run, n.hear, queueChannel, loggedChannel, feedChannel, uploadChannel) })
	n.done.Go(func() { n.elect(run) })
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		n.Log, err = ledger.OpenReader(run, n.write)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if !pause(ctx, 50*time.Millisecond) {
			err = errNoLeader
			break
		}
	}
	if err != nil {
		n.leave()
		return nil, err
	}
	return n, nil
}

// leave ends this node's part; another will lead.
func (n *node) leave() {
	n.stop()
	n.done.Wait()
}

// pause returns false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *node) hear(channel, message string) {
	switch channel {
	case queueChannel:
		n.wake()
		return
	case loggedChannel:
		f := strings.Fields(message)
		for ; len(f) > 1; f = f[2:] {
			if index, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				n.tell(f[0], index)
			}
		}
		return
	case "": // messages may have been missed
		n.wake()
	}
	n.heard(channel, message)
}

func (n *node) wake() {
	select {
	case n.work <- struct{}{}:
	default:
	}
}

// wait returns a channel that gets the index of act's entry, and what ends the
// waiting.
func (n *node) wait(act string) (index <-chan uint64, end func()) {
	c := make(chan uint64, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.waiting[act] = append(n.waiting[act], c)
	return c, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.waiting[act] = slices.DeleteFunc(n.waiting[act], func(o chan uint64) bool { return o == c })
		if len(n.waiting[act]) == 0 {
			delete(n.waiting, act)
		}
	}
}

func (n *node) tell(act string, index uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.waiting[act] {
		select {
		case c <- index:
		default: // told before
		}
	}
}

// Enqueue hands e to the leader when tx commits. An act has one entry: for the
// same one again it does nothing.
func (n *node) Enqueue(tx *sql.Tx, e ledger.Entry) error {
	size, err := n.Size(context.Background())
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO ledger_queue (act, entry, since, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		e.Act.ID, e.Bytes(), int64(size), n.now().UnixMicro()); err != nil {
		return fmt.Errorf("queueing the entry: %w", err)
	}
	return db.Notify(tx, queueChannel, "")
}

// Append waits until the entry that was enqueued is published, and returns its
// index. Its only error is ledger.ErrUnpublished.
func (n *node) Append(ctx context.Context, e ledger.Entry) (uint64, error) {
	told, end := n.wait(e.Act.ID)
	defer end()
	deadline := n.write.Deadline
	if deadline == 0 {
		deadline = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	ask := time.NewTicker(time.Second) // in case a message was lost
	defer ask.Stop()
	for {
		var index sql.NullInt64
		err := n.db.Read().QueryRowContext(ctx, `SELECT idx FROM ledger_queue WHERE act = ?`, e.Act.ID).Scan(&index)
		if err == nil && index.Valid {
			return uint64(index.Int64), n.Published(ctx, uint64(index.Int64), e)
		}
		select {
		case index := <-told:
			return index, n.Published(ctx, index, e)
		case <-ask.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("%w: the leader has not taken it: %w", ledger.ErrUnpublished, errors.Join(ctx.Err(), err))
		}
	}
}

// Entries yields what is in the log or in the queue when it is called, as
// ledger.Log.Entries does: it waits until all of it is published.
func (n *node) Entries(ctx context.Context, from uint64) iter.Seq2[ledger.Indexed, error] {
	return func(yield func(ledger.Indexed, error) bool) {
		if err := n.drained(ctx); err != nil {
			yield(ledger.Indexed{}, err)
			return
		}
		n.Log.Entries(ctx, from)(yield)
	}
}

// drained waits until what is in the queue now is published.
func (n *node) drained(ctx context.Context) error {
	size, err := n.Size(ctx)
	if err != nil {
		return err
	}
	open, err := n.queued(ctx, `idx IS NULL OR idx >= ?`, int64(size))
	if err != nil {
		return err
	}
	for _, q := range open {
		if _, err := n.Append(ctx, q.entry); err != nil {
			return err
		}
	}
	return nil
}

// queued is an entry in the queue.
type queued struct {
	entry ledger.Entry
	since uint64 // size of the published log when it was queued
}

func scanQueued(row db.Row) (q queued, err error) {
	var data []byte
	if err := row.Scan(&data, &q.since); err != nil {
		return q, err
	}
	if q.entry, err = ledger.ParseEntry(data); err != nil {
		return q, fmt.Errorf("an entry in the ledger's queue: %w", err)
	}
	return q, nil
}

func (n *node) queued(ctx context.Context, where string, args ...any) ([]queued, error) {
	all, err := db.All(scanQueued)(n.db.Read().QueryContext(ctx, `SELECT entry, since FROM ledger_queue WHERE `+where, args...))
	if err != nil {
		return nil, fmt.Errorf("reading the ledger's queue: %w", err)
	}
	return all, nil
}

// elect leads whenever nobody else does, until ctx ends.
func (n *node) elect(ctx context.Context) {
	for {
		hold, err := n.db.TryLock(ctx, "leader")
		if err == nil {
			err = n.lead(ctx, hold)
			hold.Release()
			if ctx.Err() == nil {
				n.logger.Error("this node leads no more", "err", err)
			}
		}
		if !pause(ctx, 500*time.Millisecond) {
			return
		}
	}
}

var errDeposed = errors.New("the connection that holds the lead was lost")

// lead writes the log until ctx ends, the hold is lost, or anything is unclear:
// then the next leader, perhaps this node, finds out from the log.
func (n *node) lead(ctx context.Context, hold *db.Hold) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer func() {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
	}()
	go func() {
		select {
		case <-hold.Lost():
			cancel(errDeposed)
		case <-ctx.Done():
		}
	}()
	o := n.write
	o.Fence = func() error {
		if !hold.Valid() {
			return errDeposed
		}
		return context.Cause(ctx)
	}
	log, err := ledger.Open(ctx, o)
	for ; errors.Is(err, ledger.ErrInUse); log, err = ledger.Open(ctx, o) { // the last leader is not done yet
		if !pause(ctx, 100*time.Millisecond) {
			return context.Cause(ctx)
		}
	}
	if err != nil {
		return err
	}
	defer log.Close()
	if err := n.inherit(ctx, log); err != nil {
		return err
	}
	n.logger.Info("this node leads")
	defer n.reign(ctx)()
	poll := time.NewTicker(time.Second) // in case a message was lost
	defer poll.Stop()
	for {
		for {
			took, err := n.take(ctx, log)
			if err != nil {
				return err
			}
			if !took {
				break
			}
		}
		select {
		case <-n.work:
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// inherit tells of the entries that an earlier leader added without telling.
func (n *node) inherit(ctx context.Context, log *ledger.Log) error {
	open, err := n.queued(ctx, `idx IS NULL`)
	if err != nil || len(open) == 0 {
		return err
	}
	from, waits := open[0].since, map[string][]byte{}
	for _, q := range open {
		from, waits[q.entry.Act.ID] = min(from, q.since), q.entry.Bytes()
	}
	found := map[string]uint64{}
	for e, err := range log.Entries(ctx, from) {
		if err != nil {
			return err
		}
		if bytes.Equal(waits[e.Entry.Act.ID], e.Entry.Bytes()) {
			found[e.Entry.Act.ID] = e.Index
		}
	}
	return n.announce(ctx, found)
}

// take adds the entries that wait. Entries that come meanwhile are the next
// batch.
func (n *node) take(ctx context.Context, log *ledger.Log) (took bool, err error) {
	open, err := n.queued(ctx, `idx IS NULL ORDER BY at, act LIMIT 1000`)
	if err != nil || len(open) == 0 {
		return false, err
	}
	var mu sync.Mutex
	added := map[string]uint64{}
	var g errgroup.Group
	for _, q := range open {
		g.Go(func() error {
			index, err := log.Integrate(ctx, q.entry)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				added[q.entry.Act.ID] = index
			}
			return err
		})
	}
	err = g.Wait()
	return true, errors.Join(err, n.announce(ctx, added))
}

// announce writes the indexes into the queue and tells all nodes.
func (n *node) announce(ctx context.Context, added map[string]uint64) error {
	if len(added) == 0 {
		return nil
	}
	return n.db.Write(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		var message strings.Builder
		for act, index := range added {
			if _, err := tx.Exec(`UPDATE ledger_queue SET idx = ? WHERE act = ?`, int64(index), act); err != nil {
				return fmt.Errorf("announcing entries: %w", err)
			}
			fmt.Fprintf(&message, "%s %d ", act, index)
			if message.Len() > 7000 {
				if err := db.Notify(tx, loggedChannel, message.String()); err != nil {
					return err
				}
				message.Reset()
			}
		}
		return db.Notify(tx, loggedChannel, message.String())
	})
}

// receipt is the receipt of an entry that the feed shows: the one that some node
// made first, so that the feed has the same bytes on all of them.
func (n *node) receipt(ctx context.Context, entry uint64, g *gate.Gate) (text string, err error) {
	const ask = `SELECT receipt FROM feed_receipts WHERE entry = ?`
	if err = n.db.Read().QueryRowContext(ctx, ask, int64(entry)).Scan(&text); !errors.Is(err, sql.ErrNoRows) {
		return text, err
	}
	r, err := g.Receipt(ctx, entry)
	if err != nil {
		return "", err
	}
	err = n.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO feed_receipts (entry, receipt) VALUES (?, ?) ON CONFLICT DO NOTHING`, int64(entry), string(r.Marshal())); err != nil {
			return err
		}
		return tx.QueryRow(ask, int64(entry)).Scan(&text)
	})
	return text, err
}

// clear forgets what was published long ago.
func (n *node) clear(ctx context.Context) (cleared int, err error) {
	err = n.db.Write(ctx, func(tx *sql.Tx) error {
		r, err := tx.Exec(`DELETE FROM ledger_queue WHERE idx IS NOT NULL AND at < ?`, n.now().Add(-time.Hour).UnixMicro())
		if err != nil {
			return err
		}
		rows, err := r.RowsAffected()
		cleared = int(rows)
		return err
	})
	return cleared, err
}

// reign begins a term of this node as leader.
func (n *node) reign(term context.Context) (end func()) {
	turn := func(term context.Context) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.term = term
		close(n.turned)
		n.turned = make(chan struct{})
	}
	turn(term)
	var none context.Context
	return func() { turn(none) }
}

// whileLeading runs f whenever this node leads, with a context that ends when it
// does no more, until ctx ends.
func (n *node) whileLeading(ctx context.Context, f func(context.Context)) {
	for {
		n.mu.Lock()
		term, turned := n.term, n.turned
		n.mu.Unlock()
		if term != nil {
			both, cancel := context.WithCancel(ctx)
			stop := context.AfterFunc(term, cancel)
			f(both)
			stop()
			cancel()
		}
		select {
		case <-turned:
		case <-ctx.Done():
			return
		}
	}
}

// notify tells all nodes, this one too.
func (n *node) notify(ctx context.Context, channel, message string) error {
	return n.db.Write(ctx, func(tx *sql.Tx) error { return db.Notify(tx, channel, message) })
}
