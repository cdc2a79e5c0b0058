package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
)

// kept is what keeps its form in a comment: ids, ranges of them, pages of the standard, and the
// mark of a loop over a map.
var kept = regexp.MustCompile(`\bLAT-[A-Z]+(-\d+( to\b)?)?|\bDEV-\d+|\bspec/[a-z0-9-]+\.md|order-free:`)

// directive is a comment that a tool obeys.
var directive = regexp.MustCompile(`^//([a-z0-9]+:[a-z0-9]|line |export |extern )`)

// words gives a comment's text in other words.
func words(text string) string {
	var out strings.Builder
	done := 0
	for _, at := range kept.FindAllStringIndex(text, -1) {
		out.WriteString(rot13(text[done:at[0]]) + text[at[0]:at[1]])
		done = at[1]
	}
	out.WriteString(rot13(text[done:]))
	return out.String()
}

// rewordComments rewords the comments of a Go file, and counts them.
func rewordComments(source []byte) ([]byte, int, error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, 0, err
	}
	var out strings.Builder
	done, n := 0, 0
	for _, group := range file.Comments {
		if isOutput(group) {
			continue
		}
		for _, c := range group.List {
			if directive.MatchString(c.Text) {
				continue
			}
			from := set.Position(c.Pos()).Offset
			// Not len(c.Text): the parser drops carriage returns.
			to := from + len(c.Text)
			out.Write(source[done:from])
			out.WriteString(c.Text[:2] + words(c.Text[2:]))
			done = to
			n++
		}
	}
	out.Write(source[done:])
	return []byte(out.String()), n, nil
}

// isOutput reports whether a comment is what an example has to print, which go test obeys.
func isOutput(g *ast.CommentGroup) bool {
	text := strings.ToLower(strings.TrimLeft(g.Text(), " \t\n"))
	return strings.HasPrefix(text, "output:") || strings.HasPrefix(text, "unordered output:")
}
