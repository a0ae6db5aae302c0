package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"porchlight/audit"
)

// samples are the results that every format is tried on.
func samples() map[string]*audit.Result {
	raw := sample()
	return map[string]*audit.Result{"raw": raw, "redacted": raw.Redact([]byte("test")), "empty": {}}
}

func html(t *testing.T, r *audit.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r, Options{Version: "test", Command: "porchlight audit records --state IL"}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// comparison is one of the sample with a later and shorter half of it.
func comparison() audit.Comparison {
	a, b := sample(), sample()
	b.Months = b.Months[4:]
	b.First = b.First.AddDate(0, 4, -13)
	b.Rows, b.Told = 0, 0
	for _, m := range b.Months {
		b.Rows += m.Searches
		b.Told += m.Told
	}
	b.Searchers.Known, b.Searchers.Number = b.Rows, 190
	b.Reach.LookBack = audit.Quantiles{}
	b.Findings = b.Findings[1:]
	b.Clear = []string{"banned-purpose"}
	c := audit.Diff(a, b)
	c.A.Name, c.B.Name = "a & <b>.json", "later.json"
	return c
}

// A report is one file: no script, nothing loaded, no inline style, and its policy allows its own style only.
func TestHTMLIsSelfContained(t *testing.T) {
	pages := map[string]string{}
	for name, r := range samples() {
		pages[name] = html(t, r)
	}
	var b bytes.Buffer
	if err := DiffHTML(&b, comparison(), Options{}); err != nil {
		t.Fatal(err)
	}
	pages["diff"] = b.String()
	for name, page := range pages {
		for _, not := range []string{"<script", "<link", "<img", "<iframe", " style=", " onclick", "@import", "url(", "ZgotmplZ", "<no value>", "%!"} {
			if strings.Contains(page, not) {
				t.Errorf("%s: %q is in the page", name, not)
			}
		}
		style := page[strings.Index(page, "<style>")+7 : strings.Index(page, "</style>")]
		sum := sha256.Sum256([]byte(style))
		if !strings.Contains(CSP, base64.StdEncoding.EncodeToString(sum[:])) || !strings.Contains(page, template.HTMLEscapeString(CSP)) {
			t.Errorf("%s: the policy does not allow the style that is there", name)
		}
		ids := map[string]bool{}
		for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			if ids[m[1]] {
				t.Errorf("%s: two elements have the id %q", name, m[1])
			}
			ids[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby=")([^"]*)"`).FindAllStringSubmatch(page, -1) {
			for _, id := range strings.Fields(m[1]) {
				if !ids[id] {
					t.Errorf("%s: nothing has the id %q", name, id)
				}
			}
		}
	}
}

func TestHTMLSays(t *testing.T) {
	raw := sample()
	for name, want := range map[string][]string{
		"raw": {"Not for publication", "16,956", "Why was the network searched for immigration enforcement?", "625 ILCS 5/2-130", "with a confidence of 0.9 or more", "What would explain it innocently",
			"network-audit-2025-07.csv:2", "ICE hold", "200 of 4,410 rows", "25 cases of 40", "lines 17, 403, 1,204", "How many cameras 120 searches went to", "porchlight audit records --state IL"},
		"redacted": {"Redacted for publication", "16,956", "ICE hold", "[reads: immigration", "porchlight audit FILES --state IL"},
		"empty":    {"No search was found", "No question was raised", "do not tell searchers apart"},
	} {
		page := html(t, samples()[name])
		for _, w := range want {
			if !strings.Contains(page, template.HTMLEscapeString(w)) {
				t.Errorf("%s does not say %q", name, w)
			}
		}
	}
	// What stands in a file is text, never markup.
	raw.Findings[0].Rows[0].Cells["reason"] = `<script>alert(1)</script>`
	raw.Files[0].Path = `"><img src=x onerror=alert(1)>`
	raw.Findings[0].Law[0].URL = "javascript:alert(1)"
	page := html(t, raw)
	for _, not := range []string{"<script", "<img", `href="javascript`} {
		if strings.Contains(page, not) {
			t.Errorf("%q is in the page", not)
		}
	}
}

func TestMarkdown(t *testing.T) {
	big := sample()
	for range 5 {
		big.Findings = append(big.Findings, big.Findings...)
		big.Files = append(big.Files, big.Files...)
		big.Unknown = append(big.Unknown, big.Unknown...)
	}
	big.Files[0].Path = "a|b\n# <b>_x_.csv"
	var b bytes.Buffer
	if err := Markdown(&b, big); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if n := strings.Count(text, "\n"); n > 150 {
		t.Errorf("%d lines", n)
	}
	for _, want := range []string{"# How a plate-reader network was searched", "**Not for publication", "16,956 searches", "What was being investigated? | 4,410 searches", `a\|b \# \<b\>\_x\_.csv`} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
}

func TestDiffFormats(t *testing.T) {
	c := comparison()
	for name, write := range map[string]func(io.Writer, audit.Comparison) error{
		"text": DiffText, "markdown": DiffMarkdown, "html": func(w io.Writer, c audit.Comparison) error { return DiffHTML(w, c, Options{}) },
	} {
		var b bytes.Buffer
		if err := write(&b, c); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Searches a day", "Look-back: B does not tell it.", "free text, before 2026", "Vague", "One searcher returns to one plate"} {
			if !strings.Contains(b.String(), want) && !strings.Contains(b.String(), strings.ReplaceAll(want, "-", `\-`)) {
				t.Errorf("%s does not say %q:\n%s", name, want, b.String())
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		audit.Grouped(0): "0", audit.Grouped(999): "999", audit.Grouped(1000): "1,000", audit.Grouped(1234567): "1,234,567", number(840): "840", number(0.25): "0.3", number(1234.56): "1,234.6",
		percent(0, 10): "0%", percent(1, 3): "33%", percent(1, 100_000): "under 0.1%", percent(99_999, 100_000): "over 99.9%", percent(10, 10): "100%", percent(1, 0): "–",
		hours(0.5): "30 minutes", hours(24): "24 hours", hours(720): "30 days", plural(1, "search", "searches"): "1 search", plural(2000, "file"): "2,000 files",
		ordinal(1): "1st", ordinal(12): "12th", ordinal(50): "50th", ordinal(103): "103rd", compact(950): "950", compact(1040): "1k", compact(12_400): "12k", compact(3_400_000): "3.4M", compact(999_600): "1M",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for n := range 5000 {
		top, step := niceTop(n)
		if top < n || step < 1 || top%step != 0 || top/step > 5 {
			t.Fatalf("scale for %d: to %d by %d", n, top, step)
		}
	}
}

// The bars of a month are as high as its searches, however many purposes they have.
func TestSharesAddUp(t *testing.T) {
	m := audit.Month{Searches: 100, Told: 90, Purposes: map[string]int{"crime": 70, "stolen-vehicle": 50, "immigration": 5, "vague": 20, "unstated": 3}}
	sum := 0.0
	for _, n := range shares(m) {
		sum += n
	}
	if sum < 99.999 || sum > 100.001 {
		t.Errorf("%v add up to %v, want 100", shares(m), sum)
	}
}

// With REPORT_OUT=DIR the reports are kept, to be looked at.
func TestWrite(t *testing.T) {
	out := os.Getenv("REPORT_OUT")
	if out == "" {
		t.Skip("REPORT_OUT is not set")
	}
	for name, r := range samples() {
		if err := os.WriteFile(filepath.Join(out, name+".html"), []byte(html(t, r)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := DiffHTML(&b, comparison(), Options{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "diff.html"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
