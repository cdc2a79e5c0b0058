package mutant

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/require"
)

// A mutant of a generic function is called with its type arguments, which nothing else may tell.
func TestACallNamesTypeArguments(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc make[K comparable, V any](n int) map[K]V { return nil }", 0)
	require.NoError(t, err)
	require.Equal(t, "return make_m0001[K, V](n)", call(file.Decls[0].(*ast.FuncDecl), "m0001"))
}
