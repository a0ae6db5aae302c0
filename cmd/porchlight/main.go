// Command porchlight is the open, accountable way for a neighborhood to share
// camera evidence: the exchange, its tools, and the checks anyone can run.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"charm.land/fang/v2"
	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is main without the process around it.
func run(ctx context.Context, args []string) int {
	root, began := newRootCmd()
	root.SetArgs(args)
	plainly := func(w io.Writer, _ fang.Styles, err error) { fmt.Fprintf(w, "porchlight: %v\n", err) }
	err := fang.Execute(ctx, root, fang.WithVersion(version()), fang.WithErrorHandler(plainly))
	if err != nil && !*began {
		err = usageError(err) // cobra refused the flags or arguments
	}
	return exitCode(err)
}

// newRootCmd builds the command tree; began turns true once a command runs.
func newRootCmd() (root *cobra.Command, began *bool) {
	began = new(bool)
	root = &cobra.Command{
		Use:   "porchlight",
		Short: "Ask a neighborhood for footage, and prove what happened to it",
		Long: `Porchlight lets a neighborhood share camera evidence and proves what happened to it.

Try it:       porchlight demo
Check it:     porchlight verify FILE|DIR|URL
Audit logs:   porchlight audit PATH...
Run it:       porchlight init, then porchlight serve
Watch it:     porchlight witness
At home:      porchlight home
At a road:    porchlight lpr`,
	}
	root.AddCommand(
		newInitCmd(), newServeCmd(), newDemoCmd(), newWitnessCmd(), newVerifyCmd(), newAuditCmd(),
		newBackupCmd(), newRestoreCmd(), newPolicyCmd(), newPurposeCmd(), newCameraCmd(), newHomeCmd(), newLPRCmd(), newVisionCmd(),
	)
	noteBegin(root, began)
	return root, began
}

// noteBegin sets began when a command of the tree runs: then its flags and
// arguments were accepted.
func noteBegin(cmd *cobra.Command, began *bool) {
	if do := cmd.RunE; do != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*began = true
			return do(cmd, args)
		}
	}
	for _, c := range cmd.Commands() {
		noteBegin(c, began)
	}
}

// version is the commit this program was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	rev, dirty := "devel", ""
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			rev = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				dirty = "+changes"
			}
		}
	}
	return rev + dirty
}
