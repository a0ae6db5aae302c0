package searchlog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// networkAudit writes a network audit of 13 columns, about 200 bytes a row.
func networkAudit(rows int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString("ID, Name, Org Name, Total Networks Searched, Time Frame, License Plate, Reason, Case #, Filters, Search Time, Search Type, Text Prompt, Moderation\n")
	at := time.Date(2025, 12, 18, 6, 0, 0, 0, time.UTC)
	reasons := []string{"investigation", "stolen vehicle", "bolo", "Theft - retail", "hit and run, white SUV", "welfare check", "inv"}
	const us = "01/02/2006, 03:04:05 PM UTC"
	for range rows {
		at = at.Add(time.Duration(rng.IntN(3000)) * time.Millisecond)
		reason := reasons[rng.IntN(len(reasons))]
		if bytes.IndexByte([]byte(reason), ',') >= 0 {
			reason = `"` + reason + `"`
		}
		fmt.Fprintf(&b, "%08x-%04x-4%03x-a%03x-%012x,Officer %d,Springfield %c IL PD,%d,\"%s\n%s\",AB%05d,%s,25-%06d,,\"%s\",lookup,,\n",
			rng.Uint32(), rng.IntN(1<<16), rng.IntN(1<<12), rng.IntN(1<<12), rng.Uint64()>>16, rng.IntN(900), 'A'+rng.IntN(26), 1+rng.IntN(6000),
			at.Add(-30*24*time.Hour).Format(us), at.Format(us), rng.IntN(100000), reason, rng.IntN(999999), at.Format(us))
	}
	return b.Bytes()
}

type counter struct{ n int }

func (c *counter) Visit(all []Search) { c.n += len(all) }

func memory(name string, b []byte) Source {
	return Source{Name: name, Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func BenchmarkRead(b *testing.B) {
	const rows = 1_000_000
	data := networkAudit(rows)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := Read(context.Background(), []Source{memory("a.csv", data)}, Options{}, func() Visitor { return new(counter) })
		if err != nil {
			b.Fatal(err)
		}
		if r.Files[0].Rows != rows {
			b.Fatalf("%d rows", r.Files[0].Rows)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkSheet reads a sheet of 50,000 rows and 13 columns.
func BenchmarkSheet(b *testing.B) {
	var x bytes.Buffer
	x.WriteString("<worksheet><sheetData>")
	cells := bytes.Split(networkAudit(1), []byte("\n"))[0]
	x.WriteString(`<row r="1">`)
	for _, label := range bytes.Split(cells, []byte(", ")) {
		fmt.Fprintf(&x, `<c t="inlineStr"><is><t>%s</t></is></c>`, label)
	}
	x.WriteString("</row>")
	for i := range 50_000 {
		fmt.Fprintf(&x, `<row r="%d"><c r="A%d" t="inlineStr"><is><t>%08x-0000-4000-a000-000000000000</t></is></c>`, i+2, i+2, i)
		for _, c := range [...]string{"A. T", "B PD", "15", "", "AB1", "theft", "25-1", "", "05/01/2025, 01:27:03 PM UTC", "lookup", "", ""} {
			fmt.Fprintf(&x, `<c t="inlineStr"><is><t>%s</t></is></c>`, c)
		}
		x.WriteString("</row>")
	}
	x.WriteString("</sheetData></worksheet>")
	data := bookOf(b, x.String(), "<sst/>", "<styleSheet/>", "")
	b.SetBytes(int64(x.Len()))
	for b.Loop() {
		if r, _ := readSources(b, Options{}, memory("x.xlsx", data)); r.Files[0].Rows != 50_000 {
			b.Fatalf("%+v", r.Files[0])
		}
	}
}

// endless repeats a log's rows with other ids, without the memory to hold them.
type endless struct {
	rows   []byte // complete
	starts []int  // of each
	off    int
	round  uint32
	left   int // bytes
}

func (e *endless) Read(b []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	if e.off == len(e.rows) {
		e.off = 0
		e.round++
		for _, s := range e.starts {
			for i := range 4 {
				e.rows[s+9+i] = "0123456789abcdef"[e.round>>(12-4*i)&15]
			}
		}
	}
	n := copy(b, e.rows[e.off:])
	e.off += n
	e.left -= n
	return n, nil
}

// BenchmarkMemory reads 17 million rows (about 3.5 GB) once and reports the
// most memory that the process held.
func BenchmarkMemory(b *testing.B) {
	if testing.Short() {
		b.Skip("17 million rows")
	}
	const rows, of = 17_000_000, 17_000
	data := networkAudit(of)
	head := bytes.IndexByte(data, '\n') + 1
	body := data[head:]
	e := &endless{rows: body, left: len(body) * (rows / of)}
	for i := 0; i < len(body); i++ {
		if i == 0 || body[i-1] == '\n' && len(body) > i+36 && isUUID(body[i:i+36]) {
			e.starts = append(e.starts, i)
		}
	}
	for b.Loop() {
		s := Source{Name: "big.csv", Size: int64(head + e.left), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(data[:head]), e)), nil
		}}
		r, err := Read(context.Background(), []Source{s}, Options{}, func() Visitor { return new(counter) })
		if err != nil {
			b.Fatal(err)
		}
		if r.Files[0].Rows < rows*99/100 {
			b.Fatalf("%d rows, %d repeated", r.Files[0].Rows, r.Files[0].Duplicate)
		}
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil { // Linux
		if _, peak, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
			kib, _ := strconv.Atoi(string(bytes.Fields(peak)[0]))
			b.ReportMetric(float64(kib)/1024, "MiB-resident")
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
