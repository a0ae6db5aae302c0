package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"porchlight/exchange"
	"porchlight/ledger"
)

// Demo is the demo town's exchange with its witnesses and its cast.
type Demo struct {
	*exchange.Exchange
	Town *Town
	Cast *Cast
	New  bool // its story has not been played yet

	dir       string
	link      string // the operator's invitation, when New
	logKey    string
	witnesses []*http.Server

	mu   sync.Mutex
	home *Household // nil until it is known
}

// resultFile keeps the story's Result; with it the story has been played.
const resultFile = "demo.json"

// seed of the town: everybody gets the same one.
const seed = 7

// Open opens the demo in dir at http://localhost:port, creating it the first
// time. A directory whose story was cut short is refused with what to do.
func Open(ctx context.Context, dir string, port int, log *slog.Logger) (d *Demo, err error) {
	d = &Demo{Town: Make(seed), dir: dir}
	c := exchange.Config{
		Dir: filepath.Join(dir, "exchange"), Name: d.Town.Name + " Exchange", Origin: "exchange.maplegrove.example",
		BaseURL: fmt.Sprintf("http://localhost:%d", port), Listen: fmt.Sprintf("localhost:%d", port), State: "IL", TimeZone: chicago,
		Basemap: filepath.Join(dir, "basemap"), Logger: log,
	}
	d.Cast = newCast(d.Town, dir, c.BaseURL)
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	switch _, err := os.Stat(filepath.Join(dir, resultFile)); {
	case err == nil:
		if err := d.Cast.load(); err != nil {
			return d, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return d, err
	default:
		d.New = true
		if _, err := os.Stat(c.Dir); err == nil {
			return d, fmt.Errorf("the demo in %s was not finished; remove the directory and start again", dir)
		}
		if err := d.found(ctx, c); err != nil {
			return d, err
		}
	}
	descriptor, err := os.ReadFile(filepath.Join(dir, "log.key"))
	if err != nil {
		return d, err
	}
	d.logKey = string(descriptor)
	if err := d.witness(&c, "gazette.maplegrove.example", "council.prairiecounty.example"); err != nil {
		return d, err
	}
	d.Exchange, err = exchange.Open(ctx, c)
	return d, err
}

// found creates the exchange and writes the town's map.
func (d *Demo) found(ctx context.Context, c exchange.Config) error {
	county, err := json.Marshal(polygon(d.Town.Agencies[1].Jurisdiction))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Basemap, 0o755); err != nil {
		return err
	}
	for name, data := range d.Town.GeoJSON() {
		if err := os.WriteFile(filepath.Join(c.Basemap, name), data, 0o644); err != nil {
			return err
		}
	}
	made, err := exchange.Init(ctx, c, county)
	if err != nil {
		return err
	}
	d.link = made.OperatorLink
	return os.WriteFile(filepath.Join(d.dir, "log.key"), []byte(made.LogKey), 0o644)
}

// witness starts witnesses of the exchange's ledger and makes it wait for both.
func (d *Demo) witness(c *exchange.Config, names ...string) error {
	for _, name := range names {
		w, err := ledger.OpenWitness(ledger.WitnessOptions{
			Dir: filepath.Join(d.dir, "witness", name), Name: name, Logs: []string{d.logKey}, Log: c.Logger,
		})
		if err != nil {
			return err
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		srv := &http.Server{Handler: w.Handler(), ReadHeaderTimeout: 5 * time.Second}
		go srv.Serve(l)
		d.witnesses = append(d.witnesses, srv)
		c.Witnesses = append(c.Witnesses, exchange.Witness{URL: "http://" + l.Addr().String(), VKey: w.Key()})
	}
	c.Quorum = len(names)
	return nil
}

// Play plays the story through the running exchange and keeps its result.
func (d *Demo) Play(ctx context.Context, say func(string, ...any)) (Result, error) {
	zone, err := time.LoadLocation(chicago)
	if err != nil {
		return Result{}, err
	}
	if err := d.up(ctx); err != nil {
		return Result{}, err
	}
	evening := time.Now().In(zone).AddDate(0, 0, -1)
	// The clips are rendered while people enrol.
	type rendered struct {
		clips []Clip
		err   error
	}
	done := make(chan rendered, 1)
	go func() {
		clips, err := Clips(ctx, d.Town, filepath.Join(d.dir, "clips"), evening)
		done <- rendered{clips, err}
	}()
	s := &Story{
		Town: d.Town, Cast: d.Cast, URL: d.BaseURL, Ledger: d.verifier(), Link: d.link, Dir: d.dir, Evening: evening, Say: say,
		Clips: func(ctx context.Context) ([]Clip, error) {
			select {
			case r := <-done:
				return r.clips, r.err
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
	}
	r, err := s.Play(ctx)
	if err != nil {
		return r, err
	}
	if err := d.introduce(ctx); err != nil {
		return r, err
	}
	r.Exchange, r.Ledger, r.LogKey = d.Dir, filepath.Join(d.Dir, "ledger"), d.logKey
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return r, err
	}
	d.New = false
	return r, os.WriteFile(filepath.Join(d.dir, resultFile), b, 0o644)
}

// introduce leaves the exchange's description beside what it gave out, where
// porchlight verify looks for its keys.
func (d *Demo) introduce(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.BaseURL+"/.well-known/porchlight.json", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, "exchange.json"), text, 0o644)
}

// up returns once the exchange answers over HTTP.
func (d *Demo) up(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.BaseURL+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Handler is the exchange's site with the demo's bar before it. Passkeys are
// kept after each use: one whose counter went back would pass for a copy.
func (d *Demo) Handler() http.Handler {
	b := &Bar{Next: d.Exchange.Handler(), URL: d.BaseURL, Page: d.page, Enter: func(r *http.Request) (string, error) {
		h, err := d.Household()
		if err != nil {
			return "", err
		}
		return h.Enter(r)
	}}
	for _, m := range d.Cast.People {
		if err := b.Add(&Player{ID: m.ID, Name: m.Name, Roles: m.Roles, Agency: m.agencyName(), Key: m.Key}); err != nil {
			panic(err) // nothing is saved yet
		}
	}
	if err := b.Add(d.Cast.visitors...); err != nil {
		panic(err) // nothing is saved yet
	}
	b.Save = d.Cast.keep
	return b.Handler()
}

// page is what /demo/ shows now.
func (d *Demo) page() Page {
	p := Page{Town: d.Town.Name, Playing: true}
	if r, err := d.result(); err == nil {
		p.Playing, p.Clips, p.Answers, p.Refused = false, r.Clips, r.Answers, r.Refused
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.home != nil {
		p.Home = &Home{d.home.Resident, d.home.Address}
	}
	return p
}

// result is what the story left.
func (d *Demo) result() (r Result, err error) {
	b, err := os.ReadFile(filepath.Join(d.dir, resultFile))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

// verifier is what the exchange's receipts are checked with.
func (d *Demo) verifier() ledger.Verifier {
	v := ledger.Verifier{LogKey: d.logKey, Quorum: d.Quorum}
	for _, w := range d.Witnesses {
		v.Witnesses = append(v.Witnesses, w.VKey)
	}
	return v
}

// Close closes the exchange, then its witnesses.
func (d *Demo) Close() error {
	var errs []error
	if d.Exchange != nil {
		errs = append(errs, d.Exchange.Close())
	}
	for _, w := range d.witnesses {
		errs = append(errs, w.Close())
	}
	return errors.Join(errs...)
}
