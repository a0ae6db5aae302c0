package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"text/tabwriter"

	"porchlight/demo"
	"porchlight/lpr"

	"github.com/spf13/cobra"
)

func newDemoCmd() *cobra.Command {
	var port int
	var dir, level string
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A whole town on one machine: play every part in an ordinary browser",
		Long: `Starts the exchange of a town that does not exist, plays its story (people enrol,
police ask, residents share drawn videos, a custodian keeps and exports them, plate
cameras read, officers search) and serves it while cars keep going by. One house runs
porchlight home with drawn cameras, on a port of its own (8 above --port), and
porchlight lpr reads the plates of a drawn film. A bar on each page lets you sign in
as anybody; the demo's people have software passkeys, which exist only here. With --once it plays the story without a
browser, leaves package, receipts and ledger in --dir and prints their paths as JSON.`,
		Example: "  porchlight demo\n  porchlight demo --once --dir /tmp/town",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(cmd.ErrOrStderr(), level)
			if err != nil {
				return err
			}
			if port == 0 || once && !cmd.Flags().Changed("port") {
				if port, err = freePort(); err != nil {
					return err
				}
			}
			dir, err := filepath.Abs(dir)
			if err != nil {
				return err
			}
			d, err := demo.Open(cmd.Context(), dir, port, log)
			if err != nil {
				return err
			}
			return errors.Join(runDemo(cmd, d, once, log), d.Close())
		},
	}
	f := cmd.Flags()
	f.IntVar(&port, "port", 8080, "port on localhost; 0 takes a free one")
	f.StringVar(&dir, "dir", "demo-data", "where the town lives; a new directory gets a new town")
	f.BoolVar(&once, "once", false, "play the story, print where its results are, and end")
	f.StringVar(&level, "log", "warn", "debug, info, warn or error")
	return cmd
}

// runDemo serves d and plays its story if it is new.
func runDemo(cmd *cobra.Command, d *demo.Demo, once bool, log *slog.Logger) error {
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	served := make(chan error, 1)
	go func() { served <- serve(ctx, d.Exchange, d.Handler(), log) }()
	out := cmd.ErrOrStderr()
	if d.New {
		fmt.Fprintf(out, "A new town: %s. Its page is up already: %s\n", d.Town.Name, d.BaseURL)
		played := make(chan error, 1)
		var result demo.Result
		go func() {
			var err error
			result, err = d.Play(ctx, func(format string, args ...any) { fmt.Fprintf(out, "  "+format+"\n", args...) })
			played <- err
		}()
		select {
		case err := <-served:
			return err
		case err := <-played:
			if err != nil {
				return err
			}
		}
		if once {
			stop()
			return errors.Join(json.NewEncoder(cmd.OutOrStdout()).Encode(result), <-served)
		}
	} else if once {
		return errors.New("this town's story was played already; give --dir a new directory")
	}
	printCast(out, d)
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	var living sync.WaitGroup
	defer living.Wait()
	defer stop()
	live := func(what string, do func() error) {
		living.Go(func() {
			if err := do(); err != nil && ctx.Err() == nil {
				say("%s: %v", what, err)
			}
		})
	}
	live("No cars go by the town's plate cameras", func() error { return d.Drive(ctx) })
	furnished := make(chan struct{})
	live("No house of the town is open", func() error { return d.Home(ctx, say, func() { close(furnished) }) })
	live("No plates are read off a film", func() error {
		select { // one after the other: both take a core
		case <-furnished:
			return d.Roadside(ctx, func() (lpr.Sight, func() error, error) {
				e, err := openEyes("")
				return e.sight(), e.Close, err
			}, say)
		case <-ctx.Done():
			return nil
		}
	})
	return <-served
}

// printCast says who to sign in as.
func printCast(w io.Writer, d *demo.Demo) {
	fmt.Fprintf(w, "\n%s is at %s\n\nNothing there is real. Choose who you are in the bar at the top of each page:\n\n", d.Town.Name, d.BaseURL)
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	for _, p := range d.Cast.People {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", p.Name, p.Title, p.Place)
	}
	fmt.Fprintf(t, "  you\ta resident\tno account: open a request and share a clip of the town's cameras\n")
	if h, err := d.Household(); err == nil {
		fmt.Fprintf(t, "  %s\ta resident with porchlight home\tat %s: %s/demo/house\n", h.Resident, h.Address, d.BaseURL)
	}
	t.Flush()
	fmt.Fprint(w, "\nPlate cameras read as you watch. Look at\n\n")
	for _, l := range d.Looks() {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", d.BaseURL+l.Path, l.As, l.What)
	}
	t.Flush()
	fmt.Fprint(w, "\nComing in the background: her house with its films, then porchlight lpr at Main Street.\n")
	fmt.Fprintln(w, "Stop with Ctrl-C; start again and the town goes on.")
}

// freePort asks the system for one.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
