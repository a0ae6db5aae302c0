// Package node joins the rooms of a house: it makes the data directory, opens
// everything over it in the right order, and runs what needs no person. It works
// with no exchange: a recorder by itself.
package node

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"porchlight/db"
	"porchlight/home/ask"
	"porchlight/home/cameras"
	"porchlight/home/devices"
	"porchlight/home/faces"
	"porchlight/home/notify"
	"porchlight/home/pets"
	"porchlight/home/record"
	"porchlight/home/register"
	"porchlight/home/send"
	"porchlight/home/watch"
	"porchlight/home/web"
	"porchlight/internal/wake"
	"porchlight/vision/cover"
	"porchlight/vision/nets"
	"porchlight/web/basemap"

	"go.yaml.in/yaml/v3"
)

// What lies where in the data directory.
const (
	ConfigFile = "porchlight-home.yaml"
	dbFile     = "home.db"
	lockFile   = "lock"
)

var (
	// ErrRunning: another program has the data directory.
	ErrRunning = errors.New("porchlight home is already running over this data directory")
	// ErrNoHouse: there is no house in the directory.
	ErrNoHouse = errors.New("there is no house here; make one with: porchlight home init DIR")
	// ErrExists: the directory has one already.
	ErrExists = errors.New("there is a house here already; nothing was changed")
)

// Node is one running house.
type Node struct {
	Config
	Devices *devices.Service
	Cameras *cameras.Service
	Record  *record.Recorder
	Watch   *watch.Watcher
	Notices *notify.Service
	Asked   *ask.Service  // nil: no exchange
	Answers *send.Service // nil: no exchange

	Faces    *faces.Service    // nil: the networks are not there
	Pets     *pets.Service     // nil: no exchange, or the networks are not there
	Register *register.Service // nil: no exchange

	db       *db.DB
	lock     *os.File
	web      *web.Server
	nets     *nets.Nets // nil: the networks are not there
	finders  func() (cover.Finders, error)
	switches *switches
}

// Init makes the data directory with its configuration. ErrExists.
func Init(c Config) error {
	if _, err := c.withDefaults(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	if string(text) == "{}\n" {
		text = nil
	}
	f, err := os.OpenFile(filepath.Join(c.Dir, ConfigFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("# porchlight home; docs/home.md explains each setting.\n" + string(text))
	return errors.Join(err, f.Sync(), f.Close())
}

// Open opens a house that Init made. ErrNoHouse, ErrRunning.
func Open(ctx context.Context, c Config) (_ *Node, err error) {
	if c, err = c.withDefaults(); err != nil {
		return nil, err
	}
	n := &Node{Config: c}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if n.lock, err = takeLock(c.Dir); err != nil {
		return nil, err
	}
	if n.db, n.Devices, err = openDevices(ctx, c); err != nil {
		return nil, err
	}
	if n.switches, err = openSwitches(ctx, n.db); err != nil {
		return nil, fmt.Errorf("switches: %w", err)
	}
	if n.Cameras, err = cameras.Open(ctx, n.db, c.Now); err != nil {
		return nil, fmt.Errorf("cameras: %w", err)
	}
	n.Record, err = record.Open(ctx, record.Options{DB: n.db, Dir: c.Footage, Cameras: n.Cameras, Now: c.Now, Logger: c.Logger})
	if err != nil {
		return nil, fmt.Errorf("footage: %w", err)
	}
	n.Notices, err = notify.Open(ctx, notify.Options{DB: n.db, Address: c.base, Now: c.Now, Logger: c.Logger})
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	if err := n.openEyes(ctx); err != nil {
		return nil, err
	}
	if c.Exchange.URL != "" {
		if err := n.openExchange(ctx); err != nil {
			return nil, err
		}
	}
	layers := fs.FS(embed.FS{}) // none: an empty sheet
	if c.Basemap != "" {
		layers = os.DirFS(c.Basemap)
	}
	sheet, err := basemap.Load(layers)
	if err != nil {
		return nil, fmt.Errorf("basemap: %w", err)
	}
	n.web, err = web.New(web.Options{
		Name: c.Name, Version: c.Version, Hosts: names(c.Hosts), URL: c.URL, Near: web.InHouse(c.near...), Zone: c.zone, Basemap: sheet,
		Devices: n.Devices, Cameras: n.Cameras, Record: n.Record, Moments: n.Watch, Asked: n.Asked, Answers: n.Answers,
		Notices: n.Notices, Faces: n.Faces, Pets: n.Pets, Register: n.Register, Switches: n.switches, Exchange: c.Exchange.URL, Seeing: n.nets != nil, Logger: c.Logger,
	})
	return n, err
}

// NewCode makes a pairing code from the console, whether the house runs or not,
// and says where to enter it. ErrNoHouse.
func NewCode(ctx context.Context, c Config) (code devices.Code, base string, err error) {
	if c, err = c.withDefaults(); err != nil {
		return code, "", err
	}
	if err := there(c.Dir); err != nil {
		return code, "", err
	}
	d, s, err := openDevices(ctx, c)
	if err != nil {
		return code, "", err
	}
	code, err = s.NewCode(ctx, "")
	return code, c.base(), errors.Join(err, d.Close())
}

func openDevices(ctx context.Context, c Config) (*db.DB, *devices.Service, error) {
	d, err := db.Open(ctx, filepath.Join(c.Dir, dbFile))
	if err != nil {
		return nil, nil, err
	}
	s, err := devices.Open(ctx, d, c.Now)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("devices: %w", err), d.Close())
	}
	return d, s, nil
}

// Handler is the house over HTTP.
func (n *Node) Handler() http.Handler { return n.web.Handler() }

// Run records, looks and asks until ctx ends; all has stopped when it returns.
func (n *Node) Run(ctx context.Context) {
	for topic, subscribe := range map[string]func(func()) func(){
		"cameras": n.Cameras.Subscribe, "storage": n.Record.Subscribe, "moments": n.Watch.Subscribe,
	} {
		defer subscribe(func() { n.web.Changed(topic) })()
	}
	rooms := map[string]func(context.Context) error{"record": n.Record.Run, "watch": n.Watch.Run, "notify": n.Notices.Run}
	if n.Asked != nil {
		rooms["ask"] = func(ctx context.Context) error { return n.switches.while(ctx, web.SwitchAsk, n.Asked.Run) }
		rooms["send"] = n.Answers.Run
		rooms["register"] = n.Register.Run
	}
	if n.Pets != nil {
		rooms["pets"] = n.Pets.Run
	}
	if n.Faces != nil {
		moved := wake.NewBell()
		defer n.Cameras.Subscribe(moved.Ring)()
		rooms["faces"] = func(ctx context.Context) error { return n.minding(ctx, moved) }
	}
	var running sync.WaitGroup
	for name, run := range rooms {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				n.Logger.Error("a room of the house stopped", "room", name, "err", err)
			}
		})
	}
	running.Wait()
}

// minding has the law on faces looked up whenever a camera may hang elsewhere,
// until ctx ends.
func (n *Node) minding(ctx context.Context, moved wake.Bell) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		}
		if err := n.Faces.Check(ctx); err != nil && ctx.Err() == nil {
			n.Logger.Warn("the law on faces could not be looked up", "err", err)
		}
		n.web.Changed("faces")
	}
}

// Close closes the house; Run must have returned.
func (n *Node) Close() error {
	var errs []error
	if n.web != nil {
		n.web.Close()
	}
	if n.Record != nil {
		n.Record.Close()
	}
	if n.nets != nil {
		errs = append(errs, n.nets.Close())
	}
	if n.db != nil {
		errs = append(errs, n.db.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	return errors.Join(errs...)
}

// there says whether Init made a house in dir.
func there(dir string) error {
	_, err := os.Stat(filepath.Join(dir, ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", dir, ErrNoHouse)
	}
	return err
}

// takeLock makes this process the only one over the data directory. The lock ends
// with the process.
func takeLock(dir string) (*os.File, error) {
	if err := there(dir); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return f, nil
}
