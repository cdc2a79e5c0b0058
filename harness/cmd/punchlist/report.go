package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"punchlist/harness/report"
)

func reportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "report",
		Short: "Work with the reports of runs",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(reportDiffCommand())
	return c
}

func reportDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff FIRST SECOND",
		Short: "Compare the verdicts of two runs, scenario by scenario",
		Long: `Diff compares two reports (folders of punchlist run --out, or their
report.json): every scenario that both have judged for the same subject,
companion and seed, whatever the lab. It lists those with two verdicts. What
only one of them has judged is counted, and is no difference.

Exit codes: 0 the verdicts are the same; 1 some differ; 2 nothing could be
compared.`,
		Example: `  punchlist run --lab netns --out netns
  punchlist run --lab docker --out docker
  punchlist report diff netns docker`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, names []string) error {
			var reports [2]*report.Report
			for i, name := range names {
				var err error
				if reports[i], err = readReport(name); err != nil {
					return err
				}
			}
			found := report.Compare(reports[0], reports[1])
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
				return exitCode(report.Unexpected)
			}
			return nil
		},
	}
}

// readReport reads a report by its folder or its file.
func readReport(name string) (*report.Report, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, "report.json")
	}
	return report.Read(name)
}
