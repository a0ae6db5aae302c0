// Package pets is where a neighbor posts that her animal is lost, homes read it
// from a padded feed, and whoever saw the animal writes to her, sealed.
//
// It is among neighbors: no agency has a part in it, and nothing in it can look
// for a person. Homes that opted in match animals in their own recordings by
// themselves (package home/pets), and tell only that they did, as a number.
// docs/acts/pets.md argues it.
package pets

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"slices"
	"time"

	"porchlight/feed"
	"porchlight/geo"
	"porchlight/internal/form"
)

// Animal is what is lost, from a closed list. A home looks for what its detector
// knows by the same word; of an "other" only people read.
type Animal string

// Animals lists all of them.
func Animals() []Animal { return []Animal{"dog", "cat", "bird", "horse", "other"} }

// Colour is what an animal looks like, from a closed list.
type Colour string

// Colours lists all of them.
func Colours() []Colour {
	return []Colour{"black", "white", "grey", "brown", "tan", "orange", "golden", "green", "blue", "yellow", "red", "spotted", "striped"}
}

// State is where a post stands; the words are policy's PetState.
type State string

// The states. All after Open are ends.
const (
	Waiting   State = "waiting" // for a moderator; nobody else sees it
	Open      State = "open"    // published
	Found     State = "found"
	Withdrawn State = "withdrawn"
	Expired   State = "expired"
	Rejected  State = "rejected" // by a moderator; it was never published
	Removed   State = "removed"  // by a moderator, after it was
)

// Draft is what a neighbor posts.
type Draft struct {
	Animal   Animal
	Colours  []Colour     // at most 3
	Words    string       // its name, a collar, how it behaves; at most MaxWords characters
	Place    geo.Point    // where it was last seen, on Rounding's grid
	Rounding geo.Rounding // Hundred or Half: never the exact place, which may be her door
	Seen     time.Time    // when it was last seen
	Hours    int          // how long the post is to live once it is published
	Photos   [][]byte     // JPEG
}

// Limits of a draft. How many photos and hours there may be is policy's to say.
const (
	MaxWords  = 300       // characters
	MaxUpload = 220 << 10 // bytes of one photo as it is sent
	MaxSide   = 1600      // pixels of its longer side as it is sent
	MaxPhoto  = 48 << 10  // bytes of one photo as it is kept
	maxTaken  = 8         // photos that are looked at at all
)

// Invalid is the error of a draft that cannot be a post. Nothing is recorded.
type Invalid struct{ Field, Problem string }

func (e *Invalid) Error() string { return "pets: " + e.Field + " " + e.Problem }

// check returns *Invalid.
func (d Draft) check(now time.Time) error {
	switch {
	case !slices.Contains(Animals(), d.Animal):
		return &Invalid{"animal", "is not in the list of animals"}
	case len(d.Colours) > 3 || slices.ContainsFunc(d.Colours, func(c Colour) bool { return !slices.Contains(Colours(), c) }):
		return &Invalid{"colours", "must be at most three of the list"}
	case !form.Line(d.Words, MaxWords):
		return &Invalid{"words", fmt.Sprintf("are more than %d characters or no plain line of text", MaxWords)}
	case d.Rounding != geo.Hundred && d.Rounding != geo.Half || !d.Rounding.Keeps(d.Place):
		return &Invalid{"place", "is not rounded to 100 or 500 metres"}
	case d.Seen.After(now.Add(time.Hour)) || d.Seen.Before(now.Add(-30*24*time.Hour)):
		return &Invalid{"seen", "must be a time of the last 30 days"}
	}
	return nil
}

// Photo is one picture of an animal as it is kept: drawn again from its pixels,
// so that nothing else of the file she sent is left (place, camera, thumbnail).
type Photo struct {
	JPEG []byte
	W, H int
}

// redraw makes a Photo of what was sent. *Invalid.
func redraw(sent []byte) (Photo, error) {
	no := func(why string) (Photo, error) { return Photo{}, &Invalid{"photos", why} }
	if len(sent) > MaxUpload {
		return no(fmt.Sprintf("must have at most %d KiB each", MaxUpload>>10))
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(sent))
	if err != nil {
		return no("must be JPEG pictures")
	}
	if max(c.Width, c.Height) > MaxSide || min(c.Width, c.Height) < 64 {
		return no(fmt.Sprintf("must have sides of 64 to %d pixels", MaxSide))
	}
	img, err := jpeg.Decode(bytes.NewReader(sent))
	if err != nil {
		return no("must be JPEG pictures")
	}
	for side := 512; ; side = side * 3 / 4 {
		small := shrink(img, side)
		for quality := 85; quality >= 55; quality -= 15 {
			var b bytes.Buffer
			if err := jpeg.Encode(&b, small, &jpeg.Options{Quality: quality}); err != nil {
				return no("cannot be drawn again")
			}
			if b.Len() <= MaxPhoto {
				return Photo{b.Bytes(), small.Bounds().Dx(), small.Bounds().Dy()}, nil
			}
		}
	}
}

// shrink averages img down to a longer side of at most that many pixels.
func shrink(img image.Image, side int) image.Image {
	b := img.Bounds()
	long := max(b.Dx(), b.Dy())
	side = min(side, long)
	w, h := max(1, b.Dx()*side/long), max(1, b.Dy()*side/long)
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			x0, x1 := b.Min.X+x*b.Dx()/w, b.Min.X+max((x+1)*b.Dx()/w, x*b.Dx()/w+1)
			y0, y1 := b.Min.Y+y*b.Dy()/h, b.Min.Y+max((y+1)*b.Dy()/h, y*b.Dy()/h+1)
			var r, g, bl, n uint64
			for py := y0; py < y1; py++ {
				for px := x0; px < x1; px++ {
					cr, cg, cb, _ := img.At(px, py).RGBA()
					r, g, bl, n = r+uint64(cr), g+uint64(cg), bl+uint64(cb), n+1
				}
			}
			i := out.PixOffset(x, y)
			out.Pix[i], out.Pix[i+1], out.Pix[i+2], out.Pix[i+3] = uint8(r/n>>8), uint8(g/n>>8), uint8(bl/n>>8), 0xff
		}
	}
	return out
}

// Post is one lost animal. Its poster changes it by her link; a moderator lets it
// in and may remove it; time ends it. After its end its photos and words are gone.
type Post struct {
	ID string // ULID: the id of the act that posted it
	Draft
	Photos    []Photo
	State     State
	Recipient string    // the age recipient of its poster's first link, which is published
	Relinked  Relinked  // her link now, if it is another
	Past      []byte    // capability.Next.Past of it
	Posted    time.Time //
	Opened    time.Time // published; zero while waiting
	Ends      time.Time // when it ends by itself; while waiting: when it is forgotten
	Closed    time.Time // zero while waiting or open
	Reports   []Report  // for moderators
	Homes     int       // runs counted so far
	Entry     uint64    // of pet.post
	Published uint64    // entry of pet.moderate; 0 while waiting

	owner string // capability.Holder.Owner
}

// Reader is the age recipient its poster reads with now.
func (p Post) Reader() string { return cmp.Or(p.Relinked.Recipient, p.Recipient) }

// Relinked is a link that took the place of a post's first one: to what sightings
// are sealed since.
type Relinked struct {
	Recipient string `json:"recipient"`
	Entry     uint64 `json:"entry"`   // of pet.relink, which names the post and the recipient
	Receipt   string `json:"receipt"` // of Entry; in the feed alone
}

// Report is what somebody finds wrong with a post.
type Report string

// Reports lists all of them.
func Reports() []Report { return []Report{"person", "not-lost", "harassment", "sale", "other"} }

// Content is what the world reads of a published post. It never changes.
type Content struct {
	ID        string      `json:"id"`
	Animal    Animal      `json:"animal"`
	Colours   []Colour    `json:"colours"`
	Words     string      `json:"words"`
	Lon       float64     `json:"lon"`
	Lat       float64     `json:"lat"`
	Rounding  string      `json:"rounding"`
	Seen      time.Time   `json:"seen"`
	Recipient string      `json:"recipient"` // sightings are sealed to it
	Photos    []PhotoName `json:"photos"`
}

// PhotoName names a photo by the lower-case hex SHA-256 of its bytes.
type PhotoName struct {
	SHA256 string `json:"sha256"`
	W      int    `json:"w"`
	H      int    `json:"h"`
}

// Name is p's.
func (p Photo) Name() PhotoName {
	sum := sha256.Sum256(p.JPEG)
	return PhotoName{hex.EncodeToString(sum[:]), p.W, p.H}
}

// Content is the public part of p.
func (p Post) Content() Content {
	lon, lat := p.Place.Degrees()
	c := Content{p.ID, p.Animal, p.Colours, p.Words, lon, lat, string(p.Rounding), p.Seen, p.Recipient, []PhotoName{}}
	if c.Colours == nil {
		c.Colours = []Colour{}
	}
	for _, photo := range p.Photos {
		c.Photos = append(c.Photos, photo.Name())
	}
	return c
}

// Hash is the lower-case hex SHA-256 of the content's JSON in feed.Compact's
// form, which the entry of its publication carries as the public value "content".
func (c Content) Hash() string {
	sum := sha256.Sum256(feed.Compact(c))
	return hex.EncodeToString(sum[:])
}

// Sighting is what somebody who saw the animal sent, and what she and its poster
// wrote since. Only they can open it.
type Sighting struct {
	ID        string // ULID: the id of the act that sent it
	Post      string
	Recipient string // the age recipient its sender reads with
	Sealed    []byte // age file to the poster's recipient; see Seen
	At        time.Time
	Entry     uint64 // of pet.sight
	Messages  []Message
}

// Seen is what a sighting holds once it is opened: JSON.
type Seen struct {
	At       time.Time `json:"at"`
	Lon      float64   `json:"lon"`
	Lat      float64   `json:"lat"`
	Rounding string    `json:"rounding"`
	Words    string    `json:"words"`
	Photo    []byte    `json:"photo,omitempty"` // JPEG
}

// Message is a letter between the poster and the sender of a sighting.
type Message struct {
	ID         string // the act's
	FromPoster bool
	Sealed     []byte // age file to both recipients
	At         time.Time
	Entry      uint64
}

// Followed is a post as its poster follows it.
type Followed struct {
	Post      Post
	Sightings []Sighting // oldest first
}

// Longest sealed things, in bytes.
const (
	MaxSighting = 256 << 10
	MaxMessage  = 16 << 10
)

var (
	// ErrNotFound: there is no such post or sighting, or not for this caller.
	ErrNotFound = errors.New("pets: no such post")
	// ErrChanged: the post ended or changed at the same moment.
	ErrChanged = errors.New("pets: the post changed at this moment; look again")
	// ErrFull: there are too many sightings or letters, or posts that wait.
	ErrFull = errors.New("pets: there are too many of these; try again later")
)
