// Package index says which functions of the Go reference obey which requirement, by the ids in
// its comments.
//
// An id has one form, LAT-TRAV-001. Several ids stand as LAT-TRAV-001, LAT-TRAV-002, and all ids
// of an area between two as LAT-TRAV-001 to LAT-TRAV-004. A number alone is no id.
package index

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"punchlist/spec"
)

// A Function obeys a requirement, as a comment in front of it or within it says.
type Function struct {
	Package  string // folder, relative to the root: "reference/peer"
	Receiver string // type of the receiver, without a star; empty: none
	Name     string // of the function, or of another declaration; empty: the comment is the file's
	File     string // relative to the root
	Line     int    // of the first comment that names the requirement
}

// String is such as "reference/peer.(Peer).Tick".
func (f Function) String() string {
	switch {
	case f.Name == "":
		return f.File
	case f.Receiver == "":
		return f.Package + "." + f.Name
	}
	return f.Package + ".(" + f.Receiver + ")." + f.Name
}

// An Index is what the comments of a working copy say.
type Index struct {
	functions map[string][]Function // by requirement
	Problems  []string              // comments that name what there is not, or not in the one form, with file and line
}

// Of lists the functions that obey a requirement, in the order of files and lines.
func (x *Index) Of(requirement string) []Function { return x.functions[requirement] }

// indexed is the folder whose functions are listed; the comments of all other folders
// are held to the same form.
const indexed = "reference/"

// Read reads all Go sources below a root but those of folders whose names begin with a dot, of
// node_modules and testdata. Known are the ids of requirements and deviations that there are. It
// fails where a source can't be parsed.
func Read(root fs.FS, known func(id string) bool) (*Index, error) {
	x := &Index{functions: map[string][]Function{}}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		case path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return x.read(name, text, known)
	})
	if err != nil {
		return nil, err
	}
	for _, all := range x.functions {
		slices.SortFunc(all, func(a, b Function) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line)) })
	}
	return x, nil
}

func (x *Index) read(name string, text []byte, known func(string) bool) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, group := range file.Comments {
		line := files.Position(group.Pos()).Line
		ids, problems := parse(group.Text(), known)
		for _, p := range problems {
			x.Problems = append(x.Problems, fmt.Sprintf("%s:%d: the comment %s", name, line, p))
		}
		if !strings.HasPrefix(name, indexed) || strings.HasSuffix(name, "_test.go") {
			continue
		}
		f := owner(file, group)
		f.Package, f.File, f.Line = path.Dir(name), name, line
		for _, id := range ids {
			same := func(o Function) bool { return o.File == f.File && o.Receiver == f.Receiver && o.Name == f.Name }
			if spec.IsID(id) && !slices.ContainsFunc(x.functions[id], same) {
				x.functions[id] = append(x.functions[id], f)
			}
		}
	}
	return nil
}

// owner is the declaration that a comment documents or stands in.
func owner(file *ast.File, group *ast.CommentGroup) Function {
	for _, d := range file.Decls {
		from, doc := d.Pos(), (*ast.CommentGroup)(nil)
		switch d := d.(type) {
		case *ast.FuncDecl:
			doc = d.Doc
		case *ast.GenDecl:
			doc = d.Doc
		}
		if doc != nil {
			from = doc.Pos()
		}
		if group.Pos() < from || group.Pos() >= d.End() && !sameLine(d, group) {
			continue
		}
		switch d := d.(type) {
		case *ast.FuncDecl:
			return Function{Receiver: receiver(d), Name: d.Name.Name}
		case *ast.GenDecl:
			return Function{Name: declared(d, group)}
		}
	}
	return Function{}
}

// sameLine reports whether a comment follows a declaration without anything in between that
// another declaration could own: a remark at the end of its last line.
func sameLine(d ast.Decl, group *ast.CommentGroup) bool {
	g, ok := d.(*ast.GenDecl)
	if !ok || len(g.Specs) == 0 {
		return false
	}
	v, ok := g.Specs[len(g.Specs)-1].(*ast.ValueSpec)
	return ok && v.Comment == group
}

// declared is the name in a declaration of types, constants or variables whose part a comment
// stands at; where it stands at the whole of several, the first.
func declared(d *ast.GenDecl, group *ast.CommentGroup) string {
	name := ""
	for _, s := range d.Specs {
		var own string
		doc := (*ast.CommentGroup)(nil)
		switch s := s.(type) {
		case *ast.TypeSpec:
			own, doc = s.Name.Name, s.Doc
		case *ast.ValueSpec:
			own, doc = s.Names[0].Name, s.Doc
		}
		from := s.Pos()
		if doc != nil {
			from = doc.Pos()
		}
		if name == "" || from <= group.Pos() {
			name = own
		}
	}
	return name
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	t := d.Recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.Name
		default:
			return ""
		}
	}
}

var (
	name      = regexp.MustCompile(`\b(LAT-[A-Z]+|DEV)-([0-9]+)\b`)
	between   = regexp.MustCompile(`\b(LAT-[A-Z]+|DEV)-([0-9]{3}) to (LAT-[A-Z]+|DEV)-([0-9]{3})\b`)
	shorthand = regexp.MustCompile(`\b(?:LAT-[A-Z]+|DEV)-[0-9]{3}(?:,| to| and| or|/|-|–) ?[0-9]{3}\b`)
)

// parse reads the ids in the text of a comment, with those inside of ranges, and says what is
// wrong with them.
func parse(text string, known func(string) bool) (ids, problems []string) {
	text = strings.Join(strings.Fields(text), " ")
	for _, found := range shorthand.FindAllString(text, -1) {
		problems = append(problems, fmt.Sprintf("says %q: write every id in full, and a range as LAT-TRAV-001 to LAT-TRAV-004", found))
	}
	add := func(id string) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, m := range between.FindAllStringSubmatch(text, -1) {
		if m[1] != m[3] || m[2] >= m[4] {
			problems = append(problems, fmt.Sprintf("says %q, which is no range: both ids must be of one area, the lower one first", m[0]))
			continue
		}
		for id := m[1] + "-" + m[2]; id <= m[1]+"-"+m[4]; id = next(id) {
			if known(id) {
				add(id)
			}
		}
	}
	for _, m := range name.FindAllStringSubmatch(text, -1) {
		if known(m[0]) {
			add(m[0])
		} else {
			problems = append(problems, fmt.Sprintf("names %s, which there is not", m[0]))
		}
	}
	return ids, problems
}

// next is the id with the number that follows.
func next(id string) string {
	at := len(id) - 3
	n := 0
	for _, c := range id[at:] {
		n = 10*n + int(c-'0')
	}
	return fmt.Sprintf("%s%03d", id[:at], n+1)
}
