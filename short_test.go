package punchlist_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// alwaysRuns reports whether a function is a test or an example that may end
// with a verdict in short mode and on a machine that has only Go: it skips
// nothing, and calls none of the file's own functions that do.
func alwaysRuns(f *ast.FuncDecl, own map[string]bool) bool {
	name := f.Name.Name
	isTest := strings.HasPrefix(name, "Test") && name != "TestMain" || strings.HasPrefix(name, "Example")
	return f.Recv == nil && isTest && !calls(f, own)
}

// skipping are the functions and methods of other packages that may skip a test.
var skipping = map[string]bool{"Skip": true, "Skipf": true, "SkipNow": true, "SkipShort": true, "Missing": true, "Short": true}

// calls reports whether a function, or one within it, calls one that may skip:
// of another package, or, by those names, of its own.
func calls(f *ast.FuncDecl, own map[string]bool) (found bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			switch callee := call.Fun.(type) {
			case *ast.Ident:
				found = found || own[callee.Name]
			case *ast.SelectorExpr:
				found = found || own[callee.Sel.Name] || skipping[callee.Sel.Name]
			}
		}
		return !found
	})
	return found
}

// skippers are the functions of a package's tests that call one that may skip.
func skippers(files []*ast.File) map[string]bool {
	names := map[string]bool{}
	for grew := true; grew; {
		grew = false
		for _, file := range files {
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if ok && !names[f.Name.Name] && calls(f, names) {
					names[f.Name.Name], grew = true, true
				}
			}
		}
	}
	return names
}

func parsed(t *testing.T, files []string) (all []*ast.File) {
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		all = append(all, f)
	}
	return all
}

// A change to any package meets a test of that package everywhere, in short
// mode too.
func TestEachPackageHasATestThatAlwaysRuns(t *testing.T) {
	tests := map[string][]string{} // test files by package
	for _, file := range sources(t, ".go") {
		pkg := path.Dir(file)
		tests[pkg] = append(tests[pkg], nil...)
		if strings.HasSuffix(file, "_test.go") {
			tests[pkg] = append(tests[pkg], file)
		}
	}
	for pkg, files := range tests {
		trees := parsed(t, files)
		names, found := skippers(trees), false
		for _, tree := range trees {
			for _, decl := range tree.Decls {
				f, ok := decl.(*ast.FuncDecl)
				found = found || ok && alwaysRuns(f, names)
			}
		}
		if !found {
			t.Errorf("%s has no test that runs in short mode and needs nothing but Go: add one", pkg)
		}
	}
}

func TestTestsThatMaySkipAreSeen(t *testing.T) {
	for body, want := range map[string]bool{
		"f(1)":        true,
		"needsLab(t)": false,
		"bringUp(t)":  false,
		"t.Run(`a`, func(t *testing.T) { t.Skip() })": false,
		"if testing.Short() { return }":               false,
	} {
		text := fmt.Sprintf(`package p
func needsLab(t *testing.T) { testenv.Missing(t, "lab", "none") }
func bringUp(t *testing.T) { needsLab(t) }
func TestIt(t *testing.T) { %s }
`, body)
		file, err := parser.ParseFile(token.NewFileSet(), "p_test.go", text, 0)
		require.NoError(t, err)
		require.Equal(t, want, alwaysRuns(file.Decls[2].(*ast.FuncDecl), skippers([]*ast.File{file})), body)
	}
}
