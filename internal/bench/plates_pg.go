package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"porchlight/db"
	"porchlight/plate"
	"porchlight/plate/reads"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// startPostgres starts a server over dir, made if it is not there, with fsync on
// and its memory set for a machine of this size.
func startPostgres(dir string) (dsn string, stop func() error, err error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", nil, errors.New("PostgreSQL is not installed; scripts/setup.sh test installs it")
	}
	bin := filepath.Dir(slices.Max(found))
	if dir, err = filepath.Abs(dir); err != nil {
		return "", nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, err
	}
	var as *syscall.Credential
	if os.Geteuid() == 0 { // PostgreSQL does not run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return "", nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return "", nil, err
		}
	}
	do := func(name string, args ...string) error {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.Dir, c.Env, c.SysProcAttr = dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}, &syscall.SysProcAttr{Credential: as, Setsid: true}
		if b, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, b)
		}
		return nil
	}
	data := filepath.Join(dir, "data")
	if _, err := os.Stat(data); err != nil {
		if err := do("initdb", "-D", data, "-U", "porchlight", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-instructions"); err != nil {
			return "", nil, err
		}
	}
	settings := "-k " + dir + " -c listen_addresses= -c shared_buffers=1GB -c max_wal_size=8GB -c checkpoint_timeout=15min" +
		" -c maintenance_work_mem=256MB -c effective_cache_size=8GB -c random_page_cost=1.1 -c jit=off"
	if err := do("pg_ctl", "-D", data, "-w", "-t", "300", "start", "-l", filepath.Join(dir, "log"), "-o", settings); err != nil {
		return "", nil, err
	}
	return "postgres://porchlight@/postgres?" + url.Values{"host": {dir}}.Encode(),
		func() error { return do("pg_ctl", "-D", data, "-w", "-m", "fast", "stop") }, nil
}

// serverCPU is what the server over dir and its processes have used.
func serverCPU(dir string) (sum time.Duration) {
	b, _ := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	server, _, _ := strings.Cut(string(b), "\n")
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		b, _ := os.ReadFile(path)
		_, after, _ := strings.Cut(string(b), ") ")
		f := strings.Fields(after) // from the third of proc(5) on
		if len(f) < 15 || f[1] != server && filepath.Base(filepath.Dir(path)) != server {
			continue
		}
		for _, s := range f[11:15] { // also of children that have ended
			ticks, _ := strconv.Atoi(s)
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum
}

func openPlatesPostgres(ctx context.Context, dir string, t *traffic) (plateEngine, error) {
	dsn, stop, err := startPostgres(dir)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return openStore(ctx, dir, t, reads.Options{Postgres: dsn}, pool, func() error { pool.Close(); return stop() })
}

// todayEngine is the design people run today: one table, a B-tree for whole
// plates, one for camera and time, one for time, and a trigram index for the rest.
type todayEngine struct {
	dir  string
	pool *pgxpool.Pool
	stop func() error
}

func openPlatesToday(ctx context.Context, dir string, t *traffic) (_ plateEngine, err error) {
	dsn, stop, err := startPostgres(dir)
	if err != nil {
		return nil, err
	}
	e := &todayEngine{dir: dir, stop: stop}
	if e.pool, err = pgxpool.New(ctx, dsn); err == nil {
		_, err = e.pool.Exec(ctx, `
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE IF NOT EXISTS reads (id bigserial PRIMARY KEY, owner text NOT NULL, camera text NOT NULL, event text NOT NULL, plate text NOT NULL,
	region text NOT NULL, confidence smallint NOT NULL, seen timestamptz NOT NULL, received timestamptz NOT NULL, lon double precision NOT NULL,
	lat double precision NOT NULL, heading smallint NOT NULL, type text NOT NULL, make text NOT NULL, color text NOT NULL, image text NOT NULL);
CREATE INDEX IF NOT EXISTS reads_plate ON reads (plate);
CREATE INDEX IF NOT EXISTS reads_seen ON reads (seen);
CREATE INDEX IF NOT EXISTS reads_camera ON reads (camera, seen);
CREATE INDEX IF NOT EXISTS reads_trgm ON reads USING gin (plate gin_trgm_ops)`)
	}
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return e, nil
}

func (e *todayEngine) ingest(ctx context.Context, b []plate.Read) error {
	_, err := e.pool.CopyFrom(ctx, pgx.Identifier{"reads"}, []string{"owner", "camera", "event", "plate", "region", "confidence", "seen", "received",
		"lon", "lat", "heading", "type", "make", "color", "image"}, pgx.CopyFromSlice(len(b), func(i int) ([]any, error) {
		r := &b[i]
		lon, lat := r.Place.Degrees()
		return []any{r.Owner, r.Camera, r.Event, string(r.Text), r.Region, int16(r.Confidence), r.Seen, r.Received, lon, lat, int16(r.Heading),
			r.Vehicle.Type, r.Vehicle.Make, r.Vehicle.Color, r.Image}, nil
	}))
	return err
}

const todayColumns = `SELECT id, owner, camera, event, plate, region, confidence, seen, received, lon, lat, heading, type, make, color, image FROM reads `

func (e *todayEngine) find(ctx context.Context, owners []string, q plate.Query) (answer, error) {
	switch q.Kind {
	case plate.Convoy:
		return e.convoy(ctx, owners, q)
	case plate.InArea:
		w := q.Area.Bounds().Degrees()
		return e.rows(ctx, q, todayColumns+`WHERE owner = ANY($1) AND seen >= $2 AND seen < $3 AND lon BETWEEN $4 AND $6 AND lat BETWEEN $5 AND $7 ORDER BY seen DESC`,
			owners, q.From, q.To, w[0], w[1], w[2], w[3])
	}
	if t, ok := q.Plate.Exact(); ok {
		return e.rows(ctx, q, todayColumns+`WHERE plate = $1 AND owner = ANY($2) ORDER BY seen DESC LIMIT $3`, string(t), owners, askLimit)
	}
	if text, ok := strings.CutSuffix(q.Plate.String(), "~"); ok {
		var variants []string
		for _, f := range q.Plate.Forms() { // somebody has to think of them
			variants = append(variants, string(f.Value.Text()))
		}
		if strings.ContainsAny(text, "?*") {
			return answer{}, errors.New("the benchmark asks for confusions of whole plates")
		}
		return e.rows(ctx, q, todayColumns+`WHERE plate = ANY($1) AND owner = ANY($2) ORDER BY seen DESC LIMIT $3`, variants, owners, askLimit)
	}
	like := strings.NewReplacer("?", "_", "*", "%").Replace(q.Plate.String())
	return e.rows(ctx, q, todayColumns+`WHERE plate LIKE $1 AND owner = ANY($2) ORDER BY seen DESC LIMIT $3`, like, owners, askLimit)
}

// rows reads whole rows, as the other engines do.
func (e *todayEngine) rows(ctx context.Context, q plate.Query, query string, args ...any) (a answer, err error) {
	rows, err := e.pool.Query(ctx, query, args...)
	if err != nil {
		return a, err
	}
	var id int64
	var r plate.Read
	var text string
	var lon, lat float64
	var confidence, heading int16
	_, err = pgx.ForEachRow(rows, []any{&id, &r.Owner, &r.Camera, &r.Event, &text, &r.Region, &confidence, &r.Seen, &r.Received, &lon, &lat, &heading,
		&r.Vehicle.Type, &r.Vehicle.Make, &r.Vehicle.Color, &r.Image}, func() error {
		if len(a.keys) == askLimit || !q.Area.Empty() && !q.Area.ContainsPoint(point(lon, lat)) {
			return nil
		}
		a.add(r.Seen, r.Camera, text)
		return nil
	})
	return a, err
}

func (e *todayEngine) convoy(ctx context.Context, owners []string, q plate.Query) (a answer, err error) {
	t, _ := q.Plate.Exact()
	rows, err := e.pool.Query(ctx, `SELECT b.plate, count(DISTINCT b.camera) FROM reads a
		JOIN reads b ON b.camera = a.camera AND b.seen BETWEEN a.seen - interval '30 seconds' AND a.seen + interval '30 seconds' AND b.plate <> a.plate
		WHERE a.plate = $1 AND a.owner = ANY($2) AND b.owner = ANY($2)
		GROUP BY b.plate HAVING count(DISTINCT b.camera) >= 3 ORDER BY 2 DESC, count(DISTINCT b.id) DESC, 1 LIMIT $3`, string(t), owners, askLimit)
	if err != nil {
		return a, err
	}
	var text string
	var cameras int
	_, err = pgx.ForEachRow(rows, []any{&text, &cameras}, func() error {
		a.keys = append(a.keys, fmt.Sprint(text, " ", cameras))
		return nil
	})
	return a, err
}

func (e *todayEngine) counts(ctx context.Context, owners []string, from, to time.Time) (n int, err error) {
	err = e.pool.QueryRow(ctx, `SELECT count(*) FROM (SELECT camera, date_trunc('day', seen), count(*) FROM reads
		WHERE owner = ANY($1) AND seen >= $2 AND seen < $3 GROUP BY 1, 2) c`, owners, from, to).Scan(&n)
	return n, err
}

func (e *todayEngine) finish(context.Context) error { return nil }

func (e *todayEngine) analyze(ctx context.Context) error {
	_, err := e.pool.Exec(ctx, `VACUUM ANALYZE reads`)
	return err
}

func (e *todayEngine) drop(ctx context.Context, day time.Time) error {
	_, err := e.pool.Exec(ctx, `DELETE FROM reads WHERE seen >= $1 AND seen < $2`, day, day.AddDate(0, 0, 1))
	return err
}

func (e *todayEngine) cpu() time.Duration { return cpu() + serverCPU(e.dir) }

func (e *todayEngine) close() error {
	e.pool.Close()
	return e.stop()
}

// fillHotlist puts entries where hotlist keeps them: 100,000 plates, most of cars
// that are not in the load.
func fillHotlist(ctx context.Context, d *db.DB, t *traffic) error {
	return d.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.Exec(`INSERT INTO hotlist_list (id, agency, name, kind, source, origin, author, public, offered, version, made)
			VALUES ('bench', ?, 'bench', 'stolen', 'own', '', '', 0, 0, 1, 0)`, t.cameras[0].Owner); err != nil {
			return err
		}
		for i := range hotEntries {
			text := string(t.car(residents + public + 10*i).Text)
			if i%100 == 0 {
				text = text[:2] + "?" + text[3:]
			}
			if i%1000 == 1 {
				text = string(t.car(i).Text) // and some that are
			}
			if _, err := tx.Exec(`INSERT INTO hotlist_entry (id, list, plate, region, reason, basis, case_number, ref, author, vehicle, details, made, expires, version, waits, means, made_by)
				VALUES (?, 'bench', ?, '', 'stolen', '', '', ?, '', '{}', '', 0, ?, 1, 0, '', '')`,
				fmt.Sprint("entry", i), text, fmt.Sprint(i), t.from.AddDate(10, 0, 0).UnixMicro()); err != nil {
				return err
			}
		}
		_, err := tx.Exec(`UPDATE hotlist_counter SET n = n + 1 WHERE name = 'lists'`)
		return err
	})
}
