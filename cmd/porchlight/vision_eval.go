package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"porchlight/vision"
	"porchlight/vision/plates"
)

// withReader runs do with a reader of the plates in photographs.
func withReader(models string, do func(func(vision.Frame) ([]vision.Plate, error)) error) error {
	e, err := openEyes(models)
	if err != nil {
		return err
	}
	defer e.Close()
	return do(func(f vision.Frame) ([]vision.Plate, error) { return e.plates.Still(f, e) })
}

func newVisionEvalCmd() *cobra.Command {
	var models, to string
	cmd := &cobra.Command{
		Use:   "eval DIR",
		Short: "Measure how well plates are read in pictures with known plates",
		Long: `Measure how well plates are read, in any folder of pictures whose plates are known.

Each picture X.jpg (.jpeg, .png, .webp) has a text file X.txt beside it, a plate a
line, its values separated by tabs: file name, x, y, width, height, plate text. It is the
form of openalpr's end-to-end benchmark.

  exact          the most confident plate found at the known place says exactly the
                 known letters and digits
  merged         the same, with O, Q and 0 counted as one, and I and 1
  character      characters to change, add or remove, to how many are known
  found          a plate was found: the middle of its box lies in the known one, or
                 the other way round
  IoU            a plate was found whose box shares half with the known box
  elsewhere      plates read where none is known
  frames         pictures a second on one core, without decoding`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withReader(models, func(read func(vision.Frame) ([]vision.Plate, error)) error {
				rep, err := plates.Eval(cmd.Context(), read, args[0], evalBar())
				if err != nil {
					return err
				}
				if to != "" {
					b, err := json.MarshalIndent(rep, "", " ")
					if err != nil {
						return err
					}
					if err := os.WriteFile(to, append(b, '\n'), 0o644); err != nil {
						return err
					}
				}
				printEval(cmd.OutOrStdout(), rep)
				return nil
			})
		},
	}
	modelsFlag(cmd, &models)
	cmd.Flags().StringVar(&to, "json", "", "also write everything to this file, as JSON")
	return cmd
}

func printEval(w io.Writer, r *plates.Report) {
	for _, p := range r.Problems {
		fmt.Fprintf(w, "problem  %s: %s\n", p.File, p.Why)
	}
	for _, m := range r.Misses {
		got := m.Got
		switch {
		case !m.Found:
			got = "not found"
		case got == "":
			got = "not readable"
		}
		fmt.Fprintf(w, "miss     %s: %s, read as %s (%.2f)\n", m.File, m.Want, got, m.Confidence)
	}
	row := func(name string, share float64) { fmt.Fprintf(w, "%-34s %6.1f %%\n", name, 100*share) }
	fmt.Fprintf(w, "%-34s %6d in %d pictures\n", "plates", r.Plates, r.Pictures)
	row("exact", r.Exact)
	row("exact, O=0=Q and I=1 merged", r.ExactAlike)
	row("character error", r.CharacterError)
	row("found", r.Found)
	row("found, IoU at least 0.5", r.FoundIoU)
	fmt.Fprintf(w, "%-34s %6d\n", "read elsewhere", r.Elsewhere)
	fmt.Fprintf(w, "%-34s %6.1f\n", "frames a second a core", r.FramesASecond)
}

// evalBar shows on a terminal how far it is.
func evalBar() func(done, of int) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	var bar *progressbar.ProgressBar
	return func(done, of int) {
		if bar == nil {
			bar = progressbar.Default(int64(of), "pictures")
		}
		_ = bar.Set(done)
	}
}

// readLine is what vision read prints for a file.
type readLine struct {
	File   string      `json:"file"`
	Plates []readPlate `json:"plates"`
	Error  string      `json:"error,omitempty"`
}

type readPlate struct {
	Text       string       `json:"text"`
	Confidence float32      `json:"confidence"`
	Box        readBox      `json:"box"`
	Corners    [4][2]int    `json:"corners"` // clockwise from the top left as it is read
	Others     []readGuess  `json:"others"`
	Region     string       `json:"region"`
	Vehicle    *readVehicle `json:"vehicle"`
}

type readBox struct {
	X      float32 `json:"x"`
	Y      float32 `json:"y"`
	Width  float32 `json:"width"`
	Height float32 `json:"height"`
}

type readGuess struct {
	Text       string  `json:"text"`
	Confidence float32 `json:"confidence"`
}

type readVehicle struct {
	Kind  vision.Kind `json:"kind"`
	Score float32     `json:"score"`
	Box   readBox     `json:"box"`
}

func newVisionReadCmd() *cobra.Command {
	var models string
	cmd := &cobra.Command{
		Use:   "read FILE...",
		Short: "Read the plates in pictures",
		Long: `Read the plates in pictures (JPEG, PNG or WebP). One line of JSON for each file:

  {"file", "plates": [{"text", "confidence", "box": {"x", "y", "width", "height"},
   "corners", "others": [{"text", "confidence"}], "region", "vehicle"}], "error"}

Boxes are in pixels from the top left corner. A plate that is there but cannot be
read has an empty text. A file that cannot be read has an error, and the exit code
is 1.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withReader(models, func(read func(vision.Frame) ([]vision.Plate, error)) error {
				out := json.NewEncoder(cmd.OutOrStdout())
				failed := 0
				for _, file := range args {
					if err := cmd.Context().Err(); err != nil {
						return err
					}
					line := readLine{File: file, Plates: []readPlate{}}
					f, err := plates.PictureFile(file)
					if err != nil {
						failed++
						line.Error = err.Error()
					} else {
						found, err := read(f)
						if err != nil {
							return err
						}
						for _, p := range found {
							line.Plates = append(line.Plates, asRead(p))
						}
					}
					if err := out.Encode(line); err != nil {
						return err
					}
				}
				if failed > 0 {
					return fmt.Errorf("%d of %d files could not be read", failed, len(args))
				}
				return nil
			})
		},
	}
	modelsFlag(cmd, &models)
	return cmd
}

func asRead(p vision.Plate) readPlate {
	r := readPlate{Text: p.Text, Confidence: p.Confidence, Box: asBox(p.Box), Others: []readGuess{}, Region: p.Region}
	for i, c := range p.Corners {
		r.Corners[i] = [2]int{c.X, c.Y}
	}
	for _, g := range p.Others {
		r.Others = append(r.Others, readGuess{g.Text, g.Confidence})
	}
	if v := p.Vehicle; v != nil {
		r.Vehicle = &readVehicle{v.Kind, v.Score, asBox(v.Box)}
	}
	return r
}

func asBox(b vision.Box) readBox { return readBox{b.X, b.Y, b.W, b.H} }
