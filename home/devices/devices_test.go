package devices_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"porchlight/db"
	"porchlight/home/devices"
)

var phone = netip.MustParseAddr("192.168.1.20")

type house struct {
	*devices.Service
	dir  string
	time time.Time
}

func open(t *testing.T) *house {
	h := &house{dir: t.TempDir(), time: time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)}
	d, err := db.Open(t.Context(), filepath.Join(h.dir, "home.db"))
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	h.Service, err = devices.Open(t.Context(), d, func() time.Time { return h.time })
	check(t, err)
	return h
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) code(t *testing.T, by string) string {
	t.Helper()
	c, err := h.NewCode(t.Context(), by)
	check(t, err)
	return c.Text
}

func TestACodeLetsOneDeviceIn(t *testing.T) {
	h := open(t)
	code := h.code(t, "")
	token, d, err := h.Pair(t.Context(), code, " Ana's phone ", phone)
	check(t, err)
	if d.Name != "Ana's phone" || d.By != "" {
		t.Errorf("device %+v", d)
	}
	if got, err := h.Session(t.Context(), token); err != nil || got.ID != d.ID {
		t.Errorf("session %+v, %v", got, err)
	}
	if _, _, err := h.Pair(t.Context(), code, "again", phone); !errors.Is(err, devices.ErrCode) {
		t.Errorf("a used code: %v", err)
	}
	_, second, err := h.Pair(t.Context(), h.code(t, d.ID), "Tablet", phone)
	check(t, err)
	if second.By != "Ana's phone" {
		t.Errorf("let in by %q", second.By)
	}
}

func TestCodesAreReadGenerously(t *testing.T) {
	h := open(t)
	for range 20 {
		code := h.code(t, "")
		typed := strings.NewReplacer("O", "0", "I", "1", "B", "8", "-", " ").Replace(strings.ToLower(code))
		typed = strings.NewReplacer("o", "0", "i", "1", "b", "8").Replace(typed)
		if _, _, err := h.Pair(t.Context(), typed, "phone", phone); err != nil {
			t.Fatalf("%q typed as %q: %v", code, typed, err)
		}
	}
}

func TestACodeEnds(t *testing.T) {
	h := open(t)
	old := h.code(t, "")
	h.time = h.time.Add(10 * time.Minute)
	if _, _, err := h.Pair(t.Context(), old, "late", phone); !errors.Is(err, devices.ErrCode) {
		t.Errorf("after ten minutes: %v", err)
	}

	first := h.code(t, "")
	for range 4 {
		h.time = h.time.Add(time.Second)
		h.code(t, "")
	}
	if _, _, err := h.Pair(t.Context(), first, "pushed out", phone); !errors.Is(err, devices.ErrCode) {
		t.Errorf("after four newer codes: %v", err)
	}

	token, d, err := h.Pair(t.Context(), h.code(t, ""), "Old phone", phone)
	check(t, err)
	shown := h.code(t, d.ID)
	check(t, h.Remove(t.Context(), d.ID))
	if _, _, err := h.Pair(t.Context(), shown, "friend", phone); !errors.Is(err, devices.ErrCode) {
		t.Errorf("the code of a removed device: %v", err)
	}
	if _, err := h.Session(t.Context(), token); !errors.Is(err, devices.ErrNotFound) {
		t.Errorf("a removed device: %v", err)
	}
}

func TestOneCodeOneDeviceAtOnce(t *testing.T) {
	h := open(t)
	code := h.code(t, "")
	var wg sync.WaitGroup
	in := make(chan string, 8)
	for i := range cap(in) {
		wg.Go(func() {
			addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
			if _, d, err := h.Pair(context.Background(), code, "racer", addr); err == nil {
				in <- d.ID
			}
		})
	}
	wg.Wait()
	if len(in) != 1 {
		t.Errorf("%d devices came in with one code", len(in))
	}
}

func TestGuessingIsSlow(t *testing.T) {
	h := open(t)
	code := h.code(t, "")
	wrong := func(from netip.Addr) error {
		_, _, err := h.Pair(t.Context(), "AAAA-AAAA", "guess", from)
		return err
	}
	for i := range 5 {
		if err := wrong(phone); !errors.Is(err, devices.ErrCode) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if _, _, err := h.Pair(t.Context(), code, "phone", phone); !errors.Is(err, devices.ErrTooMany) {
		t.Errorf("the sixth try of one address, even if right: %v", err)
	}
	// Addresses of one IPv6 network are one guesser.
	for i := range 5 {
		wrong(netip.MustParseAddr(fmt.Sprintf("2001:db8::%d", i+1)))
	}
	if err := wrong(netip.MustParseAddr("2001:db8::ffff")); !errors.Is(err, devices.ErrTooMany) {
		t.Errorf("another address of the same network: %v", err)
	}
	for i := range 20 {
		wrong(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
	}
	if err := wrong(netip.MustParseAddr("10.1.1.1")); !errors.Is(err, devices.ErrTooMany) {
		t.Errorf("the 31st wrong code of a minute: %v", err)
	}
	h.time = h.time.Add(time.Minute)
	if _, _, err := h.Pair(t.Context(), code, "phone", phone); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

func TestNamesAndForgetting(t *testing.T) {
	h := open(t)
	for _, name := range []string{"", "  ", strings.Repeat("x", 61)} {
		if _, _, err := h.Pair(t.Context(), h.code(t, ""), name, phone); !errors.Is(err, devices.ErrName) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	token, d, err := h.Pair(t.Context(), h.code(t, ""), "phone", phone)
	check(t, err)
	check(t, h.Rename(t.Context(), d.ID, "Sam's phone"))
	if err := h.Rename(t.Context(), "nobody", "x"); !errors.Is(err, devices.ErrNotFound) {
		t.Errorf("renaming nobody: %v", err)
	}
	h.time = h.time.Add(300 * 24 * time.Hour)
	if _, err := h.Session(t.Context(), token); err != nil {
		t.Errorf("after 300 days: %v", err)
	}
	h.time = h.time.Add(300 * 24 * time.Hour) // counted from the last use
	if got, err := h.Session(t.Context(), token); err != nil || got.Name != "Sam's phone" {
		t.Errorf("after 300 days more: %+v, %v", got, err)
	}
	h.time = h.time.Add(401 * 24 * time.Hour)
	if _, err := h.Session(t.Context(), token); !errors.Is(err, devices.ErrNotFound) {
		t.Errorf("after 401 days unused: %v", err)
	}
}

func TestNeitherTokenNorCodeIsOnTheDisk(t *testing.T) {
	h := open(t)
	used, open := h.code(t, ""), h.code(t, "")
	token, _, err := h.Pair(t.Context(), used, "phone", phone)
	check(t, err)
	files, err := filepath.Glob(filepath.Join(h.dir, "*"))
	check(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		check(t, err)
		for _, secret := range []string{token, open, strings.ReplaceAll(open, "-", ""), strings.ReplaceAll(used, "-", "")} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s holds a secret", f)
			}
		}
	}
}
