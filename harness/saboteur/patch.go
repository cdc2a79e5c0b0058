package saboteur

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var placeForm = regexp.MustCompile(`^(reference(?:/\w+)+)\.(?:(\(\*\w+\)|\w+)\.)?(\w+)$`)

// anchor returns the key that names the place, and the anchor.
func (p *Patch) anchor() (key, text string, err error) {
	for _, a := range [][2]string{{"take", p.Take}, {"before", p.Before}, {"after", p.After}, {"top", p.Top}, {"bottom", p.Bottom}} {
		switch {
		case a[1] == "":
		case key != "":
			return "", "", fmt.Errorf("%s and %s: give one of them", key, a[0])
		default:
			key, text = a[0], a[1]
		}
	}
	if key == "" {
		return "", "", errors.New("one of take, before, after, top and bottom is required")
	}
	return key, text, nil
}

// check reports what is wrong with a patch, whatever the source.
func (p *Patch) check() error {
	if !placeForm.MatchString(p.In) {
		return fmt.Errorf("in: %q is no declaration of the reference: write reference/wire.Decode or reference/peer.(*Peer).publish", p.In)
	}
	key, text, err := p.anchor()
	if err != nil {
		return err
	}
	anchor, err := normal(text)
	if err != nil {
		return fmt.Errorf("%s: %q: %w", key, text, err)
	}
	opens, isClause := strings.HasSuffix(anchor, "{"), strings.HasSuffix(anchor, ":")
	inside := key == "top" || key == "bottom"
	switch {
	case inside && !opens && !isClause:
		return fmt.Errorf("%s: %q is no header", key, text)
	case key == "take" && (isClause || anchor == function || anchor == structure || anchor == "else {"):
		return fmt.Errorf("take: %q can't be replaced", text)
	case !inside && (anchor == function || anchor == structure || anchor == "else {"):
		return fmt.Errorf("%s: nothing can stand %s %q", key, key, anchor)
	case p.Nth < 0:
		return fmt.Errorf("nth: %d: it counts from 1", p.Nth)
	}
	switch {
	case anchor == structure:
		err = fields(p.Put)
	case key == "take" && opens:
		if _, err = normal(p.Put); err == nil && !strings.HasSuffix(strings.TrimSpace(p.Put), "{") {
			err = fmt.Errorf("%q is no header", p.Put)
		}
	case isClause && !inside, inside && strings.HasPrefix(anchor, "switch"), inside && strings.HasPrefix(anchor, "select"):
		_, err = clauses(p.Put)
	default:
		_, err = statements(p.Put)
	}
	if err != nil {
		return fmt.Errorf("put: %w", err)
	}
	return nil
}

// A source is a Go file that has declarations.
type source struct {
	name string // slash path
	text string
	file *ast.File
	set  *token.FileSet
}

// at gives the offset of a position.
func (s *source) at(p token.Pos) int { return s.set.Position(p).Offset }

// A declared is a declaration and its file, with what an anchor can name in it.
type declared struct {
	*source
	node  ast.Node
	spots []spot // made when they are asked for
}

// A tree reads the packages that patches are in, each once.
type tree struct {
	fsys     fs.FS
	packages map[string]map[string]*declared // by folder and by name
}

func (t *tree) find(in string) (*declared, error) {
	m := placeForm.FindStringSubmatch(in)
	if m == nil {
		return nil, fmt.Errorf("%q is no declaration of the reference", in)
	}
	folder, name := m[1], strings.TrimPrefix(in, m[1]+".")
	if _, ok := t.packages[folder]; !ok {
		p, err := read(t.fsys, folder)
		if err != nil {
			return nil, err
		}
		t.packages[folder] = p
	}
	d := t.packages[folder][name]
	if d == nil {
		names := slices.Collect(maps.Keys(t.packages[folder]))
		return nil, fmt.Errorf("the package has no %s; nearest: %s", name, strings.Join(nearest(name, names), ", "))
	}
	if d.node == nil {
		return nil, fmt.Errorf("the package has more than one %s", name)
	}
	if d.spots == nil {
		d.spots = index(d.node)
	}
	return d, nil
}

// read gives the declarations of a package by name. A name that is declared more than once, as for
// several operating systems, has no node.
func read(fsys fs.FS, folder string) (map[string]*declared, error) {
	entries, err := fs.ReadDir(fsys, folder)
	if err != nil {
		return nil, err
	}
	found := map[string]*declared{}
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".go" || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		name := path.Join(folder, e.Name())
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		s := &source{name: name, text: string(text), set: token.NewFileSet()}
		if s.file, err = parser.ParseFile(s.set, name, text, parser.SkipObjectResolution); err != nil {
			return nil, err
		}
		add := func(name string, n ast.Node) {
			if found[name] != nil {
				n = nil
			}
			found[name] = &declared{source: s, node: n}
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				add(receiver(d)+d.Name.Name, d)
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						add(spec.Name.Name, spec)
					case *ast.ValueSpec:
						for _, n := range spec.Names {
							add(n.Name, spec)
						}
					}
				}
			}
		}
	}
	return found, nil
}

// receiver gives what stands before a method's name, without type parameters.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	t := d.Recv.List[0].Type
	star, pointer := t.(*ast.StarExpr)
	if pointer {
		t = star.X
	}
	switch generic := t.(type) {
	case *ast.IndexExpr:
		t = generic.X
	case *ast.IndexListExpr:
		t = generic.X
	}
	if pointer {
		return "(*" + printed(t) + ")."
	}
	return printed(t) + "."
}

// An edit is a put and the part of a file that it replaces.
type edit struct {
	start, end int
	put        string
	by         string
}

// find gives the edit that a patch is in a declaration.
func (p *Patch) find(d *declared) (edit, error) {
	key, text, err := p.anchor()
	if err != nil {
		return edit{}, err
	}
	anchor, err := normal(text)
	if err != nil {
		return edit{}, err
	}
	expression, exprErr := parser.ParseExpr(p.Put)
	put := "\n" + strings.Trim(p.Put, "\n") + "\n"
	var found []edit
	for _, s := range d.spots {
		if s.text != anchor {
			continue
		}
		var e edit
		switch _, simple := s.node.(ast.Stmt); {
		case key == "take" && s.block[0].IsValid():
			e = edit{start: d.at(s.node.Pos()), end: d.at(s.block[0]), put: strings.TrimSpace(p.Put)}
		case key == "take" && (exprErr == nil || simple):
			e = edit{start: d.at(s.node.Pos()), end: d.at(s.node.End()), put: strings.TrimSpace(p.Put)}
			if !simple && loose(expression, s.node, s.parent) {
				e.put = "(" + e.put + ")"
			}
		case key == "before" && s.within != nil:
			e = edit{start: d.at(s.within.Pos()), put: put[1:]}
		case key == "after" && s.within != nil:
			e = edit{start: d.at(s.within.End()), put: put[:len(put)-1]}
		case key == "top" && s.block[0].IsValid():
			e = edit{start: d.at(s.block[0]), put: put}
		case key == "bottom" && s.block[1].IsValid():
			e = edit{start: d.at(s.block[1]), put: put}
		default:
			continue
		}
		e.end = max(e.start, e.end)
		if !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	switch {
	case len(found) == 0:
		var texts []string
		for _, s := range d.spots {
			if s.node == nil || s.block[0].IsValid() {
				texts = append(texts, s.text)
			} else if _, ok := s.node.(ast.Stmt); ok {
				texts = append(texts, s.text)
			}
		}
		return edit{}, fmt.Errorf("it has no %q to %s; nearest: %s", anchor, ways[key], quoted(nearest(anchor, texts)))
	case p.Nth > len(found):
		return edit{}, fmt.Errorf("it has %q %d times, so nth can't be %d", anchor, len(found), p.Nth)
	case p.Nth > 0:
		return found[p.Nth-1], nil
	case len(found) > 1:
		return edit{}, fmt.Errorf("it has %q %d times: give another anchor, or nth", anchor, len(found))
	}
	return found[0], nil
}

// ways are the keys in a sentence.
var ways = map[string]string{
	"take": "replace", "before": "put something before", "after": "put something after",
	"top": "put something at its beginning", "bottom": "put something at its end",
}

func quoted(texts []string) string {
	for i := range texts {
		texts[i] = fmt.Sprintf("%q", texts[i])
	}
	return strings.Join(texts, ", ")
}

// nearest gives up to three of the texts that share most pairs of letters with one.
func nearest(to string, texts []string) []string {
	pairs := func(s string) map[string]bool {
		all := map[string]bool{}
		for i := range len(s) - 1 {
			all[s[i:i+2]] = true
		}
		return all
	}
	want := pairs(to)
	score := func(s string) float64 {
		have, both := pairs(s), 0
		for p := range have {
			if want[p] {
				both++
			}
		}
		return float64(2*both) / float64(len(have)+len(want)+1)
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	slices.SortStableFunc(texts, func(a, b string) int { return cmp.Compare(score(b), score(a)) })
	return texts[:min(3, len(texts))]
}

// Patched returns the files that the saboteurs change, by their slash path, as they are then. fsys
// is the module's folder. The error joins one for each patch that does not apply.
func Patched(all []Saboteur, fsys fs.FS) (map[string][]byte, error) {
	t := &tree{fsys: fsys, packages: map[string]map[string]*declared{}}
	edits := map[*source][]edit{}
	imports := map[*source][]string{}
	var wrong []error
	for _, s := range all {
		for i := range s.Patches {
			p := &s.Patches[i]
			d, err := t.find(p.In)
			var e edit
			where := p.In
			if err == nil {
				where += " (" + d.set.Position(d.node.Pos()).String() + ")"
				e, err = p.find(d)
			}
			if err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %s: patch %d, in %s: %w", s.from, s.Name, i+1, where, err))
				continue
			}
			e.by = s.Name
			if strings.Contains(e.put, word) {
				e.put = strings.ReplaceAll(e.put, word, fmt.Sprintf("deviate.As(%q)", s.Name))
				imports[d.source] = append(imports[d.source], "punchlist/harness/saboteur/deviate")
			}
			edits[d.source] = append(edits[d.source], e)
			imports[d.source] = append(imports[d.source], p.Imports...)
		}
	}
	out := map[string][]byte{}
	for s, of := range edits { // order-free: each file for itself; the errors are sorted
		text, err := s.apply(of, imports[s])
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", s.name, err))
		}
		out[s.name] = text
	}
	slices.SortStableFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	return out, nil
}

// apply gives the text of a file with the edits.
func (s *source) apply(edits []edit, imports []string) ([]byte, error) {
	// What stands before a text comes before what stands instead of it.
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Or(a.start-b.start, a.end-b.end) })
	var out strings.Builder
	done, by := s.at(s.file.Name.End()), ""
	out.WriteString(s.text[:done])
	has := map[string]bool{}
	for _, i := range s.file.Imports {
		has[strings.Trim(i.Path.Value, `"`)] = true
	}
	for _, name := range imports {
		if !has[name] {
			has[name] = true
			fmt.Fprintf(&out, "\n\nimport %q\n", name)
		}
	}
	for _, e := range edits {
		if e.start < done {
			return nil, fmt.Errorf("%s and %s change the same place: give one of them another", by, e.by)
		}
		out.WriteString(s.text[done:e.start] + e.put)
		done, by = e.end, e.by
	}
	out.WriteString(s.text[done:])
	text, err := format.Source([]byte(out.String()))
	if err != nil {
		return nil, fmt.Errorf("patched, it is no Go: %w", err)
	}
	return text, nil
}

// Build compiles the reference with the patches, to find puts that do not fit. root is the folder
// of the module; the overlay is written to dir.
func Build(ctx context.Context, all []Saboteur, root, dir string) error {
	overlay, err := Overlay(all, root, dir)
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "./reference/...")
	c.Dir = root
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the patched reference: %w\n%s", err, bytes.TrimSpace(said))
	}
	return nil
}

// Overlay writes the patched files to a folder, and beside them the file for go build -overlay,
// whose name it returns. root is the folder of the module.
func Overlay(all []Saboteur, root, dir string) (string, error) {
	patched, err := Patched(all, os.DirFS(root))
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for _, file := range slices.Sorted(maps.Keys(patched)) {
		// No name of a Go file: the folder may be one of the module's.
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "-")+".patched")
		if err := os.WriteFile(to, patched[file], 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(root, filepath.FromSlash(file))] = to
	}
	overlay, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "  ")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, overlay, 0o644)
}
