package exchange

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/pgtest"
)

// BenchmarkNodes measures acts, from the call to the published and finished act:
// 64 callers for five seconds, spread over the nodes. All nodes, PostgreSQL and
// the load share the machine. make bench-nodes runs it.
func BenchmarkNodes(b *testing.B) {
	for _, c := range []struct {
		name     string
		nodes    int
		postgres bool
	}{{"sqlite-1", 1, false}, {"postgres-1", 1, true}, {"postgres-3", 3, true}} {
		b.Run(c.name, func(b *testing.B) {
			config := Config{Dir: filepath.Join(b.TempDir(), "x"), State: "IL", BaseURL: "http://localhost:8080"}
			if c.postgres {
				config.Database = pgtest.Start(b).DSN(b)
			}
			if _, err := Init(b.Context(), config, []byte(county)); err != nil {
				b.Fatal(err)
			}
			nodes := make([]*Exchange, c.nodes)
			for i := range nodes {
				var err error
				if nodes[i], err = Open(b.Context(), config); err != nil {
					b.Fatal(err)
				}
				defer nodes[i].Close()
			}
			for b.Loop() {
				load(b, nodes)
			}
		})
	}
}

func load(b *testing.B, nodes []*Exchange) {
	const callers, lasts = 64, 5 * time.Second
	ctx, cancel := context.WithTimeout(b.Context(), lasts)
	defer cancel()
	var mu sync.Mutex
	var took []time.Duration
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				if _, err := anAct(b.Context(), nodes[i%len(nodes)]); err != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	at := func(p float64) float64 { return float64(took[int(p*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(float64(len(took))/lasts.Seconds(), "acts/s")
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(0, "ns/op")
}

const county = `{"type":"Polygon","coordinates":[[[-89.7,39.7],[-89.6,39.7],[-89.6,39.8],[-89.7,39.8],[-89.7,39.7]]]}`

// anAct passes one of the operator's acts through the gate.
func anAct(ctx context.Context, x *Exchange) (*gate.Grant, error) {
	return x.Gate.Do(ctx, gate.Act{
		Action: "backup.make", Role: identity.RoleOperator, By: gate.Caller{Who: identity.Operator(), ActID: gate.NewActID()},
		Private: map[string]string{"path": "/backup"}, Facts: map[string]any{},
	}, nil)
}
