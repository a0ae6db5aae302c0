package video

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const rate = 25

// films are made once.
var films = struct {
	sync.Mutex
	dir  string
	made map[string]string
}{made: map[string]string{}}

func TestMain(m *testing.M) {
	var err error
	if films.dir, err = os.MkdirTemp("", "films"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(films.dir)
	os.Exit(code)
}

// film is a film whose every picture is flat and as bright as its number, so that
// a picture tells which one it is. Each second begins with a whole picture. Its
// name's end says what holds it. Tests only read it.
func film(t *testing.T, name string, seconds int, args ...string) string {
	t.Helper()
	films.Lock()
	defer films.Unlock()
	key := fmt.Sprint(filepath.Ext(name), seconds, args)
	if films.made[key] != "" {
		return films.made[key]
	}
	file := filepath.Join(films.dir, fmt.Sprintf("%d%s", len(films.made), filepath.Ext(name)))
	pictures := fmt.Sprintf("color=black:s=160x96:r=%d:d=%d,format=yuv420p,geq=lum='16+mod(N*4\\,200)':cb=128:cr=128", rate, seconds)
	all := []string{"-v", "error", "-y", "-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=440:duration=%d", seconds), "-shortest"}
	if len(args) == 0 {
		args = []string{"-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-keyint_min", "25", "-crf", "10", "-c:a", "aac", "-flags:a", "+bitexact"}
	}
	ffmpeg(t, append(append(all, args...), file)...)
	films.made[key] = file
	return file
}

// hevc is how film makes H.265, with open groups of pictures as cameras send them.
var hevc = []string{"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=25:min-keyint=25:bframes=2:pools=1", "-crf", "10", "-tag:v", "hvc1", "-c:a", "aac"}

func ffmpeg(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ffmpeg", append([]string{"-nostdin"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %q: %v: %s", args, err, out)
	}
}

// number is which picture of a film this is, modulo 50.
func number(pix []byte) int {
	mid := pix[len(pix)/2]
	y := 16 + float64(mid)*219/255
	return int((y-16)/4 + .5)
}

// numbers are the pictures of a file, and when they are shown.
func numbers(t *testing.T, file string) (ns []int, at []time.Duration) {
	t.Helper()
	for f, err := range Frames(t.Context(), Source(file), FrameOptions{W: 16, H: 16, Reuse: true}) {
		if err != nil {
			t.Fatal(err)
		}
		ns, at = append(ns, number(f.Pix)), append(at, f.At)
	}
	return ns, at
}

func near(a, b time.Duration) bool { return (a - b).Abs() < 2*time.Millisecond }

func TestProbe(t *testing.T) {
	t.Parallel()
	i, err := Probe(t.Context(), Source(film(t, "a.mp4", 2)))
	if err != nil {
		t.Fatal(err)
	}
	if i.Container != "mp4" || i.Video != "h264" || i.Audio != "aac" || i.W != 160 || i.H != 96 || i.FPS != rate || !i.Plays() || (i.Duration-2*time.Second).Abs() > 100*time.Millisecond || i.Size == 0 {
		t.Errorf("%+v", i)
	}
	for name, content := range map[string]string{"empty.mp4": "", "text.mp4": "hello, this is no film at all", "list.m3u8": "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "list.mp4": "ffconcat version 1.0\nfile /etc/passwd\n"} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if i, err := Probe(t.Context(), Source(file)); !errors.Is(err, ErrNoPicture) {
			t.Errorf("%s: %+v, %v", name, i, err)
		}
	}
	if _, err := Probe(t.Context(), "missing.mp4"); err == nil || errors.Is(err, ErrNoPicture) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	file := film(t, "a.mp4", 3)
	ns, at := numbers(t, file)
	if len(ns) != 75 {
		t.Fatalf("%d frames", len(ns))
	}
	for i, n := range ns {
		if off(n, i) != 0 || !near(at[i]-at[0], time.Duration(i)*40*time.Millisecond) {
			t.Errorf("frame %d is number %d at %v", i, n, at[i])
		}
	}

	var some []int
	for f, err := range Frames(t.Context(), Source(file), FrameOptions{W: 32, FPS: 5, From: time.Second, To: 2 * time.Second}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.W != 32 || f.H != 19 || len(f.Pix) != 3*32*19 {
			t.Fatalf("%d x %d", f.W, f.H)
		}
		if n := number(f.Pix); off(n, int((f.At-at[0]).Seconds()*rate+.5)) > 3 {
			t.Errorf("number %d at %v", n, f.At)
		}
		some = append(some, number(f.Pix))
	}
	if len(some) != 5 || some[0] < 22 || some[4] > 49 {
		t.Errorf("5 a second from second 1 to 2: %v", some)
	}

	var keys []int
	for f, err := range Frames(t.Context(), Source(file), FrameOptions{Keyframes: true}) {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, number(f.Pix))
	}
	if !slices.Equal(keys, []int{0, 25, 0}) {
		t.Errorf("key frames %v", keys)
	}
}

// off is how many pictures apart two numbers are.
func off(a, b int) int {
	d := ((a-b)%50 + 50) % 50
	return min(d, 50-d)
}

func TestFramesTurned(t *testing.T) {
	t.Parallel()
	file := film(t, "a.mp4", 1)
	turned := filepath.Join(t.TempDir(), "turned.mp4")
	ffmpeg(t, "-v", "error", "-i", file, "-c", "copy", "-metadata:s:v:0", "rotate=90", turned)
	i, err := Probe(t.Context(), Source(turned))
	if err != nil || i.W != 96 || i.H != 160 {
		t.Errorf("%+v, %v", i, err)
	}
	for f, err := range Frames(t.Context(), Source(turned), FrameOptions{}) {
		if err != nil || f.W != 96 || f.H != 160 {
			t.Errorf("%d x %d, %v", f.W, f.H, err)
		}
		break
	}
}

// A folder's films and stills follow one another by name.
func TestFramesOfAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"1.mp4", "3.mp4"} {
		if err := os.Symlink(film(t, name, 1), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	still, err := Still(t.Context(), filepath.Join(dir, "1.mp4"), 400*time.Millisecond, 0)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "2.jpg"), still, 0o600)
	os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not a picture"), 0o600)
	var count int
	var last time.Duration
	for f, err := range Frames(t.Context(), Source(dir), FrameOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.At < last {
			t.Errorf("%v after %v", f.At, last)
		}
		count, last = count+1, f.At
	}
	if count != 51 || last < 2900*time.Millisecond {
		t.Errorf("%d frames until %v", count, last)
	}
}

// ffmpeg ends with the consumer and with the context, whatever it was doing.
func TestFramesAbandoned(t *testing.T) {
	t.Parallel()
	file := film(t, "a.mp4", 8)
	for f, err := range Frames(t.Context(), Source(file), FrameOptions{W: 1920, H: 1080}) {
		if err != nil || f.W != 1920 {
			t.Fatal(err)
		}
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var last error
	n := 0
	for _, err := range Frames(ctx, Source(file), FrameOptions{W: 1920, H: 1080}) {
		if last = err; err == nil {
			n++
		}
		cancel()
	}
	if !errors.Is(last, context.Canceled) || n > 5 {
		t.Errorf("after %d frames: %v", n, last)
	}
	if out, _ := exec.Command("pgrep", "-f", file).Output(); len(out) > 0 {
		t.Errorf("ffmpeg still runs: %s", out)
	}
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	whole := film(t, "a.mkv", 4)
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "half.mkv")
	if err := os.WriteFile(file, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if ns, _ := numbers(t, file); len(ns) < 30 || len(ns) > 70 || ns[10] != 10 {
		t.Errorf("%d frames of a half film", len(ns))
	}
	b = slices.Clone(b)
	for i := len(b) / 3; i < len(b)/3+2000 && i < len(b); i++ {
		b[i] ^= 0x5a
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if ns, _ := numbers(t, file); len(ns) < 30 {
		t.Errorf("%d frames of a damaged film", len(ns))
	}
}

func TestStill(t *testing.T) {
	t.Parallel()
	file := film(t, "a.mp4", 3)
	for at, want := range map[time.Duration]int{0: 0, time.Second: 25, 2500 * time.Millisecond: 62, time.Hour: 74, -time.Second: 0} {
		b, err := Still(t.Context(), file, at, 80)
		if err != nil {
			t.Error(at, err)
			continue
		}
		img, err := jpeg.Decode(bytes.NewReader(b))
		if err != nil {
			t.Error(at, err)
			continue
		}
		r, _, _, _ := img.At(40, 20).RGBA()
		if got := number([]byte{byte(r >> 8)}); img.Bounds().Dx() != 80 || off(got, want) > 1 {
			t.Errorf("at %v: number %d, %v, want %d", at, got, img.Bounds(), want)
		}
		if bytes.Contains(b, []byte("Lavc")) {
			t.Error("the still names its encoder")
		}
	}
}

// packets are a file's, by stream, in the order they are stored.
func packets(t *testing.T, file string) (pts map[int][]float64, size int) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-of", "json", "-show_entries", "packet=stream_index,pts_time,size", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Packets []struct {
			Stream int    `json:"stream_index"`
			PTS    string `json:"pts_time"`
			Size   string
		}
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatal(err)
	}
	pts = map[int][]float64{}
	for _, p := range said.Packets {
		at, _ := strconv.ParseFloat(p.PTS, 64)
		n, _ := strconv.Atoi(p.Size)
		pts[p.Stream] = append(pts[p.Stream], at)
		size += n
	}
	return pts, size
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		args     []string
		from, to time.Duration
		start    time.Duration // of what is kept
	}{
		{"a.mp4", nil, 1100 * time.Millisecond, 4500 * time.Millisecond, 2 * time.Second},
		{"a.mp4", nil, 2 * time.Second, 3 * time.Second, 2 * time.Second},
		{"a.mkv", nil, 1100 * time.Millisecond, 4500 * time.Millisecond, 2 * time.Second},
		{"a.mp4", hevc, 1100 * time.Millisecond, 4500 * time.Millisecond, 2 * time.Second},
		{"a.mp4", hevc, 0, 0, 0},
		{"a.mov", []string{"-c:v", "libx264", "-g", "25", "-crf", "10", "-c:a", "pcm_s16le"}, 900 * time.Millisecond, 3 * time.Second, time.Second},
		{"a.avi", []string{"-c:v", "mjpeg", "-q:v", "2", "-c:a", "pcm_alaw", "-ar", "8000"}, 880 * time.Millisecond, 3 * time.Second, 880 * time.Millisecond},
		{"a.avi", []string{"-c:v", "mpeg4", "-g", "25", "-q:v", "2", "-c:a", "mp3"}, 880 * time.Millisecond, 3 * time.Second, 880 * time.Millisecond},
		{"a.ts", nil, 1100 * time.Millisecond, 4500 * time.Millisecond, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := film(t, c.name, 6, c.args...)
			out := filepath.Join(t.TempDir(), "cut.mp4")
			m, err := Cut(t.Context(), []string{file}, c.from, c.to, out, CutOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if c.to == 0 {
				c.to = 6 * time.Second
			}
			if (m.From-c.start).Abs() > 30*time.Millisecond || !m.Sound || (m.Duration-(c.to-c.start)).Abs() > 150*time.Millisecond {
				t.Errorf("%+v", m)
			}
			ns, _ := numbers(t, out)
			first, last := int(c.start.Seconds()*rate+.5), int(c.to.Seconds()*rate+.5)
			for i, n := range ns {
				if off(n, first+i) > 2 {
					t.Errorf("picture %d of the cut is number %d", i, n)
				}
			}
			if want := last - first; len(ns) > want || len(ns) < want-3 {
				t.Errorf("%d pictures, want %d", len(ns), want)
			}
			// What is stored is what is shown: no packet hides before the start or after the end.
			pts, size := packets(t, out)
			for stream, at := range pts {
				if slices.Min(at) < -.13*float64(stream)-.001 || slices.Max(at) >= (c.to-c.start).Seconds()+.06 {
					t.Errorf("stream %d: packets from %v to %v", stream, slices.Min(at), slices.Max(at))
				}
			}
			if info, _ := os.Stat(out); int(info.Size())-size > 3000+40*len(pts[0])+40*len(pts[1]) {
				t.Errorf("%d bytes, of which %d are packets", info.Size(), size)
			}
			quiet := filepath.Join(t.TempDir(), "quiet.mp4")
			if m, err = Cut(t.Context(), []string{file}, c.from, c.to, quiet, CutOptions{Mute: true}); err != nil || m.Sound {
				t.Errorf("%+v, %v", m, err)
			}
			if i, err := Probe(t.Context(), Source(quiet)); err != nil || i.Audio != "" {
				t.Errorf("muted: %+v, %v", i, err)
			}
		})
	}
}

func TestCutNothing(t *testing.T) {
	t.Parallel()
	file := film(t, "a.mp4", 3)
	dir := t.TempDir()
	for _, part := range [][2]time.Duration{{1100 * time.Millisecond, 1900 * time.Millisecond}, {time.Hour, 2 * time.Hour}, {2500 * time.Millisecond, 0}, {2 * time.Second, time.Second}} {
		if m, err := Cut(t.Context(), []string{file}, part[0], part[1], filepath.Join(dir, "cut.mp4"), CutOptions{}); !errors.Is(err, ErrNothing) {
			t.Errorf("%v: %+v, %v", part, m, err)
		}
	}
	if _, err := Cut(t.Context(), []string{file}, 0, 0, filepath.Join(dir, "none", "cut.mp4"), CutOptions{}); err == nil {
		t.Error("wrote into a folder that is not there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Cut(ctx, []string{file}, 0, 0, filepath.Join(dir, "cut.mp4"), CutOptions{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Nothing that the camera or an encoder wrote beside the pictures is handed on.
func TestCutLeavesMetadataOut(t *testing.T) {
	t.Parallel()
	const serial = "SN-SYNTHETIC-42"
	tags := []string{"-metadata", "title=" + serial, "-metadata", "comment=" + serial, "-metadata", "creation_time=2026-01-02T03:04:05Z", "-metadata", "make=" + serial,
		"-metadata:s:v", "handler_name=" + serial, "-metadata:s:a", "handler_name=" + serial, "-timecode", "01:02:03:04", "-movflags", "+use_metadata_tags"}
	sei := append([]string{"-c:v", "libx264", "-g", "25", "-c:a", "aac", "-bsf:v", "h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+" + serial}, tags...)
	for name, args := range map[string][]string{"h264.mov": sei, "hevc.mov": append(slices.Clone(hevc), tags...)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := film(t, name, 3, args...)
			if b, _ := os.ReadFile(file); !bytes.Contains(b, []byte(serial)) {
				t.Fatal("the film holds nothing to leave out")
			}
			for _, from := range []time.Duration{0, time.Second} {
				out := filepath.Join(t.TempDir(), "cut.mp4")
				if _, err := Cut(t.Context(), []string{file}, from, 0, out, CutOptions{}); err != nil {
					t.Fatal(err)
				}
				b, err := os.ReadFile(out)
				if err != nil {
					t.Fatal(err)
				}
				for _, word := range []string{serial, "x264", "x265", "Lavf", "Lavc", "tmcd", "udta"} {
					if bytes.Contains(b, []byte(word)) && word != "udta" {
						t.Errorf("from %v: %q is in it", from, word)
					}
				}
				said, err := exec.Command("ffprobe", "-v", "error", "-show_format", "-show_streams", "-show_chapters", out).Output()
				if err != nil || strings.Contains(string(said), "creation_time") || strings.Contains(string(said), "codec_type=data") {
					t.Errorf("%v: %s", err, said)
				}
			}
		})
	}
}

func TestJoinAndPlay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := film(t, "a.mp4", 6)
	var files []string
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	err := Split(t.Context(), file, start, dir, RecordOptions{Segment: 2 * time.Second}, func(s Segment) error {
		if want := start.Add(time.Duration(len(files)) * 2 * time.Second); (s.Start.Sub(want)).Abs() > 100*time.Millisecond || (s.Duration-2*time.Second).Abs() > 100*time.Millisecond {
			t.Errorf("segment %+v, want from %v", s, want)
		}
		files = append(files, s.File)
		return nil
	})
	if err != nil || len(files) != 3 {
		t.Fatalf("%q, %v", files, err)
	}
	out := filepath.Join(t.TempDir(), "all.mp4")
	if _, err := Join(t.Context(), files, out); err != nil {
		t.Fatal(err)
	}
	ns, at := numbers(t, out)
	if len(ns) != 150 {
		t.Errorf("%d pictures", len(ns))
	}
	for i, n := range ns {
		if off(n, i) != 0 || (at[i]-time.Duration(i)*40*time.Millisecond).Abs() > 150*time.Millisecond {
			t.Errorf("picture %d is number %d at %v", i, n, at[i])
		}
	}
	// Over the seams.
	m, err := Cut(t.Context(), files, 1500*time.Millisecond, 4500*time.Millisecond, out, CutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ns, _ = numbers(t, out)
	if len(ns) < 58 || len(ns) > 63 || off(ns[0], 50) > 0 || off(ns[len(ns)-1], 110) > 2 {
		t.Errorf("%+v: %v", m, ns)
	}

	var b bytes.Buffer
	if err := Play(t.Context(), files, &b, PlayOptions{From: 2500 * time.Millisecond, Encode: true, Width: 80}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	i, err := Probe(t.Context(), Source(out))
	if err != nil || !i.Plays() || i.W != 80 || (i.Duration-3500*time.Millisecond).Abs() > 200*time.Millisecond {
		t.Errorf("%+v, %v", i, err)
	}
}
