// Package agencyname reads what an agency's name tells: that it is federal or a
// task force, what kind of agency it is, and its state. Names are typed by
// people, "HSI Chicago", "Houston TX PD", "LASSEN COUNTY SO CA": what a name
// does not tell is left open.
package agencyname

import (
	"strings"
	"unicode"
)

// states are the two-letter postal codes with the state's name and the zone in
// which most of its people live.
var states = map[string]struct{ name, zone string }{
	"AL": {"Alabama", "America/Chicago"}, "AK": {"Alaska", "America/Anchorage"}, "AZ": {"Arizona", "America/Phoenix"},
	"AR": {"Arkansas", "America/Chicago"}, "CA": {"California", "America/Los_Angeles"}, "CO": {"Colorado", "America/Denver"},
	"CT": {"Connecticut", "America/New_York"}, "DE": {"Delaware", "America/New_York"}, "DC": {"District of Columbia", "America/New_York"},
	"FL": {"Florida", "America/New_York"}, "GA": {"Georgia", "America/New_York"}, "HI": {"Hawaii", "Pacific/Honolulu"},
	"ID": {"Idaho", "America/Boise"}, "IL": {"Illinois", "America/Chicago"}, "IN": {"Indiana", "America/Indiana/Indianapolis"},
	"IA": {"Iowa", "America/Chicago"}, "KS": {"Kansas", "America/Chicago"}, "KY": {"Kentucky", "America/New_York"},
	"LA": {"Louisiana", "America/Chicago"}, "ME": {"Maine", "America/New_York"}, "MD": {"Maryland", "America/New_York"},
	"MA": {"Massachusetts", "America/New_York"}, "MI": {"Michigan", "America/Detroit"}, "MN": {"Minnesota", "America/Chicago"},
	"MS": {"Mississippi", "America/Chicago"}, "MO": {"Missouri", "America/Chicago"}, "MT": {"Montana", "America/Denver"},
	"NE": {"Nebraska", "America/Chicago"}, "NV": {"Nevada", "America/Los_Angeles"}, "NH": {"New Hampshire", "America/New_York"},
	"NJ": {"New Jersey", "America/New_York"}, "NM": {"New Mexico", "America/Denver"}, "NY": {"New York", "America/New_York"},
	"NC": {"North Carolina", "America/New_York"}, "ND": {"North Dakota", "America/Chicago"}, "OH": {"Ohio", "America/New_York"},
	"OK": {"Oklahoma", "America/Chicago"}, "OR": {"Oregon", "America/Los_Angeles"}, "PA": {"Pennsylvania", "America/New_York"},
	"PR": {"Puerto Rico", "America/Puerto_Rico"}, "RI": {"Rhode Island", "America/New_York"}, "SC": {"South Carolina", "America/New_York"},
	"SD": {"South Dakota", "America/Chicago"}, "TN": {"Tennessee", "America/Chicago"}, "TX": {"Texas", "America/Chicago"},
	"UT": {"Utah", "America/Denver"}, "VT": {"Vermont", "America/New_York"}, "VA": {"Virginia", "America/New_York"},
	"WA": {"Washington", "America/Los_Angeles"}, "WV": {"West Virginia", "America/New_York"}, "WI": {"Wisconsin", "America/Chicago"},
	"WY": {"Wyoming", "America/Denver"},
}

// Words cuts a name at what is neither letter nor digit, keeping the case.
func Words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// kinds are the words after a state's code in a name such as "Houston TX PD".
var kinds = map[string]bool{
	"PD": true, "SO": true, "SP": true, "HP": true, "DA": true, "DPS": true, "PSD": true, "ISD": true, "CSO": true,
	"DOJ": true, "DOC": true, "FD": true, "MO": false,
}

// State reads the state from an agency's name: a code that is the last word
// or stands before the kind of agency, or a state's name in a place where it is
// not a county, a city or a street. "" when the name does not tell.
func State(name string) string {
	w := Words(name)
	capitals := strings.ToUpper(name) == name
	for i := len(w) - 1; i >= 1; i-- { // a name does not begin with the code
		if _, ok := states[w[i]]; !ok {
			continue
		}
		last := i == len(w)-1 || kinds[w[i+1]] || strings.EqualFold(w[i+1], "Police") || strings.EqualFold(w[i+1], "Sheriff") || strings.EqualFold(w[i+1], "Federal")
		if !last {
			continue
		}
		// In capitals a county may be cut to CO.
		if w[i] == "CO" && capitals && (i == len(w)-1 || w[i+1] == "SO" || w[i+1] == "SHERIFF") && !strings.Contains(name, "COUNTY") && w[i-1] != "CO" {
			continue
		}
		return w[i]
	}
	upper := " " + strings.ToUpper(strings.Join(w, " ")) + " "
	best, code := 0, ""
	for c, s := range states {
		n := strings.ToUpper(s.name)
		at := strings.Index(upper, " "+n+" ")
		if at < 0 || len(n) < best {
			continue
		}
		next, _, _ := strings.Cut(upper[at+len(n)+2:], " ")
		before := strings.TrimSpace(upper[:at+1])
		if stateBody[next] || next == "" && before != "" && !strings.HasSuffix(before, "LAKE") || strings.HasSuffix(before, " OF") && next != "COUNTY" {
			best, code = len(n), c // the longest name, so that West Virginia is not Virginia
		}
	}
	return code
}

// stateBody are the words after a state's name in the name of one of its bodies.
var stateBody = map[string]bool{
	"STATE": true, "HIGHWAY": true, "DEPARTMENT": true, "DEPT": true, "DPS": true, "DOJ": true, "DOC": true, "BUREAU": true,
	"ATTORNEY": true, "OFFICE": true, "FUSION": true, "DIVISION": true, "DMV": true, "PAROLE": true, "NATIONAL": true,
}

// Says is who a name says that it is: a sum of Federal and TaskForce.
type Says uint8

// What a name may say.
const (
	Federal   Says = 1 << iota // a federal agency
	TaskForce                  // a task force, whose members the name does not tell
)

// federalWords are the short names of federal agencies that search plates.
// Those that are also people's names or words count in an agency's name, and in
// a person's only when others of it are in small letters.
var federalWords = map[string]bool{
	"HSI": true, "ICE": true, "ERO": true, "CBP": true, "USBP": true, "USMS": true, "ATF": true, "BATFE": true, "DEA": true,
	"FBI": true, "USPIS": true, "USSS": true, "NCIS": true, "DHS": true, "USCIS": true, "TSA": true, "AFOSI": true,
	"USPP": true, "USCP": true, "USPS": true, "NPS": true, "USFS": true, "FPS": true, "USCG": true, "DSS": true,
}

// alsoWords are those of federalWords that an all-capitals name may hold by chance.
var alsoWords = map[string]bool{"ICE": true, "DEA": true, "ERO": true, "DSS": true, "NPS": true, "TSA": true}

// federalPhrases are matched in capitals, between spaces.
var federalPhrases = []string{
	"HOMELAND SECURITY INVESTIGATIONS", "DEPARTMENT OF HOMELAND SECURITY", "DEPT OF HOMELAND SECURITY", "US HOMELAND SECURITY",
	"BORDER PATROL", "CUSTOMS AND BORDER", "CUSTOMS BORDER PROTECTION", "IMMIGRATION AND CUSTOMS", "IMMIGRATION CUSTOMS",
	"US MARSHAL", "US MARSHALS", "U S MARSHAL", "U S MARSHALS", "UNITED STATES MARSHAL", "UNITED STATES MARSHALS",
	"FEDERAL BUREAU", "DRUG ENFORCEMENT ADMINISTRATION", "POSTAL INSPECTION", "POSTAL INSPECTOR", "SECRET SERVICE",
	"BUREAU OF ALCOHOL", "NATIONAL PARK SERVICE", "US PARK POLICE", "US FOREST SERVICE", "US CAPITOL POLICE", "FEDERAL RESERVE POLICE",
	"NAVAL CRIMINAL INVESTIGATIVE", "AIR FORCE OSI", "ARMY CID", "COAST GUARD", "DEPARTMENT OF VETERANS AFFAIRS", "BUREAU OF INDIAN AFFAIRS",
	"DIPLOMATIC SECURITY", "FEDERAL PROTECTIVE SERVICE", "BUREAU OF PRISONS", "BUREAU OF LAND MANAGEMENT",
}

// Read reads who a name is, of an agency or, with person, of a searcher.
func Read(name string, person bool) Says {
	if len(name) < 3 {
		return 0
	}
	if person && strings.IndexByte(name, '@') < 0 && !worthReading(name) {
		return 0 // quick: most people's names
	}
	var says Says
	if strings.Contains(name, "[Federal]") {
		says |= Federal
	}
	upper := strings.ToUpper(name)
	capitals := upper == name
	w := Words(name)
	for i, x := range w {
		switch {
		case federalWords[x]:
			// ICE, JOHN is somebody; John Smith (ICE) is not.
			if !person || !capitals || !alsoWords[x] {
				says |= Federal
			}
		case x == "TF" || x == "TFO" || strings.EqualFold(x, "taskforce") || x == "HIDTA",
			strings.EqualFold(x, "task") && i+1 < len(w) && strings.EqualFold(w[i+1], "force"):
			says |= TaskForce
		}
	}
	joined := " " + strings.Join(Words(upper), " ") + " "
	for _, p := range federalPhrases {
		if at := strings.Index(joined, " "+p+" "); at >= 0 {
			says |= Federal
		}
	}
	if at := strings.IndexByte(upper, '@'); at >= 0 {
		for _, domain := range []string{"DHS.GOV", "USDOJ.GOV", "FBI.GOV", "DEA.GOV", "ATF.GOV", "UCIA.GOV", "USPIS.GOV", "NPS.GOV"} {
			if d := upper[at+1:]; d == domain || strings.HasSuffix(d, "."+domain) {
				says |= Federal
			}
		}
	}
	return says
}

// worthReading reports a person's name that might say more than a name: two
// capitals in a row, or a piece of one of the words looked for.
func worthReading(s string) bool {
	run := 0
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			if run++; run == 2 {
				return true
			}
			continue
		}
		run = 0
	}
	for _, piece := range [...]string{"ask", "eder", "order", "arshal", "ostal", "ustoms", "omeland", "ecret", "nforce"} {
		if strings.Contains(s, piece) {
			return true
		}
	}
	return false
}

// Kind is the kind of agency a name tells: federal, state, local, private or "".
func Kind(name string, says Says) string {
	if says&Federal != 0 {
		return "federal"
	}
	upper := " " + strings.ToUpper(strings.Join(Words(name), " ")) + " "
	has := func(phrases ...string) bool {
		for _, p := range phrases {
			if strings.Contains(upper, " "+p+" ") {
				return true
			}
		}
		return false
	}
	switch {
	case has("HOA", "LLC", "INC", "MALL", "APARTMENTS", "PROPERTY", "PROPERTIES", "HOMEOWNERS", "SECURITY SERVICES", "PRIVATE SECURITY",
		"SHOPPING CENTER", "LOSS PREVENTION", "RETAIL", "CORP", "CORPORATION"):
		return "private"
	case has("STATE POLICE", "HIGHWAY PATROL", "STATE PATROL", "STATE TROOPERS", "DEPARTMENT OF PUBLIC SAFETY", "DPS", "SP", "HP",
		"ATTORNEY GENERAL", "DEPARTMENT OF JUSTICE", "BUREAU OF INVESTIGATION", "DEPARTMENT OF CORRECTIONS", "STATE PAROLE", "DMV"):
		return "state"
	case has("PD", "SO", "CSO", "POLICE", "SHERIFF", "SHERIFFS", "CONSTABLE", "DA", "DISTRICT ATTORNEY", "PROSECUTOR", "MARSHAL",
		"COUNTY", "CITY", "TOWN", "VILLAGE", "TOWNSHIP", "ISD", "SCHOOL", "UNIVERSITY", "COLLEGE", "CAMPUS"):
		return "local"
	}
	return ""
}

// Zone is the name of the time zone that most of a state keeps; "" for what is
// no state.
func Zone(state string) string { return states[state].zone }
