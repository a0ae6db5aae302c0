package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrHeld is returned by TryLock when somebody else holds the name.
var ErrHeld = errors.New("db: locked by another")

// Hold is a name held by this program alone among all over the same database.
//
// With SQLite, over which one program runs, it is held until Release. With
// PostgreSQL it is an advisory lock of a session that this program renews every
// second: when the server has not answered for holdFor, Lost closes and Valid
// is false from then on; the server ends a session it has not heard of for
// sessionEnds, later than that, and only then can another program hold the
// name. A program that was stopped in between (a paused machine) finds Valid
// false when it goes on; what it began before, it must fence by other means.
type Hold struct {
	name string
	d    *DB
	on   *session // nil with SQLite
	lost chan struct{}
}

const (
	renewEvery  = time.Second
	holdFor     = 3 * time.Second
	sessionEnds = 6 * time.Second
)

// Valid reports whether the name is held still.
func (h *Hold) Valid() bool { return h.on == nil || h.on.valid() }

// Lost closes when the name was lost before Release.
func (h *Hold) Lost() <-chan struct{} { return h.lost }

// Release lets others hold the name.
func (h *Hold) Release() {
	h.d.locks.Lock()
	defer h.d.locks.Unlock()
	if h.d.held[h.name] != h {
		return // lost before
	}
	delete(h.d.held, h.name)
	if h.on != nil {
		h.on.unlock(h.name)
	}
}

// locks of this program.
type locks struct {
	sync.Mutex
	held    map[string]*Hold
	session *session // with PostgreSQL, nil when there is none
}

// TryLock holds name, or returns ErrHeld.
func (d *DB) TryLock(ctx context.Context, name string) (*Hold, error) {
	d.locks.Lock()
	defer d.locks.Unlock()
	if d.held[name] != nil {
		return nil, ErrHeld
	}
	h := &Hold{name: name, d: d, lost: make(chan struct{})}
	if d.Dialect() == PostgreSQL {
		if d.session == nil {
			s, err := newSession(ctx, d.source)
			if err != nil {
				return nil, fmt.Errorf("locking %s: %w", name, err)
			}
			d.session = s
			go d.renew(s)
		}
		h.on = d.session
		ok, err := h.on.tryLock(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("locking %s: %w", name, err)
		}
		if !ok {
			return nil, ErrHeld
		}
	}
	if d.held == nil {
		d.held = map[string]*Hold{}
	}
	d.held[name] = h
	return h, nil
}

// renew keeps s alive until it is lost or the database closed, and then ends
// every hold on it.
func (d *DB) renew(s *session) {
	tick := time.NewTicker(renewEvery / 2)
	defer tick.Stop()
	for alive := true; alive; {
		select {
		case <-tick.C:
			s.renew()
			alive = s.valid()
		case <-d.closed:
			alive = false
		}
	}
	d.locks.Lock()
	defer d.locks.Unlock()
	s.end()
	d.session = nil
	for name, h := range d.held {
		if h.on == s {
			delete(d.held, name)
			close(h.lost)
		}
	}
}

// session is one connection whose advisory locks we hold.
type session struct {
	using sync.Mutex // guards conn
	conn  *pgx.Conn
	mu    sync.Mutex // guards heard
	heard time.Time  // when the last question was asked that was answered
}

func newSession(ctx context.Context, url string) (*session, error) {
	c, err := pgConfig(url, map[string]string{"idle_session_timeout": fmt.Sprint(sessionEnds.Milliseconds())})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, holdFor)
	defer cancel()
	s := &session{heard: time.Now()}
	s.conn, err = pgx.ConnectConfig(ctx, c)
	return s, err
}

func (s *session) valid() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.heard) < holdFor
}

// ask runs a question, and notes when it was asked if an answer came. A
// connection that failed once is given up.
func (s *session) ask(ctx context.Context, question string, answer any, args ...any) error {
	s.using.Lock()
	defer s.using.Unlock()
	if s.conn.IsClosed() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heard = time.Time{}
		return errors.New("the connection to PostgreSQL was lost")
	}
	ctx, cancel := context.WithTimeout(ctx, holdFor)
	defer cancel()
	asked := time.Now()
	if err := s.conn.QueryRow(ctx, question, args...).Scan(answer); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.heard) < holdFor { // what was lost once stays lost
		s.heard = asked
	}
	return nil
}

func (s *session) renew() {
	var one int
	s.ask(context.Background(), `SELECT 1`, &one)
}

func (s *session) tryLock(ctx context.Context, name string) (ok bool, err error) {
	err = s.ask(context.WithoutCancel(ctx), `SELECT pg_try_advisory_lock($1)`, &ok, lockID(name))
	return ok, err
}

func (s *session) unlock(name string) {
	var ok bool
	s.ask(context.Background(), `SELECT pg_advisory_unlock($1)`, &ok, lockID(name))
}

// end closes the connection; the server frees its locks, at the latest after
// sessionEnds.
func (s *session) end() {
	s.mu.Lock()
	s.heard = time.Time{}
	s.mu.Unlock()
	s.using.Lock()
	defer s.using.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s.conn.Close(ctx)
}

// lockID is the number under which PostgreSQL knows one of our advisory locks.
func lockID(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte("porchlight " + name))
	return int64(h.Sum64())
}

// Listen calls heard for every message of Notify on one of the channels, from
// any program over the same PostgreSQL database, until ctx ends. After the
// connection was made, and made anew, messages may have been missed: then it
// calls heard("", ""). With SQLite it returns at once: there is nobody else.
func (d *DB) Listen(ctx context.Context, heard func(channel, message string), channels ...string) {
	for d.Dialect() == PostgreSQL && ctx.Err() == nil {
		d.listen(ctx, heard, channels)
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// listen returns when the connection is lost.
func (d *DB) listen(ctx context.Context, heard func(channel, message string), channels []string) {
	config, err := pgConfig(d.source, nil)
	if err != nil {
		return
	}
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return
	}
	defer c.Close(context.WithoutCancel(ctx))
	for _, name := range channels {
		if _, err := c.Exec(ctx, `LISTEN `+pgx.Identifier{name}.Sanitize()); err != nil {
			return
		}
	}
	heard("", "")
	for {
		// A connection that died without a word is found out by asking.
		wait, cancel := context.WithTimeout(ctx, 10*time.Second)
		n, err := c.WaitForNotification(wait)
		timedOut := wait.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case err == nil:
			heard(n.Channel, n.Payload)
		case timedOut && !c.IsClosed():
			ping, cancel := context.WithTimeout(ctx, holdFor)
			err := c.Ping(ping)
			cancel()
			if err != nil {
				return
			}
		default:
			return
		}
	}
}

// Notify sends a message of at most 7,999 bytes to whoever listens on channel,
// when tx commits. PostgreSQL only.
func Notify(tx *sql.Tx, channel, message string) error {
	_, err := tx.Exec(`SELECT pg_notify(?, ?)`, channel, message)
	return err
}
