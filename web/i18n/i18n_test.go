package i18n

import (
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"
	"time"
)

func TestCataloguesAgree(t *testing.T) {
	placeholder := regexp.MustCompile(`\{\w+\}`)
	holders := func(s string) []string {
		all := placeholder.FindAllString(s, -1)
		slices.Sort(all)
		return slices.Compact(all)
	}
	for _, l := range Languages {
		if n, want := len(catalogues[l]), len(catalogues["en"]); n != want {
			t.Errorf("%s has %d keys, en has %d", l, n, want)
		}
		for key, english := range catalogues["en"] {
			text, ok := catalogues[l][key]
			switch {
			case !ok:
				t.Errorf("%s lacks %s", l, key)
			case text == "":
				t.Errorf("%s %s is empty", l, key)
			case !slices.Equal(holders(text), holders(english)):
				t.Errorf("%s %s has placeholders %v, English has %v", l, key, holders(text), holders(english))
			}
		}
	}
}

func TestFromRequest(t *testing.T) {
	tests := []struct{ url, cookie, accept, want string }{
		{"/", "", "", "en"},
		{"/", "", "nl-BE,nl;q=0.9,en;q=0.5", "nl"},
		{"/", "", "fr-FR,es-MX;q=0.8", "es"},
		{"/", "", "zh", "en"},
		{"/", "", "not a ; header,,", "en"},
		{"/", "es", "nl", "es"},
		{"/", "../en", "nl", "nl"},
		{"/?lang=nl", "es", "en", "nl"},
		{"/?lang=xx", "es", "en", "es"},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("GET", tt.url, nil)
		if tt.cookie != "" {
			r.Header.Set("Cookie", "lang="+tt.cookie)
		}
		r.Header.Set("Accept-Language", tt.accept)
		if got := FromRequest(r); string(got) != tt.want {
			t.Errorf("%+v: got %s", tt, got)
		}
	}
}

func TestWords(t *testing.T) {
	central, err := time.LoadLocation("America/Chicago")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 11, 17, 21, 0, 0, 0, central)
	tests := []struct{ got, want string }{
		{Lang("en").T("no.such.key"), "no.such.key"},
		{Lang("en").T("ui.step", "n", 2, "all", 5), "Step 2 of 5"},
		{Lang("en").Int(1234567), "1,234,567"},
		{Lang("es").Int(-1234), "-1.234"},
		{Lang("nl").Int(999), "999"},
		{Lang("nl").Decimal(0.1849, 2), "0,18"},
		{Lang("en").Date(from), "Nov 17, 2026"},
		{Lang("nl").Date(from), "17 nov 2026"},
		{Lang("en").Time(from), "Nov 17, 2026, 21:00 CST"},
		{Lang("en").Window(from, from.Add(40*time.Minute)), "Tue Nov 17, 2026, 21:00–21:40 CST"},
		{Lang("es").Window(from, from.Add(4*time.Hour)), "mar 17 nov 2026, 21:00 – mié 18 nov 2026, 01:00 CST"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}
