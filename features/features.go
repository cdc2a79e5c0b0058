// Package features holds the scenarios, by chapter of the specification.
package features

import "embed"

// Files are the *.feature files.
//
//go:embed *.feature
var Files embed.FS
