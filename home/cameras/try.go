package cameras

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"porchlight/home"
	"porchlight/home/cameras/frigate"
	"porchlight/home/cameras/onvif"
	"porchlight/video"
)

// What can be wrong with a camera; errors.Is tells which, the message what to do.
var (
	ErrPassword = errors.New("the camera refuses this user name and password")
	ErrNoRoute  = errors.New("nothing answers at that address: is the camera on, on this network, and the address right?")
	ErrNoPath   = errors.New("the camera has no stream of that name: the part of the address behind the host is wrong")
	ErrNoVideo  = errors.New("the camera sends no picture")
	ErrSilent   = errors.New("the camera is there but sends nothing; take its power away for a moment")
	ErrCodec    = errors.New("the camera sends a picture that cannot be recorded; set it to H.264 or H.265")
	ErrFolder   = errors.New("the folder cannot be read by this program")
)

// Seen is what a source delivers.
type Seen struct {
	Codec string  // h264, hevc; "" for a folder or an import
	W, H  int     // pixels
	FPS   float64 // 0 unknown
	Audio string  // its codec; "" without sound
	Still []byte  // JPEG; nil if there was none in time
	Files int     // Folder: films in it now
}

// Probe tries a source before it is kept: it connects, and takes one picture. It
// takes 20 seconds at most. Errors are those above, or ErrInvalid.
func (s *Service) Probe(ctx context.Context, from Source) (Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	from, err := resolve(ctx, from)
	if err != nil {
		return Seen{}, err
	}
	switch from.Kind {
	case home.Folder:
		return lookInto(string(from.Address))
	case home.Frigate:
		return from.tryFrigate(ctx)
	case home.Import:
		return Seen{}, nil
	}
	return from.tryRTSP(ctx)
}

func lookInto(folder string) (Seen, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return Seen{}, ErrFolder
	}
	var seen Seen
	for _, e := range entries {
		if e.Type().IsRegular() && film(e.Name()) {
			seen.Files++
		}
	}
	return seen, nil
}

// Frigate is the server a source of that kind is behind.
func (f Source) Frigate() *frigate.Server {
	return &frigate.Server{Address: string(f.Address), User: f.User, Password: string(f.Password)}
}

func (f Source) tryFrigate(ctx context.Context) (Seen, error) {
	server := f.Frigate()
	all, err := server.Cameras(ctx)
	if err != nil {
		if errors.Is(err, frigate.ErrPassword) {
			return Seen{}, fmt.Errorf("%w (Frigate)", ErrPassword)
		}
		return Seen{}, f.reason(err)
	}
	i := slices.IndexFunc(all, func(c frigate.Camera) bool { return c.Name == f.Name })
	if i < 0 {
		names := make([]string, len(all))
		for i, c := range all {
			names[i] = c.Name
		}
		return Seen{}, invalid("Frigate has no camera %q; it has: %s", f.Name, strings.Join(names, ", "))
	}
	if !all[i].Recording {
		return Seen{}, invalid("Frigate keeps no recordings of %q: enable record for it", f.Name)
	}
	seen := Seen{W: all[i].W, H: all[i].H}
	seen.Still, _ = server.Latest(ctx, f.Name, 720)
	return seen, nil
}

func (f Source) tryRTSP(ctx context.Context) (Seen, error) {
	// Whether anybody is there is told better by a plain connection than by ffmpeg.
	u, err := url.Parse(string(f.Address))
	if err != nil {
		return Seen{}, invalid("its address cannot be read")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"rtsp": "554", "rtsps": "322"}[u.Scheme]
	}
	d := net.Dialer{Timeout: 5 * time.Second}
	c, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return Seen{}, f.reason(err)
	}
	c.Close()
	source := video.Source(f.URL())
	info, err := video.Probe(ctx, source)
	if err != nil {
		return Seen{}, f.reason(err)
	}
	if info.Video != "h264" && info.Video != "hevc" {
		return Seen{}, fmt.Errorf("%w (it sends %s)", ErrCodec, info.Video)
	}
	seen := Seen{Codec: info.Video, W: info.W, H: info.H, FPS: info.FPS, Audio: info.Audio}
	seen.Still, _ = video.Still(ctx, string(source), 0, 640) // a camera that can be recorded is one, also without
	return seen, nil
}

// reason puts an error in words for the household; what is not understood is
// told as it is, without addresses.
func (f Source) reason(err error) error {
	said := err.Error()
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.Is(err, video.ErrNoFFmpeg):
		return video.ErrNoFFmpeg
	case strings.Contains(said, "401 Unauthorized"), strings.Contains(said, "authorization failed"), strings.Contains(said, "403 Forbidden"):
		return ErrPassword
	case strings.Contains(said, "404 Not Found"), strings.Contains(said, "400 Bad Request"), strings.Contains(said, "454 "):
		return ErrNoPath
	case errors.As(err, &dns):
		return fmt.Errorf("%w (no host of that name)", ErrNoRoute)
	case errors.As(err, &op), errors.Is(err, context.DeadlineExceeded), strings.Contains(said, "Connection refused"), strings.Contains(said, "No route to host"), strings.Contains(said, "timed out"):
		return ErrNoRoute
	case errors.Is(err, video.ErrStalled):
		return ErrSilent
	case errors.Is(err, video.ErrNoPicture):
		return ErrNoVideo
	}
	secrets := []string{string(f.Address), string(f.Password)}
	if u, err := url.Parse(string(f.Address)); err == nil && len(u.Path) > 1 { // some makers put passwords there
		secrets = append(secrets, u.RequestURI(), u.RawQuery, u.EscapedPath(), u.Path)
	}
	for _, secret := range secrets {
		if secret != "" {
			said = strings.ReplaceAll(said, secret, "...")
		}
	}
	return errors.New(said)
}

// Why is what keeps a camera from being recorded, in words for the household,
// told by the error that recording it gave.
func (f Source) Why(err error) error { return f.reason(err) }

// resolve checks a source; an ONVIF device's best stream takes its place.
func resolve(ctx context.Context, f Source) (Source, error) {
	f, err := f.clean()
	if err != nil || !f.onvif() {
		return f, err
	}
	d := onvif.Device{Address: string(f.Address), User: f.User, Password: string(f.Password)}
	streams, err := d.Streams(ctx)
	if errors.Is(err, onvif.ErrPassword) {
		return f, fmt.Errorf("%w: %w", ErrPassword, err)
	}
	if errors.Is(err, onvif.ErrNoStream) {
		return f, fmt.Errorf("%w: %w", ErrCodec, err)
	}
	if err != nil {
		return f, f.reason(err)
	}
	f.Address = Secret(streams[0].Address)
	return f.clean()
}

// Found is a camera that answered on the local network.
type Found struct {
	Name    string // as it was named, or its model
	Address string // for Add and Probe, with its user and password
	Model   string
}

// Discover asks the local networks for three seconds which ONVIF cameras there are.
func (s *Service) Discover(ctx context.Context) ([]Found, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	found, err := onvif.Discover(ctx, onvif.Group)
	if err != nil {
		return nil, fmt.Errorf("asking the local network: %w", err)
	}
	out := []Found{}
	for _, f := range found {
		name := f.Name
		if name == "" {
			name = f.Model
		}
		out = append(out, Found{Name: name, Address: f.Address, Model: f.Model})
	}
	return out, nil
}
