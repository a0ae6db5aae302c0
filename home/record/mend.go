package record

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"porchlight/db"
	"porchlight/video"
)

// Note is something the household should know of its footage.
type Note struct {
	Camera string    `json:"camera"` // "" all
	At     time.Time `json:"at"`
	Kind   Kind      `json:"kind"`
	Said   string    `json:"said"`
}

// Kind is what a note is about.
type Kind string

const (
	NoteClock  Kind = "clock"  // the clock jumped
	NoteAside  Kind = "aside"  // a file could not be read and was set aside
	NoteLost   Kind = "lost"   // files that the index knew are gone
	NoteFull   Kind = "full"   // the disk was full
	NoteImport Kind = "import" // an uploaded film could not be imported
)

// maxNotes are kept.
const maxNotes = 1000

// note tells the household; it is told to the log as well.
func (r *Recorder) note(ctx context.Context, camera string, kind Kind, said string) {
	r.o.Logger.Warn(said, "camera", camera, "kind", string(kind))
	err := r.o.DB.Write(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO home_record_note (id, camera, at, kind, said)
			SELECT coalesce(max(id), 0) + 1, ?, ?, ?, ? FROM home_record_note`, camera, db.Micros(r.o.Now()), string(kind), said)
		if err == nil {
			_, err = tx.Exec(`DELETE FROM home_record_note WHERE id <= (SELECT max(id) FROM home_record_note) - ?`, maxNotes)
		}
		return err
	})
	if err != nil {
		r.o.Logger.Error("a note could not be kept", "err", err)
	}
}

// Notes are the newest n, newest first.
func (r *Recorder) Notes(ctx context.Context, n int) ([]Note, error) {
	notes, err := db.All(func(row db.Row) (n Note, err error) {
		err = row.Scan(&n.Camera, db.Into(&n.At), &n.Kind, &n.Said)
		return n, err
	})(r.o.DB.Read().QueryContext(ctx, `SELECT camera, at, kind, said FROM home_record_note ORDER BY id DESC LIMIT ?`, n))
	if err != nil {
		return nil, fmt.Errorf("reading the notes: %w", err)
	}
	return notes, nil
}

func (r *Recorder) asideDir() string { return filepath.Join(r.o.Dir, asideName) }

// Folders in a recorder's own that are no camera's.
const asideName = "aside"

// maxAside bounds how many files are set aside; the oldest goes first.
const maxAside = 64

// setAside moves a file that cannot be read out of the way, and tells.
func (r *Recorder) setAside(ctx context.Context, camera, file string, why error) error {
	if err := os.MkdirAll(r.asideDir(), 0o700); err != nil {
		return err
	}
	to := filepath.Join(r.asideDir(), camera+"-"+filepath.Base(file))
	if err := os.Rename(file, to); err != nil {
		return err
	}
	r.still.forget(file)
	r.note(ctx, camera, NoteAside, fmt.Sprintf("a piece of footage cannot be read and was set aside as %s: %v", filepath.Join(asideName, filepath.Base(to)), plain(why, file)))
	entries, err := os.ReadDir(r.asideDir())
	if err != nil || len(entries) <= maxAside {
		return err
	}
	type old struct {
		name string
		mod  time.Time
	}
	var all []old
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			all = append(all, old{e.Name(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b old) int { return a.mod.Compare(b.mod) })
	for _, o := range all[:max(0, len(all)-maxAside)] {
		os.Remove(filepath.Join(r.asideDir(), o.name))
	}
	return nil
}

// plain leaves a file's folder, and what ffmpeg says in its own words, out of an error.
func plain(err error, file string) string {
	if errors.Is(err, video.ErrNoPicture) {
		return video.ErrNoPicture.Error()
	}
	return strings.ReplaceAll(err.Error(), file, filepath.Base(file))
}

// mend brings files and index together after whatever ended the last run.
func (r *Recorder) mend(ctx context.Context) error {
	known, err := r.index.cameras(ctx)
	if err != nil {
		return err
	}
	folders, err := os.ReadDir(r.o.Dir)
	if err != nil {
		return err
	}
	for _, f := range folders {
		if f.IsDir() && f.Name() != asideName && isID(f.Name()) && !slices.Contains(known, f.Name()) {
			known = append(known, f.Name())
		}
	}
	for _, camera := range known {
		if err := r.mendCamera(ctx, camera); err != nil {
			return fmt.Errorf("camera %s: %w", camera, err)
		}
	}
	// The clock, between the runs.
	var last time.Time
	if err := r.o.DB.Read().QueryRowContext(ctx, `SELECT coalesce((SELECT added FROM home_record_segment ORDER BY id DESC LIMIT 1), 0)`).Scan(db.Into(&last)); err != nil {
		return err
	}
	now := r.o.Now()
	switch away := now.Sub(last); {
	case last.IsZero():
	case away > 24*time.Hour:
		r.clock.doubt()
	case away < -jumped:
		r.note(ctx, "", NoteClock, fmt.Sprintf("the clock was put back by %s or more since %s", (-away).Round(time.Second), last.Format(time.RFC3339)))
		return r.index.backTo(ctx, now)
	}
	return nil
}

// found is a file without a line in the index.
type found struct {
	segment
	path string
	mod  time.Time
}

func (r *Recorder) mendCamera(ctx context.Context, camera string) error {
	lines, err := r.index.byCamera(ctx, camera)
	if err != nil {
		return err
	}
	missing := make(map[string]segment, len(lines))
	for _, g := range lines {
		missing[r.index.path(g.camera, g.from, g.to)] = g
	}
	var more []found
	home := filepath.Join(r.o.Dir, camera)
	err = filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == home && errors.Is(err, fs.ErrNotExist):
			return fs.SkipAll
		case err != nil:
			return err
		case d.IsDir() && filepath.Dir(path) == home && strings.HasPrefix(d.Name(), intoPrefix):
			os.RemoveAll(path) // an import that was broken off begins anew
			return fs.SkipDir
		case d.IsDir() && path == r.index.now(camera):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		if _, ok := missing[path]; ok {
			delete(missing, path)
			return nil
		}
		from, to, ok := parseName(d.Name())
		info, err := d.Info()
		if err != nil || !ok || info.Size() == 0 || path != r.index.path(camera, from, to) {
			return nil // not ours
		}
		more = append(more, found{segment{camera: camera, from: from, to: to, added: info.ModTime().UTC(), bytes: info.Size()}, path, info.ModTime()})
		return nil
	})
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		var gone []segment
		for _, g := range missing {
			gone = append(gone, g)
		}
		if err := r.index.drop(ctx, gone); err != nil {
			return err
		}
		r.note(ctx, camera, NoteLost, fmt.Sprintf("%d pieces of footage are no longer on the disk", len(gone)))
	}
	if err := r.adopt(ctx, camera, more); err != nil {
		return err
	}
	return r.finish(ctx, camera)
}

// adopt gives files their lines, in the order they were written.
func (r *Recorder) adopt(ctx context.Context, camera string, more []found) error {
	slices.SortFunc(more, func(a, b found) int { return cmp.Or(a.mod.Compare(b.mod), a.from.Compare(b.from)) })
	codec, last := "", time.Time{}
	for len(more) > 0 {
		n := min(len(more), 1000)
		all := make([]segment, 0, n)
		for _, f := range more[:n] {
			if gap := f.from.Sub(last); codec == "" || gap > touch || gap < -touch {
				info, err := video.Probe(ctx, video.Source(f.path))
				if errors.Is(err, video.ErrNoPicture) {
					if err := r.setAside(ctx, camera, f.path, err); err != nil {
						return err
					}
					continue
				}
				if err != nil {
					return err
				}
				codec = info.Video
			}
			last, f.codec = f.to, codec
			all = append(all, f.segment)
		}
		r.index.mu.Lock()
		err := r.index.write(ctx, all, nil)
		r.index.mu.Unlock()
		if err != nil {
			return err
		}
		more = more[n:]
	}
	return nil
}

// finish makes whole what was being written when the program ended.
func (r *Recorder) finish(ctx context.Context, camera string) error {
	dir := r.index.now(camera)
	if _, err := video.Recover(dir); err != nil {
		// One file that cannot be mended must not keep the house from recording.
		parts, _ := filepath.Glob(filepath.Join(dir, "*.part.mp4"))
		for _, p := range parts {
			if err := r.setAside(ctx, camera, p, err); err != nil {
				return err
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.mp4"))
	if err != nil {
		return err
	}
	slices.Sort(files)
	for _, f := range files {
		if strings.HasSuffix(f, ".part.mp4") {
			continue
		}
		start, err := time.Parse("20060102T150405.000.mp4", filepath.Base(f))
		info, err2 := video.Probe(ctx, video.Source(f))
		if errors.Is(err2, video.ErrNoFFmpeg) || ctx.Err() != nil {
			return err2
		}
		size, err3 := os.Stat(f)
		if err := errors.Join(err, err2, err3); err != nil || info.Duration <= 0 {
			if err == nil {
				err = video.ErrNoPicture
			}
			if err := r.setAside(ctx, camera, f, err); err != nil {
				return err
			}
			continue
		}
		from, to := order(r.index.last(camera).to, start, info.Duration)
		g := segment{camera: camera, from: from, to: to, added: size.ModTime().UTC(), bytes: size.Size(), codec: info.Video}
		if err := r.index.add(ctx, g, f); err != nil {
			return err
		}
	}
	return nil
}
