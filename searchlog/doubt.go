package searchlog

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// doubts adds the warnings that a file deserves once it is read. What takes
// several files to see, such as months missing between them or columns that one
// release has and the next has not, is for package audit.
func (f *file) doubts(r *reader, t *tally) {
	if f.broken != nil {
		f.warn("cannot be read", "only what stands before row "+strconv.Itoa(f.rows+1)+" was read: "+explain(f.broken))
	}
	if f.latin > 0 {
		f.Encoding = "windows-1252"
		f.warn("encoding", fmt.Sprintf("%d rows are no valid UTF-8 and were read as Windows-1252; letters beyond ASCII in them may be wrong", f.latin))
	}
	if f.Variant == "" {
		return
	}
	f.Zone = f.zone(t)
	if f.rows == 0 {
		f.warn("no rows", "there is a header and no row below it; ask whether the search of the log failed, or nothing was searched")
	}
	switch f.rows {
	case 1_048_575, 1_048_576:
		f.warn("truncated", fmt.Sprintf("it has exactly %d rows, the most that an Excel sheet holds: what came after is likely lost; ask for CSV, or month by month", f.rows))
	case 1_000_000, 20_000:
		f.warn("truncated", fmt.Sprintf("it has exactly %d rows, which is a limit of exports: what came after is likely lost; ask for shorter periods", f.rows))
	}
	if f.Rows == 0 && f.Duplicate > 0 && f.copyOf >= 0 {
		f.warn("repeated file", fmt.Sprintf("each of its searches is also in %s", r.order[f.copyOf].Path))
	}
	if f.masked > 0 {
		f.warn("masked elsewhere", fmt.Sprintf("%d of its rows repeat searches of earlier files, and one of the two masks what the other shows; the first one read is kept", f.masked))
	}
	if t.first != untold {
		f.gaps(t)
		f.cut()
		f.misnamed()
	}
}

// zone says in which zone the times were read.
func (f *file) zone(t *tally) string {
	switch {
	case t.zoned && !t.zoneless:
		return "UTC, as written"
	case t.zoned:
		return f.loc.String() + ", " + f.why + "; some as written"
	case t.zoneless:
		return f.loc.String() + ", " + f.why
	}
	return ""
}

// monthOf counts months since 1970.
func monthOf(t time.Time) int { return (t.Year()-1970)*12 + int(t.Month()) - 1 }

// gaps warns of whole months without a search between the first and the last.
func (f *file) gaps(t *tally) {
	var empty []string
	for m := monthOf(f.First) + 1; m < monthOf(f.Last); m++ {
		if m >= 0 && m < 64*len(t.months) && t.months[m/64]&(1<<(m%64)) == 0 {
			empty = append(empty, fmt.Sprintf("%d-%02d", 1970+m/12, m%12+1))
		}
	}
	if n := len(empty); n > 0 {
		if n > 12 {
			empty = append(empty[:12], fmt.Sprintf("and %d more", n-12))
		}
		f.warn("gap", "no search in "+strings.Join(empty, ", ")+", though there are some before and after")
	}
}

// american are the zones of the United States, west to east, that months are
// likely to be cut in.
var american = []string{"Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Phoenix", "America/Denver", "America/Chicago", "America/New_York"}

// cut finds the zones in whose calendar the file holds exactly one month, where
// it holds parts of two in UTC.
func (f *file) cut() {
	span := f.Last.Sub(f.First)
	if span < 27*24*time.Hour || span > 32*24*time.Hour || monthOf(f.First) == monthOf(f.Last) {
		return
	}
	var fit []string
	month := ""
	for _, name := range american {
		loc, err := time.LoadLocation(name)
		if err != nil {
			return // no zone data, as in a browser
		}
		a, b := f.First.In(loc), f.Last.In(loc)
		// The first and the last hours of the month have searches.
		if monthOf(a) == monthOf(b) && a.Day() == 1 && a.Hour() < 12 && b.Add(12*time.Hour).Day() == 1 {
			fit = append(fit, name)
			month = a.Format("2006-01")
		}
	}
	if len(fit) > 0 {
		f.warn("month cut", fmt.Sprintf("it holds the month %s by local midnight, not by UTC: so it is in %s", month, strings.Join(fit, " and ")))
	}
}

var (
	yearMonth = regexp.MustCompile(`(?:^|\D)(20[0-3]\d)[-_. ]?(0[1-9]|1[0-2])(?:\D|$)`)
	monthYear = regexp.MustCompile(`(?:^|\D)(0?[1-9]|1[0-2])[-_. ](20[0-3]\d)(?:\D|$)`)
	nameYear  = regexp.MustCompile(`(?i)(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[-_. ,]*(20[0-3]\d)`)
	yearName  = regexp.MustCompile(`(?i)(20[0-3]\d)[-_. ]*(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`)
)

// misnamed warns of a file named for months none of which it has. A name may
// also be the day of export, so the month after the last search is fine.
func (f *file) misnamed() {
	base := f.Path
	if i := strings.LastIndexByte(base, '#'); i > 0 {
		base = base[:i]
	}
	base = base[strings.LastIndexByte(base, '/')+1:]
	var named []int
	add := func(year, month string) {
		y, _ := strconv.Atoi(year)
		m, err := strconv.Atoi(month)
		if err != nil {
			m = int(monthNames[[3]byte([]byte(strings.ToLower(month)))])
		}
		named = append(named, (y-1970)*12+m-1)
	}
	for _, m := range yearMonth.FindAllStringSubmatch(base, -1) {
		add(m[1], m[2])
	}
	for _, m := range monthYear.FindAllStringSubmatch(base, -1) {
		add(m[2], m[1])
	}
	for _, m := range nameYear.FindAllStringSubmatch(base, -1) {
		add(m[2], m[1])
	}
	for _, m := range yearName.FindAllStringSubmatch(base, -1) {
		add(m[1], m[2])
	}
	for _, m := range named {
		if m >= monthOf(f.First) && m <= monthOf(f.Last)+1 {
			return
		}
	}
	if len(named) > 0 {
		f.warn("file name and dates differ", fmt.Sprintf("its name says %d-%02d, its searches are of %s to %s; the searches count", 1970+named[0]/12, named[0]%12+1, f.First.Format("2006-01-02"), f.Last.Format("2006-01-02")))
	}
}
