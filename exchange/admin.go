package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// ServeAdmin takes orders of the operator's command line through a Unix socket
// in the data directory, which only its owner can open, until ctx ends.
func (x *Exchange) ServeAdmin(ctx context.Context) error {
	if x.node != nil { // its one order is to back up, which PostgreSQL does itself
		<-ctx.Done()
		return nil
	}
	path, done, err := socketPath(x.Dir)
	if err != nil {
		return err
	}
	defer done()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old := syscall.Umask(0o077)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("admin socket: %w", err)
		}
		go x.answer(ctx, c)
	}
}

func (x *Exchange) answer(ctx context.Context, c net.Conn) {
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	var q adminRequest
	var a adminAnswer
	err := json.NewDecoder(c).Decode(&q)
	if err == nil {
		a.Backup, err = x.Backup(ctx, q.Backup)
	}
	if err != nil {
		a.Error = err.Error()
		x.Logger.Error("backup failed", "err", err)
	}
	json.NewEncoder(c).Encode(a)
}

// BackupOf makes a backup of the exchange in c.Dir: through its running server,
// or by opening it when none runs.
func BackupOf(ctx context.Context, c Config, to string) (BackupInfo, error) {
	path, done, err := socketPath(c.Dir)
	if err != nil {
		return BackupInfo{}, err
	}
	defer done()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		x, err := Open(ctx, c)
		if err != nil {
			return BackupInfo{}, err
		}
		defer x.Close()
		return x.Backup(ctx, to)
	}
	if err != nil {
		return BackupInfo{}, fmt.Errorf("reaching the running exchange: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := json.NewEncoder(conn).Encode(adminRequest{Backup: to}); err != nil {
		return BackupInfo{}, err
	}
	var a adminAnswer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return BackupInfo{}, fmt.Errorf("the running exchange did not answer: %w", err)
	}
	if a.Error != "" {
		return a.Backup, errors.New(a.Error)
	}
	return a.Backup, nil
}

// adminSocket is where a running exchange takes orders from its own machine.
const adminSocket = "admin.sock"

// socketPath gives a path short enough for a Unix socket in dir; close frees it.
func socketPath(dir string) (path string, close func() error, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), adminSocket), d.Close, nil
}

// request and answer of the admin socket, one line of JSON each.
type adminRequest struct {
	Backup string `json:"backup"` // directory to make
}

type adminAnswer struct {
	Backup BackupInfo `json:"backup"`
	Error  string     `json:"error,omitempty"`
}
