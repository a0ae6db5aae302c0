package purpose

import (
	"strings"
	"testing"
)

// mix is how reasons are: mostly terse, some codes, some typos, a few sentences.
var mix = []string{
	"investigation", "Investigation", "inv", "245(a)(2)PC", "211PC", "10851(a)CVC", "susp veh", "suspect vehicle", "26-01254",
	"2603240234", "stolen vehicle", "GTA", "PC459", "hit and run", "warrant", "wanted person", "missing person", "BOLO", "ATL susp veh",
	"imvest", "invesitgation", "narcotics investigation", "Pa2026-9525", "welfare check", "459 susps", "robbery suspect vehicle",
	"Patrol Investigation", "locate suspect vehicle", "", "664/187(a)PC", "burgalry susp", "ICE detainer", "no reason given", "PC 211",
	"Two men broke into a garage near Maple St and left in a dark sedan.", "1700", "auto burg investigation", "DUI", "traffic crash", "Xqzzv hbtrk",
}

func BenchmarkClassify(b *testing.B) {
	b.ReportAllocs()
	c := byDefault()
	c.Classify("warm")
	for i := 0; b.Loop(); i++ {
		c.Classify(mix[i%len(mix)])
	}
}

// The worst texts known: each must take milliseconds at most.
func BenchmarkAdversarial(b *testing.B) {
	for name, text := range adversarial() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Classify(text)
			}
		})
	}
}

func adversarial() map[string]string {
	fill := func(s string) string { return strings.Repeat(s, 2000/len(s)) }
	return map[string]string{
		"singles": fill("a "), "dotted": fill("i."), "run": fill("a"), "hints": fill("ice dhs "), "near": fill("immigraxionq "),
		"glued": fill("suspectvehiclesuspectvehicleqqq "), "stolen": fill("stolen "), "sections": fill("211/"), "leet": fill("1mm1gr4t10 "),
		"digits": fill("1-"), "brackets": fill("245("), "wide": fill("ﷺ"), "sought": fill("immigration"), "pieces": fill("im-mi-gra-tion-"),
	}
}
