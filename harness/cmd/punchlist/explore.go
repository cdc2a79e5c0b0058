package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"punchlist/harness/explore"
	"punchlist/harness/manifest"
	"punchlist/harness/report"
	"punchlist/harness/result"
)

type exploreFlags struct {
	impl      string
	companion string
	dialects  int
	first     int64
	seeds     int
	lasting   time.Duration
	shrink    time.Duration
	jobs      int
	out       string
	replay    string
	trace     bool
}

func exploreCommand() *cobra.Command {
	var f exploreFlags
	c := &cobra.Command{
		Use:   "explore",
		Short: "Make up worlds and histories from a seed, and judge every peer in them",
		Long: `Explore makes up worlds nobody wrote down: hosts behind NATs of many kinds, links that
lose and reorder, up to three subclusters. Peers join, publish, stream, ask, sleep,
restart and lose their network in random order, and injectors send them bent, boundary
and replayed packets, and speak in other peers' names. The oracle judges each peer in
each world. Worlds are played in the sim lab: a seed gives the same world, and the same
packets, on every machine.

A finding is shrunk to the fewest hosts and events that still lead to it. It is printed
and kept as a scenario, which run --features plays as it stands, and kept as a file that
--replay plays again.

Exit codes: 0 no finding; 1 a peer broke a rule; 2 it could not run.`,
		Example: `  punchlist explore --seeds 200
  punchlist explore --for 10m --first 100000
  punchlist explore --dialects 100 --seeds 2000
  punchlist explore --replay out/explore/world-17-sync-summary.json --trace`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	p := c.Flags()
	p.StringVar(&f.impl, "impl", "reference", "implementation that is judged: a bundled name, a dialect (dialect-7), or a manifest with a builtin")
	p.StringVar(&f.companion, "companion", "reference", "implementation of all other hosts; where both are the same, all hosts are judged")
	p.IntVar(&f.dialects, "dialects", 0, "play the worlds by so many dialects of the reference in turn, instead of --impl")
	p.Int64Var(&f.first, "first", 1, "the first seed")
	p.IntVar(&f.seeds, "seeds", 100, "worlds; with --for at most so many")
	p.DurationVar(&f.lasting, "for", 0, "begin no further world after this time (10m)")
	p.DurationVar(&f.shrink, "shrink", time.Minute, "time for shrinking each finding; 0: do not shrink")
	p.IntVar(&f.jobs, "jobs", runtime.NumCPU(), "worlds at once")
	p.StringVar(&f.out, "out", "out/explore", "folder for the findings")
	p.StringVar(&f.replay, "replay", "", "play the world of this file instead")
	p.BoolVar(&f.trace, "trace", false, "with --replay: print each datagram of the host with the finding")
	c.MarkFlagsMutuallyExclusive("replay", "first")
	c.MarkFlagsMutuallyExclusive("dialects", "impl")
	c.MarkFlagsMutuallyExclusive("dialects", "companion")
	c.MarkFlagsMutuallyExclusive("replay", "seeds")
	return c
}

// maxDialects bounds --dialects.
const maxDialects = 10_000

// search checks the flags.
func (f exploreFlags) search() (explore.Search, error) {
	const lab = "sim"
	s := explore.Search{Lab: labs()[lab], First: f.first, Worlds: f.seeds, Jobs: f.jobs}
	for _, x := range []struct {
		flag string
		n    int
		most int
	}{{"seeds", f.seeds, maxSeeds}, {"jobs", f.jobs, 1024}} {
		if x.n < 1 || x.n > x.most {
			return s, fmt.Errorf("--%s must be 1 to %d, got %d", x.flag, x.most, x.n)
		}
	}
	if f.dialects < 0 || f.dialects > maxDialects {
		return s, fmt.Errorf("--dialects must be 0 to %d, got %d", maxDialects, f.dialects)
	}
	if f.lasting < 0 || f.shrink < 0 {
		return s, fmt.Errorf("--for and --shrink must not be negative, got %v and %v", f.lasting, f.shrink)
	}
	if f.lasting > 0 {
		s.Until = time.Now().Add(f.lasting)
	}
	var err error
	if s.Casts, err = f.casts(); err != nil {
		return s, err
	}
	for _, c := range s.Casts {
		for _, m := range []manifest.Manifest{c.Subject, c.Companion} {
			if ok, why := s.Lab.Starts(m); !ok {
				return s, fmt.Errorf("%s can't be explored: %s", m.Name, why)
			}
		}
	}
	return s, nil
}

// casts are who plays the worlds in turn. Of dialects each plays in one world on all hosts, and in
// one on a single host among hosts of the reference.
func (f exploreFlags) casts() ([]explore.Cast, error) {
	subject, err := implementation(f.impl)
	if err != nil {
		return nil, err
	}
	companion, err := implementation(f.companion)
	if err != nil || f.dialects == 0 {
		return []explore.Cast{{Subject: subject, Companion: companion}}, err
	}
	var casts []explore.Cast
	for seed := range uint32(f.dialects) {
		m, err := manifest.Dialect(seed + 1)
		if err != nil {
			return nil, err
		}
		casts = append(casts, explore.Cast{Subject: m, Companion: m}, explore.Cast{Subject: m, Companion: companion})
	}
	return casts, nil
}

func (f exploreFlags) run(c *cobra.Command) error {
	s, err := f.search()
	if err != nil {
		return err
	}
	if f.replay != "" {
		return f.again(c, s)
	}
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return err
	}
	begun := time.Now()
	style := report.StyleOf(os.Stderr)
	var worlds, findings int
	var datagrams, commands, hostile []int // of each world
	said := begun
	s.Ended = func(w explore.World) {
		worlds++
		datagrams, commands, hostile = append(datagrams, w.Result.Datagrams), append(commands, w.Result.Commands), append(hostile, w.Result.Hostile)
		findings += len(w.Result.Findings)
		line := fmt.Sprintf("%d worlds, %.1f a second, %d findings", worlds, float64(worlds)/time.Since(begun).Seconds(), findings)
		switch {
		case style.Live:
			fmt.Fprintf(os.Stderr, "\r%s\x1b[K", line)
		case time.Since(said) > 10*time.Second:
			said = time.Now()
			fmt.Fprintln(os.Stderr, line)
		}
	}
	bad := s.Run(c.Context())
	if style.Live {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	out := c.OutOrStdout()
	broken := 0
	for _, w := range bad {
		if w.Err != nil {
			broken++
			fmt.Fprintf(out, "world %d could not be played: %v\n", w.Plan.Seed, w.Err)
			continue
		}
		if err := f.show(c.Context(), out, s, w); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%d worlds, %.1f a second; median of %d datagrams, %d commands and %d hostile datagrams; %d findings\n",
		worlds, float64(worlds)/time.Since(begun).Seconds(), median(datagrams), median(commands), median(hostile), findings)
	switch {
	case findings > 0:
		return exitCode(result.Unexpected)
	case broken > 0 || worlds == 0 || c.Context().Err() != nil:
		return exitCode(result.CouldNotRun)
	}
	return nil
}

// median is the middle one; 0 of none.
func median(of []int) int {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[len(of)/2]
}

// show prints the findings of a world, each rule once, and keeps the shrunk worlds.
func (f exploreFlags) show(ctx context.Context, out interface{ Write([]byte) (int, error) }, s explore.Search, w explore.World) error {
	told := map[string]bool{}
	for _, x := range w.Result.Findings {
		rule := x.Seen.Rule
		if told[rule.ID] {
			continue
		}
		told[rule.ID] = true
		fmt.Fprintf(out, "world %d: %v\n  %s\n", w.Plan.Seed, x, rule.Says)
		for _, seq := range x.Seen.Frames {
			fmt.Fprintf(out, "  %s\n", w.Result.Show(seq))
		}
		p := w.Plan
		if f.shrink > 0 {
			limited, cancel := context.WithTimeout(ctx, f.shrink)
			p = s.Shrunk(limited, w, x)
			cancel()
		}
		fmt.Fprintf(out, "  shrunk to %d hosts and %d events in %v:\n", len(p.Hosts), len(p.Ops), p.Length.Round(time.Second))
		text := p.Scenario(x)
		for line := range strings.Lines(text) {
			fmt.Fprintf(out, "    %s", line)
		}
		name := filepath.Join(f.out, fmt.Sprintf("world-%d-%s.json", w.Plan.Seed, strings.ReplaceAll(strings.TrimPrefix(rule.ID, "oracle/"), "/", "-")))
		if err := os.WriteFile(strings.TrimSuffix(name, ".json")+".feature", []byte(text), 0o644); err != nil {
			return err
		}
		data, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, append(data, '\n'), 0o644); err != nil {
			return err
		}
		repeat := "--replay " + name
		if w.Cast.Subject.Name != "reference" || w.Cast.Companion.Name != "reference" {
			repeat += fmt.Sprintf(" --impl %s --companion %s", w.Cast.Subject.Name, w.Cast.Companion.Name)
		}
		fmt.Fprintf(out, "  repeat: punchlist explore %s\n", repeat)
	}
	return nil
}

// maxPlan bounds the file of a world.
const maxPlan = 1 << 20

// again plays the world of a file.
func (f exploreFlags) again(c *cobra.Command, s explore.Search) error {
	p, err := readPlan(f.replay)
	if err != nil {
		return err
	}
	r, err := explore.Run(c.Context(), s.Lab, p, s.Casts[0], 0)
	if err != nil {
		return fmt.Errorf("%s: %w", f.replay, err)
	}
	out := c.OutOrStdout()
	for _, line := range p.Lines() {
		fmt.Fprintln(out, line)
	}
	if f.trace {
		host := p.Subject
		if len(r.Findings) > 0 {
			host = r.Findings[0].Host
		}
		for _, line := range r.Lines(host) {
			fmt.Fprintln(out, line)
		}
	}
	for _, x := range r.Findings {
		fmt.Fprintln(out, x)
		for _, seq := range x.Seen.Frames {
			fmt.Fprintf(out, "  %s\n", r.Show(seq))
		}
	}
	fmt.Fprintf(out, "%d findings\n", len(r.Findings))
	if len(r.Findings) > 0 {
		return exitCode(result.Unexpected)
	}
	return nil
}

func readPlan(name string) (p explore.Plan, err error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return p, err
	case !info.Mode().IsRegular() || info.Size() > maxPlan:
		return p, fmt.Errorf("%s: a file of at most %d bytes that explore has written is required", name, maxPlan)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	return p, p.Validate()
}
