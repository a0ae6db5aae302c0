package hotlist

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
)

// MaxFile is the largest file that is taken, in bytes.
const MaxFile = 64 << 20

// fileKept is how long an uploaded file waits to be imported.
const fileKept = 2 * time.Hour

// Import says how a file is to replace a list.
type Import struct {
	File     string   `json:"file"` // SHA-256 of the uploaded file, lower-case hex
	Format   Format   `json:"format"`
	Defaults Defaults `json:"defaults"`
	Without  []string `json:"without"` // purposes whose entries are left out
}

// Diff is what an import would change.
type Diff struct {
	File       string         `json:"file"`
	Version    int64          `json:"version"` // of the list it was compared with
	Entries    int            `json:"entries"` // afterwards
	Added      int            `json:"added"`
	Removed    int            `json:"removed"`
	Changed    int            `json:"changed"`
	Renewed    int            `json:"renewed"` // only their end moves, and the file does not say it
	Same       int            `json:"same"`
	LeftOut    int            `json:"left_out"` // by Import.Without
	Aside      int            `json:"aside"`    // rows that were not taken
	Asides     []Aside        `json:"asides"`   // of these, the first MaxShown
	Purposes   map[string]int `json:"purposes"` // how many entries mean what, those left out included
	AddedAre   []Entry        `json:"added_are"`
	RemovedAre []Entry        `json:"removed_are"` // the first MaxShown of each
	ChangedAre []Entry        `json:"changed_are"`

	replaced []Entry // all that come new or changed; ids of changed ones stay
	gone     []string
	renewed  map[string]time.Time
	longest  time.Time
	grounds  bool
	means    []string
}

// MaxShown is how many rows of each sort a Diff shows.
const MaxShown = 50

// Upload keeps a file for a list of who's agency until it is imported, for two
// hours at most, and returns its digest.
func (s *Service) Upload(ctx context.Context, who identity.Principal, id string, body []byte) (file string, err error) {
	if err := s.reads(ctx, who, identity.RoleInvestigator, identity.RoleAdmin); err != nil {
		return "", err
	}
	l, err := s.reach(ctx, who, id)
	if err != nil {
		return "", err
	}
	if l.Agency != who.Agency {
		return "", ErrNotFound
	}
	if len(body) == 0 || len(body) > MaxFile {
		return "", &Invalid{"file", "The file is empty or larger than 64 MB."}
	}
	file = digest(body)
	return file, s.DB.Write(ctx, func(tx *sql.Tx) error {
		// One file waits for a list; the one before it is not wanted any more.
		if _, err := tx.Exec(`DELETE FROM hotlist_file WHERE list = ? AND digest <> ?`, id, file); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO hotlist_file (digest, list, body, at) VALUES (?, ?, ?, ?)
			ON CONFLICT (list, digest) DO UPDATE SET at = excluded.at`, file, id, body, db.Micros(s.Now()))
		return err
	})
}

// Preview tells what importing an uploaded file would change. ErrNotFound,
// ErrFile, *Invalid.
func (s *Service) Preview(ctx context.Context, who identity.Principal, id string, in Import) (Diff, error) {
	if err := s.reads(ctx, who, identity.RoleInvestigator, identity.RoleAdmin); err != nil {
		return Diff{}, err
	}
	l, err := s.reach(ctx, who, id)
	if err != nil {
		return Diff{}, err
	}
	return s.diff(ctx, who, l, in)
}

// Import replaces a list by an uploaded file, in one act (hotlist.import) with
// the counts of the Diff. Entries that did not change keep their version, so that
// who countersigned them still stands for them. ErrNotFound, ErrFile, ErrChanged,
// *Invalid. The Diff of a repeat is empty.
func (s *Service) Import(ctx context.Context, by gate.Caller, id string, in Import) (Diff, *gate.Grant, error) {
	l, err := s.reach(ctx, by.Who, id)
	if err != nil {
		return Diff{}, nil, err
	}
	act := gate.Act{Action: "hotlist.import", By: by, Role: deskRole(by.Who), Objects: objects(l.ID, l.Agency)}
	if g, done, err := s.repeated(ctx, act); done {
		return Diff{}, g, err
	}
	d, err := s.diff(ctx, by.Who, l, in)
	if err != nil {
		return Diff{}, nil, err
	}
	how, err := json.Marshal(in)
	if err != nil {
		return Diff{}, nil, err
	}
	act.Public = map[string]string{"list": l.ID, "source": string(l.Source), "entries": strconv.Itoa(d.Entries),
		"added": strconv.Itoa(d.Added), "removed": strconv.Itoa(d.Removed), "changed": strconv.Itoa(d.Changed)}
	act.Private = map[string]string{"file_sha256": in.File, "import": string(how), "aside": strconv.Itoa(d.Aside), "left_out": strconv.Itoa(d.LeftOut)}
	act.Facts = map[string]any{
		"own_agency": l.Agency == by.Who.Agency, "short": l.Kind.short(), "expiry_days": max(1, days(d.longest.Sub(s.Now()))),
		"grounds": d.grounds, "purposes": d.means,
	}
	g, err := s.Gate.Do(ctx, act, func(tx *sql.Tx, g *gate.Grant) error {
		version, err := bump(tx, l)
		if err != nil {
			return err
		}
		if err := deleteEntries(tx, d.gone); err != nil {
			return err
		}
		for i := range d.replaced {
			e := &d.replaced[i]
			e.Version, e.Made, e.By = version, g.At, by.Who.PersonID
		}
		if err := insertEntries(tx, d.replaced); err != nil {
			return err
		}
		for id, until := range d.renewed {
			if _, err := tx.Exec(`UPDATE hotlist_entry SET expires = ? WHERE id = ?`, db.Micros(until), id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`DELETE FROM hotlist_file WHERE list = ?`, id); err != nil {
			return err
		}
		return said(tx, act, g)
	})
	if err != nil {
		return Diff{}, nil, err
	}
	return d, g, s.Reload(ctx)
}

// key is what makes two entries of a list the same: its number at the source, or
// else its plate.
func (e Entry) key() string {
	if e.Ref != "" {
		return "#" + e.Ref
	}
	return e.Plate.String() + " " + e.Region
}

// content is what an entry says, with its end or without.
func (e Entry) content(end bool) string {
	e.ID, e.List, e.Author, e.By, e.Made, e.Version, e.Waits, e.Means = "", "", "", "", time.Time{}, 0, false, nil
	if !end {
		e.Expires = time.Time{}
	}
	b, err := json.Marshal(e)
	if err != nil {
		panic("hotlist: encoding plain data: " + err.Error())
	}
	return string(b)
}

func (s *Service) diff(ctx context.Context, who identity.Principal, l List, in Import) (d Diff, err error) {
	if l.Agency != who.Agency {
		return d, ErrNotFound
	}
	var body []byte
	err = s.DB.Read().QueryRowContext(ctx, `SELECT body FROM hotlist_file WHERE list = ? AND digest = ?`, l.ID, in.File).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return d, ErrFile
	} else if err != nil {
		return d, fmt.Errorf("reading the uploaded file: %w", err)
	}
	rows, asides, err := in.Format.read(bytes.Clone(body), in.Defaults)
	if err != nil {
		return d, err
	}
	have, err := entries(s.DB.Read(), `list = ?`, l.ID)
	if err != nil {
		return d, fmt.Errorf("reading the list: %w", err)
	}
	before := map[string]Entry{}
	for _, e := range have {
		before[e.key()] = e
	}
	now := s.Now()
	d = Diff{File: in.File, Version: l.Version, Purposes: map[string]int{}, renewed: map[string]time.Time{}, grounds: true}
	said := map[string][]string{} // many rows give the same reason
	seen, plates, means := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range rows {
		e, err := r.check(l, now)
		var wrong *Invalid
		if errors.As(err, &wrong) {
			asides = append(asides, Aside{r.line, upper(wrong.Field) + ": " + wrong.Reason})
			continue
		}
		switch same := e.Plate.String() + " " + e.Region + " " + e.Ref; {
		case seen[e.key()] || plates[same]:
			asides = append(asides, Aside{r.line, "The same entry stands on an earlier line."})
			continue
		case l.Source == FromHere && e.Reason.short() && !caseGiven(e.Case):
			asides = append(asides, Aside{r.line, "A plate of our own without a case number is put on the list by hand, one at a time."})
			continue
		default:
			seen[e.key()], plates[same] = true, true
		}
		why := string(e.Reason) + "\n" + strings.TrimSuffix(e.Basis, e.Ref) + "\n" + e.Details
		if _, ok := said[why]; !ok {
			said[why] = s.means(e)
		}
		e.Means = said[why]
		for _, c := range e.Means {
			d.Purposes[c]++
		}
		if slices.ContainsFunc(e.Means, func(c string) bool { return slices.Contains(in.Without, c) }) {
			d.LeftOut++
			seen[e.key()] = false
			continue
		}
		for _, c := range e.Means {
			means[c] = true
		}
		d.Entries++
		d.grounds = d.grounds && e.Basis != ""
		if e.Expires.After(d.longest) {
			d.longest = e.Expires
		}
		old, ok := before[e.key()]
		switch {
		case !ok:
			e.ID = gate.NewActID()
			d.Added, d.replaced = d.Added+1, append(d.replaced, e)
			d.AddedAre = show(d.AddedAre, e)
		case old.content(!r.lasts) != e.content(!r.lasts):
			e.ID = old.ID
			d.Changed, d.replaced, d.gone = d.Changed+1, append(d.replaced, e), append(d.gone, old.ID)
			d.ChangedAre = show(d.ChangedAre, e)
		case !old.Expires.Equal(e.Expires):
			d.Renewed, d.renewed[old.ID] = d.Renewed+1, e.Expires
		default:
			d.Same++
		}
	}
	if d.Entries > MaxEntries {
		return d, &Invalid{"file", fmt.Sprintf("A list has at most %d entries.", MaxEntries)}
	}
	for _, e := range have {
		if !seen[e.key()] {
			d.Removed, d.gone = d.Removed+1, append(d.gone, e.ID)
			d.RemovedAre = show(d.RemovedAre, e)
		}
	}
	slices.SortStableFunc(asides, func(a, b Aside) int { return cmp.Compare(a.Line, b.Line) })
	d.Aside, d.Asides, d.means = len(asides), asides[:min(len(asides), MaxShown)], slices.Sorted(maps.Keys(means))
	return d, nil
}

func show(list []Entry, e Entry) []Entry {
	if len(list) < MaxShown {
		list = append(list, e)
	}
	return list
}
