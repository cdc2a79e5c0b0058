package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/spec"
)

func reportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "report",
		Short: "Work with the reports of runs",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(reportDiffCommand(), reportMergeCommand())
	return c
}

func reportDiffCommand() *cobra.Command {
	var renamed string
	c := &cobra.Command{
		Use:   "diff FIRST SECOND",
		Short: "Compare the verdicts of two runs, scenario by scenario",
		Long: `Diff compares two reports (folders of punchlist run --out, or their
report.json): every scenario that both have judged for the same subject,
companion and seed, whatever the lab. It lists those with two verdicts. What
only one of them has judged is counted, and is no difference.

Exit codes: 0 the verdicts are the same; 1 some differ; 2 nothing could be
compared.

Keys of scenarios change seldom. Where they have between the two reports, --renamed names the
table, with a line for each: the old key, a tab, the new one. A report of schema 1 is read, too.`,
		Example: `  punchlist report diff --renamed features/renamed.txt before now
  punchlist run --lab netns --out netns
  punchlist run --lab docker --out docker
  punchlist report diff netns docker`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, names []string) error {
			var reports [2]*result.Run
			for i, name := range names {
				var err error
				if reports[i], _, err = readReport(name); err != nil {
					return err
				}
			}
			if renamed != "" {
				renaming, err := result.ReadRenaming(renamed)
				if err != nil {
					return err
				}
				for i, r := range reports {
					for _, key := range renaming.Apply(r) {
						fmt.Fprintf(c.ErrOrStderr(), "%s has the key %s, which %s does not have\n", names[i], key, renamed)
					}
				}
			}
			found := result.Compare(reports[0], reports[1])
			if found.Same+len(found.Differ) == 0 {
				return fmt.Errorf("%s and %s have judged no scenario both: nothing can be compared", names[0], names[1])
			}
			out := c.OutOrStdout()
			for _, d := range found.Differ {
				fmt.Fprintln(out, d)
			}
			fmt.Fprintf(out, "%d scenarios with the same verdict, %d with another; %d judged in %s alone, %d in %s alone\n",
				found.Same, len(found.Differ), found.OnlyOne[0], names[0], found.OnlyOne[1], names[1])
			if len(found.Differ) > 0 {
				return exitCode(result.Unexpected)
			}
			return nil
		},
	}
	c.Flags().StringVar(&renamed, "renamed", "", "table of old and new keys: a file with lines OLD<tab>NEW")
	return c
}

func reportMergeCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "merge --out DIR REPORT...",
		Short: "Put the shards of a run together",
		Long: `Merge puts the shards of one run (punchlist run --shard) together, and writes
the report that the run undivided would have left: every capture and log, the
matrix, and the verdict, known failures that did not happen included. Where a
shard is missing, or one is of another run, it says so and writes nothing.

Reports that are no shards are joined too, where no cell is in two of them.

Exit codes are those of run: 0 all as expected; 1 something was not expected;
2 the parts can't be merged, or one of them could not run.`,
		Example: `  punchlist run --shard 1/2 --out part-1
  punchlist run --shard 2/2 --out part-2
  punchlist report merge --out whole part-1 part-2`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, names []string) error { return mergeReports(names, out) },
	}
	c.Flags().StringVar(&out, "out", "out", "folder of the merged report")
	return c
}

func mergeReports(names []string, out string) error {
	var parts []*result.Run
	var folders []string
	for _, name := range names {
		part, folder, err := readReport(name)
		if err != nil {
			return err
		}
		if same(folder, out) {
			return fmt.Errorf("--out %s is the folder of a part", out)
		}
		parts, folders = append(parts, part), append(folders, folder)
	}
	registry, err := spec.Load()
	if err != nil {
		return err
	}
	// Merge puts the parts, and with them the folders, into the order of the shards.
	whole, err := result.Merge(registry, time.Now(), folders, parts)
	if err != nil {
		return err
	}
	if err := prepareOut(out); err != nil {
		return err
	}
	if err := result.Gather(out, folders, parts); err != nil {
		return err
	}
	whole.Folder = out
	return present(whole)
}

// present writes a report into its folder and prints it; what comes of it is the
// exit code.
func present(r *result.Run) error {
	err := report.Write(r, r.Folder)
	report.Print(os.Stdout, r, report.StyleOf(os.Stdout))
	if err != nil {
		return err
	}
	fmt.Printf("report: %s\n", filepath.Join(r.Folder, "report.html"))
	if r.Exit != result.AsExpected {
		return exitCode(r.Exit)
	}
	return nil
}

// same reports whether two names are of one folder, where both are there.
func same(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// readReport reads a report by its folder or its file, and tells the folder.
func readReport(name string) (r *result.Run, folder string, err error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "report.json")
	}
	r, err = result.Read(name)
	return r, filepath.Dir(name), err
}
