package purpose

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// system is a body of numbered law, such as the penal code of California.
type system struct {
	state, key string
	bare       bool  // a number alone may be a section of it
	other      Class // of its sections that no table has, "" for nothing
	names      []string
}

// code is one row of a table: a section or a radio code.
type code struct {
	class   Class
	offense string
	term    string // "PC 211"
	because string // "PC 211: robbery"
	system  int    // index in codes.systems
}

type tableRow struct{ system, section, class, nibrs, title string }

// table is one file of codes/.
type table struct {
	name string
	rows []tableRow
}

// codes are the tables as chosen by Options. They never change.
type codes struct {
	systems []system         // those of the chosen states first
	chosen  int              // how many of systems are of chosen states
	section map[string]*code // byte(index in systems), then the section in lower case
	other   []*code          // by system: a section that no table has, may be nil
	names   map[string][]int // words that name systems, their indices
	radio   map[string]*code // nil: no set
}

// readTSV calls f with the cells of each line that is neither note nor header.
func readTSV(files fs.FS, name string, cells int, f func(cell []string) error) error {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	n, header := 0, true
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		if header {
			header = false
			continue
		}
		cell := strings.Split(line, "\t")
		if len(cell) != cells {
			return fmt.Errorf("%s:%d: %d cells, want %d", name, n, len(cell), cells)
		}
		for i := range cell {
			cell[i] = strings.TrimSpace(cell[i])
		}
		if err := f(cell); err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
	}
	return nil
}

func readSystems(files fs.FS) ([]system, error) {
	var list []system
	err := readTSV(files, "lexicon/systems.tsv", 5, func(cell []string) error {
		if c := Class(cell[3]); c != "" && !slices.Contains(AllClasses, c) {
			return fmt.Errorf("there is no class %q", c)
		}
		list = append(list, system{cell[0], cell[1], cell[2] == "yes", Class(cell[3]), strings.Split(cell[4], "|")})
		return nil
	})
	return list, err
}

// readTables reads codes/*.tsv, nibrs.tsv left out.
func readTables(files fs.FS) (map[string]*table, error) {
	names, err := fs.Glob(files, "codes/*.tsv")
	if err != nil {
		return nil, err
	}
	tables := map[string]*table{}
	for _, name := range names {
		base, isRadio := strings.CutPrefix(strings.TrimSuffix(path.Base(name), ".tsv"), "radio-")
		if base == "nibrs" {
			continue
		}
		if isRadio == (len(base) == 2) {
			return nil, fmt.Errorf("%s is neither a state's table (ca.tsv) nor a set of radio codes (radio-name.tsv)", name)
		}
		t := &table{name: base}
		err := readTSV(files, name, 5, func(cell []string) error {
			if !slices.Contains(AllClasses, Class(cell[2])) {
				return fmt.Errorf("there is no class %q", cell[2])
			}
			if cell[0] == "" || cell[1] == "" {
				return fmt.Errorf("system and section must be given")
			}
			t.rows = append(t.rows, tableRow{cell[0], cell[1], cell[2], cell[3], cell[4]})
			return nil
		})
		if err != nil {
			return nil, err
		}
		tables[base] = t
	}
	return tables, nil
}

// RadioSets are the names that Options.RadioCodes may have.
func RadioSets() []string { return builtin().names(false) }

// States are the states that Options.States may have, in capitals.
func States() []string { return builtin().names(true) }

func (p *program) names(states bool) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(p.tables)) {
		if isState := len(name) == 2; isState == states {
			if isState {
				name = strings.ToUpper(name)
			}
			list = append(list, name)
		}
	}
	return list
}

func loadCodes(tables map[string]*table, systems []system, o Options) (*codes, error) {
	c := &codes{section: map[string]*code{}, names: map[string][]int{}}
	var chosen []string
	for _, s := range o.States {
		name := strings.ToLower(s)
		if len(name) != 2 || tables[name] == nil {
			return nil, fmt.Errorf("purpose: no code table for state %q; there are %v", s, (&program{tables: tables}).names(true))
		}
		if !slices.Contains(chosen, name) {
			chosen = append(chosen, name)
		}
	}
	order := slices.Clone(chosen)
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		if len(name) == 2 && !slices.Contains(order, name) {
			order = append(order, name)
		}
	}
	for i, name := range order {
		c.addState(tables[name], systems)
		if i < len(chosen) {
			c.chosen = len(c.systems)
		}
	}
	if o.RadioCodes == "" {
		return c, nil
	}
	set := tables[o.RadioCodes]
	if set == nil || len(o.RadioCodes) == 2 {
		return nil, fmt.Errorf("purpose: no radio codes %q; there are %v", o.RadioCodes, (&program{tables: tables}).names(false))
	}
	c.radio = map[string]*code{}
	for _, row := range set.rows {
		c.radio[radioKey(row.section)] = row.code("radio code")
	}
	return c, nil
}

func (row tableRow) code(system string) *code {
	term := system + " " + row.section
	return &code{class: Class(row.class), offense: row.nibrs, term: term, because: term + ": " + row.title}
}

// radioKey is a radio code as it is looked up: small letters and digits.
func radioKey(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && isWord(byte(r)) {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

func (c *codes) addState(t *table, known []system) {
	state := strings.ToUpper(t.name)
	index := map[string]int{} // as the table writes it to systems
	for _, row := range t.rows {
		at, ok := index[row.system]
		if !ok {
			s := system{state: state, key: row.system, names: []string{strings.ToLower(row.system)}}
			for _, k := range known {
				if k.state == state && (k.key == row.system || slices.Contains(k.names, strings.ToLower(row.system))) {
					s = k
				}
			}
			at = slices.IndexFunc(c.systems, func(o system) bool { return o.state == state && o.key == s.key })
			if at < 0 {
				at = len(c.systems)
				c.systems = append(c.systems, s)
				var other *code
				if s.other != "" {
					other = &code{class: s.other, term: s.key, because: "a section of " + s.state + " " + s.key + " that is not in the table", system: at}
				}
				c.other = append(c.other, other)
				for _, name := range s.names {
					c.names[name] = append(c.names[name], at)
				}
			}
			index[row.system] = at
		}
		section := strings.ToLower(strings.ReplaceAll(row.section, " ", ""))
		if s := c.systems[at].key; s == "ILCS" {
			section = strings.Replace(section, "ilcs", "/", 1)
			section = strings.ReplaceAll(section, "//", "/")
		}
		found := row.code(c.systems[at].key)
		found.system = at
		c.section[string([]byte{byte(at)})+section] = found
	}
}
