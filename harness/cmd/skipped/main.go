// Skipped lists the tests that a run of go test skipped, by what they lack, and
// says how to enable them. It reads what go test -json wrote.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"punchlist/harness/testkit/testenv"
)

func main() {
	perPackage := flag.Bool("per-package", false, "fail if no test of a package passed")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: skipped [--per-package] FILE    (what go test -json wrote)")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := report(os.Stdout, flag.Arg(0), *perPackage); err != nil {
		fmt.Fprintln(os.Stderr, "skipped:", err)
		os.Exit(1)
	}
}

func report(out io.Writer, name string, perPackage bool) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	r, err := read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	r.print(out)
	if without := r.packagesWithout(); perPackage && len(without) > 0 {
		return fmt.Errorf("no test passed in %s: each package needs a test that runs everywhere, in short mode too",
			strings.Join(without, ", "))
	}
	return nil
}

// An event is a line of go test -json, as cmd/test2json documents it.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// A skip is a reason for which tests were skipped.
type skip struct {
	lacks    string // as testenv.Missing names it; empty: another reason
	why      string // of the first test
	tests    int
	packages []string
}

// A run is what its events say.
type run struct {
	passed map[string]int // tests that passed, by package
	skips  []*skip        // those that lack something first, the most tests first
}

// read takes events until there are no more.
func read(in io.Reader) (*run, error) {
	type test struct{ pkg, name string }
	r := &run{passed: map[string]int{}}
	output := map[test]*strings.Builder{}
	byReason := map[string]*skip{}
	for d := json.NewDecoder(bufio.NewReader(in)); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("reading the events of go test -json: %w", err)
		}
		if e.Test == "" {
			if e.Action == "start" {
				r.passed[e.Package] += 0
			}
			continue
		}
		of := test{e.Package, e.Test}
		switch e.Action {
		case "output":
			if output[of] == nil {
				output[of] = &strings.Builder{}
			}
			output[of].WriteString(e.Output)
		case "pass":
			r.passed[e.Package]++
			delete(output, of)
		case "fail":
			delete(output, of)
		case "skip":
			text := ""
			if output[of] != nil {
				text = output[of].String()
			}
			lacks, why := reason(text)
			key := cmp.Or(lacks, why)
			s := byReason[key]
			if s == nil {
				s = &skip{lacks: lacks, why: why}
				byReason[key] = s
				r.skips = append(r.skips, s)
			}
			s.tests++
			if !slices.Contains(s.packages, e.Package) {
				s.packages = append(s.packages, e.Package)
			}
		}
	}
	if len(r.passed) == 0 {
		return nil, errors.New("it has no event of a package; is it what go test -json wrote?")
	}
	slices.SortStableFunc(r.skips, func(a, b *skip) int {
		return cmp.Or(cmp.Compare(btoi(a.lacks == ""), btoi(b.lacks == "")), cmp.Compare(b.tests, a.tests), cmp.Compare(a.why, b.why))
	})
	return r, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

var (
	frame = regexp.MustCompile(`^(=== (RUN|PAUSE|CONT|NAME)|\s*--- )`)
	place = regexp.MustCompile(`^\S+\.go:\d+: `)
)

// reason is why a test was skipped, on one line, and what it lacks, if
// testenv.Missing skipped it.
func reason(output string) (lacks, why string) {
	var words []string
	for line := range strings.Lines(output) {
		if !frame.MatchString(line) {
			words = append(words, strings.Fields(place.ReplaceAllString(strings.TrimSpace(line), ""))...)
		}
	}
	why = strings.Join(words, " ")
	if m := testenv.Lack.FindStringSubmatch(why); m != nil {
		return m[1], why[len(m[0]):]
	}
	return "", cmp.Or(why, "no reason was given")
}

// print lists what was skipped. A run that skipped nothing prints one line too,
// so that silence never stands for it.
func (r *run) print(out io.Writer) {
	if len(r.skips) == 0 {
		fmt.Fprintln(out, "No test was skipped.")
		return
	}
	tests := 0
	var lacking []string
	for _, s := range r.skips {
		tests += s.tests
		if s.lacks != "" {
			lacking = append(lacking, s.lacks)
		}
	}
	fmt.Fprintf(out, "Skipped: %s\n", plural(tests, "test"))
	for _, s := range r.skips {
		what := s.why
		if s.lacks != "" {
			what = "needs " + s.lacks + ": " + s.why
		}
		fmt.Fprintf(out, "  %s\n      %s of %s\n", what, plural(s.tests, "test"), strings.Join(short(s.packages), ", "))
	}
	if len(lacking) > 0 {
		fmt.Fprintf(out, "To run these too: make test-deps installs what apt and npm have.\n"+
			"With %s=%s a test that lacks one of them fails.\n", testenv.Variable, strings.Join(lacking, ","))
	}
}

// packagesWithout are the packages none of whose tests passed.
func (r *run) packagesWithout() (names []string) {
	for name, passed := range r.passed {
		if passed == 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return short(names)
}

// short are the packages' folders.
func short(packages []string) (folders []string) {
	for _, p := range packages {
		folders = append(folders, strings.TrimPrefix(p, "punchlist/"))
	}
	return folders
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
