package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"punchlist/features"
	"punchlist/harness/explore"
	"punchlist/harness/lab"
	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
	"punchlist/harness/probe"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/saboteur"
	"punchlist/harness/saboteur/deviate"
	"punchlist/harness/suite"
	"punchlist/harness/verdict"
	"punchlist/spec"
)

// workingRandom is the command by which the program that has the mutants in it judges one.
const workingRandom = "work-random"

// A baseline is what the reference does without a fault.
type baseline struct {
	Scenarios []baseScenario // the cheapest first
	Worlds    []baseWorld
}

type baseScenario struct {
	Key     string
	Hash    string   // of its capture
	Reaches []string // mutants whose functions its subject calls
	Seconds float64
}

type baseWorld struct {
	Seed    int64
	Hash    string // of its capture
	Reaches []string
}

// worldsFor is how many worlds a baseline knows, for so many that reach each mutant: not every
// world reaches every function.
func worldsFor(reaching int) int { return 4 * reaching }

func randomWorkCommand() *cobra.Command {
	var name, base string
	var worlds int
	c := &cobra.Command{
		Use: workingRandom, Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := newRandomWorker()
			if err != nil {
				return err
			}
			if name == "" {
				return w.baseline(c.Context(), base, worldsFor(worlds))
			}
			data, err := os.ReadFile(base)
			if err != nil {
				return err
			}
			var b baseline
			if err := json.Unmarshal(data, &b); err != nil {
				return err
			}
			x, err := w.judge(c.Context(), b, name, worlds)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(x)
		},
	}
	c.Flags().StringVar(&name, "mutant", "", "name of the mutant; none: make the baseline")
	c.Flags().StringVar(&base, "baseline", "", "file of the baseline")
	c.Flags().IntVar(&worlds, "worlds", 0, "worlds")
	return c
}

type randomWorker struct {
	registry           *spec.Registry
	subject, reference manifest.Manifest
	scenarios          []suite.Scenario // and probes
}

func newRandomWorker() (*randomWorker, error) {
	registry, err := spec.Load()
	if err != nil {
		return nil, err
	}
	reference, err := manifest.Bundled("reference")
	if err != nil {
		return nil, err
	}
	subject := reference
	subject.Name, subject.Builtin = "saboteur", saboteur.Builtin
	standard, err := spec.LoadStandard()
	if err != nil {
		return nil, err
	}
	files, err := probe.Features(standard, features.Files)
	if err != nil {
		return nil, err
	}
	scenarios, err := suite.Scenarios(files)
	return &randomWorker{registry, subject, reference, scenarios}, err
}

// run plays those scenarios that have one of the keys.
func (w *randomWorker) run(ctx context.Context, keys []string) (*result.Cell, error) {
	return w.play(ctx, suite.Config{Parsed: w.scenarios, Select: suite.Selection{Keys: keys}, Seed: 1, Timeout: time.Minute})
}

// play plays the scenarios of c with the subject in the sim lab, one after the other.
func (w *randomWorker) play(ctx context.Context, c suite.Config) (*result.Cell, error) {
	c.Cells = []suite.Cell{{Subject: w.subject, Companion: w.reference, Lab: "sim"}}
	c.Labs, c.Registry = map[string]lab.Lab{"sim": sim.New(saboteur.Builtins()...)}, w.registry
	c.Jobs, c.Progress, c.Today = 1, report.NewProgress(io.Discard, report.Style{}), time.Unix(0, 0)
	got, err := suite.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	return got.Cells[0], nil
}

// baseline plays every scenario, every probe and some worlds without a fault, and notes which
// mutants' functions each of them reaches. One that exists already is kept.
func (w *randomWorker) baseline(ctx context.Context, file string, worlds int) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	deviate.Become("")
	var b baseline
	for _, s := range w.scenarios {
		deviate.Record()
		begun := time.Now()
		cell, err := w.run(ctx, []string{s.Key})
		if err != nil {
			return fmt.Errorf("%s: %w", s.Key, err)
		}
		x := cell.Results[0]
		if x.Outcome == result.NotApplicable {
			deviate.Asked()
			continue
		}
		if x.Outcome != result.Passed {
			return fmt.Errorf("%s: the reference without a fault: %v: %s", s.Key, x.Outcome, x.Text)
		}
		b.Scenarios = append(b.Scenarios, baseScenario{s.Key, x.CaptureHash, asked(), time.Since(begun).Seconds()})
	}
	slices.SortStableFunc(b.Scenarios, func(x, y baseScenario) int { return int(1e6 * (x.Seconds - y.Seconds)) })
	for seed := range int64(worlds) {
		deviate.Record()
		got, err := w.world(ctx, seed)
		if err != nil {
			return fmt.Errorf("world %d: %w", seed, err)
		}
		if len(got.Findings) == 0 {
			sum, err := got.Sum()
			if err != nil {
				return err
			}
			b.Worlds = append(b.Worlds, baseWorld{seed, sum, asked()})
		} else {
			deviate.Asked()
		}
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

func asked() (names []string) {
	for name := range deviate.Asked() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// world plays an explored world, with the mutant on one of its hosts.
func (w *randomWorker) world(ctx context.Context, seed int64) (explore.Result, error) {
	return explore.Run(ctx, sim.New(saboteur.Builtins()...), explore.Make(seed), explore.Cast{Subject: w.subject, Companion: w.reference}, 0)
}

// chunk is how many scenarios are judged between two looks at what they found.
const chunk = 8

func (w *randomWorker) judge(ctx context.Context, b baseline, name string, worlds int) (x fate, err error) {
	deviate.Become(name)
	x.Name = name
	var reach []baseScenario
	for _, s := range b.Scenarios {
		if slices.Contains(s.Reaches, name) {
			reach = append(reach, s)
		}
	}
	for part := range slices.Chunk(reach, chunk) {
		var keys []string
		for _, s := range part {
			keys = append(keys, s.Key)
		}
		cell, err := w.run(ctx, keys)
		if err != nil {
			// Preflight asks a codec and a hello of it.
			x.Killed, x.By, x.Rule, x.How, x.Text = true, "LAT-FRAME-014", "preflight", "verdict", err.Error()
			x.Reached, x.Differs = true, true
			return x, nil
		}
		for _, r := range cell.All() {
			if r.Outcome == result.Failed {
				x.Killed, x.By, x.Rule, x.Where, x.Text, x.How = true, r.About(), r.ID, r.Key, r.Text, "verdict"
				if r.ID == verdict.DiedID {
					x.How = "death"
				}
			}
		}
		for _, r := range cell.Results {
			x.Tried++
			i := slices.IndexFunc(part, func(s baseScenario) bool { return s.Key == r.Key })
			x.Differs = x.Differs || i >= 0 && r.CaptureHash != part[i].Hash
		}
		if x.Killed {
			break
		}
	}
	for _, v := range b.Worlds {
		if x.Killed || worlds == 0 {
			break
		}
		if !slices.Contains(v.Reaches, name) {
			continue
		}
		worlds--
		x.Tried++
		got, err := w.world(ctx, v.Seed)
		if err != nil && !errors.Is(err, context.Canceled) {
			return x, err
		}
		if err == nil && !x.Differs {
			sum, err := got.Sum()
			if err != nil {
				return x, err
			}
			x.Differs = sum != v.Hash
		}
		for _, f := range got.Findings {
			x.Killed, x.By, x.Rule, x.Where, x.Text, x.How = true, f.Seen.Rule.Requirement, f.Seen.Rule.ID, "world "+strconv.FormatInt(v.Seed, 10), f.Seen.Wrong, "verdict"
		}
	}
	x.Reached = deviate.Count() > 0
	return x, nil
}
