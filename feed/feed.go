// Package feed is what everybody in a coarse map cell reads alike: one signed
// file per cell (S2 level 10, about 9 km across) that touches the exchange's
// jurisdiction, always there, always the same size as the others, the same bytes
// for everybody. A device fetches its cell on a schedule and matches by itself.
// docs/design/feed.md argues it; package canvass fills one kind of feed with
// requests, package pets another with lost animals.
package feed

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

// Kind is one feed of an exchange. A file of it is a C2SP signed note
// (https://c2sp.org/signed-note), Ed25519, by the key named "<origin>/feed". Its
// text:
//
//	<Header>
//	<cell token>
//	<time it was made, RFC 3339, UTC, rounded down to the schedule>
//	<what it says, as JSON on one line>
//	<dots, so that all files have one size>
//
// The size is Min; when one cell needs more, the files of all cells grow to the
// next power of two together. Files are served uncompressed, since compression
// would show which cells say much.
//
// A kind with Attached has a second file per cell, of bytes that the first names
// by their SHA-256: unsigned, padded with zeros to one size for all cells, from
// Min up.
type Kind struct {
	Header      string // names the kind, so that one key can sign several
	Path        string // where the list of cells is; a cell's file is below it
	Min, Max    int    // sizes of files, powers of two
	Attached    string // name of a cell's second file below its first; "": there is none
	MaxAttached int
}

// Index lists the cells, at Kind.Path. It is not signed; Receipt proves the key.
type Index struct {
	Key             string   `json:"key"`     // verifier key of all files
	Receipt         string   `json:"receipt"` // of the act setting.change whose public "feed_key" is Key
	IntervalSeconds int64    `json:"interval_seconds"`
	Cells           []string `json:"cells"` // sorted
}

// Content is what one cell's files say.
type Content struct {
	Body     any    // written as JSON in the one form: see Compact
	Attached []byte //
}

// ErrFile: the bytes are not a feed file that the key signed.
var ErrFile = errors.New("feed: not a valid feed file")

// NewKey makes the signing key of an exchange's feeds, and its verifier key (both
// in the forms of package note; ledger.VerifierKey gives the second from the first).
func NewKey(origin string) (skey, vkey string, err error) {
	return note.GenerateKey(rand.Reader, origin+"/feed")
}

// Compact is v's JSON in the one form: fields in order, no HTML escaping, no
// spaces. JavaScript's JSON.stringify of the parsed object gives the same bytes.
func Compact(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("feed: encoding plain data: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// File is one parsed file: its cell, when it was made, and what it says.
type File[Body any] struct {
	Cell string
	Made time.Time
	Body Body
}

// Parse verifies and reads a file of a kind. Anything but what Builder writes is
// ErrFile, with the reason.
func Parse[Body any](k Kind, file []byte, key note.Verifier) (File[Body], error) {
	fail := func(why any) (File[Body], error) { return File[Body]{}, fmt.Errorf("%w: %v", ErrFile, why) }
	if n := len(file); n < k.Min || n > k.Max || bits.OnesCount(uint(n)) != 1 {
		return fail("its size is not one of the feed's")
	}
	n, err := note.Open(file, note.VerifierList(key))
	if err != nil {
		return fail(err)
	}
	f, err := ParseText[Body](k, n.Text)
	if err != nil {
		return fail(err)
	}
	return f, nil
}

// ParseText reads the text of a file whose signature was verified.
func ParseText[Body any](k Kind, text string) (f File[Body], err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 6 || lines[0] != k.Header || strings.Trim(lines[4], ".") != "" || lines[5] != "" {
		return f, errors.New("its lines are not those of a feed")
	}
	if f.Cell, err = geo.ParseCell(lines[1]); err != nil {
		return f, err
	}
	if f.Made, err = time.Parse(timeForm, lines[2]); err != nil {
		return f, errors.New("its time cannot be read")
	}
	dec := json.NewDecoder(strings.NewReader(lines[3]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f.Body); err != nil {
		return f, err
	}
	if !bytes.Equal(Compact(f.Body), []byte(lines[3])) {
		return f, errors.New("its JSON is not in the one form")
	}
	return f, nil
}

const timeForm = "2006-01-02T15:04:05Z"

// Prove gives the receipt of an entry of the ledger: a porchlight-receipt/v1 text.
type Prove func(entry uint64) (receipt string, err error)

// Options joins a feed to its neighbors. All up to Fill are needed.
type Options struct {
	Kind
	Signer   note.Signer // its name is "<origin>/feed"
	Key      string      // the verifier key (vkey) of Signer, told to readers
	KeyEntry uint64      // of the act setting.change that recorded Key
	Receipt  func(ctx context.Context, entry uint64) (string, error)
	// Jurisdiction is the exchange's; the cells within NearMetres of it are those
	// of the feed.
	Jurisdiction []geo.Polygon
	NearMetres   float64
	// Fill says what each cell's files hold: all cells, whether or not they have
	// anything to say.
	Fill func(ctx context.Context, cells []string, prove Prove) (map[string]Content, error)

	Interval time.Duration // of the schedule; default 5 minutes
	MaxAge   time.Duration // how long caches may keep a file; default 1 minute
	Now      func() time.Time
	Logger   *slog.Logger
}

// Builder makes the files and serves them. Safe for concurrent use.
type Builder struct {
	Options
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
func NewBuilder(ctx context.Context, o Options) (*Builder, error) {
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
	b := &Builder{Options: o}
	set := map[string]bool{}
	for _, p := range o.Jurisdiction {
		for _, c := range geo.CellsNear(p, o.NearMetres) {
			set[c] = true
		}
	}
	b.cells = slices.Sorted(maps.Keys(set))
	if len(b.cells) == 0 {
		return nil, errors.New("feed: the exchange has no jurisdiction, so its feed has no cells")
	}
	if err := b.Build(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// Cells are the tokens of the feed's cells, sorted. They do not depend on what
// the feed says.
func (b *Builder) Cells() []string { return slices.Clone(b.cells) }

// Next is when the schedule wants the next Build.
func (b *Builder) Next() time.Time { return b.Now().Truncate(b.Interval).Add(b.Interval) }

// Build makes all files anew and puts them in place at once. On an error the
// files stay as they were.
func (b *Builder) Build(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.Now()
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
	contents, err := b.Fill(ctx, b.cells, prove)
	if err != nil {
		return fmt.Errorf("building the feed: %w", err)
	}
	made := now.UTC().Truncate(b.Interval).Format(timeForm)
	texts, longest, attached := map[string][]byte{}, 0, 0
	for _, c := range b.cells {
		texts[c] = fmt.Appendf(nil, "%s\n%s\n%s\n%s\n", b.Header, c, made, Compact(contents[c].Body))
		longest, attached = max(longest, len(texts[c])), max(attached, len(contents[c].Attached))
	}
	// After the text: the padding's newline, the note's empty line, and the signature line.
	tail := len("\n\n— ") + len(b.Signer.Name()) + len(" \n") + 4*((4+64+2)/3)
	size, err := b.size(longest+tail, b.Max)
	if err != nil {
		return err
	}
	files := make(map[string]*file, 2*len(b.cells)+1)
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
	if b.Attached != "" {
		if size, err = b.size(attached, b.MaxAttached); err != nil {
			return err
		}
		for _, c := range b.cells {
			padded := make([]byte, size)
			copy(padded, contents[c].Attached)
			files[c+"/"+b.Attached] = b.file(padded, "application/octet-stream")
		}
	}
	receipt, err := prove(b.KeyEntry)
	if err != nil {
		return err
	}
	index, err := json.Marshal(Index{b.Key, receipt, int64(b.Interval / time.Second), b.cells})
	if err != nil {
		return err
	}
	files[""] = b.file(append(index, '\n'), "application/json")
	b.files.Store(&files)
	b.receipts = proofs
	return nil
}

// size is the one size of all files when the longest needs n bytes.
func (b *Builder) size(n, most int) (int, error) {
	size := b.Min
	for size < n {
		size *= 2
	}
	if size > most {
		return 0, fmt.Errorf("building the feed: what it says needs files of %d bytes", size)
	}
	return size, nil
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

// ServeHTTP serves the files; it expects to be mounted at Kind.Path. What it
// reads of a request is the cell in the path and If-None-Match; it logs nothing.
func (b *Builder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := (*b.files.Load())[strings.TrimPrefix(r.URL.Path, b.Path)]
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
