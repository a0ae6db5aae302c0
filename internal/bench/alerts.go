package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/exchange"
	"porchlight/internal/actor"
	"porchlight/internal/testworld"
	"porchlight/plate"
	reading "porchlight/plate/intake"
	"porchlight/web"
)

// wantedPlates are how many entries the list of this part has; one in a hundred
// has a wildcard.
const wantedPlates = 100_000

// alerts measures what comparing a read with a long hotlist costs, against joining
// each batch with tables of the same entries in SQL; and how long it takes from the
// moment a camera begins to send a read until the officer's browser has the alert:
// over HTTP, with the hit durable and its entry published in between.
func alerts(ctx context.Context, f figures) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dir, err := os.MkdirTemp("", "bench-alerts")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	cfg := exchange.Config{Dir: filepath.Join(dir, "x"), Name: "Elm County", BaseURL: fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port), State: "IL"}
	made, err := exchange.Init(ctx, cfg, []byte(testworld.County))
	if err != nil {
		return err
	}
	x, err := exchange.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer x.Close()
	site := &httptest.Server{Listener: l, Config: &http.Server{Handler: x.Handler()}}
	site.Start()
	defer site.Close()
	jobs := make(chan struct{})
	go func() { x.RunJobs(ctx); close(jobs) }()
	defer func() { cancel(); <-jobs }()
	town, err := testworld.Populate(ctx, cfg.BaseURL, made.OperatorLink)
	if err != nil {
		return err
	}
	ida := town.Police.Investigator

	rng := rand.New(rand.NewPCG(4, 100))
	random := func() string {
		return fmt.Sprintf("%c%c%c%04d", 'A'+rng.IntN(26), 'A'+rng.IntN(26), 'A'+rng.IntN(26), rng.IntN(10_000))
	}
	var exact, wild []string
	for have := map[string]bool{}; len(have) < wantedPlates; {
		p := random()
		if have[p] {
			continue
		}
		have[p] = true
		if len(have)%100 == 0 {
			at := rng.IntN(len(p))
			wild = append(wild, p[:at]+"?"+p[at+1:])
		} else {
			exact = append(exact, p)
		}
	}
	began := time.Now()
	if err := importList(ctx, ida, slices.Concat(exact, wild)); err != nil {
		return err
	}
	f.add("hotlist-import", time.Since(began).Seconds(), "s", "100,000 entries, uploaded, seen and signed; goal", 30)

	// Reads that nobody wants, as nearly all are.
	reads := make([]plate.Read, 100_000)
	for i := range reads {
		reads[i].Text = plate.Text("9" + random())
	}
	began = time.Now()
	for _, r := range reads {
		x.Hotlists.Match(r)
	}
	ours := float64(time.Since(began).Nanoseconds()) / float64(len(reads)) / 1e3
	joined, err := joinedInSQL(ctx, filepath.Join(dir, "join.db"), exact, wild, reads[:5000])
	if err != nil {
		return err
	}
	f.add("hotlist-match", ours, "us/read", "SQL join of each batch of 1,000 with the same list", joined)

	ack, alert, err := alertLatency(ctx, town, exact[:200])
	if err != nil {
		return err
	}
	const goal = "HTTP read to SSE event; the goal is a second"
	f.add("alert-p50", at(alert, 50), "ms", goal, 1000)
	f.add("alert-p99", at(alert, 99), "ms", goal, 1000)
	f.add("alert-ack-p50", at(ack, 50), "ms", "of it, until the camera's batch is acknowledged", at(alert, 50))
	return nil
}

// at is a percentile of sorted values.
func at(sorted []float64, percent int) float64 {
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// importList makes a list of the plates as an investigator does.
func importList(ctx context.Context, ida *actor.Person, plates []string) error {
	var made struct{ List web.HotlistView }
	if _, err := ida.Act(ctx, "/plates/lists", web.NewHotlist{Name: "Stolen", Kind: "stolen-vehicle", Source: "state"}, &made); err != nil {
		return err
	}
	var csv bytes.Buffer
	csv.WriteString("plate\n")
	for _, p := range plates {
		csv.WriteString(p + "\n")
	}
	to := ida.URL + "/api/v1/plates/lists/" + made.List.ID
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/files", &csv)
	if err != nil {
		return err
	}
	res, err := ida.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	expires := time.Now().Add(30 * 24 * time.Hour).UTC()
	in := web.HotlistImport{Format: "csv", Basis: "State file of stolen vehicles", Expires: &expires}
	if err := json.NewDecoder(res.Body).Decode(&struct{ File *string }{&in.File}); err != nil {
		return err
	}
	_, err = ida.Act(ctx, "/plates/lists/"+made.List.ID+"/import", in, nil)
	return err
}

// joinedInSQL returns the microseconds a read that the join takes, in SQLite.
func joinedInSQL(ctx context.Context, path string, exact, wild []string, reads []plate.Read) (float64, error) {
	d, err := db.Open(ctx, path)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	if err := d.Migrate(ctx, "bench", []string{`CREATE TABLE exact (plate TEXT PRIMARY KEY); CREATE TABLE wild (glob TEXT NOT NULL); CREATE TABLE batch (plate TEXT NOT NULL)`}); err != nil {
		return 0, err
	}
	insert := func(tx *sql.Tx, table string, values []string) error {
		for _, v := range values {
			if _, err := tx.Exec(`INSERT INTO `+table+` VALUES (?)`, v); err != nil {
				return err
			}
		}
		return nil
	}
	err = d.Write(ctx, func(tx *sql.Tx) error {
		if err := insert(tx, "exact", exact); err != nil {
			return err
		}
		return insert(tx, "wild", wild)
	})
	if err != nil {
		return 0, err
	}
	var took time.Duration
	for batch := range slices.Chunk(reads, 1000) {
		texts := make([]string, len(batch))
		for i, r := range batch {
			texts[i] = string(r.Text)
		}
		err := d.Write(ctx, func(tx *sql.Tx) error {
			if _, err := tx.Exec(`DELETE FROM batch`); err != nil {
				return err
			}
			if err := insert(tx, "batch", texts); err != nil { // not counted: the reads may be there anyway
				return err
			}
			began := time.Now()
			var n int
			err := tx.QueryRow(`SELECT (SELECT count(*) FROM batch b JOIN exact e ON e.plate = b.plate) + (SELECT count(*) FROM batch b JOIN wild w ON b.plate GLOB w.glob)`).Scan(&n)
			took += time.Since(began)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	return float64(took.Microseconds()) / float64(len(reads)), nil
}

// alertLatency sends wanted plates one after the other and waits for each alert:
// the milliseconds until the batch is acknowledged, and until the alert is there.
func alertLatency(ctx context.Context, town *testworld.Town, plates []string) (ack, alert []float64, err error) {
	camera, err := town.Police.Admin.AddSigningCamera(ctx, "Main St", -89.65, 39.75)
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, town.URL+"/api/v1/plates/alerts", nil)
	if err != nil {
		return nil, nil, err
	}
	stream, err := town.Police.Investigator.HTTP.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer stream.Body.Close()
	if stream.StatusCode != http.StatusOK {
		return nil, nil, fmt.Errorf("the stream of alerts answers %s", stream.Status)
	}
	type arrived struct {
		text string
		at   time.Time
	}
	events := make(chan arrived, 16)
	go func() {
		defer close(events)
		lines := bufio.NewScanner(stream.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			now := time.Now()
			var h web.HitView
			if json.Unmarshal([]byte(data), &h) == nil {
				events <- arrived{h.Text, now}
			}
		}
	}()
	for _, p := range plates {
		began := time.Now()
		if _, err := camera.Send(ctx, camera.Batch(reading.Sighting{Read: plate.Read{Text: plate.Text(p), Confidence: 950, Heading: -1, Seen: began}})); err != nil {
			return nil, nil, err
		}
		ack = append(ack, float64(time.Since(began).Microseconds())/1e3)
		for e := range events {
			if e.text == p {
				alert = append(alert, float64(e.at.Sub(began).Microseconds())/1e3)
				break
			}
		}
	}
	if len(alert) != len(plates) {
		return nil, nil, fmt.Errorf("%d of %d alerts arrived", len(alert), len(plates))
	}
	slices.Sort(ack)
	slices.Sort(alert)
	return ack, alert, nil
}
