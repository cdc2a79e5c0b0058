//go:build linux

// Natbox is a router in a container: the NAT engine of harness/nat with the
// links of a realm. It is told what to be over its standard input; see package
// harness/natbox.
package main

import (
	"fmt"
	"os"

	"punchlist/harness/natbox"
)

func main() {
	if err := natbox.Run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "natbox:", err)
		os.Exit(1)
	}
}
