package ask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"porchlight/canvass"
	"porchlight/home"
	"porchlight/share/client"
)

// A round is one connection: the index, then the file of each cell, one after the
// other. There is no conditional request: a file is new every few minutes anyway,
// and an ETag that an exchange made for one house only would let it know that
// house again wherever it asks from. The same goes for cookies and redirects.

// trouble is an error of a kind that the household can be told.
type trouble struct {
	kind Trouble
	err  error
}

func (t *trouble) Error() string { return t.err.Error() }
func (t *trouble) Unwrap() error { return t.err }

func troubled(kind Trouble, format string, args ...any) error {
	return &trouble{kind, fmt.Errorf(format, args...)}
}

const (
	maxFile      = 4 << 20 // of a feed file or the index, in bytes
	roundTimeout = 2 * time.Minute
)

// cells are the coarse cells that hold a camera, also one that is off or gone, so
// that switching one off changes nothing outside. Sorted.
func cells(cameras []home.Camera) []string {
	set := map[string]bool{}
	for _, c := range cameras {
		set[c.Place.Cell()] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// answer is what came back for one path.
type answer struct {
	body []byte
	err  error
}

// fetched is all that came back in a round.
type fetched struct {
	index answer
	cells map[string]answer
	none  bool // no cell of ours is one of the feed's
}

// fetch makes the requests of a round.
func (s *Service) fetch(ctx context.Context, mine []string) fetched {
	ctx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	rt := s.HTTP
	if rt == nil {
		t := &http.Transport{DisableCompression: true, Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 30 * time.Second}
		defer t.CloseIdleConnections()
		rt = t
	}
	c := &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(path string) answer {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+canvass.FeedPath+path, nil)
		if err != nil {
			return answer{err: err}
		}
		req.Header.Set("User-Agent", "porchlight-home") // the same in every version
		resp, err := c.Do(req)
		if err != nil {
			return answer{err: err}
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxFile+1))
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("it answered %s", resp.Status)
		}
		return answer{body, err}
	}
	f := fetched{index: get(""), cells: map[string]answer{}}
	if f.index.err != nil {
		return f
	}
	var index canvass.FeedIndex
	if f.index.err = json.Unmarshal(f.index.body, &index); f.index.err != nil {
		return f
	}
	f.none = true
	for _, cell := range mine {
		if _, ok := slices.BinarySearch(index.Cells, cell); ok { // where it does not reach, it is asked nothing
			f.none = false
			f.cells[cell] = get(cell)
		}
	}
	return f
}

// read checks what came back and takes from it what the ledger proves. The error
// says what could not be read; what could is returned beside it.
func (s *Service) read(f fetched, known []kept, now time.Time) (found, error) {
	out := found{ids: map[string]bool{}, cells: map[string]bool{}, cell: map[string]string{}}
	if f.index.err != nil {
		return out, troubled(Unreachable, "reading the list of the feed's cells: %w", f.index.err)
	}
	var index canvass.FeedIndex
	if err := json.Unmarshal(f.index.body, &index); err != nil {
		return out, troubled(Unreachable, "reading the list of the feed's cells: %w", err)
	}
	if f.none {
		return out, troubled(Elsewhere, "no camera hangs in a cell of this exchange")
	}
	if err := client.CheckFeedKey(index, s.Ledger); err != nil {
		return out, troubled(Unproved, "the feed's key: %w", err)
	}
	key, err := note.NewVerifier(index.Key)
	if err != nil {
		return out, troubled(Unproved, "the feed's key: %w", err)
	}
	proved := map[string]string{} // content by request: published things do not change
	for _, k := range known {
		proved[k.Asked.Content.ID] = k.Asked.Content.Hash()
	}
	var errs []error
	for cell, a := range f.cells {
		if a.err != nil {
			errs = append(errs, troubled(Unreachable, "reading cell %s: %w", cell, a.err))
			continue
		}
		feed, err := canvass.ParseFeed(a.body, key)
		if err != nil || feed.Cell != cell {
			errs = append(errs, troubled(Unproved, "the file of cell %s is not one that the exchange signed for it: %w", cell, err))
			continue
		}
		// Two intervals, and ten minutes for clocks that differ; as in the app.
		if late := 2*time.Duration(feed.IntervalSeconds)*time.Second + 10*time.Minute; now.Sub(feed.Made).Abs() > late {
			errs = append(errs, troubled(Stale, "the file of cell %s was made at %s, and here it is %s", cell, feed.Made.Format(time.RFC3339), now.UTC().Format(time.RFC3339)))
			continue
		}
		// An exchange that lies once in a file is not half believed.
		if err := s.believe(feed, proved); err != nil {
			errs = append(errs, err)
			continue
		}
		out.cells[cell] = true
		for _, i := range feed.Requests {
			id := i.Request.ID
			if !out.ids[id] && i.Request.Expires.After(now) {
				out.items, out.cell[id] = append(out.items, i), cell
			}
			out.ids[id] = true
		}
	}
	return out, errors.Join(errs...)
}

// believe checks every request of a file that is not known already.
func (s *Service) believe(feed canvass.Feed, proved map[string]string) error {
	for _, i := range feed.Requests {
		if proved[i.Request.ID] == i.Request.Hash() {
			continue
		}
		if err := client.CheckRequest(i.Request, i.Receipt, s.Ledger); err != nil {
			return troubled(Unproved, "request %s: %w", i.Request.ID, err)
		}
	}
	return nil
}
