// Package pgtest runs a real PostgreSQL for tests, from Debian's package
// postgresql-15: `t` asks for a fresh database with DSN, or, to stop and kill
// it, for a server of its own with Start.
//
// Everything lies in one temporary directory and is reached through a Unix
// socket there. It goes when the test binary ends, however it ends.
package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// DSN makes a fresh database on the server that all tests of a binary share and
// returns its URL (postgres://...). That server has fsync off: what a killed
// program loses does not depend on it. The test is skipped where PostgreSQL is
// not installed.
func DSN(t testing.TB) string {
	t.Helper()
	bin := programs(t)
	shared.once.Do(func() { shared.server, shared.err = start(bin, "fsync=off") })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server.DSN(t)
}

var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Server is one PostgreSQL server.
type Server struct {
	bin, dir  string
	options   string // for postgres
	databases atomic.Int32
	alive     io.Closer // the guard's; kept from the garbage collector
}

// Start starts a server for this test alone, with fsync on. Settings are those
// of postgresql.conf, as "name=value". The test is skipped where PostgreSQL is
// not installed.
func Start(t testing.TB, settings ...string) *Server {
	t.Helper()
	s, err := start(programs(t), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.pgctl("stop", "-m", "immediate")
		os.RemoveAll(s.dir)
	})
	return s
}

// DSN makes a fresh database and returns its URL. Its user is a superuser.
func (s *Server) DSN(t testing.TB) string {
	t.Helper()
	ctx := t.Context()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	c, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	if _, err := c.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

func (s *Server) url(database string) string {
	q := url.Values{"host": {s.dir}}
	return "postgres://porchlight@/" + database + "?" + q.Encode()
}

// Stop ends all connections and the server, in order.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if err := s.pgctl("stop", "-m", "fast"); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the server with SIGKILL, as a crash would.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := bytes.Cut(file, []byte("\n"))
	pid, err := strconv.Atoi(string(first))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// Start starts the server again after Stop or Kill.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
}

// Restart is Stop and Start.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.Start(t)
}

// Installed reports whether PostgreSQL is here, so that tests are not skipped.
func Installed() bool { return directory() != "" }

// directory is where initdb and its like are, the newest installed.
func directory() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(slices.Max(found))
}

func programs(t testing.TB) string {
	t.Helper()
	if !Installed() {
		t.Skip("PostgreSQL is not installed; scripts/setup.sh test installs it (Debian: apt-get install postgresql-15)")
	}
	return directory()
}

func start(bin string, settings ...string) (_ *Server, err error) {
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, options: "-k " + dir + " -c listen_addresses= -c max_connections=300 -c shared_buffers=32MB"}
	for _, v := range settings {
		s.options += " -c " + v
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	if as := s.command("true").SysProcAttr.Credential; as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return nil, err
		}
	}
	if err := s.guard(); err != nil {
		return nil, err
	}
	initdb := s.command(filepath.Join(bin, "initdb"), "-D", s.data(), "-U", "porchlight", "-A", "trust",
		"-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return s, s.run()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// guard starts a process that ends the server and removes the directory when
// this one has ended, even by SIGKILL: then the pipe it reads from closes.
func (s *Server) guard() (err error) {
	c := s.command("sh", "-c", `read -r _; "$1/pg_ctl" -D "$2/data" -m immediate stop; rm -rf "$2"`, "sh", s.bin, s.dir)
	if s.alive, err = c.StdinPipe(); err != nil {
		return err
	}
	return c.Start()
}

// run starts the server and waits until it answers. After a kill that may take
// a moment: the connections' processes have yet to notice.
func (s *Server) run() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		err := s.pgctl("start", "-l", filepath.Join(s.dir, "log"), "-o", s.options)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("%w\n%s", err, log)
		}
	}
}

func (s *Server) pgctl(what string, args ...string) error {
	out, err := s.command(filepath.Join(s.bin, "pg_ctl"), append([]string{"-D", s.data(), "-w", what}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("pg_ctl %s: %w: %s", what, err, out)
	}
	return nil
}

// command runs in the server's directory, apart from the terminal's signals,
// and as another user when this one is root, whom PostgreSQL refuses.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir, c.Env = s.dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() != 0 {
		return c
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.Atoi(u.Uid)
			gid, _ := strconv.Atoi(u.Gid)
			c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			break
		}
	}
	return c
}
