package scrub

import (
	"strings"
	"testing"
)

func TestScrub(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"robbery suspect vehicle", "robbery suspect vehicle"},
		{"Robbery - armed", "Robbery - armed"},
		{"ICE hold", "ICE hold"},
		{"robo de vehículo", "robo de vehículo"},
		{"stolen white Honda Accord 7ABC123", "stolen white Honda Accord [plate]"},
		{"burg susp Wilhelmina Okafor dob 01/02/1990", "burg susp [word] [word] dob [date]"},
		{"driver Zeke Brown", "driver [word] [word]"},
		{"brown sedan", "brown sedan"},
		{"Will Brown stolen", "[word] [word] stolen"},
		{"call 555-867-5309 or (312) 555 0142", "call [number] or [number]"},
		{"ssn 123-45-6789", "[word] [number]"},
		{"write to jo.doe@example.org", "write to [e-mail]"},
		{"at 1450 N Ashgrove Ave apt 3", "at [number] N [word] Ave apt 3"},
		{"vin 1HGCM82633A004352", "vin [vin]"},
		{"26-01254 theft", "[number] theft"},
		{"theft-26-01254", "theft-[number]"},
		{"born Jan 3, 1991 in x", "born [date] in x"},
		{"3 January 1991", "[date]"},
		{"born 01 02 1990", "born [date]"},
		{"id 23d55b89-42eb-4f5c-9281-f5e8bf4864be", "id [id]"},
		{"IL ABC 1234", "IL [word] [number]"},
		{"ABC-1234", "[number]"},
		{"***", "***"},
		{"", ""},
	} {
		if got := Text(c.in, false, nil); got != c.want {
			t.Errorf("%q became %q, want %q", c.in, got, c.want)
		}
	}
}

// A disguise becomes what it was read as, so that the finding stays legible.
func TestScrubReadsDisguises(t *testing.T) {
	for _, s := range []string{"1mmigration hold", "im-mi-gra-tion"} {
		if got := Text(s, false, nil); !strings.Contains(got, "[reads: immigration") || strings.Contains(got, "[word]") {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// What the program says itself stays legible: numbers, days, citations.
func TestScrubOwnSentences(t *testing.T) {
	for _, s := range []string{
		"more than 30.0 days (720 hours)", "12,345 of 3 files", "between 22:00 and 6:00", "since 2026-01-01",
		"625 ILCS 5/2-130(b)", "Civ. Code 1798.90.5", "RSA 261:75-b", "RCW 7.115.010", "5 ILCS 805/15", "18.2-58", "90% of them, 1st and 2nd", "network-audit-2025-11.csv",
	} {
		if got := Text(s, true, nil); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	for in, want := range map[string]string{
		"born 1990-01-02":                    "born [date]",
		"searched 7ABC123 twelve times":      "searched [plate] twelve times",
		"by Wilhelmina Okafor on 3 days":     "by [word] [word] on 3 days",
		"by Will Young of it":                "by [word] [word] of it",
		"plate TXT-9365 here":                "plate [number] here",
		"call 555-0142":                      "call [number]",
		"she said it: Okafor\ue000 and more": "she said it: [word] and more",
	} {
		if got := Text(in, true, nil); got != want && strings.Join(strings.Fields(got), " ") != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// Whatever is typed around a secret, the secret goes.
func FuzzScrub(f *testing.F) {
	f.Add("robbery ", " fled", uint8(0))
	f.Add("p:", "\xff\ue123", uint8(3))
	f.Add("1mmigration ", "-1", uint8(2))
	f.Fuzz(func(t *testing.T, before, after string, which uint8) {
		if len(before)+len(after) > 300 {
			return
		}
		secrets := []string{"Okafor", "7ABC123", "(312) 555-0142", "01/02/1990", "okafor@example.org", "123-45-6789", "1HGCM82633A004352", "26-0125409"}
		secret := secrets[int(which)%len(secrets)]
		if strings.Contains(before+after, secret) {
			return
		}
		for _, own := range []bool{false, true} {
			if got := Text(before+" "+secret+" "+after, own, nil); strings.Contains(got, secret) {
				t.Errorf("own %v: %q between %q and %q: %q", own, secret, before, after, got)
			}
		}
	})
}
