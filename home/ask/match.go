package ask

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"time"

	"porchlight/canvass"
	"porchlight/home"
)

// Match finds what the house has of each of some requests: the last four fields
// of a Matched. moments may be nil.
//
// Footage and moments are asked for once for all requests, each camera for the
// windows of those it sees; then a request is two searches in a list, and its
// moments. So it costs what is found, and not what is kept times what is asked.
func (e Eyes) Match(ctx context.Context, asked []canvass.Content, footage Footage, moments Moments) ([]Matched, error) {
	out, seen := make([]Matched, len(asked)), make([][]int, len(asked))
	windows := make([][]home.Span, len(e))
	for i, c := range asked {
		out[i].Looked = Looked(c)
		for k, v := range e {
			if c.From.Before(c.To) && v.sees(c.Area) {
				out[i].Cameras, seen[i] = append(out[i].Cameras, v.camera), append(seen[i], k)
				windows[k] = append(windows[k], home.Span{Camera: v.camera, From: c.From, To: c.To})
			}
		}
	}
	held, err := hold(ctx, windows, footage, moments)
	if err != nil {
		return nil, err
	}
	for i, c := range asked {
		m := &out[i]
		spans := make([][]home.Span, len(e))
		for _, k := range seen[i] {
			spans[k] = within(held.spans[k], c.From, c.To)
			m.Spans = append(m.Spans, spans[k]...)
		}
		if len(m.Spans) == 0 {
			continue
		}
		for _, o := range held.between(c.From, c.To) {
			if touches(spans[o.camera], o.Span) && worth(o.Moment, m.Looked) {
				m.Moments = append(m.Moments, o.Moment)
			}
		}
	}
	return out, nil
}

// held is what a house has of some windows.
type held struct {
	spans   [][]home.Span // by camera; by time and apart
	moments []seen        // of all cameras, by their beginning
	longest time.Duration // of a moment
}

// seen is a moment of the camera with this number.
type seen struct {
	*home.Moment
	camera int
}

// hold asks what there is of each camera's windows.
func hold(ctx context.Context, windows [][]home.Span, footage Footage, moments Moments) (h held, err error) {
	h.spans = make([][]home.Span, len(windows))
	for k, all := range windows {
		var before time.Time // the end of the window before
		for _, w := range union(all) {
			spans, err := footage.Spans(ctx, w.Camera, w.From, w.To)
			if err != nil {
				return h, err
			}
			spans = within(spans, w.From, w.To)
			h.spans[k] = append(h.spans[k], spans...)
			if len(spans) == 0 || moments == nil {
				continue
			}
			found, err := moments.Moments(ctx, w.Camera, w.From, w.To)
			if err != nil {
				return h, err
			}
			for _, o := range found {
				if o.From.Before(before) {
					continue // it reaches from one window into the next
				}
				h.moments = append(h.moments, seen{o, k})
				h.longest = max(h.longest, o.To.Sub(o.From))
			}
			before = w.To
		}
	}
	slices.SortStableFunc(h.moments, func(a, b seen) int { return a.From.Compare(b.From) })
	return h, nil
}

// between are the moments that may touch the stretch between two times: none
// begins after it, or so long before it that it was over.
func (h held) between(from, to time.Time) []seen {
	first := func(t time.Time) int {
		return sort.Search(len(h.moments), func(i int) bool { return !h.moments[i].From.Before(t) })
	}
	return h.moments[first(from.Add(-h.longest)):first(to)]
}

// union makes one of spans that touch, by time.
func union(spans []home.Span) (out []home.Span) {
	slices.SortFunc(spans, func(a, b home.Span) int { return cmp.Or(a.From.Compare(b.From), a.To.Compare(b.To)) })
	for _, p := range spans {
		if n := len(out); n > 0 && !p.From.After(out[n-1].To) {
			if p.To.After(out[n-1].To) {
				out[n-1].To = p.To
			}
			continue
		}
		out = append(out, p)
	}
	return out
}

// within cuts spans, which are by time and apart, to a stretch of time.
func within(spans []home.Span, from, to time.Time) (out []home.Span) {
	for _, p := range spans[after(spans, from):] {
		if !p.From.Before(to) {
			break
		}
		if p.From.Before(from) {
			p.From = from
		}
		if p.To.After(to) {
			p.To = to
		}
		if p.From.Before(p.To) {
			out = append(out, p)
		}
	}
	return out
}

// touches reports whether any of spans, which are by time and apart, shares time
// with p.
func touches(spans []home.Span, p home.Span) bool {
	i := after(spans, p.From)
	return i < len(spans) && spans[i].From.Before(p.To)
}

// after is the first of spans, which are by time and apart, that ends after t.
func after(spans []home.Span, t time.Time) int {
	return sort.Search(len(spans), func(i int) bool { return spans[i].To.After(t) })
}
