package punchlist_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// deterministic are the packages whose outputs are a function of their inputs:
// clock and randomness are passed in, and there is one thread. A mark
// "order-free: why" on the line, or the one above, allows a loop over a map.
var deterministic = []string{
	"reference/wire", "reference/nattype", "reference/seal", "reference/cache", "reference/peer", "reference/eventloop", "reference/testee", "reference/dialect",
	"harness/nat", "harness/internet", "harness/lab/sim", "harness/simulate",
}

// forbidden are functions that look at the machine's clock or randomness, or
// that give a map's elements in no order; nil: everything in the package.
var forbidden = map[string][]string{
	"time":         {"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"},
	"crypto/rand":  nil,
	"math/rand":    globalRandom,
	"math/rand/v2": globalRandom,
	"maps":         {"Keys", "Values", "All"},
}

var globalRandom = []string{
	"ExpFloat64", "Float32", "Float64", "Int", "Int31", "Int31n", "Int32", "Int32N", "Int63", "Int63n", "Int64", "Int64N", "IntN", "Intn",
	"N", "NormFloat64", "Perm", "Read", "Seed", "Shuffle", "Uint", "Uint32", "Uint32N", "Uint64", "Uint64N", "UintN",
}

const orderFree = "order-free:"

// offences lists what in a package depends on more than its inputs.
func offences(fset *token.FileSet, files []*ast.File, info *types.Info) (all []string) {
	for _, file := range files {
		marked := map[int]bool{}
		for _, group := range file.Comments {
			for _, c := range group.List {
				if strings.Contains(c.Text, orderFree) {
					line := fset.Position(c.Pos()).Line
					marked[line], marked[line+1] = true, true
				}
			}
		}
		report := func(at token.Pos, what string) {
			all = append(all, fmt.Sprintf("%s: %s", fset.Position(at), what))
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				report(n.Pos(), "go")
			case *ast.SelectStmt:
				report(n.Pos(), "select")
			case *ast.RangeStmt:
				t := info.TypeOf(n.X)
				if _, isMap := t.Underlying().(*types.Map); isMap && !marked[fset.Position(n.Pos()).Line] {
					report(n.Pos(), "range over a map without a mark \""+orderFree+" why\"")
				}
			case *ast.Ident:
				use, ok := info.Uses[n].(*types.Func)
				if !ok || use.Pkg() == nil || use.Signature().Recv() != nil {
					return true
				}
				names, listed := forbidden[use.Pkg().Path()]
				if !listed || names != nil && !slices.Contains(names, use.Name()) {
					return true
				}
				if use.Pkg().Path() != "maps" || !marked[fset.Position(n.Pos()).Line] {
					report(n.Pos(), use.Pkg().Path()+"."+use.Name())
				}
			}
			return true
		})
	}
	return all
}

// A checker reads packages with their types; those of what they import come
// from the build cache.
type checker struct {
	fset    *token.FileSet
	imports types.Importer
	files   map[string][]string // of the packages named, for this system
}

func newChecker(t *testing.T, packages []string) *checker {
	args := []string{"list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles"}
	args = append(args, packages...)
	var stderr bytes.Buffer
	cmd := exec.Command("go", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	exports, files := map[string]string{}, map[string][]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Export, Dir string
			GoFiles                 []string
		}
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		exports[p.ImportPath] = p.Export
		for _, name := range p.GoFiles {
			files[p.ImportPath] = append(files[p.ImportPath], filepath.Join(p.Dir, name))
		}
	}
	c := &checker{fset: token.NewFileSet(), files: files}
	c.imports = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	})
	return c
}

func (c *checker) check(t *testing.T, path string, files []*ast.File) []string {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	_, err := (&types.Config{Importer: c.imports}).Check(path, c.fset, files, info)
	require.NoError(t, err)
	return offences(c.fset, files, info)
}

func TestDeterministicPackagesAreSo(t *testing.T) {
	var packages []string
	for _, pkg := range deterministic {
		packages = append(packages, "./"+pkg)
	}
	c := newChecker(t, packages)
	for _, pkg := range deterministic {
		names := c.files[module+"/"+pkg]
		require.NotEmpty(t, names, pkg)
		var files []*ast.File
		for _, name := range names {
			f, err := parser.ParseFile(c.fset, name, nil, parser.ParseComments)
			require.NoError(t, err)
			files = append(files, f)
		}
		for _, offence := range c.check(t, module+"/"+pkg, files) {
			t.Error(offence)
		}
	}
}

func TestOffencesAreFound(t *testing.T) {
	const text = `package p
import (
	"crypto/rand"
	"maps"
	random "math/rand/v2"
	"time"
)
type set map[int]bool
func f(m set, c chan int, r *random.Rand) {
	_ = time.Now()
	_, _ = rand.Read(nil)
	_ = random.IntN(3)
	later := time.Sleep
	later(0)
	go f(nil, nil, nil)
	select { case <-c: default: }
	for range m {}
	_ = maps.Keys(m)
	// order-free: a sum
	for range m {}
	for range m {} // order-free: a sum
	for range []int{} {}
	_ = r.IntN(3)
	_ = random.New(random.NewPCG(1, 2))
	_ = time.Unix(0, 0).After(time.Time{})
}
`
	c := newChecker(t, []string{"crypto/rand", "maps", "math/rand/v2", "time"})
	file, err := parser.ParseFile(c.fset, "p.go", text, parser.ParseComments)
	require.NoError(t, err)
	require.Equal(t, []string{
		"p.go:10:11: time.Now", "p.go:11:14: crypto/rand.Read", "p.go:12:13: math/rand/v2.IntN", "p.go:13:16: time.Sleep",
		"p.go:15:2: go", "p.go:16:2: select", `p.go:17:2: range over a map without a mark "order-free: why"`, "p.go:18:11: maps.Keys",
	}, c.check(t, "p", []*ast.File{file}))
}
