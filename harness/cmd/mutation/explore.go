package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing/fstest"
	"time"

	"github.com/spf13/cobra"

	"punchlist/harness/explore"
	"punchlist/harness/lab/sim"
	"punchlist/harness/result"
	"punchlist/harness/saboteur"
	"punchlist/harness/saboteur/deviate"
	"punchlist/harness/suite"
)

// exploring is the command by which the patched program explores one saboteur.
const exploring = "explore-work"

type exploreFlags struct {
	flags
	draw     uint64
	n        int
	worlds   int
	first    int64
	shrink   time.Duration
	saboteur string
}

func (f *exploreFlags) add(c *cobra.Command) {
	p := c.Flags()
	p.IntVar(&f.worlds, "worlds", 200, "explore at most this many worlds with each saboteur")
	p.Int64Var(&f.first, "first", 1, "begin with the world of this seed")
	p.DurationVar(&f.shrink, "shrink", time.Minute, "spend at most this long on shrinking a finding")
}

func exploreCommand() *cobra.Command {
	var f exploreFlags
	c := &cobra.Command{
		Use:   "explore",
		Short: "Draw saboteurs, and print which of them explored worlds find",
		Long: `Explore draws saboteurs by a seed, and plays worlds that nobody wrote down with each of them on one
host, until the oracle finds something. The finding is shrunk and printed as a scenario, which must
fail on the saboteur with each of five seeds, and pass on the reference.

Explore writes each scenario to the folder --out.

Exit codes: 0 at least 17 of 20 were found; 1 fewer were; 2 it could not run.`,
		Example: `  mutation explore --draw 1
  mutation explore --draw 0xe36af67a --n 40 --worlds 100`,
		Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		RunE: func(c *cobra.Command, _ []string) error { return exploreDraw(c.Context(), f) },
	}
	f.add(c)
	p := c.Flags()
	p.StringVar(&f.root, "root", ".", "folder of the project")
	p.StringVar(&f.out, "out", "out/explore-mutation", "write the patched program, its sources and the scenarios to this folder")
	p.IntVar(&f.jobs, "jobs", runtime.NumCPU(), "explore this many saboteurs at once")
	p.Uint64Var(&f.draw, "draw", 1, "seed of the draw")
	p.IntVar(&f.n, "n", 20, "draw this many saboteurs")
	return c
}

// An exploration is what explored worlds made of a saboteur.
type exploration struct {
	Name, Breaks      string
	Worlds            int // played
	Deviated          int // times, until it was found
	Found             bool
	World             int64
	Rule, Requirement string
	Wrong             string
	Hosts, Ops        int // of the shrunk world
	Shrinking         time.Duration
	Fails             int    // of five seeds
	Passes            bool   // the reference
	Scenario          string `json:",omitempty"`
}

func (x exploration) small() bool { return x.Hosts <= 3 && x.Ops <= 8 }

func (x exploration) String() string {
	if !x.Found {
		return fmt.Sprintf("%s %s: not found in %d worlds; it deviated %d times", x.Breaks, x.Name, x.Worlds, x.Deviated)
	}
	passes := "passes"
	if !x.Passes {
		passes = "FAILS"
	}
	return fmt.Sprintf("%s %s: world %d (of %d), %s %s; %d hosts and %d steps in %.0f s; its scenario fails in %d of %d seeds, the reference %s",
		x.Breaks, x.Name, x.World, x.Worlds, x.Requirement, x.Rule, x.Hosts, x.Ops, x.Shrinking.Seconds(), x.Fails, scenarioSeeds, passes)
}

func exploreDraw(ctx context.Context, f exploreFlags) error {
	all, err := saboteur.All()
	if err != nil {
		return err
	}
	if f.n < 1 || f.n > len(all) {
		return fmt.Errorf("--n must be 1 to %d, got %d", len(all), f.n)
	}
	program, err := build(ctx, f.flags, all)
	if err != nil {
		return err
	}
	order := rand.New(rand.NewPCG(f.draw, 0)).Perm(len(all))[:f.n]
	results := make([]exploration, f.n)
	errs := make(chan error, f.n)
	slots := make(chan struct{}, max(f.jobs, 1))
	var wg sync.WaitGroup
	for i, at := range order {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			x, err := exploreOne(ctx, f, program, all[at])
			if err != nil {
				errs <- fmt.Errorf("%s: %w", all[at].Name, err)
				return
			}
			fmt.Fprintln(os.Stderr, x)
			results[i] = x
		})
	}
	wg.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return err
	}
	found, small, plays := 0, 0, 0
	for _, x := range results {
		fmt.Println(x)
		if !x.Found {
			continue
		}
		found++
		if x.small() && x.Shrinking <= time.Minute {
			small++
		}
		if x.Fails == scenarioSeeds && x.Passes {
			plays++
		}
		name := filepath.Join(f.out, x.Name+".feature")
		if err := os.WriteFile(name, []byte(x.Scenario), 0o644); err != nil {
			return err
		}
	}
	fmt.Printf("draw %d: %d of %d found within %d worlds each; %d shrunk to at most 3 hosts and 8 steps within a minute; %d scenarios fail on the saboteur with each of %d seeds and pass on the reference\n",
		f.draw, found, f.n, f.worlds, small, plays, scenarioSeeds)
	if 20*found < 17*f.n {
		return errGap
	}
	return nil
}

// exploreOne has a process of its own explore a saboteur, since only one acts in a process.
func exploreOne(ctx context.Context, f exploreFlags, program string, s saboteur.Saboteur) (x exploration, err error) {
	c := exec.CommandContext(ctx, program, exploring, "--saboteur", s.Name,
		"--worlds", fmt.Sprint(f.worlds), "--first", fmt.Sprint(f.first), "--shrink", f.shrink.String())
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return x, err
	}
	if err := json.Unmarshal(out, &x); err != nil {
		return x, err
	}
	x.Breaks = s.Breaks
	return x, nil
}

func exploreWorkCommand() *cobra.Command {
	var f exploreFlags
	c := &cobra.Command{
		Use: exploring, Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := newRandomWorker()
			if err != nil {
				return err
			}
			x, err := w.explore(c.Context(), f)
			if err != nil {
				return err
			}
			return json.NewEncoder(os.Stdout).Encode(x)
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.saboteur, "saboteur", "", "its name")
	return c
}

// explore looks for a finding against one saboteur, and makes a scenario of it.
func (w *randomWorker) explore(ctx context.Context, f exploreFlags) (exploration, error) {
	x := exploration{Name: f.saboteur}
	deviate.Become(f.saboteur)
	search := explore.Search{
		Lab: sim.New(saboteur.Builtins()...), Casts: []explore.Cast{{Subject: w.subject, Companion: w.reference}},
		Worlds: 1, Jobs: 1,
	}
	for x.Worlds < f.worlds {
		search.First = f.first + int64(x.Worlds)
		x.Worlds++
		bad := search.Run(ctx)
		if len(bad) == 0 {
			continue
		}
		if bad[0].Err != nil {
			return x, bad[0].Err
		}
		found := bad[0].Result.Findings[0]
		x.Found, x.World = true, bad[0].Plan.Seed
		x.Rule, x.Requirement, x.Wrong = found.Seen.Rule.ID, found.Seen.Rule.Requirement, found.Seen.Wrong
		x.Deviated = deviate.Count()
		begun := time.Now()
		limited, cancel := context.WithTimeout(ctx, f.shrink)
		p := search.Shrunk(limited, bad[0], found)
		cancel()
		x.Shrinking = time.Since(begun)
		x.Hosts, x.Ops, x.Scenario = len(p.Hosts), len(p.Ops), p.Scenario(found)
		for seed := range int64(scenarioSeeds) {
			outcome, err := w.plays(ctx, x.Scenario, seed+1)
			if err != nil {
				return x, err
			}
			if outcome == result.Failed {
				x.Fails++
			}
		}
		deviate.Become("")
		outcome, err := w.plays(ctx, x.Scenario, 1)
		x.Passes = outcome == result.Passed
		return x, err
	}
	x.Deviated = deviate.Count()
	return x, nil
}

// scenarioSeeds is with how many seeds the scenario of a finding must fail.
const scenarioSeeds = 5

// plays is the outcome of a scenario with the saboteur that acts.
func (w *randomWorker) plays(ctx context.Context, scenario string, seed int64) (result.Outcome, error) {
	cell, err := w.play(ctx, suite.Config{Features: fstest.MapFS{"found.feature": {Data: []byte(scenario)}}, Seed: seed})
	if err != nil {
		return 0, err
	}
	return cell.Results[0].Outcome, nil
}
