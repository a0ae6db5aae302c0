package purpose

import (
	"slices"
	"sync"
)

// Offense is what a person picks from a list, where words are not enough: an
// offense of NIBRS, or a lawful ground that is no crime.
type Offense struct {
	Code    string  // NIBRS offense code such as "120", or a word such as "missing-person"
	Name    string  // in English: the FBI's for a code
	Against string  // person, property or society; "" for what is no crime
	Classes []Class // what it means
}

// grounds are the lawful grounds that are no crime.
var grounds = []Offense{
	{"missing-person", "Missing person", "", []Class{MissingPerson}},
	{"endangered-person", "Endangered person, abduction alert", "", []Class{MissingPerson}},
	{"warrant", "Person wanted on a warrant", "", []Class{Warrant}},
	{"stolen-vehicle", "Recovery of a stolen vehicle or plate", "", []Class{StolenVehicle}},
	{"welfare-check", "Welfare check", "", []Class{WelfareCheck}},
}

// retired are codes of older records that nobody picks any more, and what is
// no crime; see codes/nibrs.tsv.
var retired = []string{"09C", "90A", "90E", "90H", "90I"}

// immigrationCodes are the offenses of immigration law.
var immigrationCodes = []string{"30A", "30B", "30C", "30D", "49C"}

var offenses = sync.OnceValue(func() []Offense {
	list := slices.Clone(grounds)
	err := readTSV(files, "codes/nibrs.tsv", 4, func(cell []string) error {
		o := Offense{Code: cell[0], Name: cell[1], Against: cell[3], Classes: []Class{Crime}}
		switch {
		case slices.Contains(retired, o.Code):
			return nil
		case slices.Contains(immigrationCodes, o.Code):
			o.Classes = []Class{Crime, Immigration}
		case o.Code == "240":
			o.Classes = []Class{Crime, StolenVehicle}
		}
		list = append(list, o)
		return nil
	})
	if err != nil {
		panic("purpose: " + err.Error()) // the file is part of the program
	}
	return list
})

// Offenses are what may be picked: the grounds that are no crime first, then
// the current offense codes of NIBRS in their order.
func Offenses() []Offense { return slices.Clone(offenses()) }

// OffenseOf returns the one with this code; false when there is none.
func OffenseOf(code string) (Offense, bool) {
	i := slices.IndexFunc(offenses(), func(o Offense) bool { return o.Code == code })
	if i < 0 {
		return Offense{}, false
	}
	return offenses()[i], true
}
