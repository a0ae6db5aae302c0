package form

import "testing"

func TestLine(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "Perro blanco, cojea.": true, "ñandú 🐕": true, "1234567890123456789": true, "12345678901234567890x": false,
		"two\nlines": false, "a\ttab": false, "\u202eback": false, "\u2066in": false, "\u2028line": false, "\x00": false, "\x9b": false, "\xff": false,
	} {
		if got := Line(text, 20); got != want {
			t.Errorf("%q is a line: %v", text, got)
		}
	}
}
