package record

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"porchlight/db"
	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/home/cameras/frigate"
	"porchlight/internal/wake"
	"porchlight/video"
)

// intoPrefix begins the names of folders in which imports are split.
const intoPrefix = "into-"

// Import takes a film into the ring as footage of a camera that began at start;
// zero: it ended when the file was last written. It is copied, without encoding,
// and counts by the time it is imported. All of it is there afterwards, or nothing.
// ErrTwice; cameras.ErrCodec; video.ErrNoPicture.
func (r *Recorder) Import(ctx context.Context, camera, file string, start time.Time) error {
	all, err := r.o.Cameras.List(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.ID == camera {
			return r.take(ctx, camera, file, start, "")
		}
	}
	return cameras.ErrNotFound
}

// take imports a file; name is that in a watched folder. A film that was imported
// and is no longer here may be imported again, but not from a folder.
func (r *Recorder) take(ctx context.Context, camera, file string, start time.Time, name string) error {
	was, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("the film cannot be read: %s", plain(err, file))
	}
	hash, err := sum(file)
	if err != nil {
		return fmt.Errorf("the film cannot be read: %s", plain(err, file))
	}
	if err := r.twice(ctx, camera, hash, name != ""); err != nil {
		return err
	}
	info, err := filmInfo(ctx, file)
	if err != nil {
		return err
	}
	if start.IsZero() {
		start = was.ModTime().Add(-info.Duration)
	}
	if err := r.eat(ctx, was.Size(), 0); err != nil {
		return err
	}
	dir := filepath.Join(r.o.Dir, camera)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if dir, err = os.MkdirTemp(dir, intoPrefix); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var parts []segment
	var files []string
	now := r.o.Now()
	err = video.Split(ctx, file, start, dir, video.RecordOptions{Segment: r.o.Segment}, func(s video.Segment) error {
		g := segment{camera: camera, from: s.Start.UTC(), to: s.Start.Add(s.Duration).UTC().Truncate(time.Millisecond), added: now, bytes: s.Size, codec: info.Video}
		if n := len(parts); n > 0 && parts[n-1].to.Sub(g.from).Abs() <= touch && g.to.After(parts[n-1].to) {
			g.from = parts[n-1].to
		}
		parts, files = append(parts, g), append(files, s.File)
		return nil
	})
	if err != nil {
		return fmt.Errorf("importing the film: %s", plain(err, file))
	}
	if len(parts) == 0 {
		return fmt.Errorf("importing the film: %w", video.ErrNoPicture)
	}
	err = r.index.addAll(ctx, parts, files, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO home_record_import (camera, hash, name, size, mod, began, ended) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (camera, hash) DO UPDATE SET began = excluded.began, ended = excluded.ended`,
			camera, hash, name, was.Size(), db.Micros(was.ModTime()), db.Micros(parts[0].from), db.Micros(parts[len(parts)-1].to))
		return err
	})
	if err != nil {
		return fmt.Errorf("importing the film: %w", err)
	}
	r.listeners.Tell()
	return r.eat(ctx, 0, 0)
}

// twice is ErrTwice when a film was imported before: what the ring took does not come
// back from a folder, but may be brought again.
func (r *Recorder) twice(ctx context.Context, camera, hash string, fromFolder bool) error {
	var then home.Span
	err := r.o.DB.Read().QueryRowContext(ctx, `SELECT began, ended FROM home_record_import WHERE camera = ? AND hash = ?`, camera, hash).Scan(db.Into(&then.From), db.Into(&then.To))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err == nil && fromFolder:
		return ErrTwice
	}
	var still []span
	if err == nil {
		still, err = r.index.between(ctx, camera, then.From, then.To)
	}
	if err != nil {
		return fmt.Errorf("looking for earlier imports: %w", err)
	}
	if len(still) > 0 {
		return ErrTwice
	}
	return nil
}

// filmInfo is what a film to import is. video.ErrNoPicture, cameras.ErrCodec.
func filmInfo(ctx context.Context, file string) (video.Info, error) {
	info, err := video.Probe(ctx, video.Source(file))
	switch {
	case err != nil:
		return info, fmt.Errorf("the film cannot be read: %w", err)
	case info.Still:
		return info, fmt.Errorf("it is a picture: %w", video.ErrNoPicture)
	case info.Video != "h264" && info.Video != "hevc":
		return info, fmt.Errorf("%w (it is %s)", cameras.ErrCodec, info.Video)
	}
	return info, nil
}

func sum(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// watch imports what a camera uploads into its folder.
func (r *Recorder) watch(ctx context.Context, camera string, source cameras.Source) {
	folder := source.Folder()
	for ctx.Err() == nil {
		now := r.o.Now()
		uploads, err := folder.Scan(now)
		r.set(camera, func(s *state) {
			if ok := err == nil; ok != s.Recording || s.Since.IsZero() {
				s.Recording, s.Since = ok, now
			}
			s.Trouble = ""
			if err != nil {
				s.Trouble = err.Error()
			}
		})
		for _, u := range uploads {
			err := r.upload(ctx, camera, folder, u, source.Clear)
			if isFull(err) || ctx.Err() != nil {
				folder.Again(u.Path)
			}
			if err != nil && ctx.Err() == nil {
				r.set(camera, func(s *state) { s.Trouble = err.Error() })
			}
		}
		if !sleep(ctx, r.o.Scan) {
			return
		}
	}
}

// upload imports one file of a watched folder, unless it was tried before.
func (r *Recorder) upload(ctx context.Context, camera string, folder *cameras.Folder, u cameras.Upload, clear bool) error {
	name, err := filepath.Rel(folder.Dir, u.Path)
	if err != nil {
		return err
	}
	var hash string
	err = r.o.DB.Read().QueryRowContext(ctx, `SELECT hash FROM home_record_import WHERE camera = ? AND name = ? AND size = ? AND mod = ?`,
		camera, name, u.Size, db.Micros(u.Mod)).Scan(&hash)
	switch {
	case err == nil && hash == failed+name:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		err = r.take(ctx, camera, u.Path, u.Named, name)
	}
	switch {
	case err == nil || errors.Is(err, ErrTwice):
		r.set(camera, func(s *state) { s.Last = r.o.Now() })
		if clear {
			return folder.Remove(u.Path)
		}
		return nil
	case isFull(err) || ctx.Err() != nil || errors.Is(err, video.ErrNoFFmpeg) || errors.Is(err, fs.ErrNotExist):
		return err
	}
	r.note(ctx, camera, NoteImport, fmt.Sprintf("%s could not be imported: %v", filepath.Base(name), err))
	return r.o.DB.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO home_record_import (camera, hash, name, size, mod, began, ended) VALUES (?, ?, ?, ?, ?, 0, 0)
			ON CONFLICT (camera, hash) DO UPDATE SET size = excluded.size, mod = excluded.mod`,
			camera, failed+name, name, u.Size, db.Micros(u.Mod))
		return err
	})
}

// failed begins the hash of a file that could not be imported, and is not tried
// again before it changes.
const failed = "failed "

// mirror keeps up with what a Frigate server recorded.
func (r *Recorder) mirror(ctx context.Context, camera string, source cameras.Source) {
	server := source.Frigate()
	poke := wake.NewBell() // an event ended: there is something new
	if source.Broker != "" {
		var hearing sync.WaitGroup
		defer hearing.Wait()
		hearing.Go(func() {
			err := frigate.Listen(ctx, frigate.Broker{Address: string(source.Broker), Retry: r.o.Poll}, func(e frigate.Event) {
				if e.Camera == source.Name && !e.Going {
					poke.Ring()
				}
			}, nil)
			if ctx.Err() == nil {
				r.o.Logger.Warn("Frigate's events are not heard", "camera", camera, "err", err)
			}
		})
	}
	defer func() {
		r.mu.Lock()
		delete(r.remote, camera)
		r.mu.Unlock()
	}()
	for round := 0; ctx.Err() == nil; round++ {
		now := r.o.Now()
		days := r.Limits().Days
		if days == 0 {
			days = defaultDays
		}
		from := now.Add(-time.Hour)
		whole := round%120 == 0 // now and then all of it, as Frigate removes too
		if whole {
			from = now.AddDate(0, 0, -days)
		}
		var spans []home.Span
		var err error
		for at := from; at.Before(now) && err == nil; at = at.Add(24 * time.Hour) {
			var part []frigate.Recording
			part, err = server.Recordings(ctx, source.Name, at, earlier(now, at.Add(24*time.Hour)))
			for _, p := range part {
				spans = append(spans, home.Span{Camera: camera, From: p.From, To: p.To})
			}
		}
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		if err == nil {
			if !whole {
				spans = append(spans, r.remote[camera]...)
			}
			r.remote[camera] = union(spans, never, forever)
		} else {
			round = -1 // all of it when it is back
		}
		held := r.remote[camera]
		r.mu.Unlock()
		r.set(camera, func(s *state) {
			ok := err == nil && len(held) > 0 && now.Sub(held[len(held)-1].To) < 5*time.Minute
			if ok != s.Recording || s.Since.IsZero() {
				s.Recording, s.Since = ok, now
			}
			s.Trouble, s.Retry = "", time.Time{}
			switch {
			case err != nil:
				s.Trouble, s.Retry = source.Why(err).Error(), now.Add(r.o.Poll)
			case !ok:
				s.Trouble = "Frigate recorded nothing in the last five minutes"
			}
			if len(held) > 0 {
				s.Last = held[len(held)-1].To
			}
		})
		select {
		case <-time.After(r.o.Poll):
		case <-poke:
		case <-ctx.Done():
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// maxFetch is how much footage is fetched at once.
const maxFetch = time.Hour

// fetch brings what Frigate has of a span, and we do not, into the ring.
func (r *Recorder) fetch(ctx context.Context, s home.Span) error {
	r.mu.Lock()
	theirs := append([]home.Span(nil), r.remote[s.Camera]...)
	r.mu.Unlock()
	if len(theirs) == 0 {
		return nil
	}
	rows, err := r.index.between(ctx, s.Camera, s.From, s.To)
	if err != nil {
		return err
	}
	ours := make([]home.Span, len(rows))
	for i, o := range rows {
		ours[i] = o.Span
	}
	missing := without(union(within(theirs, s), s.From, s.To), union(ours, never, forever))
	var length time.Duration
	for _, m := range missing {
		length += m.To.Sub(m.From)
	}
	if length > maxFetch {
		return fmt.Errorf("%s of footage would have to be fetched from Frigate; ask for at most %s at once", length.Round(time.Minute), maxFetch)
	}
	if length == 0 {
		return nil
	}
	source, err := r.o.Cameras.Reach(ctx, s.Camera)
	if err != nil {
		return err
	}
	for _, m := range missing {
		for at := m.From; at.Before(m.To); at = at.Add(10 * time.Minute) {
			if err := r.fetchOne(ctx, source, home.Span{Camera: s.Camera, From: at, To: earlier(m.To, at.Add(10*time.Minute))}); err != nil {
				return fmt.Errorf("fetching footage from Frigate: %w", source.Why(err))
			}
		}
	}
	return nil
}

func (r *Recorder) fetchOne(ctx context.Context, source cameras.Source, s home.Span) error {
	f, err := os.CreateTemp(r.o.Dir, "fetch-*.mp4")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = source.Frigate().Clip(ctx, source.Name, s.From, s.To, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	info, err := video.Probe(ctx, video.Source(f.Name()))
	if err != nil {
		return err
	}
	// Frigate copies, so its film may begin at an earlier whole picture, but it
	// ends where it was asked to.
	start := s.From
	if long := info.Duration - s.To.Sub(s.From); long > 0 {
		start = start.Add(-long)
	}
	return r.take(ctx, s.Camera, f.Name(), start, "")
}

// within are the parts of spans that lie in one.
func within(all []home.Span, s home.Span) (in []home.Span) {
	for _, a := range all {
		if a.From.Before(s.To) && a.To.After(s.From) {
			in = append(in, a)
		}
	}
	return in
}

// without are the parts of spans that others leave, if they are longer than a
// pause. Both are in order and apart.
func without(all, others []home.Span) (left []home.Span) {
	for _, a := range all {
		for _, o := range others {
			if !o.To.After(a.From) || !o.From.Before(a.To) {
				continue
			}
			if o.From.Sub(a.From) > touch {
				left = append(left, home.Span{Camera: a.Camera, From: a.From, To: o.From})
			}
			a.From = o.To
		}
		if a.To.Sub(a.From) > touch {
			left = append(left, a)
		}
	}
	return left
}

// remoteStill is a picture that Frigate has; nil when it is not Frigate's.
func (r *Recorder) remoteStill(ctx context.Context, camera string, at time.Time, width int) ([]byte, error) {
	r.mu.Lock()
	theirs := within(r.remote[camera], home.Span{From: at, To: at.Add(time.Microsecond)})
	r.mu.Unlock()
	if len(theirs) == 0 {
		return nil, nil
	}
	source, err := r.o.Cameras.Reach(ctx, camera)
	if err != nil {
		return nil, err
	}
	jpeg, err := source.Frigate().Still(ctx, source.Name, at, max(width*9/16, 90))
	if errors.Is(err, frigate.ErrNothing) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, source.Why(err)
	}
	return jpeg, nil
}
