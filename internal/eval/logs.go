package main

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"porchlight/purpose"
)

// reason is a reason as it stands in a log of a state, "" where not known.
type reason struct{ state, text string }

// printLogs reads all reasons of the search logs under folder and prints how
// they come out. A folder that is not there is said and left out.
func printLogs(w io.Writer, e engines, folder string, show int) error {
	fmt.Fprintln(w)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(w, "Search logs: %s is not here, left out.\n", folder)
		return nil
	}
	var all share
	for _, log := range []string{"portals", "eugene", "okaloosa"} {
		counts, err := readReasons(filepath.Join(folder, log))
		if err != nil {
			return err
		}
		u := printLog(w, e, log, counts, show)
		all.n, all.of = all.n+u.n, all.of+u.of
	}
	fmt.Fprintf(w, "All logs: %d of %d rows unreadable, %s.\n", all.n, all.of, oneIn(all))
	return nil
}

// readReasons counts the reasons in the CSV files of a folder.
func readReasons(folder string) (map[reason]int, error) {
	counts := map[reason]int{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".csv" {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := addReasons(counts, csv.NewReader(f), stateOf(path)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	return counts, err
}

// addReasons adds the column Reason of a file; a file without one has none.
func addReasons(counts map[reason]int, r *csv.Reader, state string) error {
	r.ReuseRecord, r.FieldsPerRecord = true, -1
	header, err := r.Read()
	if err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	column := slices.IndexFunc(header, func(h string) bool { return strings.EqualFold(strings.Trim(h, " \ufeff"), "reason") })
	for column >= 0 {
		row, err := r.Read()
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		if column < len(row) {
			counts[reason{state, strings.Clone(row[column])}]++
		}
	}
	return nil
}

var agencyState = regexp.MustCompile(`-([a-z]{2})-`)

// stateOf is the state of an agency's folder such as "bell-ca-pd".
func stateOf(path string) string {
	switch folder := filepath.ToSlash(filepath.Dir(path)); {
	case strings.HasSuffix(folder, "/eugene"):
		return "OR"
	case strings.HasSuffix(folder, "/okaloosa"):
		return "FL"
	default:
		if m := agencyState.FindStringSubmatch(filepath.Base(folder)); m != nil {
			return strings.ToUpper(m[1])
		}
		return ""
	}
}

var maskToken = regexp.MustCompile(`\[[A-Z]+\]`)

// onlyMasked says that the text is nothing but tokens such as [WORD], put there
// before it was published: nobody can know what it said.
func onlyMasked(text string) bool {
	rest := maskToken.ReplaceAllString(text, "")
	return rest != text && !strings.ContainsFunc(rest, func(r rune) bool { return r > ' ' && !strings.ContainsRune(".,;:/+&()#-_", r) })
}

// printLog prints one log and returns its unreadable rows.
func printLog(w io.Writer, e engines, log string, counts map[reason]int, show int) (unreadable share) {
	rows := 0
	class := map[purpose.Class]int{}
	distinct, alarms := map[string]int{}, map[string]int{} // unreadable texts, texts with a banned purpose
	texts := map[string]bool{}
	for r, n := range counts {
		rows += n
		texts[r.text] = true
		got := e.read(r.state, r.text)
		for _, c := range got.classes {
			class[c] += n
		}
		if slices.Contains(got.classes, purpose.Unreadable) && !onlyMasked(r.text) {
			unreadable.n += n
			distinct[r.text] += n
		}
		if slices.ContainsFunc(got.classes, isBannedClass) {
			alarms[r.text] += n
		}
	}
	unreadable.of = rows
	fmt.Fprintf(w, "%s: %d rows, %d distinct reasons. A row may be of several classes.\n", strings.ToUpper(log), rows, len(texts))
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range purpose.AllClasses {
		fmt.Fprintf(tab, "  %s\t%d rows\t%.2f %%\n", c, class[c], 100*float64(class[c])/float64(rows))
	}
	tab.Flush()
	fmt.Fprintf(w, "  Unreadable, without those that are only mask tokens: %d rows (%s; aim: fewer than 1 in 200), %d distinct reasons.\n\n", unreadable.n, oneIn(unreadable), len(distinct))
	printMost(w, "unreadable", distinct, show)
	printMost(w, "banned", alarms, show)
	return unreadable
}

// printMost prints the commonest texts, as many as show says.
func printMost(w io.Writer, what string, rows map[string]int, show int) {
	most := slices.SortedFunc(maps.Keys(rows), func(a, b string) int {
		return cmp.Or(cmp.Compare(rows[b], rows[a]), cmp.Compare(a, b))
	})
	for _, text := range most[:min(show, len(most))] {
		fmt.Fprintf(w, "  %s\t%d rows\t%q\n", what, rows[text], text)
	}
}

func oneIn(s share) string {
	if s.n == 0 {
		return "none"
	}
	return fmt.Sprintf("1 in %d", s.of/s.n)
}
