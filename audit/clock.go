package audit

import "time"

// clock tells the local days and hours of one zone. It remembers the stretch
// between two changes of the zone's offset, as searches come in order of time.
// Not for concurrent use.
type clock struct {
	zone     *time.Location
	from, to int64 // Unix seconds between which offset holds, to not included
	offset   int64 // seconds east of UTC
}

func newClock(zone *time.Location) *clock { return &clock{zone: zone} }

// local is the wall clock at a Unix time, as seconds since it showed 1970-01-01.
func (c *clock) local(unix int64) int64 {
	if unix < c.from || unix >= c.to {
		t := time.Unix(unix, 0).In(c.zone)
		_, offset := t.Zone()
		c.offset = int64(offset)
		c.from, c.to = -1<<62, 1<<62
		from, to := t.ZoneBounds()
		if !from.IsZero() {
			c.from = from.Unix()
		}
		if !to.IsZero() {
			c.to = to.Unix()
		}
	}
	return unix + c.offset
}

const daySeconds = 24 * 60 * 60

// dayOf and hourOf read what local returned: days since 1970-01-01, hour of the day.
func dayOf(local int64) int {
	day := local / daySeconds
	if local%daySeconds < 0 {
		day--
	}
	return int(day)
}

func hourOf(local int64) int { return int(local-int64(dayOf(local))*daySeconds) / 3600 }

// weekday is 0 for Sunday; 1970-01-01 was a Thursday.
func weekday(day int) int { return ((day+4)%7 + 7) % 7 }

// dateOf writes a day as 2025-11-30.
func dateOf(day int) string {
	return time.Unix(int64(day)*daySeconds, 0).UTC().Format(time.DateOnly)
}

// Night and the weekend are when most people are not at work. A police
// department works around the clock: they matter only for somebody whose own
// hours are not known from enough searches, or are others.
func night(hour int) bool  { return hour >= 22 || hour < 6 }
func weekend(day int) bool { d := weekday(day); return d == 0 || d == 6 }
