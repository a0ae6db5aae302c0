package send

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/ask"
	"porchlight/home/cameras"
	"porchlight/home/outbox"
	"porchlight/home/record"
	"porchlight/internal/testworld"
	"porchlight/ledger"
	"porchlight/share/client"
	"porchlight/vision"
	"porchlight/vision/cover"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// street films so many seconds of nothing much, with sound, a secret in its tags,
// and a picture each second that can be cut at.
func street(t *testing.T, n int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "street.mp4")
	out, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=160x96:r=10:d=%d", n),
		"-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=440:duration=%d", n), "-shortest", "-c:v", "libx264", "-preset", "ultrafast", "-g", "10",
		"-c:a", "aac", "-metadata", "title=serial-4711", file).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return file
}

// house is a household with a camera that recorded forty seconds of the window
// that an agency asks about.
type house struct {
	*Service
	t      *testing.T
	w      *testworld.World
	ask    *ask.Service
	rec    *record.Recorder
	camera string
	began  time.Time // of its footage
	door   atomic.Pointer[func(http.ResponseWriter, *http.Request) bool]
	news   []News
	ahead  time.Duration // of its clock
}

type clock struct{ now func() time.Time }

func (c clock) Now() time.Time                         { return c.now() }
func (c clock) Until(context.Context, time.Time) error { return errors.New("nobody waits here") }

// watched are moments that home/watch would have found.
type watched []*home.Moment

func (w watched) Moments(_ context.Context, camera string, from, to time.Time) (out []*home.Moment, err error) {
	for _, m := range w {
		if m.Camera == camera && m.From.Before(to) && m.To.After(from) {
			out = append(out, m)
		}
	}
	return out, nil
}

func newHouse(t *testing.T, w *testworld.World, film string) *house {
	h := &house{t: t, w: w}
	ctx, dir := t.Context(), t.TempDir()
	now := func() time.Time { return time.Now().Add(h.ahead) }
	d, err := db.Open(ctx, filepath.Join(dir, "home.db"))
	must(t, err)
	t.Cleanup(func() { d.Close() })
	cams, err := cameras.Open(ctx, d, now)
	must(t, err)
	corner := w.Request.Area.Coordinates[0][0]
	place, err := geo.NewPoint(corner[0]+0.001, corner[1]+0.001)
	must(t, err)
	door, err := cams.Add(ctx, home.Camera{Name: "Front door", Place: place, Facing: -1}, cameras.Source{Kind: home.Import})
	must(t, err)
	h.camera = door.ID
	h.rec, err = record.Open(ctx, record.Options{DB: d, Dir: filepath.Join(dir, "footage"), Cameras: cams, Now: now,
		Limits: record.Limits{Free: 1}}) // whatever else fills this disk
	must(t, err)
	h.began = w.Request.From.Add(10 * time.Minute).Truncate(time.Second)
	must(t, h.rec.Import(ctx, h.camera, film, h.began))

	u, err := url.Parse(w.URL)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(u)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := h.door.Load(); f == nil || !(*f)(rw, r) {
			proxy.ServeHTTP(rw, r)
		}
	}))
	t.Cleanup(server.Close)
	keys := ledger.Verifier{LogKey: w.LogKey}
	known := func(ctx context.Context) (out []home.Camera, err error) {
		list, err := cams.All(ctx)
		for _, c := range list {
			out = append(out, c.Camera)
		}
		return out, err
	}
	saw := watched{{ID: "m", Span: home.Span{Camera: h.camera, From: h.began.Add(12 * time.Second), To: h.began.Add(20 * time.Second)}, What: []home.What{home.Person}}}
	h.ask, err = ask.Open(ctx, ask.Options{DB: d, URL: server.URL, Ledger: keys, Cameras: known, Clock: clock{now}, Moments: saw,
		Footage: record.Keeper{Recorder: h.rec, Owner: "requests", For: 48 * time.Hour}})
	must(t, err)
	must(t, w.X.Feed.Build(ctx))
	h.ask.Round(ctx)
	if s := h.ask.Status(); s.Trouble != ask.None {
		t.Fatalf("%+v", s)
	}
	h.start(Options{DB: d, Dir: filepath.Join(dir, "send"), Requests: h.ask, Footage: h.rec, Cameras: known, Now: now,
		Finders:  func() (cover.Finders, error) { return cover.Finders{Faces: sure{}}, nil },
		Exchange: &client.Exchange{URL: server.URL, Ledger: keys, Piece: 64 << 10, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }},
		Tell:     func(_ context.Context, n News) error { h.news = append(h.news, n); return nil }})
	return h
}

func (h *house) start(o Options) {
	var err error
	h.Service, err = Start(h.t.Context(), o)
	must(h.t, err)
}

// outside has everything that the house sends be seen by f, which may answer it.
func (h *house) outside(f func(http.ResponseWriter, *http.Request) bool) { h.door.Store(&f) }

// sure is a network that sees one face, always in the same place.
type sure struct{}

func (sure) Faces(f vision.Frame) ([]vision.Face, error) {
	w, h := float32(f.W), float32(f.H)
	return []vision.Face{{Box: vision.Box{X: w * 0.1, Y: h * 0.1, W: w * 0.2, H: h * 0.3}, Score: 0.8}}, nil
}

func key(t, x, y, w, h float64) cover.Key { return cover.Key{T: t, X: x, Y: y, W: w, H: h} }

// ready previews every clip of a draft.
func (h *house) ready(d Draft) (Draft, map[string]string) {
	h.t.Helper()
	seen := map[string]string{}
	for _, c := range d.Clips {
		var err error
		d, err = h.Prepare(h.t.Context(), d.ID, c.ID, nil)
		must(h.t, err)
	}
	for _, c := range d.Clips {
		seen[c.ID] = c.Preview.SHA256
	}
	return d, seen
}

func (h *house) begin() Draft {
	h.t.Helper()
	d, err := h.New(h.t.Context(), h.w.Request.ID, "nl")
	must(h.t, err)
	return d
}

func (h *house) step() {
	h.t.Helper()
	_, err := h.Step(h.t.Context())
	must(h.t, err)
}

func (h *house) state(id string) State {
	h.t.Helper()
	d, err := h.Draft(h.t.Context(), id)
	must(h.t, err)
	return d.State
}

// left are the files that lie about.
func (h *house) left() (files []string) {
	must(h.t, filepath.WalkDir(h.Dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, filepath.Base(path))
		}
		return err
	}))
	return files
}

func TestHouse(t *testing.T) {
	w, film := testworld.Start(t, nil), street(t, 40)
	t.Run("what is previewed is what is sent", func(t *testing.T) { previewed(t, w, film) })
	t.Run("nothing goes out before it is shared", func(t *testing.T) { silent(t, w, film) })
	t.Run("a restart in the middle", func(t *testing.T) { restart(t, w, film) })
	t.Run("what was decided is done once", func(t *testing.T) { once(t, w, film) })
	t.Run("edits and review", func(t *testing.T) { edits(t, w, film) })
	t.Run("drafts that are not sent", func(t *testing.T) { unsent(t, w, film) })
}

func previewed(t *testing.T, w *testworld.World, film string) {
	h, ctx := newHouse(t, w, film), t.Context()
	d := h.begin()
	if len(d.Clips) != 1 || d.Clips[0].Name != "Front door" || !d.Clips[0].Sound || d.Clips[0].Seconds < 16 || d.Clips[0].Seconds > 19 {
		t.Fatalf("offered: %+v", d.Clips)
	}
	if from := d.Clips[0].Span.From.Sub(h.began); from < 6*time.Second || from > 8*time.Second {
		t.Errorf("the clip begins %s after the footage", from)
	}
	clip := d.Clips[0].ID
	_, err := h.SetEdits(ctx, d.ID, clip, Edits{Start: 3, End: 9, Mute: true})
	must(t, err)
	_, err = h.Describe(ctx, d.ID, client.Identity{Disclosure: client.ByEmail, Email: "ann@resident.example"}, "The white van.", "es")
	must(t, err)
	d, seen := h.ready(d)
	if p := d.Clips[0].Preview; p.Encoded || p.Sound || p.Seconds < 4.5 || p.Seconds > 6.1 {
		t.Errorf("a preview of %+v", p)
	}
	path, err := h.Preview(ctx, d.ID, clip)
	must(t, err)
	shown, err := os.ReadFile(path)
	must(t, err)
	if bytes.Contains(shown, []byte("4711")) || bytes.Contains(shown, []byte("Lav")) {
		t.Error("the preview carries metadata")
	}
	if c := d.Consent(d.Identity.Disclosure); len(c) != 5 || !strings.Contains(c[4], "correo") {
		t.Errorf("she agrees to %q", c)
	}
	if _, err := h.Share(ctx, d.ID, map[string]string{clip: strings.Repeat("0", 64)}); !errors.Is(err, ErrChanged) {
		t.Errorf("shared what nobody saw: %v", err)
	}
	_, err = h.Share(ctx, d.ID, seen)
	must(t, err)
	if _, err := h.SetEdits(ctx, d.ID, clip, Edits{}); !errors.Is(err, ErrState) {
		t.Errorf("changed after it was shared: %v", err)
	}
	h.step()
	d, err = h.Draft(ctx, d.ID)
	must(t, err)
	if d.State != Sent || len(h.left()) > 0 {
		t.Fatalf("%s (%s), left %v", d.State, d.Trouble, h.left())
	}
	item := d.Answer.Clips[0].Item
	must(t, testworld.Accept(ctx, w.Police.Custodian, item))
	got, letter, err := w.Police.Custodian.View(ctx, item, "criminal-investigation")
	must(t, err)
	if !bytes.Equal(got, shown) {
		t.Error("the custodian opens another film than was previewed")
	}
	if letter.Identity.Email != "ann@resident.example" || letter.Message != "The white van." || !letter.Edits.Muted || letter.Edits.Blurred || letter.Edits.Trimmed.Start != 3 ||
		!strings.HasPrefix(letter.Filename, "Front door, ") {
		t.Errorf("the letter says %+v", letter)
	}
	if m, err := h.ask.Request(ctx, w.Request.ID); err != nil || m.State != ask.Shared {
		t.Errorf("the request is %s, %v", m.State, err)
	}

	// What becomes of it: proved, told once, kept here.
	f, err := h.Follow(ctx, d.ID)
	must(t, err)
	if len(f.Receipts) != 3 || len(f.Draft.Doubts) > 0 || f.Draft.News.Clips[0].State != "accepted" {
		t.Errorf("followed: %d receipts, doubts %v, %+v", len(f.Receipts), f.Draft.Doubts, f.Draft.News)
	}
	f, err = h.Write(ctx, d.ID, "Please delete it.")
	must(t, err)
	f, err = h.Withdraw(ctx, d.ID, item)
	must(t, err)
	if len(f.Letters) != 1 || f.Letters[0].Text != "Please delete it." || f.Draft.News.Clips[0].State != "withdrawal-requested" || len(f.Receipts) != 4 {
		t.Errorf("followed: %+v", f)
	}
	var kinds []string
	for _, n := range h.news {
		kinds = append(kinds, n.Kind)
	}
	if got := strings.Join(kinds, " "); got != "sent custody" {
		t.Errorf("the household was told: %s", got)
	}
	h.outside(func(rw http.ResponseWriter, r *http.Request) bool { rw.WriteHeader(502); return true })
	if k, err := h.Known(ctx, d.ID); err != nil || len(k.Receipts) != 4 || !strings.Contains(k.Link, "/clip#") {
		t.Errorf("without the exchange the house knows %+v, %v", k, err)
	}
	if err := h.Discard(ctx, d.ID); !errors.Is(err, ErrState) {
		t.Errorf("an answer that was sent is thrown away: %v", err)
	}
	if _, err := h.Withdraw(ctx, d.ID, w.Accepted.Items[0]); !errors.Is(err, ErrNotFound) {
		t.Errorf("another's clip: %v", err)
	}
}

// silent: a draft begun, edited, previewed, thrown away, or abandoned makes not one
// request.
func silent(t *testing.T, w *testworld.World, film string) {
	h, ctx := newHouse(t, w, film), t.Context()
	h.outside(func(_ http.ResponseWriter, r *http.Request) bool {
		t.Errorf("%s %s", r.Method, r.URL)
		return false
	})
	d := h.begin()
	if again := h.begin(); again.ID != d.ID {
		t.Error("two drafts of one request")
	}
	d, err := h.AddClip(ctx, d.ID, home.Span{Camera: h.camera, From: h.began, To: h.began.Add(5 * time.Second)})
	must(t, err)
	_, err = h.Find(ctx, d.ID, d.Clips[0].ID, What{Faces: true}, nil)
	must(t, err)
	d, _ = h.ready(d)
	must(t, h.Dismiss(ctx))
	h.step()
	must(t, h.Discard(ctx, d.ID))
	d = h.begin()
	h.ahead = abandoned - time.Hour
	h.step()
	if h.state(d.ID) != Open {
		t.Error("ended too soon")
	}
	h.ahead = abandoned + time.Hour
	h.step()
	if _, err := h.Draft(ctx, d.ID); !errors.Is(err, ErrNotFound) || len(h.left()) > 0 {
		t.Errorf("an abandoned draft: %v, left %v", err, h.left())
	}
}

// Dismiss dismisses the request that the drafts are about.
func (h *house) Dismiss(ctx context.Context) error { return h.ask.Dismiss(ctx, h.w.Request.ID) }

// restart: the exchange is away while a clip is uploaded, and the house is
// restarted; then it goes on where it was.
func restart(t *testing.T, w *testworld.World, film string) {
	h, ctx := newHouse(t, w, film), t.Context()
	d := h.begin()
	d, err := h.AddClip(ctx, d.ID, home.Span{Camera: h.camera, From: h.began.Add(25 * time.Second), To: h.began.Add(35 * time.Second)})
	must(t, err)
	d, seen := h.ready(d)
	_, err = h.Share(ctx, d.ID, seen)
	must(t, err)
	var pieces, created atomic.Int64
	h.outside(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && pieces.Add(1) > 1 {
			rw.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	})
	h.step()
	kept, err := h.Draft(ctx, d.ID)
	must(t, err)
	if kept.State != Sending || kept.Trouble == "" || !kept.Due.After(time.Now()) || kept.Answer.Clips[0].Upload == "" {
		t.Fatalf("with the exchange away: %+v", kept)
	}
	upload := kept.Answer.Clips[0].Upload

	pieces.Store(0)
	h.outside(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/uploads") {
			created.Add(1)
		}
		if r.Method == http.MethodPatch {
			pieces.Add(1)
		}
		return false
	})
	h.start(h.Options)
	h.step() // not yet due
	if pieces.Load() > 0 {
		t.Error("it tries again at once")
	}
	h.ahead = 2 * time.Minute
	h.step()
	d, err = h.Draft(ctx, d.ID)
	must(t, err)
	if d.State != Sent || d.Answer.Clips[0].Upload != upload || created.Load() != 1 || len(h.left()) > 0 {
		t.Errorf("after a restart: %s (%s), %d uploads made, left %v", d.State, d.Trouble, created.Load(), h.left())
	}
	f, err := h.Follow(ctx, d.ID)
	must(t, err)
	if len(f.Draft.News.Clips) != 2 {
		t.Errorf("two clips became %d", len(f.Draft.News.Clips))
	}
}

func edits(t *testing.T, w *testworld.World, film string) {
	h, ctx := newHouse(t, w, film), t.Context()
	d := h.begin()
	clip := d.Clips[0].ID
	drawn := cover.Track{ID: "drawn", Kind: cover.Manual, Score: 1, From: 0, To: 10, Keys: []cover.Key{key(0, 0.5, 0.5, 0.2, 0.2)}}
	_, err := h.SetEdits(ctx, d.ID, clip, Edits{Start: 1, End: 8, Blur: []cover.Track{drawn}})
	must(t, err)
	for range 2 { // what was found before is replaced
		d, err = h.Find(ctx, d.ID, clip, What{Faces: true, Plates: true}, nil)
		must(t, err)
	}
	e := d.Clips[0].Edits
	if len(e.Blur) != 2 || e.Blur[0].ID != "drawn" || e.Blur[1].Kind != cover.Face || e.Blur[1].From > 1.5 || e.Blur[1].To < 7.5 || e.Looked == nil || e.Looked.End != 8 || !e.Looked.Plates {
		t.Errorf("after looking: %+v", e)
	}
	d, seen := h.ready(d)
	if p := d.Clips[0].Preview; !p.Encoded || !p.Sound || p.Seconds < 6.5 || p.Seconds > 7.5 {
		t.Errorf("a preview of %+v", p)
	}
	text, err := json.Marshal(d.Clips[0].Edits.Blur[0])
	must(t, err)
	if string(text) != `{"id":"drawn","kind":"manual","score":1,"from":0,"to":10,"keys":[{"t":0,"x":0.5,"y":0.5,"w":0.2,"h":0.2}]}` {
		t.Errorf("a track is %s", text) // as lib/media/types.ts has it
	}
	// A box taken away makes another film, which somebody must see first.
	d, err = h.SetEdits(ctx, d.ID, clip, Edits{Start: 1, End: 8, Blur: []cover.Track{}})
	must(t, err)
	if d.Clips[0].Preview != nil {
		t.Error("the preview is of other edits")
	}
	if _, err := h.Share(ctx, d.ID, seen); !errors.Is(err, ErrState) {
		t.Errorf("shared without a preview: %v", err)
	}
	d, _ = h.ready(d)
	if d.Clips[0].Preview.Encoded {
		t.Error("encoded although nothing is covered")
	}
	path, err := h.Preview(ctx, d.ID, clip)
	must(t, err)
	must(t, os.WriteFile(path, []byte("another film"), 0o600))
	if _, err := h.Share(ctx, d.ID, map[string]string{clip: d.Clips[0].Preview.SHA256}); !errors.Is(err, ErrChanged) {
		t.Errorf("shared another film: %v", err)
	}
	for name, e := range map[string]Edits{
		"backwards": {Start: 5, End: 4}, "outside": {Start: 100}, "before": {Start: -1}, "too long": {End: 100},
		"nowhere": {Blur: []cover.Track{{ID: "x", Kind: cover.Manual, To: 1}}}, "huge": {Blur: []cover.Track{{Kind: cover.Manual, To: 1, Keys: []cover.Key{key(0, 0, 0, 5, 1)}}}},
		"disorder": {Blur: []cover.Track{{Kind: cover.Manual, To: 1, Keys: []cover.Key{key(1, 0, 0, 1, 1), key(0, 0, 0, 1, 1)}}}}, "ends first": {Blur: []cover.Track{{Kind: cover.Manual, From: 2, To: 1, Keys: []cover.Key{key(1, 0, 0, 1, 1)}}}},
	} {
		if _, err := h.SetEdits(ctx, d.ID, clip, e); !errors.Is(err, ErrEdits) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.AddClip(ctx, d.ID, home.Span{Camera: h.camera, From: h.began.Add(time.Hour), To: h.began.Add(61 * time.Minute)}); !errors.Is(err, ErrFootage) {
		t.Errorf("footage that is not there: %v", err)
	}
	for _, who := range []client.Identity{{Disclosure: "secretly"}, {}} {
		if _, err := h.Describe(ctx, d.ID, who, "", "en"); !errors.Is(err, ErrState) {
			t.Errorf("known as %+v: %v", who, err)
		}
	}
	d, err = h.RemoveClip(ctx, d.ID, clip)
	must(t, err)
	if len(d.Clips) > 0 || len(h.left()) > 0 {
		t.Errorf("removed, but %v is left", h.left())
	}
	if _, err := h.Share(ctx, d.ID, nil); !errors.Is(err, ErrState) {
		t.Errorf("shared nothing: %v", err)
	}
	for _, f := range []func(string) error{
		func(c string) error { _, err := h.Prepare(ctx, d.ID, c, nil); return err },
		func(c string) error { _, err := h.Film(ctx, d.ID, c); return err },
		func(c string) error { _, err := h.Preview(ctx, d.ID, c); return err },
		func(c string) error { _, err := h.SetEdits(ctx, d.ID, c, Edits{}); return err },
		func(c string) error { _, err := h.Draft(ctx, c); return err },
	} {
		if err := f("x"); !errors.Is(err, ErrNotFound) {
			t.Errorf("a clip that is none: %v", err)
		}
	}
}

// unsent: a refusal for good is told, and the draft can be tried again or thrown
// away; so can one that is on its way.
func unsent(t *testing.T, w *testworld.World, film string) {
	h, ctx := newHouse(t, w, film), t.Context()
	d, seen := h.ready(h.begin())
	_, err := h.Share(ctx, d.ID, seen)
	must(t, err)
	refuse := func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/submissions") {
			return false
		}
		rw.Header().Set("Content-Type", "application/problem+json")
		rw.WriteHeader(http.StatusForbidden)
		io.WriteString(rw, `{"type":"/problems/refused","title":"The law refuses this","status":403}`)
		return true
	}
	h.outside(refuse)
	h.step()
	if h.state(d.ID) != Stuck || len(h.news) != 1 || h.news[0].Kind != "unsent" {
		t.Errorf("refused: %s, told %v", h.state(d.ID), h.news)
	}
	must(t, h.Retry(ctx, d.ID))
	h.step()
	if h.state(d.ID) != Stuck {
		t.Error("refused again, but goes on")
	}
	if _, err := h.Known(ctx, d.ID); !errors.Is(err, ErrState) {
		t.Errorf("followed, but not sent: %v", err)
	}

	// Thrown away in the middle of an upload.
	begun, release := make(chan struct{}), make(chan struct{})
	h.outside(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			close(begun)
			<-release
			rw.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	})
	must(t, h.Retry(ctx, d.ID))
	done := make(chan error)
	go func() { _, err := h.Step(ctx); done <- err }()
	<-begun
	if p, on := h.Progress(d.ID); !on || p.Stage != client.Sealing && p.Stage != client.Uploading {
		t.Errorf("on its way: %v, %v", p, on)
	}
	must(t, h.Discard(ctx, d.ID))
	close(release)
	must(t, <-done)
	if all, err := h.Drafts(ctx); err != nil || len(all) > 0 || len(h.left()) > 0 {
		t.Errorf("thrown away: %v, %v, left %v", all, err, h.left())
	}
	if _, err := h.New(ctx, "x", "en"); !errors.Is(err, ask.ErrNotFound) {
		t.Errorf("a request that is none: %v", err)
	}
}

// once: the house is killed right before, and right after, the exchange hears of
// what the household decided; it goes on by itself, or she presses again. Each is
// done once.
func once(t *testing.T, w *testworld.World, film string) {
	h, ctx := newHouse(t, w, film), t.Context()
	d, seen := h.ready(h.begin())
	_, err := h.Share(ctx, d.ID, seen)
	must(t, err)
	h.step()
	d, err = h.Draft(ctx, d.ID)
	must(t, err)
	item := d.Answer.Clips[0].Item
	u, err := url.Parse(w.URL)
	must(t, err)
	exchange := httputil.NewSingleHostReverseProxy(u)

	message := func(ctx context.Context) error { _, err := h.Write(ctx, d.ID, "Who looks at it?"); return err }
	withdraw := func(ctx context.Context) error { _, err := h.Withdraw(ctx, d.ID, item); return err }
	for _, c := range []struct {
		name, path, action string
		decide             func(context.Context) error
		heard              bool // by the exchange, before the house was killed
		again              bool // she presses again; else Run goes on with it
	}{
		{"a message that did not go out", "/messages", "message.send", message, false, true},
		{"a message whose answer was lost", "/messages", "message.send", message, true, false},
		{"a withdrawal that did not go out", "/withdraw", "submission.withdraw", withdraw, false, false},
	} {
		acts, sent := map[string]bool{}, 0
		before := w.Entries(t, c.action)
		life, kill := context.WithCancel(ctx)
		h.outside(func(rw http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, c.path) {
				return false
			}
			acts[r.Header.Get("Porchlight-Act")] = true
			if sent++; sent > 1 {
				return false
			}
			if c.heard {
				exchange.ServeHTTP(httptest.NewRecorder(), r)
			}
			io.Copy(io.Discard, r.Body)
			kill()
			<-r.Context().Done() // it was the house that hung up
			panic(http.ErrAbortHandler)
		})
		if err := c.decide(life); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", c.name, err)
		}
		h.start(h.Options)
		if kept, err := h.acts.Kept(ctx, d.ID); err != nil || len(kept) != 1 || !acts[kept[0].ID] {
			t.Errorf("%s: kept %+v, sent %v, %v", c.name, kept, acts, err)
		}
		if c.again {
			must(t, c.decide(ctx))
		} else {
			h.ahead += time.Minute
			h.step()
		}
		if n := w.Entries(t, c.action) - before; n != 1 || sent != 2 || len(acts) != 1 {
			t.Errorf("%s is done %d times, in %d tries under the ids %v", c.name, n, sent, acts)
		}
		if kept, err := h.acts.Kept(ctx, d.ID); err != nil || len(kept) > 0 {
			t.Errorf("%s: still waits: %+v, %v", c.name, kept, err)
		}
		h.ahead += time.Minute
		h.step() // nothing is due
		if sent != 2 {
			t.Errorf("%s was sent again", c.name)
		}
	}

	// With the exchange away it is tried again, less and less often; refused, it is over.
	waits := func(n int) []outbox.Act {
		kept, err := h.acts.Kept(ctx, d.ID)
		if err != nil || len(kept) != n {
			t.Fatalf("kept %+v, want %d, %v", kept, n, err)
		}
		return kept
	}
	tries := 0
	status := http.StatusBadGateway
	h.outside(func(rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/messages") {
			tries++
			rw.WriteHeader(status)
			return true
		}
		return false
	})
	if _, err := h.Write(ctx, d.ID, "Are you there?"); !client.Temporary(err) {
		t.Errorf("with the exchange away: %v", err)
	}
	for range 3 {
		h.step() // not yet due
		h.ahead = time.Until(waits(1)[0].Due) + time.Second
		h.step()
	}
	if due := waits(1)[0].Due; tries != 4 || due.Sub(h.Now()) < 7*time.Minute {
		t.Errorf("tried %d times, next in %s", tries, due.Sub(h.Now()))
	}
	status = http.StatusNotFound
	if _, err := h.Write(ctx, d.ID, "Are you there?"); err == nil {
		t.Error("refused, but nobody is told")
	}
	if waits(0); tries != 5 {
		t.Errorf("tried %d times", tries)
	}
}
