package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"porchlight/geo"
	household "porchlight/home"
	"porchlight/home/cameras"
	"porchlight/home/node"
	"porchlight/home/pets"
	"porchlight/home/record"
	homeweb "porchlight/home/web"
	"porchlight/internal/streets"
)

// A Household runs porchlight home for one house of the town: the real program in
// this process, over a data directory and a port of its own. Its cameras are of the
// kind that uploads into a folder; what they recorded is drawn and imported. All
// else is as in any house.
type Household struct {
	Resident string // who lives there
	Address  string // also the house's name on its pages
	Dir      string // data directory, made if absent
	Exchange node.Exchange
	Basemap  string // folder of the town's layers
	Models   string // folder of the networks; "": where porchlight vision setup puts them
	Zone     string
	Cameras  []Camera
	// Films are what the cameras recorded, by name. It is called while the house
	// runs, each time it starts; what was imported before is not imported again.
	Films  func(context.Context) ([]Clip, error)
	Logger *slog.Logger // default discards

	mu   sync.Mutex
	node *node.Node // nil until it is open
	url  string
}

// How often the demo's house reads requests, and lost animals if it takes part. A
// real one does every ten minutes, and every thirty.
const (
	askEvery  = 15 * time.Second
	petsEvery = 2 * time.Minute
)

// errNotYet: the house is not open yet.
var errNotYet = errors.New("the house is being opened")

// Run opens the house on l and lives in it until ctx ends; then all of it has
// stopped. ready is called once the films are in.
func (h *Household) Run(ctx context.Context, l net.Listener, ready func()) (err error) {
	h.Logger = cmp.Or(h.Logger, slog.New(slog.DiscardHandler))
	c := node.Config{Dir: h.Dir, Name: h.Address, Listen: l.Addr().String(), Zone: h.Zone, Basemap: h.Basemap, Models: h.Models,
		Exchange: h.Exchange, Logger: h.Logger}
	if _, port, err := net.SplitHostPort(c.Listen); err == nil {
		c.Listen = "localhost:" + port
	}
	if err := node.Init(c); err != nil && !errors.Is(err, node.ErrExists) {
		return err
	}
	n, err := node.Open(ctx, c)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	n.Asked.Every = askEvery
	h.mu.Lock()
	h.node, h.url = n, "http://"+c.Listen
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.node = nil
		h.mu.Unlock()
	}()

	var living sync.WaitGroup
	defer living.Wait()
	asked := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	srv := &http.Server{Handler: n.Handler(), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	served := make(chan error, 1)
	living.Go(func() { served <- srv.Serve(l) })
	if err = h.furnish(ctx, n); err == nil { // without cameras it would ask for nothing
		living.Go(func() { n.Run(ctx) })
		if n.Pets != nil {
			living.Go(func() { h.searchParty(ctx, n.Pets) })
		}
		n.Asked.Round(ctx)
		ready()
		select {
		case err = <-served:
		case <-ctx.Done():
		}
	}
	stop()
	if e := srv.Close(); err == nil {
		err = e
	}
	if asked.Err() != nil { // what was under way was cut short
		return nil
	}
	return err
}

// furnish hangs the cameras and brings in what they recorded.
func (h *Household) furnish(ctx context.Context, n *node.Node) error {
	// Of the disk of whoever tries a demo, little may be left.
	if err := n.Record.SetLimits(ctx, record.Limits{Days: 30, Free: 64 << 20}); err != nil {
		return err
	}
	films, err := h.Films(ctx)
	if err != nil {
		return err
	}
	hung, err := n.Cameras.All(ctx)
	if err != nil {
		return err
	}
	for _, c := range h.Cameras {
		folder := filepath.Join(h.Dir, "uploads", c.Name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		i := slices.IndexFunc(hung, func(o cameras.Camera) bool { return o.Name == c.Name })
		if i < 0 {
			place, err := geo.NewPoint(c.At[0], c.At[1])
			if err != nil {
				return err
			}
			new, err := n.Cameras.Add(ctx, household.Camera{Name: c.Name, Place: place, Facing: int(c.Bearing) % 360, Angle: 120},
				cameras.Source{Kind: household.Folder, Address: cameras.Secret(folder)})
			if err != nil {
				return err
			}
			i, hung = len(hung), append(hung, new)
		}
		for _, f := range films {
			if f.Camera != c.Name || !hung[i].Removed.IsZero() { // a visitor took it down
				continue
			}
			if err := n.Record.Import(ctx, hung[i].ID, f.Path, f.Start); err != nil && !errors.Is(err, record.ErrTwice) {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
		}
	}
	return nil
}

// searchParty makes rounds for lost animals from when a visitor switches it on.
func (h *Household) searchParty(ctx context.Context, p *pets.Service) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for last := (time.Time{}); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			switch on, err := p.On(ctx); {
			case err != nil || !on:
				last = time.Time{}
			case now.Sub(last) > petsEvery:
				last = now
				if err := p.Round(ctx); err != nil && ctx.Err() == nil {
					h.Logger.Warn("lost animals could not be read", "err", err)
				}
			}
		}
	}
}

// Seeing tells whether the networks are there: without them the house notices
// movement, and people draw boxes themselves. False until it is open.
func (h *Household) Seeing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.node != nil && h.node.Faces != nil
}

// Enter is where a visitor's browser comes in: the house's first page if it was
// paired before, else the pairing page with a new code. errNotYet.
func (h *Household) Enter(r *http.Request) (string, error) {
	h.mu.Lock()
	n, url := h.node, h.url
	h.mu.Unlock()
	if n == nil {
		return "", errNotYet
	}
	// Cookies do not tell ports apart: the browser shows the house's to the town too.
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, url+"/api/v1/house", nil)
	if err != nil {
		return "", err
	}
	for _, c := range r.Cookies() {
		ask.AddCookie(c)
	}
	ask.RemoteAddr = r.RemoteAddr
	a := &answer{header: http.Header{}}
	n.Handler().ServeHTTP(a, ask)
	if a.status == http.StatusOK {
		return url + "/", nil
	}
	code, err := n.Devices.NewCode(r.Context(), "")
	return homeweb.PairLink(url, code.Text), err
}

// Household is the house on Walnut Street: both open requests lie around it, and
// nobody of it has answered yet. An error before the story has been played.
func (d *Demo) Household() (*Household, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.home != nil {
		return d.home, nil
	}
	r, err := d.result()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(r.Clips, func(c Clip) bool { return c.Name == porchClip })
	if at < 0 {
		return nil, fmt.Errorf("%s has no clip %s", resultFile, porchClip)
	}
	porch, v := r.Clips[at], d.verifier()
	i := slices.IndexFunc(d.Town.Houses, func(h House) bool { return h.Address() == porch.Address })
	if i < 0 {
		return nil, fmt.Errorf("nobody lives at %s", porch.Address)
	}
	h := d.Town.Houses[i]
	drive := d.Town.driveway(h, porch.Start)
	d.home = &Household{
		Resident: d.Town.Residents[i].Name, Address: h.Address(), Dir: filepath.Join(d.dir, "house"), Zone: chicago, Logger: d.Logger,
		Basemap:  filepath.Join(d.dir, "basemap"),
		Exchange: node.Exchange{URL: d.BaseURL, LedgerKey: v.LogKey, Witnesses: v.Witnesses, Quorum: v.Quorum},
		Cameras:  []Camera{{porch.Camera, h.Door, h.Facing}, {drive.Camera, h.ring[1].lonLat(), h.Facing}},
		Films: func(ctx context.Context) ([]Clip, error) {
			film, err := drive.make(ctx, filepath.Join(d.dir, "clips"))
			return []Clip{porch, film}, err
		},
	}
	return d.home, nil
}

// porchClip is what the camera at the household's front door recorded.
const porchClip = "walnut-front-door"

// driveway is what the household's other camera recorded that evening: the dark
// sedan that the police ask about, and a neighbor with her dog.
func (t *Town) driveway(h House, day time.Time) recording {
	c := Clip{Name: "walnut-driveway", Address: h.Address(), Camera: "Driveway", Codec: "h264", Length: 9 * time.Second, Serial: "LF2-0D21FE4A",
		Start: time.Date(day.Year(), day.Month(), day.Day(), 17, 21, 36, 0, day.Location())}
	s := streets.Scene{Seed: 9, Mood: "dusk", View: streets.Driveway, Seconds: c.Length.Seconds(), Label: "DRIVEWAY",
		Cast: []streets.Actor{
			goesBy(streets.Sedan, "black", "DEMO 26194", -1, 7.4, 6.2),
			walks(neighbour, 0, -8, 8, 9, 3.5, 8),
		}}
	return recording{c, s, "mp4", h.Door}
}

// listenNear listens on localhost, at the port if it is free.
func listenNear(port int) (net.Listener, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("localhost:%d", port))
	if err != nil {
		l, err = net.Listen("tcp", "localhost:0")
	}
	return l, err
}

// Home lets the household live until ctx ends. say tells what a visitor should
// know; furnished is called when its films are in, or it failed.
func (d *Demo) Home(ctx context.Context, say func(string, ...any), furnished func()) error {
	furnished = sync.OnceFunc(furnished)
	defer furnished()
	h, err := d.Household()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(d.Listen)
	if err != nil {
		return err
	}
	p, err := net.LookupPort("tcp", port)
	if err != nil {
		return err
	}
	l, err := listenNear(p + houseAway)
	if err != nil {
		return err
	}
	return h.Run(ctx, l, func() {
		say("%s's house is open: %s/demo/house", h.Resident, d.BaseURL)
		if !h.Seeing() {
			say("The networks are not there, so it notices only movement; scripts/setup.sh models fetches them.")
		}
		furnished()
	})
}

// houseAway is how far the house's port lies from the exchange's: 8088 for 8080.
const houseAway = 8
