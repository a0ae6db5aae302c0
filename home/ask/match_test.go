package ask

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"porchlight/canvass"
	"porchlight/home"
)

// counted counts what the rooms are asked.
type counted struct {
	*disk
	asked int
}

func (c *counted) Spans(ctx context.Context, camera string, from, to time.Time) ([]home.Span, error) {
	c.asked++
	return c.disk.Spans(ctx, camera, from, to)
}

func (c *counted) Moments(ctx context.Context, camera string, from, to time.Time) ([]*home.Moment, error) {
	c.asked++
	return c.disk.Moments(ctx, camera, from, to)
}

// Many requests at once are answered as each would be by who looks at everything:
// footage with gaps, moments that reach over gaps and windows, windows that
// overlap, touch and last no time.
func TestMatchManyRequests(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 3))
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	offered := 0
	for world := range 150 {
		d := &counted{disk: &disk{t, map[string][]home.Span{}, map[string][]*home.Moment{}, nil, nil}}
		cameras := []home.Camera{{ID: "east", Facing: 90}, {ID: "west", Facing: 270}, {ID: "round", Facing: -1}}
		for i := range cameras {
			c := &cameras[i]
			c.Place, c.Angle, c.Reach = point(t, -89.65, 39.75), 100, 40
			for m := rng.IntN(30); m < 600; m += 1 + rng.IntN(60) {
				from := m
				m += 1 + rng.IntN(90)
				d.spans[c.ID] = append(d.spans[c.ID], home.Span{Camera: c.ID, From: at(from), To: at(m)})
			}
			for m := 0; m < 600; m += 1 + rng.IntN(30) {
				length := 1 + rng.IntN(5)
				if rng.IntN(20) == 0 {
					length = 200 // a Frigate event that went on
				}
				d.moments[c.ID] = append(d.moments[c.ID], moment(c.ID, at(m), time.Duration(length)*time.Minute, []home.What{home.Motion, home.Person, home.Vehicle}[rng.IntN(3)]))
			}
		}
		asked := make([]canvass.Content, 1+rng.IntN(12))
		for i := range asked {
			from := rng.IntN(600)
			asked[i] = canvass.Content{Incident: []canvass.Incident{"hit-and-run", "assault", "fire"}[rng.IntN(3)], From: at(from), To: at(from + 15*rng.IntN(10)),
				Area: square(t, -89.65, 39.75, rng.Float64()*160-100, -10, 20)}
		}
		eyes := NewEyes(cameras)
		got, err := eyes.Match(t.Context(), asked, d, d)
		must(t, err)
		for i, c := range asked {
			if want := plainly(eyes, cameras, c, d.disk); fmt.Sprint(told(got[i])) != fmt.Sprint(want) {
				t.Fatalf("world %d, request %d from %s to %s:\n%v, expected\n%v", world, i, c.From, c.To, told(got[i]), want)
			}
			offered += len(got[i].Moments)
		}
	}
	if offered < 1000 {
		t.Errorf("%d moments offered in all: this tests little", offered)
	}
}

// told is what was matched, to be compared.
func told(m Matched) (out []string) {
	for _, p := range m.Spans {
		out = append(out, fmt.Sprint(p))
	}
	for _, o := range m.Moments {
		out = append(out, o.Camera+" "+o.ID)
	}
	slices.Sort(out)
	return append(out, fmt.Sprint(m.Cameras, m.Looked, slices.IsSortedFunc(m.Moments, func(a, b *home.Moment) int { return a.From.Compare(b.From) })))
}

// plainly looks at every span and every moment.
func plainly(eyes Eyes, cameras []home.Camera, c canvass.Content, d *disk) []string {
	m := Matched{Looked: Looked(c)}
	for i, k := range cameras {
		if !c.From.Before(c.To) || !eyes.Sees(i, c.Area) {
			continue
		}
		m.Cameras = append(m.Cameras, k.ID)
		var spans []home.Span
		for _, p := range d.spans[k.ID] {
			if p = (home.Span{Camera: p.Camera, From: latest(p.From, c.From), To: earliest(p.To, c.To)}); p.From.Before(p.To) {
				spans = append(spans, p)
			}
		}
		for _, o := range d.moments[k.ID] {
			if worth(o, m.Looked) && slices.ContainsFunc(spans, func(p home.Span) bool { return o.From.Before(p.To) && o.To.After(p.From) }) {
				m.Moments = append(m.Moments, o)
			}
		}
		m.Spans = append(m.Spans, spans...)
	}
	slices.SortStableFunc(m.Moments, func(a, b *home.Moment) int { return a.From.Compare(b.From) })
	return told(m)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// However many requests ask for one evening, each camera is looked up once.
func TestManyRequestsAreOneQuestion(t *testing.T) {
	h := newHouse(t, nil)
	d := &counted{disk: h.disk}
	asked := make([]canvass.Content, 500)
	for i := range asked {
		asked[i] = request(t, "a").Request
		asked[i].From = asked[i].From.Add(time.Duration(i) * time.Second)
	}
	if _, err := NewEyes(h.cameras).Match(t.Context(), asked, d, d); err != nil || d.asked != 2 { // footage and moments, of the camera that sees it
		t.Errorf("asked %d times, %v", d.asked, err)
	}
}
