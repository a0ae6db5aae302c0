package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"porchlight/exchange"
	"porchlight/internal/actor"
	"porchlight/roster"
	"porchlight/web"
)

const county = `{"type":"Polygon","coordinates":[[[-89.70,40.20],[-89.60,40.20],[-89.60,40.30],[-89.70,40.30],[-89.70,40.20]]]}`

// server is the real binary serving an exchange with one open request.
type server struct {
	url, dir, request string
	cmd               *exec.Cmd
}

// startServer creates an exchange and serves it in a process of its own.
func startServer(ctx context.Context) (*server, error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	base, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	s := &server{url: fmt.Sprintf("http://localhost:%d", port), dir: filepath.Join(base, "x")}
	made, err := exchange.Init(ctx, exchange.Config{
		Dir: s.dir, BaseURL: s.url, Listen: fmt.Sprintf("localhost:%d", port), State: "IL",
	}, []byte(county))
	if err != nil {
		return nil, err
	}
	s.cmd = exec.CommandContext(ctx, "bin/porchlight", "serve", "--dir", s.dir, "--log", "warn")
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for { // until it answers; the context bounds it
		resp, err := http.Get(s.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	if err := s.ask(ctx, made.OperatorLink); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// ask lets one agency join and publish one request.
func (s *server) ask(ctx context.Context, link string) error {
	const ori = "IL1030100"
	operator, police, moderator := actor.NewPerson(s.url, "Operator"), actor.NewPerson(s.url, "Police"), actor.NewPerson(s.url, "Moderator")
	if err := operator.Enrol(ctx, link); err != nil {
		return err
	}
	var area web.GeoPolygon
	if err := json.Unmarshal([]byte(county), &area); err != nil {
		return err
	}
	token, inv := actor.Invitation()
	if _, err := operator.Act(ctx, "/agencies", web.NewAgency{NewInvitation: inv, ORI: ori, Name: "Bench Police", Kind: "municipal",
		State: "IL", Contact: "bench@example.org", Jurisdiction: area, Admin: "Police"}, nil); err != nil {
		return err
	}
	if err := police.Enrol(ctx, token); err != nil {
		return err
	}
	if _, err := police.Act(ctx, "/agencies/"+ori+"/join", web.Contact{Contact: "bench@example.org"}, nil); err != nil {
		return err
	}
	var me web.Me
	if err := police.Get(ctx, "/me", &me); err != nil {
		return err
	}
	for _, role := range []string{"requester", "custodian"} {
		_, inv := actor.Invitation()
		if _, err := police.Act(ctx, "/people", web.NewPerson{NewInvitation: inv, ID: me.Person.ID, Agency: ori, Role: role}, nil); err != nil {
			return err
		}
	}
	token, inv = actor.Invitation()
	if _, err := operator.Act(ctx, "/people", web.NewPerson{NewInvitation: inv, Name: "Moderator", Role: "moderator"}, nil); err != nil {
		return err
	}
	if err := moderator.Enrol(ctx, token); err != nil {
		return err
	}
	if _, err := police.PublishVault(ctx, roster.ForEvidence); err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Minute)
	r, err := police.Post(ctx, web.RequestDraft{
		Case: "B-1", Incident: "burglary", Narrative: "A burglary in the evening; we look for footage of the street.",
		Area: web.GeoPolygon{Type: "Polygon", Coordinates: [][][]float64{{{-89.66, 40.24}, {-89.65, 40.24}, {-89.65, 40.248}, {-89.66, 40.248}, {-89.66, 40.24}}}},
		From: now.Add(-5 * time.Hour), To: now.Add(-4 * time.Hour), TimeZone: "America/Chicago",
		Expires: now.Add(72 * time.Hour), Contact: "bench@example.org",
	})
	if err != nil {
		return err
	}
	s.request = r.ID
	return moderator.Moderate(ctx, r.ID)
}

// peakMemory is the most resident memory the server ever had, in bytes.
func (s *server) peakMemory() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := strings.CutPrefix(string(line), "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb * 1024, err
		}
	}
	return 0, fmt.Errorf("no VmHWM")
}

func (s *server) stop() {
	s.cmd.Process.Signal(os.Interrupt)
	s.cmd.Wait()
	os.RemoveAll(filepath.Dir(s.dir))
}
