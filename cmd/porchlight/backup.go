package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"porchlight/exchange"

	"github.com/spf13/cobra"
)

func newBackupCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup DIRECTORY",
		Short: "Copy the whole data directory while the exchange runs",
		Long: `Copies database, ledger, clips (as encrypted as they are) and keys into a new
directory. The exchange goes on; the backup is an act in its ledger. The copy has
a manifest that sha256sum -c checks, and porchlight verify DIRECTORY/ledger checks
its ledger. Keep it as safe as the exchange: it holds the exchange's keys (though
no agency's), and clips that are destroyed later.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(cmd.Flags())
			if err != nil {
				return err
			}
			to, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			info, err := exchange.BackupOf(cmd.Context(), c, to)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(info)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Backed up to %s: %d files, %d bytes, ledger of %d entries.\n", info.Path, info.Files, info.Bytes, info.Entries)
			return nil
		},
	}
	configFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func newRestoreCmd() *cobra.Command {
	var asJSON bool
	var dir string
	cmd := &cobra.Command{
		Use:   "restore DIRECTORY",
		Short: "Make a data directory from a backup, after checking all of it",
		Long: `Checks every file of the backup against its manifest and recomputes its whole
ledger, then copies it to --dir, which must not hold an exchange. Entries made
after the backup are not in it: witnesses that saw them will refuse to cosign the
shorter history, and say so.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := exchange.Restore(cmd.Context(), args[0], dir)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(report)
			}
			report.WriteTo(cmd.OutOrStdout())
			fmt.Fprintf(cmd.OutOrStdout(), "\nRestored to %s. Start it with porchlight serve --dir %s\n", dir, dir)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "porchlight-data", "data directory to make")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}
