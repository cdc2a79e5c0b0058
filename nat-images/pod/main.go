//go:build linux

// Pod holds the network namespace of a host of the container lab. It is told
// what to be over its standard input; see package harness/pod.
package main

import (
	"fmt"
	"os"

	"punchlist/harness/pod"
)

func main() {
	if err := pod.Run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pod:", err)
		os.Exit(1)
	}
}
