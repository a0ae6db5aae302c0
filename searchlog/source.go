package searchlog

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
)

// Limits of archives, so that a small file cannot unfold without end.
const (
	maxMembers = 100_000
	maxRatio   = 200      // unfolded to packed bytes, beyond the first
	freely     = 64 << 20 // bytes
	inMemory   = 32 << 20 // of a stream that must be read in any order; beyond, a temporary file
	sampleSize = 64 << 10 // of a text, by which it is recognised
)

// counted reads on behalf of r.o.Progress.
type counted struct {
	r   *reader
	src io.Reader
}

func (c *counted) Read(b []byte) (int, error) {
	if err := c.r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.src.Read(b)
	c.r.tick(n)
	return n, err
}

// countedAt does likewise for an archive in a file.
type countedAt struct {
	r  *reader
	at io.ReaderAt
}

func (c countedAt) ReadAt(b []byte, off int64) (int, error) {
	if err := c.r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.at.ReadAt(b, off)
	c.r.tick(n)
	return n, err
}

// tick tells of progress.
func (r *reader) tick(n int) {
	done := r.done.Add(int64(n))
	if r.o.Progress != nil {
		r.o.Progress(done, r.total)
	}
}

// bounded stops a stream that unfolds far beyond its packed size.
type bounded struct {
	src  io.Reader
	left int64
}

var errUnfolds = errors.New("it unfolds to far more than a log would; unpack it by hand and look at it first")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errUnfolds
	}
	n, err := b.src.Read(p)
	b.left -= int64(n)
	return n, err
}

// source reads one source, whatever it is.
func (r *reader) source(s Source) {
	c, err := s.Open()
	if err != nil {
		r.refuse(s.Name, "cannot be opened", err.Error())
		return
	}
	defer c.Close()
	if at, ok := c.(io.ReaderAt); ok && s.Size >= 4 {
		var magic [4]byte
		if _, err := at.ReadAt(magic[:], 0); err == nil && string(magic[:]) == "PK\x03\x04" {
			r.archive(s.Name, countedAt{r, at}, s.Size, 0)
			return
		}
	}
	r.stream(s.Name, &counted{r, c}, s.Size, 0)
}

// stream reads what src says it is by its first bytes. depth is how many
// archives are around it; size is that of the packed bytes, -1 if unknown.
func (r *reader) stream(name string, src io.Reader, size int64, depth int) {
	br := bufio.NewReaderSize(src, sampleSize)
	head, err := br.Peek(sampleSize)
	if err != nil && err != io.EOF {
		r.refuse(name, "cannot be read", explain(err))
		return
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		at, n, done, err := spool(br)
		defer done()
		if err != nil {
			r.refuse(name, "cannot be read", explain(err))
			return
		}
		r.archive(name, at, n, depth)
	case bytes.HasPrefix(head, []byte{0x1F, 0x8B}):
		if depth > 2 {
			r.refuse(name, "packed too deep", "it is an archive within archives; unpack the outer ones")
			return
		}
		z, err := gzip.NewReader(br)
		if err != nil {
			r.refuse(name, "cannot be read", explain(err))
			return
		}
		left := int64(1 << 62)
		if size >= 0 {
			left = freely + size*maxRatio
		}
		r.stream(name, &bounded{z, left}, -1, depth+1)
	default:
		if kind, advice := foreign(head); kind != "" {
			r.refuse(name, "not a search log", "looks like "+kind+"; "+advice)
			return
		}
		r.text(name, br, head)
	}
}

// spool keeps a stream so that it can be read in any order.
func spool(src io.Reader) (at io.ReaderAt, size int64, done func(), err error) {
	done = func() {}
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, src, inMemory); err == io.EOF {
		return bytes.NewReader(buf.Bytes()), int64(buf.Len()), done, nil
	} else if err != nil {
		return nil, 0, done, err
	}
	tmp, err := os.CreateTemp("", "porchlight-log-*")
	if err != nil {
		// No temporary files, as in a browser: keep it all.
		if _, err := io.Copy(&buf, src); err != nil {
			return nil, 0, done, err
		}
		return bytes.NewReader(buf.Bytes()), int64(buf.Len()), done, nil
	}
	done = func() {
		tmp.Close()
		os.Remove(tmp.Name())
	}
	size, err = io.Copy(tmp, io.MultiReader(&buf, src))
	return tmp, size, done, err
}

// archive reads a zip: a workbook, or the logs in it.
func (r *reader) archive(name string, at io.ReaderAt, size int64, depth int) {
	z, err := zip.NewReader(at, size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		r.refuse(name, "cannot be read", "it begins as a zip and is none, or is cut off ("+err.Error()+")")
		return
	}
	for _, m := range z.File {
		switch {
		case m.Name == "xl/workbook.xml":
			r.workbook(name, z)
			return
		case m.Name == "mimetype" || m.Name == "word/document.xml" || m.Name == "ppt/presentation.xml":
			r.refuse(name, "not a search log", "looks like an office document; export its tables as CSV or XLSX")
			return
		}
	}
	if depth > 1 {
		r.refuse(name, "packed too deep", "it is an archive within archives; unpack the outer ones")
		return
	}
	if len(z.File) > maxMembers {
		r.refuse(name, "cannot be read", fmt.Sprintf("it has more than %d members", maxMembers))
		return
	}
	members := 0
	for _, m := range z.File {
		base := path.Base(m.Name)
		if m.FileInfo().IsDir() || strings.HasPrefix(base, ".") || strings.HasPrefix(m.Name, "__MACOSX/") {
			continue
		}
		if r.ctx.Err() != nil {
			return
		}
		members++
		full := name + "/" + strings.ReplaceAll(m.Name, "\\", "/")
		f, err := m.Open()
		if err != nil {
			r.refuse(full, "cannot be opened", explain(err))
			continue
		}
		r.stream(full, &bounded{f, freely + int64(m.CompressedSize64)*maxRatio}, -1, depth+1)
		f.Close()
	}
	if members == 0 {
		r.refuse(name, "no rows", "the archive is empty")
	}
}

// explain says an error in words that help.
func explain(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it is cut off before its end; fetch it again"
	case errors.Is(err, zip.ErrAlgorithm):
		return "it is packed or encrypted in a way that cannot be read; unpack it by hand"
	}
	return err.Error()
}

// foreign names files that are no tables by their first bytes.
func foreign(head []byte) (kind, advice string) {
	for _, m := range [...]struct{ magic, kind, advice string }{
		{"%PDF", "a PDF", "ask for the spreadsheet, or extract its tables to CSV"},
		{"\x89PNG", "a picture", "ask for the spreadsheet"},
		{"\xFF\xD8\xFF", "a picture", "ask for the spreadsheet"},
		{"GIF8", "a picture", "ask for the spreadsheet"},
		{"II*\x00", "a picture", "ask for the spreadsheet"},
		{"MM\x00*", "a picture", "ask for the spreadsheet"},
		{"\xD0\xCF\x11\xE0", "an old Office file (.xls, .doc, .msg)", "save it as XLSX or CSV, without its password"},
		{"7z\xBC\xAF", "a 7-Zip archive", "unpack it first"},
		{"Rar!", "a RAR archive", "unpack it first"},
		{"BZh", "a bzip2 file", "unpack it first"},
		{"\xFD7zXZ", "an xz file", "unpack it first"},
		{"\x28\xB5\x2F\xFD", "a Zstandard file", "unpack it first"},
		{"SQLite format 3", "a SQLite database", "export its table as CSV"},
		{"PAR1", "a Parquet file", "export it as CSV"},
		{"PK\x05\x06", "an empty zip", "there is nothing in it"},
		{"{\\rtf", "a rich text file", "ask for the spreadsheet"},
	} {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return m.kind, m.advice
		}
	}
	if utf16(head) == "" {
		control := 0
		for _, c := range head {
			if c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1B {
				control++
			}
		}
		if control*10 > len(head) {
			return "a program's file", "only CSV, TSV and XLSX files and zips of them can be read"
		}
	}
	return "", ""
}

// utf16 names the order of a text's bytes, by its mark or by where its zeros
// are; "" for other texts.
func utf16(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return "utf-16le"
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return "utf-16be"
	}
	var zeros [2]int
	n := min(len(head), 1000) &^ 1
	for i, c := range head[:n] {
		if c == 0 {
			zeros[i%2]++
		}
	}
	switch {
	case n >= 8 && zeros[1] > n*2/5 && zeros[0] < n/20:
		return "utf-16le"
	case n >= 8 && zeros[0] > n*2/5 && zeros[1] < n/20:
		return "utf-16be"
	}
	return ""
}

// carriage turns the line ends of old Macs into today's.
type carriage struct{ src io.Reader }

func (c carriage) Read(b []byte) (int, error) {
	n, err := c.src.Read(b)
	for i, x := range b[:n] {
		if x == '\r' {
			b[i] = '\n'
		}
	}
	return n, err
}

// file begins a File.
func (r *reader) file(name string) *file {
	f := &file{
		File: File{Path: name}, index: len(r.files), copyOf: -1,
		kinds: map[string]int{}, reasons: map[string]int{}, loc: r.o.Zone,
	}
	r.files = append(r.files, f)
	return f
}

// refuse tells of a source that has no rows to read.
func (r *reader) refuse(name, kind, text string) {
	if r.ctx.Err() != nil {
		return
	}
	f := r.file(name)
	f.warn(kind, text)
}

func (f *file) warn(kind, text string) { f.Warnings = append(f.Warnings, Warning{kind, text}) }

// text reads a table of delimited text.
func (r *reader) text(name string, br *bufio.Reader, head []byte) {
	f := r.file(name)
	f.Encoding = "utf-8"
	if e := utf16(head); e != "" {
		f.Encoding = e
		order := unicode.LittleEndian
		if e == "utf-16be" {
			order = unicode.BigEndian
		}
		br = bufio.NewReaderSize(unicode.UTF16(order, unicode.UseBOM).NewDecoder().Reader(br), sampleSize)
		head, _ = br.Peek(sampleSize)
	}
	if bytes.HasPrefix(head, []byte("\uFEFF")) {
		br.Discard(3)
		head, _ = br.Peek(sampleSize)
	}
	if bytes.IndexByte(head, '\r') >= 0 && bytes.IndexByte(head, '\n') < 0 {
		br = bufio.NewReaderSize(carriage{br}, sampleSize)
		head, _ = br.Peek(sampleSize)
	}
	t := recognise(head, len(head) < sampleSize)
	br.Discard(t.at)
	r.open(f, t, len(bytes.TrimSpace(head)) == 0)
	if t.layout.role == noLog && len(bytes.TrimSpace(head)) > 0 {
		f.warn("not a search log", lookalike(head, t.delim))
	}
	r.table(f, br)
}

// open fills in what the beginning of a table tells.
func (r *reader) open(f *file, t recognised, empty bool) {
	l := t.layout
	f.delim = t.delim
	f.start = state{layout: l, line: t.lines}
	f.layout.Store(l)
	f.Variant, f.Columns = l.variant, l.labels
	if l.role == noLog {
		if empty {
			f.warn("no rows", "the file is empty")
		}
		return
	}
	f.Delimiter = string(t.delim)
	for _, p := range t.above {
		f.setAside(p.line+1, p.what, p.text)
		f.rows++
	}
	for i, label := range l.labels {
		if _, is := aliases[plain([]byte(label))]; !is && label != "" || i < l.n && l.parts[i] == noPart && label != "" {
			f.Unknown = append(f.Unknown, label)
		}
	}
	if l.role == searches {
		for field := range NumFields {
			if l.cell[field] < 0 {
				f.Missing = append(f.Missing, field.String())
			}
		}
	}
	switch i := int(l.cell[Time]); {
	case l.variant == "portal" || l.variant == "portal-cameras":
		f.loc, f.why = time.UTC, "by the variant"
	case i >= 0 && i < len(l.labels) && strings.HasSuffix(plain([]byte(l.labels[i])), "utc"):
		f.loc, f.why = time.UTC, "by the label"
	case f.loc != nil:
		f.why = "as asked"
	default:
		f.loc, f.why = time.UTC, "for want of a zone"
	}
}

// recognised is how a table begins.
type recognised struct {
	layout *layout
	delim  byte
	at     int // where its first row begins
	lines  int // lines before it
	above  []note
}

// recognise finds a table's delimiter, its header and its columns.
func recognise(head []byte, all bool) recognised {
	best := recognised{layout: newLayout("", noLog, nil), delim: ','}
	most := 0
	for _, delim := range [...]byte{',', '\t', ';', '|'} {
		t, known := recogniseBy(head, all, delim)
		if t.layout != nil && known > most {
			best, most = t, known
		}
	}
	return best
}

func recogniseBy(head []byte, all bool, delim byte) (t recognised, known int) {
	t.delim = delim
	p := &parser{data: head, last: all, quotes: true}
	p.separate(delim, '\n')
	none := newLayout("", noLog, nil)
	var rows [][][]byte
	var recs []record
	at, lines := 0, 0
	var starts []int
	for at < len(head) && len(rows) < 300 {
		if head[at] == '\n' || head[at] == '\r' {
			if head[at] == '\n' {
				lines++
			}
			at++
			continue
		}
		mark := len(p.spans)
		rec, o := p.next(at, none)
		if o == more {
			break
		}
		var cells [][]byte
		for _, s := range p.spans[mark:] {
			cells = append(cells, p.bytes(s))
		}
		rows, recs, starts = append(rows, cells), append(recs, rec), append(starts, lines)
		lines += rec.lines
		at = rec.end
	}
	return arrangeTable(t, rows, func(i int) (int, int, int) { return recs[i].end, starts[i], starts[i] + recs[i].lines })
}

// arrangeTable finds the header among the first rows, or the arrangement that
// their cells have without one. place gives a row's end, first line and the
// line behind it.
func arrangeTable(t recognised, rows [][][]byte, place func(i int) (end, line, behind int)) (recognised, int) {
	const above = 40 // rows that may stand above a header
	for i := 0; i < len(rows) && i < above; i++ {
		l := fromHeader(rows[i], rows[i+1:])
		if l == nil {
			continue
		}
		// Rows above the header that are searches themselves: it is a header
		// repeated, and the file began without one.
		if bare := fromShape(rows[:i]); bare != nil {
			break
		}
		t.layout = l
		t.at, _, t.lines = place(i)
		for k := range i {
			_, line, _ := place(k)
			if text := bytes.Join(rows[k], []byte{t.delim}); len(trim(bytes.Trim(text, ",;\t|"))) > 0 {
				t.above = append(t.above, note{line, "above the header", clip(text)})
			} else {
				t.above = append(t.above, note{line, "empty row", ""})
			}
		}
		_, known, _ := headerParts(rows[i])
		return t, 100 * known
	}
	if l := fromShape(rows); l != nil {
		t.layout = l
		return t, l.n
	}
	return t, 0
}

// clip is the beginning of a text, for a note.
func clip(b []byte) string {
	const most = 200
	if len(b) > most {
		b = b[:most]
		for len(b) > most-4 && !utf8.RuneStart(b[len(b)-1]) {
			b = b[:len(b)-1]
		}
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}

// lookalike says what a text that is no log looks like, and what to do.
func lookalike(head []byte, delim byte) string {
	text := bytes.TrimSpace(head)
	switch {
	case text[0] == '{' || text[0] == '[':
		return "looks like JSON; export it as CSV"
	case text[0] == '<':
		return "looks like a web page or XML; save the table itself as CSV"
	}
	p := &parser{data: text, last: true, quotes: true}
	p.separate(delim, '\n')
	p.next(0, newLayout("", noLog, nil))
	if n := len(p.spans); n > 1 {
		var labels []string
		for _, s := range p.spans[:min(n, 8)] {
			labels = append(labels, clip(trim(p.bytes(s)[:min(40, len(p.bytes(s)))])))
		}
		return fmt.Sprintf("looks like a table of something else (%s), without a time of search beside other columns of a search log; if it is one, name its columns as the export did", strings.Join(labels, ", "))
	}
	return "looks like plain text; a search log is a table with one search a row"
}
