// Package purpose says what a stated reason means: which kinds of purpose the
// words of a search's reason, of a request's narrative or of a share speak of,
// also when they are terse ("susp veh 211"), misspelt ("imvest") or typed
// sideways ("i.c.e", "1mmigration", "im-mi-gra-tion").
//
// It reads words, not minds: it finds what the lexicon (lexicon/, English and
// Spanish) and the code tables (codes/) name, and says which words made it
// think so, that a person can disagree. It decides nothing; law packs do.
// docs/design/purpose.md says why it is built so and what it cannot do.
package purpose

import (
	"slices"
	"sync"
)

// Class is a kind of purpose; the words are those of policy's schema.
type Class string

const (
	Crime             Class = "crime"              // an offense of a NIBRS group; Finding.Offense says which
	MissingPerson     Class = "missing-person"     // missing, endangered, runaway, abducted
	Warrant           Class = "warrant"            // a wanted person; an arrest or search warrant
	StolenVehicle     Class = "stolen-vehicle"     // a stolen vehicle or plate
	Bolo              Class = "bolo"               // be on the lookout, attempt to locate
	WelfareCheck      Class = "welfare-check"      // welfare, suicidal, medical, mental-health hold
	Testing           Class = "testing"            // testing, training, demonstration
	Civil             Class = "civil"              // civil or administrative: code enforcement, parking, process, internal affairs
	Traffic           Class = "traffic"            // traffic and low-level: registration, licence, speed, tint, noise
	Interdiction      Class = "interdiction"       // drug, cash or highway interdiction
	Immigration       Class = "immigration"        // enforcement of immigration law, or work for those who do it
	ReproductiveCare  Class = "reproductive-care"  // pursuing reproductive or gender-affirming care
	ProtectedActivity Class = "protected-activity" // protest, assembly, worship, union work, the press
	Personal          Class = "personal"           // the searcher's own affairs
	Vague             Class = "vague"              // somebody works, but not said on what
	CaseNumber        Class = "case-number"        // nothing but the number of a case, report or call
	Unreadable        Class = "unreadable"         // has words, none that can be understood
	Unstated          Class = "unstated"           // blank, a mask, a placeholder
)

// AllClasses are all classes, in the order above. The last four, the residual
// ones, are given only when no other counts, and then exactly one of them.
var AllClasses = []Class{
	Crime, MissingPerson, Warrant, StolenVehicle, Bolo, WelfareCheck, Testing, Civil, Traffic, Interdiction,
	Immigration, ReproductiveCare, ProtectedActivity, Personal, Vague, CaseNumber, Unreadable, Unstated,
}

func (c Class) residual() bool {
	return c == Vague || c == CaseNumber || c == Unreadable || c == Unstated
}

// Finding is one reason to think that a text has a purpose.
type Finding struct {
	Class      Class
	Offense    string  // NIBRS offense code such as "120"; "" when none is known, or not of Crime or StolenVehicle
	Words      string  // the part of the text that caused it
	Start, End int     // Words is text[Start:End]
	Term       string  // the lexicon's term or the code ("PC 211"), as written there; "" for shapes
	Confidence float64 // 0 to 1; from Threshold on it counts
	Because    string  // one plain phrase: the term, or the code with its title
}

// Threshold is the confidence from which a finding counts in Classes. Words
// that are only a hint stay below it, until two different ones meet.
const Threshold = 0.5

// MaxText is how many bytes of a text are read; what follows is ignored. It
// bounds the work: 4,000 bytes take at most a few milliseconds.
const MaxText = 4000

// Options choose whose codes a Classifier knows.
type Options struct {
	// States are two-letter postal codes, in either case, whose statutes are
	// tried, in this order. None: those of all states, with less confidence
	// where they disagree.
	States []string
	// RadioCodes names a set of radio codes (RadioSets); "" for none. The same
	// number means different things in different towns.
	RadioCodes string
}

// Classifier reads reasons. It never changes and is safe for concurrent use.
type Classifier struct {
	lex   *lexicon
	codes *codes
	pool  sync.Pool // *reader
}

// New returns a classifier. A state or set that has no code table is an error
// that lists those there are.
func New(o Options) (*Classifier, error) {
	codes, err := loadCodes(builtin().tables, builtin().lex.systems, o)
	if err != nil {
		return nil, err
	}
	return newClassifier(builtin().lex, codes), nil
}

func newClassifier(lex *lexicon, codes *codes) *Classifier {
	c := &Classifier{lex: lex, codes: codes}
	c.pool.New = func() any { return &reader{lex: lex, codes: codes} }
	return c
}

var byDefault = sync.OnceValue(func() *Classifier {
	c, err := New(Options{})
	if err != nil {
		panic("purpose: " + err.Error()) // no option that could be wrong
	}
	return c
})

// Classify returns what the text may mean, in order of its words: never
// nothing. Findings under Threshold are hints that do not count.
func (c *Classifier) Classify(text string) []Finding {
	r := c.pool.Get().(*reader)
	found := r.classify(text)
	c.pool.Put(r)
	return found
}

// Classes returns the classes whose findings count, sorted, each once; never none.
func (c *Classifier) Classes(text string) []string {
	return classesOf(c.Classify(text))
}

// Classify is Classify of the default classifier: all states, no radio codes.
func Classify(text string) []Finding { return byDefault().Classify(text) }

// Classes is Classes of the default classifier.
func Classes(text string) []string { return byDefault().Classes(text) }

func classesOf(found []Finding) []string {
	var classes []string
	for _, f := range found {
		if f.Confidence >= Threshold {
			classes = append(classes, string(f.Class))
		}
	}
	slices.Sort(classes)
	return slices.Compact(classes)
}
