package steps

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/result"
	"punchlist/harness/verdict"
)

// A step's verdict is its error, whatever the step had still to do.
func TestAStepEndsWithItsVerdict(t *testing.T) {
	run := func(does any, args ...any) error {
		h := reflect.ValueOf(definition{does: reflect.ValueOf(does)}.handler(&World{}))
		var in []reflect.Value
		for _, a := range args {
			in = append(in, reflect.ValueOf(a))
		}
		err, _ := h.Call(in)[0].Interface().(error)
		return err
	}
	require.NoError(t, run(func(w *World, n int, text string) {
		require.NotNil(t, w)
		require.Equal(t, 3, n)
		require.Equal(t, "a", text)
	}, 3, "a"))

	err := run(func(w *World) { w.violated([]int{7}, "it sent %d", 9) })
	require.Equal(t, &verdict.Violation{Text: "it sent 9", Frames: []int{7}}, err)
	require.Equal(t, result.Failed, result.OutcomeOf(err, true))
	require.Equal(t, result.Inconclusive, result.OutcomeOf(err, false))

	gone := errors.New("gone")
	err = run(func(*World) { must(gone) })
	require.ErrorIs(t, err, gone)
	require.Equal(t, result.LabFailed, result.OutcomeOf(err, true))
	require.Equal(t, 5, mustGet(5, nil))
	require.Equal(t, result.Inconclusive, result.OutcomeOf(run(func(*World) { blocked("late") }), true))
}

// Any other panic is the lab's failure, and says where it came from.
func TestAPanicIsTheLabs(t *testing.T) {
	err := caught(func() { faulty(nil) })
	var lab *verdict.LabFailed
	require.ErrorAs(t, err, &lab)
	require.Contains(t, lab.Text, "panic: runtime error: index out of range")
	require.Regexp(t, `(?m)^punchlist/harness/steps\.faulty \(.*step_test\.go:\d+\)$`, lab.Text)
	require.NotContains(t, lab.Text, "gopanic")
	require.Error(t, caught(func() { panic(errors.New("not a verdict")) }))
}

//go:noinline
func faulty(all []int) int { return all[len(all)] }

// Steps have no plumbing for errors, and start nothing that a verdict could not
// come back from.
func TestStepsFailFast(t *testing.T) {
	for _, d := range definitions {
		require.Zero(t, d.does.Type().NumOut(), "%s returns something", d.id)
	}
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	require.NotEmpty(t, names)
	for _, name := range names {
		f, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a step starts a goroutine", files.Position(n.Pos()))
			case *ast.IfStmt:
				if passesOn(n) {
					t.Errorf("%s: fail by must, w.violated and their like, and pass no error on", files.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// passesOn reports whether a statement is an error's test, whatever else it tests,
// that does nothing but return.
func passesOn(n *ast.IfStmt) bool {
	tests := false
	ast.Inspect(n.Cond, func(c ast.Node) bool {
		if b, ok := c.(*ast.BinaryExpr); ok && b.Op == token.NEQ {
			x, left := b.X.(*ast.Ident)
			y, right := b.Y.(*ast.Ident)
			tests = tests || left && right && x.Name == "err" && y.Name == "nil"
		}
		return true
	})
	if !tests || len(n.Body.List) != 1 {
		return false
	}
	_, returns := n.Body.List[0].(*ast.ReturnStmt)
	return returns
}

func TestPassesOn(t *testing.T) {
	for text, want := range map[string]bool{
		"if err != nil { return err }":             true,
		"if err := f(); err != nil { return }":     true,
		"if err != nil || ok { return 0, err }":    true,
		"if err != nil { fail(err) }":              false,
		"if err != nil { why = err; return false}": false,
		"if ok { return }":                         false,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc g() {"+text+"}", 0)
		require.NoError(t, err)
		require.Equal(t, want, passesOn(f.Decls[0].(*ast.FuncDecl).Body.List[0].(*ast.IfStmt)), text)
	}
}
