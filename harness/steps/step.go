package steps

import (
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strings"

	"github.com/cucumber/godog"

	"punchlist/harness/verdict"
)

// A definition binds an expression to what it means. Its id stays when the
// expression is reworded: known failures name it.
type definition struct {
	id         string // AREA/words, AREA being that of the requirements (trav), or lab
	expression *regexp.Regexp
	does       reflect.Value // func(*World, …) without results
}

// definitions is the whole language of features/. A test holds that each step of
// the features matches exactly one expression, and that each is used.
var definitions []definition

// step adds a definition: each file of a chapter declares its own, right above
// what they do. The function takes the World and one argument for each group of
// the expression, as godog converts them. It returns nothing: it fails by
// w.violated, w.unfit, fail or must.
func step(id, expression string, does any) definition {
	d := definition{id, regexp.MustCompile(expression), reflect.ValueOf(does)}
	definitions = append(definitions, d)
	return d
}

// Register puts the step definitions into a scenario.
func (w *World) Register(sc *godog.ScenarioContext) {
	for _, d := range definitions {
		sc.Step(d.expression, d.handler(w))
	}
}

// StepID is the id of the one expression that the text of a step matches, its
// keyword left out; empty if none or several do.
func (w *World) StepID(text string) string {
	id, _ := match(text)
	return id
}

// StepArguments are what that expression captures of the text.
func (w *World) StepArguments(text string) []string {
	_, arguments := match(text)
	return arguments
}

func match(text string) (id string, arguments []string) {
	for _, d := range definitions {
		groups := d.expression.FindStringSubmatch(text)
		switch {
		case groups == nil:
		case id != "":
			return "", nil
		default:
			id, arguments = d.id, groups[1:]
		}
	}
	return id, arguments
}

var errorType = reflect.TypeFor[error]()

// handler is the definition as godog calls it: with an error for how it failed.
func (d definition) handler(w *World) any {
	var takes []reflect.Type
	for i := 1; i < d.does.Type().NumIn(); i++ {
		takes = append(takes, d.does.Type().In(i))
	}
	returns := reflect.FuncOf(takes, []reflect.Type{errorType}, false)
	return reflect.MakeFunc(returns, func(args []reflect.Value) []reflect.Value {
		err := caught(func() { d.does.Call(append([]reflect.Value{reflect.ValueOf(w)}, args...)) })
		return []reflect.Value{reflect.ValueOf(&err).Elem()}
	}).Interface()
}

// A failure is what a step panics with when it has come to its verdict.
type failure struct{ verdict error }

// caught runs a step and returns the verdict that it failed with. Any other panic
// is a defect of the step, so that the lab has failed.
func caught(do func()) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			err = r.verdict
		default:
			err = &verdict.LabFailed{Text: fmt.Sprintf("panic: %v\n%s", r, panicking())}
		}
	}()
	do()
	return nil
}

// panicking is where the panic that is being recovered began, innermost call
// first, with godog and all below it left out.
func panicking() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	var where []string
	for began := false; ; {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			began, where = true, nil
		case began && strings.HasPrefix(f.Function, "reflect."), !more:
			return strings.Join(where, "\n")
		case began:
			where = append(where, fmt.Sprintf("%s (%s:%d)", f.Function, f.File, f.Line))
		}
	}
}
