package main

import (
	"slices"
	"strings"
	"unicode"

	"porchlight/purpose"
)

// keywords are what a careful reporter types into the search box of a
// spreadsheet to find each class. Letter case is ignored. A keyword of four
// letters or fewer, or one that begins with "=", is sought as a whole word,
// any other wherever it stands.
var keywords = []struct {
	class purpose.Class
	words string // by commas
}{
	{purpose.Crime, "robbery, burglar, theft, thief, stolen, larceny, shoplift, fraud, scam, forgery, counterfeit, embezzle, identity theft," +
		"assault, battery, domestic, dv, shooting, shots fired, stabbing, homicide, murder, manslaughter, kidnap, abduct, carjack, rape, sexual, molest," +
		"child porn, arson, extortion, vandalism, graffiti, mischief, narcotic, narc, drug, cocaine, heroin, meth, fentanyl, dope, weapon, firearm, gun," +
		"threat, stalking, harassment, prostitution, trafficking, dui, dwi, hit and run, hit & run, evading, fleeing, eluding, trespass, disturbance," +
		"orc, gta, adw, pc, cvc, vc, hs, rcw, ors, ilcs, fs, 211, 459, 187, 245, 10851, robo, asalto, homicidio"},
	{purpose.MissingPerson, "missing, runaway, amber alert, silver alert, endangered, mp, desaparecid"},
	{purpose.Warrant, "warrant, wanted, fugitive, parolee, prófugo, orden de arresto"},
	{purpose.StolenVehicle, "stolen veh, stolen car, stolen auto, stolen truck, stolen plate, stolen motorcycle, vehicle theft, auto theft, gta, uuv, =sv, 10851, robado"},
	{purpose.Bolo, "bolo, atl, be on the lookout, attempt to locate"},
	{purpose.WelfareCheck, "welfare, wellness, suicid, mental, medical, 5150"},
	{purpose.Testing, "test, testing, training, demo, =tests, camera check"},
	{purpose.Civil, "civil, abandoned, parking, repo, repossess, evict, code enforcement, background, internal affairs, subpoena, administrative"},
	{purpose.Traffic, "traffic, speeding, registration, dwls, dwlsr, suspended, tint, loud, reckless, crash, collision, accident"},
	{purpose.Interdiction, "interdiction, criminal patrol, travel pattern"},
	{purpose.Immigration, "ice, ero, cbp, usbp, dhs, immigra, inmigra, migrant, deport, undocumented, indocumentad, border patrol, illegal alien, illegals, alien," +
		"title 8, 8 usc, 287(g), 287g, detainer, visa, migra"},
	{purpose.ReproductiveCare, "abortion, aborto, planned parenthood, reproductive, gender, transgender, mifepristone, misoprostol, puberty blocker, pregnan"},
	{purpose.ProtectedActivity, "protest, demonstrat, manifesta, rally, march, picket, union, =strike, huelga, no kings, blm, black lives matter, antifa, activis," +
		"journalist, reporter, mosque, worship, vigil, encampment, first amendment, 1st amendment"},
	{purpose.Personal, "personal, my ex, my wife, my husband, girlfriend, boyfriend, neighbor, curious, friend"},
	{purpose.Vague, "inv, invest, investigation, suspect, susp, suspicious, locate, follow up, patrol, assist, intel, info, review, identify, case"},
}

// searchKeywords is the plain search: the classes whose keywords the text has.
// The residual classes follow the taxonomy: vague only where nothing else was
// found, then by what the text is made of.
func searchKeywords(text string) []purpose.Class {
	lower := strings.ToLower(text)
	words := " " + strings.Join(strings.FieldsFunc(lower, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ") + " "
	var found []purpose.Class
	for _, k := range keywords {
		if k.class == purpose.Vague && len(found) > 0 {
			continue
		}
		for word := range strings.SplitSeq(k.words, ",") {
			if hasKeyword(lower, words, strings.TrimSpace(word)) {
				found = append(found, k.class)
				break
			}
		}
	}
	if len(found) == 0 {
		found = append(found, byShape(lower))
	}
	slices.Sort(found)
	return found
}

// hasKeyword seeks one keyword; words is the text as words between single spaces.
func hasKeyword(lower, words, keyword string) bool {
	whole, asWord := strings.CutPrefix(keyword, "=")
	if asWord || len(keyword) <= 4 {
		return strings.Contains(words, " "+whole+" ")
	}
	return strings.Contains(lower, keyword)
}

func byShape(lower string) purpose.Class {
	switch {
	case slices.Contains([]string{"n/a", "na", "none", "null", "redacted", "[redacted]"}, strings.TrimSpace(lower)),
		!strings.ContainsFunc(lower, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }):
		return purpose.Unstated
	case strings.ContainsFunc(lower, unicode.IsDigit):
		return purpose.CaseNumber
	}
	return purpose.Unreadable
}
