package pets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/capability"
	"porchlight/db"
	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/identity"
	"porchlight/internal/testworld"
	"porchlight/ledger"
	posts "porchlight/pets"
	"porchlight/share/client"
	"porchlight/vision"
	"porchlight/web"
)

// Colours of a drawn world: eyes see by them.
var (
	grass   = color.RGBA{60, 140, 60, 255}
	biscuit = color.RGBA{150, 90, 40, 255}  // brown
	smoke   = color.RGBA{90, 80, 75, 255}   // grey-brown
	coat    = color.RGBA{30, 40, 160, 255}  // a person
	skin    = color.RGBA{230, 60, 230, 255} // a face
)

type thing struct {
	at image.Rectangle
	c  color.RGBA
}

func picture(t testing.TB, things ...thing) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	draw.Draw(img, img.Rect, image.NewUniform(grass), image.Point{}, draw.Src)
	for _, x := range things {
		draw.Draw(img, x.at, image.NewUniform(x.c), image.Point{}, draw.Src)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// eyes find what is drawn in a colour, and describe it by its colour.
type eyes struct{}

func near(p []byte, c color.RGBA) bool {
	d := func(a, b uint8) int { return max(int(a)-int(b), int(b)-int(a)) }
	return d(p[0], c.R) < 12 && d(p[1], c.G) < 12 && d(p[2], c.B) < 12
}

func (eyes) find(f vision.Frame, c color.RGBA) (b vision.Box, ok bool) {
	x0, y0, x1, y1, n := f.W, f.H, 0, 0, 0
	for y := range f.H {
		for x := range f.W {
			if near(f.Pix[3*(y*f.W+x):], c) {
				x0, y0, x1, y1, n = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1), n+1
			}
		}
	}
	return vision.Box{X: float32(x0), Y: float32(y0), W: float32(x1 - x0), H: float32(y1 - y0)}, n > 200
}

func (e eyes) Objects(f vision.Frame) (ts []vision.Thing, _ error) {
	for kind, colours := range map[vision.Kind][]color.RGBA{"dog": {biscuit, smoke}, "person": {coat}} {
		for _, c := range colours {
			if b, ok := e.find(f, c); ok {
				ts = append(ts, vision.Thing{Kind: kind, Box: b, Score: 0.9})
			}
		}
	}
	return ts, nil
}

func (e eyes) Faces(f vision.Frame) (fs []vision.Face, _ error) {
	if b, ok := e.find(f, skin); ok {
		fs = append(fs, vision.Face{Box: b, Score: 0.9})
	}
	return fs, nil
}

func (eyes) Embed(f vision.Frame, b vision.Box) (vision.Embedding, error) {
	i := 3 * (int(b.Y+b.H/2)*f.W + int(b.X+b.W/2))
	r, g, bl := float64(f.Pix[i])-90, float64(f.Pix[i+1])-80, float64(f.Pix[i+2])-55
	n := math.Sqrt(r*r + g*g + bl*bl)
	return vision.Embedding{float32(r / n), float32(g / n), float32(bl / n)}, nil
}

func (eyes) Alike(a, b vision.Embedding) float32 { return max(0, a[0]*b[0]+a[1]*b[1]+a[2]*b[2]) }

// house is a house with one camera, whose stills are drawn.
type house struct {
	*Service
	mu     sync.Mutex
	stills map[time.Time][]byte
	asked  []string // what went out
	told   []Notice
	now    func() time.Time
	breaks func() // kills the house at its next act; nil: the line is good
	heard  bool   // by the exchange before that
}

func (h *house) Moments(_ context.Context, _ string, from, to time.Time) (ms []*home.Moment, _ error) {
	for at := range h.stills {
		if !at.Before(from) && !at.After(to) {
			ms = append(ms, &home.Moment{Span: home.Span{From: at, To: at}, What: []home.What{home.Animal}, Still: at})
		}
	}
	return ms, nil
}

func (h *house) Still(_ context.Context, _ string, at time.Time, _ int) ([]byte, error) {
	return h.stills[at], nil
}
func (h *house) Now() time.Time { return h.now() }
func (h *house) Until(ctx context.Context, at time.Time) error {
	<-ctx.Done()
	return ctx.Err()
}

// RoundTrip watches the wire.
func (h *house) RoundTrip(r *http.Request) (*http.Response, error) {
	h.mu.Lock()
	body := ""
	if r.Body != nil {
		b, _ := io.ReadAll(r.Body)
		body, r.Body = string(b), io.NopCloser(bytes.NewReader(b))
	}
	h.asked = append(h.asked, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+body))
	breaks := h.breaks
	h.mu.Unlock()
	if breaks == nil || r.Header.Get("Porchlight-Act") == "" {
		return http.DefaultTransport.RoundTrip(r)
	}
	h.breaks = nil
	defer breaks()
	if h.heard {
		resp, err := http.DefaultTransport.RoundTrip(r.Clone(context.Background()))
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
	}
	return nil, errors.New("the line broke")
}

type town struct {
	*testworld.World
	testworld.Clock
	t *testing.T
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newTown(t *testing.T) *town {
	w := &town{t: t}
	w.World = testworld.Start(t, func(c *exchange.Config) { c.Now = w.Now })
	return w
}

// lose posts a dog and has it let in; the secret is the poster's.
func (w *town) lose(photos ...[]byte) (string, client.Secret) {
	w.t.Helper()
	secret := client.NewSecret()
	hash, recipient, err := secret.Holder()
	check(w.t, err)
	form := w.X.Pets.Posting.Token()
	w.Sleep(5 * time.Second)
	g, err := w.X.Pets.Post(w.t.Context(), gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()}, posts.Lost{Form: form, OwnerHash: hash, Recipient: recipient,
		Draft: posts.Draft{Animal: "dog", Place: geo.Half.Of(geo.Point{Lon: -896500000, Lat: 397500000}), Rounding: geo.Half, Seen: w.Now().Add(-3 * time.Hour), Hours: 24, Photos: photos}})
	check(w.t, err)
	_, err = w.Moderator.Act(w.t.Context(), "/pets/"+g.ActID+"/moderate", web.PetVerdict{Verdict: "approve"}, nil)
	check(w.t, err)
	check(w.t, w.X.PetFeed.Build(w.t.Context()))
	return g.ActID, secret
}

func (w *town) house() *house {
	d, err := db.Open(w.t.Context(), w.t.TempDir()+"/house.db")
	check(w.t, err)
	w.t.Cleanup(func() { d.Close() })
	h := &house{stills: map[time.Time][]byte{}, now: w.Now}
	x := &client.Exchange{URL: w.URL, Ledger: ledger.Verifier{LogKey: w.LogKey}, HTTP: &http.Client{Transport: h},
		Wait: func(context.Context, time.Duration) error { w.Sleep(5 * time.Second); return nil }}
	h.Service, err = Open(w.t.Context(), Options{DB: d, Exchange: x, Moments: h, Stills: h, Objects: eyes{}, Faces: eyes{}, Likeness: eyes{}, Clock: h,
		Cameras: func(context.Context) ([]home.Camera, error) {
			return []home.Camera{{ID: "front", Place: geo.Point{Lon: -896512345, Lat: 397512345}}}, nil
		},
		Notify: func(_ context.Context, n Notice) error { h.told = append(h.told, n); return nil }})
	check(w.t, err)
	check(w.t, h.OptIn(w.t.Context(), true))
	return h
}

// Footage that comes, or is looked through, after a round is compared in the next,
// and once.
func TestFootageThatComesLate(t *testing.T) {
	w := newTown(t)
	ctx := t.Context()
	id, _ := w.lose(picture(t, thing{image.Rect(200, 200, 400, 350), biscuit}))
	h := w.house()
	for round, want := range []int{0, 1, 0} {
		if round == 1 {
			h.stills[w.Now().Add(-2*time.Hour).UTC().Truncate(time.Second)] = picture(t, thing{image.Rect(100, 250, 250, 350), biscuit})
		}
		check(t, h.Round(ctx))
		runs, err := h.Runs(ctx, 1)
		check(t, err)
		if len(runs) != 1 || runs[0].Moments != want || runs[0].Found != want {
			t.Errorf("round %d: %+v, want %d", round, runs, want)
		}
	}
	if cs, err := h.Candidates(ctx, id); err != nil || len(cs) != 1 {
		t.Errorf("candidates %+v, %v", cs, err)
	}
}

// The whole walk: read, looked for, shown to the household, sent, answered.
func TestWalk(t *testing.T) {
	w := newTown(t)
	ctx := t.Context()
	dog := thing{image.Rect(200, 200, 400, 350), biscuit}
	id, poster := w.lose(picture(t, dog))
	h := w.house()
	there := w.Now().Add(-2 * time.Hour).UTC().Truncate(time.Second)
	other := there.Add(10 * time.Minute)
	h.stills[there] = picture(t, thing{image.Rect(100, 250, 250, 350), biscuit}, thing{image.Rect(240, 100, 330, 400), coat}, thing{image.Rect(150, 230, 175, 255), skin})
	h.stills[other] = picture(t, thing{image.Rect(100, 250, 250, 350), smoke})
	check(t, h.Round(ctx))

	ps, err := h.Posts(ctx)
	check(t, err)
	if len(ps) != 1 || !ps[0].Matched || ps[0].Found != 1 || ps[0].Metres > 1000 {
		t.Fatalf("posts %+v", ps)
	}
	cs, err := h.Candidates(ctx, id)
	check(t, err)
	if len(cs) != 1 || !cs[0].At.Equal(there) || cs[0].Alike < 0.9 {
		t.Fatalf("candidates %+v", cs)
	}
	if len(h.told) != 1 || h.told[0].Camera != "front" {
		t.Errorf("told %+v", h.told)
	}
	if photo, err := h.Photo(ctx, id, 0); err != nil || len(photo) == 0 {
		t.Errorf("the post's photo: %v", err)
	}
	shown, err := h.Picture(ctx, cs[0].ID)
	check(t, err)
	f, err := decode(shown)
	check(t, err)
	for what, c := range map[string]color.RGBA{"the person beside it": coat, "a face over it": skin} {
		if _, ok := (eyes{}).find(f, c); ok {
			t.Errorf("%s is in the picture to be sent", what)
		}
	}
	if _, ok := (eyes{}).find(f, biscuit); !ok {
		t.Error("the animal is not in it")
	}
	for _, a := range h.asked {
		if strings.HasPrefix(a, "POST") {
			t.Errorf("sent before anybody said so: %s", a)
		}
	}

	receipt, err := h.Send(ctx, cs[0].ID, Say{Rounding: geo.Hundred, Words: "By the fence."})
	check(t, err)
	if receipt == "" {
		t.Error("no receipt")
	}
	if again, err := h.Send(ctx, cs[0].ID, Say{Rounding: geo.Hundred}); err != nil || again != "" {
		t.Errorf("sent twice: %q, %v", again, err)
	}
	token := token(t, poster)
	got, err := w.X.Pets.Follow(ctx, token)
	check(t, err)
	if len(got.Sightings) != 1 {
		t.Fatalf("the poster has %+v", got)
	}
	letter, err := poster.Open(got.Sightings[0].Sealed)
	check(t, err)
	var sighting posts.Seen
	check(t, json.Unmarshal(letter, &sighting))
	if !bytes.Equal(sighting.Photo, shown) || sighting.Words != "By the fence." || sighting.Lat != 39.751 || sighting.Lon != -89.651 {
		t.Errorf("she reads %v %v %q, the shown picture: %t", sighting.Lat, sighting.Lon, sighting.Words, bytes.Equal(sighting.Photo, shown))
	}
	thanks, err := seal([]byte("Thank you!"), got.Sightings[0].Recipient)
	check(t, err)
	_, err = w.X.Pets.Write(ctx, gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()}, token, got.Sightings[0].ID, thanks)
	check(t, err)
	check(t, h.Reply(ctx, cs[0].ID, "Good luck."))
	replies, err := h.Replies(ctx, cs[0].ID)
	check(t, err)
	if len(replies) != 2 || replies[0].Text != "Thank you!" || replies[0].FromHome || replies[1].Text != "Good luck." || !replies[1].FromHome {
		t.Errorf("%+v", replies)
	}

	// The run is counted once, some time later, and says the post alone.
	h.asked = nil
	check(t, h.Count(ctx))
	w.Sleep(countWithin)
	check(t, h.Count(ctx))
	check(t, h.Count(ctx))
	if want := []string{"POST /api/v1/pets/" + id + "/runs"}; !slices.Equal(h.asked, want) {
		t.Errorf("counting sent %q, want %q", h.asked, want)
	}
	if runs, err := h.Runs(ctx, 10); err != nil || len(runs) != 1 || !runs[0].Counted || runs[0].Moments != 2 || runs[0].Found != 1 {
		t.Errorf("%+v, %v", runs, err)
	}

	// Found: what is not sent is forgotten, and off forgets all.
	_, err = w.X.Pets.Close(ctx, gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()}, token, true)
	check(t, err)
	check(t, w.X.PetFeed.Build(ctx))
	check(t, h.Round(ctx))
	if _, err := h.Photo(ctx, id, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("photos of a post that is over: %v", err)
	}
	check(t, h.OptIn(ctx, false))
	for _, table := range []string{"pets_post", "pets_photo", "pets_candidate"} {
		var n int
		if check(t, h.DB.Read().QueryRow(`SELECT count(*) FROM `+table).Scan(&n)); n != 0 {
			t.Errorf("off, and %d rows in %s", n, table)
		}
	}
}

// What the household decided happens once, whenever the house is killed. And a poster
// whose link leaked replaces it: what was sent before she reads on, what is sent
// from then on only the new link opens.
func TestOnceAndRelinked(t *testing.T) {
	w := newTown(t)
	ctx := t.Context()
	id, old := w.lose(picture(t, thing{image.Rect(200, 200, 400, 350), biscuit}))
	h := w.house()
	for i := range 2 {
		h.stills[w.Now().Add(-time.Duration(60+10*i)*time.Minute).UTC().Truncate(time.Second)] = picture(t, thing{image.Rect(100, 250, 250, 350), biscuit})
	}
	check(t, h.Round(ctx))
	cs, err := h.Candidates(ctx, id)
	check(t, err)
	if len(cs) != 2 {
		t.Fatalf("%+v", cs)
	}
	once := func(action, candidate string, heard bool, decide func(context.Context) error) {
		t.Helper()
		before := w.Entries(t, action)
		life, kill := context.WithCancel(ctx)
		h.breaks, h.heard = kill, heard
		if err := decide(life); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", action, err)
		}
		h.Service, err = Open(ctx, h.Options)
		check(t, err)
		now, err := h.Candidates(ctx, id)
		check(t, err)
		if i := slices.IndexFunc(now, func(c Candidate) bool { return c.ID == candidate }); i < 0 || !now[i].Waiting {
			t.Errorf("%s does not wait: %+v", action, now)
		}
		w.Sleep(time.Minute)
		if over, _, err := h.acts.Step(ctx); err != nil || len(over) != 1 {
			t.Errorf("%s: %+v, %v", action, over, err)
		}
		if n := w.Entries(t, action) - before; n != 1 {
			t.Errorf("%s, heard %t: %d entries", action, heard, n)
		}
	}
	send := func(c Candidate) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := h.Send(ctx, c.ID, Say{Rounding: geo.Half, Words: "By the fence."})
			return err
		}
	}
	once("pet.sight", cs[0].ID, true, send(cs[0]))

	act := gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()}
	next, link, err := old.Next(nil)
	check(t, err)
	var entries []uint64
	for range 2 { // the first answer is lost
		g, err := w.X.Pets.Relink(ctx, act, token(t, old), capability.Next(link))
		check(t, err)
		entries = append(entries, g.Index)
	}
	if entries[0] != entries[1] {
		t.Errorf("replaced twice: entries %v", entries)
	}
	act.ActID = gate.NewActID()
	if _, err := w.X.Pets.Relink(ctx, act, token(t, old), capability.Next(link)); !errors.Is(err, posts.ErrNotFound) {
		t.Errorf("replaced again with the old link: %v", err)
	}
	if _, err := w.X.Pets.Follow(ctx, token(t, old)); !errors.Is(err, posts.ErrNotFound) {
		t.Errorf("the old link still opens: %v", err)
	}
	check(t, w.X.PetFeed.Build(ctx))
	check(t, h.Round(ctx))
	once("pet.sight", cs[1].ID, false, send(cs[1]))
	once("pet.write", cs[0].ID, true, func(ctx context.Context) error { return h.Reply(ctx, cs[0].ID, "Good luck.") })
	f, err := w.X.Pets.Follow(ctx, token(t, next))
	check(t, err)
	if len(f.Sightings) != 2 || len(f.Sightings[0].Messages) != 1 {
		t.Fatalf("%+v", f.Sightings)
	}
	for i, sealed := range [][]byte{f.Sightings[0].Sealed, f.Sightings[1].Sealed, f.Sightings[0].Messages[0].Sealed} {
		if _, err := next.OpenAny(f.Post.Past, sealed); err != nil {
			t.Errorf("letter %d: %v", i, err)
		}
		if _, err := old.Open(sealed); (err == nil) != (i == 0) {
			t.Errorf("letter %d with the old link: %v", i, err)
		}
	}
	// A link that the ledger does not name is no reason to seal to it.
	item := posts.FeedItem{Post: f.Post.Content(), Entry: f.Post.Published, Relinked: &posts.Relinked{Recipient: "age1other", Entry: f.Post.Relinked.Entry}}
	receipt, err := w.X.Gate.Receipt(ctx, item.Entry)
	check(t, err)
	item.Receipt = string(receipt.Marshal())
	receipt, err = w.X.Gate.Receipt(ctx, item.Relinked.Entry)
	check(t, err)
	item.Relinked.Receipt = string(receipt.Marshal())
	if _, err := h.prove(item, nil); !errors.Is(err, client.ErrUnproved) {
		t.Errorf("another recipient than the ledger's: %v", err)
	}
}

func token(t *testing.T, s client.Secret) string {
	t.Helper()
	header, err := s.Capability()
	check(t, err)
	return strings.TrimPrefix(header.Get("Authorization"), "Capability ")
}

// People are never looked for: not by a photo of a person with or without an
// animal, nor is anything compared where no animal is.
func TestPeopleAreRefused(t *testing.T) {
	w := newTown(t)
	ctx := t.Context()
	person := thing{image.Rect(200, 50, 450, 470), coat}
	small := thing{image.Rect(20, 400, 90, 460), biscuit}
	ids := map[string]Why{}
	for why, photos := range map[Why][][]byte{
		"":       {picture(t, thing{image.Rect(200, 200, 400, 350), biscuit})},
		NoAnimal: {picture(t)},
	} {
		id, _ := w.lose(photos...)
		ids[id] = why
	}
	for _, photos := range [][][]byte{
		{picture(t, person, small)},
		{picture(t, thing{image.Rect(200, 200, 400, 350), biscuit}, thing{image.Rect(420, 100, 470, 160), skin})},
		{picture(t, thing{image.Rect(200, 200, 400, 350), biscuit}), picture(t, person, small)},
	} {
		id, _ := w.lose(photos...)
		ids[id] = People
	}
	h := w.house()
	at := w.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	h.stills[at] = picture(t, person)
	check(t, h.Round(ctx))
	ps, err := h.Posts(ctx)
	check(t, err)
	for _, p := range ps {
		if p.Why != ids[p.Content.ID] || p.Found != 0 {
			t.Errorf("%q, want %q; %d found", p.Why, ids[p.Content.ID], p.Found)
		}
	}
	if len(ps) != len(ids) {
		t.Errorf("%d posts, want %d", len(ps), len(ids))
	}
	var vectors int
	check(t, h.DB.Read().QueryRow(`SELECT count(*) FROM pets_post WHERE vectors <> 'null' AND why <> ''`).Scan(&vectors))
	if vectors != 0 {
		t.Errorf("%d refused posts left something to compare with", vectors)
	}
}

// What is asked for is the same whatever is posted and seen, and off nothing is.
func TestWire(t *testing.T) {
	w := newTown(t)
	ctx := t.Context()
	h := w.house()
	check(t, h.Round(ctx))
	quiet := h.asked
	w.lose(picture(t, thing{image.Rect(200, 200, 400, 350), biscuit}))
	h.stills[w.Now().Add(-time.Hour).UTC().Truncate(time.Second)] = picture(t, thing{image.Rect(100, 250, 250, 350), biscuit})
	h.asked = nil
	check(t, h.Round(ctx))
	if !slices.Equal(h.asked, quiet) || len(quiet) != 3 {
		t.Errorf("asked %q, with nothing posted %q", h.asked, quiet)
	}
	if ps, err := h.Posts(ctx); err != nil || len(ps) != 1 || ps[0].Found != 1 {
		t.Errorf("%+v, %v", ps, err)
	}
	next := h.Next(w.Now())
	if again := h.Next(next.Add(-time.Millisecond)); !again.Equal(next) || h.Next(next).Sub(next) != h.Every {
		t.Errorf("rounds at %v, then %v", next, again)
	}
	// A lie: another key signs, or another photo comes.
	item := posts.FeedItem{Post: posts.Content{ID: "x", Photos: []posts.PhotoName{{SHA256: "00"}}}, At: []posts.Range{{Offset: 1 << 40, Length: 1}}}
	if _, err := h.prove(item, []byte("x")); !errors.Is(err, client.ErrUnproved) {
		t.Errorf("a post without a receipt: %v", err)
	}
}
