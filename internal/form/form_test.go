package form

import (
	"errors"
	"testing"
	"time"
)

func TestForms(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	key := [32]byte{1}
	f, other := New(key, "pets", 3, clock), New(key, "cameras", 3, clock)
	slow := func(what, token string) {
		t.Helper()
		if err := f.Take(token); !errors.Is(err, ErrSlow) {
			t.Errorf("%s: %v", what, err)
		}
	}
	token, foreign := f.Token(), other.Token()
	slow("at once", token)
	now = now.Add(Takes)
	slow("none", "nonsense")
	slow("of another kind", foreign)
	if err := f.Take(token); err != nil {
		t.Fatal(err)
	}
	slow("twice", token)
	old := f.Token()
	now = now.Add(Lasts + time.Second)
	slow("too old", old)
	tokens := []string{f.Token(), f.Token(), f.Token(), f.Token()}
	now = now.Add(time.Minute)
	for _, token := range tokens[:3] {
		if err := f.Take(token); err != nil {
			t.Fatal(err)
		}
	}
	slow("one too many in an hour", tokens[3])
	now = now.Add(time.Hour + time.Second)
	if err := f.Take(tokens[3]); err != nil {
		t.Errorf("an hour later: %v", err)
	}
}

func FuzzTake(f *testing.F) {
	forms := New([32]byte{1}, "x", 1000, time.Now)
	f.Add(forms.Token())
	f.Fuzz(func(t *testing.T, token string) { forms.Take(token) })
}
