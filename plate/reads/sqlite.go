package reads

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"porchlight/plate"

	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine keeps each bucket in a file of its own, <bucket>.reads, which
// needs nothing outside it but its newest rows, in <bucket>.<number>.journal. The catalogue lists the buckets there should be.
type sqliteEngine struct {
	s    *Store
	dir  string
	lock *os.File

	catalogue struct {
		sync.Mutex
		*conn
	}

	mu   sync.Mutex
	idle []*conn // the longest idle first
}

// file is one bucket's file.
type file struct {
	e    *sqliteEngine
	p    *part
	path string
	use  sync.RWMutex // held for writing to take the file away

	newest    atomic.Int64 // largest id in the file, the tails apart
	packed    atomic.Bool  // see pack
	last      int64        // number of the last tail; under appending
	merging   sync.Mutex   // held while a tail is merged
	appending sync.Mutex   // held while rows are added to active; taken after merging
	tails     sync.RWMutex // held to look at or change these, and active's rows; taken last
	active    *tail        // takes rows; nil when there are none
	old       *tail        // on its way into the file
}

const fileSchema = `
CREATE TABLE read (id INTEGER PRIMARY KEY, plate INTEGER NOT NULL, source INTEGER NOT NULL, event INTEGER, body BLOB NOT NULL);
CREATE INDEX read_plate ON read (plate);
CREATE INDEX read_source ON read (source);
CREATE UNIQUE INDEX read_event ON read (event) WHERE event IS NOT NULL;
CREATE TABLE source (n INTEGER PRIMARY KEY, owner TEXT NOT NULL, camera TEXT NOT NULL, reads INTEGER NOT NULL,
	west INTEGER NOT NULL, south INTEGER NOT NULL, east INTEGER NOT NULL, north INTEGER NOT NULL, gone INTEGER NOT NULL);
CREATE TABLE word (n INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE plates (reads INTEGER NOT NULL, packed BLOB NOT NULL);
CREATE TABLE merged (number INTEGER NOT NULL);
INSERT INTO merged (number) VALUES (0);
PRAGMA user_version = 1`

const (
	fileSuffix  = ".reads"
	asideSuffix = ".aside" // after fileSuffix, of a file set aside
)

func openSQLite(ctx context.Context, s *Store) (err error) {
	e := &sqliteEngine{s: s, dir: s.options.Dir}
	s.engine = e
	if err := os.MkdirAll(e.dir, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.lock, err = os.OpenFile(filepath.Join(e.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := syscall.Flock(int(e.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%s is open in another process", e.dir)
	}
	listed, err := e.openCatalogue()
	if err != nil {
		return err
	}
	files, err := os.ReadDir(e.dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := filepath.Join(e.dir, f.Name())
		name, isFile := strings.CutSuffix(f.Name(), fileSuffix)
		b, err := parseBucket(name)
		switch {
		case strings.HasSuffix(f.Name(), ".new"): // a crash cut its making short
			if err := os.Remove(path); err != nil {
				return err
			}
		case isFile && err == nil:
			if err := e.load(b, path); err != nil {
				return fmt.Errorf("%s: %w", f.Name(), err)
			}
			if n := len(s.problems); s.parts[b] == nil && n > 0 { // set aside just now
				listed[name] = trouble{s.problems[n-1].Text, s.problems[n-1].Since}
			}
		case strings.HasSuffix(f.Name(), "-wal"), strings.HasSuffix(f.Name(), "-shm"):
			if err := removeOrphan(path); err != nil {
				return err
			}
		case strings.HasSuffix(f.Name(), fileSuffix+asideSuffix):
			name, _, _ := strings.Cut(f.Name(), ".")
			if b, err := parseBucket(name); err == nil && listed[b.String()].text == "" {
				listed[b.String()] = trouble{"set aside as " + f.Name(), s.now()}
			}
		}
	}
	for _, f := range files { // journals whose file was lost or set aside
		name, _, _ := strings.Cut(f.Name(), ".")
		if b, err := parseBucket(name); err == nil && strings.HasSuffix(f.Name(), journalSuffix) {
			if s.parts[b] == nil && listed[name].text == "" {
				listed[name] = trouble{name + fileSuffix + " is missing", s.now()}
				if err := e.list(name, listed[name]); err != nil {
					return err
				}
			}
			if _, err := s.part(ctx, b); err != nil {
				return err
			}
		}
	}
	s.problems = nil
	for name, t := range listed {
		b, err := parseBucket(name)
		if err != nil {
			return fmt.Errorf("the catalogue lists %q: %w", name, err)
		}
		if t.text == "" && s.parts[b] == nil {
			t = trouble{name + fileSuffix + " is missing", s.now()}
			if err := e.list(name, t); err != nil {
				return err
			}
		}
		if t.text != "" {
			s.problems = append(s.problems, Problem{b.start(), b.end(), b.keep, t.text, t.since})
		}
	}
	slices.SortFunc(s.problems, func(a, b Problem) int { return a.From.Compare(b.From) })
	return nil
}

// load takes a file in that was there at the start.
func (e *sqliteEngine) load(b bucket, path string) error {
	p := newPart(b)
	f := &file{e: e, p: p, path: path}
	p.rows = f
	err := f.recover()
	e.s.parts[b] = p
	if err != nil {
		return e.s.aside(p, err)
	}
	return e.note(b.String())
}

// trouble is what the catalogue says of a bucket: text is "" while it is well.
type trouble struct {
	text  string
	since time.Time
}

// openCatalogue opens the list of buckets. It can be made again from the files,
// but for those that are missing.
func (e *sqliteEngine) openCatalogue() (map[string]trouble, error) {
	path := filepath.Join(e.dir, "catalogue.db")
	listed := map[string]trouble{}
	try := func() (err error) {
		if e.catalogue.conn, err = dial(path, "rwc", false); err != nil {
			return err
		}
		if err := e.catalogue.exec(`CREATE TABLE IF NOT EXISTS bucket (name TEXT PRIMARY KEY, trouble TEXT NOT NULL, since INTEGER NOT NULL)`); err != nil {
			return err
		}
		return e.catalogue.query(`SELECT name, trouble, since FROM bucket`, nil, func(v []driver.Value) error {
			listed[v[0].(string)] = trouble{v[1].(string), time.UnixMicro(v[2].(int64)).UTC()}
			return nil
		})
	}
	err := try()
	if broken(err) {
		if e.catalogue.conn != nil {
			e.catalogue.close()
		}
		if err := removeAll(path); err != nil {
			return nil, err
		}
		err = try()
	}
	return listed, err
}

// list writes a bucket into the catalogue.
func (e *sqliteEngine) list(name string, t trouble) error {
	e.catalogue.Lock()
	defer e.catalogue.Unlock()
	return e.catalogue.exec(`INSERT INTO bucket (name, trouble, since) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET trouble = excluded.trouble, since = excluded.since`, name, t.text, t.since.UnixMicro())
}

// note lists a bucket that is well; trouble it had stays listed.
func (e *sqliteEngine) note(name string) error {
	e.catalogue.Lock()
	defer e.catalogue.Unlock()
	return e.catalogue.exec(`INSERT INTO bucket (name, trouble, since) VALUES (?, '', 0) ON CONFLICT DO NOTHING`, name)
}

func (e *sqliteEngine) unlist(name string) error {
	e.catalogue.Lock()
	defer e.catalogue.Unlock()
	return e.catalogue.exec(`DELETE FROM bucket WHERE name = ?`, name)
}

func parseBucket(name string) (bucket, error) {
	at, keep, _ := strings.Cut(name, "-")
	t, err := time.Parse("20060102T150405Z", at)
	if err != nil {
		return bucket{}, err
	}
	seconds, err := time.ParseDuration(keep + "s")
	if err != nil {
		return bucket{}, err
	}
	b := bucketOf(seconds, t, 0)
	if b.String() != name {
		return bucket{}, errors.New("not the name of a bucket")
	}
	return b, nil
}

func (e *sqliteEngine) refresh(ctx context.Context) error { return ctx.Err() }

func (e *sqliteEngine) between(do func()) { do() }

func (e *sqliteEngine) shard(int32) int { return 0 }

func (e *sqliteEngine) writers() int { return 1 }

func (e *sqliteEngine) together() int { return 1 }

func (e *sqliteEngine) byPlates(context.Context, []*lookup, plate.ID, plate.ID, int) {}

func (e *sqliteEngine) learned(p *part, rows []row) {
	plates := make([]plate.Packed, len(rows))
	for i := range rows {
		plates[i] = rows[i].plate
	}
	p.learn(talliesOf(rows), plates)
}

func (e *sqliteEngine) number(_ context.Context, sources []source, words []string) error {
	e.s.names.number(sources, words) // they are written with the first row that uses them
	return nil
}

func (e *sqliteEngine) create(ctx context.Context, p *part) (table, error) {
	f := &file{e: e, p: p, path: filepath.Join(e.dir, p.String()+fileSuffix)}
	if _, err := os.Stat(f.path); err == nil {
		return nil, fmt.Errorf("%s is in the way", f.path)
	}
	made := f.path + ".new"
	if err := removeAll(made); err != nil {
		return nil, err
	}
	c, err := dial(made, "rwc", true)
	if err != nil {
		return nil, err
	}
	err = c.exec(`PRAGMA journal_mode = WAL`)
	if err == nil {
		err = c.tx(func() error {
			for _, stmt := range strings.Split(fileSchema, ";") {
				if err := c.exec(stmt); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err = errors.Join(err, c.close()); err != nil { // closing writes all into the file
		removeAll(made)
		return nil, err
	}
	if err := os.Rename(made, f.path); err != nil {
		return nil, err
	}
	if err := errors.Join(e.syncDir(), e.note(p.String())); err != nil {
		return nil, err
	}
	// A file that was lost or set aside may have left journals.
	return f, f.recover()
}

func (e *sqliteEngine) syncDir() error {
	d, err := os.Open(e.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func removeAll(path string) error {
	for _, p := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeOrphan removes a file that SQLite keeps beside another, if a crash came
// after that was removed: it may hold the rows of a day that was dropped.
func removeOrphan(path string) error {
	if _, err := os.Stat(path[:len(path)-len("-wal")]); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Remove(path)
}

// drop unlists the bucket first: a crash then leaves a file that is found again
// and dropped again, never one that is missed. Connections are closed last, as
// SQLite writes its log into a file when it closes one that is still there.
func (e *sqliteEngine) drop(_ context.Context, p *part) error {
	f := p.rows.(*file)
	defer f.alone()()
	return errors.Join(e.unlist(p.String()), f.abandon(true), removeAll(f.path), e.closeIdle(f), e.syncDir())
}

// alone waits until nobody uses the file, and keeps others out until release.
func (f *file) alone() (release func()) {
	f.merging.Lock()
	f.appending.Lock()
	f.use.Lock()
	return func() {
		f.use.Unlock()
		f.appending.Unlock()
		f.merging.Unlock()
	}
}

// abandon lets go of the tails, and of their journals if they are to go too.
func (f *file) abandon(journals bool) (err error) {
	f.tails.Lock()
	defer f.tails.Unlock()
	for _, t := range []*tail{f.active, f.old} {
		if t != nil {
			err = errors.Join(err, t.close())
		}
	}
	f.active, f.old = nil, nil
	if !journals {
		return err
	}
	found, e := f.journals()
	err = errors.Join(err, e)
	for _, path := range found {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

func (e *sqliteEngine) aside(p *part, err error) (string, bool) {
	if !broken(err) {
		return "", false
	}
	f := p.rows.(*file)
	defer f.alone()()
	e.closeIdle(f)
	f.abandon(false) // journals are whole: the next file of the bucket takes them
	t := trouble{fmt.Sprintf("%v; the file is missing", err), e.s.now()}
	if _, e := os.Stat(f.path); e == nil {
		to := fmt.Sprintf("%s.%d%s", strings.TrimSuffix(f.path, fileSuffix), t.since.UnixMilli(), fileSuffix+asideSuffix)
		t.text = fmt.Sprintf("%v; set aside as %s", err, filepath.Base(to))
		for _, tail := range []string{"", "-wal", "-shm"} {
			if e := os.Rename(f.path+tail, to+tail); e != nil && !errors.Is(e, fs.ErrNotExist) {
				return "", false
			}
		}
	}
	if err := errors.Join(e.list(p.String(), t), e.syncDir()); err != nil {
		return "", false
	}
	return t.text, true
}

func (e *sqliteEngine) remove(p Problem) error {
	name := bucketOf(p.Keep, p.From, 0).String()
	found, err := filepath.Glob(filepath.Join(e.dir, name+".*"+fileSuffix+asideSuffix))
	for _, path := range found {
		err = errors.Join(err, removeAll(path))
	}
	return errors.Join(err, e.unlist(name))
}

// broken reports whether an error means that a file is damaged or gone.
func broken(err error) bool {
	switch codeOf(err) & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FORMAT:
		return true
	}
	for _, e := range []error{errBody, errPlates, errNumbers, errSchema, fs.ErrNotExist} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

var errSchema = errors.New("it is not a file of reads of this version")

func (e *sqliteEngine) close() error {
	err := e.tidy(context.Background())
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.idle {
		err = errors.Join(err, c.close())
	}
	e.idle = nil
	if e.catalogue.conn != nil {
		err = errors.Join(err, e.catalogue.close())
	}
	if e.lock != nil {
		// Closing alone would not do while a child that is being started has a copy.
		err = errors.Join(err, syscall.Flock(int(e.lock.Fd()), syscall.LOCK_UN), e.lock.Close())
	}
	return err
}

// tidy merges all tails, so that what hardly grows has no journal.
func (e *sqliteEngine) tidy(context.Context) (err error) {
	for _, p := range e.s.between(0, maxID) {
		err = errors.Join(err, p.rows.(*file).merge())
	}
	return err
}

// pack packs one file that is done, of the newest day first.
func (e *sqliteEngine) pack() error {
	for _, p := range e.s.between(0, maxID) {
		if f := p.rows.(*file); !f.packed.Load() && e.s.done(p) {
			err := f.pack()
			if errors.Is(err, syscall.ENOSPC) { // it can be searched as it is
				return nil
			}
			return e.s.aside(p, err)
		}
	}
	return nil
}

// pack has the index by plate hold whole rows. Reads of one plate then lie
// together, where fetching each by its id costs a page of its own; a file that
// still takes rows by the thousand would take them far more slowly.
func (f *file) pack() error {
	f.merging.Lock() // the file has one writer at a time
	defer f.merging.Unlock()
	err := f.with(true, func(c *conn) error {
		err := c.tx(func() error {
			return errors.Join(c.exec(`DROP INDEX read_plate`), c.exec(`CREATE INDEX read_plate ON read (plate, id, source, event, body)`))
		})
		if err != nil {
			return err
		}
		return c.query(`PRAGMA wal_checkpoint(TRUNCATE)`, nil, func([]driver.Value) error { return nil }) // or later, if a reader holds it
	})
	f.packed.Store(err == nil)
	return err
}

func (e *sqliteEngine) closeIdle(f *file) (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.idle = slices.DeleteFunc(e.idle, func(c *conn) bool {
		if c.file == f {
			err = errors.Join(err, c.close())
		}
		return c.file == f
	})
	return err
}

// with lends a connection to the file. Those that are not in use are kept for the
// next, up to Options.Files.
func (f *file) with(write bool, do func(*conn) error) error {
	f.use.RLock()
	defer f.use.RUnlock()
	return f.locked(write, do)
}

func (f *file) locked(write bool, do func(*conn) error) error {
	if write { // SQLite would go on writing to a file that somebody removed
		if _, err := os.Stat(f.path); err != nil {
			return err
		}
	}
	e := f.e
	e.mu.Lock()
	var c *conn
	for i, idle := range slices.Backward(e.idle) {
		if idle.file == f && idle.write == write {
			c = idle
			e.idle = slices.Delete(e.idle, i, i+1)
			break
		}
	}
	e.mu.Unlock()
	if c == nil {
		var err error
		if c, err = dial(f.path, "rw", write); err != nil {
			return err
		}
		c.file = f
	}
	if err := do(c); err != nil {
		c.close() // whatever state it is in
		return err
	}
	return e.shelve(c)
}

// shelve keeps a connection for the next user, and closes the longest idle one
// when there are too many.
func (e *sqliteEngine) shelve(c *conn) error {
	e.mu.Lock()
	e.idle = append(e.idle, c)
	writers := 0
	for _, c := range e.idle {
		if c.write {
			writers++
		}
	}
	var old *conn
	for i, c := range e.idle {
		if len(e.idle) > e.s.options.Files || writers > idleWriters && c.write {
			old = c
			e.idle = slices.Delete(e.idle, i, i+1)
			break
		}
	}
	e.mu.Unlock()
	if old != nil {
		return old.close()
	}
	return nil
}

// idleWriters is how many connections with a large cache are kept.
const idleWriters = 2

// learn reads what the file says of its sources and words.
func (f *file) learn() error {
	n := f.e.s.names
	return f.with(false, func(c *conn) error {
		var version int64
		if err := c.query(`PRAGMA user_version`, nil, func(v []driver.Value) error { version = v[0].(int64); return nil }); err != nil {
			return err
		}
		if version != 1 {
			return errSchema
		}
		err := c.query(`SELECT count(*) FROM pragma_index_info('read_plate')`, nil, func(v []driver.Value) error {
			f.packed.Store(v[0].(int64) > 1)
			return nil
		})
		if err != nil {
			return err
		}
		err = c.query(`SELECT max(id) FROM read`, nil, func(v []driver.Value) error {
			id, _ := v[0].(int64)
			f.newest.Store(id)
			return nil
		})
		if err != nil {
			return err
		}
		err = c.query(`SELECT n, owner, camera, reads, west, south, east, north, gone FROM source`, nil, func(v []driver.Value) error {
			i := int32(v[0].(int64))
			if err := n.learnSource(i, source{v[1].(string), v[2].(string)}); err != nil {
				return err
			}
			if v[8].(int64) != 0 {
				f.p.gone = append(f.p.gone, i)
				return nil
			}
			f.p.tally[i] = &tally{int(v[3].(int64)), int32(v[4].(int64)), int32(v[5].(int64)), int32(v[6].(int64)), int32(v[7].(int64))}
			return nil
		})
		if err != nil {
			return err
		}
		return c.query(`SELECT n, text FROM word`, nil, func(v []driver.Value) error {
			return n.learnWord(int32(v[0].(int64)), v[1].(string))
		})
	})
}

// perInsert is how many rows one statement inserts.
const perInsert = 64

// A conflict rolls the transaction back: nothing is to be kept for undoing the
// statement alone.
var insertFull = insertText(perInsert)

func insertSQL(n int) string {
	if n == perInsert {
		return insertFull
	}
	return insertText(n)
}

func insertText(n int) string {
	return `INSERT OR ROLLBACK INTO read (id, plate, source, event, body) VALUES ` + strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?), ", n), ", ")
}

const columns = `SELECT id, plate, source, event, body FROM read `

func rowOf(v []driver.Value) row {
	r := row{id: plate.ID(v[0].(int64)), plate: plate.Packed(v[1].(int64)), source: int32(v[2].(int64))}
	r.event, _ = v[3].(int64)
	r.body, _ = v[4].([]byte)
	return r
}

// collect appends the rows of a query.
func (c *conn) collect(to *[]row, sql string, args ...driver.Value) error {
	return c.query(sql, args, func(v []driver.Value) error {
		*to = append(*to, rowOf(v))
		return nil
	})
}

func (f *file) known(_ context.Context, rows []row) (there []row, err error) {
	ids, events := map[plate.ID]bool{}, map[int64]bool{}
	for i := range rows {
		ids[rows[i].id], events[rows[i].event] = true, rows[i].event != 0
	}
	for _, v := range f.views() {
		for _, r := range v.rows {
			if ids[r.id] || events[r.event] {
				there = append(there, r)
			}
		}
	}
	err = f.with(false, func(c *conn) error {
		for i := range rows {
			if err := c.collect(&there, columns+`WHERE id = ?`, int64(rows[i].id)); err != nil {
				return err
			}
			if e := rows[i].event; e != 0 {
				if err := c.collect(&there, columns+`WHERE event = ?`, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return there, err
}

// perList is how many values one IN of a query has; what is too many is filled up
// with values no row has.
const perList = 32

var listSQL = `IN (` + strings.TrimSuffix(strings.Repeat("?, ", perList), ", ") + `)`

func filled(args []driver.Value) []driver.Value {
	for len(args) < perList {
		args = append(args, int64(0))
	}
	return args
}

func (f *file) get(_ context.Context, ids []plate.ID) (rows []row, err error) {
	views := f.views()
	err = f.with(false, func(c *conn) error {
		rows, err = c.get(ids)
		return err
	})
	for _, v := range views {
		for _, r := range v.rows {
			if slices.Contains(ids, r.id) {
				rows = append(rows, r)
			}
		}
	}
	return rows, err
}

func (c *conn) get(ids []plate.ID) (rows []row, err error) {
	for chunk := range slices.Chunk(ids, perList) {
		args := make([]driver.Value, 0, perList)
		for _, id := range chunk {
			args = append(args, int64(id))
		}
		if err := c.collect(&rows, columns+`WHERE id `+listSQL, filled(args)...); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(rows, compareRows)
	return rows, nil
}

// perRow is for how many plates rows are read at once, rather than ids first and
// then the rows of the newest.
const perRow = 4

const byPlateSQL = columns + `INDEXED BY read_plate WHERE plate = ? AND id >= ? AND id < ? ORDER BY id DESC LIMIT ?`

func (f *file) byPlates(_ context.Context, plates []plate.Packed, lo, hi plate.ID, limit int) (rows []row, err error) {
	views := f.views()
	err = f.with(false, func(c *conn) error {
		if len(plates) <= perRow {
			for _, p := range plates {
				if err := c.collect(&rows, byPlateSQL, int64(p), int64(lo), int64(hi), int64(limit)); err != nil {
					return err
				}
			}
			if len(plates) > 1 {
				slices.SortFunc(rows, compareRows)
				rows = rows[:min(limit, len(rows))]
			}
			return nil
		}
		var ids []plate.ID
		for chunk := range slices.Chunk(plates, perList) {
			args := make([]driver.Value, 0, perList+2)
			for _, p := range chunk {
				args = append(args, int64(p))
			}
			if err := c.ids(&ids, `SELECT id FROM read INDEXED BY read_plate WHERE plate `+listSQL+` AND id >= ? AND id < ?`,
				append(filled(args), int64(lo), int64(hi))...); err != nil {
				return err
			}
		}
		rows, err = c.newest(ids, limit)
		return err
	})
	return tailRows(views, rows, lo, hi, limit, func(p plate.Packed, _ int32) bool {
		if len(plates) == 1 {
			return p == plates[0]
		}
		_, ok := slices.BinarySearch(plates, p)
		return ok
	}), err
}

func (c *conn) ids(to *[]plate.ID, sql string, args ...driver.Value) error {
	return c.query(sql, args, func(v []driver.Value) error {
		*to = append(*to, plate.ID(v[0].(int64)))
		return nil
	})
}

// newest gives the rows of the newest ids.
func (c *conn) newest(ids []plate.ID, limit int) ([]row, error) {
	slices.SortFunc(ids, func(a, b plate.ID) int { return cmp.Compare(b, a) })
	return c.get(ids[:min(limit, len(ids))])
}

func (f *file) bySources(_ context.Context, sources []int32, lo, hi plate.ID, limit int) (rows []row, err error) {
	views := f.views()
	err = f.with(false, func(c *conn) error {
		if sources == nil {
			return c.collect(&rows, columns+`WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?`, int64(lo), int64(hi), int64(limit))
		}
		var ids []plate.ID
		for _, n := range sources {
			if err := c.ids(&ids, `SELECT id FROM read INDEXED BY read_source WHERE source = ? AND id >= ? AND id < ? ORDER BY id DESC LIMIT ?`,
				int64(n), int64(lo), int64(hi), int64(limit)); err != nil {
				return err
			}
		}
		rows, err = c.newest(ids, limit)
		return err
	})
	return tailRows(views, rows, lo, hi, limit, func(_ plate.Packed, source int32) bool {
		if sources == nil {
			return true
		}
		_, ok := slices.BinarySearch(sources, source)
		return ok
	}), err
}

func (f *file) windows(_ context.Context, windows []window) (rows []row, err error) {
	views := f.views()
	err = f.with(false, func(c *conn) error {
		for _, w := range windows {
			if err := c.collect(&rows, columns+`INDEXED BY read_source WHERE source = ? AND id >= ? AND id < ?`,
				int64(w.source), int64(w.lo), int64(w.hi)); err != nil {
				return err
			}
		}
		return nil
	})
	bySource := map[int32][]window{}
	for _, w := range windows {
		bySource[w.source] = append(bySource[w.source], w)
	}
	for _, v := range views {
		for i, source := range v.sources {
			for _, w := range bySource[source] {
				if id := v.rows[i].id; id >= w.lo && id < w.hi {
					rows = append(rows, v.rows[i])
				}
			}
		}
	}
	slices.SortFunc(rows, compareRows)
	return slices.CompactFunc(rows, func(a, b row) bool { return a.id == b.id }), err
}

func (f *file) distinct(_ context.Context, count int) (plates []plate.Packed, saved bool, err error) {
	views := f.views()
	err = f.with(false, func(c *conn) error {
		var packed []byte
		if err := c.query(`SELECT packed FROM plates WHERE reads = ?`, []driver.Value{int64(count)}, func(v []driver.Value) error {
			packed, _ = v[0].([]byte)
			return nil
		}); err != nil {
			return err
		}
		if saved = packed != nil; saved {
			plates, err = decode(packed)
			return err
		}
		return c.query(`SELECT DISTINCT plate FROM read INDEXED BY read_plate`, nil, func(v []driver.Value) error {
			plates = append(plates, plate.Packed(v[0].(int64)))
			return nil
		})
	})
	for _, v := range views {
		plates = append(plates, v.plates...)
	}
	return plates, saved, err
}

func (f *file) save(_ context.Context, count int, plates []plate.Packed) error {
	return f.with(true, func(c *conn) error {
		return c.tx(func() error {
			if err := c.exec(`DELETE FROM plates`); err != nil {
				return err
			}
			return c.exec(`INSERT INTO plates (reads, packed) VALUES (?, ?)`, int64(count), encode(plates))
		})
	})
}

func (f *file) forget(_ context.Context, sources []int32) error {
	if err := f.merge(); err != nil {
		return err
	}
	return f.with(true, func(c *conn) error {
		return c.tx(func() error {
			for _, n := range sources {
				if err := c.exec(`UPDATE source SET reads = 0, gone = 1 WHERE n = ?`, int64(n)); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// sweep overwrites what it deletes (secure_delete) and empties the write-ahead
// log, so that the rows are gone from both files.
func (f *file) sweep(_ context.Context, sources []int32) error {
	f.use.Lock()
	defer f.use.Unlock()
	return f.locked(true, func(c *conn) error {
		err := c.tx(func() error {
			for _, n := range sources {
				if err := c.exec(`DELETE FROM read WHERE source = ?`, int64(n)); err != nil {
					return err
				}
				if err := c.exec(`DELETE FROM source WHERE n = ? AND gone = 1`, int64(n)); err != nil {
					return err
				}
			}
			return c.exec(`DELETE FROM plates`)
		})
		if err != nil {
			return err
		}
		return c.query(`PRAGMA wal_checkpoint(TRUNCATE)`, nil, func(v []driver.Value) error {
			if v[0].(int64) != 0 {
				return errors.New("emptying the write-ahead log: a reader holds it")
			}
			return nil
		})
	})
}
