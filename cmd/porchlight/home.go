package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"porchlight/home/node"
	homeweb "porchlight/home/web"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func homeFlags(f *pflag.FlagSet) {
	f.String("name", "", "name of the house, shown in its pages")
	f.String("listen", "", "where to listen, host:port (default localhost:8088; 0.0.0.0:8088 for the whole house)")
	f.String("url", "", "where phones reach it, when that is behind a proxy")
	f.String("footage", "", "folder of the recordings (default footage in DIR)")
	f.String("models", "", "folder of the networks, see porchlight vision setup")
	f.String("log", "", "debug, info, warn or error (default info)")
}

// loadHome reads porchlight-home.yaml, the environment (PORCHLIGHT_HOME_LISTEN,
// PORCHLIGHT_HOME_EXCHANGE__URL) and flags.
func loadHome(dir string, f *pflag.FlagSet) (node.Config, error) {
	c, err := readSettings[node.Config](settings{file: filepath.Join(dir, node.ConfigFile), prefix: "PORCHLIGHT_HOME_", guide: "docs/home.md", flags: f})
	if err != nil {
		return c, err
	}
	c.Dir, c.Version = dir, version()
	c.Logger, err = newLogger(os.Stderr, c.Log)
	return c, err
}

func newHomeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "home DIR",
		Short: "Run a household's own cameras: record them, answer requests, at home",
		Long: `Records the cameras of a house on a computer of its own, shows them to the phones of
its people, and finds which requests of the neighborhood they can answer. Nothing
leaves the house unless somebody in it shares it. docs/home.md is the guide.`,
		Example: `  porchlight home init /srv/house --name "Elm Street 12"
  porchlight home /srv/house
  porchlight home pair /srv/house`,
		Args: cobra.ExactArgs(1),
		RunE: serveHome,
	}
	homeFlags(cmd.Flags())
	serve := &cobra.Command{Use: "serve DIR", Short: "The same as porchlight home DIR", Args: cobra.ExactArgs(1), RunE: serveHome}
	homeFlags(serve.Flags())
	cmd.AddCommand(serve, newHomeInitCmd(), newHomePairCmd())
	return cmd
}

func newHomeInitCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Make the data directory of a house",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadHome(args[0], cmd.Flags())
			if err != nil {
				return err
			}
			if err := node.Init(c); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Made a house in %s.\n\nStart it       porchlight home %[1]s\nThen let your  porchlight home pair %[1]s\nphone in\n", args[0])
			return nil
		},
	}
	homeFlags(cmd.Flags())
	return cmd
}

func newHomePairCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "pair DIR",
		Short: "Show a code that lets one phone or computer in",
		Long: `Shows a code that lets one phone or computer into the house's pages. It works once,
for ten minutes, while porchlight home runs.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadHome(args[0], cmd.Flags())
			if err != nil {
				return err
			}
			code, base, err := node.NewCode(cmd.Context(), c)
			if err != nil {
				return err
			}
			link := homeweb.PairLink(base, code.Text)
			picture, err := homeweb.Blocks(link)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, "%s\nScan this, or open  %s\nand type the code   %s\n\nIt works once, until %s.\n", picture, base, code.Text, code.Expires.Local().Format(time.TimeOnly))
			if !c.Shared() && c.URL == "" {
				fmt.Fprint(out, "Only this computer can open that address: set listen for phones (docs/home.md).\n")
			}
			return nil
		},
	}
}

func serveHome(cmd *cobra.Command, args []string) error {
	c, err := loadHome(args[0], cmd.Flags())
	if err != nil {
		return err
	}
	n, err := node.Open(cmd.Context(), c)
	if err != nil {
		return err
	}
	return errors.Join(runHome(cmd.Context(), n), n.Close())
}

// runHome listens until ctx ends, then lets requests under way and segments being
// written finish.
func runHome(ctx context.Context, n *node.Node) error {
	l, err := net.Listen("tcp", n.Listen)
	if err != nil {
		return err
	}
	n.Logger.Info("listening", "address", l.Addr().String())
	jobs, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		n.Run(jobs)
	}()
	// Streams to pages end with the house.
	open, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	srv := newServer(n.Handler(), n.Logger)
	srv.BaseContext = func(net.Listener) context.Context { return open }
	srv.RegisterOnShutdown(end)
	err = serveUntil(ctx, srv, 10*time.Second, func() error {
		if n.TLS.Cert != "" {
			return srv.ServeTLS(l, n.TLS.Cert, n.TLS.Key)
		}
		return srv.Serve(l)
	})
	stop()
	<-stopped
	return err
}
