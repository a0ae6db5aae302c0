package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"porchlight/home/cameras"
	"porchlight/home/devices"
	"porchlight/internal/problem"
)

// What is wrong is said in each language.
func TestWhys(t *testing.T) {
	for _, lang := range []string{"en", "es", "nl"} {
		b, err := os.ReadFile("../../web/messages/home/" + lang + ".json")
		words := map[string]string{}
		if err = errors.Join(err, json.Unmarshal(b, &words)); err != nil {
			t.Fatal(err)
		}
		for _, w := range whys {
			if words["home.why-"+w.why] == "" {
				t.Errorf("%s has no words for %q", lang, w.why)
			}
		}
		for _, k := range kinds {
			if k.word != "" && words["home.error-"+k.word] == "" {
				t.Errorf("%s has no words for %v", lang, k.err)
			}
		}
	}
	if why := whyOf(fmt.Errorf("%w (it is mjpeg)", cameras.ErrCodec).Error()); why != "codec" {
		t.Errorf("a wrapped trouble is %q", why)
	}
	if why := whyOf("something new"); why != "" {
		t.Errorf("something new is %q", why)
	}
}

// Whoever asks is answered in her language: that of the pages, else her browser's.
func TestProblemsSpeak(t *testing.T) {
	for _, c := range []struct {
		cookie, accepts string
		err             error
		want            string
	}{
		{"", "", devices.ErrCode, "This code is not right, was used, or is older than ten minutes."},
		{"nl", "es", devices.ErrCode, "Deze code klopt niet, is al gebruikt of is ouder dan tien minuten."},
		{"", "es-MX", fmt.Errorf("trying: %w", cameras.ErrNoVideo), "La cámara no envía imagen."},
		{"", "nl", errors.New("a secret of the store"), "Niets van wat u stuurde is op uw apparaat verloren. Probeer het opnieuw; blijft het zo, zeg dan de tijd aan wie deze Porchlight beheert."},
		{"es", "", fmt.Errorf("%w: port 0 is none", cameras.ErrInvalid), "This cannot be a camera: port 0 is none."}, // what says more is English
	} {
		s := &Server{Options: Options{Logger: slog.New(slog.DiscardHandler), Near: InHouse()}}
		r := httptest.NewRequest("GET", "/api/v1/cameras", nil)
		r.Header.Set("Accept-Language", c.accepts)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "lang", Value: c.cookie})
		}
		w := httptest.NewRecorder()
		s.visited(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, c.err) })).ServeHTTP(w, r)
		var said problem.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil || said.Detail != c.want {
			t.Errorf("%v with %q and %q: %q, %v", c.err, c.cookie, c.accepts, said.Detail, err)
		}
	}
}
