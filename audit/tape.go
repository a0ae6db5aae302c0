package audit

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
)

// mark is what is kept of a search for the questions that take several.
type mark struct {
	who     uint64 // the login, 0 where not told
	subject uint64 // the plate; on the tape of groups, what the group is: a case number, a text
	case_   uint64 // the case number, 0 for none; its low 16 bits are its shape
	agency  uint32 // 0 where not told
	at      uint32 // Unix seconds, 0 where not told
	line    uint32
	file    uint32 // index<<markBits | bits
}

// What the low bits of mark.file say.
const (
	markBits = 12

	markReason     = 1<<7 - 1 // seven bits of the reason's hash
	markCaseUntold = 1 << 7   // the case number was masked or not exported
	markDull       = 1 << 8   // a purpose for which one plate is looked for again and again
	markDistinct   = 1 << 9   // the case number is long enough to be the only one of its kind
	markLoginID    = 1 << 10  // the login is an identifier
	markFullName   = 1 << 11  // the login is a first and a last name
)

const maxFiles = 1 << (32 - markBits)

func (m *mark) ref() ref           { return ref{m.file >> markBits, m.line} }
func (m *mark) is(bit uint32) bool { return m.file&bit != 0 }

// ref names a row: the index of its file and its line.
type ref struct{ file, line uint32 }

func (a ref) compare(b ref) int {
	return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
}

// byPerson puts a person's searches together, in order of time; byGroup a
// group's. Both are total, so that the order never depends on who wrote first.
func byPerson(a, b *mark) int {
	switch {
	case a.who != b.who:
		return cmp.Compare(a.who, b.who)
	case a.agency != b.agency:
		return cmp.Compare(a.agency, b.agency)
	case a.at != b.at:
		return cmp.Compare(a.at, b.at)
	}
	return a.ref().compare(b.ref())
}

func byGroup(a, b *mark) int {
	switch {
	case a.subject != b.subject:
		return cmp.Compare(a.subject, b.subject)
	case a.at != b.at:
		return cmp.Compare(a.at, b.at)
	}
	return a.ref().compare(b.ref())
}

// order sorts marks by merging the runs that are in order already: of a log in
// order of time each worker wrote one. It needs room for as many, and returns it
// for the next time.
func order(ms, room []mark, compare func(a, b *mark) int) []mark {
	run := func(ms []mark, from int) int { // the end of the run
		for from++; from < len(ms) && compare(&ms[from-1], &ms[from]) <= 0; from++ {
		}
		return min(from, len(ms))
	}
	first := run(ms, 0)
	if first == len(ms) {
		return room
	}
	room = slices.Grow(room[:0], len(ms))[:len(ms)]
	from, to := ms, room
	for ; first < len(ms); first = run(from, 0) {
		for begin := 0; begin < len(from); {
			mid := run(from, begin)
			end := run(from, mid)
			merge(to[begin:end], from[begin:mid], from[mid:end], compare)
			begin = end
		}
		from, to = to, from
	}
	if &from[0] != &ms[0] {
		copy(ms, from)
	}
	return room
}

// merge puts two runs into one.
func merge(out, a, b []mark, compare func(a, b *mark) int) {
	for i := range out {
		if len(b) == 0 || len(a) > 0 && compare(&a[0], &b[0]) <= 0 {
			out[i], a = a[0], a[1:]
		} else {
			out[i], b = b[0], b[1:]
		}
	}
}

const (
	tapeParts = 256 // so that one of the largest logs' has some megabytes
	chunkLen  = 256 // marks
	markSize  = 40  // bytes, in memory and in the file
)

// tape keeps marks in parts, so that what belongs together can be read
// together: in memory up to a budget, beyond it in one temporary file.
type tape struct {
	budget int    // bytes in memory
	dir    string // of the temporary file

	mu      sync.Mutex
	writers int
	held    int // bytes in memory
	parts   [tapeParts][]chunk
	file    *os.File
	size    int64 // of the file
}

type chunk struct {
	by    *writer
	marks []mark // nil where they are in the file
	at    int64
	n     int
}

func newTape(budget int, dir string) *tape {
	if runtime.GOOS == "js" { // a browser has no file for us
		budget = int(^uint(0) >> 1)
	}
	return &tape{budget: budget, dir: dir}
}

// close forgets everything and removes the file.
func (t *tape) close() {
	t.parts = [tapeParts][]chunk{}
	if t.file != nil {
		t.file.Close()
		os.Remove(t.file.Name()) // where an open file could not be removed before
		t.file = nil
	}
}

// put adds a writer's marks to a part. It keeps them, or reports that they were copied.
func (t *tape) put(by *writer, part int, marks []mark) (kept bool, err error) {
	t.mu.Lock()
	if t.held+len(marks)*markSize <= t.budget {
		t.held += len(marks) * markSize
		t.parts[part] = append(t.parts[part], chunk{by: by, marks: marks, n: len(marks)})
		t.mu.Unlock()
		return true, nil
	}
	if t.file == nil {
		if err := t.open(); err != nil {
			t.mu.Unlock()
			return false, err
		}
	}
	at := t.size
	t.size += int64(len(marks) * markSize)
	t.parts[part] = append(t.parts[part], chunk{by: by, at: at, n: len(marks)})
	t.mu.Unlock()

	b := by.raw[:0]
	for i := range marks {
		b = marks[i].append(b)
	}
	by.raw = b
	if _, err := t.file.WriteAt(b, at); err != nil {
		return false, t.trouble(err)
	}
	return false, nil
}

func (t *tape) open() error {
	f, err := os.CreateTemp(t.dir, "porchlight-audit-*")
	if err != nil {
		return t.trouble(err)
	}
	os.Remove(f.Name()) // nothing stays behind, however the program ends; where that does not work, close does it
	t.file = f
	return nil
}

func (t *tape) trouble(err error) error {
	dir := t.dir
	if dir == "" {
		dir = os.TempDir()
	}
	return fmt.Errorf("audit: the log is too large for memory alone, and working data cannot be kept in %s (40 bytes a search): %w; make room there, or set TMPDIR to a folder that has it", dir, err)
}

// len is how many marks a part holds.
func (t *tape) len(part int) int {
	n := 0
	for _, c := range t.parts[part] {
		n += c.n
	}
	return n
}

// read calls do with the marks of a part: those of each writer together, as it
// wrote them.
func (t *tape) read(part int, do func([]mark)) error {
	slices.SortStableFunc(t.parts[part], func(a, b chunk) int { return cmp.Compare(a.by.number, b.by.number) })
	var buf []byte
	marks := make([]mark, 0, chunkLen)
	for _, c := range t.parts[part] {
		if c.marks != nil {
			do(c.marks)
			continue
		}
		if need := c.n * markSize; cap(buf) < need {
			buf = make([]byte, need)
		}
		b := buf[:c.n*markSize]
		if _, err := t.file.ReadAt(b, c.at); err != nil {
			return fmt.Errorf("audit: working data cannot be read again: %w", err)
		}
		marks = marks[:0]
		for ; len(b) > 0; b = b[markSize:] {
			marks = append(marks, readMark(b))
		}
		do(marks)
	}
	return nil
}

// drop forgets a part that was read.
func (t *tape) drop(part int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.parts[part] {
		t.held -= len(c.marks) * markSize
	}
	t.parts[part] = nil
}

func (m *mark) append(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint64(b, m.who)
	b = le.AppendUint64(b, m.subject)
	b = le.AppendUint64(b, m.case_)
	b = le.AppendUint32(b, m.agency)
	b = le.AppendUint32(b, m.at)
	b = le.AppendUint32(b, m.line)
	return le.AppendUint32(b, m.file)
}

func readMark(b []byte) mark {
	le := binary.LittleEndian
	return mark{
		who: le.Uint64(b), subject: le.Uint64(b[8:]), case_: le.Uint64(b[16:]),
		agency: le.Uint32(b[24:]), at: le.Uint32(b[28:]), line: le.Uint32(b[32:]), file: le.Uint32(b[36:]),
	}
}

// writer writes to a tape from one goroutine.
type writer struct {
	tape   *tape
	number int // of the tape's writers
	bufs   [tapeParts][]mark
	raw    []byte
}

func (t *tape) writer() *writer {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writers++
	return &writer{tape: t, number: t.writers}
}

// write adds a mark to the part that the key's high bits choose.
func (w *writer) write(key uint64, m mark) error {
	part := int(key >> 56)
	buf := w.bufs[part]
	if cap(buf) == 0 {
		buf = make([]mark, 0, chunkLen)
	}
	buf = append(buf, m)
	w.bufs[part] = buf
	if len(buf) == chunkLen {
		return w.put(part)
	}
	return nil
}

func (w *writer) put(part int) error {
	kept, err := w.tape.put(w, part, w.bufs[part])
	if kept {
		w.bufs[part] = nil
	} else {
		w.bufs[part] = w.bufs[part][:0]
	}
	return err
}

// flush hands over what is left.
func (w *writer) flush() error {
	for part, buf := range w.bufs {
		if len(buf) > 0 {
			if err := w.put(part); err != nil {
				return err
			}
		}
		w.bufs[part] = nil
	}
	return nil
}
