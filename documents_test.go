package punchlist_test

import (
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// table is the rows of the table in a section of a Markdown file.
func table(t *testing.T, file, section string) (rows []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "\n## "+section+"\n")
	require.True(t, found, "%s has no section %s", file, section)
	section, _, _ = strings.Cut(after, "\n## ")
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "|") {
			rows = append(rows, line)
		}
	}
	require.NotEmpty(t, rows, "%s: the section %s has no table", file, section)
	return rows
}

var quoted = regexp.MustCompile("`([^`]+)`")

// The table of the README names folders that there are, and leaves out none: a package is named,
// or one above it.
func TestTheLayoutInTheReadmeIsThatOfTheTree(t *testing.T) {
	named := map[string]bool{}
	for _, row := range table(t, "README.md", "Layout") {
		first, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
		for _, m := range quoted.FindAllStringSubmatch(first, -1) {
			folder := strings.TrimSuffix(m[1], "/")
			info, err := os.Stat(folder)
			require.NoError(t, err, "README.md, Layout")
			require.True(t, info.IsDir(), folder)
			named[folder] = true
		}
	}
	for _, file := range sources(t, ".go") {
		dir := path.Dir(file)
		for dir != "." && !named[dir] {
			dir = path.Dir(dir)
		}
		if dir == "." && path.Dir(file) != "." {
			t.Errorf("README.md, Layout: no row for %s", path.Dir(file))
		}
	}
}

// The floors of ARCHITECTURE.md are those that are held.
func TestTheFloorsAreAsDocumented(t *testing.T) {
	rows := table(t, "ARCHITECTURE.md", "The floors")[2:]
	require.Len(t, rows, len(floors))
	for i, names := range floors {
		row := rows[len(rows)-1-i]
		for _, name := range names {
			// The documents write "/…" for "/...", and may write "ci/" for all that is in it.
			full := strings.ReplaceAll(name, "/...", "/…")
			if !strings.Contains(row, "`"+full+"`") && !strings.Contains(row, "`"+strings.TrimSuffix(full, "…")+"`") {
				t.Errorf("ARCHITECTURE.md, The floors: %s is missing in %s", full, row)
			}
		}
	}
}
