package cameras

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Upload is a film that a camera put into a watched folder, and that is whole.
type Upload struct {
	Path  string
	Size  int64
	Mod   time.Time // when it was last written
	Named time.Time // when it begins, as its name tells; zero: it does not
}

// Folder watches a folder that a camera uploads to. It asks again and again
// instead of being told: folders of file servers tell nothing. Not safe for
// concurrent use.
type Folder struct {
	Dir     string
	Pattern *Pattern       // nil: those known
	Zone    *time.Location // of times in names; nil: time.Local
	Settle  time.Duration  // how long a file must have stayed the same; 0: 10 s

	seen map[string]seenFile
}

type seenFile struct {
	size  int64
	mod   time.Time
	since time.Time // when it was first seen so
	given bool
}

// Folder is the watched folder of a source of that kind.
func (f Source) Folder() *Folder {
	w := &Folder{Dir: string(f.Address)}
	if p, err := ParsePattern(f.Files); err == nil && f.Files != "" {
		w.Pattern = p
	}
	if z, err := time.LoadLocation(f.Zone); err == nil && f.Zone != "" {
		w.Zone = z
	}
	return w
}

// maxFiles bounds how many files are looked at in one folder.
const maxFiles = 200_000

// Scan returns the films that are whole by now, each once as long as it does not
// change, in order of their times: those whose size and time were the same for
// Settle. Links are not followed, and names that begin with a dot or end as unfinished
// uploads do are left alone. ErrFolder.
func (w *Folder) Scan(now time.Time) ([]Upload, error) {
	if w.seen == nil {
		w.seen = map[string]seenFile{}
	}
	settle := w.Settle
	if settle == 0 {
		settle = 10 * time.Second
	}
	there := map[string]bool{}
	var ready []Upload
	err := filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == w.Dir:
			return ErrFolder
		case err != nil: // it went away meanwhile, or is not ours to read
			return nil
		case d.IsDir():
			if path != w.Dir && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular() || !film(d.Name()):
			return nil
		}
		info, err := d.Info()
		if err != nil || info.Size() == 0 {
			return nil
		}
		if len(there) == maxFiles {
			return fs.SkipAll
		}
		there[path] = true
		was, ok := w.seen[path]
		if !ok || was.size != info.Size() || !was.mod.Equal(info.ModTime()) {
			was = seenFile{info.Size(), info.ModTime(), now, false}
		}
		// A clock that was put back must not hold a file up.
		if was.since.After(now) {
			was.since = now
		}
		if !was.given && now.Sub(was.since) >= settle {
			was.given = true
			rel, _ := filepath.Rel(w.Dir, path)
			ready = append(ready, Upload{path, was.size, was.mod, w.named(filepath.ToSlash(rel))})
		}
		w.seen[path] = was
		return nil
	})
	if err != nil {
		return nil, err
	}
	for path := range w.seen {
		if !there[path] {
			delete(w.seen, path)
		}
	}
	slices.SortStableFunc(ready, func(a, b Upload) int { return a.when().Compare(b.when()) })
	return ready, nil
}

func (u Upload) when() time.Time {
	if !u.Named.IsZero() {
		return u.Named
	}
	return u.Mod
}

// Again lets Scan return a file once more.
func (w *Folder) Again(path string) { delete(w.seen, path) }

// Remove removes a file that was imported, and the folders it leaves empty.
func (w *Folder) Remove(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	for dir := filepath.Dir(path); dir != w.Dir && len(dir) > len(w.Dir); dir = filepath.Dir(dir) {
		if os.Remove(dir) != nil {
			break
		}
	}
	return nil
}

// film tells by its name whether a file may be a film that is whole.
func film(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	return slices.Contains([]string{".mp4", ".mov", ".m4v", ".mkv", ".avi", ".ts", ".mpg", ".dav", ".264", ".h264", ".265", ".h265"}, strings.ToLower(filepath.Ext(name)))
}

func (w *Folder) named(path string) time.Time {
	zone := w.Zone
	if zone == nil {
		zone = time.Local
	}
	if w.Pattern != nil {
		t, _ := w.Pattern.Time(path, zone)
		return t
	}
	return Named(path, zone)
}

// Named is when a film begins, as its name tells it in one of the ways of the cameras
// we know, by clocks of a zone; zero: it does not.
func Named(path string, zone *time.Location) time.Time {
	for _, p := range known {
		if t, ok := p.Time(path, zone); ok {
			return t
		}
	}
	return time.Time{}
}

// Pattern says how a path tells when a film begins.
type Pattern struct {
	re    *regexp.Regexp
	order []byte // which field each group is
}

// fields are what a pattern may ask for, as strftime names them.
var fields = map[byte]string{
	'Y': `(20\d\d)`, 'm': `(0[1-9]|1[0-2])`, 'd': `(0[1-9]|[12]\d|3[01])`,
	'H': `([01]\d|2[0-3])`, 'M': `([0-5]\d)`, 'S': `([0-5]\d|60)`,
	's': `(1\d{9})`, // seconds since 1970
}

// ParsePattern reads a pattern: %Y %m %d %H %M %S stand for year, month, day,
// hour, minute and second, %s for seconds since 1970; * for anything within a
// name, ? for one character that is no digit, and / between folders. It may match
// anywhere in the path, but not within a longer number. %Y-%m-%d/*/%H.%M.%S is
// how one maker writes 2026-11-22/001/dav/14.45.00-14.46.00.mp4.
func ParsePattern(pattern string) (*Pattern, error) {
	var re strings.Builder
	p := &Pattern{}
	re.WriteString(`(?:^|\D)`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '%':
			i++
			if i == len(pattern) || fields[pattern[i]] == "" {
				return nil, fmt.Errorf("the pattern %q may use %%Y %%m %%d %%H %%M %%S or %%s", pattern)
			}
			if slices.Contains(p.order, pattern[i]) {
				return nil, fmt.Errorf("the pattern %q asks for %%%c twice", pattern, pattern[i])
			}
			p.order = append(p.order, pattern[i])
			re.WriteString(fields[pattern[i]])
		case '*':
			re.WriteString(`.*?`)
		case '?':
			re.WriteString(`\D`)
		default:
			re.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	re.WriteString(`(?:\D|$)`)
	has := func(want string) bool {
		for _, c := range []byte(want) {
			if !slices.Contains(p.order, c) {
				return false
			}
		}
		return true
	}
	if !has("s") && !has("YmdHM") {
		return nil, fmt.Errorf("the pattern %q does not tell a time: it needs %%Y %%m %%d %%H %%M, or %%s", pattern)
	}
	var err error
	if p.re, err = regexp.Compile(re.String()); err != nil {
		return nil, fmt.Errorf("the pattern %q cannot be read", pattern)
	}
	return p, nil
}

// Time is what a path tells, and whether it tells anything. Days that do not
// exist tell nothing.
func (p *Pattern) Time(path string, zone *time.Location) (time.Time, bool) {
	m := p.re.FindStringSubmatch(path)
	if m == nil {
		return time.Time{}, false
	}
	v := map[byte]int{}
	for i, f := range p.order {
		v[f], _ = strconv.Atoi(m[i+1])
	}
	if s, ok := v['s']; ok {
		return time.Unix(int64(s), 0).UTC(), true
	}
	t := time.Date(v['Y'], time.Month(v['m']), v['d'], v['H'], v['M'], v['S'], 0, zone)
	if t.Day() != v['d'] {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// known are how the cameras we know name their uploads, the most telling first.
var known = func() (all []*Pattern) {
	for _, s := range []string{
		"%Y%m%d%H%M%S", // Reolink: Front_00_20261122144500.mp4
		"%Y%m%d?%H%M%S",
		"%Y-%m-%d?%H?%M?%S",
		"%Y_%m_%d?%H?%M?%S",
		"%Y-%m-%d/*/%H.%M.%S", // Dahua: 2026-11-22/001/dav/14/14.45.00-14.46.00[M][0@0][0].dav
		"%Y-%m-%d/%H.%M.%S",
		"%Y%m%d/*/%H%M%S",
		"%Y%m%d/%H/%M", // Wyze: 20261122/14/45.mp4
		"%Y/%m/%d/%H/%M?%S",
		"%s",
	} {
		p, err := ParsePattern(s)
		if err != nil {
			panic(err)
		}
		all = append(all, p)
	}
	return all
}()
