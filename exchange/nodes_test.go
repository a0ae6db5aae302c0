package exchange_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"porchlight/exchange"
	"porchlight/internal/pgtest"
	"porchlight/internal/testworld"
	"porchlight/ledger"

	"golang.org/x/mod/sumdb/note"
)

const nodeEnv = "PORCHLIGHT_TEST_NODE"

// TestMain lets this binary be a node as well, so that it can be killed.
func TestMain(m *testing.M) {
	if config := os.Getenv(nodeEnv); config != "" {
		if err := beNode(config); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func beNode(config string) error {
	var c exchange.Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return err
	}
	go func() { // ends with the test
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	c.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	x, err := exchange.Open(context.Background(), c)
	if err != nil {
		return err
	}
	go x.RunJobs(context.Background())
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "address="+l.Addr().String())
	return http.Serve(l, x.Handler())
}

// member is a node in a process of its own.
type member struct {
	cmd     *exec.Cmd
	address string
	leads   atomic.Bool
	killed  atomic.Bool
}

func (n *member) kill() error {
	n.killed.Store(true)
	return n.cmd.Process.Kill()
}

func startNode(t *testing.T, c exchange.Config) *member {
	t.Helper()
	config, err := json.Marshal(map[string]string{
		"Dir": c.Dir, "Name": c.Name, "State": c.State, "Database": c.Database, "BaseURL": c.BaseURL, "Listen": "localhost:0",
	})
	if err != nil {
		t.Fatal(err)
	}
	n := &member{cmd: exec.Command(os.Args[0])}
	n.cmd.Env = append(os.Environ(), nodeEnv+"="+string(config))
	if _, err := n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := n.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listening := make(chan string, 1)
	var read sync.WaitGroup
	read.Go(func() {
		defer close(listening)
		for s := bufio.NewScanner(out); s.Scan(); {
			line := s.Text()
			if a, ok := strings.CutPrefix(line, "address="); ok {
				listening <- a
			}
			if strings.Contains(line, "this node leads") {
				n.leads.Store(!strings.Contains(line, "no more"))
			}
			if strings.Contains(line, "level=ERROR") || strings.Contains(line, "level=WARN") || !strings.Contains(line, "level=") {
				t.Logf("node %d: %s", n.cmd.Process.Pid, line)
			}
		}
		if !n.killed.Load() {
			t.Error("a node died by itself")
		}
	})
	t.Cleanup(func() { n.kill(); read.Wait(); n.cmd.Wait() })
	var ok bool
	if n.address, ok = <-listening; !ok {
		t.Fatal("a node did not start")
	}
	return n
}

// front spreads requests over the nodes as a load balancer would, each request
// to the next node. Acts that meet a dead node, or one that cannot answer now,
// are repeated at another: they carry their id.
type front struct {
	mu    sync.Mutex
	nodes []*member
	turn  int
}

func (f *front) next() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
	return f.nodes[f.turn%len(f.nodes)].address
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	for end := time.Now().Add(30 * time.Second); ; {
		out := r.Clone(r.Context())
		out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", f.next()
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp, err := http.DefaultTransport.RoundTrip(out)
		if (err != nil || resp.StatusCode >= 500) && time.Now().Before(end) && (r.Method == http.MethodGet || r.Header.Get("Porchlight-Act") != "") {
			if err == nil {
				resp.Body.Close()
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
				continue
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		for k, v := range resp.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
		return
	}
}

// Three nodes in processes of their own serve one exchange. Under load the
// leader is killed and PostgreSQL restarted: what was acknowledged is in the
// ledger, once.
func TestNodes(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t, "fsync=off")
	f := &front{}
	server := httptest.NewServer(f)
	defer server.Close()
	c := exchange.Config{
		Dir: filepath.Join(t.TempDir(), "x"), Name: "Elm County", State: "IL", Database: pg.DSN(t),
		BaseURL: strings.Replace(server.URL, "127.0.0.1", "localhost", 1),
	}
	made, err := exchange.Init(t.Context(), c, []byte(testworld.County))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f.nodes = append(f.nodes, startNode(t, c))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	town, err := testworld.Populate(ctx, c.BaseURL, made.OperatorLink)
	if err != nil {
		t.Fatal(err)
	}

	// Load: who acts goes on until told to stop; an error is no acknowledgement.
	var mu sync.Mutex
	acknowledged := map[string]string{} // request or item id -> action
	load, stop := context.WithCancel(ctx)
	defer stop()
	var working sync.WaitGroup
	var refused atomic.Int64
	acts := func(action string, act func(i int) (string, error)) {
		working.Go(func() {
			for i := 0; load.Err() == nil; i++ {
				id, err := act(i)
				if err != nil {
					refused.Add(1)
					continue
				}
				mu.Lock()
				acknowledged[id] = action
				mu.Unlock()
			}
		})
	}
	for n, a := range []*testworld.Agency{town.Police, town.Sheriff} {
		acts("request.post", func(i int) (string, error) {
			r, err := a.Requester.Post(ctx, testworld.Draft(fmt.Sprintf("26-%d%05d", n, i)))
			return r.ID, err
		})
	}
	for range 4 {
		acts("submission.share", func(int) (string, error) {
			answer, err := testworld.Share(ctx, c.BaseURL, town.Request.ID, 500)
			if err != nil {
				return "", err
			}
			return answer.Items[0], nil
		})
	}
	more := func(n int) { // waits until so many more acts were acknowledged
		t.Helper()
		mu.Lock()
		want := len(acknowledged) + n
		mu.Unlock()
		for tick := time.Tick(20 * time.Millisecond); ; {
			mu.Lock()
			have := len(acknowledged)
			mu.Unlock()
			if have >= want {
				return
			}
			select {
			case <-tick:
			case <-ctx.Done():
				t.Fatalf("%d of %d acts acknowledged, %d errors", have, want, refused.Load())
			}
		}
	}
	more(15)
	// The leader dies.
	f.mu.Lock()
	var dead *member
	for i, n := range f.nodes {
		if n.leads.Load() {
			dead, f.nodes = n, append(f.nodes[:i:i], f.nodes[i+1:]...)
			break
		}
	}
	f.mu.Unlock()
	if dead == nil {
		t.Fatal("no node leads")
	}
	if err := dead.kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	for tick := time.Tick(5 * time.Millisecond); !slices.ContainsFunc(f.nodes, func(n *member) bool { return n.leads.Load() }); {
		select {
		case <-tick:
		case <-ctx.Done():
			t.Fatal("nobody took the lead")
		}
	}
	t.Logf("%v from the kill to the next leader", time.Since(killed).Round(time.Millisecond))
	more(10)
	// PostgreSQL restarts.
	pg.Restart(t)
	more(15)
	// A node comes back.
	back := startNode(t, c)
	f.mu.Lock()
	f.nodes = append(f.nodes, back)
	f.mu.Unlock()
	more(5)
	stop()
	working.Wait()
	// What one node opened the others show: a view takes several requests.
	for range 3 {
		if clip, _, err := town.Police.Custodian.View(ctx, town.Accepted.Items[0], ""); err != nil || len(clip) != 100_000 {
			t.Errorf("a view through several nodes: %d bytes, %v", len(clip), err)
		}
	}
	// The feed is the same bytes for everybody.
	for tick := time.Tick(50 * time.Millisecond); ; {
		files := map[string]bool{}
		for _, n := range f.nodes {
			files[wholeFeed(t, "http://"+n.address+"/feed/v1/")] = true
		}
		if len(files) == 1 {
			break
		}
		select {
		case <-tick:
		case <-ctx.Done():
			t.Fatal("nodes serve different feeds")
		}
	}
	t.Logf("%d acts acknowledged, %d tries failed", len(acknowledged), refused.Load())

	// Everything acknowledged is in the log, once, and proved.
	log := readLog(t, c, made.LogKey)
	ids, of := map[string]uint64{}, map[string]int{}
	for e, err := range log.Entries(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := ids[e.Entry.Act.ID]; twice {
			t.Errorf("act %s is in entries %d and %d", e.Entry.Act.ID, other, e.Index)
		}
		ids[e.Entry.Act.ID] = e.Index
		of[e.Entry.Act.Action]++
		receipt, err := log.Receipt(ctx, e.Index)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := (ledger.Verifier{LogKey: made.LogKey}).Receipt(receipt); err != nil || r.Err() != nil {
			t.Errorf("receipt of entry %d: %v, %v", e.Index, err, r.Err())
		}
	}
	want := map[string]int{}
	for _, action := range acknowledged {
		want[action]++
	}
	for action, n := range want {
		if of[action] < n {
			t.Errorf("%d of %s acknowledged, %d in the ledger", n, action, of[action])
		}
	}
	// The store agrees with the log, act by act.
	c.Listen = ""
	x, err := exchange.Open(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for id, action := range acknowledged {
		history, err := x.Gate.History(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		for _, r := range history {
			if r.Entry.Act.Action == action && r.Outcome == "done" {
				done++
				if ids[r.Entry.Act.ID] != r.Index {
					t.Errorf("act %s: the store says entry %d, the log %d", r.Entry.Act.ID, r.Index, ids[r.Entry.Act.ID])
				}
			}
		}
		if done != 1 {
			t.Errorf("%s %s was acknowledged and done %d times", action, id, done)
		}
	}
}

// wholeFeed is the index and every file of a feed.
func wholeFeed(t *testing.T, url string) string {
	t.Helper()
	get := func(file string) string {
		resp, err := http.Get(url + file)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s%s: %s, %v", url, file, resp.Status, err)
		}
		return string(b)
	}
	all := get("")
	var index struct{ Cells []string }
	if err := json.Unmarshal([]byte(all), &index); err != nil || len(index.Cells) == 0 {
		t.Fatalf("the feed's index: %v", err)
	}
	for _, c := range index.Cells {
		all += get(c)
	}
	return all
}

func readLog(t *testing.T, c exchange.Config, logKey string) *ledger.Log {
	t.Helper()
	skey, err := os.ReadFile(filepath.Join(c.Dir, "ledger.key"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(string(skey))
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.OpenReader(t.Context(), ledger.Options{Dir: filepath.Join(c.Dir, "ledger"), Signer: signer, LogKey: logKey})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}
