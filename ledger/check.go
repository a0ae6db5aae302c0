package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strconv"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
)

// maxRefusals is how many wrong tiles a whole-ledger report names.
const maxRefusals = 20

// Ledger checks a whole log from its entry bundles up, trusting nothing but
// v's keys: every entry is in its one form, every hash tile and the root follow
// from the entries, the checkpoint is signed, and, if older is a checkpoint
// the caller kept, the log still extends it. Memory does not grow with the log.
//
// The report names what is wrong by tile and index. The error is Report.Err,
// or what kept the log from being read.
func (v Verifier) Ledger(ctx context.Context, f Fetch, older []byte) (Report, error) {
	r := Report{Subject: "ledger"}
	k, err := v.keys()
	if err != nil {
		return r, err
	}
	raw, err := f(ctx, layout.CheckpointPath)
	if err != nil {
		return r, fmt.Errorf("reading the checkpoint: %w", err)
	}
	c, _, ok := k.checkpoint(&r, raw, 0)
	if !ok {
		return r, r.Err()
	}
	old, haveOld := Checkpoint{}, len(older) > 0
	if haveOld {
		var or Report
		k := k
		k.quorum = 0
		if old, _, ok = k.checkpoint(&or, older, 0); !ok {
			r.say(Refused, "older-checkpoint-valid", "error", or.Err().Error())
			return r, r.Err()
		}
	} else {
		r.say(NotProved, "older-checkpoint")
	}

	w := walk{ctx: ctx, fetch: f, report: &r, tree: ranges.NewEmptyRange(0)}
	if haveOld && old.Size == 0 {
		w.oldRoot = rfc6962.DefaultHasher.EmptyRoot()
	}
	for n := uint64(0); n*layout.EntryBundleWidth < c.Size; n++ {
		width := int(min(c.Size-n*layout.EntryBundleWidth, layout.EntryBundleWidth))
		if err := w.bundle(n, width, old.Size); err != nil {
			return r, err
		}
		if w.refused >= maxRefusals {
			break
		}
	}
	count := strconv.FormatUint(c.Size, 10)
	if w.size == c.Size {
		if err := w.rest(); err != nil {
			return r, err
		}
		root, err := w.tree.GetRootHash(nil)
		if err != nil {
			return r, err
		}
		if c.Size == 0 {
			root = rfc6962.DefaultHasher.EmptyRoot()
		}
		if !bytes.Equal(root, c.Root[:]) {
			w.refused++
			r.say(Refused, "root", "count", count)
		}
	}
	if w.refused == 0 {
		r.say(Proved, "entries", "count", count)
		r.say(Proved, "tiles", "count", strconv.Itoa(w.tiles))
		if haveOld {
			s := Refused
			if bytes.Equal(w.oldRoot, old.Root[:]) {
				s = Proved
			}
			r.say(s, "older-checkpoint", "size", strconv.FormatUint(old.Size, 10))
		}
	}
	return r, r.Err()
}

// walk recomputes a tree from its entries, left to right.
type walk struct {
	ctx    context.Context
	fetch  Fetch
	report *Report

	tree    *compact.Range // right edge of the tree so far
	size    uint64         // entries hashed
	levels  []level        // hash tiles being filled, by level
	tiles   int            // compared
	refused int
	oldRoot []byte
}

// level is the tile being filled at one level: its index, and hashes so far.
type level struct {
	index  uint64
	hashes []byte
}

var ranges = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

func (w *walk) refuse(what, path, format string, args ...any) {
	w.refused++
	w.report.say(Refused, what, "path", path, "error", fmt.Sprintf(format, args...))
}

// bundle hashes the entries of one bundle into the tree. It notes the root at
// oldSize when it passes it. What is wrong with the files is reported; the error
// is about reaching them.
func (w *walk) bundle(n uint64, width int, oldSize uint64) error {
	b, path, err := w.fetch.tile(w.ctx, func(p uint8) string { return layout.EntriesPath(n, p) }, width)
	if errors.Is(err, fs.ErrNotExist) {
		w.refuse("entries", path, "it is missing")
		w.refused = maxRefusals // nothing after it can be placed
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading entries: %w", err)
	}
	entries, err := splitBundle(b, width)
	if err != nil {
		w.refuse("entries", path, "%v", err)
		w.refused = maxRefusals
		return nil
	}
	for _, data := range entries {
		if _, err := ParseEntry(data); err != nil {
			w.refuse("entries", path, "number %d of the log: %v", w.size, err)
		}
		leaf := rfc6962.DefaultHasher.HashLeaf(data)
		if err := w.tree.Append(leaf, nil); err != nil {
			return err
		}
		w.size++
		if w.size == oldSize {
			if w.oldRoot, err = w.tree.GetRootHash(nil); err != nil {
				return err
			}
		}
		if err := w.hash(0, leaf); err != nil {
			return err
		}
	}
	return nil
}

// hash puts one node into the tile being filled at l; a full tile is compared
// and its root goes up a level.
func (w *walk) hash(l int, node []byte) error {
	if l == len(w.levels) {
		w.levels = append(w.levels, level{})
	}
	t := &w.levels[l]
	t.hashes = append(t.hashes, node...)
	if len(t.hashes) < layout.TileWidth*len(Hash{}) {
		return nil
	}
	if err := w.compare(l); err != nil {
		return err
	}
	sub := ranges.NewEmptyRange(0)
	for h := range chunks(t.hashes) {
		if err := sub.Append(h, nil); err != nil {
			return err
		}
	}
	up, err := sub.GetRootHash(nil)
	if err != nil {
		return err
	}
	t.index, t.hashes = t.index+1, t.hashes[:0]
	return w.hash(l+1, up)
}

// rest compares the tiles that are not full.
func (w *walk) rest() error {
	for l := range w.levels {
		if len(w.levels[l].hashes) > 0 {
			if err := w.compare(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare fetches the tile being filled at l and compares it hash by hash.
func (w *walk) compare(l int) error {
	t := w.levels[l]
	width := len(t.hashes) / len(Hash{})
	got, path, err := w.fetch.tile(w.ctx, func(p uint8) string { return layout.TilePath(uint64(l), t.index, p) }, width)
	w.tiles++
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.refuse("tiles", path, "it is missing")
	case err != nil:
		return fmt.Errorf("reading a hash tile: %w", err)
	case len(got) < len(t.hashes) || len(got)%len(Hash{}) != 0:
		w.refuse("tiles", path, "%d bytes, want %d", len(got), len(t.hashes))
	default:
		i := 0
		for h := range chunks(t.hashes) {
			if !bytes.Equal(h, got[i*len(h):(i+1)*len(h)]) {
				first := (t.index*layout.TileWidth + uint64(i)) << (8 * l)
				last := first + 1<<(8*l) - 1
				if first == last {
					w.refuse("tiles", path, "its hash %d is not that of entry %d", i, first)
				} else {
					w.refuse("tiles", path, "its hash %d is not that of the entries %d to %d", i, first, last)
				}
				break
			}
			i++
		}
	}
	return nil
}

// chunks yields hash after hash.
func chunks(b []byte) iter.Seq[[]byte] { return slices.Chunk(b, len(Hash{})) }
