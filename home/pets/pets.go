// Package pets is Search Party in the house: at the household's wish it reads the
// posts of lost animals from the exchange's padded feed, looks for them among the
// animals its own cameras saw, and shows the household what is most alike. It
// ranks; it never says that two are the same animal. Nothing is sent before
// somebody in the house looked at the picture and said so.
//
// It compares animals only, by construction. What is compared is a vector of the
// part of a picture in which the detector found an animal of the kind that is
// lost, on both sides: of a photo without such an animal there is no vector, a
// photo that shows a face or is mostly a person is refused, and there is no
// function here that takes a picture of a person. People around an animal are
// covered in what the household may send.
//
// Off, it asks the exchange for nothing. On, it makes the same requests at fixed
// instants whatever is posted and whatever was seen, and counts itself once per
// post, some random time later, whether or not it found anything.
package pets

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/feed"
	"porchlight/gate"
	"porchlight/geo"
	"porchlight/home"
	"porchlight/home/outbox"
	"porchlight/internal/wake"
	posts "porchlight/pets"
	"porchlight/share/client"
	"porchlight/vision"

	"golang.org/x/mod/sumdb/note"
)

// Post is a lost animal as this house reads it.
type Post struct {
	Content posts.Content `json:"content"` // its photos: see Service.Photo
	Ends    time.Time     `json:"ends"`
	Metres  float64       `json:"metres"` // from the nearest camera, by the place as it was rounded
	// Matched: its photos show an animal that can be looked for. Otherwise Why says
	// what is wrong with them; people can still read it.
	Matched bool `json:"matched"`
	Why     Why  `json:"why,omitempty"`
	Found   int  `json:"found"` // candidates that wait for the household
	Over    bool `json:"over"`  // it ended, or was closed; its photos are gone
}

// Why a post cannot be looked for.
type Why string

const (
	NoAnimal Why = "no-animal" // no animal of its kind was found in its photos
	People   Why = "people"    // its photos show a face, or mostly a person
	NoKind   Why = "no-kind"   // no detector knows such an animal
)

// Candidate is a picture of this house that may show the animal.
type Candidate struct {
	ID     string    `json:"id"`
	Post   string    `json:"post"`
	Camera string    `json:"camera"`
	At     time.Time `json:"at"`
	Alike  float32   `json:"alike"` // 0 to 1, to rank by; no probability
	State  State     `json:"state"`
	// Waiting: it, or a letter about it, goes out once the exchange can be reached.
	Waiting bool `json:"waiting"`

	sighting string // its id at the exchange, once sent; empty: its own
}

// State is what the household did about a candidate.
type State string

const (
	New       State = "new"
	Dismissed State = "dismissed"
	Sent      State = "sent"
)

// Run is one time the house looked, as the household can read it.
type Run struct {
	At      time.Time `json:"at"`
	Post    string    `json:"post"`
	Moments int       `json:"moments"` // with an animal
	Found   int       `json:"found"`
	Counted bool      `json:"counted"` // the exchange was told that one home looked
}

// Notice is what the household is told of a post, once.
type Notice struct {
	Post   string // id
	Animal string
	Camera string // of the most alike
	Found  int
}

// Reply is a letter about what the household sent.
type Reply struct {
	At       time.Time `json:"at"`
	FromHome bool      `json:"from_home"`
	Text     string    `json:"text"`
}

// Moments is what this package needs of home/watch.
type Moments interface {
	// Moments are those of a camera that touch the stretch between two times, by time.
	Moments(ctx context.Context, camera string, from, to time.Time) ([]*home.Moment, error)
}

// Stills is what it needs of home/record.
type Stills interface {
	// Still is a JPEG of a camera at an instant, at most that wide.
	Still(ctx context.Context, camera string, at time.Time, width int) ([]byte, error)
}

// Clock is the time and waiting for it.
type Clock interface {
	Now() time.Time
	Until(ctx context.Context, at time.Time) error // the context's error when it ends first
}

// Options join the room to its neighbors. All up to Likeness are needed.
type Options struct {
	DB       *db.DB
	Exchange *client.Exchange
	Cameras  func(context.Context) ([]home.Camera, error)
	Moments  Moments
	Stills   Stills
	Objects  vision.Objects
	Faces    vision.Faces
	Likeness vision.Embedder

	// Notify tells the household; to repeat it for one post is harmless.
	Notify  func(context.Context, Notice) error
	Changed func() // called after posts or candidates changed

	Every  time.Duration // between rounds; default 30 minutes
	Clock  Clock
	Logger *slog.Logger // default discards
}

// Service looks for lost animals. Safe for concurrent use.
type Service struct {
	Options
	offset time.Duration // of this house's rounds
	mu     sync.Mutex    // one round at a time
	wake   wake.Bell     // switched on or off
	acts   *outbox.Outbox
}

const (
	keptPerPost = 12               // candidates
	before      = time.Hour        // of what was seen before the animal was missed, for a clock that is off
	longestBack = 72 * time.Hour   // of what is looked at
	alikeEnough = 0.50             // below, a candidate is not shown; docs/acts/pets.md says what it was measured on
	tellAbove   = 0.70             // from here on the household is told
	countWithin = 3 * time.Hour    // of a run; drawn at random
	stillWidth  = 1280             // pixels
	sendSide    = 640              // pixels of the longer side of what is sent
	surely      = 0.75             // score of a face that refuses a photo, or hides part of the animal
	roundTime   = 10 * time.Minute // at most
)

// ErrNotFound: there is no such post or candidate in this house.
var ErrNotFound = errors.New("home/pets: there is no such post or picture")

// Open opens the room. It is off until OptIn.
func Open(ctx context.Context, o Options) (*Service, error) {
	if o.Every == 0 {
		o.Every = 30 * time.Minute
	}
	if o.Clock == nil {
		o.Clock = wall{}
	}
	if o.Notify == nil {
		o.Notify = func(context.Context, Notice) error { return nil }
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{Options: o, wake: wake.NewBell()}
	if err := o.DB.Migrate(ctx, "home.pets", migrations); err != nil {
		return nil, err
	}
	var err error
	if s.acts, err = outbox.Open(ctx, outbox.Options{DB: o.DB, Exchange: o.Exchange, Room: "pets", Secret: s.secret, Over: over,
		Changed: o.Changed, Now: o.Clock.Now, Logger: o.Logger}); err != nil {
		return nil, err
	}
	s.offset, err = s.drawOffset(ctx)
	return s, err
}

// Next is when the next round is due after now: at instants that depend on an
// offset drawn once, and on nothing else.
func (s *Service) Next(now time.Time) time.Time {
	at := now.Truncate(s.Every).Add(s.offset)
	if !at.After(now) {
		at = at.Add(s.Every)
	}
	return at
}

// Run makes rounds and counts runs while the household opted in, and sends what it
// decided to, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	var sending sync.WaitGroup
	defer sending.Wait()
	sending.Go(func() { s.acts.Run(ctx) })
	for {
		at := s.Next(s.Clock.Now())
		if due, err := s.nextCount(ctx); err == nil && !due.IsZero() && due.Before(at) {
			at = due
		}
		waiting, cancel := context.WithCancel(ctx)
		go func() {
			select {
			case <-s.wake:
			case <-waiting.Done():
			}
			cancel()
		}()
		err := s.Clock.Until(waiting, at)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			continue // switched
		}
		if on, err := s.On(ctx); err != nil || !on {
			continue
		}
		now := s.Clock.Now()
		if s.Next(now.Add(-time.Second)).Sub(now) < time.Second {
			if err := s.Round(ctx); err != nil && ctx.Err() == nil {
				s.Logger.Warn("lost animals could not be read", "err", err)
			}
		}
		if err := s.Count(ctx); err != nil && ctx.Err() == nil {
			s.Logger.Warn("a run could not be counted", "err", err)
		}
	}
}

// Round reads the feed once and looks for what is posted.
func (s *Service) Round(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	cameras, err := s.Cameras(ctx)
	if err != nil {
		return err
	}
	read, err := s.read(ctx, cameras)
	if err != nil {
		return err
	}
	if err := s.take(ctx, read); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(read)) {
		if err := s.look(ctx, id, cameras); err != nil {
			return fmt.Errorf("looking for %s: %w", id, err)
		}
	}
	s.Changed()
	return nil
}

// received is a post with its photos, proved.
type received struct {
	posts.FeedItem
	photos [][]byte
}

// reader is the age recipient of its poster's link now; "": the content's.
func (r received) reader() string {
	if r.Relinked == nil {
		return ""
	}
	return r.Relinked.Recipient
}

// read fetches both files of each cell that holds a camera, always both and
// whole, and takes from them what the ledger proves.
func (s *Service) read(ctx context.Context, cameras []home.Camera) (map[string]received, error) {
	var index feed.Index
	body, err := s.fetch(ctx, "")
	if err == nil {
		err = json.Unmarshal(body, &index)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the list of cells: %w", err)
	}
	if err := client.CheckFeedKey(index, s.Exchange.Ledger); err != nil {
		return nil, err
	}
	key, err := note.NewVerifier(index.Key)
	if err != nil {
		return nil, err
	}
	mine := map[string]bool{} // also of cameras that are off: switching one off changes nothing outside
	for _, c := range cameras {
		mine[c.Place.Cell()] = true
	}
	out := map[string]received{}
	for _, cell := range slices.Sorted(maps.Keys(mine)) {
		if _, ok := slices.BinarySearch(index.Cells, cell); !ok {
			continue
		}
		file, err := s.fetch(ctx, cell)
		photos, err2 := s.fetch(ctx, cell+"/"+posts.Feed.Attached)
		if err := errors.Join(err, err2); err != nil {
			return nil, fmt.Errorf("reading cell %s: %w", cell, err)
		}
		f, err := posts.ParseFeed(file, key)
		if err != nil || f.Cell != cell {
			return nil, fmt.Errorf("the file of cell %s is not one that the exchange signed for it: %w", cell, err)
		}
		if late := 2*time.Duration(f.Body.IntervalSeconds)*time.Second + 10*time.Minute; s.Clock.Now().Sub(f.Made).Abs() > late {
			return nil, fmt.Errorf("the file of cell %s is of %s", cell, f.Made.Format(time.RFC3339))
		}
		for _, item := range f.Body.Posts {
			r, err := s.prove(item, photos)
			if err != nil {
				s.Logger.Warn("a post is not proved, and left out", "post", item.Post.ID, "err", err)
				continue
			}
			out[item.Post.ID] = r
		}
	}
	return out, nil
}

// prove checks a post against its receipt, and its photos against the post.
func (s *Service) prove(item posts.FeedItem, file []byte) (received, error) {
	r := received{FeedItem: item}
	if err := s.Exchange.Proves(item.Receipt, "pet.moderate", item.Entry,
		map[string]string{"post": item.Post.ID, "verdict": "approve", "content": item.Post.Hash()}); err != nil {
		return r, err
	}
	if next := item.Relinked; next != nil {
		if err := s.Exchange.Proves(next.Receipt, "pet.relink", next.Entry, map[string]string{"post": item.Post.ID, "recipient": next.Recipient}); err != nil {
			return r, err
		}
	}
	if len(item.At) != len(item.Post.Photos) {
		return r, errors.New("its photos are not where they should be")
	}
	for i, at := range item.At {
		if at.Offset < 0 || at.Length < 0 || at.Offset > len(file) || at.Length > len(file)-at.Offset {
			return r, errors.New("its photos are not in the file")
		}
		photo := file[at.Offset : at.Offset+at.Length]
		if (posts.Photo{JPEG: photo}).Name().SHA256 != item.Post.Photos[i].SHA256 {
			return r, errors.New("a photo is another one than was let in")
		}
		r.photos = append(r.photos, photo)
	}
	return r, nil
}

// fetch reads a file of the feed: the same request in every house, without a
// condition, by which an exchange could know a house again.
func (s *Service) fetch(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Exchange.URL+posts.Feed.Path+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "porchlight-home")
	c := s.Exchange.HTTP
	if c == nil {
		c = plainHTTP
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(posts.Feed.MaxAttached)+1))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("it answered %s", resp.Status)
	}
	return body, err
}

var plainHTTP = client.NewHTTP()

// animal is a vector of an animal, which only describe makes.
type animal struct{ vector vision.Embedding }

// kinds are what the detector may call an animal that people call so: it takes
// small dogs for cats, and the other way round.
var kinds = map[posts.Animal][]vision.Kind{
	"dog": {"dog", "cat"}, "cat": {"cat", "dog"}, "bird": {"bird"}, "horse": {"horse", "cow"},
}

// seen is an animal found in a picture.
type seen struct {
	animal
	box    vision.Box
	people []vision.Box // faces and persons of the same picture
}

// describe finds the animals of a kind in a picture, and the persons. Where it
// finds no animal there is no vector.
func (s *Service) describe(f vision.Frame, kind posts.Animal) (found []seen, persons []vision.Box, err error) {
	things, err := s.Objects.Objects(f)
	if err != nil {
		return nil, nil, err
	}
	faces, err := s.Faces.Faces(f)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range things {
		if t.Kind == "person" {
			persons = append(persons, t.Box)
		}
	}
	for _, t := range things {
		if !slices.Contains(kinds[kind], t.Kind) {
			continue
		}
		v, err := s.Likeness.Embed(f, t.Box)
		if err != nil {
			continue // the box is not in the picture
		}
		people := slices.Clone(persons)
		for _, face := range faces {
			// The detector is made to miss no face, so that it takes an animal's own for
			// one: on the animal only what is surely a face counts.
			if face.Score >= surely || !within(face.Box, t.Box) {
				people = append(people, face.Box)
			}
		}
		found = append(found, seen{animal{v}, t.Box, people})
	}
	return found, persons, nil
}

// within reports whether a box lies in another.
func within(a, b vision.Box) bool {
	return a.X >= b.X && a.Y >= b.Y && a.X+a.W <= b.X+b.W && a.Y+a.H <= b.Y+b.H
}

// subject makes of a post's photo what is looked for. What is surely a face, or a
// person larger than the animal, refuses the photo.
func (s *Service) subject(photo []byte, kind posts.Animal) (a animal, why Why, err error) {
	f, err := decode(photo)
	if err != nil {
		return a, NoAnimal, nil
	}
	faces, err := s.Faces.Faces(f)
	if err != nil || slices.ContainsFunc(faces, func(face vision.Face) bool { return face.Score >= surely }) {
		return a, People, err
	}
	found, persons, err := s.describe(f, kind)
	if err != nil || len(found) == 0 {
		return a, NoAnimal, err
	}
	largest := slices.MaxFunc(found, func(a, b seen) int { return cmp.Compare(area(a.box), area(b.box)) })
	for _, p := range persons {
		if area(p) > area(largest.box) {
			return a, People, nil
		}
	}
	return largest.animal, "", nil
}

func area(b vision.Box) float32 { return b.W * b.H }

// look matches what was seen since the last time against one post, and keeps the
// most alike.
func (s *Service) look(ctx context.Context, id string, cameras []home.Camera) error {
	k, err := s.kept(ctx, id)
	if err != nil || !k.Matched {
		return err
	}
	var wanted []animal
	for _, v := range k.vectors {
		wanted = append(wanted, animal{v})
	}
	now := s.Clock.Now()
	done, err := s.looked(ctx, id)
	if err != nil {
		return err
	}
	from := k.Content.Seen.Add(-before)
	if oldest := now.Add(-longestBack); from.Before(oldest) {
		from = oldest
	}
	run := Run{At: now, Post: id}
	var better []Candidate
	var looked []still
	for _, c := range cameras {
		moments, err := s.Moments.Moments(ctx, c.ID, from, now)
		if err != nil {
			return err
		}
		for _, m := range moments {
			here := still{c.ID, db.Micros(m.Still)}
			if !slices.Contains(m.What, home.Animal) || m.Still.Before(from) || done[here] {
				continue
			}
			alike, err := s.compare(ctx, c.ID, m.Still, k.Content.Animal, wanted)
			if err != nil {
				s.Logger.Debug("a still could not be looked at", "camera", c.ID, "err", err)
				continue // the ring took it
			}
			run.Moments++
			looked = append(looked, here)
			if alike >= alikeEnough {
				better = append(better, Candidate{ID: gate.NewActID(), Post: id, Camera: c.ID, At: m.Still, Alike: alike, State: New})
			}
		}
	}
	run.Found = len(better)
	best, err := s.keepRun(ctx, k, run, looked, better)
	if err != nil || best == nil || best.Alike < tellAbove || k.told {
		return err
	}
	if err := s.Notify(ctx, Notice{Post: id, Animal: string(k.Content.Animal), Camera: best.Camera, Found: len(better)}); err != nil {
		s.Logger.Warn("the household could not be told of a lost animal", "err", err)
		return nil
	}
	return s.setTold(ctx, id)
}

// compare is how alike the most alike animal in a still is to any that is wanted.
func (s *Service) compare(ctx context.Context, camera string, at time.Time, kind posts.Animal, wanted []animal) (best float32, err error) {
	f, err := s.still(ctx, camera, at)
	if err != nil {
		return 0, err
	}
	found, _, err := s.describe(f, kind)
	if err != nil {
		return 0, err
	}
	for _, a := range found {
		for _, w := range wanted {
			best = max(best, s.Likeness.Alike(a.vector, w.vector))
		}
	}
	return best, nil
}

func (s *Service) still(ctx context.Context, camera string, at time.Time) (vision.Frame, error) {
	b, err := s.Stills.Still(ctx, camera, at, stillWidth)
	if err != nil {
		return vision.Frame{}, err
	}
	return decode(b)
}

// Picture is what Send would send of a candidate, and what the household judges
// by: the animal with a little around it, people covered. JPEG. ErrNotFound, or
// the recorder's error when the footage is gone.
func (s *Service) Picture(ctx context.Context, id string) ([]byte, error) {
	c, k, err := s.candidate(ctx, id)
	if err != nil {
		return nil, err
	}
	f, err := s.still(ctx, c.Camera, c.At)
	if err != nil {
		return nil, err
	}
	found, _, err := s.describe(f, k.Content.Animal)
	if err != nil {
		return nil, err
	}
	var best seen
	alike := float32(-1)
	for _, a := range found {
		for _, v := range k.vectors {
			if x := s.Likeness.Alike(a.vector, v); x > alike {
				best, alike = a, x
			}
		}
	}
	if alike < 0 {
		return nil, ErrNotFound
	}
	return crop(f, best)
}

// crop cuts the animal out with a tenth around it. Persons and faces beside it
// are grey.
func crop(f vision.Frame, a seen) ([]byte, error) {
	x0, y0 := int(a.box.X-a.box.W/10), int(a.box.Y-a.box.H/10)
	x1, y1 := int(a.box.X+a.box.W*1.1), int(a.box.Y+a.box.H*1.1)
	part := image.Rect(max(0, x0), max(0, y0), min(f.W, x1), min(f.H, y1))
	if part.Empty() {
		return nil, ErrNotFound
	}
	own := image.Rect(int(a.box.X), int(a.box.Y), int(a.box.X+a.box.W), int(a.box.Y+a.box.H))
	covered := func(x, y int) bool {
		for i := range a.people {
			p := a.people[i]
			if float32(x) >= p.X && float32(x) < p.X+p.W && float32(y) >= p.Y && float32(y) < p.Y+p.H {
				// A person who holds the animal overlaps it; where her box is small, it is a face.
				return area(p) <= area(a.box) || !image.Pt(x, y).In(own)
			}
		}
		return false
	}
	scale := max(1, (max(part.Dx(), part.Dy())+sendSide-1)/sendSide)
	out := image.NewRGBA(image.Rect(0, 0, max(1, part.Dx()/scale), max(1, part.Dy()/scale)))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			px, py := part.Min.X+x*scale, part.Min.Y+y*scale
			i, o := 3*(py*f.W+px), out.PixOffset(x, y)
			out.Pix[o+3] = 0xff
			if covered(px, py) {
				out.Pix[o], out.Pix[o+1], out.Pix[o+2] = 0x80, 0x80, 0x80
			} else {
				copy(out.Pix[o:o+3], f.Pix[i:i+3])
			}
		}
	}
	var b bytes.Buffer
	err := jpeg.Encode(&b, out, &jpeg.Options{Quality: 80})
	return b.Bytes(), err
}

// decode makes a frame of a JPEG.
func decode(b []byte) (vision.Frame, error) {
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return vision.Frame{}, err
	}
	r := img.Bounds()
	f := vision.Frame{W: r.Dx(), H: r.Dy(), Pix: make([]byte, 0, 3*r.Dx()*r.Dy())}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			cr, cg, cb, _ := img.At(x, y).RGBA()
			f.Pix = append(f.Pix, uint8(cr>>8), uint8(cg>>8), uint8(cb>>8))
		}
	}
	return f, nil
}

// Say is what the household says beside the picture.
type Say struct {
	Rounding geo.Rounding `json:"rounding"` // of the camera's place
	Words    string       `json:"words"`
}

// Send tells the poster that this candidate may be her animal: the picture, when,
// about where, and words, sealed so that only she can open it. It is called when
// somebody in the house looked at the picture and said so, and by nothing else. When
// the exchange cannot be reached, what was sealed goes out later by itself, once.
// ErrNotFound, *client.Problem, client.ErrUnproved.
func (s *Service) Send(ctx context.Context, id string, say Say) (receipt string, err error) {
	c, k, err := s.candidate(ctx, id)
	if err != nil {
		return "", err
	}
	if c.State == Sent {
		return "", nil
	}
	act := outbox.Act{ID: id, Thing: id, Action: "pet.sight", Path: "/pets/" + c.Post + "/sightings", Form: "/pets/telling/form"}
	return s.acts.Do(ctx, act, func(act *outbox.Act) error {
		sealed, err := s.sight(ctx, c, k, say)
		if err != nil {
			return err
		}
		secret, err := s.secretOf(ctx, id) // kept before anything is sent
		if err != nil {
			return err
		}
		hash, recipient, err := secret.Holder()
		if err == nil {
			act.Body, err = json.Marshal(map[string]any{"owner_hash": hash, "recipient": recipient, "sealed": sealed})
		}
		return err
	})
}

// sight seals what the poster is told of a candidate.
func (s *Service) sight(ctx context.Context, c Candidate, k kept, say Say) ([]byte, error) {
	picture, err := s.Picture(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	cameras, err := s.Cameras(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(cameras, func(x home.Camera) bool { return x.ID == c.Camera })
	if i < 0 {
		return nil, ErrNotFound
	}
	lon, lat := say.Rounding.Of(cameras[i].Place).Degrees()
	letter, err := json.Marshal(posts.Seen{At: c.At.UTC().Truncate(time.Minute), Lon: lon, Lat: lat, Rounding: string(say.Rounding), Words: say.Words, Photo: picture})
	if err != nil {
		return nil, err
	}
	return seal(letter, k.reader)
}

// secret is what shows whose a sighting is; who sends one shows nothing.
func (s *Service) secret(ctx context.Context, a outbox.Act) (client.Secret, error) {
	if a.Action == "pet.sight" {
		return nil, nil
	}
	return s.secretOf(ctx, a.Thing)
}

// over keeps what became of an act.
func over(tx *sql.Tx, a outbox.Act, _ string, refused *client.Problem) error {
	if a.Action != "pet.sight" || refused != nil {
		return nil
	}
	_, err := tx.Exec(`UPDATE pets_candidate SET state = ?, sighting = ? WHERE id = ?`, Sent, a.ID, a.Thing)
	return err
}

// Replies are the letters about what was sent, oldest first. ErrNotFound, *client.Problem.
func (s *Service) Replies(ctx context.Context, id string) ([]Reply, error) {
	if c, _, err := s.candidate(ctx, id); err != nil || c.State != Sent {
		return nil, cmp.Or(err, ErrNotFound)
	}
	secret, err := s.secretOf(ctx, id)
	if err != nil {
		return nil, err
	}
	var in struct {
		Sighting struct {
			Messages []struct {
				FromOwner bool `json:"from_owner"`
				Sealed    []byte
				At        time.Time
			}
		}
	}
	if err := s.Exchange.Get(ctx, "/sighting", secret, &in); err != nil {
		return nil, err
	}
	out := []Reply{}
	for _, m := range in.Sighting.Messages {
		text, _ := secret.Open(m.Sealed)
		out = append(out, Reply{m.At, !m.FromOwner, string(text)})
	}
	return out, nil
}

// Reply writes to the poster about what was sent, sealed; until the exchange has it,
// the same text once more is the same letter. ErrNotFound, *client.Problem,
// client.ErrUnproved.
func (s *Service) Reply(ctx context.Context, id, text string) error {
	c, k, err := s.candidate(ctx, id)
	if err != nil || c.State != Sent {
		return cmp.Or(err, ErrNotFound)
	}
	act := outbox.Act{Thing: id, Action: "pet.write", Decision: text, Path: "/sightings/" + cmp.Or(c.sighting, id) + "/messages"}
	_, err = s.acts.Do(ctx, act, func(act *outbox.Act) error {
		secret, err := s.secretOf(ctx, id)
		if err != nil {
			return err
		}
		own, err := secret.Identity()
		if err != nil {
			return err
		}
		sealed, err := seal([]byte(text), k.reader, own.Recipient().String())
		if err == nil {
			act.Body, err = json.Marshal(map[string]any{"sealed": sealed})
		}
		return err
	})
	return err
}

// Count tells the exchange of the runs whose random time has come: the post, and
// nothing else.
func (s *Service) Count(ctx context.Context) error {
	due, err := s.dueCounts(ctx, s.Clock.Now())
	if err != nil {
		return err
	}
	for _, post := range due {
		err := s.Exchange.Post(ctx, "/pets/"+post+"/runs")
		if client.Temporary(err) {
			return err // later
		}
		if err := s.counted(ctx, post); err != nil {
			return err
		}
	}
	return nil
}

// drawCount is when a run is counted.
func (s *Service) drawCount() time.Time {
	return s.Clock.Now().Add(rand.N(countWithin))
}

type wall struct{}

func (wall) Now() time.Time { return time.Now() }

func (wall) Until(ctx context.Context, at time.Time) error {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
