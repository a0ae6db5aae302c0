package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

// Options of a Log. Dir and Signer are required.
type Options struct {
	Dir string // holds the log: tiles, checkpoint and .state; made if absent
	// Signer is the log's Ed25519 key; see GenerateKey and note.NewSigner.
	Signer note.Signer
	LogKey string // its vkey
	// Origin is the log's name; empty means Signer.Name(), and nothing else is
	// accepted (C2SP tlog-checkpoint recommends it).
	Origin string

	// Witnesses are asked to cosign each checkpoint before it is published.
	Witnesses []WitnessConfig
	// Quorum is how many of them must. With 0 all are asked, and a checkpoint
	// is published with those cosignatures that came within 500 ms.
	Quorum int

	// Deadline is how long Append waits for publication; default 10 s. A
	// shorter deadline of the context wins.
	Deadline time.Duration
	// Interval between checkpoints while entries come; default and least
	// 100 ms. An idle log signs its state again every 10 minutes.
	Interval time.Duration
	// Fence, if set, is asked before each batch of entries; with an error they
	// are not added. For a writer that may lose its office; see exchange.
	Fence func() error
	HTTP  *http.Client // to reach witnesses; default has a 5 s timeout
	// Logger, if set, takes over what Tessera logs: through klog, so the first
	// one set in a process does.
	Logger *slog.Logger
}

// WitnessConfig is where a witness is and how it signs.
type WitnessConfig struct {
	URL  string // prefix of add-checkpoint (C2SP tlog-witness)
	VKey string // cosignature/v1
}

var (
	// ErrUnpublished: it is not known in time that the entry is covered by a
	// published checkpoint. It may be in the log already or follow later; look
	// for it with Entries.
	ErrUnpublished = errors.New("ledger: not known to be published")
	// ErrTooLarge: the entry is larger than MaxEntry.
	ErrTooLarge = errors.New("ledger: entry too large")
	// ErrClosed: the log was closed before the entry was taken.
	ErrClosed = errors.New("ledger: closed")
	// ErrInUse: another process has the log open.
	ErrInUse = errors.New("ledger: in use by another process")
	// ErrReadOnly: the log was opened by OpenReader.
	ErrReadOnly = errors.New("ledger: opened for reading")
	// ErrNoEntry: the index is not (yet) covered by a published checkpoint.
	ErrNoEntry = errors.New("ledger: no such entry")
)

// Indexed is an entry and its place in the log, counted from 0.
type Indexed struct {
	Index uint64
	Entry Entry
}

// Log is the exchange's transparency log: the only writer of its directory, or,
// from OpenReader, one of many readers. Safe for concurrent use.
type Log struct {
	o        Options
	verifier keys
	appender *tessera.Appender // nil in a reader
	reader   storage
	shutdown func(context.Context) error
	stop     context.CancelFunc
	lock     *os.File
	ctx      context.Context // ends with Close; not a caller's

	wake       chan struct{} // there is something pending; closed by Close
	sequenced  chan struct{} // closed when sequence has ended
	refreshing sync.Mutex    // one refresh at a time

	mu        sync.Mutex
	closed    bool
	appending sync.WaitGroup
	pending   []*pending
	published published
	changed   chan struct{} // closed and replaced when published changes
	watching  bool          // a goroutine looks for new checkpoints
	waiters   int
}

// published is a verified checkpoint of ours. Its proofs share a tile cache.
type published struct {
	Checkpoint
	raw    []byte
	mu     *sync.Mutex // guards proofs
	proofs *client.ProofBuilder
}

// storage is what is read of a log's directory; tessera.LogReader has it.
type storage interface {
	ReadCheckpoint(ctx context.Context) ([]byte, error)
	ReadTile(ctx context.Context, level, index uint64, p uint8) ([]byte, error)
	ReadEntryBundle(ctx context.Context, index uint64, p uint8) ([]byte, error)
	IntegratedSize(ctx context.Context) (uint64, error)
}

// files is a log's directory that another process writes.
type files struct {
	client.FileFetcher
	log *Log
}

// IntegratedSize is that of the newest checkpoint: a reader knows no more.
func (f files) IntegratedSize(ctx context.Context) (uint64, error) { return f.log.Size(ctx) }

// OpenReader opens the log that another process, or another Log of this one,
// writes in o.Dir. It follows what is published there. fs.ErrNotExist when
// nothing is yet.
func OpenReader(ctx context.Context, o Options) (*Log, error) {
	l, err := prepare(o)
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	l.reader = files{client.FileFetcher{Root: o.Dir}, l}
	l.ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := l.refresh(); err != nil {
		l.stop()
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	return l, nil
}

// Open opens or creates the log in o.Dir, sweeps what a crash left, and
// verifies its newest checkpoint. Entries that were integrated before a crash
// are published soon after. ErrInUse when another process has it.
func Open(ctx context.Context, o Options) (*Log, error) {
	l, err := open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	return l, nil
}

// prepare checks the options and fills in their defaults.
func prepare(o Options) (*Log, error) {
	if o.Deadline == 0 {
		o.Deadline = 10 * time.Second
	}
	if o.Interval == 0 {
		o.Interval = 100 * time.Millisecond
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 5 * time.Second}
	}
	if o.Dir == "" || o.Signer == nil {
		return nil, errors.New("options: Dir and Signer are needed")
	}
	if o.Origin == "" {
		o.Origin = o.Signer.Name()
	}
	if o.Origin != o.Signer.Name() {
		return nil, fmt.Errorf("origin %q is not the name in the log's key, %q", o.Origin, o.Signer.Name())
	}
	v := Verifier{LogKey: o.LogKey, Quorum: o.Quorum}
	for _, w := range o.Witnesses {
		v.Witnesses = append(v.Witnesses, w.VKey)
	}
	l := &Log{o: o, changed: make(chan struct{}), wake: make(chan struct{}, 1), sequenced: make(chan struct{})}
	var err error
	if l.verifier, err = v.keys(); err != nil {
		return nil, err
	}
	if l.verifier.log.hash() != o.Signer.KeyHash() {
		return nil, errors.New("LogKey is not the key of Signer")
	}
	return l, nil
}

func open(ctx context.Context, o Options) (_ *Log, err error) {
	l, err := prepare(o)
	if err != nil {
		return nil, err
	}
	o = l.o
	if o.Logger != nil {
		tesseraLogger.Do(func() { klog.SetSlogLogger(o.Logger) })
	}

	if err := os.MkdirAll(filepath.Join(o.Dir, ".state"), 0o755); err != nil {
		return nil, err
	}
	if l.lock, err = os.OpenFile(filepath.Join(o.Dir, ".state", "open.lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			l.lock.Close()
		}
	}()
	if err := syscall.Flock(int(l.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrInUse, err)
	}
	if err := sweep(o.Dir); err != nil {
		return nil, fmt.Errorf("sweeping: %w", err)
	}

	options, err := l.appendOptions()
	if err != nil {
		return nil, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: o.Dir, HTTPClient: o.HTTP})
	if err != nil {
		return nil, err
	}
	l.ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			l.stop()
		}
	}()
	var reader tessera.LogReader
	if l.appender, l.shutdown, reader, err = tessera.NewAppender(l.ctx, driver, options); err != nil {
		return nil, err
	}
	l.reader = reader
	if err := l.refresh(); err != nil {
		return nil, err
	}
	go l.sequence()
	return l, nil
}

// appendOptions configures Tessera: batches go at once, see sequence.
func (l *Log) appendOptions() (*tessera.AppendOptions, error) {
	a := tessera.NewAppendOptions().
		WithCheckpointSigner(untilClosed{l.o.Signer, l}).
		WithCheckpointInterval(l.o.Interval).
		WithBatching(512, time.Millisecond).
		WithShutdownTimeout(l.o.Deadline)
	if len(l.o.Witnesses) == 0 {
		return a, nil
	}
	group, how := tessera.WitnessGroup{N: l.o.Quorum}, &tessera.WitnessOptions{Timeout: l.o.Deadline}
	if l.o.Quorum == 0 {
		group.N, how = len(l.o.Witnesses), &tessera.WitnessOptions{Timeout: 500 * time.Millisecond, FailOpen: true}
	}
	for _, w := range l.o.Witnesses {
		u, err := url.Parse(w.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("witness URL %q", w.URL)
		}
		witness, err := tessera.NewWitness(w.VKey, u)
		if err != nil {
			return nil, fmt.Errorf("witness %s: %w", w.URL, err)
		}
		group.Components = append(group.Components, witness)
	}
	return a.WithWitnesses(group, how), nil
}

// untilClosed signs no checkpoint of a closed log. Tessera's publisher ends a moment
// after Close: a log that was moved away meanwhile is not begun anew in its place.
type untilClosed struct {
	note.Signer
	l *Log
}

func (s untilClosed) Sign(checkpoint []byte) ([]byte, error) {
	if s.l.ctx.Err() != nil {
		return nil, ErrClosed
	}
	return s.Signer.Sign(checkpoint)
}

// tesseraLogger guards klog's one logger, which may only be set before it is used.
var tesseraLogger sync.Once

// orphans are the temporary names Tessera writes before it renames or links;
// kill -9 leaves them behind.
var orphans = regexp.MustCompile(`^(checkpoint|treeState|gcState|version)[0-9]+$`)

func sweep(dir string) error {
	for _, d := range []string{dir, filepath.Join(dir, ".state")} {
		names, err := os.ReadDir(d)
		if err != nil {
			return err
		}
		for _, n := range names {
			if n.Type().IsRegular() && orphans.MatchString(n.Name()) {
				if err := os.Remove(filepath.Join(d, n.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Close refuses new entries, waits for those being appended (at most
// Options.Deadline) and stops.
func (l *Log) Close() error {
	l.mu.Lock()
	was := l.closed
	l.closed = true
	l.mu.Unlock()
	if was {
		return nil
	}
	if l.appender == nil {
		l.stop()
		return nil
	}
	l.appending.Wait()
	close(l.wake)
	<-l.sequenced
	err := l.shutdown(context.Background())
	l.stop()
	if err != nil {
		err = fmt.Errorf("closing the ledger: %w", err)
	}
	return errors.Join(err, l.lock.Close())
}

// Append adds e and returns its index once a published checkpoint covers it,
// cosigned by the quorum where one is set, and the proof from e to that
// checkpoint is verified. ErrUnpublished when that is not known in time; with
// any other error (ErrTooLarge, ErrClosed, a failed disk, which is syscall.ENOSPC
// when it is full) e is not in the log.
func (l *Log) Append(ctx context.Context, e Entry) (index uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.Deadline)
	defer cancel()
	done, err := l.begin()
	if err != nil {
		return 0, err
	}
	defer done()
	if index, err = l.Integrate(ctx, e); err != nil {
		return 0, err
	}
	return index, l.Published(ctx, index, e)
}

// begin keeps Close waiting until done; ErrClosed when it is too late.
func (l *Log) begin() (done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	l.appending.Add(1)
	return l.appending.Done, nil
}

// Published returns once a published checkpoint covers e at index, and the proof
// from e to it is verified. ErrUnpublished when that is not known in time.
func (l *Log) Published(ctx context.Context, index uint64, e Entry) error {
	ctx, cancel := context.WithTimeout(ctx, l.o.Deadline)
	defer cancel()
	at, err := l.await(ctx, index+1)
	if err != nil {
		return err
	}
	if _, err := at.prove(ctx, index, e.Bytes()); err != nil {
		return fmt.Errorf("%w: entry %d: %w", ErrUnpublished, index, err)
	}
	return nil
}

// Integrate adds e and returns its index once it is in the log for good, soon to
// be published. Errors are those of Append.
func (l *Log) Integrate(ctx context.Context, e Entry) (index uint64, err error) {
	if l.appender == nil {
		return 0, ErrReadOnly
	}
	data := e.Bytes()
	if len(data) > MaxEntry {
		return 0, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	if _, err := ParseEntry(data); err != nil {
		return 0, fmt.Errorf("ledger: not an entry: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	done, err := l.begin()
	if err != nil {
		return 0, err
	}
	defer done()
	p := &pending{data, make(chan integrated, 1)}
	l.mu.Lock()
	l.pending = append(l.pending, p)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // it is awake
	}
	ctx, cancel := context.WithTimeout(ctx, l.o.Deadline)
	defer cancel()
	select {
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: not integrated: %w", ErrUnpublished, ctx.Err())
	case r := <-p.integrated:
		if index, err = r.index, r.err; err != nil {
			// The batch failed, but its last step may have reached the disk.
			i, found, ferr := l.find(ctx, r.from, data)
			if ferr != nil {
				return 0, fmt.Errorf("%w: %w", ErrUnpublished, errors.Join(err, ferr))
			}
			if !found {
				if strings.Contains(err.Error(), syscall.ENOSPC.Error()) { // Tessera drops the error's kind
					err = fmt.Errorf("%w: %w", syscall.ENOSPC, err)
				}
				return 0, fmt.Errorf("ledger: appending: %w", err)
			}
			index = i
		}
	}
	return index, nil
}

// pending is an entry that waits to be integrated.
type pending struct {
	data       []byte
	integrated chan integrated // takes one
}

type integrated struct {
	index uint64
	err   error
	from  uint64 // size of the log before the batch
}

// sequence hands pending entries to Tessera, one batch at a time: while one is
// written the next gathers. So a batch is as small as the load allows.
func (l *Log) sequence() {
	defer close(l.sequenced)
	for range l.wake {
		l.mu.Lock()
		batch := l.pending
		l.pending = nil
		l.mu.Unlock()
		from, err := l.reader.IntegratedSize(l.ctx)
		if err == nil && l.o.Fence != nil {
			err = l.o.Fence()
		}
		futures := make([]tessera.IndexFuture, len(batch))
		if err == nil {
			for i, p := range batch {
				futures[i] = l.appender.Add(l.ctx, tessera.NewEntry(p.data))
			}
		}
		for i, p := range batch {
			r := integrated{err: err, from: from}
			if err == nil {
				var index tessera.Index
				index, r.err = futures[i]()
				r.index = index.Index
			}
			p.integrated <- r
		}
	}
}

// find looks for data among the integrated entries from index from on.
func (l *Log) find(ctx context.Context, from uint64, data []byte) (uint64, bool, error) {
	size, err := l.reader.IntegratedSize(ctx)
	if err != nil {
		return 0, false, err
	}
	for i, b := range l.raw(ctx, from, size, &err) {
		if string(b) == string(data) {
			return i, true, nil
		}
	}
	return 0, false, err
}

// prove returns the verified inclusion path of data at index.
func (p published) prove(ctx context.Context, index uint64, data []byte) ([]Hash, error) {
	p.mu.Lock()
	path, err := p.proofs.InclusionProof(ctx, index)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(data)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, p.Size, leaf, path, p.Root[:]); err != nil {
		return nil, err
	}
	hashes := make([]Hash, len(path))
	for i := range path {
		hashes[i] = Hash(path[i])
	}
	return hashes, nil
}

// await returns the first published checkpoint of at least size entries.
func (l *Log) await(ctx context.Context, size uint64) (published, error) {
	l.mu.Lock()
	l.waiters++
	if !l.watching {
		l.watching = true
		go l.watch()
	}
	defer func() {
		l.mu.Lock()
		l.waiters--
		l.mu.Unlock()
	}()
	for {
		p, changed := l.published, l.changed
		l.mu.Unlock()
		if p.Size >= size {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return published{}, fmt.Errorf("%w: the published log has %d entries, not %d: %w", ErrUnpublished, p.Size, size, ctx.Err())
		case <-l.ctx.Done():
			return published{}, fmt.Errorf("%w: closed", ErrUnpublished)
		case <-changed:
		}
		l.mu.Lock()
	}
}

// watch looks for new checkpoints while anybody waits for one. Tessera
// publishes by renaming a file and tells nobody.
func (l *Log) watch() {
	for tick := time.NewTicker(2 * time.Millisecond); ; {
		select {
		case <-l.ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		if err := l.refresh(); err != nil {
			klog.Errorf("ledger: %v", err)
		}
		l.mu.Lock()
		if l.waiters == 0 {
			l.watching = false
			l.mu.Unlock()
			tick.Stop()
			return
		}
		l.mu.Unlock()
	}
}

// refresh reads the newest checkpoint and, if it is new, verifies and keeps it.
func (l *Log) refresh() error {
	l.refreshing.Lock()
	defer l.refreshing.Unlock()
	raw, err := l.reader.ReadCheckpoint(l.ctx)
	if err != nil {
		return fmt.Errorf("reading the checkpoint: %w", err)
	}
	l.mu.Lock()
	old := l.published
	l.mu.Unlock()
	if string(raw) == string(old.raw) {
		return nil
	}
	v := l.verifier
	if old.raw == nil { // just opened: this one may be from before the witnesses
		v.quorum = 0
	}
	var r Report
	c, _, ok := v.checkpoint(&r, raw, 0)
	if !ok {
		return fmt.Errorf("the published checkpoint: %w", r.Err())
	}
	if c.Size < old.Size {
		return fmt.Errorf("the published checkpoint went back from %d to %d entries", old.Size, c.Size)
	}
	proofs, err := client.NewProofBuilder(l.ctx, c.Size, l.reader.ReadTile)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.published = published{c, raw, new(sync.Mutex), proofs}
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	return nil
}

// newest is the newest published checkpoint.
func (l *Log) newest() (published, error) {
	if err := l.refresh(); err != nil {
		return published{}, fmt.Errorf("ledger: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.published, nil
}

// Size is how many entries the newest published checkpoint covers.
func (l *Log) Size(ctx context.Context) (uint64, error) {
	p, err := l.newest()
	return p.Size, err
}

// Checkpoint is the newest published checkpoint, verified, and its signed text.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, []byte, error) {
	p, err := l.newest()
	return p.Checkpoint, slices.Clone(p.raw), err
}

// Entry returns the published entry at index; ErrNoEntry when there is none.
func (l *Log) Entry(ctx context.Context, index uint64) (Entry, error) {
	p, err := l.newest()
	if err != nil {
		return Entry{}, err
	}
	data, err := l.entry(ctx, index, p.Size)
	if err != nil {
		return Entry{}, err
	}
	return ParseEntry(data)
}

func (l *Log) entry(ctx context.Context, index, size uint64) (data []byte, err error) {
	if index >= size {
		return nil, fmt.Errorf("%w: %d of %d", ErrNoEntry, index, size)
	}
	for _, b := range l.raw(ctx, index, size, &err) {
		return b, nil
	}
	return nil, err
}

// raw yields the entries [from, size) as bytes; err is set if it ends early.
func (l *Log) raw(ctx context.Context, from, size uint64, err *error) iter.Seq2[uint64, []byte] {
	return func(yield func(uint64, []byte) bool) {
		for from < size {
			n := from / layout.EntryBundleWidth
			var bundle api.EntryBundle
			bundle, *err = client.GetEntryBundle(ctx, l.reader.ReadEntryBundle, n, size)
			if *err != nil {
				*err = fmt.Errorf("ledger: %w", *err)
				return
			}
			skip := int(from % layout.EntryBundleWidth)
			want := int(min(size-n*layout.EntryBundleWidth, layout.EntryBundleWidth))
			if len(bundle.Entries) < want {
				*err = fmt.Errorf("ledger: entry bundle %d holds %d entries, want %d", n, len(bundle.Entries), want)
				return
			}
			for _, b := range bundle.Entries[skip:want] {
				if !yield(from, b) {
					return
				}
				from++
			}
		}
	}
}

// Entries yields, in order, every entry from index from on that is in the log
// when it is called. It first waits until all of them are published: then what
// it does not yield is not in the log. ErrUnpublished when that takes longer
// than Options.Deadline.
func (l *Log) Entries(ctx context.Context, from uint64) iter.Seq2[Indexed, error] {
	return func(yield func(Indexed, error) bool) {
		size, err := l.reader.IntegratedSize(ctx)
		if err == nil {
			wait, cancel := context.WithTimeout(ctx, l.o.Deadline)
			_, err = l.await(wait, size)
			cancel()
		}
		if err != nil {
			yield(Indexed{}, err)
			return
		}
		l.parsed(ctx, from, size, size, func([]byte) bool { return true }, yield)
	}
}

// parsed yields the entries [from, to) of the log of a size whose bytes are wanted.
func (l *Log) parsed(ctx context.Context, from, to, size uint64, wanted func([]byte) bool, yield func(Indexed, error) bool) {
	var err error
	for i, data := range l.raw(ctx, from, size, &err) {
		if i == to {
			return
		}
		if !wanted(data) {
			continue
		}
		e, perr := ParseEntry(data)
		if perr != nil {
			yield(Indexed{}, fmt.Errorf("ledger: entry %d: %w", i, perr))
			return
		}
		if !yield(Indexed{i, e}, nil) {
			return
		}
	}
	if err != nil {
		yield(Indexed{}, err)
	}
}

// Select yields, in order, the published entries [from, to) whose action is one
// of actions. The others it passes over without parsing them.
func (l *Log) Select(ctx context.Context, from, to uint64, actions ...string) iter.Seq2[Indexed, error] {
	return func(yield func(Indexed, error) bool) {
		p, err := l.newest()
		if err == nil && to > p.Size {
			err = fmt.Errorf("%w: %d of %d", ErrNoEntry, to, p.Size)
		}
		if err != nil {
			yield(Indexed{}, err)
			return
		}
		l.parsed(ctx, from, to, p.Size, func(data []byte) bool { return slices.Contains(actions, actionOf(data)) }, yield)
	}
}

// actionOf reads the action out of an entry's one encoding, where it is the
// first string after the act's id.
func actionOf(data []byte) string {
	_, rest, _ := bytes.Cut(data, []byte(`","action":"`))
	action, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(action)
}

// Receipt proves the entry at index in the newest published checkpoint and
// opens the given private values. ErrNoEntry when the index is not published;
// an error when a disclosure does not open a commitment of the entry.
func (l *Log) Receipt(ctx context.Context, index uint64, disclosures ...Disclosure) (Receipt, error) {
	p, err := l.newest()
	if err != nil {
		return Receipt{}, err
	}
	data, err := l.entry(ctx, index, p.Size)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{Index: index, Checkpoint: slices.Clone(p.raw)}
	if r.Entry, err = ParseEntry(data); err != nil {
		return Receipt{}, fmt.Errorf("ledger: entry %d: %w", index, err)
	}
	if r.Disclosures, err = r.Entry.open(disclosures); err != nil {
		return Receipt{}, fmt.Errorf("ledger: entry %d: %w", index, err)
	}
	// A builder of its own: the shared one would keep every tile it saw.
	p.mu = new(sync.Mutex)
	if p.proofs, err = client.NewProofBuilder(ctx, p.Size, l.reader.ReadTile); err != nil {
		return Receipt{}, err
	}
	if r.Proof, err = p.prove(ctx, index, data); err != nil {
		return Receipt{}, fmt.Errorf("ledger: proving entry %d: %w", index, err)
	}
	return r, nil
}

// open sorts ds by name and checks each against e.
func (e Entry) open(ds []Disclosure) ([]Disclosure, error) {
	ds = slices.Clone(ds)
	slices.SortFunc(ds, func(a, b Disclosure) int { return strings.Compare(a.Name, b.Name) })
	for i, d := range ds {
		want, ok := e.Act.Private[d.Name]
		if d.Name == signatureName && e.Signature != nil {
			want, ok = *e.Signature, true
		}
		if !ok || !privateName.MatchString(d.Name) || d.Commitment() != want || i > 0 && ds[i-1].Name == d.Name {
			return nil, fmt.Errorf("%s does not open a commitment", strconv.Quote(d.Name))
		}
	}
	return ds, nil
}
