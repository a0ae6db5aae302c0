package record

import (
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/home"
	"porchlight/internal/rtsptest"
)

func TestOrder(t *testing.T) {
	at := time.Date(2026, 11, 22, 14, 45, 0, 0, time.UTC)
	sec := time.Second
	for _, c := range []struct {
		name        string
		start       time.Duration // after the end of what came before
		from, until time.Duration
	}{
		{"goes on", 0, 0, 10 * sec},
		{"goes on, a little late", 200 * time.Millisecond, 200 * time.Millisecond, 10200 * time.Millisecond},
		{"after a gap", time.Minute, time.Minute, 70 * sec},
		{"a little early: waited for, and told shorter", -50 * time.Millisecond, 0, 9950 * time.Millisecond},
		{"put back by 20 s: waited for", -20 * sec, 0, 9800 * time.Millisecond},
		{"put back by an hour: believed", -time.Hour, -time.Hour, -time.Hour + 10*sec},
	} {
		if from, to := order(at, at.Add(c.start), 10*sec); !from.Equal(at.Add(c.from)) || !to.Equal(at.Add(c.until)) {
			t.Errorf("%s: from %s to %s", c.name, from.Sub(at), to.Sub(at))
		}
	}
	// A clock that is put back by 20 s is met again after 100 segments.
	last, clock := at, at.Add(-20*sec)
	for n := 0; ; n++ {
		from, to := order(last, clock, 10*sec)
		if from.Before(last) || !to.After(from) {
			t.Fatalf("segment %d runs backwards: from %s to %s after %s", n, from, to, last)
		}
		last, clock = to, clock.Add(10*sec)
		if !last.After(clock) {
			if n < 90 || n > 110 {
				t.Errorf("met after %d segments", n)
			}
			break
		}
	}
}

// A clock that jumps while a camera is recorded leaves a timeline that runs
// forwards, gaps where it jumped ahead, and a word of it.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	s := rtsptest.Start(t, map[string]rtsptest.Film{"front": {Codec: "h264"}})
	h := newHouse(t, t.TempDir())
	id := h.rtsp(s, "front")
	h.run()
	put := []time.Time{h.clock()} // when it began, and to when the clock was put
	begun := put[0]
	more := func() {
		t.Helper()
		was := h.index.last(id).to
		n := len(h.files(id))
		until(t, "footage goes on", func() bool { return h.index.last(id).to != was && len(h.files(id)) >= n+2 })
	}
	more()
	h.ahead.Store(int64(48 * time.Hour)) // put forward by two days
	put = append(put, h.clock())
	until(t, "footage in two days", func() bool { return h.index.last(id).to.Sub(begun) > 47*time.Hour })
	more()
	if h.Recorder.clock.trusted() {
		t.Error("a clock that jumped by two days removes footage by its age at once")
	}
	h.ahead.Store(int64(time.Hour)) // and put back
	put = append(put, h.clock())
	until(t, "footage in an hour", func() bool { return h.index.last(id).to.Sub(begun) < 2*time.Hour })
	more()
	h.stop()
	h.check()

	spans := h.spans(id)
	if len(spans) != 3 {
		t.Fatalf("spans %v", spans)
	}
	slices.SortFunc(put, time.Time.Compare)
	for i, at := range put {
		if off := spans[i].From.Sub(at); off < -10*time.Second || off > time.Minute {
			t.Errorf("span %d is from %s, want about %s", i, spans[i].From, at)
		}
		if i > 0 && !spans[i].From.After(spans[i-1].To) {
			t.Errorf("the timeline runs backwards: %v", spans)
		}
	}
	files := h.files(id)
	for i := 1; i < len(files); i++ {
		if files[i].From.Before(files[i-1].To) {
			t.Errorf("file %d begins before the one before ends", i)
		}
	}
	if said := strings.Join(h.notes(NoteClock), "; "); !strings.Contains(said, "put forward by 48h0m0s") || !strings.Contains(said, "put back by 47h0m0s") {
		t.Errorf("told: %s", said)
	}
	// What was stamped in the future counts as recorded when the clock was put back.
	var future int
	must(t, h.db.Read().QueryRow(`SELECT count(*) FROM home_record_segment WHERE added > ?`, h.clock().Add(time.Hour).UnixMicro()).Scan(&future))
	if future > 0 {
		t.Errorf("%d segments would be kept for days too long", future)
	}
}

// Where footage lies over other footage, the later one is shown, and the other
// where it is not covered.
func TestShown(t *testing.T) {
	at := time.Date(2026, 11, 22, 14, 0, 0, 0, time.UTC)
	file := func(seq int64, from, to int) File {
		return File{Span: home.Span{From: at.Add(time.Duration(from) * time.Second), To: at.Add(time.Duration(to) * time.Second)}, Seq: seq}
	}
	got := shown([]File{file(1, 0, 10), file(2, 10, 20), file(5, 15, 25), file(3, 20, 30), file(4, 30, 40), file(6, 32, 34)})
	want := []File{file(1, 0, 10), file(2, 10, 15), file(5, 15, 25), file(3, 25, 30), file(4, 30, 32), file(6, 32, 34), file(4, 34, 40)}
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range got {
		if got[i].Seq != want[i].Seq || !got[i].From.Equal(want[i].From) || !got[i].To.Equal(want[i].To) {
			t.Errorf("piece %d: %d from %s to %s", i, got[i].Seq, got[i].From.Sub(at), got[i].To.Sub(at))
		}
	}
}
