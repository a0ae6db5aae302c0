package reads

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"porchlight/geo"
	"porchlight/plate"
)

// ask is a query, made ready.
type ask struct {
	plate.Query
	may    []bool  // by number of a source: its owner and camera are asked
	box    geo.Box // around Area
	lo, hi plate.ID
	exact  plate.Packed // 0: by forms
	forms  []plate.Form // nil: any plate
}

func (s *Store) ask(owners []string, q plate.Query) *ask {
	a := &ask{Query: q, may: s.names.among(owners, q.Cameras), lo: idAt(q.From), hi: idAt(q.To)}
	if q.To.IsZero() {
		a.hi = maxID
	}
	if !q.Area.Empty() {
		a.box = q.Area.Bounds()
	}
	if t, ok := q.Plate.Exact(); ok {
		a.exact = plate.Pack(t)
	} else {
		a.forms = q.Plate.Forms()
	}
	return a
}

// Find gives the owners' reads that a query of kind ByPlate or InArea is about,
// newest first, at most limit; more tells that there are others. A plate narrows
// a query InArea too.
func (s *Store) Find(ctx context.Context, owners []string, q plate.Query, limit int) (found []plate.Read, more bool, err error) {
	switch {
	case q.Kind == plate.ByPlate && q.Plate == plate.Pattern{}:
		return nil, false, errors.New("finding reads: a query by plate needs a plate")
	case q.Kind == plate.InArea && q.Area.Empty():
		return nil, false, errors.New("finding reads: a query by area needs an area")
	case q.Kind != plate.ByPlate && q.Kind != plate.InArea:
		return nil, false, fmt.Errorf("finding reads: %q is not a kind of query that finds reads", q.Kind)
	case limit < 1:
		return nil, false, errors.New("finding reads: the limit must be 1 or more")
	}
	if err := s.engine.refresh(ctx); err != nil {
		return nil, false, fmt.Errorf("finding reads: %w", err)
	}
	a := s.ask(owners, q)
	parts := s.between(a.lo, a.hi)
	ready := map[*part]*lookup{}
	for i, p := range parts {
		lo := a.lo
		if len(found) > limit {
			if lo = max(lo, found[limit].ID+1); idAt(p.end()) <= lo {
				break // all buckets from here on are older
			}
		}
		here, err := s.findIn(ctx, p, a, lo, limit+1, s.lookup(ctx, parts[i:], a, lo, limit+1, ready))
		if err = s.aside(p, err); err != nil {
			return nil, false, fmt.Errorf("finding reads: %w", err)
		}
		found = merge(found, here, limit+1)
	}
	if len(found) > limit {
		return found[:limit], true, nil
	}
	return found, false, nil
}

// merge gives the newest of two lists that have the newest first.
func merge(a, b []plate.Read, limit int) []plate.Read {
	if len(a) == 0 {
		return b
	}
	out := make([]plate.Read, 0, min(limit, len(a)+len(b)))
	for len(out) < limit && len(a)+len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && a[0].ID > b[0].ID {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out
}

// sources gives the numbers of a bucket's sources that can have what is asked
// for, sorted, how many reads they have, and whether these are all sources.
func (p *part) sources(a *ask) (numbers []int32, reads int, all bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	all = len(p.gone) == 0
	for n, t := range p.tally {
		if a.asks(n) && (a.Area.Empty() || t.touches(a.box)) {
			numbers = append(numbers, n)
			reads += t.reads
		} else {
			all = false
		}
	}
	slices.Sort(numbers)
	return numbers, reads, all
}

func (a *ask) asks(source int32) bool { return int(source) < len(a.may) && a.may[source] }

// What looking up a plate or a camera, and reading a row, cost, in microseconds.
// Measured on SQLite; only the proportions matter.
const (
	costSeek = 5
	costRow  = 2
	few      = 64 // plates that are looked up without much thought
)

// findIn gives the newest limit reads of one bucket.
func (s *Store) findIn(ctx context.Context, p *part, a *ask, lo plate.ID, limit int, ready *lookup) ([]plate.Read, error) {
	lo, hi := max(lo, plate.ID(p.from)<<seqBits), min(a.hi, idAt(p.end()))
	plates, many, err := ready.plates, ready.many, ready.err
	if err != nil || plates != nil && len(plates) == 0 {
		return nil, err
	}
	byPlate := plates != nil && len(plates) <= few
	var sources []int32 // nil: all
	if !byPlate {
		numbers, reads, all := p.sources(a)
		if len(numbers) == 0 {
			return nil, nil
		}
		if plates != nil {
			// A loose pattern is met so often that the newest rows hold enough of it.
			inTime := float64(reads) * float64(hi-lo) / float64(idAt(p.end())-plate.ID(p.from)<<seqBits)
			until := min(inTime, float64(limit)*float64(many)/float64(len(plates)))
			byPlate = float64(len(plates))*costSeek < until*costRow+float64(len(numbers))*costSeek
		}
		if !all {
			sources = numbers
		}
	}
	var found []plate.Read
	for page := pageOf(limit); ; page = min(2*page, 8192) {
		var rows []row
		var err error
		if byPlate && ready.rows != nil {
			rows, ready.rows = ready.rows, nil
		} else if byPlate {
			rows, err = p.rows.byPlates(ctx, plates, lo, hi, page)
		} else {
			rows, err = p.rows.bySources(ctx, sources, lo, hi, page)
		}
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.id < lo || !a.asks(r.source) || !p.has(r.source) {
				continue
			}
			if !byPlate && plates != nil {
				if _, ok := slices.BinarySearch(plates, r.plate); !ok {
					continue
				}
			}
			ok, err := a.inArea(r)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			read, err := s.names.read(r)
			if err != nil {
				return nil, err
			}
			if !a.looks(&read) {
				continue
			}
			if found = append(found, read); len(found) == limit {
				return found, nil
			}
		}
		if len(rows) < page {
			return found, nil
		}
		hi = rows[len(rows)-1].id
	}
}

// lookup is what is known of a bucket before its rows are asked for.
type lookup struct {
	p      *part
	plates []plate.Packed // that are asked for, sorted; nil: any
	many   int            // about how many plates the bucket has
	err    error
	rows   []row // the first page of the rows of plates; nil: not asked for yet
}

// pageOf is how many rows are asked for at first.
func pageOf(limit int) int { return max(limit, 64) }

// lookup gives what is ready of the first of parts. Where each question is a way
// to another computer, the rows of a few plates are asked for in several buckets
// at once: in two, then in more and more, as the newest may be enough.
func (s *Store) lookup(ctx context.Context, parts []*part, a *ask, lo plate.ID, limit int, ready map[*part]*lookup) *lookup {
	if l := ready[parts[0]]; l != nil {
		return l
	}
	parts = parts[:min(len(parts), s.engine.together(), max(2, len(ready)))]
	var ask []*lookup
	for _, p := range parts {
		l := &lookup{p: p}
		l.plates, l.many, l.err = s.platesIn(ctx, p, a)
		ready[p] = l
		if n := len(l.plates); n > 0 && n <= few {
			ask = append(ask, l)
		}
	}
	if len(ask) > 1 {
		s.engine.byPlates(ctx, ask, lo, a.hi, pageOf(limit))
	}
	return ready[parts[0]]
}

// platesIn gives the bucket's plates that are asked for, sorted, and about how many
// plates it has; nil when any plate is.
func (s *Store) platesIn(ctx context.Context, p *part, a *ask) (plates []plate.Packed, many int, err error) {
	if a.exact == 0 && a.forms == nil {
		return nil, 0, nil
	}
	set, err := s.distinct(ctx, p)
	if err != nil {
		return nil, 0, err
	}
	many, _ = set.size()
	switch {
	case a.exact == 0:
		plates = set.find(a.forms)
	case set.has(a.exact):
		plates = []plate.Packed{a.exact}
	}
	if plates == nil {
		plates = []plate.Packed{}
	}
	return plates, many, nil
}

func (a *ask) inArea(r row) (bool, error) {
	if a.Area.Empty() {
		return true, nil
	}
	at, err := placeOf(r.body)
	return err == nil && a.Area.ContainsPoint(at), err
}

// looks reports whether a read's region and vehicle are those asked for.
func (a *ask) looks(r *plate.Read) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(a.Region, r.Region) && is(a.Vehicle.Type, r.Vehicle.Type) &&
		is(a.Vehicle.Make, r.Vehicle.Make) && is(a.Vehicle.Color, r.Vehicle.Color)
}

// Convoy gives the plates that were read along with the query's, which must be
// exact: within plate.ConvoyGap by the same camera, at plate.ConvoyCameras
// different ones or more. Those at most cameras come first, at most limit; more
// tells that there are others. Times, cameras and area hold for the reads of both
// plates, region and vehicle for those of the plate asked for. A companion's
// region is the one most of its reads have.
func (s *Store) Convoy(ctx context.Context, owners []string, q plate.Query, limit int) (found []plate.Companion, more bool, err error) {
	a := s.ask(owners, q)
	if a.exact == 0 || q.Kind != plate.Convoy || limit < 1 {
		return nil, false, errors.New("finding a convoy: it takes a query of that kind, a whole plate, and a limit of 1 or more")
	}
	if err := s.engine.refresh(ctx); err != nil {
		return nil, false, fmt.Errorf("finding a convoy: %w", err)
	}
	parts := s.between(a.lo, a.hi)

	// Where and when the plate itself was read.
	spans := map[int32][]window{}
	ready := map[*part]*lookup{}
	for i, p := range parts {
		reads, err := s.findIn(ctx, p, a, a.lo, 1<<30, s.lookup(ctx, parts[i:], a, a.lo, 1<<30, ready))
		if err = s.aside(p, err); err != nil {
			return nil, false, fmt.Errorf("finding a convoy: %w", err)
		}
		for i := range reads {
			r := &reads[i]
			at := s.names.of(source{r.Owner, r.Camera})
			spans[at] = append(spans[at], window{
				lo: max(a.lo, idAt(r.Seen.Add(-plate.ConvoyGap))),
				hi: min(a.hi, idAt(r.Seen.Add(plate.ConvoyGap+1))),
			})
		}
	}
	if len(spans) < plate.ConvoyCameras {
		return nil, false, nil
	}

	for n, w := range spans {
		spans[n] = joined(w)
	}

	// Who else was there.
	beside := map[plate.Packed][]row{}
	for _, p := range parts {
		var windows []window
		for n, spans := range spans {
			if !p.has(n) {
				continue
			}
			for _, w := range spans {
				w.source = n
				w.lo, w.hi = max(w.lo, plate.ID(p.from)<<seqBits), min(w.hi, idAt(p.end()))
				if w.lo < w.hi {
					windows = append(windows, w)
				}
			}
		}
		if len(windows) == 0 {
			continue
		}
		rows, err := p.rows.windows(ctx, windows)
		if err = s.aside(p, err); err != nil {
			return nil, false, fmt.Errorf("finding a convoy: %w", err)
		}
		for _, r := range rows {
			if r.plate == a.exact {
				continue
			}
			ok, err := a.inArea(r)
			if err != nil {
				return nil, false, fmt.Errorf("finding a convoy: %w", err)
			}
			if ok {
				beside[r.plate] = append(beside[r.plate], r)
			}
		}
	}
	for p, rows := range beside {
		cameras := map[string]bool{}
		for _, r := range rows {
			cameras[s.names.source(r.source).camera] = true
		}
		if len(cameras) < plate.ConvoyCameras {
			continue
		}
		c := plate.Companion{Text: p.Text(), Cameras: len(cameras)}
		slices.SortFunc(rows, func(a, b row) int { return compareRows(b, a) })
		regions := map[string]int{}
		for _, row := range rows {
			r, err := s.names.read(row)
			if err != nil {
				return nil, false, fmt.Errorf("finding a convoy: %w", err)
			}
			c.Reads = append(c.Reads, r)
			regions[r.Region]++
		}
		delete(regions, "")
		for _, r := range slices.Sorted(maps.Keys(regions)) {
			if regions[r] > regions[c.Region] {
				c.Region = r
			}
		}
		found = append(found, c)
	}
	slices.SortFunc(found, func(a, b plate.Companion) int {
		return cmp.Or(cmp.Compare(b.Cameras, a.Cameras), cmp.Compare(len(b.Reads), len(a.Reads)), cmp.Compare(a.Text, b.Text))
	})
	if len(found) > limit {
		return found[:limit], true, nil
	}
	return found, false, nil
}

// joined gives windows as few that do not overlap, oldest first.
func joined(windows []window) (out []window) {
	slices.SortFunc(windows, func(a, b window) int { return cmp.Compare(a.lo, b.lo) })
	for _, w := range windows {
		if n := len(out); n > 0 && w.lo <= out[n-1].hi {
			out[n-1].hi = max(out[n-1].hi, w.hi)
		} else {
			out = append(out, w)
		}
	}
	return out
}
