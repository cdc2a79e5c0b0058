// Package models holds formal models of parts of the protocol, in Promela; its
// tests have spin check them, and show that it finds what a mutated model does
// wrong.
package models

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/testkit/testenv"
)

const (
	maxDepth  = 100_000 // steps of one run of a model; spin says when that is too few
	megabytes = 1_500   // of memory for one search
	atMost    = 5 * time.Minute
)

// safety is the property that every model has without a formula: no assertion
// is violated, and every run ends where it may.
const safety = "safety"

// A check is a search of all states of a model, with parameters, for a violation
// of a property.
type check struct {
	model    string
	defines  string // as spin and the C preprocessor take them, separated by spaces
	property string // safety, or the name of a formula in the model
	finds    string // what must be found: one of the errors below; empty: nothing
	why      string
}

// What spin calls the errors that it finds.
const (
	assertion = "assertion violated"
	cycle     = "acceptance cycle"
	stuck     = "invalid end state"
)

// A search is what pan, the program that spin makes of a model, says of it.
type search struct {
	errors              int
	found               []string // the errors
	stored, transitions float64
	depth               int
	truncated           bool // not all states were visited
	elapsed             time.Duration
}

var (
	countOf = map[string]*regexp.Regexp{
		"errors":      regexp.MustCompile(`errors: (\d+)`),
		"depth":       regexp.MustCompile(`depth reached (\d+)`),
		"stored":      regexp.MustCompile(`(?m)^\s*([0-9.e+]+) states, stored`),
		"transitions": regexp.MustCompile(`(?m)^\s*([0-9.e+]+) transitions`),
	}
	foundError = regexp.MustCompile(`(?m)^pan:\d+: (.*)$`)
	incomplete = regexp.MustCompile(`max search depth too small|out of memory|reached -DMEMLIM|hashtable.*full|Search not completed|Interrupted|VECTORSZ`)
)

// parse reads the output of pan. It returns an error if a count is missing.
func parse(output string) (s search, err error) {
	counts := map[string]float64{}
	for name, pattern := range countOf {
		m := pattern.FindStringSubmatch(output)
		if m == nil {
			return s, fmt.Errorf("pan says nothing of %s; read what it printed:\n%s", name, output)
		}
		if counts[name], err = strconv.ParseFloat(m[1], 64); err != nil {
			return s, fmt.Errorf("pan's count of %s: %w", name, err)
		}
	}
	for _, m := range foundError.FindAllStringSubmatch(output, -1) {
		s.found = append(s.found, m[1])
	}
	s.errors, s.depth = int(counts["errors"]), int(counts["depth"])
	s.stored, s.transitions = counts["stored"], counts["transitions"]
	// Of a search that ends at an error pan says that it was not completed, too.
	s.truncated = incomplete.MatchString(output) && s.errors == 0
	return s, nil
}

// run makes a program of a model and has it visit all states, in runs of up to
// depth steps.
func (c check) run(t *testing.T, depth int) search {
	ctx, cancel := context.WithTimeout(context.Background(), atMost)
	defer cancel()
	dir := t.TempDir()
	// Read here, so that go test knows when what it remembers is of another model.
	source, err := os.ReadFile(c.model)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, c.model), source, 0o666))
	tool := func(name string, arguments ...string) string {
		cmd := exec.CommandContext(ctx, name, arguments...)
		cmd.Dir = dir
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %s:\n%s", name, strings.Join(arguments, " "), output)
		return string(output)
	}
	tool("spin", append(strings.Fields(c.defines), "-a", c.model)...)
	gcc := []string{"-w", fmt.Sprintf("-DMEMLIM=%d", megabytes), "-o", "pan", "pan.c"}
	if c.finds == "" {
		gcc = append(gcc, "-O2")
	}
	pan := []string{fmt.Sprintf("-m%d", depth), "-w22"}
	if c.property == safety {
		gcc = append(gcc, "-DSAFETY", "-DNOCLAIM")
	} else {
		pan = append(pan, "-a", "-N", c.property)
	}
	tool("gcc", gcc...)
	start := time.Now()
	s, err := parse(tool("./pan", pan...))
	require.NoError(t, err)
	s.elapsed = time.Since(start)
	return s
}

func requireSpin(t *testing.T) {
	t.Helper()
	testenv.SkipShort(t, "spin searches all states of a model")
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			testenv.Missing(t, "spin", fmt.Sprintf("the models are checked by spin: %v; install the packages spin and gcc", err))
		}
	}
}

func TestModels(t *testing.T) {
	if os.Getenv("PUNCHLIST_MODELS") == "" {
		t.Skipf("%d searches take two minutes: make models does them, with PUNCHLIST_MODELS=1", len(checks))
	}
	requireSpin(t)
	searches := make([]search, len(checks))
	t.Run("checks", func(t *testing.T) {
		for i, c := range checks {
			t.Run(strings.Join([]string{c.model, c.property, c.defines}, " "), func(t *testing.T) {
				t.Parallel()
				s := c.run(t, maxDepth)
				searches[i] = s
				require.False(t, s.truncated, "pan has not visited all states: raise maxDepth or megabytes, or make the model smaller")
				if c.finds == "" {
					require.Zero(t, s.errors, "%s\nspin found %q; README.md says how to see the run", c.why, s.found)
					return
				}
				require.Positive(t, s.errors, "%s: this model is wrong on purpose, and spin has found nothing", c.why)
				require.True(t, strings.HasPrefix(s.found[0], c.finds), "spin must find %q, and found %q", c.finds, s.found)
			})
		}
	})
	t.Log("\n" + table(searches))
}

// table shows the counts of all searches that were done.
func table(searches []search) string {
	var text bytes.Buffer
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "model\tproperty\tparameters\tfound\tstates stored\ttransitions\tdepth\tseconds")
	for i, c := range checks {
		s := searches[i]
		if s.stored == 0 {
			continue
		}
		found := "nothing, as it must"
		switch {
		case s.errors > 0 && c.finds != "":
			found = c.finds + ", as it must"
		case s.errors > 0:
			found = strings.Join(s.found, "; ")
		case c.finds != "":
			found = "nothing"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.0f\t%.0f\t%d\t%.1f\n", c.model, c.property, c.defines, found, s.stored, s.transitions, s.depth, s.elapsed.Seconds())
	}
	w.Flush()
	return text.String()
}

func TestModelsAreSearchedToTheirEnd(t *testing.T) {
	requireSpin(t)
	c := check{model: "sync.pml", defines: "-DLOSSES=0", property: safety}
	require.False(t, c.run(t, maxDepth).truncated)
	require.True(t, c.run(t, 50).truncated)
}

// pan says of a search that ended at an error that it was not completed, which
// is no search that was cut short.
func TestWhatPanSays(t *testing.T) {
	const counts = "State-vector 28 byte, depth reached 50, errors: %s\n     1.5e+03 states, stored\n     20 transitions (= stored+matched)\n"
	s, err := parse("pan:1: invalid end state (at depth 7)\nWarning: Search not completed\n" + fmt.Sprintf(counts, "1"))
	require.NoError(t, err)
	require.Equal(t, search{errors: 1, found: []string{stuck + " (at depth 7)"}, stored: 1500, transitions: 20, depth: 50}, s)

	s, err = parse("error: max search depth too small\n" + fmt.Sprintf(counts, "0"))
	require.NoError(t, err)
	require.True(t, s.truncated)

	_, err = parse("segmentation fault")
	require.ErrorContains(t, err, "pan says nothing of")
}
