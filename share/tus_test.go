package share

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"porchlight/blob"
	"porchlight/capability"
	"porchlight/db"
	"porchlight/internal/dbtest"
)

// world is an exchange's intake over a directory, which can be opened again.
type world struct {
	t      testing.TB
	dir    string
	source string
	db     *db.DB
	blobs  blob.Store
	in     *Intake
	http   *httptest.Server
	token  string
	now    atomic.Int64 // microseconds
}

func TestMain(m *testing.M) {
	dbtest.Main(m, "^(TestAnotherNodeTakesOver|TestMessagesBothWays|TestLimitsAndExpiry|TestWithdrawDestroysBeforeAcceptanceAndAsksAfter|TestRelinkEndsTheOldLink|TestShareMakesAnItemTheCustodianCanOpen)$")
}

// A client whose connection broke goes on at another node, while the first
// still waits for bytes.
func TestAnotherNodeTakesOver(t *testing.T) {
	if dbtest.Engine() == db.SQLite {
		t.Skip("SQLite has one node")
	}
	w := newWorld(t, Limits{})
	second, err := db.Open(t.Context(), w.source)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	other := NewIntake(second, w.blobs, Limits{}, w.in.now)
	other.Elsewhere = func(_ context.Context, id string) { w.in.Cut(id) }
	u, err := w.in.Create(t.Context(), w.token, 1000)
	if err != nil {
		t.Fatal(err)
	}
	r, client := io.Pipe()
	wrote := make(chan error, 1)
	go func() {
		_, err := w.in.Write(context.Background(), w.token, u.ID, 0, -1, r, func() { r.Close() })
		wrote <- err
	}()
	client.Write([]byte("age-encryption.org/v1\n")) // taken: it writes
	if _, err := other.Write(t.Context(), w.token, u.ID, 0, -1, strings.NewReader(""), func() {}); !errors.Is(err, ErrBusy) {
		t.Errorf("two write: %v", err)
	}
	got, err := other.Stat(t.Context(), w.token, u.ID)
	if err != nil || got.Offset != 22 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := <-wrote; err == nil {
		t.Error("the first writer was not cut")
	}
	if _, err := other.Write(t.Context(), w.token, u.ID, 22, -1, strings.NewReader("->"), func() {}); err != nil {
		t.Error(err)
	}
}

func newWorld(t testing.TB, limits Limits) *world {
	w := &world{t: t, dir: t.TempDir(), source: dbtest.Source(t)}
	w.now.Store(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixMicro())
	w.open(limits)
	w.token = w.submission("request-1")
	t.Cleanup(func() { w.close() })
	return w
}

func (w *world) open(limits Limits) {
	var err error
	if w.db, err = db.Open(context.Background(), w.source); err != nil {
		w.t.Fatal(err)
	}
	if err := w.db.Migrate(context.Background(), "share", Migrations); err != nil {
		w.t.Fatal(err)
	}
	dir, err := blob.OpenDir(filepath.Join(w.dir, "blobs"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.blobs = dir
	w.serve(dir, limits)
}

func (w *world) serve(blobs blob.Store, limits Limits) {
	w.in = NewIntake(w.db, blobs, limits, func() time.Time { return time.UnixMicro(w.now.Load()) })
	mux := http.NewServeMux()
	h := &Uploads{Intake: w.in, Prefix: "/api/uploads"}
	mux.Handle("/api/uploads", h)
	mux.Handle("/api/uploads/", h)
	w.http = httptest.NewServer(mux)
}

func (w *world) close() {
	w.http.CloseClientConnections()
	w.http.Close()
	w.db.Close()
}

// submission opens one and returns its upload token.
func (w *world) submission(request string) string {
	token := make([]byte, 32)
	rand.Read(token)
	hash := sha256.Sum256(token)
	s := Submission{ID: newID(), Request: request, Holder: capability.Holder{Owner: newID()}, Consent: []byte("{}")}
	if err := w.in.begin(context.Background(), s, hash[:]); err != nil {
		w.t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(token)
}

type headers map[string]string

// do sends one request and checks its status.
func (w *world) do(want int, method, path string, body io.Reader, h headers) *http.Response {
	w.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = w.http.URL + path
	}
	req, err := http.NewRequest(method, path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	req.Header.Set("Upload-Token", w.token)
	for k, v := range h {
		if v == "" {
			req.Header.Del(k)
		} else {
			req.Header.Set(k, v)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != want {
		w.t.Fatalf("%s %s: %d %s, want %d", method, path, res.StatusCode, b, want)
	}
	if res.Header.Get("Tus-Resumable") != "1.0.0" {
		w.t.Errorf("%s %s: no Tus-Resumable", method, path)
	}
	return res
}

func (w *world) create(length int) string {
	w.t.Helper()
	return w.do(201, "POST", "/api/uploads", nil, headers{"Upload-Length": fmt.Sprint(length)}).Header.Get("Location")
}

func (w *world) patch(want int, loc string, offset int, data []byte) *http.Response {
	w.t.Helper()
	return w.do(want, "PATCH", loc, bytes.NewReader(data), headers{"Upload-Offset": fmt.Sprint(offset), "Content-Type": offsetType})
}

func (w *world) offset(loc string) string {
	w.t.Helper()
	return w.do(200, "HEAD", loc, nil, nil).Header.Get("Upload-Offset")
}

// check compares what is stored with the age file that was sent.
func (w *world) check(loc string, file []byte, id age.Identity, plain []byte) {
	w.t.Helper()
	u, err := w.in.load(context.Background(), w.token, loc[strings.LastIndex(loc, "/")+1:])
	if err != nil {
		w.t.Fatal(err)
	}
	f, size, err := w.blobs.Open(context.Background(), u.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	payload, err := io.ReadAll(f)
	if err != nil {
		w.t.Fatal(err)
	}
	if !bytes.Equal(append(bytes.Clone(u.header), payload...), file) || !u.Done() || size != u.payload {
		w.t.Fatal("header and payload are not the file sent")
	}
	whole, body := u.sums()
	if whole != fmt.Sprintf("%x", sha256.Sum256(file)) || body != fmt.Sprintf("%x", sha256.Sum256(payload)) {
		w.t.Fatal("hashes kept with the offset are not those of the bytes")
	}
	r, err := age.Decrypt(io.MultiReader(bytes.NewReader(u.header), bytes.NewReader(payload)), id)
	if err != nil {
		w.t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
		w.t.Fatalf("decrypts to %d bytes, %v; want %d", len(got), err, len(plain))
	}
}

// sealed returns n random bytes, the age file of them and who opens it.
func sealed(t testing.TB, n int) (file []byte, id *age.X25519Identity, plain []byte) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	plain = make([]byte, n)
	rand.Read(plain)
	var b bytes.Buffer
	w, err := age.Encrypt(&b, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	w.Write(plain)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), id, plain
}

func TestUploadInPiecesAndAcrossRestarts(t *testing.T) {
	for _, n := range []int{0, 1, 64 << 10, 300_000} {
		file, id, plain := sealed(t, n)
		w := newWorld(t, Limits{})
		loc := w.create(len(file))
		// Pieces that end within and exactly at the header, restarting after each.
		header, err := age.ExtractHeader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for _, to := range []int{1, 40, len(header), len(header) + 1, len(file) - 1, len(file)} {
			res := w.patch(204, loc, at, file[at:to])
			if res.Header.Get("Upload-Offset") != fmt.Sprint(to) || to < len(file) && res.Header.Get("Upload-Expires") == "" {
				t.Fatalf("after %d bytes: %v", to, res.Header)
			}
			w.close()
			w.open(Limits{})
			if got := w.offset(loc); got != fmt.Sprint(to) {
				t.Fatalf("after a restart the offset is %s, want %d", got, to)
			}
			at = to
		}
		w.check(loc, file, id, plain)
	}
}

func TestProtocol(t *testing.T) {
	w := newWorld(t, Limits{Clip: 1 << 20})
	file, id, plain := sealed(t, 100_000)
	opt := w.do(204, "OPTIONS", "/api/uploads", nil, headers{"Tus-Resumable": ""})
	if h := opt.Header; h.Get("Tus-Version") != "1.0.0" || h.Get("Tus-Extension") != tusExtensions || h.Get("Tus-Max-Size") != "1048576" {
		t.Errorf("OPTIONS: %v", h)
	}
	post := func(want int, h headers) { t.Helper(); w.do(want, "POST", "/api/uploads", nil, h) }
	if got := w.do(412, "POST", "/api/uploads", nil, headers{"Tus-Resumable": "0.2.2", "Upload-Length": "9"}); got.Header.Get("Tus-Version") != "1.0.0" {
		t.Error("412 without Tus-Version")
	}
	post(400, nil)
	post(400, headers{"Upload-Length": "-1"})
	post(400, headers{"Upload-Length": "+5"})
	post(400, headers{"Upload-Length": "99999999999999999999"})
	post(400, headers{"Upload-Length": "1000", "Upload-Metadata": "name !!"})
	post(413, headers{"Upload-Length": "1048577"})
	post(422, headers{"Upload-Length": "10"})
	post(404, headers{"Upload-Length": "1000", "Upload-Token": ""})
	post(404, headers{"Upload-Length": "1000", "Upload-Token": strings.Repeat("A", 43)})

	loc := w.create(len(file))
	other := w.submission("request-1")
	w.do(404, "HEAD", loc, nil, headers{"Upload-Token": other})
	w.do(404, "DELETE", loc, nil, headers{"Upload-Token": other})
	w.do(404, "PATCH", loc, bytes.NewReader(file), headers{"Upload-Token": other, "Upload-Offset": "0", "Content-Type": offsetType})
	w.do(404, "HEAD", "/api/uploads/..%2f..%2fx", nil, nil)
	w.do(415, "PATCH", loc, bytes.NewReader(file), headers{"Upload-Offset": "0", "Content-Type": "video/mp4"})
	w.do(400, "PATCH", loc, bytes.NewReader(file), headers{"Content-Type": offsetType})
	w.do(405, "PUT", loc, nil, nil)
	w.patch(409, loc, 5, file[5:])
	w.patch(413, loc, 0, append(bytes.Clone(file), 'x'))
	if got := w.offset(loc); got != "0" {
		t.Errorf("offset %s after refusals", got)
	}
	res := w.do(204, "POST", loc, bytes.NewReader(file), headers{"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0", "Content-Type": offsetType})
	if res.Header.Get("Upload-Offset") != fmt.Sprint(len(file)) {
		t.Error("the overriding method did not take the bytes")
	}
	w.check(loc, file, id, plain)
	head := w.do(200, "HEAD", loc, nil, nil)
	if h := head.Header; h.Get("Upload-Length") != fmt.Sprint(len(file)) || h.Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD: %v", h)
	}
	w.do(204, "DELETE", loc, nil, nil)
	w.do(404, "HEAD", loc, nil, nil)
	w.do(404, "PATCH", loc, nil, headers{"Upload-Offset": "0", "Content-Type": offsetType})
	if _, _, err := w.blobs.Open(t.Context(), loc[len(loc)-26:]); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the payload outlives its upload: %v", err)
	}
}

func TestWhatIsNoAgeFileIsRefusedAndForgotten(t *testing.T) {
	w := newWorld(t, Limits{})
	file, _, _ := sealed(t, 64<<10+1000)
	scrypt, err := age.NewScryptRecipient("a passphrase")
	if err != nil {
		t.Fatal(err)
	}
	scrypt.SetWorkFactor(1)
	var pass bytes.Buffer
	pw, err := age.Encrypt(&pass, scrypt)
	if err != nil {
		t.Fatal(err)
	}
	pw.Write(make([]byte, 1000))
	pw.Close()
	for name, data := range map[string][]byte{
		"video":        append([]byte("\x00\x00\x00\x20ftypisom"), make([]byte, 1000)...),
		"passphrase":   pass.Bytes(),
		"endless":      append([]byte("age-encryption.org/v1\n"), bytes.Repeat([]byte("-> X25519 "), 5000)...),
		"no recipient": append([]byte("age-encryption.org/v1\n--- "+strings.Repeat("A", 43)+"\n"), make([]byte, 200)...),
		"cut short":    file[:len(file)-1000],
	} {
		t.Log(name)
		loc := w.create(len(data))
		w.patch(422, loc, 0, data)
		w.do(404, "HEAD", loc, nil, nil)
	}
	if n, err := w.in.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("refused uploads were left: %d, %v", n, err)
	}
}

// A connection that drops keeps what came; one that hangs gives way to whoever
// asks where the upload stands.
func TestDroppedAndHangingConnections(t *testing.T) {
	w := newWorld(t, Limits{})
	file, id, plain := sealed(t, 3<<20)
	loc := w.create(len(file))
	send := func(from, to int) net.Conn {
		c, err := net.Dial("tcp", w.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Token: %s\r\nContent-Type: %s\r\nUpload-Offset: %d\r\nContent-Length: %d\r\n\r\n",
			loc, w.token, offsetType, from, len(file)-from)
		if _, err := c.Write(file[from:to]); err != nil {
			t.Fatal(err)
		}
		return c
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !ok(); {
			if time.Now().After(end) {
				t.Fatalf("never: %s", what)
			}
		}
	}
	held := func() bool { w.in.mu.Lock(); defer w.in.mu.Unlock(); return len(w.in.writing) > 0 }

	send(0, 1_500_000).Close()
	until("the dropped piece is kept", func() bool {
		u, err := w.in.load(t.Context(), w.token, loc[len(loc)-26:])
		return err == nil && u.Offset == 1_500_000 && !held()
	})

	hanging := send(1_500_000, 2_000_000)
	defer hanging.Close()
	until("the second connection writes", held)
	w.patch(423, loc, 1_500_000, file[1_500_000:])
	var at int
	if _, err := fmt.Sscan(w.offset(loc), &at); err != nil || at < 1_500_000 || at > 2_000_000 || held() {
		t.Fatalf("offset %d after taking over, %v", at, err)
	}
	w.patch(204, loc, at, file[at:])
	w.check(loc, file, id, plain)
}

func TestStalledConnectionIsCut(t *testing.T) {
	w := newWorld(t, Limits{Stall: 50 * time.Millisecond})
	file, _, _ := sealed(t, 1000)
	loc := w.create(len(file))
	r, feed := io.Pipe()
	defer feed.Close()
	go feed.Write(file[:300])
	req, _ := http.NewRequest("PATCH", w.http.URL+loc, r)
	req.Header = http.Header{"Tus-Resumable": {"1.0.0"}, "Upload-Token": {w.token}, "Upload-Offset": {"0"}, "Content-Type": {offsetType}}
	if res, err := http.DefaultClient.Do(req); err == nil && res.StatusCode < 400 {
		t.Errorf("a stalled piece was acknowledged: %d", res.StatusCode)
	}
	if got := w.offset(loc); got != "300" {
		t.Errorf("offset %s, want the 300 bytes that came", got)
	}
}

func TestLimitsAndExpiry(t *testing.T) {
	w := newWorld(t, Limits{SubmissionClips: 3, RequestClips: 4, RequestBytes: 10_000, Idle: time.Hour})
	for range 3 {
		w.create(1000)
	}
	w.do(413, "POST", "/api/uploads", nil, headers{"Upload-Length": "1000"}) // the submission's fourth
	w.token = w.submission("request-1")
	w.do(413, "POST", "/api/uploads", nil, headers{"Upload-Length": "9000"}) // bytes of the request
	loc := w.create(1000)
	w.do(413, "POST", "/api/uploads", nil, headers{"Upload-Length": "1000"}) // the request's fifth
	w.now.Add(int64(2 * time.Hour / time.Microsecond))
	w.do(404, "HEAD", loc, nil, nil)
	if n, err := w.in.Sweep(t.Context()); n != 4 || err != nil {
		t.Errorf("swept %d, %v; want 4", n, err)
	}
	w.create(1000) // there is room again
}

// fullDisk takes room bytes, then none until it is given more.
type fullDisk struct {
	blob.Store
	room atomic.Int64
}

func (f *fullDisk) Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error) {
	room := f.room.Load()
	n, err := f.Store.Append(ctx, id, offset, io.LimitReader(r, room))
	if f.room.Add(-n); n == room && err == nil {
		io.ReadFull(r, make([]byte, 1)) // what the failing write would have carried
		err = fmt.Errorf("writing: %w", blob.ErrFull)
	}
	return n, err
}

func TestFullDiskRefusesAndRecovers(t *testing.T) {
	w := newWorld(t, Limits{})
	file, id, plain := sealed(t, 500_000)
	w.http.Close()
	disk := &fullDisk{Store: w.blobs}
	disk.room.Store(100_000)
	w.serve(disk, Limits{})
	loc := w.create(len(file))
	w.patch(507, loc, 0, file)
	var at int
	fmt.Sscan(w.offset(loc), &at)
	if at > 100_000 {
		t.Fatalf("offset %d, the disk took 100000", at)
	}
	disk.room.Store(1 << 40)
	w.patch(204, loc, at, file[at:])
	w.check(loc, file, id, plain)
}

// Bytes beyond what is recorded, left by a crash, are cut off.
func TestBytesBeyondTheRecordAreCut(t *testing.T) {
	w := newWorld(t, Limits{})
	file, id, plain := sealed(t, 200_000)
	loc := w.create(len(file))
	w.patch(204, loc, 0, file[:100_000])
	u, err := w.in.load(t.Context(), w.token, loc[len(loc)-26:])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.blobs.Append(t.Context(), u.ID, u.payload, strings.NewReader("never acknowledged")); err != nil {
		t.Fatal(err)
	}
	w.patch(204, loc, 100_000, file[100_000:])
	w.check(loc, file, id, plain)
}

func FuzzHeaderLen(f *testing.F) {
	file, _, _ := sealed(f, 10)
	f.Add(file)
	f.Add([]byte("age-encryption.org/v1\n-> X25519 \n\n--- \n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := headerLen(data)
		if err != nil || n == 0 {
			return
		}
		header, err := age.ExtractHeader(bytes.NewReader(data))
		if err != nil || !bytes.Equal(header, data[:n]) {
			t.Fatalf("age reads the header as %q, %v", header, err)
		}
		for cut := range n { // the same answer however it arrives
			if k, err := headerLen(data[:cut]); k != 0 || err != nil {
				t.Fatalf("%d bytes: %d, %v", cut, k, err)
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add("filename d29ybGRfZG9taW5hdGlvbl9wbGFuLnBkZg==,is_confidential")
	f.Fuzz(func(t *testing.T, v string) {
		if err := checkMetadata(v); err != nil && !errors.Is(err, ErrInput) {
			t.Fatal(err)
		}
	})
}
