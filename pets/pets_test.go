package pets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/feed"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/identity"
	"porchlight/internal/dbtest"
	"porchlight/internal/form"
	"porchlight/internal/gatetest"

	"golang.org/x/mod/sumdb/note"
)

func TestMain(m *testing.M) { dbtest.Main(m, "^(TestWalk|TestRuns|TestRemoved)$") }

type world struct {
	*gatetest.World
	*Service
	ctx    context.Context
	posted int
}

func newWorld(t *testing.T) *world {
	w := &world{World: gatetest.New(t, gatetest.Options{}), ctx: t.Context()}
	var err error
	w.Service, err = New(w.ctx, Options{DB: w.DB, Gate: w.Gate, Cells: geo.CellsNear(w.Town, NearMetres), FormKey: [32]byte{1}, Now: w.Now})
	w.Must(err)
	w.Enrol("mona", "", identity.RoleModerator)
	w.Enrol("rita", gatetest.City, identity.RoleRequester)
	return w
}

// photo is a drawn picture, a JPEG with a place in its EXIF and a comment.
func photo(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.RGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8((x ^ y) & 255), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	exif := []byte("Exif\x00\x00GPS 39.7512345 N 89.6512345 W")
	segment := append([]byte{0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))...)
	return slices.Concat(b.Bytes()[:2], segment, exif, b.Bytes()[2:])
}

func (w *world) lost(change func(*Draft)) Lost {
	w.T.Helper()
	w.posted++
	b := w.NewBearer(fmt.Sprintf("secret of post number %04d", w.posted))
	d := Draft{Animal: "dog", Colours: []Colour{"brown", "white"}, Words: "Biscuit, red collar, shy.", Place: geo.Half.Of(w.Place(-89.65, 39.75)), Rounding: geo.Half,
		Seen: w.Now().Add(-2 * time.Hour), Hours: 24, Photos: [][]byte{photo(w.T, 640, 480)}}
	if change != nil {
		change(&d)
	}
	token := w.Posting.Token()
	w.World.Sleep(form.Takes)
	return Lost{Form: token, OwnerHash: b.OwnerHash, Recipient: b.Recipient, Draft: d}
}

// open posts a lost dog and has it let in.
func (w *world) open() (gatetest.Bearer, string) {
	w.T.Helper()
	by, l := gatetest.Resident(), w.lost(nil)
	_, err := w.Post(w.ctx, by, l)
	w.Must(err)
	w.Must(w.moderate("mona", by.ActID, true))
	return w.NewBearer(fmt.Sprintf("secret of post number %04d", w.posted)), by.ActID
}

func (w *world) moderate(id, post string, approve bool) error {
	_, err := gatetest.As(w.World, id, func(by gate.Caller) (*gate.Grant, error) { return w.Moderate(w.ctx, by, post, approve, "") })
	return err
}

func (w *world) sight(post string, to gatetest.Bearer, secret string) (gatetest.Bearer, string, error) {
	b := w.NewBearer(secret)
	token := w.Telling.Token()
	w.World.Sleep(form.Takes)
	by := gatetest.Resident()
	_, err := w.Sight(w.ctx, by, Sent{Form: token, Post: post, OwnerHash: b.OwnerHash, Recipient: b.Recipient, Sealed: w.Seal("by the creek", to.Recipient)})
	return b, by.ActID, err
}

// The whole walk: posted, let in, seen, written about, renewed, found, forgotten.
func TestWalk(t *testing.T) {
	w := newWorld(t)
	by, l := gatetest.Resident(), w.lost(nil)
	_, err := w.Post(w.ctx, by, l)
	w.Must(err)
	ann := w.NewBearer("secret of post number 0001")
	if ps, err := w.Open(w.ctx); err != nil || len(ps) != 0 {
		t.Fatalf("seen before a moderator looked: %v, %v", ps, err)
	}
	if again, err := w.Post(w.ctx, by, l); err != nil || !again.Replayed {
		t.Errorf("a repeat: %+v, %v", again, err)
	}
	queue, err := w.Queue(w.ctx, w.Who["mona"])
	w.Must(err)
	if len(queue) != 1 || len(queue[0].Photos) != 1 {
		t.Fatalf("the moderator sees %+v", queue)
	}
	if _, err := w.Queue(w.ctx, w.Who["rita"]); !errors.Is(err, ErrNotFound) {
		t.Errorf("an officer reads the queue: %v", err)
	}
	if kept := queue[0].Photos[0]; bytes.Contains(kept.JPEG, []byte("GPS")) || len(kept.JPEG) > MaxPhoto || max(kept.W, kept.H) > 512 {
		t.Errorf("a photo of %d bytes, %dx%d, with metadata %t", len(kept.JPEG), kept.W, kept.H, bytes.Contains(kept.JPEG, []byte("GPS")))
	}
	w.Must(w.moderate("mona", by.ActID, true))
	p, err := w.Published(w.ctx, by.ActID)
	w.Must(err)
	if rec, err := w.Gate.At(w.ctx, p.Published); err != nil || rec.Entry.Act.Public["content"] != p.Content().Hash() {
		t.Errorf("entry %d does not carry the content: %v", p.Published, err)
	}

	bea, sighting, err := w.sight(p.ID, ann, "a secret of Bea's who saw it")
	w.Must(err)
	cy, _, err := w.sight(p.ID, ann, "a secret of Cy's who saw it")
	w.Must(err)
	f, err := w.Follow(w.ctx, ann.Token)
	w.Must(err)
	if len(f.Sightings) != 2 || f.Sightings[0].ID != sighting {
		t.Fatalf("she sees %+v", f.Sightings)
	}
	letter := w.Seal("Thank you!", bea.Recipient, ann.Recipient)
	_, err = w.Write(w.ctx, gatetest.Resident(), ann.Token, sighting, letter)
	w.Must(err)
	_, err = w.Write(w.ctx, gatetest.Resident(), bea.Token, sighting, letter)
	w.Must(err)
	for who, token := range map[string]string{"another neighbor": cy.Token, "nobody": ""} {
		if _, err := w.Write(w.ctx, gatetest.Resident(), token, sighting, letter); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s writes: %v", who, err)
		}
	}
	g, to, state, err := w.FollowSighting(w.ctx, bea.Token)
	w.Must(err)
	if len(g.Messages) != 2 || !g.Messages[0].FromPoster || g.Messages[1].FromPoster || to != ann.Recipient || state != Open {
		t.Errorf("Bea sees %+v to %s, %s", g, to, state)
	}

	w.World.Sleep(20 * time.Hour)
	_, err = w.Renew(w.ctx, gatetest.Resident(), ann.Token, 72)
	w.Must(err)
	w.World.Sleep(71 * time.Hour)
	if n, err := w.Sweep(w.ctx); n != 0 || err != nil {
		t.Errorf("ended a renewed post: %d, %v", n, err)
	}
	_, err = w.Close(w.ctx, gatetest.Resident(), ann.Token, true)
	w.Must(err)
	if _, err := w.Published(w.ctx, p.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("still there: %v", err)
	}
	if f, err := w.Follow(w.ctx, ann.Token); err != nil || f.Post.State != Found || f.Post.Words != "" || f.Post.Place != (geo.Point{}) || len(f.Post.Photos) != 0 || len(f.Sightings) != 2 {
		t.Errorf("what is left of it: %+v, %v", f.Post, err)
	}
	w.World.Sleep(keepAfter + time.Minute)
	_, err = w.Sweep(w.ctx)
	w.Must(err)
	for _, table := range []string{"pet_post", "pet_photo", "pet_sighting", "pet_message"} {
		var n int
		if w.Must(w.DB.Read().QueryRow(`SELECT count(*) FROM ` + table).Scan(&n)); n != 0 {
			t.Errorf("%d rows left in %s", n, table)
		}
	}
	for _, e := range w.Entries() {
		if s := string(e.Bytes()); strings.Contains(s, "Biscuit") || strings.Contains(s, "39.7") {
			t.Errorf("the ledger says %s", s)
		}
	}
	if open, err := w.Open(w.ctx); err != nil || len(open) != 0 {
		t.Errorf("%v, %v", open, err)
	}
}

// A post nobody renews ends by itself, and one nobody let in is forgotten.
func TestEnds(t *testing.T) {
	w := newWorld(t)
	ann, id := w.open()
	_, _, err := w.sight(id, ann, "a secret of Bea's who saw it")
	w.Must(err)
	_, err = w.Post(w.ctx, gatetest.Resident(), w.lost(nil))
	w.Must(err)
	w.World.Sleep(24*time.Hour + time.Minute)
	if _, err := w.Published(w.ctx, id); !errors.Is(err, ErrNotFound) {
		t.Errorf("over, but shown: %v", err)
	}
	if n, err := w.Sweep(w.ctx); n != 2 || err != nil {
		t.Errorf("ended %d, %v", n, err)
	}
	if f, err := w.Follow(w.ctx, ann.Token); err != nil || f.Post.State != Expired || len(f.Sightings) != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := w.Renew(w.ctx, gatetest.Resident(), ann.Token, 24); !slices.Equal(gatetest.RefusedBy(err), []string{"base.default-deny"}) {
		t.Errorf("renewed when over: %v", err)
	}
}

// A moderator removes what somebody reported; its poster reads nothing more.
func TestRemoved(t *testing.T) {
	w := newWorld(t)
	ann, id := w.open()
	_, _, err := w.sight(id, ann, "a secret of Bea's who saw it")
	w.Must(err)
	token := w.Telling.Token()
	w.World.Sleep(form.Takes)
	_, err = w.Report(w.ctx, gatetest.Resident(), token, id, "person")
	w.Must(err)
	queue, err := w.Queue(w.ctx, w.Who["mona"])
	w.Must(err)
	if len(queue) != 1 || !slices.Equal(queue[0].Reports, []Report{"person"}) {
		t.Fatalf("%+v", queue)
	}
	remove := func(id, why string) error {
		_, err := gatetest.As(w.World, id, func(by gate.Caller) (*gate.Grant, error) { return w.Remove(w.ctx, by, queue[0].ID, why) })
		return err
	}
	for who, why := range map[string]string{"mona": " ", "rita": "It shows a person."} {
		if err := remove(who, why); gatetest.RefusedBy(err) == nil {
			t.Errorf("%s removes it: %v", who, err)
		}
	}
	w.Must(remove("mona", "It shows a person."))
	if f, err := w.Follow(w.ctx, ann.Token); err != nil || f.Post.State != Removed || len(f.Sightings) != 0 || len(f.Post.Photos) != 0 {
		t.Errorf("%+v, %v", f, err)
	}
	if _, _, err := w.sight(id, ann, "a secret of Cy's who saw it"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a sighting after it was removed: %v", err)
	}
}

func TestRefused(t *testing.T) {
	w := newWorld(t)
	for field, change := range map[string]func(*Draft){
		"animal":  func(d *Draft) { d.Animal = "person" },
		"colours": func(d *Draft) { d.Colours = []Colour{"tall"} },
		"words":   func(d *Draft) { d.Words = strings.Repeat("x", MaxWords+1) },
		"place":   func(d *Draft) { d.Rounding, d.Place = geo.Exact, w.Place(-89.6512345, 39.7512345) },
		"seen":    func(d *Draft) { d.Seen = w.Now().Add(-31 * 24 * time.Hour) },
		"photos":  func(d *Draft) { d.Photos = [][]byte{[]byte("<svg/>")} },
	} {
		var invalid *Invalid
		if _, err := w.Post(w.ctx, gatetest.Resident(), w.lost(change)); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for rule, change := range map[string]func(*Draft){
		"base.pet-photos": func(d *Draft) { d.Photos = nil },
		"base.pet-hours":  func(d *Draft) { d.Hours = 73 },
		"base.pet-here":   func(d *Draft) { d.Place = geo.Half.Of(w.Place(4.9, 52.37)) },
	} {
		if _, err := w.Post(w.ctx, gatetest.Resident(), w.lost(change)); !slices.Equal(gatetest.RefusedBy(err), []string{rule}) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	l := w.lost(nil)
	l.Form = "none"
	if _, err := w.Post(w.ctx, gatetest.Resident(), l); !errors.Is(err, form.ErrSlow) {
		t.Errorf("without a form: %v", err)
	}
	if err := w.moderate("rita", w.waiting(), true); gatetest.RefusedBy(err) == nil {
		t.Errorf("an officer lets a post in: %v", err)
	}
}

// waiting posts a dog that nobody has let in.
func (w *world) waiting() string {
	by := gatetest.Resident()
	_, err := w.Post(w.ctx, by, w.lost(nil))
	w.Must(err)
	return by.ActID
}

// Runs are recorded as numbers, hour by hour; few homes are not told apart.
func TestRuns(t *testing.T) {
	w := newWorld(t)
	_, id := w.open()
	for _, homes := range []int{3, 7} {
		for range homes {
			w.Must(w.Ran(w.ctx, id))
		}
		w.World.Sleep(time.Hour)
	}
	if err := w.Ran(w.ctx, w.waiting()); !errors.Is(err, ErrNotFound) {
		t.Errorf("a run for a post nobody let in: %v", err)
	}
	if n, err := w.Sweep(w.ctx); n != 2 || err != nil {
		t.Fatalf("recorded %d, %v", n, err)
	}
	var told []string
	for _, e := range w.Entries() {
		if e.Act.Action == "pet.run" {
			told = append(told, e.Act.Public["in"]+" "+e.Act.Public["homes"])
			if e.Act.Actor != "system" || e.Act.Public["post"] != id {
				t.Errorf("%+v", e.Act)
			}
		}
	}
	if want := []string{"2026-11-22T09:00:00Z 1-4", "2026-11-22T10:00:00Z 7"}; !slices.Equal(told, want) {
		t.Errorf("%v, want %v", told, want)
	}
	if n, err := w.Sweep(w.ctx); n != 0 || err != nil {
		t.Errorf("recorded twice: %d, %v", n, err)
	}
}

// Every cell has two files, each of one size whatever is posted; the photos are
// where the first file says.
func TestFeed(t *testing.T) {
	w := newWorld(t)
	skey, vkey, err := feed.NewKey("exchange.example")
	w.Must(err)
	signer, err := note.NewSigner(skey)
	w.Must(err)
	verifier, err := note.NewVerifier(vkey)
	w.Must(err)
	var posts []Post
	b, err := NewBuilder(w.ctx, FeedOptions{
		Signer: signer, Key: vkey, Jurisdiction: []geo.Polygon{w.Town}, Now: w.Now,
		Receipt: func(_ context.Context, entry uint64) (string, error) { return fmt.Sprint("receipt ", entry), nil },
		Open:    func(context.Context) ([]Post, error) { return posts, nil },
	})
	w.Must(err)
	get := func(path string) []byte {
		res := httptest.NewRecorder()
		b.ServeHTTP(res, httptest.NewRequest("GET", path, nil))
		if res.Code != 200 {
			t.Fatalf("%s: %d", path, res.Code)
		}
		return res.Body.Bytes()
	}
	pictures := [][]byte{}
	for n := range 4 {
		p, err := redraw(photo(t, 500+10*n, 400))
		w.Must(err)
		pictures = append(pictures, p.JPEG)
	}
	for _, count := range []int{0, 1, 40, 200} {
		posts = nil
		for n := range count {
			posts = append(posts, Post{ID: fmt.Sprintf("%026d", n), Draft: Draft{Animal: "cat", Place: geo.Half.Of(w.Place(-89.65, 39.75)), Rounding: geo.Half},
				Photos: []Photo{{pictures[n%4], 512, 400}}, State: Open, Published: uint64(n), Ends: w.Now().Add(time.Hour)})
		}
		w.Must(b.Build(w.ctx))
		near, sizes := 0, map[int]bool{}
		for _, cell := range b.Cells() {
			file, photos := get(Feed.Path+cell), get(Feed.Path+cell+"/photos")
			f, err := ParseFeed(file, verifier)
			w.Must(err)
			sizes[len(file)<<32|len(photos)] = true
			if len(f.Body.Posts) > 0 {
				near++
			}
			if len(f.Body.Posts) > maxInCell {
				t.Errorf("%d posts in a cell", len(f.Body.Posts))
			}
			for _, item := range f.Body.Posts {
				at := item.At[0]
				if (Photo{photos[at.Offset : at.Offset+at.Length], 512, 400}).Name() != item.Post.Photos[0] {
					t.Errorf("the photo of %s is not where the file says", item.Post.ID)
				}
				if item.Receipt != fmt.Sprint("receipt ", item.Entry) {
					t.Errorf("receipt %q", item.Receipt)
				}
			}
		}
		if len(sizes) != 1 || (near > 0) != (count > 0) || count > 0 && near == len(b.Cells()) {
			t.Errorf("%d posts: sizes %v, in %d of %d cells", count, sizes, near, len(b.Cells()))
		}
	}
}

func FuzzRedraw(f *testing.F) {
	f.Add(photo(f, 80, 70))
	f.Add([]byte("\xff\xd8\xff"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		p, err := redraw(sent)
		if err != nil {
			return
		}
		if c, err := jpeg.DecodeConfig(bytes.NewReader(p.JPEG)); err != nil || c.Width != p.W || c.Height != p.H || len(p.JPEG) > MaxPhoto {
			t.Errorf("%d bytes, %v", len(p.JPEG), err)
		}
	})
}
