package punchlist_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// maxColumns is how wide comments and documents are. A tab has four columns.
const maxColumns = 100

func columns(line string) int {
	return utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
}

// breakable reports whether a line that is too long could be broken: it has a space in which a
// later line could begin.
func breakable(line string) bool {
	return columns(line) > maxColumns && strings.Contains(strings.TrimLeft(line, "\t /"), " ")
}

// wideComments gives the places of lines that are too long and hold nothing but a comment. Code in
// a comment (behind a tab), directives and the output of an example stay as they are.
func wideComments(set *token.FileSet, file *ast.File, lines []string) (found []token.Position) {
	for _, group := range file.Comments {
		if strings.HasPrefix(group.Text(), "Output:") {
			continue
		}
		for _, c := range group.List {
			at := set.Position(c.Pos())
			line := lines[at.Line-1]
			text := strings.TrimLeft(line, "\t")
			if strings.HasPrefix(text, "// ") && breakable(line) {
				found = append(found, at)
			}
		}
	}
	return found
}

func TestCommentsAreWrapped(t *testing.T) {
	for _, name := range sources(t, ".go") {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, at := range wideComments(set, file, strings.Split(string(text), "\n")) {
			t.Errorf("%s: a comment of more than %d columns: wrap it", at, maxColumns)
		}
	}
}

// kept are the lines of a document that stay as they are: a table's, a requirement (one line, as in
// the registry), and what is indented as code.
var kept = regexp.MustCompile(`^(\s*\||<a id="LAT-|\s*\[[^\]]+\]:|    )`)

// wideProse gives the numbers of a document's lines that are too long, outside code and generated
// parts.
func wideProse(text string) (found []int) {
	code, generated := false, false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			code = !code
		}
		if strings.HasPrefix(line, "<!-- ") {
			generated = strings.HasPrefix(line, "<!-- generated")
		}
		if !code && !generated && !kept.MatchString(line) && breakable(line) {
			found = append(found, i+1)
		}
	}
	return found
}

func TestDocumentsAreWrapped(t *testing.T) {
	out, err := exec.Command("git", "ls-files", "*.md").Output()
	if err != nil {
		out = []byte(strings.Join(sources(t, ".md"), "\n")) // no clone, but an archive
	}
	for _, name := range strings.Fields(string(out)) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, line := range wideProse(string(text)) {
			t.Errorf("%s:%d: a line of more than %d columns: wrap it", name, line, maxColumns)
		}
	}
}

func TestWideLinesAreFound(t *testing.T) {
	long := strings.Repeat("word ", 25)
	text := "package p\n\n// " + long + "\n//go:generate " + long + "\n//\t" + long + "\n// " + strings.Repeat("x", 120) +
		"\nvar x = `\n// " + long + "`\n" +
		"func Example() {\n\t// Output:\n\t// " + long + "\n}\n"
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", text, parser.ParseComments)
	require.NoError(t, err)
	found := wideComments(set, file, strings.Split(text, "\n"))
	require.Len(t, found, 1)
	require.Equal(t, 3, found[0].Line)

	require.Equal(t, []int{1, 9}, wideProse(strings.Join([]string{
		long, "| " + long, "```", long, "```", "<!-- generated: x -->", long, "<!-- end -->", "- " + long, "    " + long,
	}, "\n")))
}
