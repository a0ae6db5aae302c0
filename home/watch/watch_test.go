package watch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/home"
	"porchlight/home/cameras"
	"porchlight/home/record"
	"porchlight/internal/streets"
	"porchlight/video"
	"porchlight/vision"
	"porchlight/vision/models/modelstest"
	"porchlight/vision/nets"
)

var start = time.Date(2026, 11, 3, 20, 0, 0, 0, time.UTC)

// tape is footage: files of ten seconds, in order of recording, and what each
// shows at each half second: a path of shapes.
type tape struct {
	mu    sync.Mutex
	files []record.File
	shows map[string]func(at time.Duration) []shape
	read  []string // paths, as they were looked at
	spans map[string][]home.Span
	told  func()
}

// shape is a bright rectangle.
type shape struct {
	x, y, w, h int
	light      byte
}

func (t *tape) record(camera string, at time.Duration, shows func(at time.Duration) []shape) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := int64(1)
	if len(t.files) > 0 {
		n = t.files[len(t.files)-1].Seq + 1
	}
	f := record.File{Span: home.Span{Camera: camera, From: start.Add(at), To: start.Add(at + 10*time.Second)}, Seq: n, Begin: start.Add(at), Length: 10 * time.Second, Path: fmt.Sprintf("%s/%d", camera, n)}
	t.files = append(t.files, f)
	if t.shows == nil {
		t.shows, t.spans = map[string]func(time.Duration) []shape{}, map[string][]home.Span{}
	}
	t.shows[f.Path] = shows
	t.spans[camera] = append(t.spans[camera], f.Span)
}

func (t *tape) After(_ context.Context, seq int64, n int) ([]record.File, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []record.File
	for _, f := range t.files {
		if f.Seq > seq && len(out) < n {
			out = append(out, f)
		}
	}
	return out, nil
}

func (t *tape) Spans(_ context.Context, camera string, from, to time.Time) ([]home.Span, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.spans[camera]), nil
}

func (t *tape) Subscribe(f func()) func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told = f
	return func() {}
}

// frames draws what a file shows.
func (t *tape) frames(ctx context.Context, path string, o video.FrameOptions) iter.Seq2[vision.Frame, error] {
	return func(yield func(vision.Frame, error) bool) {
		t.mu.Lock()
		shows := t.shows[path]
		t.read = append(t.read, path)
		t.mu.Unlock()
		step := 2 * time.Second
		if o.FPS > 0 {
			step = time.Duration(float64(time.Second) / o.FPS)
		}
		for at := time.Duration(0); at < 10*time.Second; at += step {
			if ctx.Err() != nil {
				yield(vision.Frame{}, ctx.Err())
				return
			}
			f := vision.Frame{W: 320, H: 180, Pix: make([]byte, 3*320*180), At: at}
			for i := range f.Pix {
				f.Pix[i] = 60
			}
			if shows == nil {
				yield(vision.Frame{}, errors.New("this file is broken"))
				return
			}
			for _, s := range shows(at) {
				for y := max(0, s.y); y < min(180, s.y+s.h); y++ {
					for x := max(0, s.x); x < min(320, s.x+s.w); x++ {
						p := f.Pix[3*(y*320+x):][:3]
						p[0], p[1], p[2] = s.light, s.light, s.light
					}
				}
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

const (
	personLight = 200
	carLight    = 120
)

// shapes finds the drawn shapes by their brightness.
type shapes struct{ asked int }

func (s *shapes) Objects(f vision.Frame) (found []vision.Thing, err error) {
	s.asked++
	for light, kind := range map[byte]vision.Kind{personLight: "person", carLight: "car", 90: "bench"} {
		x0, y0, x1, y1 := f.W, f.H, 0, 0
		for i := 0; i < len(f.Pix); i += 3 {
			if f.Pix[i] == light {
				x, y := i/3%f.W, i/3/f.W
				x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
			}
		}
		if x1 > x0 {
			found = append(found, vision.Thing{Kind: kind, Score: 0.9, Box: vision.Box{X: float32(x0), Y: float32(y0), W: float32(x1 - x0), H: float32(y1 - y0)}})
		}
	}
	return found, nil
}

func nothing(time.Duration) []shape { return nil }

// parked is a car that stands still.
var parked = shape{10, 100, 80, 50, carLight}

// walks is somebody who walks past a parked car from one time to another.
func walks(from, to time.Duration) func(time.Duration) []shape {
	return func(at time.Duration) []shape {
		if at < from || at > to {
			return []shape{parked}
		}
		return []shape{parked, {120 + 15*int(at/(500*time.Millisecond))%160, 60, 20, 60, personLight}}
	}
}

type rig struct {
	*Watcher
	tape *tape
	sees *shapes
	dir  string
}

type cameraList []cameras.Camera

func (l cameraList) All(context.Context) ([]cameras.Camera, error) { return l, nil }
func (l cameraList) Reach(context.Context, string) (cameras.Source, error) {
	return cameras.Source{}, errors.New("not reached")
}

func open(t *testing.T, tp *tape, dir string, cams Cameras) *rig {
	t.Helper()
	d, err := db.Open(t.Context(), filepath.Join(dir, "home.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	r := &rig{tape: tp, sees: &shapes{}, dir: dir}
	r.Watcher, err = Open(t.Context(), Options{DB: d, Footage: tp, Cameras: cams, Objects: r.sees, Now: func() time.Time { return start.Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	r.Watcher.frames = tp.frames
	return r
}

// all looks until there is nothing left.
func (r *rig) all(t *testing.T) {
	t.Helper()
	for {
		worked, err := r.look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !worked {
			return
		}
	}
}

// told lists a camera's moments as seconds and kinds.
func (r *rig) told(t *testing.T, camera string) string {
	t.Helper()
	list, err := r.Moments(t.Context(), camera, start.Add(-time.Hour), start.Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range list {
		if m.Still.Before(m.From) || m.Still.After(m.To) || m.ID == "" || m.Camera == "" {
			t.Errorf("moment %+v", m)
		}
		out = append(out, fmt.Sprintf("%v-%v %v", m.From.Sub(start).Seconds(), m.To.Sub(start).Seconds(), m.What))
	}
	return strings.Join(out, "; ")
}

func TestMoments(t *testing.T) {
	tp := &tape{}
	tp.record("door", 0, nothing)
	tp.record("door", 10*time.Second, walks(6*time.Second, time.Minute)) // goes on in the next file
	tp.record("door", 20*time.Second, walks(0, 3*time.Second))
	tp.record("yard", 20*time.Second, func(at time.Duration) []shape { // a lamp
		return []shape{{0, 0, 320, 180, byte(60 + 100*(int(at/time.Second)%2))}}
	})
	tp.record("door", 40*time.Second, walks(2*time.Second, 4*time.Second))
	tp.record("yard", 40*time.Second, func(at time.Duration) []shape { return []shape{{30, 30, 3, 3, byte(60 + at/time.Millisecond%7)}} }) // noise
	tp.record("yard", 50*time.Second, nil)                                                                                                 // cannot be decoded
	tp.record("yard", 60*time.Second, func(at time.Duration) []shape {
		return []shape{{int(at / (50 * time.Millisecond)), 80, 60, 40, carLight}}
	})
	r := open(t, tp, t.TempDir(), cameraList{})
	r.all(t)
	if got, want := r.told(t, "door"), "15.5-24 [motion person]; 41.5-45 [motion person]"; got != want {
		t.Errorf("at the door: %s, expected %s", got, want)
	}
	if got, want := r.told(t, "yard"), "60-70 [motion vehicle]"; got != want {
		t.Errorf("in the yard: %s, expected %s", got, want)
	}
	if got := r.Behind(); got != 0 {
		t.Errorf("behind by %d", got)
	}
	for _, c := range []struct{ from, to, n int }{{0, 15, 0}, {0, 16, 1}, {23, 24, 1}, {24, 41, 0}, {20, 42, 2}, {45, 100, 0}} {
		if got, _ := r.Moments(t.Context(), "door", start.Add(time.Duration(c.from)*time.Second), start.Add(time.Duration(c.to)*time.Second)); len(got) != c.n {
			t.Errorf("%d to %d s: %d moments, expected %d", c.from, c.to, len(got), c.n)
		}
	}
	if all, _ := r.Moments(t.Context(), "", start, start.Add(time.Hour)); len(all) != 3 || !slices.IsSortedFunc(all, func(a, b *home.Moment) int { return a.From.Compare(b.From) }) {
		t.Errorf("of all cameras: %v", all)
	}

	again := open(t, tp, r.dir, cameraList{})
	if got, want := again.told(t, "door"), r.told(t, "door"); got != want {
		t.Errorf("after a restart: %s, expected %s", got, want)
	}
	before := len(tp.read)
	again.all(t)
	if len(tp.read) != before {
		t.Errorf("after a restart %v were looked at again", tp.read[before:])
	}
	tp.record("door", 50*time.Second, walks(0, 2*time.Second))
	again.all(t)
	if got, want := again.told(t, "door"), "15.5-24 [motion person]; 41.5-53 [motion person]"; got != want {
		t.Errorf("later: %s, expected %s", got, want)
	}
}

func TestNewestFirstAndGoesOnWhereItWas(t *testing.T) {
	tp := &tape{}
	for i := range 100 {
		tp.record("door", time.Duration(i)*10*time.Second, walks(time.Second, 2*time.Second))
	}
	tp.mu.Lock()
	tp.files = slices.DeleteFunc(tp.files, func(f record.File) bool { return f.Seq > 20 && f.Seq < 60 }) // the ring took them
	tp.mu.Unlock()
	r := open(t, tp, t.TempDir(), cameraList{})
	if _, err := r.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tp.read[0]; got != "door/93" {
		t.Errorf("looked at %s first", got)
	}
	if r.Behind() < late {
		t.Fatalf("behind by %d", r.Behind())
	}
	tp.record("door", 2000*time.Second, walks(time.Second, 2*time.Second))
	again := open(t, tp, r.dir, cameraList{}) // as after a crash
	again.all(t)
	if got := tp.read[8]; got != "door/101" {
		t.Errorf("then looked at %s, expected what was recorded since", got)
	}
	seen := slices.Clone(tp.read)
	slices.Sort(seen)
	if n := len(slices.Compact(seen)); n != 62 || len(tp.read) != 62 {
		t.Errorf("%d of 62 files were looked at, %d times", n, len(tp.read))
	}
	if again.Behind() != 0 {
		t.Errorf("behind by %d", again.Behind())
	}
}

func TestLongMotionIsSeveralMoments(t *testing.T) {
	tp := &tape{}
	for i := range 100 {
		tp.record("road", time.Duration(i)*10*time.Second, walks(0, time.Minute))
	}
	r := open(t, tp, t.TempDir(), cameraList{})
	r.all(t)
	list, err := r.Moments(t.Context(), "road", start, start.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	var sum time.Duration
	for _, m := range list {
		if d := m.To.Sub(m.From); d > longest {
			t.Errorf("a moment of %v", d)
		}
		sum += m.To.Sub(m.From)
	}
	if len(list) < 4 || len(list) > 8 || sum < 900*time.Second {
		t.Errorf("%d moments of %v in 1000 s of motion", len(list), sum)
	}
}

func TestMomentsGoWithTheirFootage(t *testing.T) {
	tp := &tape{}
	for i := range 4 {
		tp.record("door", time.Duration(i)*time.Minute, walks(time.Second, 4*time.Second))
	}
	r := open(t, tp, t.TempDir(), cameraList{})
	r.all(t)
	if n := strings.Count(r.told(t, "door"), "person"); n != 4 {
		t.Fatalf("%d moments", n)
	}
	told := 0
	defer r.Subscribe(func() { told++ })()
	tp.spans["door"] = tp.spans["door"][2:]
	if err := r.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := r.told(t, "door"), "120.5-125 [motion person]; 180.5-185 [motion person]"; got != want || told != 1 {
		t.Errorf("%s, told %d times; expected %s", got, told, want)
	}
	if got := open(t, tp, r.dir, cameraList{}).told(t, "door"); got != r.told(t, "door") {
		t.Errorf("after a restart: %s", got)
	}
	tp.spans["door"] = nil
	if err := r.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.told(t, "door"); got != "" {
		t.Errorf("without footage: %s", got)
	}
}

// names says that whoever is seen is one person.
type names struct{ on bool }

func (n names) On() bool { return n.on }
func (n names) Who(context.Context, string, time.Time, vision.Frame) ([]string, error) {
	return []string{"sam"}, nil
}

func TestNamesAreKeptAndTakenOff(t *testing.T) {
	for _, on := range []bool{true, false} {
		tp := &tape{}
		tp.record("door", 0, walks(time.Second, 4*time.Second))
		tp.record("door", 10*time.Second, func(at time.Duration) []shape {
			return []shape{{int(at / (40 * time.Millisecond)), 80, 60, 40, carLight}}
		})
		tp.record("door", 60*time.Second, walks(time.Second, 4*time.Second))
		r := open(t, tp, t.TempDir(), cameraList{})
		r.People = names{on}
		r.all(t)
		list, _ := r.Moments(t.Context(), "door", start, start.Add(time.Hour))
		var want []string
		if on {
			want = []string{"sam"}
		}
		for _, m := range list {
			if !slices.Equal(m.Named, want) {
				t.Errorf("on %v: %+v", on, m)
			}
		}
		if err := r.Unname(t.Context(), "sam"); err != nil {
			t.Fatal(err)
		}
		late := &entry{Moment: home.Moment{Span: home.Span{Camera: "door", From: start.Add(5 * time.Second), To: start.Add(6 * time.Second)},
			What: []home.What{home.Person}, Still: start.Add(5 * time.Second), Named: []string{"sam"}}}
		if err := r.keep(t.Context(), []*entry{late}, func(*sql.Tx) error { return nil }); err != nil { // was being looked at
			t.Fatal(err)
		}
		for _, again := range []*rig{r, open(t, tp, r.dir, cameraList{})} {
			after, _ := again.Moments(t.Context(), "door", start, start.Add(time.Hour))
			if len(after) != len(list) {
				t.Errorf("%d moments, %d after", len(list), len(after))
			}
			for _, m := range after {
				if len(m.Named) > 0 {
					t.Errorf("still named: %+v", m)
				}
			}
		}
	}
}

// frigates has one camera at a Frigate.
type frigates struct{ url string }

func (f frigates) All(context.Context) ([]cameras.Camera, error) {
	return []cameras.Camera{{Camera: home.Camera{ID: "gate", Kind: home.Frigate}}}, nil
}

func (f frigates) Reach(context.Context, string) (cameras.Source, error) {
	return cameras.Source{Kind: home.Frigate, Address: cameras.Secret(f.url), Name: "gate"}, nil
}

func TestFrigatesEventsAreMoments(t *testing.T) {
	ends := "null"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path != "/api/events" || q.URL.Query().Get("cameras") != "gate" {
			http.NotFound(w, q)
			return
		}
		var after, before float64
		fmt.Sscan(q.URL.Query().Get("after"), &after)
		fmt.Sscan(q.URL.Query().Get("before"), &before)
		at := float64(start.Unix())
		var list []string
		for _, e := range []struct {
			id, label, end string
			at             float64
		}{{"1-a", "person", fmt.Sprint(at + 20), at}, {"2-b", "car", ends, at + 600}, {"3-c", "package", fmt.Sprint(at - 86400*2 + 5), at - 86400*2}} {
			if e.at >= after && e.at < before {
				list = append(list, fmt.Sprintf(`{"id":%q,"camera":"gate","label":%q,"start_time":%f,"end_time":%s,"has_clip":true,"has_snapshot":true,"top_score":0.8,"data":{"top_score":0.8,"score":0.8}}`, e.id, e.label, e.at, e.end))
			}
		}
		fmt.Fprintf(w, "[%s]", strings.Join(list, ","))
	}))
	defer server.Close()
	tp := &tape{}
	tp.record("gate", 0, walks(0, time.Minute)) // a clip that was fetched
	r := open(t, tp, t.TempDir(), frigates{server.URL})
	r.all(t)
	for range 2 {
		if err := r.askFrigate(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := r.told(t, "gate")
		if want := "0-20 [motion person]; 600-3600 [motion vehicle]"; got != want {
			t.Errorf("%s, expected %s", got, want)
		}
	}
	ends = fmt.Sprint(start.Unix() + 700)
	if err := r.askFrigate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := r.told(t, "gate"), "0-20 [motion person]; 600-700 [motion vehicle]"; got != want {
		t.Errorf("%s, expected %s", got, want)
	}
	tp.spans["gate"] = nil // Frigate does not answer
	if err := r.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.told(t, "gate") == "" {
		t.Error("the moments went because Frigate did not answer")
	}
	all, _ := r.Moments(t.Context(), "gate", start.AddDate(0, 0, -7), start)
	if len(all) != 1 || !reflect.DeepEqual(all[0].What, []home.What{home.Motion}) {
		t.Errorf("two days before: %v", all)
	}
}

func TestRunLooksAtWhatIsRecordedAndStops(t *testing.T) {
	tp := &tape{}
	r := open(t, tp, t.TempDir(), cameraList{})
	changed := make(chan struct{}, 10)
	defer r.Subscribe(func() { changed <- struct{}{} })()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	tp.record("door", 0, walks(time.Second, 3*time.Second))
	for told := false; !told; {
		tp.mu.Lock()
		if tp.told != nil {
			tp.told()
			told = true
		}
		tp.mu.Unlock()
	}
	select {
	case <-changed:
	case <-time.After(time.Minute):
		t.Error("nothing was found")
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A drawn street as a real film, with the real network.
func TestStreet(t *testing.T) {
	n, err := nets.Open(modelstest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	scene := streets.Road(2, "day", 10, streets.Pass{Plate: "ZZT 1234", Type: "car", Color: "blue", At: 4, Speed: 11})
	scene.W, scene.H, scene.Rate = 640, 360, 4
	file := filepath.Join(t.TempDir(), "road.mp4")
	ffmpeg := exec.CommandContext(t.Context(), "ffmpeg", "-loglevel", "error", "-i", "-", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", file)
	if _, err := scene.Into(t.Context(), ffmpeg, start); err != nil {
		t.Fatal(err)
	}
	tp := &tape{}
	tp.record("road", 0, nothing)
	tp.files[0].Path = file
	r := open(t, tp, t.TempDir(), cameraList{})
	r.Watcher.Objects = n
	r.Watcher.frames = func(ctx context.Context, path string, o video.FrameOptions) iter.Seq2[vision.Frame, error] {
		return video.Frames(ctx, video.Source(path), o)
	}
	r.all(t)
	list, _ := r.Moments(t.Context(), "road", start, start.Add(time.Minute))
	vehicle := slices.IndexFunc(list, func(m *home.Moment) bool { return slices.Contains(m.What, home.Vehicle) })
	if vehicle < 0 || slices.Contains(list[vehicle].What, home.Person) || list[vehicle].From.After(start.Add(5*time.Second)) {
		t.Errorf("moments %+v", list)
	}
}
