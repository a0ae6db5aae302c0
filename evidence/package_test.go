package evidence

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"filippo.io/age"

	"porchlight/gate"
	"porchlight/identity"
	"porchlight/ledger"
)

// exported is a finished ciphertext package, unpacked, and the world it is from.
func exported(t *testing.T, w *world) (c clip, files fstest.MapFS) {
	t.Helper()
	c = w.share(bytes.Repeat([]byte("frame "), 30_000))
	ana := w.officer(police, identity.RoleCustodian)
	ana.accept(c.id)
	o := done(ana, func(by gate.Caller) (*Opened, error) {
		return w.Export(ctx, by, "session", c.id, Ciphertext, "trial of a burglary")
	})
	var b bytes.Buffer
	if err := w.Package(ctx, "session", o.Grant.ActID, "en", &b); err != nil {
		t.Fatal(err)
	}
	return c, unzip(t, b.Bytes())
}

// unzip reads a package into files relative to the bag.
func unzip(t testing.TB, data []byte) fstest.MapFS {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, f := range zr.File {
		if f.Method != zip.Store {
			t.Errorf("%s is compressed", f.Name)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_, path, _ := strings.Cut(f.Name, "/")
		files[path] = &fstest.MapFile{Data: content}
	}
	return files
}

// with is files with one changed (or, nil, removed).
func with(files fstest.MapFS, path string, data []byte) fstest.MapFS {
	out := maps.Clone(files)
	if data == nil {
		delete(out, path)
	} else {
		out[path] = &fstest.MapFile{Data: data}
	}
	return out
}

// rebag makes the manifests fit the files again, as a forger would.
func rebag(t testing.TB, files fstest.MapFS) fstest.MapFS {
	t.Helper()
	var b bytes.Buffer
	bw := newBagWriter(&b, "x", time.Now())
	for _, path := range slices.Sorted(maps.Keys(files)) {
		switch path {
		case "bagit.txt", "bag-info.txt", manifestName, tagManifest:
		default:
			if err := bw.add(path, bytes.NewReader(files[path].Data)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := bw.close(nil); err != nil {
		t.Fatal(err)
	}
	return unzip(t, b.Bytes())
}

func has(r ledger.Report, s ledger.Status, what string) bool {
	return slices.ContainsFunc(r.Claims, func(c ledger.Claim) bool { return c.Status == s && c.What == what })
}

func TestPackage(t *testing.T) {
	w := newWorld(t)
	c, files := exported(t, w)

	t.Run("sha256sum", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.CopyFS(dir, files); err != nil {
			t.Fatal(err)
		}
		for _, m := range []string{manifestName, tagManifest} {
			cmd := exec.Command("sha256sum", "--strict", "-c", m)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		if r, err := VerifyPackage(os.DirFS(dir), ledger.Verifier{LogKey: w.LogKey}); err != nil {
			t.Fatalf("%v\n%+v", err, r)
		}
	})
	t.Run("clip", func(t *testing.T) {
		if !bytes.Equal(files[pathClip].Data, c.file) {
			t.Fatal("clip.age is not the file that was shared")
		}
		r, err := age.Decrypt(bytes.NewReader(files[pathClip].Data), w.Vault[police])
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, c.plain) {
			t.Fatalf("clip.age decrypts to %d bytes, %v", len(plain), err)
		}
	})
	t.Run("report", func(t *testing.T) {
		r, err := VerifyPackage(files, ledger.Verifier{LogKey: w.LogKey})
		if err != nil {
			t.Fatalf("%v\n%+v", err, r)
		}
		for _, what := range []string{"files", "receipts", "chain", "checkpoint", "clip", "consent", "custody", "case"} {
			if !has(r, ledger.Proved, what) {
				t.Errorf("%s is not proved", what)
			}
		}
		for _, what := range []string{"cosignatures", "timestamp", "content", "later", "summary"} {
			if !has(r, ledger.NotProved, what) {
				t.Errorf("%s should be left open", what)
			}
		}
		var text bytes.Buffer
		r.WriteTo(&text)
		t.Log("\n" + text.String())
		r, err = VerifyPackage(files, ledger.Verifier{})
		if err != nil || !has(r, ledger.NotProved, "key") {
			t.Fatalf("without a key of one's own: %v", err)
		}
	})
	t.Run("another ledger's key", func(t *testing.T) {
		_, vkey, err := ledger.GenerateKey("test.example/porchlight")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := VerifyPackage(files, ledger.Verifier{LogKey: vkey}); !errors.Is(err, ledger.ErrRefused) {
			t.Fatal(err)
		}
	})
	t.Run("any changed byte", func(t *testing.T) {
		for path := range files {
			for _, at := range []int{0, len(files[path].Data) / 2, len(files[path].Data) - 1} {
				data := bytes.Clone(files[path].Data)
				data[at] ^= 1
				_, err := VerifyPackage(with(files, path, data), ledger.Verifier{LogKey: w.LogKey})
				if !errors.Is(err, ledger.ErrRefused) {
					t.Errorf("%s, byte %d changed: %v", path, at, err)
				} else if !strings.Contains(err.Error(), path) && path != tagManifest && path != manifestName {
					t.Errorf("%s changed, but the refusal says %v", path, err)
				}
			}
			if _, err := VerifyPackage(with(files, path, nil), ledger.Verifier{LogKey: w.LogKey}); !errors.Is(err, ledger.ErrRefused) {
				t.Errorf("%s removed: %v", path, err)
			}
		}
		if _, err := VerifyPackage(with(files, "data/extra", []byte("x")), ledger.Verifier{LogKey: w.LogKey}); !errors.Is(err, ledger.ErrRefused) {
			t.Errorf("a file added: %v", err)
		}
		if _, err := VerifyPackage(with(files, "extra", []byte("x")), ledger.Verifier{LogKey: w.LogKey}); !errors.Is(err, ledger.ErrRefused) {
			t.Errorf("a file added: %v", err)
		}
	})
	// A forger who fits the manifests to what he changed still meets the ledger.
	t.Run("forged", func(t *testing.T) {
		receipt := func(action string) string {
			for path := range files {
				if strings.HasSuffix(path, "-"+action+".txt") {
					return path
				}
			}
			t.Fatalf("no receipt of %s", action)
			return ""
		}
		replace := func(path, old, new string) fstest.MapFS {
			data := strings.Replace(string(files[path].Data), old, new, 1)
			if data == string(files[path].Data) {
				t.Fatalf("%s does not hold %q", path, old)
			}
			return with(files, path, []byte(data))
		}
		other, _ := exported(t, w)
		for name, c := range map[string]struct {
			files fstest.MapFS
			what  string
		}{
			"another clip":        {with(files, pathClip, other.file), "clip"},
			"another payload":     {with(files, pathClip, seal(t, []byte("x"), w.Vault[police].Recipient())), "clip"},
			"no clip":             {with(files, pathClip, nil), "clip"},
			"two clips":           {with(files, "data/clip.mp4", []byte("x")), "clip"},
			"other consent":       {replace(pathConsent, "this case only", "any case at all"), "consent"},
			"other consent text":  {replace(pathConsentTxt, "this case only", "any case at all"), "consent"},
			"custody table":       {replace(pathCustody, "item.triage", "item.export"), "custody"},
			"custody spreadsheet": {replace(pathCustodyCSV, "item.triage", "item.export"), "custody"},
			"a receipt missing":   {with(files, receipt("item.triage"), nil), "chain"},
			"share missing":       {with(files, receipt("submission.share"), nil), "chain"},
			"export missing":      {with(files, receipt("item.export"), nil), "chain"},
			"checkpoint":          {replace(pathCheckpoint, "test.example", "best.example"), "checkpoint"},
			"item hash":           {replace(pathItem, `"ciphertext_sha256": "`, `"ciphertext_sha256": "0`), "item"},
			"another item":        {replace(pathItem, `"id": "`, `"id": "0`), "receipts"},
			"renamed receipt": {with(with(files, receipt("item.triage"), nil), dirReceipts+"000000009-item.view.txt",
				files[receipt("item.triage")].Data), "receipts"},
			"broken receipt": {replace(receipt("item.triage"), "index ", "index 9"), "receipts"},
		} {
			r, err := VerifyPackage(rebag(t, c.files), ledger.Verifier{LogKey: w.LogKey})
			if !errors.Is(err, ledger.ErrRefused) || !has(r, ledger.Refused, c.what) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if r, err := VerifyPackage(rebag(t, with(files, pathCase, []byte("{}"))), ledger.Verifier{LogKey: w.LogKey}); err != nil || !has(r, ledger.NotProved, "case") {
			t.Errorf("a foreign CASE file: %v", err)
		}
	})
}

// The receiver of a share exports too: her header, the same video.
func TestPartnerPackage(t *testing.T) {
	w := newWorld(t)
	c := w.share([]byte("clip"))
	ana, ben := w.officer(police, identity.RoleCustodian), w.officer(sheriff, identity.RoleCustodian)
	ana.accept(c.id)
	cond := Conditions{Purpose: "burglary series", Expires: w.Now().Add(24 * time.Hour)}
	done(ana, func(by gate.Caller) (*gate.Grant, error) {
		return w.Share(ctx, by, c.id, sheriff, w.rewrap(c.header, police, sheriff), nil, cond)
	})
	_, err := sign(ben, func(by gate.Caller) (*Opened, error) {
		return w.Export(ctx, by, "session", c.id, Ciphertext, "another purpose, burglary")
	})
	refused(t, err, "base.view-purpose")
	_, err = sign(ben, func(by gate.Caller) (*Opened, error) { return w.Export(ctx, by, "session", c.id, "gif", cond.Purpose) })
	want(t, err, ErrInput)
	o := done(ben, func(by gate.Caller) (*Opened, error) {
		return w.Export(ctx, by, "session", c.id, Ciphertext, cond.Purpose)
	})
	var b bytes.Buffer
	want(t, w.Package(ctx, "another session", o.Grant.ActID, "en", &b), ErrClosed)
	if err := w.Package(ctx, "session", o.Grant.ActID, "en", &b); err != nil {
		t.Fatal(err)
	}
	files := unzip(t, b.Bytes())
	if r, err := VerifyPackage(files, ledger.Verifier{LogKey: w.LogKey}); err != nil || !has(r, ledger.Proved, "clip") {
		t.Fatalf("%v\n%+v", err, r)
	}
	if _, err := age.Decrypt(bytes.NewReader(files[pathClip].Data), w.Vault[sheriff]); err != nil {
		t.Fatal(err)
	}
	// A view does not open a package.
	v, err := ben.view(c.id, cond.Purpose)
	if err != nil {
		t.Fatal(err)
	}
	want(t, w.Package(ctx, "session", v.Grant.ActID, "en", io.Discard), ErrClosed)
}

// The browser finishes a plaintext package from the parts.
func TestPlaintextPackage(t *testing.T) {
	w := newWorld(t)
	c := w.share([]byte("the decrypted clip"))
	ana := w.officer(police, identity.RoleCustodian)
	ana.accept(c.id)
	o := done(ana, func(by gate.Caller) (*Opened, error) {
		return w.Export(ctx, by, "session", c.id, Plaintext, "trial of a burglary")
	})
	want(t, w.Package(ctx, "session", o.Grant.ActID, "en", io.Discard), ErrClosed)
	in, parts, err := w.PackageParts(ctx, "session", o.Grant.ActID, "en")
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(c.plain))
	opened, _ := json.Marshal(map[string]string{"plaintext_sha256": sum, "plaintext_salt": base64.StdEncoding.EncodeToString(c.salt[:])})
	files := fstest.MapFS{"data/clip.mp4": {Data: c.plain}, pathOpened: {Data: opened}}
	for _, p := range parts {
		files[p.Path] = &fstest.MapFile{Data: p.Data}
	}
	check := func(files fstest.MapFS) (ledger.Report, error) {
		return VerifyPackage(rebag(t, files), ledger.Verifier{LogKey: w.LogKey})
	}
	if r, err := check(files); err != nil || !has(r, ledger.Proved, "clip") {
		t.Fatalf("%v\n%+v", err, r)
	}
	if in.PackageDir() != "porchlight-"+c.id {
		t.Error(in.PackageDir())
	}
	for name, bad := range map[string]fstest.MapFS{
		"another clip":    with(files, "data/clip.mp4", []byte("another clip")),
		"letter missing":  with(files, pathOpened, nil),
		"letter unread":   with(files, pathOpened, []byte("{")),
		"letter's salt":   with(files, pathOpened, []byte(strings.Replace(string(opened), `_salt":"`, `_salt":"AAAA`, 1))),
		"letter's hash":   with(files, pathOpened, []byte(strings.Replace(string(opened), sum[:8], "00000000", 1))),
		"ciphertext also": with(files, pathClip, c.file),
	} {
		if r, err := check(bad); !errors.Is(err, ledger.ErrRefused) || !has(r, ledger.Refused, "clip") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A voided act stays in the chain, with the void.
func TestVoidInChain(t *testing.T) {
	w := newWorld(t)
	c := w.share([]byte("clip"))
	ana := w.officer(police, identity.RoleCustodian)
	ana.accept(c.id)
	// Refusing a withdrawal that nobody asked for passes policy and fails in its effect.
	_, err := sign(ana, func(by gate.Caller) (*gate.Grant, error) {
		return w.Hold(ctx, by, c.id, HoldTerms{Reason: "trial", Order: "Order 1", Refuses: true})
	})
	want(t, err, ErrState)
	o := done(ana, func(by gate.Caller) (*Opened, error) {
		return w.Export(ctx, by, "session", c.id, Ciphertext, "burglary trial")
	})
	var b bytes.Buffer
	if err := w.Package(ctx, "session", o.Grant.ActID, "en", &b); err != nil {
		t.Fatal(err)
	}
	files := unzip(t, b.Bytes())
	if r, err := VerifyPackage(files, ledger.Verifier{LogKey: w.LogKey}); err != nil {
		t.Fatalf("%v\n%+v", err, r)
	}
	var events []Event
	if err := json.Unmarshal(files[pathCustody].Data, &events); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(events, func(e Event) bool { return e.Action == "item.hold" && e.Outcome == "void" }) {
		t.Fatalf("the chain hides the void: %+v", events)
	}
}

// A local time-stamping authority made with openssl.
func TestTimestamp(t *testing.T) {
	dir := t.TempDir()
	ssl := func(args ...string) {
		t.Helper()
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", args[0], err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("ext", "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n")
	write("tsa.cnf", "[tsa]\ndefault_tsa=one\n[one]\nserial=serial\ncrypto_device=builtin\nsigner_cert=tsa.pem\nsigner_key=tsa.key\n"+
		"signer_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256\naccuracy=secs:1\nordering=no\ntsa_name=no\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n")
	write("serial", "01\n")
	ssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA", "-days", "2")
	ssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Test Time")
	ssl("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tsa.pem", "-days", "2", "-extfile", "ext")
	tsa := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		query, _ := io.ReadAll(r.Body)
		write("query", string(query))
		ssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply")
		reply, _ := os.ReadFile(filepath.Join(dir, "reply"))
		rw.Write(reply)
	}))
	defer tsa.Close()

	w := newWorld(t)
	w.Packaging.Stamp = StampAt(tsa.Client(), tsa.URL)
	_, files := exported(t, w)
	r, err := VerifyPackage(files, ledger.Verifier{LogKey: w.LogKey})
	if err != nil || !has(r, ledger.Proved, "timestamp") {
		t.Fatalf("%v\n%+v", err, r)
	}
	write("checkpoint", string(files[pathCheckpoint].Data))
	write("timestamp.tsr", string(files[pathTimestamp].Data))
	ssl("ts", "-verify", "-data", "checkpoint", "-in", "timestamp.tsr", "-CAfile", "ca.pem")

	for at := range files[pathTimestamp].Data {
		if at%37 != 0 {
			continue
		}
		bad := bytes.Clone(files[pathTimestamp].Data)
		bad[at] ^= 1
		// Some bytes are covered by no signature (a status text); they may not change what is proved.
		ts, err := checkStamp(bad, files[pathCheckpoint].Data)
		if good, _ := checkStamp(files[pathTimestamp].Data, files[pathCheckpoint].Data); err == nil && !ts.Time.Equal(good.Time) {
			t.Errorf("byte %d changes the time", at)
		}
	}
	_, foreign := exported(t, w)
	r, err = VerifyPackage(rebag(t, with(files, pathTimestamp, foreign[pathTimestamp].Data)), ledger.Verifier{LogKey: w.LogKey})
	if !errors.Is(err, ledger.ErrRefused) || !has(r, ledger.Refused, "timestamp") {
		t.Errorf("a stamp of another checkpoint: %v", err)
	}
	if _, err := StampAt(tsa.Client(), tsa.URL+"\x00")(ctx, nil); err == nil {
		t.Error("a bad address is accepted")
	}
}

// The CASE/UCO file is one connected graph in which every reference is defined.
func TestCaseFile(t *testing.T) {
	w := newWorld(t)
	_, files := exported(t, w)
	var doc struct {
		Context map[string]string `json:"@context"`
		Graph   []map[string]any  `json:"@graph"`
	}
	if err := json.Unmarshal(files[pathCase].Data, &doc); err != nil {
		t.Fatal(err)
	}
	defined, used := map[string]bool{}, map[string]bool{}
	var walk func(v any, top bool)
	walk = func(v any, top bool) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e, false)
			}
		case map[string]any:
			id, _ := v["@id"].(string)
			if len(v) == 1 && id != "" {
				used[id] = true
				return
			}
			if id != "" {
				if defined[id] {
					t.Errorf("%s is defined twice", id)
				}
				defined[id] = true
			}
			for k, e := range v {
				if prefix, _, ok := strings.Cut(k, ":"); ok && doc.Context[prefix] == "" {
					t.Errorf("%s has no prefix", k)
				}
				walk(e, false)
			}
		}
	}
	for _, n := range doc.Graph {
		walk(n, true)
	}
	for id := range used {
		if !defined[id] {
			t.Errorf("%s is used and not defined", id)
		}
	}
	if !strings.Contains(string(files[pathCase].Data), "case-investigation:ProvenanceRecord") {
		t.Error("no provenance record")
	}
}

func TestSummary(t *testing.T) {
	w := newWorld(t)
	_, files := exported(t, w)
	page := string(files[pathSummary].Data)
	if strings.Contains(page, "<script") || strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Error("the summary runs or fetches something")
	}
	if !strings.Contains(page, "&lt;for this case only&gt;") {
		t.Error("the consent is not shown as text")
	}
}

// Whatever the bytes, the check answers without panicking, and never approves
// a package that differs from the true one in a listed file.
func FuzzVerifyPackage(f *testing.F) {
	f.Add("data/item.json", []byte(`{"id":"x"}`))
	f.Add("manifest-sha256.txt", []byte("zz  data/clip.age\n"))
	f.Add("data/receipts/000000001-item.view.txt", []byte("porchlight-receipt/v1\n"))
	f.Add("bag-info.txt", []byte("Payload-Oxum: 1.1\n"))
	base := fstest.MapFS{}
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		if !fs.ValidPath(path) || path == "." || strings.Contains(path, "\\") {
			return
		}
		files := with(base, path, nonNil(data))
		if path != manifestName && path != tagManifest && path != "bagit.txt" && path != "bag-info.txt" {
			files = rebag(t, files)
		}
		if r, err := VerifyPackage(files, ledger.Verifier{}); err == nil {
			t.Fatalf("approved: %+v", r)
		}
	})
}
