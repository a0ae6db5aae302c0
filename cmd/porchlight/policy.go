package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"porchlight/policy"
)

func newPolicyCmd() *cobra.Command {
	var p policyTool
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Read, try and test the law packs",
		Long: `Read, try and test the law packs: the rules that decide every act, as Cedar
policies with a plain sentence and a source each.

Without --packs the packs inside this program are used.`,
	}
	cmd.PersistentFlags().StringVar(&p.dir, "packs", "", "folder of law packs, one folder each")
	cmd.PersistentFlags().BoolVar(&p.json, "json", false, "print JSON")
	cmd.AddCommand(
		&cobra.Command{
			Use:   "test",
			Short: "Check that the packs keep every promise",
			Long: `Check the packs: every case of their cases.json, and for every act every kind of
actor with every combination of facts against the promises, with base alone and
with each law pack. An evaluation that fails is a failure.

Exit status: 0 all holds, 1 something does not, 2 wrong use.`,
			Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return p.test(cmd.OutOrStdout()) },
		},
		&cobra.Command{
			Use:   "list",
			Short: "List the packs and their rules",
			Args:  cobra.NoArgs,
			RunE:  func(cmd *cobra.Command, _ []string) error { return p.list(cmd.OutOrStdout()) },
		},
		&cobra.Command{
			Use:     "explain ID",
			Short:   "Show one rule: its sentence, source and text",
			Example: "  porchlight policy explain base.request-area",
			Args:    cobra.ExactArgs(1),
			RunE:    func(cmd *cobra.Command, args []string) error { return p.explain(cmd.OutOrStdout(), args[0]) },
		},
		&cobra.Command{
			Use:   "decide",
			Short: "Decide one question, read as JSON from standard input",
			Long: `Decide one question, read as JSON from standard input:

  {"action": "item.view", "jurisdictions": ["IL"],
   "actor": {"role": "custodian", "agency": "IL0160000", "agency_kind": "municipal",
             "agency_status": "active", "signed": true},
   "facts": {"custody": "own", "state": "accepted", "purpose_matches": true}}

The facts of each act are in policy/schema.cedarschema. Nothing is recorded.

Exit status: 0 permitted, 1 denied, 2 wrong use.`,
			Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return p.decide(cmd.InOrStdin(), cmd.OutOrStdout()) },
		},
	)
	return cmd
}

type policyTool struct {
	dir  string // folder of packs; empty for those in the program
	json bool
}

func (p policyTool) packs() fs.FS {
	if p.dir == "" {
		return policy.Packs()
	}
	return os.DirFS(p.dir)
}

// print writes v as JSON, or calls text.
func (p policyTool) print(w io.Writer, v any, text func(w *tabwriter.Writer)) error {
	if p.json {
		enc := json.NewEncoder(w)
		enc.SetIndent("", " ")
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	text(tab)
	return tab.Flush()
}

func (p policyTool) test(w io.Writer) error {
	r := policy.Test(p.packs())
	err := p.print(w, r, func(w *tabwriter.Writer) {
		for _, pack := range r.Packs {
			fmt.Fprintf(w, "pack\t%s\t%s\n", pack.Name, pack.Hash)
		}
		fmt.Fprintf(w, "cases\t%d\n", r.Cases)
		fmt.Fprintf(w, "promises\t%d\n", r.Promises)
		fmt.Fprintf(w, "assignments\t%d\n", r.Assignments)
		fmt.Fprintf(w, "decisions\t%d\n", r.Decisions)
		for _, f := range r.Failures {
			fmt.Fprintf(w, "FAILED\t%s\n", f)
		}
	})
	if err != nil {
		return err
	}
	if n := len(r.Failures); n > 0 {
		return fmt.Errorf("the packs do not hold: %d failures", n)
	}
	return nil
}

func (p policyTool) list(w io.Writer) error {
	e, err := policy.Load(p.packs())
	if err != nil {
		return err
	}
	type listed struct {
		policy.Pack
		Rules []policy.Rule `json:"rules"`
	}
	var all []listed
	for _, pack := range e.Packs() {
		rules := slices.DeleteFunc(e.Rules(), func(r policy.Rule) bool { return r.Pack != pack.Name })
		all = append(all, listed{pack, rules})
	}
	return p.print(w, all, func(w *tabwriter.Writer) {
		for _, pack := range all {
			fmt.Fprintf(w, "%s, version %s, %s\n", pack.Name, pack.Version, pack.Hash)
			for _, r := range pack.Rules {
				fmt.Fprintf(w, "  %s\t%s\t%s\n", r.Effect, r.ID, r.Plain["en"])
			}
		}
	})
}

func (p policyTool) explain(w io.Writer, id string) error {
	e, err := policy.Load(p.packs())
	if err != nil {
		return err
	}
	r, ok := e.Rule(id)
	if !ok {
		return usageError(fmt.Errorf("there is no rule %q; porchlight policy list shows all", id))
	}
	return p.print(w, r, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "%s (%s, pack %s)\n\n", r.ID, r.Effect, r.Pack)
		for _, lang := range policy.Languages {
			fmt.Fprintf(w, "%s\t%s\n", lang, r.Plain[lang])
		}
		fmt.Fprintf(w, "rests on\t%s\n", r.Citation)
		if r.Source != "" {
			fmt.Fprintf(w, "text\t%s\n", r.Source)
		}
		if r.Cedar != "" {
			fmt.Fprintf(w, "\n%s\n", r.Cedar)
		}
	})
}

// maxQuestion is the largest question decide reads, in bytes.
const maxQuestion = 1 << 20

func (p policyTool) decide(in io.Reader, w io.Writer) error {
	e, err := policy.Load(p.packs())
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(in, maxQuestion+1))
	if err != nil {
		return fmt.Errorf("reading the question: %w", err)
	}
	var q policy.Question
	if len(data) > maxQuestion {
		return usageError(errors.New("the question is larger than 1 MiB"))
	}
	if err := json.Unmarshal(data, &q); err != nil {
		return usageError(fmt.Errorf("the question is not readable: %w", err))
	}
	v := e.Decide(q)
	verdict := "denied"
	if v.Permit {
		verdict = "permitted"
	}
	err = p.print(w, v, func(w *tabwriter.Writer) {
		fmt.Fprintln(w, verdict)
		for _, r := range v.Rules {
			fmt.Fprintf(w, "  %s\t%s\n", r.ID, r.Plain["en"])
		}
		if v.Problem != "" {
			fmt.Fprintf(w, "  because\t%s\n", v.Problem)
		}
	})
	if err == nil && !v.Permit {
		ids := make([]string, len(v.Rules))
		for i, r := range v.Rules {
			ids[i] = r.ID
		}
		err = fmt.Errorf("denied by %s", strings.Join(ids, ", "))
	}
	return err
}
