package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"punchlist/features"
	"punchlist/harness/index"
	"punchlist/harness/oracle"
	"punchlist/harness/result"
	"punchlist/harness/saboteur"
	"punchlist/harness/suite"
	"punchlist/spec"
	"punchlist/vectors"
)

func specCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "spec",
		Short: "The standard: its registry, its chapters, what judges them",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var dir string
	c.PersistentFlags().StringVar(&dir, "dir", "", "read standard and features from a working copy, not from the program")

	c.AddCommand(&cobra.Command{
		Use:   "check",
		Short: "Hold registry, chapters and features against each other",
		Long: `Check fails on
  - a MUST or SHOULD that no scenario and no vector judges, and that is not verified by
    inspection; on more than one requirement in ten that is;
  - a requirement whose verified_by says vector and which has none, or the other way round;
  - a scenario or an anchor of a requirement that there is not, and a Rule without exactly
    one requirement;
  - a requirement without its anchor in its chapter, or with another sentence there;
  - a sentence or table row of chapters 1 to 13 that binds (MUST, SHOULD, MAY) and is of no
    requirement, and a constant that no requirement binds and that does not say why;
  - a requirement or deviation that is named and not there, and a link that leads nowhere;
  - a requirement that has a peer send something and is of no cause, and a rule of the oracle
    that asks for a cause and names none;
  - a generated table that is stale;
  - an invalid list of requirements, constants, causes or deviations.

It lists what is verified by inspection, the MUSTs that are judged only in virtual time,
what is not judged by all that its verified_by says, and the MAYs that nothing judges.
With --dir it reads the README of the repository too, and sees links that lead out of spec/;
it reads the ids in the comments of Go sources, fails on those that there are not, and lists
the requirements that no comment of the reference names; it applies the patches of the saboteurs (harness/saboteur) to the reference there, lists each
anchor that no longer applies, and compiles the result, for which Go is required.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return specCheck(c, dir) },
	})

	var write bool
	tables := &cobra.Command{
		Use:   "tables",
		Short: "Make the generated tables of the standard anew",
		Long: `Tables generates what stands between <!-- generated: NAME --> and <!-- end --> in the
pages of spec/ and in the README, and prints the pages that change by it. With --write it
writes them, to the working copy that --dir names or else the current folder.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return specTables(c, dir, write) },
	}
	tables.Flags().BoolVar(&write, "write", false, "write the pages that change")
	c.AddCommand(tables)
	return c
}

// uncaused lists the rules of the oracle that ask for a cause and name none of the standard's.
func uncaused(s *spec.Standard) (problems []string) {
	for _, r := range oracle.Rules() {
		causes := r.Causes()
		if strings.HasSuffix(r.ID, "/cause") && len(causes) == 0 {
			problems = append(problems, r.ID+" asks for a cause and has none: name them in harness/oracle/causes.go")
		}
		for _, id := range causes {
			if _, ok := s.Cause(id); !ok {
				problems = append(problems, fmt.Sprintf("%s has the cause %s, and causes.yaml does not: correct the id", r.ID, id))
			}
		}
	}
	return problems
}

// readStandard reads the standard and what judges it, from a working copy, or
// where dir is empty from the program.
func readStandard(dir string) (s *spec.Standard, scenarios []suite.Scenario, evidence []spec.Evidence, err error) {
	var from, data fs.FS = features.Files, vectors.Files
	if dir == "" {
		s, err = spec.LoadStandard()
	} else {
		root := os.DirFS(dir)
		if s, err = spec.ReadStandard(root); errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s is no working copy of Punchlist; name its root by --dir: %w", dir, err)
		}
		if err == nil {
			from, err = fs.Sub(root, "features")
		}
		if err == nil {
			data, err = fs.Sub(root, "vectors")
		}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if scenarios, err = suite.Scenarios(from); err != nil {
		return nil, nil, nil, err
	}
	evidence = suite.Evidence(scenarios)
	chapters, err := vectors.Read(data)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, c := range chapters {
		for _, v := range c.Vectors {
			evidence = append(evidence, spec.Evidence{Requirement: v.Requirement, Kind: spec.Vector, Where: "vectors/" + c.File + ": " + v.ID})
		}
	}
	return s, scenarios, evidence, nil
}

func specCheck(c *cobra.Command, dir string) error {
	standard, scenarios, evidence, err := readStandard(dir)
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	cover := standard.Check(evidence)
	fmt.Fprintf(out, "%d requirements, %d scenarios, %d vectors, %d deviations of deployed peers\n",
		len(standard.All()), len(scenarios), cover.Count(spec.Vector, standard.All()), len(standard.Deviations))
	list := func(title string, all []spec.Requirement) {
		if len(all) == 0 {
			return
		}
		fmt.Fprintf(out, "%s:\n", title)
		for _, q := range all {
			line := q.ID
			if reason, ok := q.Inspection(); ok {
				line += "  (" + reason + ")"
			}
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
	list("verified by inspection", cover.Inspections)
	list("MUSTs judged only in virtual time", cover.VirtualOnly)
	list("said to be verified on the wire or by events, and judged by vectors alone", cover.NoScenarios)
	list("judged by nothing, which a MAY may be", cover.Unjudged)
	problems := append(cover.Problems, uncaused(standard)...)
	if dir != "" {
		problems = append(problems, checkSaboteurs(c.Context(), dir)...)
		comments, err := index.Read(os.DirFS(dir), standard.Has)
		if err != nil {
			return err
		}
		problems = append(problems, comments.Problems...)
		var unnamed []spec.Requirement
		for _, q := range standard.All() {
			if len(comments.Of(q.ID)) == 0 {
				unnamed = append(unnamed, q)
			}
		}
		list("named by no comment of the reference", unnamed)
	}
	for _, p := range problems {
		fmt.Fprintf(out, "problem: %s\n", p)
	}
	if len(problems) > 0 {
		return exitCode(result.Unexpected)
	}
	fmt.Fprintln(out, "the standard holds")
	return nil
}

// checkSaboteurs lists the saboteurs of a working copy whose patches do not fit its reference.
func checkSaboteurs(ctx context.Context, dir string) (problems []string) {
	temp, err := os.MkdirTemp("", "punchlist-saboteurs-")
	if err != nil {
		return []string{err.Error()}
	}
	defer os.RemoveAll(temp)
	root, err := filepath.Abs(dir)
	if err != nil {
		return []string{err.Error()}
	}
	all, err := saboteur.Read(os.DirFS(filepath.Join(root, "harness", "saboteur")))
	if err == nil && len(all) > 0 {
		err = saboteur.Build(ctx, all, root, temp)
	}
	if err == nil {
		return nil
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range several.Unwrap() {
			problems = append(problems, "saboteurs: "+err.Error())
		}
		return problems
	}
	return []string{"saboteurs: " + err.Error()}
}

func specTables(c *cobra.Command, dir string, write bool) error {
	if write && dir == "" {
		dir = "."
	}
	standard, _, evidence, err := readStandard(dir)
	if err != nil {
		return err
	}
	pages, err := standard.Tables(evidence)
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	for _, p := range pages {
		if !write {
			fmt.Fprintf(out, "== %s\n%s", p.Path, p.Text)
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(p.Path)), []byte(p.Text), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: written\n", p.Path)
	}
	return nil
}
