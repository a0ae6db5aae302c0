package searchlog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
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

func (c *counter) Visit(s *Search) { c.n++ }

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
