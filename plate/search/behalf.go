package search

import (
	"slices"
	"strings"

	"porchlight/agencyname"
	"porchlight/plate"
)

// cues are words after which a note says whom it is for.
var cues = map[string]bool{
	"for": true, "assist": true, "assisting": true, "assistance": true, "assisted": true, "behalf": true, "w": true, "with": true,
	"request": true, "requested": true, "requesting": true, "per": true, "aoa": true, "help": true, "helping": true, "by": true,
	"para": true, "from": true,
}

// asking are the cues after which a short name counts in small letters too.
var asking = map[string]bool{
	"for": true, "assist": true, "assisting": true, "assisted": true, "help": true, "helping": true, "aoa": true, "by": true, "per": true, "w": true,
}

// works are words behind an agency's name that make the matter its own.
var works = map[string]bool{
	"case": true, "request": true, "warrant": true, "detainer": true, "hold": true, "agent": true, "agents": true, "investigation": true,
	"inv": true, "operation": true, "op": true, "surveillance": true, "assist": true, "target": true,
}

// bodies end the name of a local agency.
var bodies = map[string]bool{"pd": true, "so": true, "police": true, "sheriff": true, "sheriffs": true, "troopers": true, "dps": true}

// near is how many words may stand between a cue and the name.
const near = 4

// speaksFor is the part of a note that speaks of another agency as the one the
// search is for: "for ICE", "assisting HSI", "Elm PD request"; "" when there is
// none. It reads words: it misses what is meant and not said, and the advice to
// who is refused wrongly is to name the agency or to say it in other words.
func speaksFor(note string, own plate.Asker) string {
	words := agencyname.Words(note)
	lower := agencyname.Words(strings.ToLower(note))
	mine := agencyname.Words(strings.ToLower(own.Name))
	cued := func(i int) bool { // a cue stands shortly before word i
		for j := max(0, i-near); j < i; j++ {
			if cues[lower[j]] {
				return true
			}
		}
		return false
	}
	for i := range words {
		after := i+1 < len(words) && works[lower[i+1]]
		switch {
		case bodies[lower[i]] && i > 0 && (cued(i) || after):
			if !slices.Contains(mine, lower[i-1]) && !cues[lower[i-1]] && lower[i-1] != "the" && lower[i-1] != "local" && lower[i-1] != "our" {
				return words[i-1] + " " + words[i]
			}
		case lower[i] == "ice" && i+1 < len(words) && (lower[i+1] == "cream" || lower[i+1] == "truck"):
		default:
			if i > 0 && asking[lower[i-1]] && agencyname.Read(strings.ToUpper(words[i]), false) != 0 {
				return words[i] // "for ice": in small letters right after the cue only
			}
			for n := 1; n <= 4 && i+n <= len(words); n++ { // a name of up to four words
				if name := strings.Join(words[i:i+n], " "); agencyname.Read(name, false) != 0 {
					if cued(i) || i+n < len(words) && works[lower[i+n]] {
						return name
					}
				}
			}
		}
	}
	return ""
}
