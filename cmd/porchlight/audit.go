package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones by name on machines that have none

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"porchlight/audit"
	"porchlight/audit/report"
	"porchlight/audit/report/save"
	"porchlight/policy/packs"
	"porchlight/searchlog"
)

func newAuditCmd() *cobra.Command {
	var a auditing
	cmd := &cobra.Command{
		Use:   "audit PATH...",
		Short: "Say what the search logs of a licence-plate network tell",
		Long: `Read the search logs that an agency released, of any vendor: CSV, TSV, XLSX,
zips and folders of these, globs, and "-" for standard input. Print what each
file is and what was done to its rows, then the questions it raises, each with
the rows behind it.

Nothing leaves this machine. Reports are redacted: no plates, birth dates, phone
numbers, names or search ids, and searchers as tokens that cannot be joined with
those of another report. --redact=false writes them as the rows stand, for your
own eyes.

Exit status: 0 the logs were audited, 1 none could be, 2 wrong use.`,
		Example: `  porchlight audit audit.csv --state IL --html report.html
  porchlight audit logs/ more.zip --json report.json --csv tables/
  porchlight audit diff may.csv june.csv
  porchlight audit --reproduce eugene ../shared/data/eugene`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd, args) },
	}
	shared := cmd.PersistentFlags()
	shared.StringVar(&a.state, "state", "", "two letters: whose law to ask, e.g. IL")
	shared.StringVar(&a.zone, "zone", "", "zone in which hours and days count, e.g. America/Chicago; default: that of --state, else UTC")
	shared.StringVar(&a.options.RadioCodes, "radio", "", "the agency's set of radio codes, e.g. california")
	shared.StringArrayVar(&a.ended, "ended", nil, `sharing that was to end, as "AGENCY=2025-06-30"; AGENCY may be federal or out-of-state (repeatable)`)
	shared.IntVar(&a.options.Workers, "workers", 0, "how many files' parts are read at once; default: one a processor")
	shared.BoolVar(&a.redact, "redact", true, "take out what may not be published")
	shared.StringVar(&a.html, "html", "", "write the report to this file")
	shared.StringVar(&a.markdown, "markdown", "", "write a summary in Markdown to this file")
	shared.BoolVarP(&a.quiet, "quiet", "q", false, "print no progress and no list of files")

	f := cmd.Flags()
	f.StringVar(&a.json, "json", "", `write all of it as JSON to this file; "-" prints it instead of the summary`)
	f.StringVar(&a.csv, "csv", "", "write tables as CSV into this folder")
	f.IntVar(&a.options.Rows, "rows", 0, "how many rows a finding lists; default 1,000")
	f.StringVar(&a.reproduce, "reproduce", "", "instead, compute again the figures published from eugene, okaloosa or portals")

	cmd.AddCommand(&cobra.Command{
		Use:   "diff A B",
		Short: "Compare two periods or two agencies",
		Long: `Compare two audits: each a search log, a folder of them, or the JSON that
porchlight audit --json wrote. What cannot be compared is said, not compared.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.diff(cmd, args[0], args[1]) },
	})
	return cmd
}

// auditing is one run of porchlight audit, by its flags.
type auditing struct {
	state, zone               string
	ended                     []string
	redact, quiet             bool
	html, markdown, json, csv string
	reproduce                 string
	options                   audit.Options
}

func (a *auditing) run(cmd *cobra.Command, paths []string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	if a.reproduce != "" {
		if len(paths) != 1 {
			return usageError(errors.New("--reproduce takes one folder"))
		}
		r, err := audit.Reproduce(ctx, a.reproduce, paths[0])
		if err != nil {
			return err
		}
		if err := r.Print(out); err != nil {
			return err
		}
		if !r.Equal() {
			return errors.New("a figure differs from what was published")
		}
		return nil
	}
	r, err := a.audit(cmd, paths)
	if err != nil {
		return err
	}
	about := report.Options{Command: "porchlight " + strings.Join(os.Args[1:], " "), Version: version()}
	if a.html != "" {
		if about.SHA256, err = digests(cmd.Context(), r.Files); err != nil {
			return err
		}
	}
	if a.redact {
		if r, err = redacted(r); err != nil {
			return err
		}
	}
	if a.json != "-" && !a.quiet {
		for i := range r.Files {
			printFile(out, &r.Files[i])
		}
	}
	if !slices.ContainsFunc(r.Files, func(f searchlog.File) bool { return f.Variant != "" }) {
		return errors.New("none of these files is a search log that porchlight knows; docs/audit.md lists the kinds")
	}
	if a.json == "-" {
		err = report.JSON(out, r)
	} else {
		err = printSummary(out, r)
	}
	if err != nil {
		return err
	}
	err = saveAll(cmd.Context(),
		output{a.html, func(w io.Writer) error { return report.HTML(w, r, about) }},
		output{a.markdown, func(w io.Writer) error { return report.Markdown(w, r) }},
		output{strings.TrimPrefix(a.json, "-"), func(w io.Writer) error { return report.JSON(w, r) }},
	)
	if err != nil {
		return err
	}
	if a.csv != "" {
		if err := save.CSV(ctx, a.csv, r); err != nil {
			return err
		}
	}
	return nil
}

// audit reads the paths and asks every question.
func (a *auditing) audit(cmd *cobra.Command, paths []string) (*audit.Result, error) {
	o := a.options
	o.State = strings.ToUpper(a.state)
	_, err := packs.For(o.State)
	if err != nil {
		return nil, usageError(fmt.Errorf("--state: %w", err))
	}
	if a.zone != "" {
		if o.Zone, err = time.LoadLocation(a.zone); err != nil {
			return nil, usageError(fmt.Errorf("--zone %s: no such zone; write it like America/Chicago", a.zone))
		}
	}
	for _, e := range a.ended {
		agency, day, _ := strings.Cut(e, "=")
		from, err := time.Parse(time.DateOnly, day)
		if err != nil || agency == "" {
			return nil, usageError(fmt.Errorf(`--ended %q: write AGENCY=YEAR-MONTH-DAY, e.g. "federal=2025-08-25"`, e))
		}
		o.Ended = append(o.Ended, audit.Ended{Agency: agency, From: from})
	}
	sources, err := searchlog.Find(paths, cmd.InOrStdin())
	if err != nil {
		return nil, usageError(err)
	}
	if !a.quiet {
		var done func()
		o.Progress, done = progress(cmd.ErrOrStderr())
		defer done()
	}
	// Nearly all memory is tables without pointers, which are quick to collect.
	defer debug.SetGCPercent(debug.SetGCPercent(30))
	r, err := audit.Run(cmd.Context(), sources, o)
	if errors.Is(err, context.Canceled) {
		return nil, errors.New("stopped; nothing was written")
	}
	return r, err
}

// progress shows bytes read on a terminal, and nothing elsewhere.
func progress(w io.Writer) (show func(done, total int64), done func()) {
	f, ok := w.(*os.File)
	if !ok {
		return nil, func() {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil, func() {}
	}
	bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(f), progressbar.OptionShowBytes(true),
		progressbar.OptionSetDescription("Reading"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	return func(done, total int64) {
		if total > 0 && bar.GetMax64() != total {
			bar.ChangeMax64(total)
		}
		_ = bar.Set64(done)
	}, func() { _ = bar.Finish() }
}

// digests are the SHA-256 of the files that lie on the disk, so that whoever
// holds them can tell that lines are cited from the same; "" for others.
func digests(ctx context.Context, files []searchlog.File) ([]string, error) {
	all := make([]string, len(files))
	for i, f := range files {
		if info, err := os.Stat(f.Path); err != nil || !info.Mode().IsRegular() {
			continue // a member of an archive, a stream
		}
		src, err := os.Open(f.Path)
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, src)
		if err := errors.Join(err, src.Close(), ctx.Err()); err != nil {
			return nil, fmt.Errorf("reading %s again: %w", f.Path, err)
		}
		all[i] = hex.EncodeToString(sum.Sum(nil))
	}
	return all, nil
}

// redacted is what may be published of r, with tokens of this report only.
func redacted(r *audit.Result) (*audit.Result, error) {
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return r.Redact(key), nil
}

func (a *auditing) diff(cmd *cobra.Command, first, second string) error {
	var side [2]*audit.Result
	for i, path := range []string{first, second} {
		r, err := a.result(cmd, path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		side[i] = r
	}
	c := audit.Diff(side[0], side[1])
	c.A.Name, c.B.Name = first, second
	if err := report.DiffText(cmd.OutOrStdout(), c); err != nil {
		return err
	}
	return saveAll(cmd.Context(),
		output{a.html, func(w io.Writer) error { return report.DiffHTML(w, c, report.Options{Version: version()}) }},
		output{a.markdown, func(w io.Writer) error { return report.DiffMarkdown(w, c) }},
	)
}

// output is a file that was asked for; the empty name for none.
type output struct {
	file  string
	write func(io.Writer) error
}

func saveAll(ctx context.Context, all ...output) error {
	for _, o := range all {
		if o.file == "" {
			continue
		}
		if err := save.File(ctx, o.file, o.write); err != nil {
			return err
		}
	}
	return nil
}

// result is the audit that path holds, or the audit of the logs it holds.
func (a *auditing) result(cmd *cobra.Command, path string) (*audit.Result, error) {
	if strings.EqualFold(filepath.Ext(path), ".json") {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, usageError(err)
		}
		r := new(audit.Result)
		if err := json.Unmarshal(text, r); err != nil {
			return nil, usageError(fmt.Errorf("not what porchlight audit --json wrote: %w", err))
		}
		return r, nil
	}
	r, err := a.audit(cmd, []string{path})
	if err != nil || !a.redact {
		return r, err
	}
	return redacted(r)
}

// printFile says what one file is and what was done to its rows.
func printFile(w io.Writer, f *searchlog.File) {
	fmt.Fprintf(w, "%s\n", f.Path)
	if f.Variant == "" {
		fmt.Fprintf(w, "  not a search log; %s set aside\n", count(f.SetAsideRows, "row"))
	} else {
		fmt.Fprintf(w, "  %s (%s), %s", f.Variant, f.Encoding, count(f.Rows, "search"))
		if f.Duplicate > 0 {
			fmt.Fprintf(w, ", %s seen before", count(f.Duplicate, "row"))
		}
		if f.Rows > 0 && !f.First.IsZero() {
			fmt.Fprintf(w, ", %s to %s (%s)", f.First.Format(time.DateTime), f.Last.Format(time.DateTime), f.Zone)
		}
		fmt.Fprintln(w)
	}
	if len(f.Missing) > 0 && f.Variant != "" {
		fmt.Fprintf(w, "  not exported: %s\n", strings.Join(f.Missing, ", "))
	}
	if len(f.Unknown) > 0 {
		fmt.Fprintf(w, "  columns it does not know: %s\n", strings.Join(f.Unknown, ", "))
	}
	for _, field := range slices.Sorted(maps.Keys(f.Cells)) {
		states := f.Cells[field]
		if states[searchlog.NotExported.String()] == f.Rows || states[searchlog.Value.String()] == f.Rows {
			continue // said by "not exported", or nothing to say
		}
		names := slices.SortedFunc(maps.Keys(states), func(a, b string) int { return cmp.Or(states[b]-states[a], strings.Compare(a, b)) })
		var parts []string
		for _, s := range names {
			if states[s] > 0 {
				parts = append(parts, audit.Grouped(states[s])+" "+s)
			}
		}
		if len(parts) > 0 {
			fmt.Fprintf(w, "  %s: %s\n", field, strings.Join(parts, ", "))
		}
	}
	for _, r := range f.Repairs {
		fmt.Fprintf(w, "  repaired (%s): %s, %s\n", r.Kind, count(r.Rows, "row"), lines(r.Lines, r.Rows))
	}
	type group struct {
		reason string
		lines  []int
	}
	var aside []group
	for _, s := range f.SetAside {
		i := slices.IndexFunc(aside, func(g group) bool { return g.reason == s.Reason })
		if i < 0 {
			i, aside = len(aside), append(aside, group{reason: s.Reason})
		}
		aside[i].lines = append(aside[i].lines, s.Line)
	}
	for _, g := range aside {
		fmt.Fprintf(w, "  set aside (%s): %s\n", g.reason, lines(g.lines, len(g.lines)))
	}
	for _, x := range f.Warnings {
		fmt.Fprintf(w, "  note (%s): %s\n", x.Kind, x.Text)
	}
}

// printSummary says the questions and their size.
func printSummary(w io.Writer, r *audit.Result) error {
	fmt.Fprintf(w, "\n%s in %s", count(r.Rows, "search"), count(len(r.Files), "file"))
	if !r.First.IsZero() {
		fmt.Fprintf(w, ", %s to %s; days and hours in %s", r.First.Format(time.DateOnly), r.Last.Format(time.DateOnly), r.Zone)
	}
	fmt.Fprint(w, "\n\nPurposes\n")
	classes := slices.SortedFunc(maps.Keys(r.Purposes), func(a, b string) int {
		return cmp.Or(r.Purposes[b]-r.Purposes[a], strings.Compare(a, b))
	})
	for _, c := range classes {
		fmt.Fprintf(w, "  %12s  %s\n", audit.Grouped(r.Purposes[c]), c)
	}
	fmt.Fprint(w, "\nQuestions\n")
	if len(r.Findings) == 0 {
		fmt.Fprintln(w, "  none")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "  %12s  %s (%s)\n", audit.Grouped(f.Count), f.Question, f.Rule)
	}
	if len(r.Unknown) > 0 {
		fmt.Fprint(w, "\nCould not be known\n")
	}
	for _, u := range r.Unknown {
		fmt.Fprintf(w, "  - %s\n", u)
	}
	_, err := fmt.Fprintln(w)
	return err
}

// count is "1 row", "2 rows", "3 searches".
func count(n int, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "ch"):
		what += "es"
	default:
		what += "s"
	}
	return audit.Grouped(n) + " " + what
}

// lines lists a few of the lines, and how many there are.
func lines(at []int, all int) string {
	const few = 12
	var parts []string
	for _, l := range at[:min(few, len(at))] {
		parts = append(parts, strconv.Itoa(l))
	}
	s := "lines " + strings.Join(parts, ", ")
	if all == 1 {
		s = "line " + parts[0]
	}
	if all > few {
		s += fmt.Sprintf(" and %s more", audit.Grouped(all-few))
	}
	return s
}
