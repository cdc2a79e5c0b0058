package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"punchlist/harness/codec"
	"punchlist/harness/lab"
	"punchlist/harness/lab/netns"
	"punchlist/harness/manifest"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/suite"
	"punchlist/vectors"
)

func vectorsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "vectors",
		Short: "Hold codecs to the vectors, or write the vectors down",
		Long: `A vector is a command to a codec (spec/testee.md), and what a conforming one
answers. They stand in vectors/, by chapter of the specification.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(vectorsCheckCommand(), vectorsExportCommand(), vectorsMakeCommand(), vectorsFromCaptureCommand())
	return c
}

func vectorsCheckCommand() *cobra.Command {
	var impls []string
	var labName, only string
	c := &cobra.Command{
		Use:   "check",
		Short: "Play the vectors against the codecs of implementations",
		Long: `Check starts an implementation inside a lab, without a peer in it, plays every
vector, and lists those that it fails. A manifest names the failures that are
known, by requirement and by the signature that is printed here: any other set
of failing vectors is unexpected. A command that no class requires (split,
compose, nat-type, negotiate) may be unsupported; its vectors are then not
applicable.

Exit codes: 0 all as expected, known failures included; 1 something was not
expected; 2 it could not run.`,
		Example: `  punchlist vectors check
  punchlist vectors check --impl socket-0.6 --impl socket-0.5
  punchlist vectors check --impl ./my-codec/manifest.yaml --only sync/`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return vectorsCheck(c, impls, labName, only) },
	}
	c.Flags().StringArrayVar(&impls, "impl", []string{"reference"}, "implementation under test: a bundled name or a manifest's file; repeatable")
	c.Flags().StringVar(&labName, "lab", "auto", "auto, sim or netns")
	c.Flags().StringVar(&only, "only", "", "only vectors whose id begins so")
	return c
}

func vectorsCheck(c *cobra.Command, impls []string, labName, only string) error {
	all, err := selected(only)
	if err != nil {
		return err
	}
	type subject struct {
		manifest.Manifest
		lab lab.Lab
	}
	var subjects []subject
	for _, impl := range impls {
		m, err := implementation(impl)
		if err != nil {
			return err
		}
		name := labName
		if name == "auto" {
			name, _ = auto(c.Context(), labs(), m, m)
		}
		l, ok := labs()[name]
		if !ok {
			return fmt.Errorf("--lab %q is none of auto, %s", labName, strings.Join(labOrder, ", "))
		}
		if !m.Prepared() {
			return fmt.Errorf("%s is not set up: %s setup %s", m.Name, self(), m.Name)
		}
		subjects = append(subjects, subject{m, l})
		if name == "netns" {
			// The program begins again in its namespaces. Where that is impossible, the
			// lab's Check says why.
			_ = netns.Enter()
		}
	}
	unexpected := false
	for _, s := range subjects {
		good, err := checkOne(c, c.OutOrStdout(), s.lab, s.Manifest, all, only == "")
		if err != nil {
			return err
		}
		unexpected = unexpected || !good
	}
	if unexpected {
		return exitCode(result.Unexpected)
	}
	return nil
}

// checkOne plays vectors against one implementation, and prints what it finds.
func checkOne(c *cobra.Command, out io.Writer, l lab.Lab, m manifest.Manifest, all []vectors.Vector, whole bool) (good bool, err error) {
	if ok, why := l.Starts(m); !ok {
		return false, fmt.Errorf("the lab %s can't start %s: %s", l.Name(), m.Name, why)
	}
	if err := l.Check(c.Context()); err != nil {
		return false, err
	}
	var logs strings.Builder
	live := report.StyleOf(os.Stdout).Live
	of, stale, err := suite.Vectors(c.Context(), l, m, all, &logs, func(played int) {
		if live && (played%50 == 0 || played == len(all)) {
			fmt.Fprintf(out, "\r%s: %d of %d vectors", m.Name, played, len(all))
		}
	})
	if live {
		fmt.Fprint(out, "\r\x1b[K")
	}
	if err != nil {
		if text := strings.TrimSpace(logs.String()); text != "" {
			fmt.Fprintf(os.Stderr, "%s\n", text)
		}
		return false, err
	}
	good = true
	passed, failed, known, none := 0, 0, 0, 0
	for _, v := range of {
		passed, none = passed+v.Passed, none+len(v.Unsupported)
		switch {
		case v.Known != nil:
			known += len(v.Failures)
			fmt.Fprintf(out, "%s  %s  known: %s\n    %s\n", m.Name, v.Requirement, v.Detail(), v.Known.Reason)
		case len(v.Failures) > 0:
			good = false
			failed += len(v.Failures)
			fmt.Fprintf(out, "%s  %s  FAILED: %s\n", m.Name, v.Requirement, v.Detail())
			for _, f := range v.Failures {
				fmt.Fprintf(out, "    %s  %s\n        %s\n", f.ID, f.Title, f.Text)
			}
		}
		if len(v.Unsupported) > 0 {
			fmt.Fprintf(out, "%s  %s  not applicable: %d vectors: %s\n", m.Name, v.Requirement, len(v.Unsupported), v.Unsupported[0].Text)
		}
	}
	if whole {
		for _, s := range stale {
			good = false
			fmt.Fprintf(out, "%s  %s\n", m.Name, result.Stale(s.String()))
		}
	}
	end := "as expected"
	if !good {
		end = "UNEXPECTED RESULTS"
	}
	fmt.Fprintf(out, "%s in %s: %s: %d vectors, %d passed, %d failed, %d known failures, %d not applicable\n", m.Name, l.Name(), end, len(all), passed, failed, known, none)
	return good, nil
}

// selected are the vectors whose id begins so.
func selected(only string) (all []vectors.Vector, err error) {
	chapters, err := vectors.Load()
	if err != nil {
		return nil, err
	}
	for _, c := range chapters {
		for _, v := range c.Vectors {
			if strings.HasPrefix(v.ID, only) {
				all = append(all, v)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no vector's id begins with %q", only)
	}
	return all, nil
}

func vectorsExportCommand() *cobra.Command {
	var only string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the vectors as one JSON document",
		Long: `Export writes {"vectors": [...]} to standard output: the same entries as the
files of vectors/, for languages without a reader of YAML.`,
		Example: `  punchlist vectors export > vectors.json
  punchlist vectors export --only key/`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return vectorsExport(c.OutOrStdout(), only) },
	}
	c.Flags().StringVar(&only, "only", "", "only vectors whose id begins so")
	return c
}

func vectorsExport(out io.Writer, only string) error {
	all, err := selected(only)
	if err != nil {
		return err
	}
	document := struct {
		Vectors []vectors.Vector `json:"vectors"`
	}{all}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	return e.Encode(document)
}

func vectorsMakeCommand() *cobra.Command {
	var dir string
	var write bool
	c := &cobra.Command{
		Use:   "make",
		Short: "Make the vectors from their seeds, and compare",
		Long: `Make makes all vectors anew and says which files of --dir are others; --write
writes them. It is for people who change vectors: give a new one an id of its
own, and leave those that there are.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return vectorsMake(c.OutOrStdout(), dir, write) },
	}
	c.Flags().StringVar(&dir, "dir", "vectors", "folder of the files")
	c.Flags().BoolVar(&write, "write", false, "write the files")
	return c
}

func vectorsMake(out io.Writer, dir string, write bool) error {
	chapters, err := codec.Make()
	if err != nil {
		return err
	}
	stale := false
	for _, c := range chapters {
		text, err := vectors.Write(c, codec.Head)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, c.File)
		there, err := os.ReadFile(file)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		same := string(there) == string(text)
		switch {
		case same:
			fmt.Fprintf(out, "%s: %d vectors\n", file, len(c.Vectors))
		case write:
			if err := os.WriteFile(file, text, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(out, "%s: %d vectors, written\n", file, len(c.Vectors))
		default:
			stale = true
			fmt.Fprintf(out, "%s: %d vectors are made, and the file has others: --write writes it\n", file, len(c.Vectors))
		}
	}
	if stale {
		return exitCode(result.Unexpected)
	}
	return nil
}
