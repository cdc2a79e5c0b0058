package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"punchlist/features"
	"punchlist/harness/lab/netns"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/suite"
	"punchlist/spec"
)

// runFlags are the flags of run as they were given.
type runFlags struct {
	impls     []string
	companion string
	lab       string
	cells     []string
	tags      string
	features  string
	scenario  string
	probes    bool
	sample    int
	seed      int64
	seeds     int
	shard     string
	jobs      int
	timeout   time.Duration
	out       string
	require   bool
	strict    bool
}

func runCommand() *cobra.Command {
	var f runFlags
	c := &cobra.Command{
		Use:   "run",
		Short: "Judge implementations and report",
		Long: `Run judges each implementation by every scenario of the features, and writes
a folder: report.html (one page, without a network), report.json, junit.xml,
summary.md, badge.svg, and for each scenario its packets (.pcapng) and what the
peers logged.

The peer under test is the subject, all other peers of a scenario (bootstrap
peers too) are companions. An implementation is a bundled one (reference,
socket-0.6, socket-0.5) or the file of a manifest.

A lab is where the peers run: sim (in one process, in virtual time; the
reference alone), netns (any program, on real sockets, each peer in a network
namespace of its own; Linux), or docker (any image; every host, NAT and peer is
a container of the engine that DOCKER_HOST names, or of this machine's). auto
takes the first of them that is to be had and can start both, and says why.

--cell names subject, companion, lab and scenarios in one word, and may be
given several times for one report:

  SUBJECT[+COMPANION]@LAB[:TAGS]      reference+socket-0.6@netns:@classical

Tags are cucumber's: "@LAT-NAT-001", "@LAT-SYNC-006 and not @virtual"; @LAT-NAT
is on every scenario of a chapter's requirements.

--shard I/N judges one part of N, so that several machines share a run; then
punchlist report merge puts the parts together. With auto the part is the one that
a Kubernetes Indexed Job (with PUNCHLIST_SHARDS), GitLab, CircleCI or Buildkite
tells its jobs. Known failures that did not happen show in the merged report alone.

Exit codes: 0 all as expected, known failures included; 1 something was not
expected; 2 it could not run, or not all of it.`,
		Example: `  punchlist run --impl reference --lab sim
  punchlist run --impl socket-0.6 --companion socket-0.6 --lab netns
  punchlist run --tags '@LAT-TRAV-003 and not @all-profiles' --seeds 20
  punchlist run --cell reference@sim --cell socket-0.6@netns:@classical --out result
  punchlist run --impl ./my-peer/manifest.yaml --lab netns --require
  punchlist run --impl ./my-peer/manifest.yaml --lab docker --out docker
  punchlist run --lab netns --probes --sample 150 --tags @probe
  punchlist run --shard 1/2 --out part-1 && punchlist run --shard 2/2 --out part-2
  punchlist report merge --out whole part-1 part-2`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return run(c, f) },
	}
	p := c.Flags()
	p.StringArrayVar(&f.impls, "impl", nil, "implementation under test: a bundled name or a manifest's file; repeatable (default reference)")
	p.StringVar(&f.companion, "companion", "reference", "implementation of all other peers")
	p.StringVar(&f.lab, "lab", "auto", "auto, sim, netns or docker")
	p.StringArrayVar(&f.cells, "cell", nil, "SUBJECT[+COMPANION]@LAB[:TAGS]; repeatable; instead of --impl, --companion and --lab")
	p.StringVar(&f.features, "features", "", "play the feature files of this folder instead of the bundled ones, such as those that explore prints")
	p.StringVar(&f.tags, "tags", "", "only scenarios whose tags match this expression")
	p.StringVar(&f.scenario, "scenario", "", "only the scenario of this key, as reports print it, or all rows of the outline with this id")
	p.BoolVar(&f.probes, "probes", false, "play the generated probes too (punchlist probes list); --tags @probe: alone")
	p.IntVar(&f.sample, "sample", 0, "of the probes, only a fixed sample of so many; 0: all")
	p.Int64Var(&f.seed, "seed", 1, "seed of all that is random")
	p.IntVar(&f.seeds, "seeds", 1, "run with so many seeds, from --seed on; captures of what passes are then not kept")
	p.StringVar(&f.shard, "shard", "", "only this part of the scenarios: I/N, or auto")
	p.IntVar(&f.jobs, "jobs", 0, "scenarios at once (default: the number of cores in sim, more where time is real)")
	p.DurationVar(&f.timeout, "timeout", 2*time.Minute, "the longest that one scenario may take on this machine's clock, in labs whose time is real")
	p.StringVar(&f.out, "out", "out", "folder of the report")
	p.BoolVar(&f.require, "require", false, "what can't run here is exit code 2 instead of \"not available\"")
	p.BoolVar(&f.strict, "strict", false, "a failed SHOULD is a failure instead of a warning")
	c.MarkFlagsMutuallyExclusive("cell", "impl")
	c.MarkFlagsMutuallyExclusive("cell", "companion")
	c.MarkFlagsMutuallyExclusive("cell", "lab")
	return c
}

// scenarios are the feature files that are played.
func (f runFlags) scenarios() fs.FS {
	if f.features == "" {
		return features.Files
	}
	return os.DirFS(f.features)
}

func run(c *cobra.Command, f runFlags) error {
	if f.seeds < 1 {
		return fmt.Errorf("--seeds %d: at least one seed is needed", f.seeds)
	}
	if f.jobs < 0 {
		return fmt.Errorf("--jobs %d: at least one is needed; 0 takes the default", f.jobs)
	}
	if f.sample < 0 || f.sample > 0 && !f.probes {
		return fmt.Errorf("--sample %d: it is how many probes to play of those that --probes names; 0 plays all", f.sample)
	}
	if f.timeout <= 0 {
		return fmt.Errorf("--timeout %v: a scenario needs some time", f.timeout)
	}
	shard, err := parseShard(f.shard, os.Getenv)
	if err != nil {
		return err
	}
	var chosen []string
	cells, named, err := f.resolve(c.Context(), func(line string) { chosen = append(chosen, line) })
	if err != nil {
		return err
	}
	for _, cell := range cells {
		if cell.Lab == "netns" {
			// Where it is impossible, the lab's Check says why.
			_ = netns.Enter()
			break
		}
	}
	for _, line := range chosen {
		fmt.Println(line)
	}
	registry, err := spec.Load()
	if err != nil {
		return err
	}
	scenarios, selection, err := f.selected()
	if err != nil {
		return err
	}
	if err := prepareOut(f.out); err != nil {
		return err
	}
	progress := report.NewProgress(os.Stdout, report.StyleOf(os.Stdout))
	found, err := suite.Run(c.Context(), suite.Config{
		Cells: cells, Labs: labs(), Features: scenarios, Registry: registry,
		Select: selection, Shard: shard,
		Seed: f.seed, Seeds: f.seeds, Jobs: f.jobs, Timeout: f.timeout, Out: f.out,
		Require: f.require, Strict: f.strict,
		Progress: progress, Today: time.Now(),
		Repeat: func(cell suite.Cell, seed int64, key string) string {
			again := repeat(self(), named(cell.Subject.Name), named(cell.Companion.Name), cell.Lab, seed, key)
			if f.features != "" {
				again += " --features " + quote(f.features)
			}
			return again
		},
	})
	if err != nil {
		return err
	}
	return present(found)
}

// repeat is the command that runs one scenario again.
func repeat(self, subject, companion, lab string, seed int64, key string) string {
	return fmt.Sprintf("%s run --cell %s --seed %d --scenario %s", self, quote(subject+"+"+companion+"@"+lab), seed, quote(key))
}

// self is how the program was called, for commands that are printed.
func self() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./harness/cmd/punchlist"
	}
	return os.Args[0]
}

// quote makes a word of the shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// prepareOut makes the folder of the report, finds out before the run whether
// it can be written, and takes away the files of an earlier report in it.
func prepareOut(dir string) error {
	fail := func(err error) error {
		return fmt.Errorf("the report can't be written to --out %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fail(err)
	}
	file := filepath.Join(dir, "report.json")
	if old, err := result.Read(file); err == nil {
		for _, name := range old.Files() {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fail(err)
			}
			// Its folder goes with the last file in it.
			_ = os.Remove(filepath.Join(dir, filepath.Dir(name)))
		}
	}
	if err := os.WriteFile(file, []byte("{}\n"), 0o644); err != nil {
		return fail(err)
	}
	return nil
}
