package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"porchlight/video"
	"porchlight/vision/cover"
	"porchlight/vision/plates"
)

// blurring is one run of vision blur.
type blurring struct {
	faces, plates, mute, json bool
	models                    string
}

// blurred is what --json prints.
type blurred struct {
	File    string         `json:"file"`
	Seconds float64        `json:"seconds"`
	Faces   int            `json:"faces"`
	Plates  int            `json:"plates"`
	Sound   bool           `json:"sound"`
	Tracks  []cover.Track  `json:"tracks"`
	Review  []cover.Review `json:"review"`
}

func newVisionBlurCmd() *cobra.Command {
	var b blurring
	cmd := &cobra.Command{
		Use:   "blur IN OUT.mp4",
		Short: "Cover faces and number plates in a film",
		Long: `Cover faces and number plates in a film, and write it anew as H.264 in an MP4,
without metadata. Both are covered unless one is named. What is covered becomes one
flat color taken from around it, from which nothing can be recovered.

It looks for both from frame to frame and would rather cover too much. It still
misses some: watch the film before you hand it on, first at the moments that are
printed, least certain first.`,
		Example: "  porchlight vision blur porch.mp4 covered.mp4\n  porchlight vision blur drive.mkv covered.mp4 --plates --mute",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return b.run(cmd.Context(), cmd.OutOrStdout(), args[0], args[1])
		},
	}
	modelsFlag(cmd, &b.models)
	f := cmd.Flags()
	f.BoolVar(&b.faces, "faces", false, "cover faces; plates only with --plates")
	f.BoolVar(&b.plates, "plates", false, "cover number plates; faces only with --faces")
	f.BoolVar(&b.mute, "mute", false, "leave the sound out")
	f.BoolVar(&b.json, "json", false, "print what was covered as JSON, tracks as the app's editor has them")
	return cmd
}

func (b blurring) run(ctx context.Context, w io.Writer, in, out string) error {
	if _, err := os.Lstat(out); err == nil {
		return usageError(fmt.Errorf("%s is there already: name another file, or remove it", out))
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(in); err != nil {
		return err
	}
	both := b.faces == b.plates
	e, err := openEyes(b.models)
	if err != nil {
		return err
	}
	defer e.Close()
	var with cover.Finders
	if both || b.faces {
		with.Faces = e
	}
	if both || b.plates {
		with.Plates, with.Objects = plates.Places{Reader: e.plates}, e
	}
	progress, done := shareBar("Looking")
	tracks, err := cover.Find(ctx, in, with, cover.FindOptions{Progress: progress})
	done()
	if err != nil {
		return err
	}
	progress, done = shareBar("Covering")
	made, err := cover.Render(ctx, in, out, tracks, cover.RenderOptions{Mute: b.mute, Progress: progress})
	done()
	if err != nil {
		return err
	}
	if b.json {
		return b.printJSON(w, out, made, tracks)
	}
	printBlurred(w, out, made, tracks)
	return nil
}

func (b blurring) printJSON(w io.Writer, out string, made video.Made, tracks []cover.Track) error {
	said := blurred{File: out, Seconds: made.Duration.Seconds(), Sound: made.Sound,
		Tracks: append([]cover.Track{}, tracks...), Review: append([]cover.Review{}, cover.Unsure(tracks)...)}
	said.Faces, said.Plates = facesAndPlates(tracks)
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(said)
}

func facesAndPlates(tracks []cover.Track) (faces, plates int) {
	for _, t := range tracks {
		if t.Kind == cover.Face {
			faces++
		} else {
			plates++
		}
	}
	return faces, plates
}

// whyReview says why a moment should be looked at.
var whyReview = map[string]string{
	cover.Weak:    "hardly seen",
	cover.Bridged: "not seen here, though before and after",
	cover.Begins:  "seen from here on; was it there before?",
	cover.Ends:    "last seen here; is it still there?",
}

func printBlurred(w io.Writer, out string, made video.Made, tracks []cover.Track) {
	faces, plates := facesAndPlates(tracks)
	sound := "with its sound"
	if !made.Sound {
		sound = "without sound"
	}
	fmt.Fprintf(w, "%s: %s, %s\n", out, clock(made.Duration.Seconds()), sound)
	fmt.Fprintf(w, "covered: faces %d, plates %d\n", faces, plates)
	for _, t := range tracks {
		fmt.Fprintf(w, "  %-6s %s to %s  certainty %.2f\n", t.Kind, clock(t.From), clock(t.To), t.Score)
	}
	review := cover.Unsure(tracks)
	if len(review) > 0 {
		fmt.Fprintln(w, "look here first:")
	}
	const most = 20
	for _, r := range review[:min(len(review), most)] {
		fmt.Fprintf(w, "  %s  %-6s %s\n", clock(r.T), r.Kind, whyReview[r.Why])
	}
	if more := len(review) - most; more > 0 {
		fmt.Fprintf(w, "  and %d more, see --json\n", more)
	}
	fmt.Fprintln(w, "Watch it before you hand it on: what was not found is not covered.")
}

// clock writes seconds as a player shows them: 1:02.5.
func clock(s float64) string {
	d := time.Duration(s * float64(time.Second)).Round(100 * time.Millisecond)
	return fmt.Sprintf("%d:%04.1f", int(d.Minutes()), (d % time.Minute).Seconds())
}

// shareBar shows on a terminal how much of the work is done.
func shareBar(what string) (progress func(share float64), done func()) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil, func() {}
	}
	bar := progressbar.NewOptions(1000, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	return func(share float64) { _ = bar.Set(int(1000 * share)) }, func() { _ = bar.Finish() }
}
