package push_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"porchlight/internal/push"
	"porchlight/internal/push/pushtest"
)

func TestSend(t *testing.T) {
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	at := pushtest.New(t, keys.Public)
	s := push.NewSender(keys, pushtest.Contact, true)
	for _, m := range []string{"short", strings.Repeat("long ", 100)} {
		if err := s.Send(t.Context(), at.Browser("/ann"), []byte(m), time.Hour, true); err != nil {
			t.Fatal(err)
		}
	}
	if got := at.Messages("/ann"); !slices.Equal(got, []string{"short", strings.Repeat("long ", 100)}) || len(at.Sizes()) != 1 {
		t.Errorf("%q in sizes %v", got, at.Sizes())
	}
	at.Answer(410)
	if err := s.Send(t.Context(), at.Browser("/ann"), []byte("x"), time.Hour, true); !errors.Is(err, push.ErrGone) {
		t.Errorf("a browser that is gone: %v", err)
	}
}

// Anybody may name an endpoint: nothing inside the network is reached through one.
func TestOnlyPublicAddresses(t *testing.T) {
	keys, err := push.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	b := pushtest.New(t, keys.Public).Browser("/x")
	s := push.NewSender(keys, pushtest.Contact, false)
	for _, host := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[fd00::1]", "[::ffff:127.0.0.1]"} {
		b.Endpoint = "https://" + host + ":1/"
		err := s.Send(t.Context(), b, []byte("x"), time.Hour, false)
		if err == nil || !strings.Contains(err.Error(), "not public") || strings.Contains(err.Error(), b.Endpoint) {
			t.Errorf("%s: %v", host, err)
		}
	}
}
