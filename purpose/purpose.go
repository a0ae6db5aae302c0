// Package purpose says what a stated reason means: which kind of purpose the
// words of a request's narrative, of a share or of a search speak of, also when
// they are typed sideways ("i.c.e", "1mmigration", "im-mi-gra-tion").
//
// It reads words, not minds: it finds what the lexicon (lexicon/*.txt, English
// and Spanish) names and says which words made it think so, so that a person
// can disagree. It decides nothing; the law packs do.
package purpose

import "slices"

// Class is a kind of purpose; the words are those of policy's schema.
type Class string

const (
	Crime             Class = "crime"              // an offense of a NIBRS group, or an emergency
	MissingPerson     Class = "missing-person"     // missing or endangered
	StolenVehicle     Class = "stolen-vehicle"     //
	Testing           Class = "testing"            // testing or training
	Civil             Class = "civil"              // civil or administrative: parking, code enforcement, eviction
	Immigration       Class = "immigration"        // enforcement of immigration law
	ReproductiveCare  Class = "reproductive-care"  // pursuing reproductive or gender-affirming care
	ProtectedActivity Class = "protected-activity" // protest, assembly, worship, union work, the press
	Personal          Class = "personal"           // the asker's own affairs
	Unstated          Class = "unstated"           // nothing that can be understood
)

// Finding is one reason to think that a text has a purpose.
type Finding struct {
	Class      Class
	Words      string  // the part of the text that caused it
	Start, End int     // Words is text[Start:End]
	Term       string  // the lexicon's term, as written there
	Confidence float64 // 0 to 1; from Threshold on it counts
}

// Threshold is the confidence from which a finding counts in Classes. Words
// that are only a hint stay below it, until two different ones meet.
const Threshold = 0.5

// Classify returns what the text may mean, in order of its words. A text
// without any finding that counts has one finding of class Unstated. The work
// grows with the square of what is found: bound the text (2,000 characters take
// milliseconds).
func Classify(text string) []Finding {
	return builtin().classify(text)
}

// Classes returns the classes whose findings count, sorted, each once; never
// none: a text that says nothing is Unstated.
func Classes(text string) []string {
	var classes []string
	for _, f := range Classify(text) {
		if f.Confidence >= Threshold {
			classes = append(classes, string(f.Class))
		}
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}
