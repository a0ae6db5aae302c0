package purpose

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed lexicon/*.txt
var files embed.FS

// term is one line of the lexicon; see lexicon/README.md.
type term struct {
	class Class
	mark  byte // ! ~ ^ ? -
	text  string
	words []string
}

// lexicon is all terms, ready to be looked up. It never changes.
type lexicon struct {
	byFirst  map[string][]*term        // first word to terms
	prefixes []*term                   // terms whose first word is a beginning, or #
	long     []*term                   // the ~ terms
	ordinary map[Class]map[string]bool // words that only look like a ~ term
}

var builtin = sync.OnceValue(func() *lexicon {
	l, err := read(files)
	if err != nil {
		panic("purpose: " + err.Error()) // the files are part of the program; a test reads them
	}
	return l
})

// read reads lexicon/CLASS.LANGUAGE.txt.
func read(files fs.FS) (*lexicon, error) {
	names, err := fs.Glob(files, "lexicon/*.txt")
	if err != nil {
		return nil, err
	}
	l := &lexicon{byFirst: map[string][]*term{}, ordinary: map[Class]map[string]bool{}}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		class, _, _ := strings.Cut(path.Base(name), ".")
		for i, line := range strings.Split(string(text), "\n") {
			if err := l.add(Class(class), line); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
			}
		}
	}
	return l, nil
}

func (l *lexicon) add(class Class, line string) error {
	line, _, _ = strings.Cut(line, "  # ") // a note
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	mark, text, ok := strings.Cut(line, " ")
	if !ok || len(mark) != 1 || !strings.Contains("!~^?-=", mark) {
		return fmt.Errorf("%q has no mark", line)
	}
	t := &term{class: class, mark: mark[0], text: text, words: strings.Fields(text)}
	for _, w := range t.words {
		if w != "#" && strings.Trim(strings.TrimSuffix(w, "*"), "abcdefghijklmnopqrstuvwxyz0123456789") != "" {
			return fmt.Errorf("%q is not in plain lower-case letters", w)
		}
	}
	switch t.mark {
	case '=':
		if l.ordinary[class] == nil {
			l.ordinary[class] = map[string]bool{}
		}
		l.ordinary[class][text] = true
		return nil
	case '~':
		if len(t.words) != 1 || len(text) < 7 || strings.HasSuffix(text, "*") {
			return fmt.Errorf("%q: a ~ term is one word of at least seven letters", text)
		}
		l.long = append(l.long, t)
	}
	first := t.words[0]
	if first == "#" || strings.HasSuffix(first, "*") {
		l.prefixes = append(l.prefixes, t)
	} else {
		l.byFirst[first] = append(l.byFirst[first], t)
	}
	return nil
}

// at returns the terms that begin at words[i].
func (l *lexicon) at(words []token, i int) []*term {
	var found []*term
	for _, t := range l.byFirst[words[i].word] {
		if t.fits(words[i:]) {
			found = append(found, t)
		}
	}
	for _, t := range l.prefixes {
		if t.fits(words[i:]) {
			found = append(found, t)
		}
	}
	return found
}

func (t *term) fits(words []token) bool {
	if len(words) < len(t.words) {
		return false
	}
	for i, want := range t.words {
		word := words[i].word
		begin, isPrefix := strings.CutSuffix(want, "*")
		switch {
		case want == "#":
			if word[0] < '0' || word[0] > '9' {
				return false
			}
		case isPrefix:
			if !strings.HasPrefix(word, begin) {
				return false
			}
		case word != want:
			return false
		}
	}
	return true
}

// distance is the number of letters to insert, delete, change or swap with a
// neighbor to turn a into b (optimal string alignment), or most+1 when it is more.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d > most || -d > most {
		return most + 1
	}
	var before, prev []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, prev, row = prev, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		if slices.Min(row) > most {
			return most + 1
		}
	}
	return min(row[len(b)], most+1)
}
