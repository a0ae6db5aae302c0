package lpr

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"porchlight/plate/intake"
)

// Health is how a station does.
type Health struct {
	OK      bool           `json:"ok"`      // Trouble is empty
	Trouble []string       `json:"trouble"` // in one sentence each
	Began   time.Time      `json:"began"`
	Clock   ClockHealth    `json:"clock"`
	Cameras []CameraHealth `json:"cameras"`
	Vaults  []VaultHealth  `json:"vaults"`
}

// CameraHealth is how one camera does. Numbers are since the process began.
type CameraHealth struct {
	ID        string     `json:"id"`
	Source    string     `json:"source"` // without its password
	PictureAt *time.Time `json:"picture_at"`
	Frames    int64      `json:"frames"`   // that came
	Dropped   int64      `json:"dropped"`  // of them, because vision was busy
	Looked    int64      `json:"looked"`   // of them, past the gate
	Vehicles  int64      `json:"vehicles"` // in the frames looked at
	Plates    int64      `json:"plates"`
	Reads     int64      `json:"reads"` // vehicles that passed
	Pictures  int64      `json:"pictures"`
	LastRead  *time.Time `json:"last_read"`
	SentAt    *time.Time `json:"sent_at"`
	Sent      int64      `json:"sent"`    // reads the exchange answered for
	Refused   int64      `json:"refused"` // of them, not taken in
	NoPicture string     `json:"no_picture"`
	Unsent    string     `json:"unsent"`
	Unkept    string     `json:"unkept"`
	Spool     Held       `json:"spool"`
	before    uint64     // Spool.LostReads as the process began
}

// VaultHealth is what pictures of one agency's cameras are sealed to.
type VaultHealth struct {
	Agency    string    `json:"agency"`
	Recipient string    `json:"recipient"` // "" none: no pictures are kept
	Entry     uint64    `json:"entry"`
	LookedAt  time.Time `json:"looked_at"`
	Trouble   string    `json:"trouble"`
}

// ClockHealth is what the clock did.
type ClockHealth struct {
	Jumps    int64      `json:"jumps"`     // of more than 2 seconds
	JumpedAt *time.Time `json:"jumped_at"` // after the last one
	JumpMS   int64      `json:"jump_ms"`   // how far, forward or back
	AheadMS  int64      `json:"ahead_ms"`  // of the exchange's, when it last answered; to the second
}

// cameraHealth counts.
type cameraHealth struct {
	mu sync.Mutex
	CameraHealth
}

func (h *cameraHealth) do(f func(*CameraHealth)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.CameraHealth)
}

func (h *cameraHealth) saw(at time.Time) {
	h.do(func(c *CameraHealth) { c.Frames, c.PictureAt, c.NoPicture = c.Frames+1, &at, "" })
}
func (h *cameraHealth) dropped() { h.do(func(c *CameraHealth) { c.Dropped++ }) }
func (h *cameraHealth) blind(err error) {
	h.do(func(c *CameraHealth) { c.NoPicture = err.Error() })
}
func (h *cameraHealth) looked(vehicles, plates int) {
	h.do(func(c *CameraHealth) {
		c.Looked, c.Vehicles, c.Plates = c.Looked+1, c.Vehicles+int64(vehicles), c.Plates+int64(plates)
	})
}
func (h *cameraHealth) read(seen time.Time, pictured bool) {
	h.do(func(c *CameraHealth) {
		c.Reads, c.LastRead, c.Unkept = c.Reads+1, &seen, ""
		if pictured {
			c.Pictures++
		}
	})
}
func (h *cameraHealth) lost(err error)   { h.do(func(c *CameraHealth) { c.Unkept = err.Error() }) }
func (h *cameraHealth) unsent(err error) { h.do(func(c *CameraHealth) { c.Unsent = err.Error() }) }
func (h *cameraHealth) gaveUp()          { h.do(func(c *CameraHealth) { c.Refused++ }) }
func (h *cameraHealth) sent(at time.Time, r intake.Result) {
	h.do(func(c *CameraHealth) {
		c.Sent += r.Fresh + r.Late + r.Duplicate + r.TooOld + r.Future + r.Malformed
		c.Refused += r.TooOld + r.Future + r.Malformed
		c.SentAt, c.Unsent = &at, ""
	})
}

// How long a camera may show nothing, and reads may wait, before it is trouble.
const (
	blindAfter  = 30 * time.Second
	unsentAfter = 10 * time.Minute
)

// Health tells how the station does now.
func (s *Station) Health() Health {
	now := s.Now()
	h := Health{Began: s.began, Clock: s.clock.health(), Trouble: []string{}}
	for i, e := range s.eyes {
		e.health.mu.Lock()
		c := e.health.CameraHealth
		e.health.mu.Unlock()
		c.ID, c.Source, c.Spool = e.camera.ID, e.camera.Source.String(), s.spools[i].Held()
		last := s.began
		if c.PictureAt != nil {
			last = *c.PictureAt
		}
		say := func(format string, args ...any) {
			h.Trouble = append(h.Trouble, "Camera "+c.ID+": "+fmt.Sprintf(format, args...))
		}
		if e.camera.Source.Live() && now.Sub(last) > blindAfter {
			say("no picture since %s. %s", last.UTC().Format(time.RFC3339), c.NoPicture)
		}
		if c.Spool.Reads > 0 && now.Sub(c.Spool.Since) > unsentAfter {
			say("%d reads wait since %s. %s", c.Spool.Reads, c.Spool.Since.UTC().Format(time.RFC3339), c.Unsent)
		}
		if c.Unkept != "" {
			say("the last read could not be kept. %s", c.Unkept)
		}
		if n := c.Spool.LostReads - c.before; n > 0 {
			say("%d reads were lost for want of room.", n)
		}
		h.Cameras = append(h.Cameras, c)
	}
	for _, v := range s.vaults {
		v.mu.Lock()
		w := VaultHealth{Agency: v.agency, Entry: v.entry, LookedAt: v.at}
		if v.to != nil {
			w.Recipient = v.to.String()
		}
		if v.err != nil {
			w.Trouble = v.err.Error()
		}
		v.mu.Unlock()
		if w.Recipient == "" {
			h.Trouble = append(h.Trouble, "No pictures are kept: "+w.Trouble)
		}
		h.Vaults = append(h.Vaults, w)
	}
	if a := h.Clock.AheadMS; a > 90_000 || a < -90_000 {
		h.Trouble = append(h.Trouble, fmt.Sprintf("The clock is %d seconds from the exchange's.", a/1000))
	}
	h.OK = len(h.Trouble) == 0
	return h
}

// ServeHTTP answers /healthz: 200 when all is well, 503 when not, and Health as
// JSON. It says where cameras are on the network: for this machine only.
func (s *Station) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/healthz" {
		http.NotFound(w, r)
		return
	}
	h := s.Health()
	w.Header().Set("Content-Type", "application/json")
	if !h.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.Encode(h)
}

// clock notes jumps: the wall's clock against the one that only goes forward.
type clock struct {
	now    func() time.Time
	logger *slog.Logger

	mu   sync.Mutex
	mark time.Time // with its monotonic part
	wall time.Time // at mark
	h    ClockHealth
}

// maxDrift is how far the two may part between two looks.
const maxDrift = 2 * time.Second

func (c *clock) run(ctx context.Context, wait func(context.Context, time.Duration) error) {
	for wait(ctx, clockEvery) == nil {
		c.look(time.Now())
	}
}

// look compares at steady, a time with its monotonic part.
func (c *clock) look(steady time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now().Round(0)
	jump := now.Sub(c.wall.Round(0)) - steady.Sub(c.mark)
	c.mark, c.wall = steady, now
	if jump > -maxDrift && jump < maxDrift {
		return
	}
	c.h.Jumps, c.h.JumpedAt, c.h.JumpMS = c.h.Jumps+1, &now, jump.Milliseconds()
	c.logger.Warn("the clock jumped; reads carry the new time from now on", "by", jump)
}

// exchange takes the time of an answer.
func (c *clock) exchange(date string, now time.Time) {
	t, err := http.ParseTime(date)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.h.AheadMS = now.Sub(t).Milliseconds()
}

func (c *clock) health() ClockHealth {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.h
}
