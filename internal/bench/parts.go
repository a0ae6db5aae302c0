package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"porchlight/canvass"
	"porchlight/exchange"
	"porchlight/gate"
	"porchlight/identity"
	"porchlight/internal/actor"
	"porchlight/ledger"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

// intake sends one clip of 4 GiB through the real server, against reading,
// hashing, writing and syncing the same bytes with no server.
func intake(ctx context.Context, f figures) error {
	const size, piece, rounds = 4 << 30, 64 << 20, 3
	s, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	a, err := actor.New(s.url).Begin(ctx, s.request)
	if err != nil {
		return err
	}
	local := func(n int64) (float64, error) {
		file, err := os.CreateTemp(filepath.Dir(s.dir), "local")
		if err != nil {
			return 0, err
		}
		defer os.Remove(file.Name())
		defer file.Close()
		began, h, buf := time.Now(), sha256.New(), make([]byte, 1<<20)
		src := zeros(n)
		for range n / piece {
			if _, err := io.CopyBuffer(io.MultiWriter(file, h), io.LimitReader(src, piece), buf); err != nil {
				return 0, err
			}
		}
		err = file.Sync()
		return float64(n) / time.Since(began).Seconds() / 1e6, err
	}
	// Alternate, so that both meet the same machine; 4 GiB pass the server in all.
	var through, limit []float64
	for range rounds {
		l, err := local(size / rounds / piece * piece)
		if err != nil {
			return err
		}
		n := int64(size/rounds/piece+1) * piece
		began := time.Now()
		if err := a.Send(ctx, n, piece); err != nil {
			return err
		}
		limit, through = append(limit, l), append(through, float64(n)/time.Since(began).Seconds()/1e6)
	}
	f.add("intake", median(through), "MB/s", "read, SHA-256, write, fsync without a server", median(limit))
	rss, err := s.peakMemory()
	if err != nil {
		return err
	}
	f.add("intake_peak_memory", rss/(1<<20), "MiB", "the limit set", 128)
	return nil
}

// receipt measures from asking to the published receipt, against a bare append
// to Tessera in the same configuration; and how 500 acts a second fare.
func receipt(ctx context.Context, f figures) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c := exchange.Config{Dir: filepath.Join(dir, "x"), BaseURL: "http://localhost", State: "IL"}
	if _, err := exchange.Init(ctx, c, []byte(county)); err != nil {
		return err
	}
	x, err := exchange.Open(ctx, c)
	if err != nil {
		return err
	}
	defer x.Close()
	act := func() error {
		grant, err := x.Gate.Do(ctx, gate.Act{
			Action: "submission.relink", Role: identity.RoleResident,
			By:      gate.Caller{Who: identity.Resident(), ActID: gate.NewActID()},
			Objects: []string{"bench"}, Facts: map[string]any{"holds_capability": true},
		}, nil)
		if err != nil {
			return err
		}
		_, err = x.Gate.Receipt(ctx, grant.Index, gate.PrivateAt)
		return err
	}
	bare, done, err := bareAppend(ctx, filepath.Join(dir, "bare"))
	if err != nil {
		return err
	}
	var ours, theirs []float64
	for range 6 { // one caller; runs of ten in turn, since each log publishes at its own beat
		for _, m := range []struct {
			do   func() error
			took *[]float64
		}{{act, &ours}, {bare, &theirs}} {
			for range 10 {
				began := time.Now()
				if err := m.do(); err != nil {
					return err
				}
				*m.took = append(*m.took, time.Since(began).Seconds()*1000)
			}
		}
	}
	done()
	f.add("receipt_p50", median(ours), "ms", "bare append to Tessera, same configuration", median(theirs))

	const rate, seconds = 500, 20
	took := make([]float64, rate*seconds)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	began := time.Now()
	for i := range took {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / rate))) // arrivals do not wait for answers
		wg.Go(func() {
			start := time.Now()
			err := act()
			took[i] = time.Since(start).Seconds() * 1000
			if err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	slices.Sort(took)
	f.add("receipts_sustained", float64(len(took))/time.Since(began).Seconds(), "acts/s", "the rate asked for", rate)
	f.add("receipt_p99_at_500", took[len(took)*99/100], "ms", "the limit set", 1000)
	return nil
}

// bareAppend appends to Tessera's POSIX driver as the ledger configures it and
// waits for publication.
func bareAppend(ctx context.Context, dir string) (add func() error, done func(), err error) {
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return nil, nil, err
	}
	skey, _, err := ledger.GenerateKey("bench.example")
	if err != nil {
		return nil, nil, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, nil, err
	}
	opts := tessera.NewAppendOptions().WithCheckpointSigner(signer).
		WithCheckpointInterval(100*time.Millisecond).WithBatching(256, time.Millisecond)
	a, shutdown, reader, err := tessera.NewAppender(ctx, driver, opts)
	if err != nil {
		return nil, nil, err
	}
	awaiter := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 2*time.Millisecond)
	entry := 0
	return func() error {
			entry++
			data := fmt.Appendf(nil, "%0900d", entry) // as long as an entry of ours
			_, _, err := awaiter.Await(ctx, a.Add(ctx, tessera.NewEntry(data)))
			return err
		}, func() {
			shutdown(ctx)
		}, nil
}

var wrkRate = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

// feed serves one feed file from the exchange and from nginx to the same load.
func feed(ctx context.Context, f figures) error {
	s, err := startServer(ctx)
	if err != nil {
		return err
	}
	defer s.stop()
	cells, err := feedCell(ctx, s)
	if err != nil {
		return err
	}
	nginx, stop, err := startNginx(ctx, filepath.Dir(s.dir), s.url+cells)
	if err != nil {
		return err
	}
	defer stop()
	load := func(url string) (float64, error) {
		b, err := exec.CommandContext(ctx, "wrk", "-t1", "-c32", "-d4s", url).CombinedOutput()
		if err != nil {
			return 0, fmt.Errorf("wrk: %w\n%s", err, b)
		}
		m := wrkRate.FindSubmatch(b)
		if m == nil || strings.Contains(string(b), "Non-2xx") {
			return 0, fmt.Errorf("wrk: %s", b)
		}
		return strconv.ParseFloat(string(m[1]), 64)
	}
	var ours, theirs []float64
	for range 3 { // in turn
		for url, to := range map[string]*[]float64{s.url + cells: &ours, nginx: &theirs} {
			r, err := load(url)
			if err != nil {
				return err
			}
			*to = append(*to, r)
		}
	}
	f.add("feed", median(ours), "requests/s", "nginx serving the same file", median(theirs))
	return nil
}

// feedCell is the path of a feed file; all have one size.
func feedCell(ctx context.Context, s *server) (string, error) {
	var index canvass.FeedIndex
	resp, err := http.Get(s.url + canvass.FeedPath)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&index); err != nil {
		return "", fmt.Errorf("feed index: %w", err)
	}
	return canvass.FeedPath + index.Cells[0], nil
}

// startNginx serves a copy of the file at url and returns where.
func startNginx(ctx context.Context, dir, url string) (at string, stop func(), err error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "feed"), body, 0o644); err != nil {
		return "", nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; pid %[1]s/nginx.pid; error_log %[1]s/nginx.log; worker_processes auto;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
 server { listen 127.0.0.1:%[2]d; root %[1]s; location = /feed { default_type text/plain; expires 60s; } } }
`, dir, port)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, "nginx", "-c", conf)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	at = fmt.Sprintf("http://127.0.0.1:%d/feed", port)
	for {
		resp, err := http.Get(at)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return "", nil, fmt.Errorf("nginx: %s", resp.Status)
			}
			break
		}
		select {
		case <-ctx.Done():
			return "", nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return at, func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }, nil
}

// policyDecisions runs policy's own benchmark: Cedar packs against the same rules
// as a chain of ifs.
func policyDecisions(ctx context.Context, f figures) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkDecide$", "./policy")
	cmd.Stderr = os.Stderr
	b, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, b)
	}
	rate := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(string(b)))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		i := slices.Index(fields, "decisions/s")
		if i < 1 {
			continue
		}
		name := strings.Split(strings.TrimPrefix(fields[0], "BenchmarkDecide/"), "-")[0]
		if rate[name], err = strconv.ParseFloat(fields[i-1], 64); err != nil {
			return err
		}
	}
	if rate["cedar"] == 0 || rate["ifs"] == 0 {
		return fmt.Errorf("unexpected output:\n%s", b)
	}
	f.add("policy", rate["cedar"], "decisions/s", "the same rules as hand-written ifs", rate["ifs"])
	return nil
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}
