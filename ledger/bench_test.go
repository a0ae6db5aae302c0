package ledger

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
)

// Run: go test ./ledger -run '^$' -bench Append -benchtime 5s

// appendOneByOne is what an officer waits for: one caller at a time.
func appendOneByOne(b *testing.B, add func(ctx context.Context, e Entry) error) {
	took := make([]time.Duration, b.N)
	for i := range b.N {
		e, _ := entry(int(benchID.Add(1)))
		begin := time.Now()
		if err := add(b.Context(), e); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(begin)
	}
	report(b, took)
}

// appendSteadily is rate independent callers a second.
func appendSteadily(b *testing.B, rate int, add func(ctx context.Context, e Entry) error) {
	took := make([]time.Duration, b.N)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range b.N {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		wg.Go(func() {
			e, _ := entry(int(benchID.Add(1)))
			start := time.Now()
			if err := add(b.Context(), e); err != nil {
				b.Error(err)
			}
			took[i] = time.Since(start)
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(begin).Seconds(), "appends/s")
	report(b, took)
}

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
}

var benchID atomic.Int64

// BenchmarkAppend is an entry appended, published, and its proof verified.
func BenchmarkAppend(b *testing.B) {
	l := newWorld(b, "porchlight.test/town").open(b)
	add := func(ctx context.Context, e Entry) error {
		_, err := l.Append(ctx, e)
		return err
	}
	b.Run("one", func(b *testing.B) { appendOneByOne(b, add) })
	b.Run("500-a-second", func(b *testing.B) { appendSteadily(b, 500, add) })
}

// BenchmarkBareAppend is the baseline: Tessera in the same configuration, until
// its own awaiter says that the entry is published.
func BenchmarkBareAppend(b *testing.B) {
	w := newWorld(b, "porchlight.test/town")
	driver, err := posix.New(b.Context(), posix.Config{Path: w.Dir})
	if err != nil {
		b.Fatal(err)
	}
	w.Interval, w.Deadline = 100*time.Millisecond, 10*time.Second
	options, err := (&Log{o: w.Options}).appendOptions()
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := shutdown(ctx); err != nil {
			b.Error(err)
		}
		cancel()
	})
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 2*time.Millisecond)
	appendOneByOne(b, func(ctx context.Context, e Entry) error {
		_, _, err := awaiter.Await(ctx, a.Add(ctx, tessera.NewEntry(e.Bytes())))
		return err
	})
}

func BenchmarkReceipt(b *testing.B) {
	l := newWorld(b, "porchlight.test/town").open(b)
	fill(b, l, 0, 1000)
	for i := 0; b.Loop(); i++ {
		if _, err := l.Receipt(b.Context(), uint64(i%1000)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyReceipt(b *testing.B) {
	for _, v := range readVectors(b) {
		if v.File != "disclosed.txt" {
			continue
		}
		for b.Loop() {
			rc, err := ParseReceipt(v.text)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := v.verifier().Receipt(rc); err != nil {
				b.Fatal(err)
			}
		}
	}
}
