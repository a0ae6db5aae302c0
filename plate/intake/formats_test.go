package intake

import (
	"bytes"
	"flag"
	"fmt"
	"mime/multipart"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/geo"
	"porchlight/plate"
)

var update = flag.Bool("update", false, "write the golden files of the formats anew")

// parseFile reads a sample as what the beginning of its name says it is.
func parseFile(name string, data []byte) ([]Sighting, error) {
	switch kind, _, _ := strings.Cut(name, "-"); {
	case name == "batch.json":
		b, err := ParseBatch(MediaJSON, data)
		return b.Reads, err
	case strings.HasPrefix(name, "frigate-update"):
		return parseFrigate("frigate/tracked_object_update", data)
	case kind == "frigate":
		return parseFrigate("frigate/events", data)
	default:
		return parse(plate.Dialect(kind), "application/json", data)
	}
}

// Each sample, written after what the programs send, is read as its golden file
// says.
func TestFormats(t *testing.T) {
	files, err := filepath.Glob("testdata/formats/*[nv]")
	must(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, ".golden") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			must(t, err)
			list, err := parseFile(filepath.Base(file), data)
			must(t, err)
			var out bytes.Buffer
			for _, s := range list {
				fmt.Fprintln(&out, describe(s))
			}
			if *update {
				must(t, os.WriteFile(file+".golden", out.Bytes(), 0o644))
			}
			want, err := os.ReadFile(file + ".golden")
			must(t, err)
			if out.String() != string(want) {
				t.Errorf("read\n%swant\n%s", out.String(), want)
			}
		})
	}
	if len(files) < 10 {
		t.Errorf("only %d samples", len(files))
	}
}

// describe writes everything of a sighting that was told.
func describe(s Sighting) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q region %q confidence %d seen %s event %q heading %d", s.Text, s.Region, s.Confidence, s.Seen.Format(time.RFC3339Nano), s.Event, s.Heading)
	if len(s.Others) > 0 {
		fmt.Fprintf(&b, " others %v", s.Others)
	}
	if s.Vehicle != (plate.Vehicle{}) {
		fmt.Fprintf(&b, " vehicle %q", s.Vehicle)
	}
	if s.Alias != "" {
		fmt.Fprintf(&b, " alias %q", s.Alias)
	}
	if s.Placed {
		fmt.Fprintf(&b, " place %v", s.Place)
	}
	if len(s.Sealed)+len(s.Clear) > 0 {
		fmt.Fprintf(&b, " sealed %d clear %d", len(s.Sealed), len(s.Clear))
	}
	if s.Fault != "" {
		fmt.Fprintf(&b, " FAULT %s", s.Fault)
	}
	return b.String()
}

func TestPlateRecognizerForms(t *testing.T) {
	data, err := os.ReadFile("testdata/formats/platerecognizer-stream.json")
	must(t, err)
	jpeg := []byte("\xff\xd8\xff\xe0picture")
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	must(t, w.WriteField("json", string(data)))
	f, err := w.CreateFormFile("upload", "x.jpg")
	must(t, err)
	f.Write(jpeg)
	must(t, w.Close())
	list, err := parsePlateRecognizer(w.FormDataContentType(), form.Bytes())
	must(t, err)
	if len(list) != 2 || !bytes.Equal(list[0].Clear, jpeg) || !bytes.Equal(list[1].Clear, jpeg) || list[0].Text != "ZZT1234" {
		t.Errorf("multipart: %v", list)
	}
	for _, body := range []string{"json=" + string(data), "json=" + strings.NewReplacer("%", "%25", "+", "%2B", "&", "%26").Replace(string(data))} {
		if list, err := parsePlateRecognizer("application/x-www-form-urlencoded", []byte(body)); err != nil || len(list) != 2 {
			t.Errorf("form: %v, %v", list, err)
		}
	}
	if _, err := parsePlateRecognizer("multipart/form-data; boundary=x", []byte("--x\r\nnonsense")); err == nil {
		t.Error("a broken form was read")
	}
}

// A frame's plate and the group it is the best of are one observation, so that
// an agent which sends both is not counted twice.
func TestOpenALPRGroupIsItsFrame(t *testing.T) {
	var ids []string
	for _, name := range []string{"openalpr-group.json", "openalpr-frame.json"} {
		data, err := os.ReadFile("testdata/formats/" + name)
		must(t, err)
		list, err := parseOpenALPR(data)
		must(t, err)
		ids = append(ids, list[0].Event)
	}
	if ids[0] == "" || ids[0] != ids[1] {
		t.Errorf("events %q", ids)
	}
}

func sample() Batch {
	seen := time.Date(2026, 11, 20, 9, 0, 1, 234e6, time.UTC)
	full := sighting("ZZT1234", seen)
	full.Event, full.Region, full.Confidence, full.Heading = "a1", "US-IL", 0, 0
	full.Others = []plate.Guess{{Text: "ZZTI234", Confidence: 410}, {Text: "ZZT123", Confidence: -1}}
	full.Vehicle = plate.Vehicle{Type: "pickup", Make: "ford", Color: "gray"}
	full.Place, full.Placed, full.Sealed = geo.Point{Lon: -896500000, Lat: 397500000}, true, []byte("age-encryption.org/v1")
	return Batch{Camera: "01kq0000000000000000000000", Sequence: 7, Sent: seen.Add(time.Second), Reads: []Sighting{full, sighting("99ZZX1", seen)}}
}

func TestBatchThereAndBack(t *testing.T) {
	want := sample()
	for media, body := range map[string][]byte{MediaJSON: want.JSON(), MediaProtobuf: want.Protobuf()} {
		got, err := ParseBatch(media, body)
		must(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", media, got, want)
		}
	}
}

func TestNoBatch(t *testing.T) {
	for _, body := range []string{"", "[]", `{"camera": "c"}`, `{"camera": "c", "sequence": 0, "sent": "2026-11-20T09:00:02Z"}`, `{"camera": "c", "sequence": 1}`,
		`{"camera": "c", "sequence": 9007199254740992, "sent": "2026-11-20T09:00:02Z"}`, `{"camera": "c", "sequence": 1, "sent": "2026-11-20T09:00:02Z"} {}`,
		`{"camera": "c", "sequence": 1, "sent": "2026-11-20T09:00:02Z", "reads": [{"plate": "SECRET1", "colour": "red"}]}`,
		`{"camera": "c", "sequence": "SECRET1", "sent": "2026-11-20T09:00:02Z"}`} {
		b, err := ParseBatch(MediaJSON, []byte(body))
		if err == nil {
			t.Errorf("%s was read as %+v", body, b)
		} else if strings.Contains(err.Error(), "SECRET1") {
			t.Errorf("%s: the error repeats what was sent: %v", body, err)
		}
	}
	for _, body := range []string{"", "\x08", "\x22\xff", "\x0b"} {
		if b, err := ParseBatch(MediaProtobuf, []byte(body)); err == nil {
			t.Errorf("%q was read as %+v", body, b)
		}
	}
}

// batch.proto, read by the real protoc, means what Protobuf writes and
// ParseBatch reads.
func TestProtocAgrees(t *testing.T) {
	protoc, err := exec.LookPath("protoc")
	if err != nil {
		t.Skip("protoc is not installed: apt-get install protobuf-compiler")
	}
	run := func(how string, in []byte) []byte {
		t.Helper()
		c := exec.Command(protoc, how+"=porchlight.plates.v1.Batch", "batch.proto")
		c.Stdin, c.Stderr = bytes.NewReader(in), os.Stderr
		out, err := c.Output()
		must(t, err)
		return out
	}
	want := sample()
	text := run("--decode", want.Protobuf())
	for _, line := range []string{`camera: "01kq0000000000000000000000"`, "sequence: 7", "sent: 1795165202234", `plate: "ZZT1234"`, "confidence: 0", "heading: 0",
		"lon: -896500000", "lat: 397500000", "seen: 1795165201234", `type: "pickup"`, `make: "ford"`, `color: "gray"`, "confidence: 410", `picture: "age-encryption.org/v1"`} {
		if !bytes.Contains(text, []byte(line+"\n")) {
			t.Errorf("protoc does not see %s in\n%s", line, text)
		}
	}
	if bytes.Contains(text, []byte("\n1")) {
		t.Errorf("protoc knows no name for a field:\n%s", text)
	}
	got, err := ParseBatch(MediaProtobuf, run("--encode", text))
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("protoc's bytes are read as %+v", got)
	}
}

// What every parser owes whatever it is given: no panic, plates that are
// plates, times of whole milliseconds, numbers in range.
func sane(t *testing.T, list []Sighting) {
	for _, s := range list {
		if s.Fault != "" {
			continue
		}
		if again, err := plate.ParseText(string(s.Text)); err != nil || again != s.Text {
			t.Errorf("text %q", s.Text)
		}
		if s.Seen.IsZero() || s.Seen != s.Seen.UTC().Truncate(time.Millisecond) {
			t.Errorf("seen %v", s.Seen)
		}
		if s.Confidence < -1 || s.Confidence > 1000 || s.Heading < -1 || s.Heading > 359 || len(s.Others) > maxOthers || len(s.Event) > MaxEvent {
			t.Errorf("out of range: %s", describe(s))
		}
		if s.Region != "" && !regionForm.MatchString(s.Region) {
			t.Errorf("region %q", s.Region)
		}
		for _, o := range s.Others {
			if _, err := plate.ParseText(string(o.Text)); err != nil || o.Confidence < -1 || o.Confidence > 1000 {
				t.Errorf("other %+v", o)
			}
		}
	}
}

func seed(f *testing.F, prefix string) {
	files, err := filepath.Glob("testdata/formats/" + prefix + "*")
	must(f, err)
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".golden") {
			f.Add(data)
		}
	}
}

func FuzzBatchJSON(f *testing.F) {
	seed(f, "batch")
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBatch(MediaJSON, data)
		if err == nil {
			sane(t, b.Reads)
			same(t, b, MediaJSON)
		}
	})
}

func FuzzBatchProtobuf(f *testing.F) {
	f.Add(sample().Protobuf())
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBatch(MediaProtobuf, data)
		if err == nil {
			sane(t, b.Reads)
			same(t, b, MediaProtobuf)
		}
	})
}

// same checks that what was read of a batch reads the same once more. What it
// cannot state (a fault, a time outside the calendar of JSON) is left out.
func same(t *testing.T, b Batch, media string) {
	b.Reads = slices.DeleteFunc(b.Reads, func(s Sighting) bool { return s.Fault != "" || s.Seen.Year() > 9999 || s.Seen.Year() < 1971 })
	if y := b.Sent.Year(); y > 9999 || y < 1971 {
		return
	}
	b.Sent = b.Sent.UTC().Truncate(time.Millisecond)
	body := b.Protobuf()
	if media == MediaJSON {
		body = b.JSON()
	}
	again, err := ParseBatch(media, body)
	must(t, err)
	for i := range b.Reads {
		if got, want := describe(again.Reads[i]), describe(b.Reads[i]); got != want {
			t.Errorf("read again as %s, was %s", got, want)
		}
	}
}

func FuzzOpenALPR(f *testing.F) {
	seed(f, "openalpr")
	f.Fuzz(func(t *testing.T, data []byte) {
		if list, err := parseOpenALPR(data); err == nil {
			sane(t, list)
		}
	})
}

func FuzzPlateRecognizer(f *testing.F) {
	seed(f, "platerecognizer")
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{}\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []string{"application/json", "multipart/form-data; boundary=x"} {
			if list, err := parsePlateRecognizer(kind, data); err == nil {
				sane(t, list)
			}
		}
	})
}

func FuzzFrigate(f *testing.F) {
	seed(f, "frigate")
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, topic := range []string{"frigate/events", "frigate/tracked_object_update"} {
			if list, err := parseFrigate(topic, data); err == nil {
				sane(t, list)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	seed(f, "csv")
	f.Fuzz(func(t *testing.T, data []byte) {
		if list, err := parseCSV(data); err == nil {
			sane(t, list)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
