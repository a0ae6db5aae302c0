// Package image keeps the pictures of reads, sealed to the plates vault of the
// agency whose camera took them. The exchange cannot open one: a clear picture
// from a vendor's camera is sealed before it touches a disk, and a Porchlight
// camera seals by itself.
//
// A picture is an age file split in two, as a resident's clip is: the header,
// which the vault opens, in the store; the payload in a blob. The payloads of
// one owner and UTC day lie one after the other in a roll, one blob, so that a
// day costs one file to keep and one to delete. A picture without its header is
// unreadable for ever, wherever its payload still lies.
//
// Pictures have a retention of their own, never longer than that of the reads.
// One outlives its time only while a hit or a case needs it.
package image

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"crypto/rand"

	"porchlight/blob"
	"porchlight/db"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/plate"
)

// Picture is the record of one picture. Nothing in it shows anything.
type Picture struct {
	ID    string    // 26 lower-case letters and digits
	Owner string    // ORI
	Seen  time.Time // as of its read
	Size  int64     // bytes of the payload: the age file without its header
	Due   time.Time // when it goes, unless something needs it; then it is asked for again
	Held  bool      // something needed it when its time was over

	roll  string // blob
	start int64  // of the payload in the roll
}

// Ask is one agency's request to another for a picture that a search showed it.
// It is answered once, by a share.
type Ask struct {
	ID      string    // the act image.ask
	Picture string    //
	Read    plate.ID  //
	Owner   string    // ORI
	Asker   string    // ORI
	Person  string    // id of who asked
	Search  string    // entry of the search, as in Lead
	At      time.Time //
	Shared  time.Time // zero: not yet
	Expires time.Time // of the share
	Gone    bool      // the picture's time was over
}

// Lead is what led somebody to a picture: one of a search, a hit, or another
// agency's ask.
type Lead struct {
	Search string // entry of the act search.run
	Hit    string // id of the hit
	Ask    string // Ask.ID
}

// Wanted is a picture with the read it is of.
type Wanted struct {
	Picture string
	Read    plate.ID
}

// Limits.
const (
	MaxPicture = 4 << 20             // bytes of one picture, clear or sealed
	MaxPixels  = 64 << 20            // width times height
	MaxView    = 24                  // pictures opened by one act
	ShareMost  = 30 * 24 * time.Hour // also base.image-share-asked
)

var (
	// ErrNotFound: no such picture or ask, or none this agency may know of.
	ErrNotFound = errors.New("image: no such picture")
	// ErrInput: a field is missing or cannot be; the message says which.
	ErrInput = errors.New("image: bad input")
	// ErrClosed: this view was never opened, is another session's, or has ended.
	ErrClosed = errors.New("image: this view has ended")
	// ErrAsked: the agency has asked for this picture already.
	ErrAsked = errors.New("image: your agency has asked for this picture already")
)

// Why a picture is refused.
type Why string

const (
	NoVault    Why = "no-vault"    // its owner has published no plates vault
	TooBig     Why = "too-big"     // more than MaxPicture bytes or MaxPixels pixels
	NotPicture Why = "not-picture" // neither a whole JPEG nor a whole PNG
	NotSealed  Why = "not-sealed"  // no age file for one X25519 recipient
	Over       Why = "over"        // its time is over already
)

// Refused is the error of a picture that is never kept, however often it comes.
// Its read is kept without it. Refusals are counted, see Refusals.
type Refused struct{ Why Why }

func (r *Refused) Error() string {
	return "the picture is not kept: " + map[Why]string{
		NoVault:    "its owner has no vault for pictures of plate reads; an administrator creates one",
		TooBig:     fmt.Sprintf("it has more than %d bytes or %d pixels", MaxPicture, MaxPixels),
		NotPicture: "it is neither a whole JPEG nor a whole PNG",
		NotSealed:  "it is not an age file for one X25519 recipient",
		Over:       "its retention is over already",
	}[r.Why]
}

// Vaults knows the recipients that pictures are sealed to; see roster.Directory.
type Vaults interface {
	// PlatesVault is the recipient of the owner's plates vault, "" if there is none.
	PlatesVault(ctx context.Context, owner string) (recipient string, err error)
}

// Leads knows the searches and hits that lead people to pictures.
type Leads interface {
	// Led reports whether the search or hit in l is one of who's agency and showed
	// it the read, whose picture is the one wanted.
	Led(ctx context.Context, who identity.Principal, l Lead, w Wanted) (bool, error)
}

// Options joins the service to its neighbors; the first five are needed to keep
// pictures, Leads to view them.
type Options struct {
	DB       *db.DB
	Blobs    blob.Store
	Gate     *gate.Gate
	Agencies gate.Agencies
	Vaults   Vaults
	Leads    Leads // nil: nothing leads anybody to a picture

	// ReadsKept is how long an owner's reads are kept, the most for its pictures;
	// nil: 30 days.
	ReadsKept func(owner string) time.Duration
	// Needed lists the pictures of an owner's reads, seen from one time until before
	// another, that a hit or a held read needs although their time is over. It may
	// list others besides. nil: none.
	Needed func(ctx context.Context, owner string, from, to time.Time) ([]string, error)

	Now     func() time.Time // default time.Now
	ViewFor time.Duration    // how long a view stays open; default 30 minutes
	Logger  *slog.Logger     // default discards
}

// Service keeps pictures, opens them to people, and lets them go. Safe for
// concurrent use, and beside other processes on the same store and blobs.
type Service struct {
	Options
	naming [32]byte // see name

	mu      sync.Mutex
	rolls   map[rollKey]*roll
	refused map[refusal]int64 // not yet in the store
}

// New opens the tables.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.ReadsKept == nil {
		o.ReadsKept = func(string) time.Duration { return 30 * 24 * time.Hour }
	}
	if o.Needed == nil {
		o.Needed = func(context.Context, string, time.Time, time.Time) ([]string, error) { return nil, nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ViewFor == 0 {
		o.ViewFor = 30 * time.Minute
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.DB.Migrate(ctx, "image", migrations); err != nil {
		return nil, err
	}
	s := &Service{Options: o, rolls: map[rollKey]*roll{}, refused: map[refusal]int64{}}
	rand.Read(s.naming[:])
	return s, nil
}
