package nat

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The numbering of the RFC, section by section: what the table has to have.
var rfc4787 = strings.Fields(`REQ-1 REQ-2 REQ-3 REQ-3a REQ-4 REQ-5 REQ-5a REQ-5b REQ-5c REQ-6 REQ-6a REQ-7 REQ-8 REQ-8a REQ-9 REQ-9a
	REQ-10 REQ-10a REQ-11 REQ-12 REQ-12a REQ-12b REQ-13 REQ-13a REQ-14 REQ-14a`)

func TestRequirementTable(t *testing.T) {
	rows, err := Requirements()
	require.NoError(t, err)
	var ids []string
	tests := testFunctions(t)
	violators := map[string][]string{}
	for _, p := range append(Profiles(), Deviants()...) {
		for _, id := range p.Violations() {
			violators[id] = append(violators[id], p.Name)
		}
	}
	for _, r := range rows {
		ids = append(ids, r.ID)
		require.NotEmpty(t, r.Says, r.ID)
		require.Contains(t, []string{"MUST", "MUST NOT", "SHOULD", "RECOMMENDED", "MAY"}, r.Level, r.ID)
		switch r.Status {
		case Held:
			require.Empty(t, r.By, r.ID)
		case Violated:
			require.NotEmpty(t, r.By, r.ID)
		case NotApplicable:
			require.NotEmpty(t, r.Reason, r.ID)
			require.Empty(t, r.Test, r.ID)
			require.Empty(t, r.By, r.ID)
			continue
		default:
			require.Fail(t, "unknown status", "%s: %q", r.ID, r.Status)
		}
		require.ElementsMatch(t, violators[r.ID], r.By, "%s: the profiles that violate it", r.ID)
		require.Contains(t, tests, r.Test, "%s: no such test", r.ID)
	}
	require.Equal(t, rfc4787, ids)
}

// testFunctions are the names of the tests in this folder.
func testFunctions(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		parsed, err := parser.ParseFile(token.NewFileSet(), file, src, 0)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				names = append(names, f.Name.Name)
			}
		}
	}
	require.NotEmpty(t, names)
	return names
}

// translating are the profiles and deviants that translate, each as one NAT.
func translating() []Profile {
	return slices.DeleteFunc(append(Profiles(), Deviants()...), func(p Profile) bool { return p.Open || p.Blocked })
}

// conforms holds the table against what is observed: a profile shows the
// behaviour exactly if it isn't among the violators of the requirement.
func conforms(t *testing.T, id string, observe func(t *testing.T, p Profile) bool) {
	t.Helper()
	for _, p := range translating() {
		p.Behind = ""
		p.TableSize = 0 // a limit is no behaviour; limits_test.go has them
		t.Run(fmt.Sprintf("%s/%s", id, p.Name), func(t *testing.T) {
			require.Equal(t, !slices.Contains(p.Violations(), id), observe(t, p), "observed")
		})
	}
}
