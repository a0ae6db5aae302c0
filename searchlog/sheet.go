package searchlog

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a workbook: Excel's own, or what bounds memory.
const (
	maxColumns = 16_384
	maxSheets  = 1_000
	maxTag     = 64 << 10  // bytes of one XML tag
	maxText    = 1 << 20   // bytes of one cell
	maxRow     = 16 << 20  // bytes of one row
	maxStrings = 512 << 20 // bytes of a workbook's shared strings
	maxStyles  = 1 << 20
	maxPart    = 16 << 20 // bytes of its small parts
)

// In a sheet's block a row is its number and its cells, each ended by one of
// two characters that XML does not allow.
const (
	unitEnd = 0x1F
	rowEnd  = 0x1E
)

// workbook reads the sheets of an XLSX file (ECMA-376), each as a File.
func (r *reader) workbook(name string, z *zip.Reader) {
	b, err := openBook(z)
	if err != nil {
		r.refuse(name, "cannot be read", explain(err))
		return
	}
	for _, s := range b.sheets {
		if r.ctx.Err() != nil {
			return
		}
		r.sheet(name+"#"+s.name, b, s.part)
	}
	if len(b.sheets) == 0 {
		r.refuse(name, "no rows", "the workbook has no sheet with cells")
	}
}

// book is what the sheets of a workbook have in common.
type book struct {
	z       *zip.Reader
	sheets  []sheetRef
	strings []byte   // all shared strings, one behind the other
	ends    []uint32 // of each
	dates   []bool   // by style: whether a number is a date
	days    int64    // to add to day numbers: 1,462 where they count from 1904
}

type sheetRef struct{ name, part string }

func openBook(z *zip.Reader) (*book, error) {
	b := &book{z: z}
	var wb struct {
		Pr struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
			Old  string `xml:"http://purl.oclc.org/ooxml/officeDocument/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := b.small("xl/workbook.xml", &wb); err != nil {
		return nil, err
	}
	if len(wb.Sheets) > maxSheets {
		return nil, fmt.Errorf("it has more than %d sheets", maxSheets)
	}
	if on := wb.Pr.Date1904; on == "1" || on == "true" {
		b.days = 1462
	}
	var rels struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Type   string `xml:"Type,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := b.small("xl/_rels/workbook.xml.rels", &rels); err != nil {
		return nil, err
	}
	targets := map[string]string{}
	for _, rel := range rels.All {
		part := strings.TrimPrefix(rel.Target, "/")
		if !strings.HasPrefix(rel.Target, "/") {
			part = path.Join("xl", rel.Target)
		}
		switch kind := path.Base(rel.Type); kind {
		case "worksheet":
			targets[rel.ID] = part
		case "sharedStrings":
			if err := b.readStrings(part); err != nil {
				return nil, fmt.Errorf("its shared strings: %w", err)
			}
		case "styles":
			if err := b.readStyles(part); err != nil {
				return nil, fmt.Errorf("its styles: %w", err)
			}
		}
	}
	for _, s := range wb.Sheets {
		if part := targets[s.ID+s.Old]; part != "" {
			b.sheets = append(b.sheets, sheetRef{s.Name, part})
		}
	}
	return b, nil
}

// part opens a member; names differ in case now and then.
func (b *book) part(name string) (io.ReadCloser, error) {
	for _, f := range b.z.File {
		if strings.EqualFold(f.Name, name) {
			c, err := f.Open()
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{&bounded{c, freely + int64(f.CompressedSize64)*maxRatio}, c}, nil
		}
	}
	return nil, fmt.Errorf("%s is missing in it", name)
}

func (b *book) small(name string, v any) error {
	c, err := b.part(name)
	if err != nil {
		return err
	}
	defer c.Close()
	d := xml.NewDecoder(io.LimitReader(c, maxPart))
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%s in it: %w", name, err)
	}
	return nil
}

func (b *book) readStrings(name string) error {
	c, err := b.part(name)
	if err != nil {
		return err
	}
	defer c.Close()
	x := newXML(c)
	in, phonetic := false, false
	for {
		err := x.next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if in && !phonetic {
			b.strings = append(b.strings, x.text...)
			if len(b.strings) > maxStrings {
				return fmt.Errorf("more than %d MiB of text; save the sheet as CSV", maxStrings>>20)
			}
		}
		switch x.name() {
		case "t":
			in = !x.end && !x.empty
		case "rPh":
			phonetic = !x.end && !x.empty
		case "si":
			if x.end || x.empty {
				b.ends = append(b.ends, uint32(len(b.strings)))
			}
		}
	}
}

func (b *book) readStyles(name string) error {
	c, err := b.part(name)
	if err != nil {
		return err
	}
	defer c.Close()
	x := newXML(c)
	custom := map[int]bool{}
	in := false
	for {
		err := x.next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		switch x.name() {
		case "numFmt":
			id, err := strconv.Atoi(string(x.attr("numFmtId")))
			if err == nil && len(custom) < maxStyles {
				custom[id] = dateFormat(x.unescape(x.attr("formatCode")))
			}
		case "cellXfs":
			in = !x.end
		case "xf":
			if in && !x.end && len(b.dates) < maxStyles {
				id, _ := strconv.Atoi(string(x.attr("numFmtId")))
				is, known := custom[id]
				b.dates = append(b.dates, known && is || !known && (id >= 14 && id <= 22 || id >= 27 && id <= 36 || id >= 45 && id <= 47 || id >= 50 && id <= 58))
			}
		}
	}
}

// dateFormat says whether a number format writes a date or a time of day:
// whether it has a letter of one outside quotes and brackets.
func dateFormat(code []byte) bool {
	quoted, bracket := false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\\' || c == '_' || c == '*':
			i++
		case c == '[':
			bracket = true
			if i+1 < len(code) && (code[i+1]|0x20 == 'h' || code[i+1]|0x20 == 'm' || code[i+1]|0x20 == 's') {
				return true
			}
		case c == ']':
			bracket = false
		case bracket:
		case c|0x20 == 'y', c|0x20 == 'd', c|0x20 == 'h', c|0x20 == 's', c|0x20 == 'm':
			return true
		}
	}
	return false
}

// sheet reads one sheet as a table.
func (r *reader) sheet(name string, b *book, part string) {
	f := r.file(name)
	f.Encoding, f.numbers, f.days = "xlsx", true, b.days
	c, err := b.part(part)
	if err != nil {
		f.warn("cannot be read", explain(err))
		return
	}
	defer c.Close()
	s := &sheetReader{x: newXML(c), b: b}

	// The first rows tell what it is.
	var head []byte
	var ends, numbers []int
	var rows [][][]byte
	for len(ends) < 300 && len(head) < sampleSize && s.err == nil {
		var ok bool
		if head, ok = s.row(head); !ok {
			break
		}
		ends, numbers = append(ends, len(head)), append(numbers, s.number)
	}
	from, width := 0, 0
	for _, end := range ends {
		rows = append(rows, bytes.Split(head[from:end-1], []byte{unitEnd})[1:])
		from, width = end, max(width, len(rows[len(rows)-1]))
	}
	for i, row := range rows { // blank cells at a row's end are left out of the file
		for len(row) < width {
			row = append(row, nil)
		}
		rows[i] = row
	}
	t, _ := arrangeTable(recognised{delim: ','}, rows, func(i int) (int, int, int) { return ends[i], numbers[i] - 1, 0 })
	if t.layout == nil {
		t.layout = newLayout("", noLog, nil)
	}
	t.delim, t.lines = unitEnd, 0
	r.open(f, t, len(rows) == 0)
	f.Delimiter = ""
	if t.layout.role == noLog && len(rows) > 0 {
		var labels []string
		for _, c := range rows[0][:min(len(rows[0]), 8)] {
			if c = trim(c); len(c) > 0 {
				labels = append(labels, clip(c[:min(len(c), 40)]))
			}
		}
		f.warn("not a search log", "looks like a sheet of something else ("+strings.Join(labels, ", ")+"), without a time of search beside other columns of a search log")
	}

	first := true
	buf := append(r.buffer(), head[t.at:]...)
	for {
		var ok bool
		if buf, ok = s.row(buf); !ok {
			break
		}
		if len(buf) >= r.o.block {
			if !r.send(f, buf, first, false) {
				return
			}
			buf, first = r.buffer(), false
		}
	}
	if s.err != nil {
		f.broken = s.err
	}
	r.send(f, buf, first, true)
}

// sheetReader walks over the rows of a sheet.
type sheetReader struct {
	x      *xmlReader
	b      *book
	number int // of the row read last
	err    error
	cell   []byte
}

// row appends the next row that has a cell; false at the end.
func (s *sheetReader) row(out []byte) ([]byte, bool) {
	x := s.x
	in := false
	column, start := 0, len(out)
	var kind byte // of the cell: s shared, i inline, n number, d date in ISO, t text
	var style int
	value, open := s.cell[:0], false
	defer func() { s.cell = value }()
	for s.err == nil {
		err := x.next()
		if err == io.EOF {
			break
		} else if err != nil {
			s.err = err
			break
		}
		if open {
			value = append(value, x.text...)
			if len(value) > maxText {
				s.err = fmt.Errorf("a cell of row %d has more than %d bytes", s.number, maxText)
				break
			}
		}
		switch x.name() {
		case "row":
			if x.end || x.empty {
				if x.empty {
					s.begin(x)
				}
				if in && len(out) > start && column > 0 {
					return append(out, rowEnd), true
				}
				out, in = out[:start], false
				continue
			}
			s.begin(x)
			in, column = true, 0
			out = strconv.AppendInt(out[:start], int64(s.number), 10)
		case "c":
			if !in {
				continue
			}
			if !x.end {
				at := columnOf(x.attr("r"))
				if at < 0 {
					at = column
				}
				if at < column || at >= maxColumns {
					continue
				}
				for ; column < at; column++ {
					out = append(out, unitEnd)
				}
				kind, style, value = 'n', 0, value[:0]
				switch string(x.attr("t")) {
				case "s":
					kind = 's'
				case "inlineStr", "str", "e", "b":
					kind = 't'
				case "d":
					kind = 'd'
				}
				if a := x.attr("s"); a != nil {
					style, _ = strconv.Atoi(string(a))
				}
				if !x.empty {
					continue
				}
			}
			out = append(out, unitEnd)
			out = s.put(out, kind, style, value)
			value = value[:0]
			if column++; len(out)-start > maxRow {
				s.err = fmt.Errorf("row %d has more than %d MiB", s.number, maxRow>>20)
			}
		case "v", "t":
			open = in && !x.end && !x.empty
		case "f", "rPh":
			open = false
		case "sheetData":
			if x.end {
				return out[:start], false
			}
		}
	}
	return out[:start], false
}

// begin takes the number of the row that begins.
func (s *sheetReader) begin(x *xmlReader) {
	n, err := strconv.Atoi(string(x.attr("r")))
	if err != nil || n <= s.number || n > 1<<30 {
		n = s.number + 1
	}
	s.number = n
}

// put appends a cell's text as the sheet shows it, dates in ISO 8601.
func (s *sheetReader) put(out []byte, kind byte, style int, value []byte) []byte {
	switch kind {
	case 's':
		i, err := strconv.Atoi(string(bytes.TrimSpace(value)))
		if err != nil || i < 0 || i >= len(s.b.ends) {
			return out
		}
		from := uint32(0)
		if i > 0 {
			from = s.b.ends[i-1]
		}
		value = s.b.strings[from:s.b.ends[i]]
	case 'n':
		if style >= 0 && style < len(s.b.dates) && s.b.dates[style] {
			if v, err := strconv.ParseFloat(string(value), 64); err == nil && v >= 0 && v < 200_000 {
				return appendSerial(out, v, s.b.days)
			}
		}
		if bytes.IndexByte(value, 'E') >= 0 {
			if v, err := strconv.ParseFloat(string(value), 64); err == nil {
				return strconv.AppendFloat(out, v, 'f', -1, 64)
			}
		}
	}
	for _, c := range value {
		if c == unitEnd || c == rowEnd {
			c = ' '
		}
		out = append(out, c)
	}
	return out
}

// appendSerial writes a day number as a date, a time of day, or both.
func appendSerial(out []byte, v float64, days int64) []byte {
	ms := int64(math.Round(v * 86400e3))
	d, in := ms/86400e3, ms%86400e3
	if d > 0 || days > 0 {
		y, m, dd := civil(d + days - 25569)
		out = fmt.Appendf(out, "%04d-%02d-%02d", y, m, dd)
		if in == 0 {
			return out
		}
		out = append(out, ' ')
	}
	out = fmt.Appendf(out, "%02d:%02d:%02d", in/3600e3, in/60e3%60, in/1e3%60)
	if in%1000 != 0 {
		out = fmt.Appendf(out, ".%03d", in%1000)
	}
	return out
}

// civil is the date so many days after 1970 (see setDate).
func civil(days int64) (y, m, d int64) {
	z := days + 719468
	era := z / 146097
	doe := z % 146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	y = yoe + era*400
	if m > 12 {
		m -= 12
		y++
	}
	return y, m, d
}

// columnOf is the number of the column of a reference such as B5, from 0; -1
// if it is none.
func columnOf(ref []byte) int {
	n := 0
	for i, c := range ref {
		if c < 'A' || c > 'Z' {
			if i == 0 {
				return -1
			}
			break
		}
		if n = n*26 + int(c-'A') + 1; n > maxColumns {
			return maxColumns
		}
	}
	return n - 1
}

// xmlReader cuts XML into tags and the text before each. It knows what
// spreadsheets write: no entities but the five and numbers, no document types.
type xmlReader struct {
	br    *bufio.Reader
	text  []byte // before the tag, unescaped
	tag   []byte // without its angle brackets
	end   bool   // </name>
	empty bool   // <name/>
}

func newXML(src io.Reader) *xmlReader { return &xmlReader{br: bufio.NewReaderSize(src, 64<<10)} }

var errXML = errors.New("its XML is broken or absurd; open it in a spreadsheet program and save it again, or as CSV")

// next reads up to the next tag. io.EOF is the end.
func (x *xmlReader) next() error {
	x.text = x.text[:0]
	for {
		var err error
		if x.text, err = x.until(x.text, '<', maxText); err != nil {
			return err
		}
		x.text = x.unescape(x.text)
		if x.tag, err = x.until(x.tag[:0], '>', maxTag); err != nil {
			if err == io.EOF {
				return io.ErrUnexpectedEOF
			}
			return err
		}
		if len(x.tag) == 0 {
			return errXML
		}
		switch {
		case bytes.HasPrefix(x.tag, []byte("![CDATA[")):
			for !bytes.HasSuffix(x.tag, []byte("]]")) {
				x.tag = append(x.tag, '>')
				if x.tag, err = x.until(x.tag, '>', maxText); err != nil {
					return errXML
				}
			}
			x.text = append(x.text, x.tag[8:len(x.tag)-2]...)
			continue
		case bytes.HasPrefix(x.tag, []byte("!--")):
			for !bytes.HasSuffix(x.tag, []byte("--")) || len(x.tag) < 5 {
				x.tag = append(x.tag, '>')
				if x.tag, err = x.until(x.tag, '>', maxText); err != nil {
					return errXML
				}
			}
			continue
		case x.tag[0] == '?' || x.tag[0] == '!':
			continue
		}
		// A > within quotes does not end the tag.
		for bytes.Count(x.tag, []byte{'"'})%2 == 1 {
			x.tag = append(x.tag, '>')
			if x.tag, err = x.until(x.tag, '>', maxTag); err != nil {
				return errXML
			}
		}
		x.end = x.tag[0] == '/'
		if x.end {
			x.tag = x.tag[1:]
		}
		x.empty = !x.end && x.tag[len(x.tag)-1] == '/'
		return nil
	}
}

// until appends what stands before c, which is passed.
func (x *xmlReader) until(out []byte, c byte, most int) ([]byte, error) {
	for {
		b, err := x.br.ReadSlice(c)
		if len(out)+len(b) > most+1 {
			return out, errXML
		}
		out = append(out, b...)
		switch err {
		case nil:
			return out[:len(out)-1], nil
		case bufio.ErrBufferFull:
		default:
			return out, err
		}
	}
}

// name of the tag, without its prefix.
func (x *xmlReader) name() string {
	n := x.tag
	if i := bytes.IndexAny(n, " \t\r\n/"); i >= 0 {
		n = n[:i]
	}
	if i := bytes.IndexByte(n, ':'); i >= 0 {
		n = n[i+1:]
	}
	switch string(n) { // without allocation
	case "row":
		return "row"
	case "c":
		return "c"
	case "v":
		return "v"
	case "t":
		return "t"
	}
	return string(n)
}

// attr is the value of an attribute as it stands, nil if it is not there.
func (x *xmlReader) attr(name string) []byte {
	b := x.tag
	for {
		eq := bytes.IndexByte(b, '=')
		if eq < 0 || eq+1 >= len(b) {
			return nil
		}
		key := bytes.TrimSpace(b[:eq])
		if i := bytes.LastIndexAny(key, " \t\r\n"); i >= 0 {
			key = key[i+1:]
		}
		b = bytes.TrimLeft(b[eq+1:], " \t\r\n")
		if len(b) == 0 || b[0] != '"' && b[0] != '\'' {
			return nil
		}
		end := bytes.IndexByte(b[1:], b[0])
		if end < 0 {
			return nil
		}
		if string(key) == name {
			return b[1 : 1+end]
		}
		b = b[end+2:]
	}
}

// unescape replaces character references and entities in place, and line ends
// by one form.
func (x *xmlReader) unescape(b []byte) []byte {
	if bytes.IndexByte(b, '&') < 0 && bytes.IndexByte(b, '\r') < 0 && bytes.IndexByte(b, '_') < 0 {
		return b
	}
	out := b[:0]
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '&':
			end := bytes.IndexByte(b[i:min(len(b), i+12)], ';')
			if r, ok := reference(b[i+1 : i+max(end, 1)]); end > 0 && ok {
				out = utf8.AppendRune(out, r) // never longer than what it replaces
				i += end
				continue
			}
			out = append(out, '&')
		case b[i] == '\r':
			if i+1 < len(b) && b[i+1] == '\n' {
				continue
			}
			out = append(out, '\n')
		case b[i] == '_' && i+6 < len(b) && b[i+1] == 'x' && b[i+6] == '_': // _x000D_ (ECMA-376, ST_Xstring)
			n, err := strconv.ParseUint(string(b[i+2:i+6]), 16, 16)
			if err != nil {
				out = append(out, '_')
				continue
			}
			i += 6
			if n != '\r' {
				out = utf8.AppendRune(out, rune(n))
			}
		default:
			out = append(out, b[i])
		}
	}
	return out
}

func reference(b []byte) (rune, bool) {
	switch string(b) {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(b) > 1 && b[0] == '#' {
		digits, base := b[1:], 10
		if digits[0]|0x20 == 'x' {
			digits, base = digits[1:], 16
		}
		n, err := strconv.ParseUint(string(digits), base, 32)
		return rune(n), err == nil && n <= utf8.MaxRune
	}
	return 0, false
}
