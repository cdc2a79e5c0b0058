package saboteur

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"strings"
)

// function and structure are the headers of a declaration's own body.
const (
	function  = "func {"
	structure = "struct {"
)

// printed gives a node as go/printer prints it. With an empty set of files no node has a line, so
// that the line breaks of the source do not show.
func printed(n any) string {
	var b strings.Builder
	if err := printer.Fprint(&b, token.NewFileSet(), n); err != nil {
		return ""
	}
	return b.String()
}

// header gives the header of a statement or a function literal, and the block behind it; empty
// for a node without one.
func header(n ast.Node) (string, *ast.BlockStmt) {
	bare := &ast.BlockStmt{}
	cut := func(n any) string { return strings.TrimSpace(strings.TrimSuffix(printed(n), "}")) }
	switch n := n.(type) {
	case *ast.IfStmt:
		return cut(&ast.IfStmt{Init: n.Init, Cond: n.Cond, Body: bare}), n.Body
	case *ast.ForStmt:
		return cut(&ast.ForStmt{Init: n.Init, Cond: n.Cond, Post: n.Post, Body: bare}), n.Body
	case *ast.RangeStmt:
		c := *n
		c.Body = bare
		return cut(&c), n.Body
	case *ast.SwitchStmt:
		return cut(&ast.SwitchStmt{Init: n.Init, Tag: n.Tag, Body: bare}), n.Body
	case *ast.TypeSwitchStmt:
		return cut(&ast.TypeSwitchStmt{Init: n.Init, Assign: n.Assign, Body: bare}), n.Body
	case *ast.SelectStmt:
		return "select {", n.Body
	case *ast.FuncLit:
		return cut(&ast.FuncLit{Type: n.Type, Body: bare}), n.Body
	}
	return "", nil
}

// clause gives the header of a clause of a switch or select.
func clause(n ast.Node) string {
	switch n := n.(type) {
	case *ast.CaseClause:
		return strings.TrimSpace(printed(&ast.CaseClause{List: n.List}))
	case *ast.CommClause:
		return strings.TrimSpace(printed(&ast.CommClause{Comm: n.Comm}))
	}
	return ""
}

func statements(text string) ([]ast.Stmt, error) {
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p; func _() {\n"+text+"\n}", parser.SkipObjectResolution)
	if err != nil {
		return nil, bare(err)
	}
	if len(f.Decls) != 1 {
		return nil, errors.New("its braces do not match")
	}
	return f.Decls[0].(*ast.FuncDecl).Body.List, nil
}

func clauses(text string) ([]ast.Stmt, error) {
	list, err := statements("switch {\n" + text + "\n}")
	if err != nil {
		return nil, err
	}
	return list[0].(*ast.SwitchStmt).Body.List, nil
}

func fields(text string) error {
	_, err := parser.ParseExpr("struct {\n" + text + "\n}")
	return bare(err)
}

// bare drops the position from a parser's error: it is one of a text that only this package saw.
func bare(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if _, behind, ok := strings.Cut(text, ": "); ok {
		text = behind
	}
	return errors.New(text)
}

// normal gives an anchor in the form in which an index has its nodes.
func normal(anchor string) (string, error) {
	text := strings.TrimSpace(anchor)
	switch strings.Join(strings.Fields(text), " ") {
	case function, structure, "else {":
		return strings.Join(strings.Fields(text), " "), nil
	}
	switch {
	case strings.HasSuffix(text, "{"):
		if e, err := parser.ParseExpr(text + "}"); err == nil {
			if head, block := header(e); block != nil {
				return head, nil
			}
		}
		list, err := statements(text + "\n}")
		if err != nil {
			return "", err
		}
		if len(list) == 1 {
			if head, block := header(list[0]); block != nil {
				return head, nil
			}
		}
		return "", errors.New("it is no header")
	case strings.HasSuffix(text, ":") && (strings.HasPrefix(text, "case") || strings.HasPrefix(text, "default")):
		list, err := clauses(text)
		if err != nil {
			return "", err
		}
		if len(list) != 1 {
			return "", errors.New("it is more than one clause")
		}
		return clause(list[0]), nil
	}
	if e, err := parser.ParseExpr(text); err == nil {
		return printed(e), nil
	}
	list, err := statements(text)
	if err != nil {
		return "", err
	}
	if len(list) != 1 {
		return "", fmt.Errorf("it is %d statements: name one", len(list))
	}
	if head, block := header(list[0]); block != nil {
		return "", fmt.Errorf("it has a block: name the header alone, %q", head)
	}
	return printed(list[0]), nil
}

// A spot is a node of a declaration that an anchor can name.
type spot struct {
	text   string   // see normal
	node   ast.Node // nil for a header without a node of its own: else, func, struct
	parent ast.Node
	within ast.Stmt // innermost member of a list of statements, or the clause itself
	block  [2]token.Pos
}

// index lists the spots of a declaration, an *ast.FuncDecl or a spec, without signatures.
func index(decl ast.Node) []spot {
	var spots []spot
	var parents []ast.Node // from the declaration to the node that is visited
	var members []ast.Stmt // the innermost member at each depth
	list := map[ast.Stmt]bool{}
	listed := func(l []ast.Stmt) {
		for _, s := range l {
			list[s] = true
		}
	}
	ast.Inspect(decl, func(n ast.Node) bool {
		if n == nil {
			parents, members = parents[:len(parents)-1], members[:len(members)-1]
			return false
		}
		if _, signature := n.(*ast.FuncType); signature {
			return false
		}
		var parent ast.Node
		var within ast.Stmt
		if len(parents) > 0 {
			parent, within = parents[len(parents)-1], members[len(members)-1]
		}
		if s, ok := n.(ast.Stmt); ok && list[s] {
			within = s
		} else if c, ok := parent.(*ast.IfStmt); ok && c.Else == n {
			within = nil // nothing can stand before an else
		}
		parents, members = append(parents, n), append(members, within)
		add := func(text string, node ast.Node, within ast.Stmt, from, to token.Pos) {
			spots = append(spots, spot{text, node, parent, within, [2]token.Pos{from, to}})
		}

		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Body != nil {
				add(function, nil, nil, n.Body.Lbrace+1, n.Body.Rbrace)
			}
			return true
		case *ast.StructType:
			if parent == decl {
				add(structure, nil, nil, n.Fields.Opening+1, n.Fields.Closing)
			}
		case *ast.BlockStmt:
			// The clauses of a switch are members only for an anchor that names a clause.
			if c, ok := parent.(*ast.IfStmt); ok && c.Else == n {
				add("else {", nil, nil, n.Lbrace+1, n.Rbrace)
			}
			if !isSwitch(parent) {
				listed(n.List)
			}
			return true
		case *ast.CaseClause:
			listed(n.Body)
			add(clause(n), n, n, n.Colon+1, n.End())
			return true
		case *ast.CommClause:
			listed(n.Body)
			add(clause(n), n, n, n.Colon+1, n.End())
			return true
		}
		if head, block := header(n); block != nil {
			add(head, n, within, block.Lbrace+1, block.Rbrace)
			if _, literal := n.(*ast.FuncLit); !literal {
				return true
			}
		}
		switch n := n.(type) {
		case ast.Stmt:
			add(printed(n), n, within, 0, 0)
		case ast.Expr:
			if s, ok := parent.(*ast.SelectorExpr); ok && s.Sel == n {
				break
			}
			if s, ok := parent.(*ast.ExprStmt); ok && s.X == n {
				break // the statement is listed
			}
			add(printed(n), n, within, 0, 0)
		}
		return true
	})
	return spots
}

func isSwitch(n ast.Node) bool {
	switch n.(type) {
	case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt:
		return true
	}
	return false
}

// loose reports whether an expression needs parentheses in place of the node.
func loose(e ast.Expr, node ast.Node, parent ast.Node) bool {
	binary, ok := e.(*ast.BinaryExpr)
	if !ok {
		return false
	}
	switch p := parent.(type) {
	case *ast.BinaryExpr:
		if p.X == node || p.Op == binary.Op && (p.Op == token.LAND || p.Op == token.LOR) {
			return binary.Op.Precedence() < p.Op.Precedence()
		}
		return binary.Op.Precedence() <= p.Op.Precedence()
	case *ast.UnaryExpr, *ast.StarExpr, *ast.SelectorExpr, *ast.TypeAssertExpr:
		return true
	case *ast.CallExpr:
		return p.Fun == node
	case *ast.IndexExpr:
		return p.X == node
	case *ast.SliceExpr:
		return p.X == node
	}
	return false
}
