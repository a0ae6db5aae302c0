package searchlog

import (
	"encoding/binary"
	"math"
	"time"
)

// stamp is a point in time as a cell writes it.
type stamp struct {
	days   int64 // since 1970
	micros int64 // since midnight
	offset int64 // micros east of UTC, where zoned
	date   bool  // has a date
	clock  bool  // has a time of day
	zoned  bool  // says its zone
	serial bool  // was a day number of a spreadsheet
}

const (
	second = int64(1e6)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

// at is the stamp in microseconds since 1970, UTC. A stamp without a zone is
// read in loc; nil is UTC.
func (s stamp) at(loc *time.Location) int64 {
	t := s.days*day + s.micros
	if s.zoned {
		return t - s.offset
	}
	if loc == nil || loc == time.UTC {
		return t
	}
	u := time.UnixMicro(t).UTC()
	return time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), loc).UnixMicro()
}

// parseStamp reads a time in the spellings that exports use: month first
// (1/25/2024, 1:27:03 PM UTC), ISO 8601, month names, a date or clock alone, or
// the day number of a spreadsheet. The whole cell must be one.
func parseStamp(b []byte) (s stamp, ok bool) {
	if s, ok := commonStamp(b); ok {
		return s, true
	}
	p := scanner{b: b}
	p.space()
	if !p.date(&s) {
		return s, false
	}
	if s.serial {
		p.space()
		return s, p.i == len(p.b)
	}
	if s.date && !s.clock {
		p.space()
		p.one(',')
		p.one('T')
		p.space()
		if p.i == len(p.b) {
			return s, true
		}
		if !p.clock(&s, -1) {
			return s, false
		}
	}
	p.zone(&s)
	p.space()
	return s, p.i == len(p.b)
}

// commonStamp reads the two spellings that nearly all rows have, to the letter:
// 01/25/2024, 01:27:03 PM UTC and 2024-01-25T13:27:03.185Z.
func commonStamp(b []byte) (s stamp, ok bool) {
	switch {
	case len(b) == commonLen && string(b[22:]) == "M UTC":
		d, isDate := usDate.read(b)
		y, isYear := usYear.read(b[4:])
		c, isClock := usClock.read(b[12:])
		h, m, sec := pair(c), pair(c>>24), pair(c>>48)
		if !isDate || !isYear || !isClock || b[20] != ' ' || b[21] != 'A' && b[21] != 'P' || h < 1 || h > 12 || m > 59 || sec > 59 {
			return s, false
		}
		if h == 12 {
			h = 0
		}
		if b[21] == 'P' {
			h += 12
		}
		s.micros = h*hour + m*minute + sec*second
		ok = s.setDate(pair(y>>16)*100+pair(y>>32), pair(d), pair(d>>24))
	case len(b) == 24 && b[4] == '-' && b[7] == '-' && b[10] == 'T' && b[13] == ':' && b[16] == ':' && b[19] == '.' && b[23] == 'Z':
		ms := two(b[20:])*10 + int64(b[22]-'0')
		s.micros = two(b[11:])*hour + two(b[14:])*minute + two(b[17:])*second + ms*1000
		ok = two(b) >= 0 && two(b[2:]) >= 0 && s.setDate(two(b)*100+two(b[2:]), two(b[5:]), two(b[8:]))
		ok = ok && uint64(two(b[11:])) < 24 && uint64(two(b[14:])) < 60 && uint64(two(b[17:])) < 60 && ms >= 0 && b[22]-'0' < 10
	}
	s.clock, s.zoned = true, true
	return s, ok
}

// commonLen is the length of 01/25/2024, 01:27:03 PM UTC.
const commonLen = 27

// commonFrame reads a time frame of two such times, with " to " or a line's end
// between.
func commonFrame(c []byte) (from, to stamp, ok bool) {
	if n := len(c) - 2*commonLen; !(n == 4 && string(c[commonLen:commonLen+n]) == " to " || n == 1 && c[commonLen] == '\n') {
		return from, to, false
	}
	if from, ok = commonStamp(c[:commonLen]); ok {
		to, ok = commonStamp(c[len(c)-commonLen:])
	}
	return from, to, ok
}

// shape is how eight bytes are made of digits and signs.
type shape struct{ like, digit uint64 }

// shapeOf reads a shape in which 0 stands for any digit.
func shapeOf(s string) (like shape) {
	like.like = binary.LittleEndian.Uint64([]byte(s))
	for i := range 8 {
		if s[i] == '0' {
			like.digit |= 0xFF << (8 * i)
		}
	}
	return like
}

var usDate, usYear, usClock = shapeOf("00/00/00"), shapeOf("0/0000, "), shapeOf("00:00:00")

// read tells the values of the digits, the first in the lowest byte, and whether
// b has the shape.
func (s shape) read(b []byte) (values uint64, ok bool) {
	const each = 0x0101010101010101 // byte
	values = binary.LittleEndian.Uint64(b) ^ s.like
	return values, (values|(values+6*each)&s.digit)&(0xF0*each|^s.digit) == 0
}

// pair is the number that two values make.
func pair(values uint64) int64 { return int64(values&15*10 + values>>8&15) }

// two digits, or a negative number where they are none.
func two(b []byte) int64 {
	x, y := b[0]-'0', b[1]-'0'
	if x > 9 || y > 9 {
		return -1 << 20
	}
	return int64(x)*10 + int64(y)
}

// scanner walks over the bytes of a time.
type scanner struct {
	b []byte
	i int
}

// space skips blanks, also the narrow and the no-break space that browsers put
// before AM and PM.
func (p *scanner) space() {
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == ' ' || c == '\t':
			p.i++
		case c == 0xC2 && p.i+1 < len(p.b) && p.b[p.i+1] == 0xA0:
			p.i += 2
		case c == 0xE2 && p.i+2 < len(p.b) && p.b[p.i+1] == 0x80 && p.b[p.i+2] == 0xAF:
			p.i += 3
		default:
			return
		}
	}
}

func (p *scanner) one(c byte) bool {
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

// number reads up to nine digits and says how many there were.
func (p *scanner) number() (n int64, digits int) {
	start := p.i
	for p.i < len(p.b) && p.i-start < 9 {
		c := p.b[p.i] - '0'
		if c > 9 {
			break
		}
		n = n*10 + int64(c)
		p.i++
	}
	return n, p.i - start
}

// word reads letters and dots and gives the first three letters in lower case.
func (p *scanner) word() (w [3]byte, n int) {
	for p.i < len(p.b) {
		c := p.b[p.i]
		l := c | 0x20
		if l >= 'a' && l <= 'z' {
			if n < 3 {
				w[n] = l
			}
			n++
		} else if c != '.' || n == 0 {
			break
		}
		p.i++
	}
	return w, n
}

var monthNames = map[[3]byte]int64{
	{'j', 'a', 'n'}: 1, {'f', 'e', 'b'}: 2, {'m', 'a', 'r'}: 3, {'a', 'p', 'r'}: 4, {'m', 'a', 'y'}: 5, {'j', 'u', 'n'}: 6,
	{'j', 'u', 'l'}: 7, {'a', 'u', 'g'}: 8, {'s', 'e', 'p'}: 9, {'o', 'c', 't'}: 10, {'n', 'o', 'v'}: 11, {'d', 'e', 'c'}: 12,
}

// date reads the date; or a clock or a day number, where that is what comes first.
func (p *scanner) date(s *stamp) bool {
	n, digits := p.number()
	if digits == 0 {
		w, letters := p.word()
		month := monthNames[w]
		if letters < 3 || month == 0 {
			return false
		}
		p.space()
		d, dd := p.number()
		p.one(',')
		p.space()
		y, dy := p.number()
		return dd > 0 && dd <= 2 && dy == 4 && s.setDate(y, month, d)
	}
	if p.i == len(p.b) || p.b[p.i] == '.' {
		return p.serial(s, n)
	}
	sep := p.b[p.i]
	if sep == ':' {
		return p.clock(s, n)
	}
	if sep != '/' && sep != '-' {
		return false
	}
	p.i++
	m, dm := p.number()
	if dm == 0 || dm > 2 || !p.one(sep) {
		return false
	}
	last, dl := p.number()
	switch {
	case digits == 4 && dl > 0 && dl <= 2:
		return s.setDate(n, m, last)
	case digits <= 2 && dl == 4:
		return s.setDate(last, n, m)
	case digits <= 2 && dl == 2:
		return s.setDate(2000+last, n, m)
	}
	return false
}

// clock reads h:mm[:ss[.frac]] [AM|PM]; h is the hour where it was read already.
func (p *scanner) clock(s *stamp, h int64) bool {
	if h < 0 {
		n, digits := p.number()
		if digits == 0 || digits > 2 {
			return false
		}
		h = n
	}
	if !p.one(':') {
		return false
	}
	m, dm := p.number()
	if dm != 2 || m > 59 {
		return false
	}
	var sec, frac int64
	if p.one(':') {
		n, ds := p.number()
		if ds != 2 || n > 60 {
			return false
		}
		sec = n
		if p.one('.') {
			f, df := p.number()
			if df == 0 {
				return false
			}
			for ; df < 6; df++ {
				f *= 10
			}
			for ; df > 6; df-- {
				f /= 10
			}
			for p.i < len(p.b) && p.b[p.i]-'0' <= 9 {
				p.i++
			}
			frac = f
		}
	}
	back := p.i
	p.space()
	w, n := p.word()
	switch {
	case n == 2 && w[1] == 'm' && (w[0] == 'a' || w[0] == 'p'):
		if h < 1 || h > 12 {
			return false
		}
		h %= 12
		if w[0] == 'p' {
			h += 12
		}
	default:
		p.i = back
	}
	if h > 23 {
		return false
	}
	s.clock = true
	s.micros = h*hour + m*minute + sec*second + frac
	return true
}

// zones are the names of zones that exports of the United States use, in hours.
var zones = map[[3]byte]int64{
	{'u', 't', 'c'}: 0, {'g', 'm', 't'}: 0,
	{'e', 's', 't'}: -5, {'e', 'd', 't'}: -4, {'c', 's', 't'}: -6, {'c', 'd', 't'}: -5,
	{'m', 's', 't'}: -7, {'m', 'd', 't'}: -6, {'p', 's', 't'}: -8, {'p', 'd', 't'}: -7,
}

// zone reads Z, a name or an offset, if there is one.
func (p *scanner) zone(s *stamp) {
	p.space()
	if p.i == len(p.b) {
		return
	}
	back := p.i
	switch c := p.b[p.i]; {
	case c == '+' || c == '-':
		p.i++
		h, digits := p.number()
		var m int64
		switch {
		case digits == 4:
			h, m = h/100, h%100
		case digits == 2 && p.one(':'):
			m, digits = p.number()
			if digits != 2 {
				p.i = back
				return
			}
		case digits == 0 || digits > 2:
			p.i = back
			return
		}
		if h > 15 || m > 59 {
			p.i = back
			return
		}
		s.zoned, s.offset = true, h*hour+m*minute
		if c == '-' {
			s.offset = -s.offset
		}
	case c|0x20 >= 'a' && c|0x20 <= 'z':
		w, n := p.word()
		if n == 1 && w[0] == 'z' {
			s.zoned = true
		} else if h, known := zones[w]; known && n == 3 {
			s.zoned, s.offset = true, h*hour
		} else {
			p.i = back
		}
	}
}

// serial reads a day number: 45678.25 is six in the morning. Day 1 is the first
// of January 1900, and 1900 is wrongly a leap year, as spreadsheets have it.
func (p *scanner) serial(s *stamp, whole int64) bool {
	if whole < 30000 || whole > 80000 { // 1982 to 2119: others are plain numbers
		return false
	}
	var frac, scale int64 = 0, 1
	if p.one('.') {
		for p.i < len(p.b) && p.b[p.i]-'0' <= 9 {
			if scale < 1e12 {
				frac, scale = frac*10+int64(p.b[p.i]-'0'), scale*10
			}
			p.i++
		}
	}
	s.date, s.clock, s.serial = true, true, true
	s.days = whole - 25569
	// To the millisecond: a day number does not hold more.
	s.micros = int64(math.Round(float64(frac)/float64(scale)*86400e3)) * 1000
	return true
}

var monthDays = [13]int64{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func (s *stamp) setDate(y, m, d int64) bool {
	if y < 1970 || y > 2199 || m < 1 || m > 12 || d < 1 || d > monthDays[m] {
		return false
	}
	s.date = true
	s.days = int64(monthDay[(y-1970)*12+m-1]) + d - 1
	return true
}

// monthDay is the first day of each month from 1970 to 2199.
var monthDay = func() (days [230 * 12]int32) {
	for i := range days {
		days[i] = int32(time.Date(1970, time.Month(1+i), 1, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	}
	return days
}()
