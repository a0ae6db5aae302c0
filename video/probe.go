package video

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Info is what a film is.
type Info struct {
	Container string        // "mp4", "matroska", "avi", "rtsp" ...
	Video     string        // "h264", "hevc", "mjpeg" ...
	Audio     string        // "aac", "pcm_alaw" ...; "" without sound
	W, H      int           // pixels, as displayed (turned upright)
	FPS       float64       // mean frames a second; 0 unknown
	Duration  time.Duration // 0 unknown or without end
	Size      int64         // bytes; 0 live
	Still     bool          // one picture
	Begun     time.Time     // when its first picture was taken, as its tags say; zero: they do not

	turned bool // it is stored lying on its side
}

// Plays tells whether browsers play such a film as it is, once in an MP4.
func (i Info) Plays() bool {
	return i.Video == "h264" && (i.Audio == "" || i.Audio == "aac" || i.Audio == "mp3")
}

// probed is what ffprobe says.
type probed struct {
	Streams []struct {
		Type     string `json:"codec_type"`
		Codec    string `json:"codec_name"`
		Width    int
		Height   int
		Rate     string `json:"avg_frame_rate"`
		SAR      string `json:"sample_aspect_ratio"`
		Range    string `json:"color_range"`
		Space    string `json:"color_space"`
		Transfer string `json:"color_transfer"`
		Primary  string `json:"color_primaries"`
		Frames   string `json:"nb_frames"`
		Start    string `json:"start_time"`
		Extra    string `json:"extradata_hash"`

		SampleRate string `json:"sample_rate"`
		Channels   int
		Attached   struct {
			Picture int `json:"attached_pic"`
		} `json:"disposition"`
		SideData []struct {
			Rotation int
		} `json:"side_data_list"`
	}
	Format struct {
		Name     string `json:"format_name"`
		Start    string `json:"start_time"`
		Duration string
		Size     string
		Tags     map[string]string
	}
}

// patience is how long a live source may take to show what it is.
const patience = 15 * time.Second

// Probe tells what a film is. A live source is asked for 15 seconds at most.
// ErrNoPicture: it holds none.
func Probe(ctx context.Context, s Source) (Info, error) {
	if s.Live() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, patience, ErrStalled)
		defer cancel()
	}
	_, i, err := probe(ctx, s)
	if err != nil {
		return Info{}, fmt.Errorf("look at %s: %w", s, err)
	}
	return i, nil
}

func probe(ctx context.Context, s Source) (probed, Info, error) {
	var said probed
	p, err := command(ctx, "ffprobe", "-of", "json", "-show_format", "-show_streams", "-show_data_hash", "sha256")
	if err != nil {
		return said, Info{}, err
	}
	p.from(s)
	out, err := p.output(ctx)
	if err != nil {
		return said, Info{}, err
	}
	i, err := parseProbe(out, &said)
	if s.network() {
		i.Container = "rtsp"
	}
	return said, i, err
}

func parseProbe(b []byte, said *probed) (Info, error) {
	if err := json.Unmarshal(b, said); err != nil {
		return Info{}, fmt.Errorf("ffprobe: %w", err)
	}
	var i Info
	i.Container, _, _ = strings.Cut(said.Format.Name, ",")
	if i.Container == "mov" {
		i.Container = "mp4"
	}
	i.Size, _ = strconv.ParseInt(said.Format.Size, 10, 64)
	if d, err := strconv.ParseFloat(said.Format.Duration, 64); err == nil && d > 0 && d < 1e9 {
		i.Duration = time.Duration(math.Round(d * 1e9))
	}
	i.Begun = begun(said.Format.Tags, i.Duration)
	for _, st := range said.Streams {
		switch {
		case st.Type == "video" && i.Video == "" && st.Attached.Picture == 0:
			i.Video, i.W, i.H, i.FPS = st.Codec, st.Width, st.Height, ratio(st.Rate)
			for _, d := range st.SideData {
				if d.Rotation%180 != 0 {
					i.W, i.H, i.turned = i.H, i.W, true
				}
			}
			i.Still = strings.HasSuffix(i.Container, "_pipe") || i.Container == "image2"
		case st.Type == "audio" && i.Audio == "":
			i.Audio = st.Codec
		}
	}
	if i.Video == "" || i.W <= 0 || i.H <= 0 {
		return i, ErrNoPicture
	}
	return i, nil
}

// begun is when a film begins, as its tags tell. Apple's cameras say it with the
// zone; Android writes creation_time when the film ends.
func begun(tags map[string]string, length time.Duration) time.Time {
	at, err := time.Parse("2006-01-02T15:04:05-0700", tags["com.apple.quicktime.creationdate"])
	if err != nil {
		if at, err = time.Parse(time.RFC3339, tags["creation_time"]); err == nil && tags["com.android.version"] != "" {
			at = at.Add(-length)
		}
	}
	if err != nil || at.Year() < 1990 { // 1904 and 1970 are clocks that were never set
		return time.Time{}
	}
	return at.UTC()
}

// ratio reads "30000/1001"; 0 when it says nothing.
func ratio(s string) float64 {
	a, b, ok := strings.Cut(s, "/")
	n, err := strconv.ParseFloat(a, 64)
	d, err2 := strconv.ParseFloat(b, 64)
	if !ok || err != nil || err2 != nil || d == 0 {
		return 0
	}
	return n / d
}
