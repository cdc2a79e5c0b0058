package mutant

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strings"
)

// shifted are comparisons by what stands for each of them.
var shifted = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR}, token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
}

// sites are the places of a function where a mutant can be made, in the order of the source.
func sites(fset *token.FileSet, p *pkg, f *file, fd *ast.FuncDecl) (all []site) {
	add := func(kind Kind, from, to token.Pos, with string) {
		all = append(all, site{p, f, fd, from, to, with, kind, 0})
	}
	src := func(n ast.Node) string { return text(fset, f, n.Pos(), n.End()) }
	statements := func(list []ast.Stmt) {
		for _, s := range list {
			switch s := s.(type) {
			case *ast.ExprStmt, *ast.IncDecStmt, *ast.BranchStmt, *ast.DeferStmt:
				add(Removed, s.Pos(), s.End(), "")
			case *ast.AssignStmt:
				if s.Tok != token.DEFINE {
					add(Removed, s.Pos(), s.End(), "")
				}
			case *ast.IfStmt:
				add(Removed, s.Pos(), s.End(), "")
			case *ast.ReturnStmt:
				if len(s.Results) == 0 {
					add(Removed, s.Pos(), s.End(), "")
				}
			}
		}
	}
	ast.Inspect(fd.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			statements(n.List)
		case *ast.CaseClause:
			statements(n.Body)
			if len(n.List) > 1 {
				for i, e := range n.List {
					from, to := e.Pos(), e.End()
					if i > 0 {
						from = n.List[i-1].End()
					} else {
						to = n.List[1].Pos()
					}
					add(Dropped, from, to, "")
				}
			}
		case *ast.BinaryExpr:
			switch n.Op {
			case token.LAND, token.LOR, token.ADD, token.SUB, token.MUL, token.OR, token.AND:
				if isConst(p, n) {
					break
				}
				add(Dropped, n.Pos(), n.End(), src(n.X))
				if n.Op != token.SUB {
					add(Dropped, n.Pos(), n.End(), src(n.Y))
				}
			}
			for _, op := range shifted[n.Op] {
				add(Shifted, n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), op.String())
			}
		case *ast.UnaryExpr:
			if n.Op == token.NOT {
				add(Dropped, n.Pos(), n.End(), src(n.X))
			}
		case *ast.BasicLit:
			if n.Kind == token.INT && n.Value != "0" {
				add(OffByOne, n.Pos(), n.End(), "("+n.Value+" + 1)")
				add(OffByOne, n.Pos(), n.End(), "("+n.Value+" - 1)")
			}
		case *ast.Ident:
			obj := p.info.Uses[n]
			switch obj := obj.(type) {
			case *types.Const:
				if v := obj.Val(); v != nil && v.Kind() == constant.Int && obj.Name() != "true" && obj.Name() != "false" && obj.Pkg() == p.types && !flag(obj) {
					add(OffByOne, n.Pos(), n.End(), "("+n.Name+" + 1)")
					add(OffByOne, n.Pos(), n.End(), "("+n.Name+" - 1)")
				}
			case *types.Var:
				if other := sameType(p, fd, n, obj); other != "" {
					add(OtherVar, n.Pos(), n.End(), other)
				}
			}
		case *ast.CompositeLit:
			all = append(all, keyParts(p, f, fd, n)...)
		}
		return true
	})
	return all
}

func isConst(p *pkg, e ast.Expr) bool { return p.info.Types[e].Value != nil }

// flag reports whether a constant is one of an enumeration or a set of bits, where one more is no
// small mistake but another name.
func flag(c *types.Const) bool {
	_, basic := c.Type().(*types.Basic)
	return !basic
}

// sameType is another parameter or result of the function with the type of a variable.
func sameType(p *pkg, fd *ast.FuncDecl, n *ast.Ident, v *types.Var) string {
	if v.IsField() || v.Pkg() != p.types || v.Parent() == p.types.Scope() {
		return ""
	}
	for _, l := range []*ast.FieldList{fd.Recv, fd.Type.Params} {
		if l == nil {
			continue
		}
		for _, field := range l.List {
			for _, other := range field.Names {
				o := p.info.Defs[other]
				if o != nil && o != types.Object(v) && types.Identical(o.Type(), v.Type()) {
					return other.Name
				}
			}
		}
	}
	return ""
}

// keyParts leave a component out of a key: a composite literal by which a map or table is indexed.
func keyParts(p *pkg, f *file, fd *ast.FuncDecl, n *ast.CompositeLit) (all []site) {
	t := p.info.Types[n].Type
	named, ok := t.(*types.Named)
	if !ok || len(n.Elts) < 2 || !strings.HasSuffix(strings.ToLower(named.Obj().Name()), "key") && !strings.Contains(strings.ToLower(named.Obj().Name()), "key") {
		return nil
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok || !types.Comparable(st) {
		return nil
	}
	for i, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			end := kv.End()
			if i+1 < len(n.Elts) {
				end = n.Elts[i+1].Pos()
			}
			all = append(all, site{p, f, fd, kv.Pos(), end, "", KeyDropped, 0})
			continue
		}
		if i < st.NumFields() {
			if zero := zeroOf(p, st.Field(i).Type()); zero != "" {
				all = append(all, site{p, f, fd, e.Pos(), e.End(), zero, KeyDropped, 0})
			}
		}
	}
	return all
}

func zeroOf(p *pkg, t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsNumeric != 0:
			return "0"
		case u.Info()&types.IsString != 0:
			return `""`
		case u.Info()&types.IsBoolean != 0:
			return "false"
		}
	case *types.Array, *types.Struct:
		return types.TypeString(t, func(o *types.Package) string {
			if o == p.types {
				return ""
			}
			return o.Name()
		}) + "{}"
	}
	return ""
}
