package audit

import (
	"fmt"

	"porchlight/searchlog"
)

// Rule is a question that is asked of every log. docs/audit-rules.md explains
// each.
type Rule struct {
	ID        string
	Title     string
	Question  string
	Threshold string   // as it stands when no law says otherwise
	Unit      string   // what is counted
	Innocent  []string // what would explain it
	Source    string   // where the idea comes from
	// Needs are the columns without which the question cannot be asked.
	Needs []searchlog.Field
}

// The thresholds. Each is chosen so that ordinary police work stays under it;
// the variations of a finding show what others would give.
const (
	defaultLookBack = 30 * 24 // hours; the time most agencies keep reads

	wideNetworks = 1000 // networks; a whole state's agencies are several hundred

	returnDays   = 4  // different days on which one searcher looks for one plate...
	returnSpan   = 14 // ...with so many days between the first and the last
	returnWeight = 5  // ...where a day in personal hours only counts 1.5

	streakDays = 7 // in a row: more than any ordinary roster without a day off

	shiftRest = 8 * 3600  // seconds; a pause so long ends a spell of work
	shiftSpan = 16 * 3600 // seconds; a double shift

	habitSearches = 100 // from which somebody's hours can be known...
	habitDays     = 20  // ...on so many days...
	habitHours    = 12  // ...when so many hours in a row...
	habitShare    = 95  // ...hold so many percent of the searches;
	habitMargin   = 3   // what lies so many hours outside of them is asked about

	ownHours      = 50 // searches from which an hour can be unusual for a searcher
	ownHoursShare = 2  // percent; an hour with fewer of them is unusual

	togetherGap   = 10   // seconds between two searches of different things
	togetherTimes = 3    // that often...
	togetherSpan  = 3600 // ...within so many seconds...
	togetherDays  = 5    // ...or on so many days

	travelGap = 30 * 60 // seconds between searches by one login from two agencies

	burstSearches = 20  // within...
	burstSpan     = 300 // ...so many seconds...
	burstPlates   = 10  // ...for so many plates, where plates are told

	reusedSearches  = 30 // of one case number...
	reusedSearchers = 10 // ...by so many people...
	reusedAgencies  = 5  // ...or agencies...
	reusedWeeks     = 26 // ...or in so many weeks

	regularCases  = 200 // case numbers from which an agency's usual forms can be known
	regularShare  = 98  // percent that its usual forms must make up
	usualPermille = 20  // a form so frequent is usual
	rarePermille  = 5   // one at most so frequent is not

	copiedSearchers = 5  // people with one text of their own words
	copiedPermille  = 5  // of its agencies' searches; a text of more is a template
	copiedTemplate  = 50 // and of more than so many

	gapDays      = 7       // without any search...
	gapRate      = 80      // ...of somebody who searches on so many percent of the other days...
	gapActive    = 60      // ...and on so many at least...
	gapApart     = 20      // ...and on so many for each gap
	systemLogins = 500_000 // searches that no person makes: the login is a system's
)

// The rules, most serious first.
const (
	ruleBanned = iota
	ruleSensitive
	ruleUnlisted
	ruleEnded
	ruleFederal
	ruleReturned
	ruleTogether
	ruleTravel
	ruleOverridden
	rulePersonal
	ruleNone
	ruleVague
	ruleCaseMissing
	ruleCaseReused
	ruleCaseMalformed
	ruleCopied
	ruleLookBack
	ruleWide
	ruleOutside
	ruleStreak
	ruleShift
	ruleOffHours
	ruleBurst
	ruleTruncated
	ruleGap
	ruleIDs
	ruleColumns
	numRules
)

// Rules are all questions, most serious first: the order of a Result's findings.
func Rules() []Rule {
	return append([]Rule(nil), rules[:]...)
}

const practice = "what auditors of police databases look for"

var rules = [numRules]Rule{
	ruleBanned: {
		ID: "purpose.banned", Title: "Purposes the law forbids",
		Question:  "Why was the network searched for a purpose that the law of this state forbids?",
		Threshold: "a reason, offense, case field or prompt whose words speak of a forbidden purpose with a confidence of 0.5 or more",
		Innocent: []string{
			"The words were read wrongly: the row shows which ones counted.",
			"The agency helped in a matter that is also a crime, or under a warrant signed by a judge.",
			"The searching agency stands in another state, whose law allows it; then the question is for who shared the cameras.",
		},
		Source: "reporting on searches of local networks for immigration enforcement and over an abortion, 2025",
		Needs:  []searchlog.Field{searchlog.Reason},
	},
	ruleSensitive: {
		ID: "purpose.sensitive", Title: "Sensitive purposes",
		Question:  "Who allowed searches for these purposes, and does the agency's policy cover them?",
		Threshold: "a reason, offense, case field or prompt whose words speak of a sensitive purpose with a confidence of 0.5 or more",
		Innocent: []string{
			"The words were read wrongly: the row shows which ones counted.",
			"A crime happened at a protest, or somebody seeking care was the victim of one.",
			"No statute here forbids it; the agency's own policy may.",
		},
		Source: "reporting on searches about protests and over an abortion, 2025",
		Needs:  []searchlog.Field{searchlog.Reason},
	},
	ruleUnlisted: {
		ID: "purpose.unlisted", Title: "Purposes outside the law's list",
		Question:  "The law lists what a search may be for. Which entry of the list covers these?",
		Threshold: "a purpose is stated and none of its classes is on the list; vague and missing reasons are asked about elsewhere",
		Innocent: []string{
			"The reason names only a part of the purpose, and the case shows the rest.",
			"The search was made before the law took effect, or of cameras in a state without such a list.",
		},
		Source: "statutes with a closed list (Washington SB 6002, New Hampshire RSA 261:75-b)",
		Needs:  []searchlog.Field{searchlog.Reason},
	},
	ruleEnded: {
		ID: "sharing.ended", Title: "Searches after sharing should have ended",
		Question:  "How could these agencies search after the day on which their access was to end?",
		Threshold: "any search at or after the time that was given",
		Innocent: []string{
			"Access ended later than announced, or in another time zone.",
			"The search was of other networks, and lists this one only by its name.",
		},
		Source: "departments that said they had cut off federal or out-of-state access",
		Needs:  []searchlog.Field{searchlog.Agency, searchlog.Time},
	},
	ruleFederal: {
		ID: "searcher.federal", Title: "Federal agencies and task forces",
		Question:  "Who let federal agencies or task forces search, and under which agreement?",
		Threshold: "the agency's or the searcher's name says so (HSI, ICE, ERO, CBP, USBP, USMS, ATF, DEA, FBI, USPIS, USSS, NCIS, DHS and others, \"task force\", [Federal])",
		Innocent: []string{
			"A task force may have only local members.",
			"Local law or an agreement allows it for some crimes.",
			"A name happens to hold the letters.",
		},
		Source: "pilots that gave federal agencies accounts, 2025",
		Needs:  []searchlog.Field{searchlog.Agency},
	},
	ruleReturned: {
		ID: "plate.returned", Title: "One searcher returning to one plate",
		Question: "Why did one searcher look for the same plate again and again, without one case to which it belongs?",
		Threshold: fmt.Sprintf("one searcher, one plate, at least %d days over at least %d; a day on which all searches fell into personal hours counts 1.5 and the sum must reach %d; no case number, or not the same on four days of five; where the log does not tell case numbers, whatever they are",
			returnDays, returnSpan, returnWeight),
		Innocent: []string{
			"A long investigation whose case number was not typed in, or was left out of the log.",
			"A plate that is a test, a department's own car, or a repeat offender's.",
			"One login that several people use.",
		},
		Source: "officers convicted of following former partners with plate readers",
		Needs:  []searchlog.Field{searchlog.Searcher, searchlog.Plate, searchlog.Time},
	},
	ruleTogether: {
		ID: "login.concurrent", Title: "One login, two things at once",
		Question: "How many people use this login?",
		Threshold: fmt.Sprintf("at least %d times within an hour or on at least %d days: two searches at most %d seconds apart, for different plates and under different cases (different reasons where no case is told)",
			togetherTimes, togetherDays, togetherGap),
		Innocent: []string{
			"The product records one search as several rows, or the log's times are when rows were written.",
			"A list of plates was searched at once.",
			"A system that searches by itself uses the login.",
		},
		Source: practice,
		Needs:  []searchlog.Field{searchlog.Searcher, searchlog.Plate, searchlog.Time},
	},
	ruleTravel: {
		ID: "login.travel", Title: "One login at two agencies",
		Question:  "Who used a login of one agency while it was in use at another?",
		Threshold: fmt.Sprintf("one login (an address, a number, an identifier) searches from two agencies within %d minutes", travelGap/60),
		Innocent: []string{
			"An officer works for both, on a task force or at a shared center.",
			"Identifiers are not unique across agencies.",
			"The agency was renamed.",
		},
		Source: "accounts that federal officers were lent by local ones",
		Needs:  []searchlog.Field{searchlog.Searcher, searchlog.Agency, searchlog.Time},
	},
	ruleOverridden: {
		ID: "moderation.overridden", Title: "Warned or blocked, and searched",
		Question:  "Why did the search run after the product had warned of it or blocked it, and who looked at it afterwards?",
		Threshold: "the verdict is a warning or a block; \"allow\" is no alarm",
		Innocent: []string{
			"The log lists attempts that were blocked and never ran.",
			"The product's moderation is wrong at times.",
		},
		Source: "the moderation column of the 2025 exports",
		Needs:  []searchlog.Field{searchlog.Moderation},
	},
	rulePersonal: {
		ID: "reason.personal-data", Title: "Personal data in reasons",
		Question:  "Why are people's names, birth dates, numbers or addresses typed into a field that many agencies can read and that is released to the public?",
		Threshold: "the text holds what is built like a social security or telephone number, a birth date, an e-mail or street address, or what reads like a first and a last name",
		Innocent: []string{
			"The name is a place's, an operation's or the officer's own.",
			"Policy asks for the name of a missing person.",
		},
		Source: "released audits in which the public found civilians' names",
		Needs:  []searchlog.Field{searchlog.Reason},
	},
	ruleNone: {
		ID: "reason.none", Title: "No reason",
		Question:  "Why was no reason asked for or given?",
		Threshold: "the reason is blank or a placeholder, and no offense is told either; masked reasons are not counted",
		Innocent: []string{
			"The product did not ask for a reason for this kind of search, or at that time.",
			"The reason was removed before release without a mark.",
		},
		Source: practice,
		Needs:  []searchlog.Field{searchlog.Reason},
	},
	ruleVague: {
		ID: "reason.vague", Title: "Reasons that say nothing",
		Question:  "What were these searches for? The reason would fit any search.",
		Threshold: "the reason says that somebody works but not on what, or cannot be understood; no offense is told. Case numbers alone are not counted",
		Innocent: []string{
			"The case number leads to the purpose.",
			"The word is a code that people there understand.",
			"Until 2025 the field was free text, since January 2026 it reads \"Category - detail\": the two are counted apart and must not be compared.",
		},
		Source: "audits in which \"investigation\" was the most frequent reason",
		Needs:  []searchlog.Field{searchlog.Reason},
	},
	ruleCaseMissing: {
		ID: "case.missing", Title: "No case number",
		Question:  "How can anybody check these searches without a case number?",
		Threshold: "the case number is blank or a placeholder, the reason holds none either, and it is no test; masked ones are not counted",
		Innocent: []string{
			"A call in progress has no number yet.",
			"The agency writes call numbers elsewhere, or its product does not ask for one.",
		},
		Source: practice,
		Needs:  []searchlog.Field{searchlog.Case},
	},
	ruleCaseReused: {
		ID: "case.reused", Title: "One case number for very many searches",
		Question: "Is this one case, or a number typed to get past the field?",
		Threshold: fmt.Sprintf("one number in at least %d searches, and by at least %d searchers or %d agencies or in at least %d different weeks",
			reusedSearches, reusedSearchers, reusedAgencies, reusedWeeks),
		Innocent: []string{
			"A large case with many investigators.",
			"A number that an agency uses for all work of one kind, such as recovery of stolen vehicles.",
		},
		Source: practice,
		Needs:  []searchlog.Field{searchlog.Case},
	},
	ruleCaseMalformed: {
		ID: "case.malformed", Title: "Case numbers that cannot be",
		Question: "Which case is this? The number is not built like one.",
		Threshold: fmt.Sprintf("fewer than three digits, one digit repeated, 1-2-3, or nothing but zeros; or, at an agency that wrote at least %d numbers and %d %% of them in its usual forms, a form of at most %.1f %%",
			regularCases, regularShare, rarePermille/10.0),
		Innocent: []string{
			"Another agency's number, or a number of another system.",
			"A typing mistake.",
		},
		Source: practice,
		Needs:  []searchlog.Field{searchlog.Case},
	},
	ruleCopied: {
		ID: "reason.copied", Title: "The same words from many people",
		Question: "Why did people who do not work together type the same sentence?",
		Threshold: fmt.Sprintf("the same text of at least five words, no category or code, by at least %d searchers; texts of more than %.1f %% of the searches of those agencies are templates and left out",
			copiedSearchers, copiedPermille/10.0),
		Innocent: []string{
			"A wanted notice that many officers copied.",
			"A text that the product or the agency supplies.",
		},
		Source: practice,
		Needs:  []searchlog.Field{searchlog.Searcher, searchlog.Reason},
	},
	ruleLookBack: {
		ID: "lookback.long", Title: "Searches far into the past",
		Question:  "Why did the search look back further than reads are to be kept or searched?",
		Threshold: "more than 30 whole days between the begin of the time frame and the search",
		Innocent: []string{
			"A product's own window of 30 days begins at local midnight: up to 31 days less a second are the same setting, and not counted.",
			"The agency may keep reads that are evidence for longer.",
			"Cameras elsewhere were searched, whose owner keeps reads for longer.",
		},
		Source: "analyses of a Florida organization audit",
		Needs:  []searchlog.Field{searchlog.From, searchlog.Time},
	},
	ruleWide: {
		ID: "reach.wide", Title: "Reach out of proportion",
		Question:  "Why did a search for something small or unnamed go through the cameras of so many agencies?",
		Threshold: fmt.Sprintf("at least %d networks, for nothing more than traffic, civil matters, testing, an arrest-only offense, or a reason that says nothing", wideNetworks),
		Innocent: []string{
			"The product searches every shared network unless somebody narrows it.",
			"The reason is short, and the case is not.",
		},
		Source: "audits in which single searches went through more than 6,000 networks",
		Needs:  []searchlog.Field{searchlog.Networks, searchlog.Reason},
	},
	ruleOutside: {
		ID: "searcher.outside", Title: "Agencies of other states",
		Question:  "Who let agencies of other states search, and what do their laws allow?",
		Threshold: "the agency's name tells another state than the home state",
		Innocent: []string{
			"Neighbors across a state line work together every day.",
			"The log is a network audit: everybody who searched widely is in it.",
		},
		Source: "statutes that let data go to agencies of the same state only",
		Needs:  []searchlog.Field{searchlog.Agency},
	},
	ruleStreak: {
		ID: "searcher.streak", Title: "Searches on many days in a row",
		Question:  "Does one person use this login, and at work?",
		Threshold: fmt.Sprintf("searches on at least %d days in a row", streakDays),
		Innocent: []string{
			"Overtime, a long case, or a schedule of more than six days.",
			"An analyst's or a dispatch center's shared login.",
			"Searches that the product makes by itself.",
		},
		Source: "an Oregon reader's analysis of consecutive days, 2025",
		Needs:  []searchlog.Field{searchlog.Searcher, searchlog.Time},
	},
	ruleShift: {
		ID: "searcher.shift", Title: "Searches beyond one shift",
		Question: "Who was at work for so long?",
		Threshold: fmt.Sprintf("searches over more than %d hours without a pause of %d hours between two of them",
			shiftSpan/3600, shiftRest/3600),
		Innocent: []string{
			"A double shift, an emergency, or a detective's long day.",
			"A login that several people use, known to the agency.",
			"Searches that the product makes by itself.",
		},
		Source: "an Oregon reader's analysis of searches out of shift, 2025",
		Needs:  []searchlog.Field{searchlog.Searcher, searchlog.Time},
	},
	ruleOffHours: {
		ID: "searcher.off-hours", Title: "Searches outside somebody's usual hours",
		Question: "Were these searches made at work?",
		Threshold: fmt.Sprintf("of a searcher with at least %d searches on %d days, %d %% of them within the same %d hours: those at least %d hours outside",
			habitSearches, habitDays, habitShare, habitHours, habitMargin),
		Innocent: []string{
			"Overtime, call-outs, a change of shift.",
			"Searches that the product makes by itself.",
		},
		Source: "an Oregon reader's analysis of searches out of shift, 2025",
		Needs:  []searchlog.Field{searchlog.Searcher, searchlog.Time},
	},
	ruleBurst: {
		ID: "burst", Title: "Many searches in minutes",
		Question: "What was searched so fast, and was each search for a purpose of its own?",
		Threshold: fmt.Sprintf("one searcher, at least %d searches within %d minutes, for at least %d plates where plates are told",
			burstSearches, burstSpan/60, burstPlates),
		Innocent: []string{
			"A list of stolen plates worked through.",
			"A partial plate tried in its variants.",
			"A system that searches by itself.",
		},
		Source: practice,
		Needs:  []searchlog.Field{searchlog.Searcher, searchlog.Time},
	},
	ruleTruncated: {
		ID: "export.truncated", Title: "Exports that seem cut off",
		Question:  "Is this all? Ask for the export in smaller pieces.",
		Threshold: "exactly as many rows as a limit of spreadsheets or exports: 1,048,576 or 1,048,575, 1,000,000, 65,536 or 65,535, 20,000",
		Unit:      "files",
		Innocent:  []string{"Chance: about one file in a hundred thousand of that size."},
		Source:    "released audits that end at a spreadsheet's last row",
	},
	ruleGap: {
		ID: "export.gap", Title: "Days or months without searches",
		Question: "Was nothing searched, or are the rows missing?",
		Threshold: fmt.Sprintf("at least %d days without a search by somebody who searched on at least %d days, and on %d %% of the days outside such gaps; no more than one gap for %d such days",
			gapDays, gapActive, gapRate, gapApart),
		Unit: "gaps",
		Innocent: []string{
			"Access was switched off, or the product was not in use.",
			"The files are of different periods, and nobody said that they follow each other.",
		},
		Source: practice,
		Needs:  []searchlog.Field{searchlog.Time},
	},
	ruleIDs: {
		ID: "export.ids", Title: "Ids that reappear with other content",
		Question:  "Which of the two rows is true, and who changed it?",
		Threshold: "a search's id occurs twice with different cells",
		Unit:      "rows",
		Innocent: []string{
			"One of the files was masked and the other not.",
			"An export repaired or reformatted a cell.",
		},
		Source: practice,
	},
	ruleColumns: {
		ID: "export.columns", Title: "Columns that vanished",
		Question:  "Why does a later export leave out a column that an earlier one had?",
		Threshold: "files with the searches of one agency, or in one folder: a column of the earlier file is not in the later one",
		Unit:      "columns",
		Innocent: []string{
			"The vendor changed its export; in December 2025 several lost columns for everybody.",
			"Another kind of log was asked for.",
		},
		Source: "the change of the exports' columns after December 2025",
	},
}

func init() {
	for i := range rules {
		if rules[i].Unit == "" {
			rules[i].Unit = "searches"
		}
	}
}
