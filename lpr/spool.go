package lpr

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"porchlight/plate"
	"porchlight/plate/intake"
)

// Spool keeps what one camera has read until the exchange has it: reads in a log
// that is only appended to, each beside the sealed picture it may have. It takes
// at most its limit of bytes: the oldest picture goes first, reads go when no
// picture is left. Safe for concurrent use; one process at a time.
//
//	r-000017.log       reads: length, CRC-32C, JSON; a new file every 1 MiB
//	p/20261122/ID.age  pictures, sealed
//	state              where sending stands; see state
//	reserve            room for reads when the disk is full
type Spool struct {
	dir   string
	limit int64
	now   func() time.Time
	ready chan struct{} // holds one when there may be something to send

	mu       sync.Mutex
	lock     *os.File
	log      *os.File // the newest segment, appended to
	segments []segment
	state    state
	slots    *os.File
	next     uint64 // sequence number
	pictures int64  // how many
	pixels   int64  // what they take on the disk, bytes
	oldest   []string
	reads    int64 // not yet sent
	torn     bool  // the newest segment ends in half a record
	since    time.Time
}

// segment is one file of the log.
type segment struct {
	n     uint64
	bytes int64
}

// state is where sending stands. It is written in place into two slots in turn,
// so that a full disk cannot stop it, and a crash spoils one at most.
type state struct {
	Turn         uint64
	Segment      uint64 // the next read to be sent: its file ...
	Offset       int64  // ... and where in it
	Sequence     uint64 // numbers below it may have been used
	LostReads    uint64 // since the spool was made
	LostPictures uint64
}

const (
	segmentBytes = 1 << 20
	slotBytes    = 512     // a sector
	reserveBytes = 4 << 20 // some ten thousand reads
	diskBlock    = 4096
	maxRecord    = 64 << 10
	sequences    = 1024 // reserved at a time
)

// Stored is a read as the spool keeps it.
type Stored struct {
	plate.Read
	Pictured bool `json:"pictured"` // its picture is beside it, unless it had to go
}

// Held is what a spool holds and what it had to let go.
type Held struct {
	Reads        int64     `json:"reads"`
	Pictures     int64     `json:"pictures"`
	Bytes        int64     `json:"bytes"`
	Limit        int64     `json:"limit"`
	LostReads    uint64    `json:"lost_reads"`    // ever, for want of room
	LostPictures uint64    `json:"lost_pictures"` // the same
	Since        time.Time `json:"since"`         // when something was last sent, or the spool opened
}

// ErrBusy: another process has the spool.
var ErrBusy = errors.New("the spool is in use by another porchlight lpr")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenSpool opens or makes the spool in dir. What a crash tore is cut off; all
// that Put returned for is there.
func OpenSpool(dir string, limit int64, now func() time.Time) (s *Spool, err error) {
	s = &Spool{dir: dir, limit: limit, now: now, ready: make(chan struct{}, 1), since: now()}
	if err := os.MkdirAll(filepath.Join(dir, "p"), 0o700); err != nil {
		return nil, err
	}
	opening := s
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("opening the spool %s: %w", dir, err), opening.Close())
		}
	}()
	if s.lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, ErrBusy
	}
	if err := s.openState(); err != nil {
		return nil, err
	}
	pending, err := s.openLog()
	if err != nil {
		return nil, err
	}
	if err := s.openPictures(pending); err != nil {
		return nil, err
	}
	s.makeReserve()
	s.wake()
	return s, s.trim()
}

// Close lets another process open the spool.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.slots != nil && s.log != nil {
		errs = append(errs, s.saveState()) // what was lost is counted in it
	}
	for _, f := range []*os.File{s.log, s.slots, s.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// openState reads the newest slot. Without one, numbers begin with the
// milliseconds since 1970: above those of a spool that was lost with its disk.
func (s *Spool) openState() (err error) {
	if s.slots, err = os.OpenFile(filepath.Join(s.dir, "state"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	buf := make([]byte, 2*slotBytes)
	if _, err := s.slots.ReadAt(buf, 0); err != nil && err != io.EOF {
		return err
	}
	found := false
	for slot := range slices.Chunk(buf, slotBytes) {
		var t state
		size := binary.Size(t)
		if binary.LittleEndian.Uint32(slot[size:]) == crc32.Checksum(slot[:size], castagnoli) && slot[0]|slot[1] != 0 {
			if _, err := binary.Decode(slot, binary.LittleEndian, &t); err == nil && t.Turn > s.state.Turn {
				s.state, found = t, true
			}
		}
	}
	if !found {
		s.state = state{Sequence: uint64(s.now().UnixMilli())}
	}
	s.next = s.state.Sequence
	return s.saveState()
}

func (s *Spool) saveState() error {
	s.state.Turn++
	slot := make([]byte, slotBytes)
	size, err := binary.Encode(slot, binary.LittleEndian, s.state)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(slot[size:], crc32.Checksum(slot[:size], castagnoli))
	if _, err := s.slots.WriteAt(slot, int64(s.state.Turn%2)*slotBytes); err != nil {
		return fmt.Errorf("the spool's state: %w", err)
	}
	return s.slots.Sync()
}

func (s *Spool) segmentFile(n uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("r-%06d.log", n))
}

// openLog finds the segments, cuts off what a crash tore, and counts what is not
// sent; it returns the events whose pictures are still wanted.
func (s *Spool) openLog() (pending map[string]bool, err error) {
	names, err := filepath.Glob(filepath.Join(s.dir, "r-*.log"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		n, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "r-"), ".log"), 10, 64)
		if err != nil {
			continue
		}
		if n < s.state.Segment { // sent; a crash kept it from being deleted
			if err := os.Remove(name); err != nil {
				return nil, err
			}
			continue
		}
		s.segments = append(s.segments, segment{n: n})
	}
	slices.SortFunc(s.segments, func(a, b segment) int { return int(int64(a.n) - int64(b.n)) })
	pending = map[string]bool{}
	for i := range s.segments {
		g := &s.segments[i]
		from := int64(0)
		if g.n == s.state.Segment {
			from = s.state.Offset
		}
		if g.bytes, err = s.scan(g.n, from, -1, func(r Stored) bool {
			s.reads++
			if r.Pictured {
				pending[r.Event] = true
			}
			return true
		}); err != nil {
			return nil, err
		}
		// Whatever follows cannot be read: half a record, or a bad disk.
		if err := os.Truncate(s.segmentFile(g.n), g.bytes); err != nil {
			return nil, err
		}
	}
	if len(s.segments) == 0 {
		if err := s.begin(s.state.Segment + 1); err != nil {
			return nil, err
		}
		s.state.Segment, s.state.Offset = s.segments[0].n, 0
		return pending, s.saveState()
	}
	if first := s.segments[0]; first.n > s.state.Segment || s.state.Offset > first.bytes {
		s.state.Segment, s.state.Offset = first.n, 0
	}
	s.log, err = os.OpenFile(s.segmentFile(s.last().n), os.O_WRONLY|os.O_APPEND, 0o600)
	return pending, err
}

func (s *Spool) last() *segment { return &s.segments[len(s.segments)-1] }

// begin makes segment n and appends to it from now on.
func (s *Spool) begin(n uint64) error {
	f, err := os.OpenFile(s.segmentFile(n), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := syncDir(s.dir); err != nil {
		f.Close()
		return err
	}
	if s.log != nil {
		s.log.Close()
	}
	s.log = f
	s.segments = append(s.segments, segment{n: n})
	return nil
}

// scan reads records of segment n from an offset until end (-1: all), the first
// that is spoilt, or do says no; it returns where it stopped.
func (s *Spool) scan(n uint64, offset, end int64, do func(Stored) bool) (int64, error) {
	f, err := os.Open(s.segmentFile(n))
	if err != nil {
		return offset, err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return offset, err
	}
	var head [8]byte
	buf := bufio.NewReader(f)
	for end < 0 || offset < end {
		if _, err := io.ReadFull(buf, head[:]); err != nil {
			return offset, nil
		}
		size := binary.LittleEndian.Uint32(head[:4])
		if size > maxRecord {
			return offset, nil
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(buf, body); err != nil || crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return offset, nil
		}
		var r Stored
		if json.Unmarshal(body, &r) != nil {
			return offset, nil
		}
		if !do(r) {
			return offset, nil
		}
		offset += int64(len(head)) + int64(size)
	}
	return offset, nil
}

// openPictures counts the pictures and deletes those that no read waits for.
func (s *Spool) openPictures(pending map[string]bool) error {
	return filepath.WalkDir(filepath.Join(s.dir, "p"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		event, ok := strings.CutSuffix(d.Name(), ".age")
		if !ok || !pending[event] {
			return os.Remove(path)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s.pictures, s.pixels = s.pictures+1, s.pixels+onDisk(info.Size())
		return nil
	})
}

func onDisk(size int64) int64 { return (size + diskBlock - 1) / diskBlock * diskBlock }

// picture is where the picture of a read lies: by the day the read's id says.
func (s *Spool) picture(r plate.Read) string {
	return filepath.Join(s.dir, "p", r.Seen.UTC().Format("20060102"), r.Event+".age")
}

// Put makes a read durable, with its sealed picture unless sealed is nil. A
// picture that there is no room for is let go; the error is of a read that could
// not be kept at all.
func (s *Spool) Put(r plate.Read, sealed []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		err := s.put(r, sealed)
		switch {
		case err == nil:
			s.wake()
			return s.trim()
		case !isFull(err):
			return fmt.Errorf("keeping a read: %w", err)
		}
		gone, dropped := s.dropPicture()
		switch {
		case gone && dropped == nil:
		case sealed != nil:
			sealed = nil
			s.state.LostPictures++
		case os.Remove(s.reserve()) == nil:
		default:
			s.state.LostReads++
			return fmt.Errorf("keeping a read: %w", err)
		}
	}
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// put writes picture and read, or leaves nothing.
func (s *Spool) put(r plate.Read, sealed []byte) (err error) {
	stored := Stored{r, sealed != nil}
	if sealed != nil {
		path := s.picture(r)
		if err := writeFile(path, sealed); err != nil {
			os.Remove(path)
			return err
		}
		defer func() {
			if err != nil {
				os.Remove(path)
				return
			}
			s.pictures, s.pixels = s.pictures+1, s.pixels+onDisk(int64(len(sealed)))
		}()
	}
	body, err := json.Marshal(stored)
	if err != nil {
		return err
	}
	record := binary.LittleEndian.AppendUint32(nil, uint32(len(body)))
	record = binary.LittleEndian.AppendUint32(record, crc32.Checksum(body, castagnoli))
	record = append(record, body...)
	if g := s.last(); s.torn || g.bytes+int64(len(record)) > segmentBytes {
		if err := s.begin(g.n + 1); err != nil {
			return err
		}
		s.torn = false
	}
	g := s.last()
	if _, err = s.log.Write(record); err == nil {
		err = s.log.Sync()
	}
	if err != nil {
		s.torn = s.log.Truncate(g.bytes) != nil
		return err
	}
	g.bytes += int64(len(record))
	s.reads++
	return nil
}

// writeFile makes a file durable under its name.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), syncDir(dir), syncDir(filepath.Dir(dir)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// trim keeps the spool within its limit.
func (s *Spool) trim() error {
	for s.bytes() > s.limit {
		if gone, err := s.dropPicture(); err != nil {
			return err
		} else if gone {
			continue
		}
		if len(s.segments) == 1 {
			if s.last().bytes == 0 {
				return nil
			}
			if err := s.begin(s.last().n + 1); err != nil {
				return err
			}
		}
		if err := s.dropReads(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spool) bytes() int64 {
	n := s.pixels
	for _, g := range s.segments {
		n += onDisk(g.bytes)
	}
	return n
}

// dropPicture deletes the oldest picture; false if there is none.
func (s *Spool) dropPicture() (bool, error) {
	for len(s.oldest) == 0 {
		days, err := os.ReadDir(filepath.Join(s.dir, "p"))
		if err != nil || len(days) == 0 {
			return false, err
		}
		day := filepath.Join(s.dir, "p", days[0].Name())
		files, err := os.ReadDir(day)
		if err != nil {
			return false, err
		}
		for _, f := range files {
			s.oldest = append(s.oldest, filepath.Join(day, f.Name()))
		}
		if len(files) == 0 {
			if err := os.Remove(day); err != nil {
				return false, err
			}
		}
	}
	path := s.oldest[0]
	s.oldest = s.oldest[1:]
	if gone, err := s.deletePicture(path); err != nil || !gone {
		if err != nil {
			return false, err
		}
		return s.dropPicture() // sent meanwhile
	}
	s.state.LostPictures++
	return true, nil
}

// deletePicture deletes one; false if it is gone.
func (s *Spool) deletePicture(path string) (bool, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if err := os.Remove(path); err != nil {
		return false, err
	}
	s.pictures, s.pixels = s.pictures-1, s.pixels-onDisk(info.Size())
	return true, nil
}

// dropReads lets the oldest segment go, which is not the newest.
func (s *Spool) dropReads() error {
	g := s.segments[0]
	from := int64(0)
	if g.n == s.state.Segment {
		from = s.state.Offset
	}
	if _, err := s.scan(g.n, from, g.bytes, func(Stored) bool {
		s.state.LostReads++
		s.reads--
		return true
	}); err != nil {
		return err
	}
	return s.advance(s.segments[1].n, 0)
}

// advance makes durable that all before a place is sent or lost, and deletes it.
func (s *Spool) advance(n uint64, offset int64) error {
	s.state.Segment, s.state.Offset = n, offset
	if err := s.saveState(); err != nil {
		return err
	}
	for len(s.segments) > 1 && s.segments[0].n < n {
		if err := os.Remove(s.segmentFile(s.segments[0].n)); err != nil {
			return err
		}
		s.segments = s.segments[1:]
	}
	s.makeReserve()
	return nil
}

func (s *Spool) reserve() string { return filepath.Join(s.dir, "reserve") }

// makeReserve sets room aside, if there is any.
func (s *Spool) makeReserve() {
	if info, err := os.Stat(s.reserve()); err == nil && info.Size() == reserveBytes {
		return
	}
	if err := writeFile(s.reserve(), bytes.Repeat([]byte{0x5a}, reserveBytes)); err != nil {
		os.Remove(s.reserve())
	}
}

// Portion is the oldest that a spool holds, up to some place.
type Portion struct {
	Reads   []intake.Sighting
	segment uint64
	from    int64
	to      int64
}

// Head returns the oldest reads with the pictures that are still there: at most
// so many, and so many bytes of pictures but for the first. Without any, the
// portion is empty.
func (s *Spool) Head(most int, pictureBytes int64) (p Portion, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		p = Portion{segment: s.state.Segment, from: s.state.Offset}
		var failed error
		p.to, err = s.scan(p.segment, p.from, s.segments[0].bytes, func(r Stored) bool {
			g := intake.Sighting{Read: r.Read}
			if r.Pictured {
				g.Sealed, failed = os.ReadFile(s.picture(r.Read))
				if errors.Is(failed, fs.ErrNotExist) {
					failed = nil
				}
				pictureBytes -= int64(len(g.Sealed))
			}
			if failed != nil || len(p.Reads) == most || len(p.Reads) > 0 && pictureBytes < 0 {
				return false
			}
			p.Reads = append(p.Reads, g)
			return true
		})
		if err = errors.Join(err, failed); err != nil {
			return Portion{}, fmt.Errorf("reading the spool: %w", err)
		}
		if len(p.Reads) > 0 || len(s.segments) == 1 {
			return p, nil
		}
		if err := s.advance(s.segments[1].n, 0); err != nil {
			return Portion{}, err
		}
	}
}

// Done lets the spool forget a portion: the exchange has it. The next Head
// begins after it.
func (s *Spool) Done(p Portion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Segment != p.segment || s.state.Offset != p.from {
		return nil // it had to go while it was on its way
	}
	s.reads -= int64(len(p.Reads))
	s.since = s.now()
	if err := s.advance(p.segment, p.to); err != nil {
		return err
	}
	for _, r := range p.Reads {
		if len(r.Sealed) > 0 {
			if _, err := s.deletePicture(s.picture(r.Read)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Strip deletes the pictures of a portion and keeps its reads.
func (s *Spool) Strip(p Portion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range p.Reads {
		if len(r.Sealed) == 0 {
			continue
		}
		if gone, err := s.deletePicture(s.picture(r.Read)); err != nil {
			return err
		} else if gone {
			s.state.LostPictures++
		}
	}
	return nil
}

// Sequence is a number for a batch that this camera has not used and will not
// use again, whatever happens. Numbers from least on are given, if it is higher.
func (s *Spool) Sequence(least uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = max(s.next, least)
	if s.next >= s.state.Sequence {
		before := s.state.Sequence
		s.state.Sequence = s.next + sequences
		if err := s.saveState(); err != nil {
			s.state.Sequence = before
			return 0, err
		}
	}
	s.next++
	return s.next - 1, nil
}

// Ready has an item after something was put.
func (s *Spool) Ready() <-chan struct{} { return s.ready }

func (s *Spool) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Held tells what the spool holds.
func (s *Spool) Held() Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Held{Reads: s.reads, Pictures: s.pictures, Bytes: s.bytes(), Limit: s.limit,
		LostReads: s.state.LostReads, LostPictures: s.state.LostPictures, Since: s.since}
}
