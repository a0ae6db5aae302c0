package record

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/home/cameras"
	"porchlight/video"

	"github.com/oklog/ulid/v2"
)

// Film is one that somebody of the household brings by hand. Its bytes come first,
// in pieces, also after a break; then the household says when it begins, and it
// becomes footage of a camera.
type Film struct {
	ID      string        `json:"id"` // ULID
	Camera  string        `json:"camera"`
	Name    string        `json:"name"` // on the device it comes from
	Size    int64         `json:"size"` // bytes
	Have    int64         `json:"have"` // bytes of it that are here
	Mod     time.Time     `json:"-"`    // when it was last written there; zero: unknown
	Named   time.Time     `json:"-"`    // when it begins, as its name tells; zero: it does not
	Made    time.Time     `json:"made"`
	Begins  time.Time     `json:"begins"` // as far as can be told, or as the household said
	Told    Told          `json:"told"`   // how that is known
	Length  time.Duration `json:"-"`
	Codec   string        `json:"codec"`
	State   FilmState     `json:"state"`
	Trouble Trouble       `json:"trouble"` // why it is not footage
}

// Told is how the begin of a film is known.
type Told string

const (
	ByTags    Told = "tags"    // the device wrote it into the film
	ByName    Told = "name"    // its name tells
	ByWriting Told = "written" // it ended when the file was last written
	ByNothing Told = "nothing" // it is now
)

// Trouble is why a film cannot be footage, or not yet.
type Trouble string

const (
	NoTrouble    Trouble = ""
	TroubleTwice Trouble = "twice" // it was imported before
	TroubleCodec Trouble = "codec" // it is neither H.264 nor H.265, and nothing is encoded
	TroubleFilm  Trouble = "film"  // it is no film, or a damaged one
	TroubleFull  Trouble = "full"  // the disk is full; it may go later
	TroubleOther Trouble = "other" // the log says
)

func troubleOf(err error) Trouble {
	switch {
	case errors.Is(err, ErrTwice):
		return TroubleTwice
	case errors.Is(err, cameras.ErrCodec):
		return TroubleCodec
	case errors.Is(err, video.ErrNoPicture):
		return TroubleFilm
	case isFull(err):
		return TroubleFull
	}
	return TroubleOther
}

// FilmState is how far a film is.
type FilmState string

const (
	Coming FilmState = "coming" // its bytes come
	Ready  FilmState = "ready"  // all of it is here and can be footage
	Taking FilmState = "taking" // it becomes footage
	Taken  FilmState = "taken"  // it is footage
	Failed FilmState = "failed" // it cannot be
)

const (
	maxFilm  = 64 << 30       // bytes of one film
	maxFilms = 200            // at once
	keepFilm = 48 * time.Hour // without news
)

var (
	// ErrFilm: this film is not here.
	ErrFilm = errors.New("this film is not here, or was not finished for two days: begin again")
	// ErrPiece: a piece does not go on where the film is, or another comes just now.
	ErrPiece = errors.New("the film does not go on there: ask how much of it is here")
	// ErrFilmSize: the film is empty or too large.
	ErrFilmSize = errors.New("a film has at least one byte and at most 64 GB")
	// ErrFilmState: the film is not ready for that.
	ErrFilmState = errors.New("this film is not ready for that")
)

// byHand is the folder of films that come; no camera's can be named so.
const byHand = "by-hand"

// films are those that come.
type films struct {
	mu     sync.Mutex
	busy   map[string]bool // a piece comes, or it becomes footage
	taking sync.WaitGroup  // those that become footage
	life   context.Context // until Close
	end    context.CancelFunc
}

func (f *films) take(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy[id] {
		return false
	}
	if f.busy == nil {
		f.busy = map[string]bool{}
	}
	f.busy[id] = true
	return true
}

func (f *films) give(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.busy, id)
}

func (r *Recorder) filmPath(id string) string { return filepath.Join(r.o.Dir, byHand, id) }

// Bring begins to bring a film: its Camera, Name, Size, Mod and Named are said. One
// that was begun before goes on. Cameras.ErrNotFound, ErrFilmSize, ErrFull.
func (r *Recorder) Bring(ctx context.Context, f Film) (Film, error) {
	all, err := r.o.Cameras.List(ctx)
	if err != nil {
		return Film{}, err
	}
	if !slices.ContainsFunc(all, func(c cameras.Camera) bool { return c.ID == f.Camera }) {
		return Film{}, cameras.ErrNotFound
	}
	if f.Size < 1 || f.Size > maxFilm {
		return Film{}, ErrFilmSize
	}
	if err := r.sweepFilms(ctx); err != nil {
		return Film{}, err
	}
	there, err := r.Films(ctx)
	if err != nil {
		return Film{}, err
	}
	for _, o := range there {
		if o.Camera == f.Camera && o.Name == f.Name && o.Size == f.Size && o.State == Coming {
			return o, nil
		}
	}
	if len(there) >= maxFilms {
		return Film{}, fmt.Errorf("%w: there are %d others", ErrFilmState, maxFilms)
	}
	if err := r.eat(ctx, f.Size, 0); err != nil {
		return Film{}, err
	}
	f.ID, f.Made, f.State = strings.ToLower(ulid.Make().String()), r.o.Now().UTC().Truncate(time.Microsecond), Coming
	f.Have, f.Begins, f.Told, f.Length, f.Codec, f.Trouble = 0, time.Time{}, "", 0, "", ""
	if err := os.MkdirAll(filepath.Dir(r.filmPath(f.ID)), 0o700); err != nil {
		return Film{}, err
	}
	return f, r.o.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO home_record_film (`+filmColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			f.ID, f.Camera, f.Name, f.Size, db.Micros(f.Mod), db.Micros(f.Named), db.Micros(f.Made), db.Micros(f.Begins), f.Told, f.Length.Microseconds(), f.Codec, f.State, f.Trouble)
		return err
	})
}

const filmColumns = `id, camera, name, size, mod, named, made, began, told, length, codec, state, trouble`

// Films are those that come or came in the last two days, in the order they were begun.
func (r *Recorder) Films(ctx context.Context) ([]Film, error) {
	all, err := db.All(func(row db.Row) (f Film, err error) {
		var length int64
		err = row.Scan(&f.ID, &f.Camera, &f.Name, &f.Size, db.Into(&f.Mod), db.Into(&f.Named), db.Into(&f.Made), db.Into(&f.Begins), &f.Told, &length, &f.Codec, &f.State, &f.Trouble)
		f.Length = time.Duration(length) * time.Microsecond
		return f, err
	})(r.o.DB.Read().QueryContext(ctx, `SELECT `+filmColumns+` FROM home_record_film ORDER BY id`))
	for i, f := range all {
		all[i].Have = f.Size
		if f.State != Coming {
			continue
		}
		all[i].Have = 0
		if info, err := os.Stat(r.filmPath(f.ID)); err == nil {
			all[i].Have = info.Size()
		}
	}
	return all, err
}

func (r *Recorder) brought(ctx context.Context, id string) (Film, error) {
	all, err := r.Films(ctx)
	if i := slices.IndexFunc(all, func(f Film) bool { return f.ID == id }); i >= 0 {
		return all[i], err
	}
	return Film{}, errors.Join(err, ErrFilm)
}

// Piece takes the next bytes of a film, from offset on, until b ends; what came stays
// when b breaks off. With the last byte the film is looked at: it is Ready with its
// begin, or Failed. ErrFilm, ErrPiece, ErrFull, ErrFilmSize for more than was said.
func (r *Recorder) Piece(ctx context.Context, id string, offset int64, b io.Reader) (Film, error) {
	if !r.films.take(id) {
		return Film{}, ErrPiece
	}
	defer r.films.give(id)
	f, err := r.brought(ctx, id)
	if err != nil {
		return f, err
	}
	if f.State != Coming || f.Have != offset {
		return f, ErrPiece
	}
	file, err := os.OpenFile(r.filmPath(id), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return f, err
	}
	defer file.Close()
	n, err := io.Copy(file, io.LimitReader(b, f.Size-offset))
	f.Have += n
	switch {
	case isFull(err):
		return f, ErrFull
	case err != nil:
		return f, err
	}
	if extra, _ := b.Read(make([]byte, 1)); extra > 0 {
		return f, ErrFilmSize
	}
	if err := file.Sync(); err != nil || f.Have < f.Size {
		return f, err
	}
	return r.lookAt(ctx, f)
}

// lookAt tells what a film is that has come.
func (r *Recorder) lookAt(ctx context.Context, f Film) (Film, error) {
	path := r.filmPath(f.ID)
	hash, err := sum(path)
	if err == nil {
		err = r.twice(ctx, f.Camera, hash, false)
	}
	var info video.Info
	if err == nil {
		info, err = filmInfo(ctx, path)
	}
	if ctx.Err() != nil {
		return f, ctx.Err()
	}
	f.Length, f.Codec = info.Duration, info.Video
	switch {
	case err != nil && troubleOf(err) == TroubleOther:
		return f, err
	case err != nil:
		f.State, f.Trouble = Failed, troubleOf(err)
		os.Remove(path)
	case !info.Begun.IsZero():
		f.State, f.Begins, f.Told = Ready, info.Begun, ByTags
	case !f.Named.IsZero():
		f.State, f.Begins, f.Told = Ready, f.Named, ByName
	case !f.Mod.IsZero():
		f.State, f.Begins, f.Told = Ready, f.Mod.Add(-info.Duration), ByWriting
	default:
		f.State, f.Begins, f.Told = Ready, r.o.Now().Add(-info.Duration), ByNothing
	}
	f.Begins = f.Begins.UTC().Truncate(time.Millisecond)
	return f, r.saveFilm(ctx, f)
}

func (r *Recorder) saveFilm(ctx context.Context, f Film) error {
	return r.o.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE home_record_film SET began = ?, told = ?, length = ?, codec = ?, state = ?, trouble = ? WHERE id = ?`,
			db.Micros(f.Begins), f.Told, f.Length.Microseconds(), f.Codec, f.State, f.Trouble, f.ID)
		return err
	})
}

// KeepFilm makes a film footage that begins at a time. It returns when that is under
// way: Films tells how it goes, and done, which may be nil, is called at the end.
// ErrFilm, ErrFilmState.
func (r *Recorder) KeepFilm(ctx context.Context, id string, begins time.Time, done func()) error {
	if !r.films.take(id) {
		return ErrFilmState
	}
	f, err := r.brought(ctx, id)
	if err == nil && f.State != Ready {
		err = ErrFilmState
	}
	if err == nil {
		f.State, f.Trouble, f.Begins = Taking, NoTrouble, begins.UTC()
		err = r.saveFilm(ctx, f)
	}
	if err != nil {
		r.films.give(id)
		return err
	}
	ctx = r.films.life
	r.films.taking.Go(func() {
		defer r.films.give(id)
		path := r.filmPath(id)
		err := r.take(ctx, f.Camera, path, f.Begins, "")
		switch {
		case err != nil && ctx.Err() != nil:
			return // it is Ready again at the next start
		case err == nil:
			f.State = Taken
		case isFull(err): // it may go once there is room
			f.State, f.Trouble = Ready, TroubleFull
		default:
			f.State, f.Trouble = Failed, troubleOf(err)
			r.o.Logger.Warn("a film that was brought cannot be footage", "camera", f.Camera, "err", plain(err, path))
		}
		err = nil
		if f.State != Ready {
			err = os.Remove(path)
		}
		if err := errors.Join(err, r.saveFilm(ctx, f)); err != nil {
			r.o.Logger.Error("a film that was brought", "err", err)
		}
		if done != nil {
			done()
		}
	})
	return nil
}

// Close ends what goes on without Run: films that are becoming footage. They can be
// kept again at the next start.
func (r *Recorder) Close() {
	r.films.end()
	r.films.taking.Wait()
}

// DropFilm forgets a film, and what is here of it; what is footage stays. ErrFilm,
// ErrFilmState while it becomes footage.
func (r *Recorder) DropFilm(ctx context.Context, id string) error {
	f, err := r.brought(ctx, id)
	if err != nil {
		return err
	}
	if f.State == Taking {
		return ErrFilmState
	}
	return r.dropFilm(ctx, id)
}

func (r *Recorder) dropFilm(ctx context.Context, id string) error {
	if err := os.Remove(r.filmPath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.o.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM home_record_film WHERE id = ?`, id)
		return err
	})
}

// sweepFilms forgets films without news.
func (r *Recorder) sweepFilms(ctx context.Context) error {
	all, err := r.Films(ctx)
	for _, f := range all {
		if r.o.Now().Sub(f.Made) > keepFilm && f.State != Taking {
			err = errors.Join(err, r.dropFilm(ctx, f.ID))
		}
	}
	return err
}

// mendFilms lets films that were becoming footage when the program ended do so again.
func (r *Recorder) mendFilms(ctx context.Context) error {
	if err := r.o.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE home_record_film SET state = ? WHERE state = ?`, Ready, Taking)
		return err
	}); err != nil {
		return err
	}
	return r.sweepFilms(ctx)
}
