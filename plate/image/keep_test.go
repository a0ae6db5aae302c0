package image

import (
	"bytes"
	"encoding/binary"
	stdimage "image"
	"image/jpeg"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"porchlight/identity"
)

func TestKeepSealsAndViewOpens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	inga := w.officer(police, identity.RoleInvestigator)
	var wanted []Wanted
	var clear [][]byte
	for i := range 3 {
		data := jpegOf(t, i)
		id, err := w.Keep(ctx, police, w.Now(), "image/jpeg", data)
		must(t, err)
		wanted, clear = append(wanted, Wanted{id, 7}), append(clear, cleanJPEG(data))
	}
	data := pngOf(t, 9)
	id, err := w.Keep(ctx, police, w.Now(), "image/png", data)
	must(t, err)
	wanted, clear = append(wanted, Wanted{id, 8}), append(clear, cleanPNG(data))
	own := jpegOf(t, 10)
	id, err = w.KeepSealed(ctx, police, w.Now(), seal(t, own, w.Vault[police].Recipient()))
	must(t, err)
	wanted, clear = append(wanted, Wanted{id, 9}), append(clear, own)

	w.led[police+" 12"] = wanted
	o, err := inga.view(Lead{Search: "12"}, wanted...)
	must(t, err)
	for i := range wanted {
		if got := inga.open(o, i); !bytes.Equal(got, clear[i]) {
			t.Errorf("picture %d: %d bytes, want %d", i, len(got), len(clear[i]))
		} else if _, _, err := stdimage.Decode(bytes.NewReader(got)); err != nil {
			t.Errorf("picture %d: %v", i, err)
		}
	}
	// In parts, as a browser asks.
	body, err := w.Payload(ctx, "session", o.Grant.ActID, wanted[1].Picture)
	must(t, err)
	defer body.Close()
	whole, err := io.ReadAll(body)
	must(t, err)
	if end, err := body.Seek(0, io.SeekEnd); err != nil || end != o.Pictures[1].Size || int(end) != len(whole) {
		t.Fatalf("size %d, %v", end, err)
	}
	_, err = body.Seek(-20, io.SeekCurrent)
	must(t, err)
	if tail, err := io.ReadAll(body); err != nil || !bytes.Equal(tail, whole[len(whole)-20:]) {
		t.Fatalf("tail %x, %v", tail, err)
	}
	// They lie in one roll.
	if n := w.count("image_roll"); n != 1 {
		t.Errorf("%d rolls", n)
	}
}

// A copied data directory shows no picture: neither its bytes nor any run of its
// coefficients long enough to mean something.
func TestCopiedDataDirectoryShowsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := jpegOf(t, 1)
	_, err := w.Keep(t.Context(), police, w.Now(), "image/jpeg", data)
	must(t, err)
	_, err = w.KeepSealed(t.Context(), police, w.Now(), seal(t, data, w.Vault[police].Recipient()))
	must(t, err)
	payload := false
	for path, b := range w.files() {
		payload = payload || len(b) > 2*len(data)
		for i := 0; i+16 <= len(data); i++ {
			if run := data[i : i+16]; len(slices.Compact(slices.Clone(run))) > 4 && bytes.Contains(b, run) {
				t.Fatalf("%s holds bytes %d to %d of a picture", path, i, i+16)
			}
		}
		if bytes.Contains(b, []byte(w.Vault[police].String())) {
			t.Fatalf("%s holds the vault's identity", path)
		}
	}
	if !payload {
		t.Fatal("no file is large enough for the roll: nothing was tested")
	}
}

func TestWhatIsNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, picture := t.Context(), jpegOf(t, 1)
	keep := func(owner string, seen time.Time, mediaType string, data []byte) error {
		id, err := w.Keep(ctx, owner, seen, mediaType, data)
		if (id == "") == (err == nil) {
			t.Fatalf("id %q with %v", id, err)
		}
		return err
	}
	sealed := func(file []byte) error { _, err := w.KeepSealed(ctx, police, w.Now(), file); return err }
	to := w.Vault[police].Recipient()

	wantRefused(t, keep(other, w.Now(), "image/jpeg", picture), NoVault)
	wantRefused(t, keep(police, w.Now(), "image/png", picture), NotPicture)
	wantRefused(t, keep(police, w.Now(), "image/gif", picture), NotPicture)
	wantRefused(t, keep(police, w.Now(), "image/jpeg", nil), NotPicture)
	wantRefused(t, keep(police, w.Now(), "image/jpeg", picture[:len(picture)-2]), NotPicture)
	wantRefused(t, keep(police, w.Now(), "image/jpeg", make([]byte, MaxPicture+1)), TooBig)
	wantRefused(t, keep(police, w.Now(), "image/png", bomb(t)), TooBig)
	wantRefused(t, keep(police, w.Now().AddDate(0, 0, -30), "image/jpeg", picture), Over)
	wantRefused(t, sealed(picture), NotSealed)
	wantRefused(t, sealed(seal(t, picture, to, newIdentity(t).Recipient())), NotSealed)
	wantRefused(t, sealed(seal(t, picture, to)[:190]), NotSealed)
	wantRefused(t, sealed(seal(t, make([]byte, MaxPicture), to)), TooBig)
	if n := w.count("image_picture") + w.count("image_roll"); n != 0 {
		t.Fatalf("%d rows for pictures that were refused", n)
	}
	got, err := w.Refusals(ctx, police, w.Now())
	must(t, err)
	if got[NotPicture] != 4 || got[TooBig] != 3 || got[Over] != 1 || got[NotSealed] != 3 || got[NoVault] != 0 {
		t.Fatalf("counted %v", got)
	}
	wantRefused(t, keep(other, w.Now(), "image/jpeg", picture), NoVault)
	if got, err := w.Refusals(ctx, other, w.Now()); err != nil || got[NoVault] != 2 {
		t.Fatalf("counted %v, %v", got, err)
	}
}

// bomb is a PNG that says it has more pixels than anybody should decode.
func bomb(t testing.TB) []byte {
	t.Helper()
	data := pngOf(t, 1)
	ihdr := data[len(pngMagic):]
	binary.BigEndian.PutUint32(ihdr[8:], 1<<20)
	copy(ihdr[21:], checksum(ihdr[4:21]))
	return data
}

func TestRepeatsAndTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.keep(1)
	if again := w.keep(1); again != first {
		t.Fatalf("a repeat was kept as %s, first %s", again, first)
	}
	if n := w.count("image_picture"); n != 1 {
		t.Fatalf("%d pictures", n)
	}
	later := w.Now()
	w.Sleep(time.Second)
	if w.keep(1) == first {
		t.Fatal("the same picture a second later is another")
	}
	w.Sleep(later.Sub(w.Now()))

	var all sync.WaitGroup
	ids := make([]string, 24)
	for i := range ids {
		data := jpegOf(t, i/2)
		all.Go(func() {
			var err error
			if ids[i], err = w.Keep(t.Context(), police, later, "image/jpeg", data); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	inga := w.officer(police, identity.RoleInvestigator)
	for i, id := range ids {
		w.led[police+" 1"] = []Wanted{{id, 1}}
		if i%2 == 1 && ids[i-1] != id {
			t.Errorf("%s and %s are the same picture", ids[i-1], id)
		}
		if i%6 == 0 {
			o, err := inga.view(Lead{Search: "1"}, Wanted{id, 1})
			must(t, err)
			if !bytes.Equal(inga.open(o, 0), cleanJPEG(jpegOf(t, i/2))) {
				t.Errorf("picture %d is another", i)
			}
		}
	}

	// Another process begins rolls of its own, and reads those of the first.
	w.restart()
	w.keep(40)
	o, err := inga.view(Lead{Search: "1"}, Wanted{ids[23], 1})
	must(t, err)
	inga.open(o, 0)
	if n := w.count("image_roll"); n != 2 {
		t.Fatalf("%d rolls", n)
	}
}

// A camera's picture from clear bytes to durable, sealed.
func BenchmarkKeep(b *testing.B) {
	w := newWorld(b)
	var data bytes.Buffer
	must(b, jpeg.Encode(&data, stdimage.NewRGBA(stdimage.Rect(0, 0, 1280, 720)), nil))
	picture := slices.Concat(data.Bytes()[:data.Len()-2], make([]byte, 60<<10), []byte{0xff, 0xd9})
	b.SetBytes(int64(len(picture)))
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := w.Keep(b.Context(), police, w.Now().Add(time.Duration(n.Add(1))*time.Millisecond), "image/jpeg", picture); err != nil {
				b.Error(err)
			}
		}
	})
}
