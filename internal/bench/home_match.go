package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"porchlight/canvass"
	"porchlight/db"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/ask"
	"porchlight/home/record"
	"porchlight/home/watch"
)

// matching measures how long a house takes to find what it has of 1,000 requests,
// with 16 cameras and 30 days of footage and moments: requests all over the coarse
// cell, and requests that all lie in the house's own street. Footage and moments
// are those of home/record and home/watch. Beside it a scan that holds all moments
// in memory and looks at every one for every request.
func matching(ctx context.Context, f figures) error {
	dir, err := os.MkdirTemp("", "bench-match")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := newMemory(ctx, dir)
	if err != nil {
		return err
	}
	defer m.db.Close()
	eyes := ask.NewEyes(m.cameras)
	for _, c := range []struct {
		name   string
		metres float64 // about the house in which requests lie
	}{{"home_match_cell", 4500}, {"home_match_street", 60}} {
		asked, err := m.requests(1000, c.metres)
		if err != nil {
			return err
		}
		offered := 0
		began := time.Now()
		got, err := eyes.Match(ctx, asked, m, m.Watcher)
		if err != nil {
			return err
		}
		ours := time.Since(began)
		for _, g := range got {
			offered += len(g.Moments)
		}
		began = time.Now()
		scanned := m.scan(eyes, asked)
		if scanned != offered {
			return fmt.Errorf("%s: %d moments offered, the scan offers %d", c.name, offered, scanned)
		}
		f.add(c.name, ours.Seconds()*1000, "ms", fmt.Sprintf("all %d moments in memory, looked at for each request; %d offered", len(m.all), offered), time.Since(began).Seconds()*1000)
	}
	return nil
}

// memory is what a house of 16 cameras remembers of 30 days.
type memory struct {
	*watch.Watcher
	*record.Recorder
	db      *db.DB
	cameras []home.Camera
	all     []home.Moment
	end     time.Time
}

const benchLon, benchLat, benchDays = -89.65, 39.75, 30

func newMemory(ctx context.Context, dir string) (*memory, error) {
	d, err := db.Open(ctx, filepath.Join(dir, "home.db"))
	if err != nil {
		return nil, err
	}
	m := &memory{db: d, end: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	if m.Recorder, err = record.Open(ctx, record.Options{DB: d, Dir: filepath.Join(dir, "footage")}); err != nil {
		return nil, err
	}
	if _, err := watch.Open(ctx, watch.Options{DB: d}); err != nil { // makes its tables
		return nil, err
	}
	rng := rand.New(rand.NewPCG(4, 7))
	begin := m.end.Add(-benchDays * 24 * time.Hour)
	for i := range 16 {
		p, err := geo.NewPoint(benchLon+rng.Float64()*0.0003, benchLat+rng.Float64()*0.0003)
		if err != nil {
			return nil, err
		}
		c := home.Camera{ID: fmt.Sprintf("camera%02d", i), Place: p, Facing: rng.IntN(360), Angle: 100, Reach: 40}
		m.cameras = append(m.cameras, c)
		for at := begin; at.Before(m.end); at = at.Add(time.Duration(60+rng.IntN(460)) * time.Second) { // about 300 a day
			what := [][]home.What{{home.Motion}, {home.Motion, home.Person}, {home.Motion, home.Vehicle}, {home.Animal, home.Motion}}[rng.IntN(4)]
			m.all = append(m.all, home.Moment{Span: home.Span{Camera: c.ID, From: at, To: at.Add(time.Duration(5+rng.IntN(40)) * time.Second)}, What: what})
		}
	}
	// Straight into their tables: nobody records for 30 days, or looks at it, here.
	err = d.Write(ctx, func(tx *sql.Tx) error {
		for _, c := range m.cameras {
			for day := range benchDays {
				from := begin.Add(time.Duration(day) * 24 * time.Hour)
				if _, err := tx.Exec(`INSERT INTO home_record_span (ord, camera, began, ended, bytes, files, codec) VALUES (0, ?, ?, ?, 0, 0, '')`,
					c.ID, db.Micros(from), db.Micros(from.Add(24*time.Hour-time.Minute))); err != nil {
					return err
				}
			}
		}
		insert, err := tx.Prepare(`INSERT INTO home_watch_moment (id, camera, began, ended, what, still, worth, named, event) VALUES (?, ?, ?, ?, ?, ?, 1, '[]', '')`)
		if err != nil {
			return err
		}
		defer insert.Close()
		bits := map[home.What]int{home.Motion: 1, home.Person: 2, home.Vehicle: 4, home.Animal: 8}
		for i, o := range m.all {
			what := 0
			for _, w := range o.What {
				what |= bits[w]
			}
			if _, err := insert.Exec(i, o.Camera, db.Micros(o.From), db.Micros(o.To), what, db.Micros(o.From)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.Watcher, err = watch.Open(ctx, watch.Options{DB: d})
	return m, err
}

// Pin and Unpin are home/node's to join; nothing is pinned here.
func (*memory) Pin(context.Context, home.Span) error   { return nil }
func (*memory) Unpin(context.Context, home.Span) error { return nil }

// requests are n, of areas 80 to 400 m wide and windows of up to 12 hours.
func (m *memory) requests(n int, metres float64) ([]canvass.Content, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	perLat, perLon := 111_132.0, 111_132.0*math.Cos(benchLat*math.Pi/180)
	out := make([]canvass.Content, n)
	for i := range out {
		x, y := benchLon+(rng.Float64()*2-1)*metres/perLon, benchLat+(rng.Float64()*2-1)*metres/perLat
		half := 40 + rng.Float64()*160
		w, s, e, h := x-half/perLon, y-half/perLat, x+half/perLon, y+half/perLat
		c := canvass.Content{ID: fmt.Sprint(i), Incident: canvass.Incidents()[rng.IntN(len(canvass.Incidents()))], Narrative: "A grey pickup was seen on the corner."}
		text, err := json.Marshal(map[string]any{"type": "Polygon", "coordinates": [][][2]float64{{{w, s}, {e, s}, {e, h}, {w, h}, {w, s}}}})
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &c.Area); err != nil {
			return nil, err
		}
		c.From = m.end.Add(-time.Duration(rng.IntN(benchDays*24*60)) * time.Minute).Truncate(time.Minute)
		c.To = c.From.Add(time.Duration(15+rng.IntN(12*60-15)) * time.Minute)
		out[i] = c
	}
	return out, nil
}

// scan counts what is offered the plain way.
func (m *memory) scan(eyes ask.Eyes, asked []canvass.Content) (offered int) {
	for _, r := range asked {
		looked := ask.Looked(r)
		sees := map[string]bool{}
		for i, c := range m.cameras {
			sees[c.ID] = eyes.Sees(i, r.Area)
		}
		begin := m.end.Add(-benchDays * 24 * time.Hour)
		for _, o := range m.all {
			if !o.From.Before(r.To) || !o.To.After(r.From) || !sees[o.Camera] {
				continue
			}
			if !slices.Contains(looked, home.Motion) && !slices.ContainsFunc(o.What, func(w home.What) bool { return slices.Contains(looked, w) }) {
				continue
			}
			// Each day's footage lacks its last minute.
			for day := range benchDays {
				from := begin.Add(time.Duration(day) * 24 * time.Hour)
				to := from.Add(24*time.Hour - time.Minute)
				if r.From.After(from) {
					from = r.From
				}
				if r.To.Before(to) {
					to = r.To
				}
				if from.Before(to) && o.From.Before(to) && o.To.After(from) {
					offered++
					break
				}
			}
		}
	}
	return offered
}
