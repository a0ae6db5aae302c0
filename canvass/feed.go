package canvass

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/bits"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"porchlight/geo"

	"golang.org/x/mod/sumdb/note"
)

// The feed is one file per coarse map cell (S2 level 10, about 9 km across)
// that touches the exchange's jurisdiction: always there, always the same size
// as the others, the same bytes for everybody. A device fetches its cell on a
// schedule and matches the requests against its own place by itself.
//
// A file is a C2SP signed note (https://c2sp.org/signed-note), Ed25519, by the
// key named "<origin>/feed". Its text:
//
//	porchlight-feed/v1
//	<cell token>
//	<time it was made, RFC 3339, UTC, rounded down to the schedule>
//	<FeedBody as JSON on one line>
//	<dots, so that all files have one size>
//
// The size is 64 KiB; when the requests of one cell need more, the files of all
// cells grow to the next power of two together. Files are served uncompressed,
// since compression would show which cells have requests.
const (
	feedHeader  = "porchlight-feed/v1"
	MinFeedSize = 64 << 10
	maxFeedSize = 4 << 20
	// NearMetres is how far from an area a device may still count as near it; a
	// request is in the files of all cells that hold such places.
	NearMetres = 500
)

// FeedBody is what a file says.
type FeedBody struct {
	IntervalSeconds int64      `json:"interval_seconds"` // of the schedule; a file older than two of it is stale
	Requests        []FeedItem `json:"requests"`         // open ones that touch the cell, newest first
}

// FeedIndex lists the cells, at FeedPath. It is not signed; Receipt proves the
// key.
type FeedIndex struct {
	Key             string   `json:"key"`     // verifier key of all files
	Receipt         string   `json:"receipt"` // of the act setting.change whose public "feed_key" is Key
	IntervalSeconds int64    `json:"interval_seconds"`
	Cells           []string `json:"cells"` // sorted
}

// FeedItem is one open request. Its receipt travels with it: a device that asked
// for the receipts of some requests would show which cell it has, by their
// number and size.
type FeedItem struct {
	Request    Content   `json:"request"`
	Entry      uint64    `json:"entry"`   // of request.moderate, which carries Request.Hash
	Receipt    string    `json:"receipt"` // of Entry
	Published  time.Time `json:"published"`
	AgencyName string    `json:"agency_name"`
	AgencyKind string    `json:"agency_kind"`
	Vault      string    `json:"vault"` // age recipient to encrypt clips to
	VaultEntry uint64    `json:"vault_entry"`
}

// Feed is one parsed file.
type Feed struct {
	Cell string
	Made time.Time
	FeedBody
}

// ErrFeed: the bytes are not a feed file that the key signed.
var ErrFeed = errors.New("canvass: not a valid feed file")

// NewFeedKey makes the feed's signing key for an exchange of this origin, and
// its verifier key (both in the forms of package note; ledger.VerifierKey gives
// the second from the first).
func NewFeedKey(origin string) (skey, vkey string, err error) {
	return note.GenerateKey(rand.Reader, origin+"/feed")
}

// ParseFeed verifies and reads a file. Anything but what Builder writes is
// ErrFeed, with the reason.
func ParseFeed(file []byte, key note.Verifier) (Feed, error) {
	fail := func(why any) (Feed, error) { return Feed{}, fmt.Errorf("%w: %v", ErrFeed, why) }
	if n := len(file); n < MinFeedSize || n > maxFeedSize || bits.OnesCount(uint(n)) != 1 {
		return fail("its size is not one of the feed's")
	}
	n, err := note.Open(file, note.VerifierList(key))
	if err != nil {
		return fail(err)
	}
	f, err := parseText(n.Text)
	if err != nil {
		return fail(err)
	}
	return f, nil
}

func parseText(text string) (f Feed, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 6 || lines[0] != feedHeader || strings.Trim(lines[4], ".") != "" || lines[5] != "" {
		return f, errors.New("its lines are not those of a feed")
	}
	if f.Cell, err = geo.ParseCell(lines[1]); err != nil {
		return f, err
	}
	if f.Made, err = time.Parse("2006-01-02T15:04:05Z", lines[2]); err != nil {
		return f, errors.New("its time cannot be read")
	}
	dec := json.NewDecoder(strings.NewReader(lines[3]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f.FeedBody); err != nil {
		return f, err
	}
	if !bytes.Equal(compact(f.FeedBody), []byte(lines[3])) {
		return f, errors.New("its JSON is not in the one form")
	}
	return f, nil
}

// FeedOptions joins the feed to its neighbors. The first seven are needed.
type FeedOptions struct {
	Signer   note.Signer // its name is "<origin>/feed"
	Key      string      // the verifier key (vkey) of Signer, told to readers
	KeyEntry uint64      // of the act setting.change that recorded Key
	// Receipt proves an entry of the ledger: a porchlight-receipt/v1 text.
	Receipt func(ctx context.Context, entry uint64) (string, error)
	// Jurisdiction is the exchange's; its cells are those of the feed.
	Jurisdiction []geo.Polygon
	Open         func(context.Context) ([]Request, error) // see Service.Open
	Agencies     Agencies

	Interval time.Duration // of the schedule; default 5 minutes
	MaxAge   time.Duration // how long caches may keep a file; default 1 minute
	Now      func() time.Time
	Logger   *slog.Logger
}

// Builder makes the files and serves them. Safe for concurrent use.
type Builder struct {
	FeedOptions
	cells []string
	files atomic.Pointer[map[string]*file] // by path; replaced as a whole

	mu       sync.Mutex        // held while building, so that the last to begin is the last to publish
	receipts map[uint64]string // by entry: of what the files now prove; guarded by mu
}

// file is one response, all of it prepared.
type file struct {
	body                     []byte
	etag, length, typ, cache []string
}

// NewBuilder makes the first files.
func NewBuilder(ctx context.Context, o FeedOptions) (*Builder, error) {
	if o.Interval == 0 {
		o.Interval = 5 * time.Minute
	}
	if o.MaxAge == 0 {
		o.MaxAge = time.Minute
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Builder{FeedOptions: o}
	set := map[string]bool{}
	for _, p := range o.Jurisdiction {
		for _, c := range geo.CellsNear(p, NearMetres) {
			set[c] = true
		}
	}
	b.cells = slices.Sorted(maps.Keys(set))
	if len(b.cells) == 0 {
		return nil, errors.New("canvass: the exchange has no jurisdiction, so its feed has no cells")
	}
	if err := b.Build(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// Cells are the tokens of the feed's cells, sorted. They do not depend on requests.
func (b *Builder) Cells() []string { return slices.Clone(b.cells) }

// Next is when the schedule wants the next Build.
func (b *Builder) Next() time.Time { return b.Now().Truncate(b.Interval).Add(b.Interval) }

// Build makes all files anew and puts them in place at once. On an error the
// files stay as they were.
func (b *Builder) Build(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
	bodies := map[string]*FeedBody{}
	for _, c := range b.cells {
		bodies[c] = &FeedBody{IntervalSeconds: int64(b.Interval / time.Second), Requests: []FeedItem{}}
	}
	proofs := map[uint64]string{}
	prove := func(entry uint64) (_ string, err error) {
		receipt, ok := b.receipts[entry] // a receipt holds for ever, and the files stay as they were
		if !ok {
			if receipt, err = b.Receipt(ctx, entry); err != nil {
				return "", fmt.Errorf("building the feed: receipt of entry %d: %w", entry, err)
			}
		}
		proofs[entry] = receipt
		return receipt, nil
	}
	open, err := b.Open(ctx)
	if err != nil {
		return fmt.Errorf("building the feed: %w", err)
	}
	for _, r := range open {
		a, err := b.Agencies.Agency(ctx, r.Agency)
		if err != nil {
			return fmt.Errorf("building the feed: agency %s: %w", r.Agency, err)
		}
		if a.Status != "active" || r.State != Open || !r.Expires.After(now) {
			continue
		}
		receipt, err := prove(r.DecisionEntry)
		if err != nil {
			return err
		}
		item := FeedItem{
			Request: r.Content(), Entry: r.DecisionEntry, Receipt: receipt, Published: r.Decided.Truncate(time.Second),
			AgencyName: a.Name, AgencyKind: a.Kind, Vault: a.Vault, VaultEntry: a.VaultEntry,
		}
		for _, c := range geo.CellsNear(r.Area, NearMetres) {
			if body := bodies[c]; body != nil {
				body.Requests = append(body.Requests, item)
			}
		}
	}
	made := now.UTC().Truncate(b.Interval).Format("2006-01-02T15:04:05Z")
	texts, longest := map[string][]byte{}, 0
	for c, body := range bodies {
		texts[c] = fmt.Appendf(nil, "%s\n%s\n%s\n%s\n", feedHeader, c, made, compact(body))
		longest = max(longest, len(texts[c]))
	}
	// After the text: the padding's newline, the note's empty line, and the signature line.
	tail := len("\n\n— ") + len(b.Signer.Name()) + len(" \n") + 4*((4+64+2)/3)
	size := MinFeedSize
	for size < longest+tail {
		size *= 2
	}
	if size > maxFeedSize {
		return fmt.Errorf("building the feed: the open requests need files of %d bytes", size)
	}
	files := make(map[string]*file, len(b.cells)+1)
	for c, text := range texts {
		text = append(text, bytes.Repeat([]byte("."), size-tail-len(text))...)
		signed, err := note.Sign(&note.Note{Text: string(text) + "\n"}, b.Signer)
		if err != nil {
			return fmt.Errorf("signing the feed: %w", err)
		}
		if len(signed) != size {
			return fmt.Errorf("building the feed: a file of %d bytes, all others have %d", len(signed), size)
		}
		files[c] = b.file(signed, "text/plain; charset=utf-8")
	}
	receipt, err := prove(b.KeyEntry)
	if err != nil {
		return err
	}
	index, err := json.Marshal(FeedIndex{b.Key, receipt, int64(b.Interval / time.Second), b.cells})
	if err != nil {
		return err
	}
	files[""] = b.file(append(index, '\n'), "application/json")
	b.files.Store(&files)
	b.receipts = proofs
	return nil
}

func (b *Builder) file(body []byte, typ string) *file {
	sum := sha256.Sum256(body)
	return &file{
		body:   body,
		etag:   []string{`"` + hex.EncodeToString(sum[:16]) + `"`},
		length: []string{strconv.Itoa(len(body))},
		typ:    []string{typ},
		cache:  []string{fmt.Sprintf("public, max-age=%d, no-transform", int(b.MaxAge/time.Second))},
	}
}

// Run builds on the schedule and whenever changed receives, until ctx ends.
func (b *Builder) Run(ctx context.Context, changed <-chan struct{}) {
	for {
		timer := time.NewTimer(b.Next().Sub(b.Now()))
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
		if err := b.Build(ctx); err != nil && ctx.Err() == nil {
			b.Logger.Error("the feed could not be rebuilt; the old files stay", "err", err)
		}
	}
}

// FeedPath is where the handler expects to be mounted: the list of cells is at
// FeedPath, a cell's file below it.
const FeedPath = "/feed/v1/"

// ServeHTTP serves the files. What it reads of a request is the cell in the
// path and If-None-Match; it logs nothing.
func (b *Builder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := (*b.files.Load())[strings.TrimPrefix(r.URL.Path, FeedPath)]
	h := w.Header()
	if f == nil {
		http.Error(w, "this exchange has no such cell", http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	h["Etag"], h["Cache-Control"] = f.etag, f.cache
	if match := r.Header["If-None-Match"]; match != nil && matches(match, f.etag[0]) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"], h["Content-Length"] = f.typ, f.length
	w.Write(f.body) // HEAD: the server leaves the body out
}

// matches is If-None-Match of RFC 9110 section 13.1.2.
func matches(headers []string, etag string) bool {
	for _, h := range headers {
		for t := range strings.SplitSeq(h, ",") {
			if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == etag {
				return true
			}
		}
	}
	return false
}
