package reads

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"porchlight/plate"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pgEngine keeps each bucket in a partition of plate_read: on the main server, or
// on a shard, which the main server sees as a foreign table. Searches go to the
// main server. Rows are written where they lie, in one transaction with a line of
// news: postgres_fdw knows no commit in two phases, so that rows and their tallies
// must not need two servers.
//
// Every process folds the news of every server into what it knows of the buckets,
// before each search; see fold.
type pgEngine struct {
	s       *Store
	main    *pgxpool.Pool
	holders []*holder // the servers with rows: the shards, or the main one

	mu   sync.Mutex      // one refresh at a time
	byID map[int32]*part // under Store.mu
}

// holder is a server on which partitions lie.
type holder struct {
	*pgxpool.Pool
	main bool
	xmin uint64         // transactions from here on may not have been seen
	seen map[int64]bool // news of these that were
}

// partition is one bucket's.
type partition struct {
	e      *pgEngine
	h      *holder
	p      *part
	id     int32
	table  string
	remote bool
}

// On the main server. plate_read has no index of its own: its partitions have,
// and foreign ones cannot be under a unique one.
const mainSchema = `
CREATE TABLE IF NOT EXISTS plate_source (n serial PRIMARY KEY, owner text NOT NULL, camera text NOT NULL, UNIQUE (owner, camera));
CREATE TABLE IF NOT EXISTS plate_word (n serial PRIMARY KEY, text text NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS plate_bucket (id serial PRIMARY KEY, keep bigint NOT NULL, start bigint NOT NULL, shard integer NOT NULL, UNIQUE (keep, start, shard));
CREATE TABLE IF NOT EXISTS plate_shards (n integer PRIMARY KEY);
CREATE TABLE IF NOT EXISTS plate_read (id bigint NOT NULL, plate bigint NOT NULL, source integer NOT NULL, event bigint, body bytea NOT NULL, bucket integer NOT NULL) PARTITION BY LIST (bucket)`

// On every server with rows. News: a line that stands for others replaces what was
// known of the bucket's tallies, and has no plates; boxes has west, south, east,
// north of each source.
const holderSchema = `
CREATE TABLE IF NOT EXISTS plate_news (n bigserial PRIMARY KEY, xid xid8 NOT NULL DEFAULT pg_current_xact_id(), bucket integer NOT NULL,
	stands_for bigint NOT NULL DEFAULT 0, sources integer[], counts integer[], boxes integer[], gone integer[], swept integer[], plates bytea);
CREATE INDEX IF NOT EXISTS plate_news_xid ON plate_news (xid);
CREATE INDEX IF NOT EXISTS plate_news_bucket ON plate_news (bucket);
CREATE TABLE IF NOT EXISTS plate_saved (bucket integer PRIMARY KEY, reads bigint NOT NULL, packed bytea NOT NULL)`

// schemaLock is the advisory lock of who changes tables.
const schemaLock = 0x706c617465 // "plate"

func openPostgres(ctx context.Context, s *Store) (err error) {
	e := &pgEngine{s: s, byID: map[int32]*part{}}
	s.engine = e
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if e.main, err = pool(ctx, s.options.Postgres); err != nil {
		return err
	}
	if len(s.options.Shards) == 0 {
		e.holders = []*holder{{Pool: e.main, main: true}}
	}
	for _, url := range s.options.Shards {
		p, err := pool(ctx, url)
		if err != nil {
			return err
		}
		e.holders = append(e.holders, &holder{Pool: p})
	}
	if err := change(ctx, e.main, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, mainSchema); err != nil {
			return err
		}
		return e.introduce(ctx, tx)
	}); err != nil {
		return err
	}
	for _, h := range e.holders {
		if err := change(ctx, h.Pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, holderSchema)
			return err
		}); err != nil {
			return err
		}
	}
	if err := e.number(ctx, nil, nil); err != nil {
		return err
	}
	return e.refresh(ctx)
}

func pool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("the PostgreSQL URL cannot be read") // it may hold a password
	}
	c.MaxConns = max(c.MaxConns, 8)
	c.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	p, err := pgxpool.NewWithConfig(ctx, c)
	if err == nil {
		err = p.Ping(ctx)
	}
	return p, err
}

// change changes tables: one process at a time.
func change(ctx context.Context, p *pgxpool.Pool, do func(pgx.Tx) error) error {
	return again(ctx, func() error {
		return pgx.BeginFunc(ctx, p, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, schemaLock); err != nil {
				return err
			}
			return do(tx)
		})
	})
}

// introduce tells the main server of the shards.
func (e *pgEngine) introduce(ctx context.Context, tx pgx.Tx) error {
	var before int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM plate_shards`).Scan(&before); err != nil {
		return err
	}
	shards := e.s.options.Shards
	var buckets int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM plate_bucket`).Scan(&buckets); err != nil {
		return err
	}
	if buckets > 0 && before != len(shards) {
		return fmt.Errorf("the reads lie on %d shards, and %d are configured", before, len(shards))
	}
	for i, url := range shards {
		c, err := pgx.ParseConfig(url)
		if err != nil {
			return errors.New("the URL of a shard cannot be read")
		}
		quote := func(s string) string {
			return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(s) + "'"
		}
		q := func(s string) string {
			if strings.Contains(s, `\`) {
				return " E" + quote(s)
			}
			return quote(s)
		}
		server := fmt.Sprintf(`"plate_shard_%d"`, i)
		where := fmt.Sprintf("host %s, port %s, dbname %s", q(c.Host), q(fmt.Sprint(c.Port)), q(c.Database))
		who := "user " + q(c.User)
		if c.Password != "" {
			who += ", password " + q(c.Password)
		}
		set := func(options string) string { return "SET " + strings.ReplaceAll(options, ", ", ", SET ") }
		verb := "CREATE"
		if i < before {
			verb = "ALTER"
		}
		stmts := []string{
			`CREATE EXTENSION IF NOT EXISTS postgres_fdw`,
			`CREATE SERVER ` + server + ` FOREIGN DATA WRAPPER postgres_fdw OPTIONS (` + where + `, fetch_size '1000')`,
			`CREATE USER MAPPING FOR CURRENT_USER SERVER ` + server + ` OPTIONS (` + who + `)`,
		}
		if verb == "ALTER" { // it may have moved
			stmts = []string{
				`ALTER SERVER ` + server + ` OPTIONS (` + set(where) + `)`,
				`DROP USER MAPPING IF EXISTS FOR CURRENT_USER SERVER ` + server,
				stmts[2],
			}
		}
		for _, sql := range stmts {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("introducing shard %d: %w", i+1, plain(err))
			}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO plate_shards (n) VALUES ($1) ON CONFLICT DO NOTHING`, i); err != nil {
			return err
		}
	}
	return nil
}

// plain keeps the statement, which may hold a password, out of an error.
func plain(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return fmt.Errorf("%s (%s)", e.Message, e.Code)
	}
	return err
}

// again repeats what failed because a server went away, because two
// transactions were in each other's way, or because it restarts, for a while.
// What it repeats must bear it.
func again(ctx context.Context, do func() error) error {
	const patience = 15 * time.Second
	pause := 5 * time.Millisecond
	for until := time.Now().Add(patience); ; pause = min(2*pause, 500*time.Millisecond) {
		err := do()
		if err == nil || !passing(err) || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// passing reports whether an error may not come again.
func passing(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch e.Code {
		case "40001", "40P01", // serialization failure, deadlock
			"57P01", "57P02", "57P03", // the server is stopped, crashed, starts
			"53300": // too many connections
			return true
		}
		return strings.HasPrefix(e.Code, "08") // connection, also that of the main server to a shard
	}
	var n net.Error
	var c *pgconn.ConnectError
	return errors.As(err, &n) || errors.As(err, &c) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		err != nil && (pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed"))
}

func isCode(err error, code string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == code
}

func (e *pgEngine) close() error {
	for _, h := range e.holders {
		h.Close()
	}
	if e.main != nil {
		e.main.Close()
	}
	return nil
}

func (e *pgEngine) shard(source int32) int { return int(source) % len(e.holders) }

func (e *pgEngine) writers() int { return 4 }

func (e *pgEngine) together() int { return 10 }

func (e *pgEngine) byPlates(ctx context.Context, ask []*lookup, lo, hi plate.ID, limit int) {
	b := &pgx.Batch{}
	for _, l := range ask {
		b.Queue(l.p.rows.(*partition).byPlatesSQL(), numbersOf(l.plates), int64(lo), int64(hi), int64(limit))
	}
	r := e.main.SendBatch(ctx, b)
	defer r.Close()
	for _, l := range ask {
		rows, err := r.Query()
		if err != nil {
			return
		}
		out, err := scan(rows)
		if err != nil {
			return
		}
		if l.rows = out; out == nil {
			l.rows = []row{}
		}
	}
}

func numbersOf(plates []plate.Packed) []int64 {
	numbers := make([]int64, len(plates))
	for i, p := range plates {
		numbers[i] = int64(p)
	}
	return numbers
}

// number gives numbers, and learns those other processes gave.
func (e *pgEngine) number(ctx context.Context, sources []source, words []string) error {
	return again(ctx, func() error {
		slices.SortFunc(sources, func(a, b source) int {
			return cmp.Or(strings.Compare(a.owner, b.owner), strings.Compare(a.camera, b.camera))
		})
		b := &pgx.Batch{}
		for _, s := range sources {
			b.Queue(`INSERT INTO plate_source (owner, camera) VALUES ($1, $2) ON CONFLICT DO NOTHING`, s.owner, s.camera)
		}
		for _, w := range words {
			b.Queue(`INSERT INTO plate_word (text) VALUES ($1) ON CONFLICT DO NOTHING`, w)
		}
		if err := e.main.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		n := e.s.names
		var i int32
		var a, c string
		rows, err := e.main.Query(ctx, `SELECT n, owner, camera FROM plate_source`)
		if err != nil {
			return err
		}
		if _, err := pgx.ForEachRow(rows, []any{&i, &a, &c}, func() error { return n.learnSource(i, source{a, c}) }); err != nil {
			return err
		}
		if rows, err = e.main.Query(ctx, `SELECT n, text FROM plate_word`); err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&i, &a}, func() error { return n.learnWord(i, a) })
		return err
	})
}

// refresh takes in what any process did. News are asked for before the list of
// buckets, so that none is of a bucket not yet known.
func (e *pgEngine) refresh(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return again(ctx, func() error {
		all := make([][]news, len(e.holders))
		var loaded []int32
		for id, p := range e.parts() {
			p.mu.RLock()
			if p.plates != nil {
				loaded = append(loaded, id)
			}
			p.mu.RUnlock()
		}
		var there map[int32]bucket
		for i, h := range e.holders {
			var err error
			if all[i], there, err = h.news(ctx, loaded); err != nil {
				return err
			}
		}
		if there == nil {
			b := &pgx.Batch{}
			b.Queue(bucketsSQL)
			r := e.main.SendBatch(ctx, b)
			defer r.Close()
			var err error
			if there, err = buckets(r); err != nil {
				return err
			}
		}
		e.meet(there)
		if err := e.learnNumbers(ctx, all); err != nil {
			return err
		}
		parts := e.parts()
		for i, h := range e.holders {
			h.fold(parts, all[i])
		}
		return nil
	})
}

// between keeps a refresh from asking for news before do, and folding them after.
func (e *pgEngine) between(do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	do()
}

func (e *pgEngine) parts() map[int32]*part {
	e.s.mu.RLock()
	defer e.s.mu.RUnlock()
	return maps.Clone(e.byID)
}

// learnNumbers asks for the numbers that other processes gave.
func (e *pgEngine) learnNumbers(ctx context.Context, all [][]news) error {
	for _, x := range slices.Concat(all...) {
		for _, n := range x.sources {
			if e.s.names.source(n) == (source{}) {
				return e.number(ctx, nil, nil)
			}
		}
	}
	return nil
}

// news is a line of plate_news.
type news struct {
	n                      int64
	bucket                 int32
	standsFor              int64 // lines of the bucket, all until it; 0: it is one itself
	sources, counts, boxes []int32
	gone, swept            []int32
	plates                 []byte
	xmin                   uint64 // of all: the oldest transaction then under way
}

// news reads what may not have been seen. A transaction's news count from its
// number, not from that of the line, as lines become visible in another order than
// they are numbered.
//
// The main server is asked for the buckets too, in the same breath; else they are
// nil.
func (h *holder) news(ctx context.Context, loaded []int32) ([]news, map[int32]bucket, error) {
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint`)
	b.Queue(`SELECT n, bucket, stands_for, sources, counts, boxes, gone, swept, CASE WHEN bucket = ANY($2) THEN plates END
		FROM plate_news WHERE xid >= $1::text::xid8 ORDER BY n`, fmt.Sprint(h.xmin), loaded)
	if h.main {
		b.Queue(bucketsSQL)
	}
	r := h.SendBatch(ctx, b)
	defer r.Close()
	var xmin int64
	if err := r.QueryRow().Scan(&xmin); err != nil {
		return nil, nil, err
	}
	rows, err := r.Query()
	if err != nil {
		return nil, nil, err
	}
	out := []news{}
	var x news
	if _, err := pgx.ForEachRow(rows, []any{&x.n, &x.bucket, &x.standsFor, &x.sources, &x.counts, &x.boxes, &x.gone, &x.swept, &x.plates}, func() error {
		out = append(out, x)
		x = news{}
		return nil
	}); err != nil {
		return nil, nil, err
	}
	out = append(out, news{xmin: uint64(xmin)})
	if !h.main {
		return out, nil, r.Close()
	}
	there, err := buckets(r)
	return out, there, err
}

const bucketsSQL = `SELECT id, keep, start, shard FROM plate_bucket`

// buckets reads the answer to bucketsSQL.
func buckets(r pgx.BatchResults) (map[int32]bucket, error) {
	rows, err := r.Query()
	if err != nil {
		return nil, err
	}
	there := map[int32]bucket{}
	var id int32
	var keep int64
	var b bucket
	if _, err := pgx.ForEachRow(rows, []any{&id, &keep, &b.from, &b.shard}, func() error {
		b.keep = time.Duration(keep) * time.Second
		there[id] = b
		return nil
	}); err != nil {
		return nil, err
	}
	return there, r.Close()
}

// meet takes in which buckets there are.
func (e *pgEngine) meet(there map[int32]bucket) {
	e.s.mu.Lock()
	defer e.s.mu.Unlock()
	for id, p := range e.byID {
		if _, ok := there[id]; !ok {
			if e.s.parts[p.bucket] == p {
				delete(e.s.parts, p.bucket)
			}
			delete(e.byID, id)
		}
	}
	for id, b := range there {
		if e.byID[id] == nil {
			p := newPart(b)
			e.adopt(p, id)
			e.s.parts[b] = p
		}
	}
}

func (e *pgEngine) adopt(p *part, id int32) *partition {
	h := e.holders[p.shard]
	t := &partition{e: e, h: h, p: p, id: id, table: fmt.Sprintf("plate_read_%d", id), remote: !h.main}
	p.rows = t
	e.byID[id] = p
	return t
}

// fold takes news in. It cannot fail, so that none is taken in twice.
func (h *holder) fold(parts map[int32]*part, all []news) {
	seen := map[int64]bool{}
	for _, x := range all {
		if x.n == 0 {
			h.xmin = x.xmin
			continue
		}
		seen[x.n] = true
		p := parts[x.bucket]
		if h.seen[x.n] || p == nil {
			continue
		}
		sums := map[int32]tally{}
		for i, n := range x.sources {
			b := x.boxes[4*i:]
			sums[n] = tally{int(x.counts[i]), b[0], b[1], b[2], b[3]}
		}
		p.mu.Lock()
		if x.standsFor == 0 {
			p.news++
		} else {
			if p.news != x.standsFor { // the plates of some were not heard
				p.plates, p.whole = nil, false
			}
			p.news = x.standsFor
			clear(p.tally)
			p.gone = nil
		}
		for _, n := range x.gone {
			delete(p.tally, n)
			p.gone = append(p.gone, n)
		}
		if len(x.swept) > 0 {
			p.gone = slices.DeleteFunc(p.gone, func(n int32) bool { return slices.Contains(x.swept, n) })
			p.plates, p.whole = nil, false
		}
		p.mu.Unlock()
		plates := make([]plate.Packed, len(x.plates)/8)
		for i := range plates {
			plates[i] = plate.Packed(binary.LittleEndian.Uint64(x.plates[8*i:]))
		}
		p.learn(sums, plates)
	}
	h.seen = seen
}

// learned: what this process appends it learns from the news, as all others do.
func (e *pgEngine) learned(*part, []row) {}

// create makes a partition, or finds the one another process made.
func (e *pgEngine) create(ctx context.Context, p *part) (table, error) {
	h := e.holders[p.shard]
	var id int32
	err := change(ctx, e.main, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id FROM plate_bucket WHERE keep = $1 AND start = $2 AND shard = $3`,
			int64(p.keep/time.Second), p.from, p.shard).Scan(&id)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err := tx.QueryRow(ctx, `INSERT INTO plate_bucket (keep, start, shard) VALUES ($1, $2, $3) RETURNING id`,
			int64(p.keep/time.Second), p.from, p.shard).Scan(&id); err != nil {
			return err
		}
		table := fmt.Sprintf("plate_read_%d", id)
		const shape = `(id bigint NOT NULL, plate bigint NOT NULL, source integer NOT NULL, event bigint, body bytea NOT NULL, bucket integer NOT NULL DEFAULT %d)`
		make := fmt.Sprintf(`CREATE TABLE %[1]s `+shape+`;
			ALTER TABLE %[1]s ADD PRIMARY KEY (id);
			CREATE INDEX ON %[1]s (plate); CREATE INDEX ON %[1]s (source, id);
			CREATE UNIQUE INDEX ON %[1]s (event) WHERE event IS NOT NULL`, table, id)
		if !h.main {
			// If the main server's commit fails, a table without rows is left on the
			// shard; its number is never given again.
			if _, err := h.Exec(ctx, make); err != nil {
				return err
			}
			make = fmt.Sprintf(`CREATE FOREIGN TABLE %s `+shape+` SERVER plate_shard_%d OPTIONS (schema_name 'public')`, table, id, p.shard)
		}
		if _, err := tx.Exec(ctx, make); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE plate_read ATTACH PARTITION %s FOR VALUES IN (%d)`, table, id))
		return err
	})
	if err != nil {
		return nil, err
	}
	return e.adopt(p, id), nil
}

// drop takes the rows first: a crash then leaves a bucket without rows, which is
// dropped again.
func (e *pgEngine) drop(ctx context.Context, p *part) error {
	t := p.rows.(*partition)
	err := change(ctx, t.h.Pool, func(tx pgx.Tx) error {
		sql := `DELETE FROM plate_news WHERE bucket = %[1]d; DELETE FROM plate_saved WHERE bucket = %[1]d; DROP TABLE IF EXISTS plate_read_%[1]d`
		if t.h.main {
			sql += `; DELETE FROM plate_bucket WHERE id = %[1]d`
		}
		_, err := tx.Exec(ctx, fmt.Sprintf(sql, t.id))
		return err
	})
	if err != nil || t.h.main {
		return err
	}
	return change(ctx, e.main, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf(`DROP FOREIGN TABLE IF EXISTS plate_read_%[1]d; DELETE FROM plate_bucket WHERE id = %[1]d`, t.id))
		return err
	})
}

// aside: a partition that is gone was dropped by another process; PostgreSQL's
// damaged ones are named and left to the operator.
func (e *pgEngine) aside(p *part, err error) (string, bool) {
	switch t := p.rows.(*partition); {
	case isCode(err, "42P01"): // undefined table
		return "", true
	case isCode(err, "XX001"), isCode(err, "XX002"), errors.Is(err, errBody), errors.Is(err, errPlates):
		return fmt.Sprintf("%v; its reads are in table %s", plain(err), t.table), true
	}
	return "", false
}

func (e *pgEngine) tidy(context.Context) error { return nil }

func (e *pgEngine) pack() error { return nil }

// remove drops the partitions that were left to the operator. Store.mu is held.
func (e *pgEngine) remove(p Problem) error {
	var err error
	for _, q := range e.byID {
		if q.bucket == (bucket{p.Keep, p.From.UnixMilli(), q.shard}) && e.s.parts[q.bucket] != q {
			err = errors.Join(err, e.drop(context.Background(), q))
		}
	}
	return err
}

// Rows.

func (t *partition) insert(ctx context.Context, rows []row) error {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.id, b.id) }) // all in one order: fewer deadlocks
	var x news
	for n, s := range talliesOf(rows) {
		x.sources, x.counts = append(x.sources, n), append(x.counts, int32(s.reads))
		x.boxes = append(x.boxes, s.west, s.south, s.east, s.north)
	}
	plates := make([]plate.Packed, len(rows))
	for i := range rows {
		plates[i] = rows[i].plate
	}
	slices.Sort(plates)
	for _, p := range slices.Compact(plates) {
		x.plates = binary.LittleEndian.AppendUint64(x.plates, uint64(p))
	}
	err := again(ctx, func() error {
		return t.write(ctx, false, func(tx pgx.Tx) error {
			values := make([]any, 5)
			_, err := tx.CopyFrom(ctx, pgx.Identifier{t.table}, []string{"id", "plate", "source", "event", "body"}, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
				r := &rows[i]
				values[0], values[1], values[2], values[3], values[4] = int64(r.id), int64(r.plate), r.source, nil, r.body
				if r.event != 0 {
					values[3] = r.event
				}
				return values, nil
			}))
			if err == nil {
				_, err = tx.Exec(ctx, `INSERT INTO plate_news (bucket, sources, counts, boxes, plates) VALUES ($1, $2, $3, $4, $5)`,
					t.id, x.sources, x.counts, x.boxes, x.plates)
			}
			return err
		})
	})
	if isCode(err, "23505") { // unique violation
		return errKnown
	}
	return pgFull(err)
}

// write runs a transaction where the rows are. Those that add news share a lock,
// whoever replaces them (alone) has it for itself.
func (t *partition) write(ctx context.Context, alone bool, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, t.h.Pool, func(tx pgx.Tx) error {
		lock := `SELECT pg_advisory_xact_lock_shared($1, $2)`
		if alone {
			lock = `SELECT pg_advisory_xact_lock($1, $2)`
		}
		if _, err := tx.Exec(ctx, lock, int32(schemaLock>>8), t.id); err != nil {
			return err
		}
		return do(tx)
	})
}

const pgColumns = `SELECT id, plate, source, event, body FROM `

// collect runs a query on the main server, which asks a shard where it must.
func (t *partition) collect(ctx context.Context, sql string, args ...any) (out []row, err error) {
	err = again(ctx, func() error {
		rows, err := t.e.main.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		out, err = scan(rows)
		return err
	})
	return out, err
}

func scan(rows pgx.Rows) (out []row, err error) {
	defer rows.Close()
	for rows.Next() {
		var r row
		var event *int64
		var id, packed int64
		if err := rows.Scan(&id, &packed, &r.source, &event, &r.body); err != nil {
			return nil, err
		}
		r.id, r.plate = plate.ID(id), plate.Packed(packed)
		if event != nil {
			r.event = *event
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

func (t *partition) known(ctx context.Context, rows []row) ([]row, error) {
	ids, events := make([]int64, len(rows)), []int64{}
	for i := range rows {
		ids[i] = int64(rows[i].id)
		if rows[i].event != 0 {
			events = append(events, rows[i].event)
		}
	}
	return t.collect(ctx, pgColumns+t.table+` WHERE id = ANY($1) UNION ALL `+pgColumns+t.table+` WHERE event = ANY($2)`, ids, events)
}

func (t *partition) get(ctx context.Context, ids []plate.ID) ([]row, error) {
	numbers := make([]int64, len(ids))
	for i, id := range ids {
		numbers[i] = int64(id)
	}
	return t.collect(ctx, pgColumns+t.table+` WHERE id = ANY($1)`, numbers)
}

// The plus 0 keeps the planner from walking the primary key: a plan made for any
// times takes them for a small part of the partition, and they mostly are all of it.
func (t *partition) byPlates(ctx context.Context, plates []plate.Packed, lo, hi plate.ID, limit int) ([]row, error) {
	return t.collect(ctx, t.byPlatesSQL(), numbersOf(plates), int64(lo), int64(hi), int64(limit))
}

func (t *partition) byPlatesSQL() string {
	return pgColumns + t.table + ` WHERE plate = ANY($1) AND id + 0 >= $2 AND id + 0 < $3 ORDER BY id + 0 DESC LIMIT $4`
}

// bySources is planned for its values each time: a few minutes and a day want
// different indexes.
func (t *partition) bySources(ctx context.Context, sources []int32, lo, hi plate.ID, limit int) ([]row, error) {
	if sources == nil {
		return t.collect(ctx, pgColumns+t.table+` WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3`, pgx.QueryExecModeCacheDescribe, int64(lo), int64(hi), int64(limit))
	}
	return t.collect(ctx, pgColumns+t.table+` WHERE source = ANY($1) AND id >= $2 AND id < $3 ORDER BY id + 0 DESC LIMIT $4`,
		pgx.QueryExecModeCacheDescribe, sources, int64(lo), int64(hi), int64(limit))
}

func (t *partition) windows(ctx context.Context, windows []window) (all []row, err error) {
	const perQuery = 100
	for chunk := range slices.Chunk(windows, perQuery) {
		var or []string
		for _, w := range chunk {
			or = append(or, fmt.Sprintf("(source = %d AND id >= %d AND id < %d)", w.source, w.lo, w.hi))
		}
		rows, err := t.collect(ctx, pgColumns+t.table+` WHERE `+strings.Join(or, " OR "), pgx.QueryExecModeExec)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

func (t *partition) distinct(ctx context.Context, count int) (plates []plate.Packed, saved bool, err error) {
	err = again(ctx, func() error {
		plates, saved = nil, false
		var packed []byte
		err := t.h.QueryRow(ctx, `SELECT packed FROM plate_saved WHERE bucket = $1 AND reads = $2`, t.id, int64(count)).Scan(&packed)
		if err == nil {
			saved = true
			plates, err = decode(packed)
			return err
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		rows, err := t.h.Query(ctx, `SELECT DISTINCT plate FROM `+t.table)
		if err != nil {
			return err
		}
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&n}, func() error {
			plates = append(plates, plate.Packed(n))
			return nil
		})
		return err
	})
	return plates, saved, err
}

// save also makes one line of all the bucket's news. Nobody adds news meanwhile,
// so that later lines have higher numbers.
func (t *partition) save(ctx context.Context, count int, plates []plate.Packed) error {
	return again(ctx, func() error {
		return t.write(ctx, true, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO plate_saved (bucket, reads, packed) VALUES ($1, $2, $3)
				ON CONFLICT (bucket) DO UPDATE SET reads = excluded.reads, packed = excluded.packed`, t.id, int64(count), encode(plates)); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, `DELETE FROM plate_news WHERE bucket = $1 RETURNING n, stands_for, sources, counts, boxes, gone, swept`, t.id)
			if err != nil {
				return err
			}
			var lines []news
			var x news
			if _, err := pgx.ForEachRow(rows, []any{&x.n, &x.standsFor, &x.sources, &x.counts, &x.boxes, &x.gone, &x.swept}, func() error {
				lines = append(lines, x)
				x = news{}
				return nil
			}); err != nil {
				return err
			}
			slices.SortFunc(lines, func(a, b news) int { return cmp.Compare(a.n, b.n) })
			sums, gone := map[int32]tally{}, map[int32]bool{}
			var standsFor int64
			for _, l := range lines {
				standsFor += max(1, l.standsFor)
				for _, n := range l.gone {
					delete(sums, n)
					gone[n] = true
				}
				for _, n := range l.swept {
					delete(gone, n)
				}
				for i, n := range l.sources {
					s, b := sums[n], l.boxes[4*i:]
					s.add(tally{int(l.counts[i]), b[0], b[1], b[2], b[3]})
					sums[n] = s
				}
			}
			x = news{}
			for n, s := range sums {
				x.sources, x.counts = append(x.sources, n), append(x.counts, int32(s.reads))
				x.boxes = append(x.boxes, s.west, s.south, s.east, s.north)
			}
			for n := range gone {
				x.gone = append(x.gone, n)
			}
			_, err = tx.Exec(ctx, `INSERT INTO plate_news (bucket, stands_for, sources, counts, boxes, gone) VALUES ($1, $2, $3, $4, $5, $6)`,
				t.id, standsFor, x.sources, x.counts, x.boxes, x.gone)
			return err
		})
	})
}

func (t *partition) forget(ctx context.Context, sources []int32) error {
	return again(ctx, func() error {
		return t.write(ctx, false, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO plate_news (bucket, gone) VALUES ($1, $2)`, t.id, sources)
			return err
		})
	})
}

// sweep deletes rows. VACUUM lets PostgreSQL use their room again; it overwrites
// them in time, not at once.
func (t *partition) sweep(ctx context.Context, sources []int32) error {
	return again(ctx, func() error {
		if err := t.write(ctx, true, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM `+t.table+` WHERE source = ANY($1)`, sources); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `DELETE FROM plate_saved WHERE bucket = $1`, t.id); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO plate_news (bucket, swept) VALUES ($1, $2)`, t.id, sources)
			return err
		}); err != nil {
			return err
		}
		_, err := t.h.Exec(ctx, `VACUUM `+t.table)
		return err
	})
}

// pgFull makes PostgreSQL's word for a full disk known as syscall.ENOSPC.
func pgFull(err error) error {
	if isCode(err, "53100") {
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	return err
}
