package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"punchlist/spec"
)

// ownVersion is what the program is, and what it was built with and for.
func ownVersion() string {
	return fmt.Sprintf("%s, %s, %s/%s", spec.ThisBuild(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Say which version this is, of which edition of the standard",
		Example: "  punchlist version",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "punchlist version", ownVersion())
			return err
		},
	}
}
