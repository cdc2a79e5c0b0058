package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"punchlist/harness/mutant"
	"punchlist/spec/yamlstrict"
)

// An excuse is why a mutant need not be killed. It is found again by what the source reads, so that
// neither a line nor a file matters.
type excuse struct {
	Function string `yaml:"function"` // "(*Peer).handlePing"
	Kind     string `yaml:"mutation"` // a mutant.Kind
	From     string `yaml:"from"`
	To       string `yaml:"to"`
	Nth      int    `yaml:"nth"`    // among those of the function that read the same; 0: the first
	Excuse   string `yaml:"excuse"` // identical, freedom or speed
	Why      string `yaml:"why"`    // a sentence
}

// excusesFile is where the excuses stand, from the root.
const excusesFile = "reference/excuses.yaml"

// excuseKinds are the kinds that there are: no packet and no event is another one; the standard
// leaves what differs to the peer; or only the time that it takes differs.
var excuseKinds = []string{"identical", "freedom", "speed"}

func readExcuses(root string) ([]excuse, error) {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(excusesFile)))
	if err != nil {
		return nil, err
	}
	var doc struct {
		Excuses []excuse `yaml:"excuses"`
	}
	if err := yamlstrict.File(excusesFile).Decode(data, &doc, "the excuses", "write the key excuses"); err != nil {
		return nil, err
	}
	for i, e := range doc.Excuses {
		switch {
		case !slices.Contains(excuseKinds, e.Excuse):
			return nil, fmt.Errorf("%s: number %d (%s): excuse must be one of %s, got %q", excusesFile, i+1, e.Function, strings.Join(excuseKinds, ", "), e.Excuse)
		case strings.TrimSpace(e.Why) == "":
			return nil, fmt.Errorf("%s: number %d (%s): why is missing: say in a sentence why nobody can tell", excusesFile, i+1, e.Function)
		}
	}
	return doc.Excuses, nil
}

// checkExcuses fails on an excuse for a mutant that the sources give no longer.
func checkExcuses(listed []excuse, all []mutant.Mutant) error {
	var wrong []error
	for _, e := range listed {
		if !slices.ContainsFunc(all, e.of) {
			wrong = append(wrong, fmt.Errorf("%s: no source reads %q in %s any more: take the excuse out, or write what it reads now", excusesFile, e.From, e.Function))
		}
	}
	return errors.Join(wrong...)
}

// of reports whether an excuse is that of a mutant. White space does not count.
func (e excuse) of(m mutant.Mutant) bool {
	plain := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	return e.Function == m.Function && e.Kind == string(m.Kind) && plain(e.From) == plain(m.From) && plain(e.To) == plain(m.To) && max(e.Nth, 1) == m.Nth
}

// identicalTries is how many scenarios, probes and worlds that reached its function a mutant must
// have left as they are, byte for byte, to be excused as identical.
const identicalTries = 2000

// A count is what became of mutants.
type count struct {
	all, killed, unreached, survived int
	silent                           int // of those that survived: no capture was another one
	excused                          map[string]int
}

func (c *count) excuses() (n int) {
	for _, of := range c.excused { // order-free: a sum
		n += of
	}
	return n
}

func (c *count) add(x fate, excuse string) {
	c.all++
	switch {
	case x.Killed:
		c.killed++
	case excuse != "":
		if c.excused == nil {
			c.excused = map[string]int{}
		}
		c.excused[excuse]++
	case !x.Reached:
		c.unreached++
	default:
		c.survived++
		if !x.Differs {
			c.silent++
		}
	}
}

// wilson are the bounds, at 95 %, of the probability of what happened k times of n.
func wilson(k, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959964
	p, m := float64(k)/float64(n), float64(n)
	middle := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, middle-half), min(1, middle+half)
}

func (c *count) line(name string) string {
	of := c.all - c.excuses()
	low, high := wilson(c.killed, of)
	return fmt.Sprintf("%-18s %5d %7d %8d %9d %7d %10d   %5.1f %%  %5.1f to %5.1f %%", name, c.all, c.killed, c.excuses(), c.survived, c.silent, c.unreached,
		100*float64(c.killed)/float64(max(of, 1)), 100*low, 100*high)
}

// figure gives the sentence for the README.
func (c *count) figure(draw string) string {
	of := c.all - c.excuses()
	low, _ := wilson(c.killed, of)
	return fmt.Sprintf("Of %d random mutants of the draw %s %d were killed, %d excused, %d unreached and %d survived: %.1f %% of those without an excuse, at least %.1f %% by Wilson's 95 %% bound",
		c.all, draw, c.killed, c.excuses(), c.unreached, c.survived, 100*float64(c.killed)/float64(max(of, 1)), 100*low)
}

// excuseFor is the kind of a mutant's excuse; empty: it has none.
func excuseFor(m mutant.Mutant, x fate, all []excuse) string {
	if i := slices.IndexFunc(all, func(e excuse) bool { return e.of(m) }); i >= 0 {
		return all[i].Excuse
	}
	if x.Reached && !x.Differs && x.Tried >= identicalTries {
		return "identical"
	}
	return ""
}

// part is where a mutant is counted: its chapter, or its package where a file is of none.
func part(m mutant.Mutant) string {
	if len(m.Chapters) == 0 {
		return strings.TrimPrefix(m.Package, "reference/")
	}
	return fmt.Sprintf("chapter %2d", m.Chapters[0])
}

// conclude prints what came of it by chapter, and writes the survivors.
func (f randomFlags) conclude(root string, draw *mutant.Draw, names []string, done map[string]fate, out string, took time.Duration) error {
	listed, err := readExcuses(root)
	if err != nil {
		return err
	}
	if f.files == "" {
		if err := checkExcuses(listed, draw.All); err != nil {
			return err
		}
	}
	by := map[string]*count{}
	total := &count{}
	ways := map[string]int{}
	var survivors strings.Builder
	fmt.Fprintf(&survivors, "# Survivors of the draw %s\n", f.draw)
	for _, m := range draw.Mutants {
		x, ok := done[m.Name]
		if !ok || !slices.Contains(names, m.Name) {
			continue
		}
		if by[part(m)] == nil {
			by[part(m)] = &count{}
		}
		excused := excuseFor(m, x, listed)
		for _, c := range []*count{total, by[part(m)]} {
			c.add(x, excused)
		}
		if x.Killed {
			ways[x.How]++
			continue
		}
		verdict := x.String()
		if excused != "" {
			verdict = "excused: " + excused
		}
		fmt.Fprintf(&survivors, "\n## %s: %s, %s\n\n%s:%d, `%s`, number %d that reads so; %d scenarios and worlds.\n\n```diff\n-%s\n+%s\n```\n",
			m.Name, verdict, m.Kind, m.File, m.Line, m.Function, m.Nth, x.Tried, indented(m.From), indented(m.To))
	}
	fmt.Printf("%-18s %5s %7s %8s %9s %7s %10s   %7s  %s\n", "", "all", "killed", "excused", "survived", "silent", "unreached", "killed", "95 % bounds, without the excused")
	for _, name := range slices.Sorted(maps.Keys(by)) {
		fmt.Println(by[name].line(name))
	}
	fmt.Println(total.line("all"))
	fmt.Printf("silent: of those that survived, without a difference in any capture; excused: identical %d, freedom %d, speed %d\n",
		total.excused["identical"], total.excused["freedom"], total.excused["speed"])
	fmt.Printf("draw %s: %d sites, %d drawn, %d left out that do not compile; by a death %d, by a hang %d; %.0f s\n",
		f.draw, draw.Sites, len(draw.Mutants), draw.Stillborn, ways["death"], ways["hang"], took.Seconds())
	fmt.Println(total.figure(f.draw))
	file := filepath.Join(out, "survivors.md")
	if err := os.WriteFile(file, []byte(survivors.String()), 0o644); err != nil {
		return err
	}
	fmt.Println("survivors:", file)
	return f.judged(total)
}

// judged holds the count against what is required.
func (f randomFlags) judged(total *count) error {
	var wrong []error
	if share := float64(total.killed) / float64(max(total.all-total.excuses(), 1)); share < f.least {
		wrong = append(wrong, fmt.Errorf("%w: %.3f of the mutants without an excuse were killed, %.3f is required", errGap, share, f.least))
	}
	if total.killed < f.killed {
		wrong = append(wrong, fmt.Errorf("%w: %d mutants were killed, %d are required", errGap, total.killed, f.killed))
	}
	if f.check != "" {
		text, err := os.ReadFile(f.check)
		if err != nil {
			return err
		}
		if figure := total.figure(f.draw); !bytes.Contains(bytes.Join(bytes.Fields(text), []byte(" ")), []byte(figure)) {
			wrong = append(wrong, fmt.Errorf("%w: %s must say %q", errFigure, f.check, figure))
		}
	}
	return errors.Join(wrong...)
}
