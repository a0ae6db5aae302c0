package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"porchlight/exchange"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFlags adds the flags of an exchange's settings to cmd.
func configFlags(f *pflag.FlagSet) {
	f.String("dir", "porchlight-data", "data directory")
	f.String("name", "", "the exchange's name, shown to people")
	f.String("origin", "", "name of its ledger, for ever; default the host of --base-url")
	f.String("base-url", "", "where people reach it: https://..., or http://localhost:PORT to try")
	f.String("state", "", "the state whose law applies, two letters, e.g. IL")
	f.String("listen", "", "where to listen, host:port (default localhost:8080)")
	f.String("log", "", "debug, info, warn or error (default info)")
}

// loadConfig reads porchlight.yaml in the data directory, the environment
// (PORCHLIGHT_BASE_URL, PORCHLIGHT_SMTP__HOST) and flags.
func loadConfig(f *pflag.FlagSet) (exchange.Config, error) {
	dir, err := f.GetString("dir")
	if err != nil {
		return exchange.Config{}, err
	}
	c, err := readSettings[exchange.Config](settings{file: filepath.Join(dir, exchange.ConfigFile), prefix: "PORCHLIGHT_", guide: "docs/operating.md", flags: f})
	c.Dir = dir
	return c, err
}

func newInitCmd() *cobra.Command {
	var jurisdiction string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Create an exchange: its keys, its ledger, and the link its operator enrols with",
		Long: `Creates the data directory with the exchange's ledger key, an empty ledger whose
first entry is the exchange's creation, and porchlight.yaml. Prints a link, good
once, with which the operator enrols a passkey. Nothing that exists is changed.`,
		Example: `  porchlight init --dir /srv/porchlight --name "Maple Grove Exchange" \
      --base-url https://porchlight.maplegrove.example --jurisdiction county.geojson`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd.Flags())
			if err != nil {
				return err
			}
			area, err := os.ReadFile(jurisdiction)
			if err != nil {
				return fmt.Errorf("jurisdiction: %w", err)
			}
			made, err := exchange.Init(cmd.Context(), c, area)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return json.NewEncoder(out).Encode(made)
			}
			fmt.Fprintf(out, "Created %s in %s.\n\n", made.Name, made.Dir)
			fmt.Fprintf(out, "Ledger      %s\nIts key     %s\n\n", made.Origin, made.LogKey)
			fmt.Fprintf(out, "Start it    porchlight serve --dir %s\nThen enrol  %s\n            (good once, until %s)\n", made.Dir, made.OperatorLink, made.LinkExpires.Format(time.DateOnly))
			return nil
		},
	}
	configFlags(cmd.Flags())
	cmd.Flags().StringVar(&jurisdiction, "jurisdiction", "", "area the exchange serves, a GeoJSON polygon")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	cmd.MarkFlagRequired("jurisdiction")
	return cmd
}

func newServeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run an exchange",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd.Flags())
			if err != nil {
				return err
			}
			c.Logger, err = newLogger(cmd.ErrOrStderr(), c.Log)
			if err != nil {
				return err
			}
			x, err := exchange.Open(cmd.Context(), c)
			if err != nil {
				return err
			}
			return errors.Join(serve(cmd.Context(), x, x.Handler(), c.Logger), x.Close())
		},
	}
	configFlags(cmd.Flags())
	return cmd
}

// serve listens until ctx ends, then lets requests under way finish.
func serve(ctx context.Context, x *exchange.Exchange, h http.Handler, log *slog.Logger) error {
	l, err := net.Listen("tcp", x.Listen)
	if err != nil {
		return err
	}
	log.Info("listening", "address", l.Addr().String(), "url", x.BaseURL)
	jobs, stop := context.WithCancel(ctx)
	defer stop()
	go x.RunJobs(jobs)
	go func() {
		if err := x.ServeAdmin(jobs); err != nil {
			log.Error("the command line cannot reach this exchange", "err", err)
		}
	}()
	srv := newServer(h, log)
	srv.RegisterOnShutdown(func() { log.Info("stopping: waiting for requests under way") })
	return serveUntil(ctx, srv, 30*time.Second, func() error { return srv.Serve(l) })
}
