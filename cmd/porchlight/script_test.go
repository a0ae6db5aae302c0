package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"porchlight/internal/porttest"
	"porchlight/internal/streets"
	"porchlight/vision/models"
)

// TestScripts runs testdata/script/*.txtar against the real program, built as
// it is shipped: drawing the demo's videos under the race detector takes minutes.
func TestScripts(t *testing.T) {
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "porchlight"), ".").CombinedOutput(); err != nil {
		t.Fatalf("building porchlight: %v\n%s", err, out)
	}
	dir, err := models.Dir()
	if err != nil {
		t.Fatal(err)
	}
	packs, err := filepath.Abs("../../policy/packs")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("PORT", strconv.Itoa(porttest.Free(t)))
			env.Setenv("PORCHLIGHT_MODELS", dir)
			env.Setenv("PACKS", packs)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "models" {
				return false, fmt.Errorf("unknown condition %s", cond)
			}
			missing := models.Missing(dir)
			if len(missing) > 0 && os.Getenv("CI") != "" {
				return false, fmt.Errorf("%s is not in %s: %w", missing[0].Name, dir, models.ErrMissing)
			}
			return len(missing) == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"ready":    ready,
			"flipbyte": flipByte,
			"drawcar":  drawCar,
			"drawfilm": drawFilm,
		},
	})
}

// exits CODE PROGRAM ARG... runs the program and wants exactly this exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var e *exec.ExitError
	if errors.As(err, &e) {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// ready URL waits until the URL answers 200.
func ready(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		resp, err := http.Get(args[0])
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(10 * time.Millisecond) // between two looks at the condition
	}
	ts.Fatalf("%s never answered", args[0])
}

// flipbyte FILE changes one bit in the middle of a file.
func flipByte(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	if len(b) == 0 {
		ts.Fatalf("%s is empty", path)
	}
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(path, b, 0o644))
	fmt.Fprintln(ts.Stdout(), "flipped")
}

// drawcar FILE PLATE draws a photograph of a car's rear.
func drawCar(ts *testscript.TestScript, _ bool, args []string) {
	pic, err := streets.Rear{Seed: 3, Plate: args[1], Type: "car", Color: "silver"}.JPEG()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pic, 0o644))
}

// drawfilm FILE makes a film of the photograph that drawcar draws: a second long,
// with a tone.
func drawFilm(ts *testscript.TestScript, _ bool, args []string) {
	pic, err := streets.Rear{Seed: 3, Plate: "7KLM 204", Type: "car", Color: "silver"}.JPEG()
	ts.Check(err)
	c := exec.Command("ffmpeg", "-v", "error", "-loop", "1", "-framerate", "5", "-f", "jpeg_pipe", "-i", "pipe:0", "-f", "lavfi", "-i", "sine=d=1", "-t", "1", "-pix_fmt", "yuv420p", ts.MkAbs(args[0]))
	c.Stdin = bytes.NewReader(pic)
	out, err := c.CombinedOutput()
	if err != nil {
		ts.Fatalf("%v: %s", err, out)
	}
}
