package purpose

import "strings"

// seek finds the ~ terms in a stream of letters in one pass, wherever they
// begin: the automaton of Aho and Corasick (1975), as a full table.
type seek struct {
	next  [][27]uint16 // state and letter (26: any other sign) to state
	found [][]sought   // by state: the terms that end there
}

type sought struct {
	term    *term
	letters int
}

func (s *seek) build(terms []*term) {
	s.next, s.found = make([][27]uint16, 1), make([][]sought, 1)
	for _, t := range terms {
		at := uint16(0)
		letters := strings.ReplaceAll(t.text, " ", "")
		for i := range len(letters) {
			c := letters[i] - 'a'
			if s.next[at][c] == 0 {
				s.next = append(s.next, [27]uint16{})
				s.found = append(s.found, nil)
				s.next[at][c] = uint16(len(s.next) - 1)
			}
			at = s.next[at][c]
		}
		s.found[at] = append(s.found[at], sought{t, len(letters)})
	}
	// By breadth: where a state has no way on, take that of its longest proper
	// suffix that is a state.
	suffix := make([]uint16, len(s.next))
	var queue []uint16
	for c := range 26 {
		if to := s.next[0][c]; to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		s.found[at] = append(s.found[at], s.found[suffix[at]]...)
		for c := range 26 {
			back := s.next[suffix[at]][c]
			if to := s.next[at][c]; to != 0 {
				suffix[to] = back
				queue = append(queue, to)
			} else {
				s.next[at][c] = back
			}
		}
	}
}

// step goes on from state with one folded byte.
func (s *seek) step(state uint16, b byte) uint16 {
	if b >= 'a' && b <= 'z' {
		return s.next[state][b-'a']
	}
	return s.next[state][26]
}
