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

//go:embed lexicon/* codes/*
var files embed.FS

// term is one line of the lexicon; see lexicon/README.md.
type term struct {
	class   Class
	mark    byte // ! ~ ^ ? . - %
	text    string
	offense string // NIBRS code of the section it stands in, "" none
	because string
}

// lexicon is all terms, compiled. It never changes.
//
// Words are numbered (symbols); a term is a path of symbols in a trie. A word of
// a text stands for its own symbol, for those of the stems it begins with, and,
// when it is none of these, for those of the words it is near to.
type lexicon struct {
	terms    []*term
	words    []string          // by symbol; stems as "assault*"
	symbols  map[string]uint16 // words that stand for themselves
	stems    stems
	near     near
	starts   starts
	bare     consonants
	triples  triples
	seek     seek // the ~ terms, found across and inside words
	ordinary map[string]bool
	systems  []system

	first []uint16          // by symbol: the trie's node below the root, 0 none
	next  map[uint32]uint16 // node<<16 | symbol: the node below
	ends  [][]*term         // by node: the terms that end there
	inner []bool            // by node: it has nodes below
	any   []uint16          // by node: the node below for any word, 0 none
}

const (
	numeral = 0 // "#": any word that begins with a digit
	anyWord = 1 // "_": any word, after the first of a term
)

// program is what is embedded, read once.
type program struct {
	lex    *lexicon
	tables map[string]*table // codes/*.tsv by base name
}

var builtin = sync.OnceValue(func() *program {
	lex, err := readLexicon(files)
	if err != nil {
		panic("purpose: " + err.Error()) // the files are part of the program; a test reads them
	}
	tables, err := readTables(files)
	if err != nil {
		panic("purpose: " + err.Error())
	}
	return &program{lex, tables}
})

// readLexicon reads lexicon/CLASS.LANGUAGE.txt, ordinary.txt and systems.tsv.
func readLexicon(files fs.FS) (*lexicon, error) {
	l := &lexicon{
		words: []string{"#", "_"}, symbols: map[string]uint16{}, ordinary: map[string]bool{}, bare: consonants{},
		first: make([]uint16, 2), next: map[uint32]uint16{}, ends: make([][]*term, 1), inner: make([]bool, 1), any: make([]uint16, 1),
	}
	names, err := fs.Glob(files, "lexicon/*.txt")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if path.Base(name) == "ordinary.txt" {
			for line := range strings.Lines(string(text)) {
				if line[0] != '#' {
					for _, w := range strings.Fields(line) {
						l.ordinary[w] = true
						l.triples.add(w)
					}
				}
			}
			continue
		}
		if err := l.readClass(name, string(text)); err != nil {
			return nil, err
		}
	}
	if l.systems, err = readSystems(files); err != nil {
		return nil, err
	}
	for i, w := range l.words {
		w = strings.TrimSuffix(w, "*")
		l.triples.add(w)
		if plain(w) && len(w) >= nearFrom {
			l.near.add(w, uint16(i))
			l.starts = append(l.starts, start{w, uint16(i)})
			l.bare.add(w, uint16(i))
		}
	}
	l.starts.sort()
	var wanted []*term
	for _, t := range l.terms {
		if t.mark == '~' {
			wanted = append(wanted, t)
		}
	}
	l.seek.build(wanted)
	return l, nil
}

func (l *lexicon) readClass(name, text string) error {
	class, _, _ := strings.Cut(path.Base(name), ".")
	if !slices.Contains(AllClasses, Class(class)) {
		return fmt.Errorf("%s: there is no class %q", name, class)
	}
	offense := ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "  #") // a note
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if code, ok := strings.CutPrefix(line, "["); ok {
			offense, _, ok = strings.Cut(code, "]")
			if !ok {
				return fmt.Errorf("%s:%d: %q is no heading", name, n, line)
			}
			continue
		}
		if err := l.add(Class(class), offense, line); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	return nil
}

const longest = 8 // words in a term

func (l *lexicon) add(class Class, offense, line string) error {
	mark, text, ok := strings.Cut(line, " ")
	if !ok || len(mark) != 1 || !strings.Contains("!~^/?.-%", mark) {
		return fmt.Errorf("%q has no mark", line)
	}
	t := &term{class: class, mark: mark[0], text: text, offense: offense, because: text}
	if offense != "" {
		t.because = text + " (NIBRS " + offense + ")"
	}
	words := strings.Fields(text)
	if words[0] == "_" || words[len(words)-1] == "_" {
		return fmt.Errorf("%q begins or ends with any word", text)
	}
	if len(words) > longest {
		return fmt.Errorf("%q has more than %d words", text, longest)
	}
	if letters := strings.Join(words, ""); t.mark == '~' && (len(letters) < 7 || !plain(letters)) {
		return fmt.Errorf("%q: a ~ term has at least seven letters, and only letters", text)
	}
	node := uint16(0)
	for i, w := range words {
		symbol, err := l.symbol(w)
		if err != nil {
			return err
		}
		if i == 0 {
			node = l.first[symbol]
			if node == 0 {
				node = l.node()
				l.first[symbol] = node
			}
			continue
		}
		key := uint32(node)<<16 | uint32(symbol)
		below, ok := l.next[key]
		if !ok {
			below = l.node()
			l.next[key] = below
			l.inner[node] = true
			if symbol == anyWord {
				l.any[node] = below
			}
		}
		node = below
	}
	for _, other := range l.ends[node] {
		if other.class == class && other.mark == t.mark {
			return fmt.Errorf("%q is there twice", text)
		}
	}
	l.ends[node] = append(l.ends[node], t)
	l.terms = append(l.terms, t)
	return nil
}

func (l *lexicon) node() uint16 {
	l.ends = append(l.ends, nil)
	l.inner = append(l.inner, false)
	l.any = append(l.any, 0)
	return uint16(len(l.ends) - 1)
}

// symbol numbers a word of a term: "#", "_", a word, or a stem ending in "*".
func (l *lexicon) symbol(w string) (uint16, error) {
	switch w {
	case "#":
		return numeral, nil
	case "_":
		return anyWord, nil
	}
	stem, isStem := strings.CutSuffix(w, "*")
	if strings.Trim(stem, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || isStem && (len(stem) < 2 || !plain(stem)) {
		return 0, fmt.Errorf("%q is not in plain lower-case letters", w)
	}
	if isStem {
		if s := l.stems.find(stem); s != 0 {
			return s, nil
		}
	} else if s := l.symbols[w]; s != 0 {
		return s, nil
	}
	if len(l.words) > 60_000 || len(l.ends) > 60_000 {
		return 0, fmt.Errorf("the lexicon has grown out of 16 bits")
	}
	s := uint16(len(l.words))
	l.words = append(l.words, w)
	l.first = append(l.first, 0)
	if isStem {
		l.stems.add(stem, s)
	} else {
		l.symbols[w] = s
	}
	return s, nil
}

// plain reports a word of letters only.
func plain(w string) bool { return strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") == "" && w != "" }

// stems is a trie of letters over the beginnings of words.
type stems struct {
	below  [][26]uint16
	symbol []uint16
}

func (s *stems) add(stem string, symbol uint16) {
	if len(s.below) == 0 {
		s.below, s.symbol = make([][26]uint16, 1), make([]uint16, 1)
	}
	at := uint16(0)
	for i := range len(stem) {
		next := s.below[at][stem[i]-'a']
		if next == 0 {
			next = uint16(len(s.below))
			s.below, s.symbol = append(s.below, [26]uint16{}), append(s.symbol, 0)
			s.below[at][stem[i]-'a'] = next
		}
		at = next
	}
	s.symbol[at] = symbol
}

func (s *stems) find(stem string) uint16 {
	at := uint16(0)
	for i := 0; i < len(stem) && len(s.below) > 0; i++ {
		if at = s.below[at][stem[i]-'a']; at == 0 {
			return 0
		}
	}
	if len(s.below) == 0 {
		return 0
	}
	return s.symbol[at]
}

// of appends the symbols of the stems that w begins with.
func (s *stems) of(w []byte, list []uint16) []uint16 {
	if len(s.below) == 0 {
		return list
	}
	at := uint16(0)
	for _, b := range w {
		if b < 'a' || b > 'z' {
			break
		}
		if at = s.below[at][b-'a']; at == 0 {
			break
		}
		if s.symbol[at] != 0 {
			list = append(list, s.symbol[at])
		}
	}
	return list
}
