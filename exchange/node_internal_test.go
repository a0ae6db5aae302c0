package exchange

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"porchlight/gate"
	"porchlight/internal/pgtest"
)

// wire is a way to PostgreSQL that can fall silent: bytes are taken and go nowhere.
type wire struct {
	mu     sync.Mutex
	silent chan struct{} // closed while the wire carries
}

func newWire(t *testing.T, dsn string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	server := filepath.Join(q.Get("host"), ".s.PGSQL.5432")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{silent: make(chan struct{})}
	close(w.silent)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("unix", server)
			if err != nil {
				c.Close()
				continue
			}
			go w.carry(c, s)
			go w.carry(s, c)
		}
	}()
	q.Del("host")
	u.Host, u.RawQuery = l.Addr().String(), q.Encode()
	return w, u.String()
}

func (w *wire) carry(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		carries := w.silent
		w.mu.Unlock()
		<-carries
		if _, e := to.Write(buf[:n]); err != nil || e != nil {
			return
		}
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = make(chan struct{})
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.silent)
}

// A leader that is cut off from PostgreSQL, without a word from the network,
// appends nothing more; another node leads; when the network is mended the first
// serves again.
func TestLeaderCutOff(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	w, through := newWire(t, dsn)
	c := Config{Dir: filepath.Join(t.TempDir(), "x"), Name: "Elm County", State: "IL", BaseURL: "http://localhost:8080", Database: dsn}
	if _, err := Init(t.Context(), c, []byte(county)); err != nil {
		t.Fatal(err)
	}
	open := func(database string) *Exchange {
		c.Database = database
		x, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { x.Close() })
		return x
	}
	act := func(x *Exchange) (*gate.Grant, error) { return anAct(t.Context(), x) }
	cutOff := open(through)
	term := leads(t, cutOff.node)
	other := open(dsn)
	for _, x := range []*Exchange{cutOff, other} {
		if _, err := act(x); err != nil {
			t.Fatal(err)
		}
	}
	before, err := other.Log.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.cut()
	lost := make(chan error, 1)
	go func() { // an act in the hands of the node that is cut off
		_, err := act(cutOff)
		lost <- err
	}()
	began := time.Now()
	<-term.Done() // by its own clock, before PostgreSQL gives the lead to another
	t.Logf("it stopped leading %v after the cut", time.Since(began).Round(time.Millisecond))
	leads(t, other.node)
	t.Logf("the other led %v after the cut", time.Since(began).Round(time.Millisecond))
	if size, err := other.Log.Size(t.Context()); err != nil || size != before {
		t.Errorf("%d entries, %d before the cut, %v", size, before, err)
	}
	g, err := act(other)
	if err != nil || g.Index != before {
		t.Fatalf("%+v, %v", g, err)
	}
	w.mend()
	if err := <-lost; err != nil {
		t.Logf("the act that was cut off: %v", err)
	}
	for {
		_, err := act(cutOff)
		if err == nil {
			break
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	for e, err := range other.node.Entries(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[e.Entry.Act.ID] {
			t.Errorf("act %s twice", e.Entry.Act.ID)
		}
		seen[e.Entry.Act.ID] = true
	}
}

// leads waits until n leads and returns its term.
func leads(t *testing.T, n *node) context.Context {
	t.Helper()
	got := make(chan context.Context, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	go n.whileLeading(ctx, func(context.Context) {
		n.mu.Lock()
		defer n.mu.Unlock()
		select {
		case got <- n.term:
		default:
		}
	})
	select {
	case term := <-got:
		return term
	case <-ctx.Done():
		t.Fatal("it does not lead")
		return nil
	}
}
