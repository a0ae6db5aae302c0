package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"porchlight/internal/loggen"
)

// keywords are what people who audit search logs by hand look for first. DuckDB
// counts them; the audit classifies every reason and asks all its questions.
var keywords = []string{"immigration", "ice", "ero", "hsi", "cbp", "deport", "border", "abortion", "protest", "undocumented"}

// searchLog audits a synthetic network audit of 17 million rows (13 columns,
// about 3.7 GB; PORCHLIGHT_BENCH_ROWS for another size) with the real program,
// against DuckDB counting keywords in the same file, and against wc and cat.
func searchLog(ctx context.Context, f figures) error {
	rows := 17_000_000
	if s := os.Getenv("PORCHLIGHT_BENCH_ROWS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("PORCHLIGHT_BENCH_ROWS is a number of rows, not %q", s)
		}
		rows = n
	}
	path, err := generateLog(rows)
	if err != nil {
		return err
	}
	duckdb, err := buildDuckDB(ctx)
	if err != nil {
		return err
	}
	out := filepath.Join("build", "bench-audit.json")
	defer os.Remove(out)
	type program struct {
		name      string
		args      []string
		rows      func(stdout []byte) (int, error) // that it says it read; nil where it does not say
		took, cpu []float64                        // seconds of each run
		peak      float64                          // MiB resident
	}
	runs := []program{
		{name: "porchlight", args: []string{"bin/porchlight", "audit", path, "--json", out}, rows: func([]byte) (int, error) { return rowsOf(os.ReadFile(out)) }},
		{name: "duckdb", args: append([]string{duckdb, path}, keywords...), rows: func(b []byte) (int, error) { return rowsOf(b, nil) }},
		{name: "wc", args: []string{"wc", "-l", path}},
		{name: "cat", args: []string{"sh", "-c", `cat "$1" > /dev/null`, "sh", path}},
	}
	if err := exec.CommandContext(ctx, "sh", "-c", `cat "$1" > /dev/null`, "sh", path).Run(); err != nil { // warm the cache
		return err
	}
	for range 3 { // in turn
		for i := range runs {
			r := &runs[i]
			cmd := exec.CommandContext(ctx, r.args[0], r.args[1:]...)
			cmd.Stderr = os.Stderr
			began := time.Now()
			b, err := cmd.Output()
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			r.took = append(r.took, time.Since(began).Seconds())
			r.cpu = append(r.cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
			r.peak = max(r.peak, float64(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)/1024)
			if r.rows == nil {
				continue
			}
			switch n, err := r.rows(b); {
			case err != nil:
				return fmt.Errorf("%s: %w", r.name, err)
			case n != rows:
				return fmt.Errorf("%s read %d rows of %d", r.name, n, rows)
			}
		}
	}
	seconds := func(i int) float64 { return median(runs[i].took) }
	rate := func(i int) float64 { return float64(rows) / seconds(i) }
	f.add("audit_rate", rate(0), "rows/s", "the aim", 1e6)
	f.add("audit_time", seconds(0), "s", "DuckDB counting ten keywords in the same file", seconds(1))
	f.add("audit_cpu", median(runs[0].cpu), "s of CPU", "DuckDB, likewise", median(runs[1].cpu))
	f.add("audit_rate_wc", rate(0), "rows/s", "wc -l", rate(2))
	f.add("audit_rate_cat", rate(0), "rows/s", "cat > /dev/null", rate(3))
	f.add("audit_peak_memory", runs[0].peak, "MiB", "the limit set", 1024)
	f.add("audit_peak_memory_duckdb", runs[0].peak, "MiB", "DuckDB", runs[1].peak)
	return nil
}

func rowsOf(b []byte, err error) (int, error) {
	var r struct{ Rows int }
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	return r.Rows, err
}

// generateLog writes the log into build/, or finds it there.
func generateLog(rows int) (string, error) {
	const seed = 1
	path := filepath.Join("build", fmt.Sprintf("network13-%d-%d.csv", rows, seed))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	if err := os.MkdirAll("build", 0o755); err != nil {
		return "", err
	}
	g, err := loggen.New(seed, loggen.Options{Variant: "network13", Rows: rows, Agencies: 800, Plants: true})
	if err != nil {
		return "", err
	}
	fmt.Println("writing", path)
	tmp, err := os.CreateTemp("build", "network13-*.tmp")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	w := bufio.NewWriterSize(tmp, 1<<20)
	if err := errors.Join(g.Write(w, nil), w.Flush(), tmp.Close()); err != nil {
		return "", fmt.Errorf("%s: %w; 17 million rows need 4 GB of disk", path, err)
	}
	return path, os.Rename(tmp.Name(), path)
}

// buildDuckDB builds the other side, a module of its own with cgo.
func buildDuckDB(ctx context.Context) (string, error) {
	path, err := filepath.Abs(filepath.Join("build", "duckdb"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	cmd.Dir = filepath.Join("internal", "bench", "duckdb")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOWORK=off")
	if b, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building internal/bench/duckdb (scripts/setup.sh bench installs g++): %w\n%s", err, b)
	}
	return path, nil
}
