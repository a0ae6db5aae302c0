package reads

import (
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"porchlight/plate"
)

// tail is the newest rows of a file: durable in a journal, and in memory, where
// searches look too. A B-tree takes rows well by the ten thousand and badly by the
// hundred, as each commit writes every page it touched; so the file takes them a
// tail at a time. The parallel slices are a row's columns.
type tail struct {
	number  int64    // grows; those up to the one named in the file are in it
	journal *os.File // nil when a crash left it
	paths   []string // of its journals
	size    int64    // of the journal, of what was acknowledged

	rows    []row
	plates  []plate.Packed
	sources []int32
	ids     map[plate.ID]bool
	events  map[int64]bool

	words            map[int32]bool // that its rows use
	defined, written map[int32]bool // sources and words whose names are in the journal
}

// mergeAt is how many rows a tail has when the file takes it; at mostTail whoever
// appends waits for that.
const (
	mergeAt  = 32 << 10
	mostTail = 4 * mergeAt
)

func newTail(number int64) *tail {
	return &tail{number: number, ids: map[plate.ID]bool{}, events: map[int64]bool{}, words: map[int32]bool{}, defined: map[int32]bool{}, written: map[int32]bool{}}
}

func (t *tail) close() error {
	if t.journal == nil {
		return nil
	}
	return t.journal.Close()
}

// remove takes the journals away, when their rows are in the file.
func (t *tail) remove() error {
	err := t.close()
	for _, path := range t.paths {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func (t *tail) add(rows []row) {
	t.rows = append(t.rows, rows...)
	for i := range rows {
		r := &rows[i]
		t.plates, t.sources = append(t.plates, r.plate), append(t.sources, r.source)
		t.ids[r.id] = true
		if r.event != 0 {
			t.events[r.event] = true
		}
	}
}

// view is a tail as it was at one moment.
type view struct {
	rows    []row
	plates  []plate.Packed
	sources []int32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A journal is records: length and CRC-32C of a payload, four bytes each, little
// endian, and the payload: names that the journal has not defined yet, then rows.

// write appends a record and waits until it is on the disk.
func (t *tail) write(n *names, rows []row) error {
	b := t.record(n, rows)
	_, err := t.journal.WriteAt(b, t.size)
	if err == nil {
		err = t.journal.Sync()
	}
	if err != nil {
		clear(t.defined) // the names may not be on the disk
		clear(t.written)
		return err
	}
	t.size += int64(len(b))
	return nil
}

// record makes the record of rows.
func (t *tail) record(n *names, rows []row) []byte {
	b := make([]byte, 8, 64+len(rows)*100)
	var sources, words []int32
	for i := range rows {
		if s := rows[i].source; !t.defined[s] {
			t.defined[s] = true
			sources = append(sources, s)
		}
		for _, w := range rows[i].words {
			if w != 0 && !t.written[w] {
				t.words[w], t.written[w] = true, true
				words = append(words, w)
			}
		}
	}
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(len(sources)))
	for _, i := range sources {
		s := n.source(i)
		b = binary.AppendUvarint(b, uint64(i))
		text(s.owner)
		text(s.camera)
	}
	b = binary.AppendUvarint(b, uint64(len(words)))
	for _, i := range words {
		b = binary.AppendUvarint(b, uint64(i))
		text(n.word(i))
	}
	for i := range rows {
		r := &rows[i]
		for _, v := range []uint64{uint64(r.id), uint64(r.plate), uint64(r.source), uint64(r.event), uint64(len(r.body))} {
			b = binary.AppendUvarint(b, v)
		}
		b = append(b, r.body...)
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-8))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// replay reads the records of a journal, up to the first that is not whole: it was
// never acknowledged.
func (t *tail) replay(n *names, journal []byte) error {
	for len(journal) >= 8 {
		size, sum := binary.LittleEndian.Uint32(journal), binary.LittleEndian.Uint32(journal[4:])
		if uint64(size) > uint64(len(journal)-8) || crc32.Checksum(journal[8:8+size], castagnoli) != sum {
			return nil
		}
		r := reader{b: journal[8 : 8+size]}
		for range min(r.uvarint(), uint64(size)) {
			i := int32(r.uvarint())
			s := source{owner: r.text(), camera: r.text()}
			if err := n.learnSource(i, s); r.bad || err != nil {
				return errors.Join(errBody, err)
			}
		}
		for range min(r.uvarint(), uint64(size)) {
			i := int32(r.uvarint())
			w := r.text()
			if err := n.learnWord(i, w); r.bad || err != nil {
				return errors.Join(errBody, err)
			}
			t.words[i] = true
		}
		for len(r.b) > 0 {
			w := row{id: plate.ID(r.uvarint()), plate: plate.Packed(r.uvarint()), source: int32(r.uvarint()), event: int64(r.uvarint())}
			w.body = []byte(r.text())
			var err error
			if w.at, err = placeOf(w.body); r.bad || err != nil {
				return errBody
			}
			// A batch whose writing failed may have been written after all, and once
			// more when it was repeated.
			if !t.ids[w.id] && (w.event == 0 || !t.events[w.event]) {
				t.add([]row{w})
			}
		}
		journal = journal[8+size:]
	}
	return nil
}

// journals are the paths of a bucket's journals, by their numbers.
func (f *file) journals() (map[int64]string, error) {
	base := strings.TrimSuffix(f.path, fileSuffix)
	found, err := filepath.Glob(base + ".*" + journalSuffix)
	if err != nil {
		return nil, err
	}
	out := map[int64]string{}
	for _, path := range found {
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(path, base+"."), journalSuffix), 10, 64)
		if err == nil {
			out[n] = path
		}
	}
	return out, nil
}

func (f *file) journalPath(number int64) string {
	return fmt.Sprintf("%s.%d%s", strings.TrimSuffix(f.path, fileSuffix), number, journalSuffix)
}

const journalSuffix = ".journal"

// recover brings into the file what a crash left in journals, and learns what it
// holds.
func (f *file) recover() error {
	found, err := f.journals()
	if err != nil {
		return err
	}
	if f.last, err = f.merged(); err != nil {
		return err
	}
	if len(found) == 0 {
		return f.learn()
	}
	all := newTail(0)
	for _, number := range slices.Sorted(maps.Keys(found)) {
		if number <= f.last {
			continue
		}
		b, err := os.ReadFile(found[number])
		if err != nil {
			return err
		}
		if err := all.replay(f.e.s.names, b); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(found[number]), err)
		}
		all.number = number
	}
	f.last = max(f.last, all.number)
	all.paths = slices.Collect(maps.Values(found))
	f.old = all
	if err := f.merge(); err != nil && !errors.Is(err, syscall.ENOSPC) { // with no room the rows stay where they are
		return err
	}
	if err := f.learn(); err != nil {
		return err
	}
	if f.old != nil {
		f.e.learned(f.p, f.old.rows)
	}
	return nil
}

// merged is the number of the last tail that is in the file.
func (f *file) merged() (number int64, err error) {
	err = f.with(false, func(c *conn) error {
		return c.query(`SELECT number FROM merged`, nil, func(v []driver.Value) error { number = v[0].(int64); return nil })
	})
	return number, err
}

// insert makes rows durable in the journal.
func (f *file) insert(_ context.Context, rows []row) error {
	if f.tailLen() >= mostTail {
		if err := f.merge(); err != nil {
			return err
		}
	}
	f.appending.Lock()
	defer f.appending.Unlock()
	if known, err := f.knows(rows); err != nil {
		return err
	} else if known {
		return errKnown
	}
	if f.active == nil {
		t := newTail(f.last + 1)
		var err error
		if t.journal, err = os.OpenFile(f.journalPath(t.number), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err != nil {
			return err
		}
		f.last, t.paths = t.number, []string{t.journal.Name()}
		if err := f.e.syncDir(); err != nil {
			return errors.Join(err, t.journal.Close())
		}
		f.tails.Lock()
		f.active = t
		f.tails.Unlock()
	}
	t := f.active
	if err := t.write(f.e.s.names, rows); err != nil {
		t.journal.Truncate(t.size) // if that fails too the next record is written over it
		return err
	}
	f.tails.Lock()
	t.add(rows)
	n := len(t.rows)
	f.tails.Unlock()
	if n >= mergeAt && f.merging.TryLock() {
		f.merging.Unlock()
		f.e.s.jobs.Add(1)
		go func() {
			defer f.e.s.jobs.Done()
			f.merge() // whoever appends to a full tail, or searches, hears of an error
		}()
	}
	return nil
}

// knows reports whether a row, or its id or event key, is there already.
func (f *file) knows(rows []row) (bool, error) {
	var ids, events []driver.Value
	f.tails.RLock()
	for _, t := range []*tail{f.active, f.old} {
		for i := range rows {
			if t != nil && (t.ids[rows[i].id] || t.events[rows[i].event]) {
				f.tails.RUnlock()
				return true, nil
			}
		}
	}
	f.tails.RUnlock()
	for i := range rows {
		if int64(rows[i].id) <= f.newest.Load() {
			ids = append(ids, int64(rows[i].id))
		}
		if rows[i].event != 0 {
			events = append(events, rows[i].event)
		}
	}
	known := false
	err := f.with(false, func(c *conn) error {
		for chunk := range slices.Chunk(ids, perList) {
			if err := c.query(`SELECT 1 FROM read WHERE id `+listSQL, filled(chunk), func([]driver.Value) error { known = true; return nil }); err != nil {
				return err
			}
		}
		for chunk := range slices.Chunk(events, perList) {
			if err := c.query(`SELECT 1 FROM read INDEXED BY read_event WHERE event `+listSQL, filled(chunk), func([]driver.Value) error { known = true; return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	return known, err
}

func (f *file) tailLen() int {
	f.tails.RLock()
	defer f.tails.RUnlock()
	if f.active == nil {
		return 0
	}
	return len(f.active.rows)
}

// merge brings the tail into the file.
func (f *file) merge() error {
	f.merging.Lock()
	defer f.merging.Unlock()
	for range 2 { // what an earlier try left, then what is new
		f.appending.Lock()
		f.tails.Lock()
		if f.old == nil {
			f.old, f.active = f.active, nil
		}
		t := f.old
		f.tails.Unlock()
		f.appending.Unlock()
		if t == nil {
			return nil
		}
		if err := f.take(t); err != nil {
			return err
		}
		f.tails.Lock()
		f.old = nil
		f.tails.Unlock()
		if err := t.remove(); err != nil {
			return err
		}
	}
	return nil
}

// take inserts a tail's rows into the file, in one transaction that also says so.
func (f *file) take(t *tail) error {
	rows := slices.Clone(t.rows)
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.id, b.id) })
	n := f.e.s.names
	err := f.with(true, func(c *conn) error {
		return c.tx(func() error {
			args := make([]driver.Value, 0, 5*perInsert)
			for chunk := range slices.Chunk(rows, perInsert) {
				args = args[:0]
				for i := range chunk {
					r := &chunk[i]
					var event driver.Value
					if r.event != 0 {
						event = r.event
					}
					args = append(args, int64(r.id), int64(r.plate), int64(r.source), event, r.body)
				}
				if err := c.exec(insertSQL(len(chunk)), args...); err != nil {
					return err
				}
			}
			for i, t := range talliesOf(rows) {
				s := n.source(i)
				if err := c.exec(`INSERT INTO source (n, owner, camera, reads, west, south, east, north, gone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)
					ON CONFLICT (n) DO UPDATE SET reads = reads + excluded.reads, west = min(west, excluded.west), south = min(south, excluded.south),
						east = max(east, excluded.east), north = max(north, excluded.north), gone = 0`,
					int64(i), s.owner, s.camera, int64(t.reads), int64(t.west), int64(t.south), int64(t.east), int64(t.north)); err != nil {
					return err
				}
			}
			for i := range t.words {
				if err := c.exec(`INSERT INTO word (n, text) VALUES (?, ?) ON CONFLICT DO NOTHING`, int64(i), n.word(i)); err != nil {
					return err
				}
			}
			return c.exec(`UPDATE merged SET number = ?`, t.number)
		})
	})
	if err == nil && len(rows) > 0 {
		f.newest.Store(max(f.newest.Load(), int64(rows[len(rows)-1].id)))
	}
	return err
}

// tailRows gives the newest rows of the tails for which is holds, at most limit,
// added to those of the file, which may have some of them already.
func tailRows(views []view, rows []row, lo, hi plate.ID, limit int, is func(plate.Packed, int32) bool) []row {
	before := len(rows)
	for _, v := range views {
		for i, p := range v.plates {
			if is(p, v.sources[i]) && v.rows[i].id >= lo && v.rows[i].id < hi {
				rows = append(rows, v.rows[i])
			}
		}
	}
	if len(rows) > before {
		slices.SortFunc(rows, compareRows)
		rows = slices.CompactFunc(rows, func(a, b row) bool { return a.id == b.id })
	}
	return rows[:min(limit, len(rows))]
}

// views are the tails as they are now. They are taken before the file is asked: a
// tail that is merged meanwhile is then seen twice rather than not at all.
func (f *file) views() (out []view) {
	f.tails.RLock()
	defer f.tails.RUnlock()
	for _, t := range []*tail{f.active, f.old} {
		if t != nil {
			n := len(t.rows)
			out = append(out, view{t.rows[:n:n], t.plates[:n:n], t.sources[:n:n]})
		}
	}
	return out
}
