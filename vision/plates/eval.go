package plates

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"porchlight/vision"
)

// Truth is a plate that is known to be in a picture.
type Truth struct {
	Box  vision.Box
	Text string // upper case letters and digits
}

// ParseTruth reads what is known of a picture, a plate a line: file name, x, y,
// width, height, plate text, separated by tabs. It returns the lines that are well
// formed, and an error that tells of each that is not.
func ParseTruth(r io.Reader) (list []Truth, err error) {
	var bad []error
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimPrefix(strings.TrimRight(s.Text(), "\r "), "\ufeff")
		if strings.TrimSpace(line) == "" {
			continue
		}
		t, err := parseTruth(line)
		if err != nil {
			bad = append(bad, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		list = append(list, t)
	}
	if err := s.Err(); err != nil {
		bad = append(bad, err)
	}
	return list, errors.Join(bad...)
}

func parseTruth(line string) (Truth, error) {
	v := strings.Split(line, "\t")
	if len(v) != 6 {
		return Truth{}, fmt.Errorf("%d values, not 6: file name, x, y, width, height, plate text, separated by tabs", len(v))
	}
	var t Truth
	for i, to := range []*float32{&t.Box.X, &t.Box.Y, &t.Box.W, &t.Box.H} {
		n, err := strconv.ParseFloat(strings.TrimSpace(v[1+i]), 32)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return Truth{}, fmt.Errorf("%q is not a number of pixels", v[1+i])
		}
		*to = float32(n)
	}
	if t.Box.W <= 0 || t.Box.H <= 0 {
		return Truth{}, fmt.Errorf("a box of %g by %g pixels", t.Box.W, t.Box.H)
	}
	if t.Text = plain(v[5]); t.Text == "" {
		return Truth{}, errors.New("no plate text")
	}
	return t, nil
}

// plain is the letters and digits of text, in upper case.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(text))
}

// alike is text with what looks alike merged: O and Q as 0, I as 1.
func alike(text string) string {
	return strings.NewReplacer("O", "0", "Q", "0", "I", "1").Replace(text)
}

// Report is how well plates were read.
type Report struct {
	Pictures int `json:"pictures"` // that were read and had plates known
	Plates   int `json:"plates"`   // known to be in them
	// Exact is how many of the known plates were read exactly: the most confident
	// plate found at the known one's place says the same letters and digits.
	Exact float64 `json:"exact"`
	// ExactAlike is Exact when O, Q and 0 count as the same, and I and 1.
	ExactAlike float64 `json:"exact_lookalikes_merged"`
	// CharacterError is how many characters must be changed, added or removed,
	// to how many there are. A plate that was not found misses all its characters.
	CharacterError float64 `json:"character_error"`
	// Found is how many of the known plates a plate was found at: the middle of one
	// box lies in the other.
	Found float64 `json:"found"`
	// FoundIoU is how many of them one was found at whose box shares half with the
	// known box (intersection over union at least 0.5). Our boxes are worked out
	// from where the characters are.
	FoundIoU float64 `json:"found_iou_50"`
	// Elsewhere is how many plates with a text were found where none is known.
	Elsewhere int `json:"elsewhere"`
	// FramesASecond is how many pictures one core reads in a second; reading the
	// file and decoding it is not counted.
	FramesASecond float64   `json:"frames_a_second_a_core"`
	Said          []Said    `json:"said"` // each known plate that was read
	Misses        []Miss    `json:"misses"`
	Problems      []Problem `json:"problems"`
}

// Said is how sure a reading was and whether it was exactly right: of those with
// one confidence, so many should be.
type Said struct {
	Confidence float32 `json:"confidence"`
	Right      bool    `json:"right"`
}

// Miss is a plate that was not read exactly.
type Miss struct {
	File       string         `json:"file"`
	Want       string         `json:"want"`
	Got        string         `json:"got"` // "" when nothing was found, or not read
	Found      bool           `json:"found"`
	Confidence float32        `json:"confidence"`
	Others     []vision.Guess `json:"others"`
}

// Problem is a file that could not be used, or not wholly.
type Problem struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

// Eval reads every picture in dir that has a text file of the same name beside it
// (X.jpg and X.txt, see ParseTruth), one after the other on one core, and compares.
// What is wrong with a file is told in Problems; an error is only that dir cannot be
// read, holds nothing to compare, or that ctx ended. progress may be nil.
func Eval(ctx context.Context, read func(vision.Frame) ([]vision.Plate, error), dir string, progress func(done, of int)) (*Report, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	rep := &Report{Said: []Said{}, Misses: []Miss{}, Problems: []Problem{}}
	problem := func(file string, err error) {
		for _, line := range strings.Split(err.Error(), "\n") {
			rep.Problems = append(rep.Problems, Problem{file, line})
		}
	}
	stems, texts := map[string]bool{}, []string{}
	var pictures []string
	for _, e := range entries {
		switch name := e.Name(); {
		case e.IsDir():
		case isPicture(name):
			pictures = append(pictures, name)
			stems[stem(name)] = true
		case strings.EqualFold(filepath.Ext(name), ".txt"):
			texts = append(texts, name)
		}
	}
	for _, name := range texts {
		if !stems[stem(name)] {
			problem(name, errors.New("no picture of this name"))
		}
	}
	var t tally
	for i, name := range pictures {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(i, len(pictures))
		}
		truth, err := truthOf(filepath.Join(dir, stem(name)))
		if err != nil {
			problem(stem(name)+".txt", err)
		}
		if len(truth) == 0 {
			if err == nil {
				problem(stem(name)+".txt", errors.New("no plate is named in it"))
			}
			continue
		}
		frame, err := PictureFile(filepath.Join(dir, name))
		if err != nil {
			problem(name, err)
			continue
		}
		began := time.Now()
		found, err := read(frame)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		t.took += time.Since(began)
		rep.Pictures++
		t.compare(rep, name, truth, found)
	}
	if rep.Plates == 0 {
		return nil, fmt.Errorf("nothing to compare in %s: put X.txt beside each picture X.jpg, each line of it file name, x, y, width, height and plate text, separated by tabs", dir)
	}
	if progress != nil {
		progress(len(pictures), len(pictures))
	}
	t.sum(rep)
	return rep, nil
}

func stem(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

func truthOf(stem string) ([]Truth, error) {
	f, err := os.Open(stem + ".txt")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("missing: nothing is known of the picture")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ParseTruth(f)
}

// tally counts.
type tally struct {
	exact, alike, found, iou, wrong, characters int
	took                                        time.Duration
}

// compare counts one picture.
func (t *tally) compare(rep *Report, file string, truth []Truth, found []vision.Plate) {
	used := make([]bool, len(found))
	for _, want := range truth {
		rep.Plates++
		miss := Miss{File: file, Want: want.Text, Others: []vision.Guess{}}
		half := false
		for i, p := range found { // the most confident first
			if !within(want.Box, p.Box) && !within(p.Box, want.Box) {
				continue
			}
			used[i] = true
			half = half || iou(want.Box, p.Box) >= 0.5
			if !miss.Found {
				miss.Found, miss.Got, miss.Confidence = true, p.Text, p.Confidence
				miss.Others = append(miss.Others, p.Others...)
			}
		}
		t.characters += len(want.Text)
		t.wrong += edits(want.Text, miss.Got)
		if miss.Found {
			t.found++
		}
		if half {
			t.iou++
		}
		if alike(miss.Got) == alike(want.Text) {
			t.alike++
		}
		if miss.Got != "" {
			rep.Said = append(rep.Said, Said{miss.Confidence, miss.Got == want.Text})
		}
		if miss.Got == want.Text {
			t.exact++
		} else {
			rep.Misses = append(rep.Misses, miss)
		}
	}
	for i, p := range found {
		if !used[i] && p.Text != "" {
			rep.Elsewhere++
		}
	}
}

func (t *tally) sum(rep *Report) {
	of := func(n int) float64 { return float64(n) / float64(rep.Plates) }
	rep.Exact, rep.ExactAlike, rep.Found, rep.FoundIoU = of(t.exact), of(t.alike), of(t.found), of(t.iou)
	rep.CharacterError = float64(t.wrong) / float64(t.characters)
	rep.FramesASecond = float64(rep.Pictures) / t.took.Seconds()
}

// edits is how many characters must be changed, added or removed to make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
