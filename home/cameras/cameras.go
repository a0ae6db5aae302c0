// Package cameras keeps which cameras a household has, how each is reached, and
// finds and tries new ones. What they show is kept by home/record.
//
// How a camera is reached is a secret: its address may hold a password, and the
// password is one. Both are kept apart from what is told (List, Get), and only
// Reach gives them out, to the recorder. A Secret prints as nothing.
package cameras

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/home"
	"porchlight/internal/wake"

	"github.com/oklog/ulid/v2"
)

var (
	// ErrNotFound: there is no such camera, or it was removed.
	ErrNotFound = errors.New("there is no such camera")
	// ErrInvalid: what was given for a camera cannot be; the message says what.
	ErrInvalid = errors.New("this cannot be a camera")
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// Source is how a camera is reached.
type Source struct {
	Kind     home.Source
	Address  Secret // rtsp://host/path; http://host/onvif/device_service; http://frigate:5000; a folder
	User     string // "" none
	Password Secret //
	Name     string // of the camera at Frigate
	Broker   Secret // of Frigate, tcp://user:password@host:1883; "": what it recorded is asked for, not heard of
	Clear    bool   // Folder: remove files once they are imported
	Files    string // Folder: how file names tell the time, as ParsePattern reads it; "" tries those known
	Zone     string // Folder: the time zone of those names, "Europe/Amsterdam"; "" this computer's
}

// Secret is a text that is never shown: it prints, logs and encodes as "".
type Secret string

// String, GoString, MarshalText and LogValue keep it from every printer.
func (Secret) String() string               { return "" }
func (Secret) GoString() string             { return `""` }
func (Secret) MarshalText() ([]byte, error) { return nil, nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue("") }

// Format keeps it from every verb.
func (Secret) Format(fmt.State, rune) {}

// Camera is a camera and what may be told of how it is reached.
type Camera struct {
	home.Camera
	Host string `json:"host"` // where it is, without user, password, path and query; the folder's name
	User string `json:"user"` // "" none
	Has  bool   `json:"has"`  // whether a password is kept
}

// Service keeps the cameras. Safe for concurrent use.
type Service struct {
	db  *db.DB
	now func() time.Time

	listeners wake.Listeners
}

// Open opens the cameras of a house; now nil is time.Now.
func Open(ctx context.Context, d *db.DB, now func() time.Time) (*Service, error) {
	if err := d.Migrate(ctx, "home/cameras", migrations); err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	return &Service{db: d, now: now}, nil
}

// Add keeps a new camera. Its id, Kind, Added and Removed are set here. An ONVIF
// address is asked for its best stream, and that is what is kept. ErrInvalid, and
// those of Probe where the camera must be asked.
func (s *Service) Add(ctx context.Context, c home.Camera, from Source) (Camera, error) {
	from, err := resolve(ctx, from)
	if err != nil {
		return Camera{}, err
	}
	if err := check(&c); err != nil {
		return Camera{}, err
	}
	c.ID, c.Kind, c.Added, c.Removed = strings.ToLower(ulid.Make().String()), from.Kind, s.now().UTC().Truncate(time.Microsecond), time.Time{}
	told := Camera{Camera: c, Host: from.host(), User: from.User, Has: from.Password != ""}
	err = s.db.Write(ctx, insert(told, from))
	if err != nil {
		return Camera{}, fmt.Errorf("keeping the camera: %w", err)
	}
	s.listeners.Tell()
	return told, nil
}

// Change keeps a camera's name, place, facing, angle, reach and off. ErrNotFound,
// ErrInvalid.
func (s *Service) Change(ctx context.Context, c home.Camera) error {
	if err := check(&c); err != nil {
		return err
	}
	if err := s.update(ctx, c); err != nil {
		return err
	}
	s.listeners.Tell()
	return nil
}

// Move changes how a camera is reached; its kind stays. An empty password keeps
// the one there is when host and user stay too: a password is not taken along to
// another host. ErrNotFound, ErrInvalid.
func (s *Service) Move(ctx context.Context, id string, to Source) error {
	was, err := s.Reach(ctx, id)
	if err != nil {
		return err
	}
	if to.Kind != was.Kind {
		return invalid("it is of kind %s; add a new one instead", was.Kind)
	}
	clean, err := to.clean()
	if err != nil {
		return err
	}
	if clean.Password == "" && clean.User == was.User && clean.host() == was.host() {
		to.User, to.Password = was.User, was.Password
	}
	if to, err = resolve(ctx, to); err != nil {
		return err
	}
	if err := s.reroute(ctx, id, to); err != nil {
		return err
	}
	s.listeners.Tell()
	return nil
}

// Remove takes a camera out of use and forgets how it was reached. What it
// recorded stays until the ring takes it. ErrNotFound.
func (s *Service) Remove(ctx context.Context, id string) error {
	if err := s.remove(ctx, id, s.now()); err != nil {
		return err
	}
	s.listeners.Tell()
	return nil
}

// Subscribe calls f, which must not block, after each change until stop.
func (s *Service) Subscribe(f func()) (stop func()) { return s.listeners.Subscribe(f) }

// check says whether a camera can be, and puts what was left out.
func check(c *home.Camera) error {
	c.Name = strings.Join(strings.Fields(c.Name), " ")
	switch {
	case c.Name == "" || len(c.Name) > 100:
		return invalid("give it a name of at most 100 characters")
	case c.Facing < -1 || c.Facing > 359:
		return invalid("it faces 0 to 359 degrees, or -1 for unknown")
	case c.Angle < 0 || c.Angle > 360:
		return invalid("its angle of view is 0 to 360 degrees")
	case c.Reach < 0 || c.Reach > 1000:
		return invalid("it sees 0 to 1,000 metres far")
	}
	return nil
}

// clean checks an address and takes user and password out of it.
func (f Source) clean() (Source, error) {
	address := strings.TrimSpace(string(f.Address))
	f.Address, f.User, f.Name = Secret(address), strings.TrimSpace(f.User), strings.TrimSpace(f.Name)
	if strings.ContainsAny(address+f.User+string(f.Password)+f.Name, "\x00\r\n") {
		return f, invalid("an address, a name or a password is one line")
	}
	switch f.Kind {
	case home.Import:
		f.Address, f.User, f.Password = "", "", ""
		return f, nil
	case home.Folder:
		if !filepath.IsAbs(address) {
			return f, invalid("the folder must be given from the root, /srv/camera")
		}
		f.Address = Secret(filepath.Clean(address))
		if f.Files != "" {
			if _, err := ParsePattern(f.Files); err != nil {
				return f, invalid("%v", err)
			}
		}
		if _, err := time.LoadLocation(f.Zone); err != nil {
			return f, invalid("its time zone must be named as Europe/Amsterdam")
		}
		return f, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return f, invalid("its address cannot be read; want one like rtsp://192.168.1.20/stream")
	}
	if u.User != nil {
		if f.User == "" {
			f.User = u.User.Username()
		}
		if p, ok := u.User.Password(); ok && f.Password == "" {
			f.Password = Secret(p)
		}
		u.User = nil
		f.Address = Secret(u.String())
	}
	schemes := map[home.Source][]string{home.RTSP: {"rtsp", "rtsps", "http", "https"}, home.Frigate: {"http", "https"}}[f.Kind]
	for _, want := range schemes {
		if u.Scheme == want {
			if f.Kind == home.Frigate && f.Name == "" {
				return f, invalid("say which camera of Frigate it is")
			}
			return f, nil
		}
	}
	if schemes == nil {
		return f, invalid("its kind must be rtsp, frigate, folder or import")
	}
	return f, invalid("its address must begin with %s://", strings.Join(schemes, ":// or "))
}

// onvif tells whether the address is of a device service and not of a stream.
func (f Source) onvif() bool {
	return f.Kind == home.RTSP && strings.HasPrefix(string(f.Address), "http")
}

// host is what may be told of the address.
func (f Source) host() string {
	switch f.Kind {
	case home.Folder:
		return filepath.Base(string(f.Address))
	case home.Import:
		return ""
	}
	u, err := url.Parse(string(f.Address))
	if err != nil {
		return ""
	}
	return u.Host
}

// URL is an RTSP camera's whole address, with user and password. It goes to
// ffmpeg, and nowhere else.
func (f Source) URL() string {
	u, err := url.Parse(string(f.Address))
	if err != nil {
		return ""
	}
	if f.User != "" || f.Password != "" {
		u.User = url.UserPassword(f.User, string(f.Password))
	}
	return u.String()
}
