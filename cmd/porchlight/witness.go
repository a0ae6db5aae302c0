package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"porchlight/ledger"
)

func newWitnessCmd() *cobra.Command {
	var o ledger.WitnessOptions
	var listen string
	var keyOnly, asJSON bool
	cmd := &cobra.Command{
		Use:   "witness",
		Short: "Cosign an exchange's ledger so that it cannot show two histories",
		Long: `Cosign an exchange's ledger so that it cannot show two histories.

The witness remembers the newest state of each log it cosigned and signs another
only if it extends that one (C2SP tlog-witness). Give the key it prints to the
exchange and to everybody who verifies. Keep its directory: a witness that lost
its memory would let a log start over.`,
		Example: `  porchlight witness --dir ./witness --name gazette.example/witness \
      --log "maplegrove.example+1234abcd+AbC..." --listen :8091`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			w, err := ledger.OpenWitness(o)
			if err != nil {
				return err
			}
			if keyOnly {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), w.Key())
				return err
			}
			if len(o.Logs) == 0 {
				return usageError(errors.New("--log is needed: whose ledger to witness"))
			}
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return err
			}
			if asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(map[string]string{"key": w.Key(), "listen": l.Addr().String()})
			} else {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "Witness key: %s\nListening on %s\n", w.Key(), l.Addr())
			}
			if err != nil {
				return errors.Join(err, l.Close())
			}
			return serveWitness(cmd.Context(), l, w)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "dir", "witness", "directory of the witness's key and memory")
	f.StringVar(&o.Name, "name", "", "name in the key, needed the first time")
	f.StringArrayVar(&o.Logs, "log", nil, "key of a log to witness, name+hash+key (repeatable)")
	f.StringVar(&listen, "listen", ":8091", "address to listen on")
	f.BoolVar(&keyOnly, "key", false, "print the witness's key and stop")
	f.BoolVar(&asJSON, "json", false, "print key and address as JSON")
	return cmd
}

// serveWitness serves until ctx ends, then lets requests finish.
func serveWitness(ctx context.Context, l net.Listener, w *ledger.Witness) error {
	srv := &http.Server{
		Handler:           w.Handler(),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	return serveUntil(ctx, srv, 10*time.Second, func() error { return srv.Serve(l) })
}
