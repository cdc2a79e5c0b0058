// Package mutant draws mutants of the reference at random: a statement removed, an operand
// dropped, a comparison shifted, a constant off by one, another variable of the same type, a
// component of a key left out. They measure what the suite notices, where the saboteurs, written
// by hand, show that it can notice what somebody thought of.
//
// All mutants of a draw are compiled into one program by an overlay. Each is a copy of the function
// that it changes, and the function asks package deviate whether that mutant acts. So only the
// subject deviates, and only while it works: judge, companions and injectors run the code as it is.
package mutant

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Packages are those that are mutated, by their folder.
var Packages = []string{"reference/peer", "reference/cache", "reference/wire", "reference/seal", "reference/nattype"}

// A Mutant is one planted fault.
type Mutant struct {
	Name     string // "m0017": its place in the draw
	Package  string // folder
	Function string // "(*Peer).handlePing"
	Chapters []int  // that the file names in its first comment; none: of no chapter
	File     string
	Line     int
	Kind     Kind
	From, To string // the source before and after
	Nth      int    // among the mutants of the function that read the same, from 1
}

// A Kind is how a mutant was made.
type Kind string

// The kinds of section 7 of the design.
const (
	Removed    Kind = "statement removed"
	Dropped    Kind = "operand dropped"
	Shifted    Kind = "comparison shifted"
	OffByOne   Kind = "constant off by one"
	OtherVar   Kind = "another variable"
	KeyDropped Kind = "key component dropped"
)

// String is a mutant as one line.
func (m Mutant) String() string {
	return fmt.Sprintf("%s %s:%d %s %s: %q for %q", m.Name, m.File, m.Line, m.Function, m.Kind, m.To, m.From)
}

// A site is a place where a mutant can be made.
type site struct {
	pkg      *pkg
	file     *file
	decl     *ast.FuncDecl
	from, to token.Pos // replaced
	with     string
	kind     Kind
	nth      int // among those of the function that read the same, from 1
}

type pkg struct {
	folder string
	path   string
	files  []*file
	info   *types.Info
	types  *types.Package
}

type file struct {
	name string
	src  []byte
	ast  *ast.File
}

// A Draw is mutants, and what the compiler needs to build them all into one program.
type Draw struct {
	Seed      uint64
	Sites     int      // that there are
	All       []Mutant // that could be drawn, without names; some of them do not compile
	Mutants   []Mutant
	Stillborn int               // drawn and left out, since they do not compile
	overlay   map[string][]byte // by file, from the root
}

// excluded are functions whose result is text for people, or that only count for operators or
// declare figures.
func excluded(name string, f *ast.FuncDecl) bool {
	base := filepath.Base(name)
	switch {
	case base == "explain.go" || base == "sizes.go" || base == "counts.go" || base == "config.go" || base == "choices.go":
		return true
	case f.Name.Name == "String" || f.Name.Name == "Sizes" || f.Name.Name == "Error" || f.Name.Name == "Validate" || f.Name.Name == "withDefaults":
		return true
	}
	return f.Body == nil || unnamed(f)
}

// unnamed reports whether a function has a parameter that a call can't name.
func unnamed(f *ast.FuncDecl) bool {
	lists := []*ast.FieldList{f.Recv, f.Type.Params}
	for _, l := range lists {
		if l == nil {
			continue
		}
		for _, field := range l.List {
			if len(field.Names) == 0 || slices.ContainsFunc(field.Names, func(n *ast.Ident) bool { return n.Name == "_" }) {
				return true
			}
		}
	}
	return false
}

// Make draws n mutants of the module at root, in those files whose path from there matches only;
// nil: in all. A seed gives the same ones for the same sources.
func Make(root string, seed uint64, n int, only *regexp.Regexp) (*Draw, error) {
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "source", nil)
	var all []site
	var pkgs []*pkg
	for _, folder := range Packages {
		p, err := load(fset, imports, root, folder)
		if err != nil {
			return nil, err
		}
		pkgs = append(pkgs, p)
		for _, f := range p.files {
			if only != nil && !only.MatchString(filepath.ToSlash(f.name)) {
				continue
			}
			for _, d := range f.ast.Decls {
				if fd, ok := d.(*ast.FuncDecl); ok && !excluded(f.name, fd) {
					all = append(all, numbered(fset, sites(fset, p, f, fd))...)
				}
			}
		}
	}
	d := &Draw{Seed: seed, Sites: len(all)}
	for _, s := range all {
		d.All = append(d.All, s.mutant(fset))
	}
	r := rand.New(rand.NewPCG(seed, 0x6d7574616e74))
	order := r.Perm(len(all))
	// In rounds: what does not compile is replaced by the next of the order.
	var chosen []site
	for len(chosen) < n && len(order) > 0 {
		take := min(n-len(chosen), len(order))
		for _, i := range order[:take] {
			chosen = append(chosen, all[i])
		}
		order = order[take:]
		broken, err := check(fset, imports, root, pkgs, chosen)
		if err != nil {
			return nil, err
		}
		d.Stillborn += len(broken)
		kept := chosen[:0]
		for i, s := range chosen {
			if !broken[i] {
				kept = append(kept, s)
			}
		}
		chosen = kept
	}
	for i, s := range chosen {
		m := s.mutant(fset)
		m.Name = name(i)
		d.Mutants = append(d.Mutants, m)
	}
	var err error
	d.overlay, err = patched(fset, pkgs, chosen)
	return d, err
}

func name(i int) string { return fmt.Sprintf("m%04d", i+1) }

func function(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	return "(" + types.ExprString(f.Recv.List[0].Type) + ")." + f.Name.Name
}

var chapterPage = regexp.MustCompile(`\(spec/([0-9]{2})-[a-z-]+\.md`)

// chapters are those whose pages a file's first comment names: section 6.2 (spec/06-traversal.md).
func chapters(f *file) (all []int) {
	if len(f.ast.Comments) == 0 || f.ast.Comments[0].Pos() > f.ast.Package {
		return nil
	}
	for _, m := range chapterPage.FindAllStringSubmatch(f.ast.Comments[0].Text(), -1) {
		n, _ := strconv.Atoi(m[1]) // two digits
		all = append(all, n)
	}
	return all
}

func text(fset *token.FileSet, f *file, from, to token.Pos) string {
	return string(f.src[fset.Position(from).Offset:fset.Position(to).Offset])
}

func load(fset *token.FileSet, imports types.Importer, root, folder string) (*pkg, error) {
	names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*.go"))
	if err != nil {
		return nil, err
	}
	p := &pkg{folder: folder, path: "punchlist/" + folder}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(fset, name, src, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, &file{rel, src, parsed})
	}
	if len(p.files) == 0 {
		return nil, fmt.Errorf("%s: no Go files there", folder)
	}
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Scopes: map[ast.Node]*types.Scope{}}
	p.types, err = (&types.Config{Importer: imports}).Check(p.path, fset, trees(p.files), p.info)
	return p, err
}

func trees(files []*file) (all []*ast.File) {
	for _, f := range files {
		all = append(all, f.ast)
	}
	return all
}

// patched puts the chosen mutants into the files that they are of.
func patched(fset *token.FileSet, pkgs []*pkg, chosen []site) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, p := range pkgs {
		for _, f := range p.files {
			src, err := patch(fset, f, chosen)
			if err != nil {
				return nil, err
			}
			if src != nil {
				out[filepath.ToSlash(f.name)] = src
			}
		}
	}
	return out, nil
}

const importing = "\n\nimport \"punchlist/harness/saboteur/deviate\"\n"

// patch is a file with its mutants; nil where it has none.
func patch(fset *token.FileSet, f *file, chosen []site) ([]byte, error) {
	type insertion struct {
		at   int
		text string
	}
	var inserts []insertion
	var copies strings.Builder
	for i, s := range chosen {
		if s.file != f {
			continue
		}
		offset := func(p token.Pos) int { return fset.Position(p).Offset }
		inserts = append(inserts, insertion{offset(s.decl.Body.Lbrace) + 1, "\nif deviate.As(\"" + name(i) + "\") {\n" + call(s.decl, name(i)) + "\n}\n"})
		copies.WriteString("\n")
		copies.WriteString(clone(fset, s, name(i)))
		copies.WriteString("\n")
	}
	if len(inserts) == 0 {
		return nil, nil
	}
	slices.SortStableFunc(inserts, func(a, b insertion) int { return a.at - b.at })
	var out strings.Builder
	clause := fset.Position(f.ast.Name.End()).Offset
	out.Write(f.src[:clause])
	out.WriteString(importing)
	done := clause
	for _, x := range inserts {
		out.Write(f.src[done:x.at])
		out.WriteString(x.text)
		done = x.at
	}
	out.Write(f.src[done:])
	out.WriteString(copies.String())
	src, err := format.Source([]byte(out.String()))
	if err != nil {
		return nil, fmt.Errorf("%s, with its mutants, is no Go: %w", f.name, err)
	}
	return src, nil
}

// call is the statement by which a function leaves its work to its copy.
func call(f *ast.FuncDecl, suffix string) string {
	var args []string
	for _, field := range f.Type.Params.List {
		for _, n := range field.Names {
			arg := n.Name
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				arg += "..."
			}
			args = append(args, arg)
		}
	}
	text := f.Name.Name + "_" + suffix + typeArguments(f) + "(" + strings.Join(args, ", ") + ")"
	if f.Recv != nil {
		text = f.Recv.List[0].Names[0].Name + "." + text
	}
	if f.Type.Results != nil {
		return "return " + text
	}
	return text + "\nreturn"
}

// typeArguments are those of a generic function. A call has to name them where no argument has the
// type.
func typeArguments(f *ast.FuncDecl) string {
	if f.Type.TypeParams == nil {
		return ""
	}
	var names []string
	for _, field := range f.Type.TypeParams.List {
		for _, n := range field.Names {
			names = append(names, n.Name)
		}
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// clone is the copy of a function with its fault in it.
func clone(fset *token.FileSet, s site, suffix string) string {
	offset := func(p token.Pos) int { return fset.Position(p).Offset }
	src := s.file.src
	nameEnd := offset(s.decl.Name.End())
	var out strings.Builder
	out.Write(src[offset(s.decl.Pos()):nameEnd])
	out.WriteString("_" + suffix)
	out.Write(src[nameEnd:offset(s.from)])
	out.WriteString(s.with)
	out.Write(src[offset(s.to):offset(s.decl.End())])
	return out.String()
}

// check finds the mutants that do not compile.
func check(fset *token.FileSet, imports types.Importer, root string, pkgs []*pkg, chosen []site) (map[int]bool, error) {
	broken := map[int]bool{}
	for _, p := range pkgs {
		var parsed []*ast.File
		for _, f := range p.files {
			src := string(f.src)
			for i, s := range chosen {
				if s.file == f {
					src += "\n" + clone(fset, s, name(i)) + "\n"
				}
			}
			if src == string(f.src) {
				parsed = append(parsed, f.ast)
				continue
			}
			tree, err := parser.ParseFile(fset, "mutants of "+f.name, src, parser.SkipObjectResolution)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
			parsed = append(parsed, tree)
		}
		c := types.Config{Importer: imports, Error: func(err error) {
			var e types.Error
			if !errors.As(err, &e) {
				return
			}
			for _, tree := range parsed {
				if tree.FileStart > e.Pos || e.Pos > tree.FileEnd {
					continue
				}
				for _, d := range tree.Decls {
					if fd, ok := d.(*ast.FuncDecl); ok && fd.Pos() <= e.Pos && e.Pos <= fd.End() {
						var n int
						if i := strings.LastIndex(fd.Name.Name, "_m"); i >= 0 {
							if _, err := fmt.Sscanf(fd.Name.Name[i:], "_m%d", &n); err == nil {
								broken[n-1] = true
							}
						}
					}
				}
			}
		}}
		_, _ = c.Check(p.path, fset, parsed, nil) // errors were counted
	}
	return broken, nil
}

// Overlay writes the patched files to a folder, and beside them the file for go build -overlay,
// whose name it returns. Root is the folder of the module.
func (d *Draw) Overlay(root, dir string) (string, error) {
	replace := map[string]string{}
	for name, src := range d.overlay {
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".patched")
		if err := os.WriteFile(to, src, 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(name))] = to
	}
	data, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "  ")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, data, 0o644)
}

// mutant describes a site, without a name.
func (s site) mutant(fset *token.FileSet) Mutant {
	return Mutant{
		Package: s.pkg.folder, Function: function(s.decl), Chapters: chapters(s.file), File: filepath.ToSlash(s.file.name),
		Line: fset.Position(s.from).Line, Kind: s.kind, From: text(fset, s.file, s.from, s.to), To: s.with, Nth: s.nth,
	}
}

// numbered tells the sites of a function apart that read the same.
func numbered(fset *token.FileSet, all []site) []site {
	seen := map[string]int{}
	for i, s := range all {
		key := string(s.kind) + "\x00" + text(fset, s.file, s.from, s.to) + "\x00" + s.with
		seen[key]++
		all[i].nth = seen[key]
	}
	return all
}
