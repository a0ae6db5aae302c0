package rtsptest

import (
	"os/exec"
	"strings"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// A camera asks for its password, sends what it was given, and is gone when it is
// unplugged.
func TestCamera(t *testing.T) {
	s := Start(t, map[string]Film{"front": {Codec: "h264", Audio: true}, "back": {Codec: "h265"}})
	probe := func(address string) string {
		out, _ := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name", "-of", "csv=p=0", address).CombinedOutput()
		return strings.Join(strings.Fields(string(out)), " ")
	}
	if got := probe(s.URL("front")); !strings.Contains(got, "h264") || !strings.Contains(got, "aac") {
		t.Errorf("front: %s", got)
	}
	if got := probe(s.URL("back")); got != "hevc" {
		t.Errorf("back: %s", got)
	}
	if got := probe(s.Address("front")); !strings.Contains(got, "401") {
		t.Errorf("without a password: %s", got)
	}
	if got := probe(s.URL("side")); !strings.Contains(got, "404") {
		t.Errorf("another name: %s", got)
	}
	port := s.Port
	s.Unplug()
	if got := probe(s.URL("front")); !strings.Contains(got, "refused") {
		t.Errorf("unplugged: %s", got)
	}
	s.Replug()
	if got := probe(s.URL("back")); s.Port != port || got != "hevc" {
		t.Errorf("plugged in again: %s, port %d was %d", got, s.Port, port)
	}
}
