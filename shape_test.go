package punchlist_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxFields is how many fields a struct of the peer may have: one that has more is about more
// than one thing, and its fields belong in parts with a name each.
const maxFields = 25

// fieldsOf counts the fields of a struct. An embedded one is one field, and counts what is in it
// where it is declared.
func fieldsOf(s *ast.StructType) (n int) {
	for _, f := range s.Fields.List {
		n += max(len(f.Names), 1)
	}
	return n
}

func TestNoStructOfThePeerIsTooLarge(t *testing.T) {
	largest := 0
	for _, file := range sources(t, ".go") {
		if path.Dir(file) != "reference/peer" {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			if s, ok := n.(*ast.StructType); ok {
				largest = max(largest, fieldsOf(s))
				if fieldsOf(s) > maxFields {
					t.Errorf("%s: a struct of %d fields, at most %d: group those that belong together", set.Position(s.Pos()), fieldsOf(s), maxFields)
				}
			}
			return true
		})
	}
	require.Greater(t, largest, 10, "no struct was looked at")
}

// question is the form of a name that asks something: a prefix alone, or a word behind it.
var question = regexp.MustCompile(`^([iI]s|[hH]as|[mM]ay|[cC]an)([A-Z]\w*)?$`)

// assignments gives the places where a method that is named as a question changes a field of its
// receiver, also an element of one. What it calls is not looked into.
func assignments(set *token.FileSet, file *ast.File) (found []string) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil || f.Recv == nil || !question.MatchString(f.Name.Name) || len(f.Recv.List[0].Names) == 0 {
			continue
		}
		receiver := f.Recv.List[0].Names[0].Name
		check := func(e ast.Expr) {
			below := false
			for at := e.Pos(); ; below = true {
				switch x := e.(type) {
				case *ast.SelectorExpr:
					e = x.X
				case *ast.IndexExpr:
					e = x.X
				case *ast.StarExpr:
					e = x.X
				case *ast.ParenExpr:
					e = x.X
				case *ast.Ident:
					if below && x.Name == receiver {
						found = append(found, set.Position(at).String()+": "+f.Name.Name)
					}
					return
				default:
					return
				}
			}
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, e := range n.Lhs {
						check(e)
					}
				}
			case *ast.IncDecStmt:
				check(n.X)
			case *ast.RangeStmt:
				if n.Tok == token.ASSIGN {
					check(n.Key)
					if n.Value != nil {
						check(n.Value)
					}
				}
			case *ast.CallExpr: // those that change what they are given
				if called, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && (called.Name == "delete" || called.Name == "clear" || called.Name == "copy") {
					check(n.Args[0])
				}
			}
			return true
		})
	}
	return found
}

func TestQuestionsChangeNothing(t *testing.T) {
	for _, file := range sources(t, ".go") {
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, at := range assignments(set, parsed) {
			t.Errorf("%s changes its receiver: name it by what it does, as in noteX or takeX", at)
		}
	}
}

// Each of these changes its receiver, and each of the others does not.
func TestChangesAreFound(t *testing.T) {
	source := func(name, body string) string {
		return "package x\n\nfunc (p *T) " + name + "() bool {\n\t" + body + "\n\treturn true\n}\n"
	}
	for _, c := range []struct {
		name, body string
		found      bool
	}{
		{"isMember", "p.members = 1", true},
		{"IsMember", "p.members++", true},
		{"is", "p.list[0], x = y, z", true},
		{"hasOne", "p.part.count += 2", true},
		{"mayAsk", "delete(p.asked, 1)", true},
		{"can", "*p = T{}", true},
		{"canGo", "for p.i = range 3 {}", true},
		{"has", "(*p.next).x = 1", true},
		{"isMember", "members := p.members; members++", false},
		{"isMember", "q.members = 1", false},
		{"isMember", "p := &T{}", false},
		{"issue", "p.members = 1", false},
		{"mayor", "p.members = 1", false},
		{"Cancel", "p.members = 1", false},
		{"note", "p.members = 1", false},
	} {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "x.go", source(c.name, c.body), parser.SkipObjectResolution)
		require.NoError(t, err, c.body)
		require.Equal(t, c.found, len(assignments(set, file)) > 0, "%s: %s", c.name, strings.TrimSpace(c.body))
	}
}
