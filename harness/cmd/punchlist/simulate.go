package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/simulate"
)

// A simulation is an experiment as the command line offers it.
type simulation struct {
	use, short, long, example string
	seeds                     int  // when none are asked for
	alone                     bool // it measures the process, so that one runs at a time
	// flags adds the experiment's own, and gives what reads them.
	flags func(*pflag.FlagSet) func() (simulate.Experiment, error)
}

var simulations = []simulation{
	{
		use: "birthday", short: "Traversal by guessing, between two peers", seeds: 10_000,
		long: `Two peers are introduced to each other: one behind a symmetric NAT, which sends
1,024 probes from a pool of 256 sockets, one behind a port-restricted one, which
opens 1,024 ports. Theory is the birthday problem between two sets: 98.35 % of
such bursts succeed, and 94.1 % before the 2,048 ms after which a deployed peer
takes the proxy. With 10,000 seeds the 99 % lower confidence bound has to be
98.0 %; with fewer it is what that number can show.`,
		example: `  punchlist simulate birthday --seeds 500
  punchlist simulate birthday --first 5001 --seeds 5000 --json > second.json`,
		flags: func(f *pflag.FlagSet) func() (simulate.Experiment, error) {
			x := pairFlags(f)
			return func() (simulate.Experiment, error) { return simulate.Birthday(*x), nil }
		},
	},
	{
		use: "birthday-nat", short: "Traversal by guessing, on the NAT engine alone", seeds: 10_000,
		long: `Two NATs and no peer: one side opens 1,024 ports, the other sends 1,024 probes
from a pool of 256 sockets, one every 10 ms, as deployed peers do. Theory is the
birthday problem between two sets. The engine has to be as good as theory, and
no better.`,
		example: `  punchlist simulate birthday-nat
  punchlist simulate birthday-nat --prober carrier --seeds 2000`,
		flags: func(f *pflag.FlagSet) func() (simulate.Experiment, error) {
			x := pairFlags(f)
			return func() (simulate.Experiment, error) { return simulate.Engine(*x), nil }
		},
	},
	{
		use: "sync", short: "Two caches of 6,000 packets become equal over a lossy link", seeds: 20,
		long: `Two peers with full caches meet over a link that loses one datagram in five
each way. The caches have to become equal. Theory is the packets that differ, and
the summaries that a negotiation without loss takes, each sent until it arrives.`,
		example: `  punchlist simulate sync
  punchlist simulate sync --differ 100 --split --loss 0.4`,
		flags: func(f *pflag.FlagSet) func() (simulate.Experiment, error) {
			x := simulate.DefaultSync
			f.IntVar(&x.Packets, "packets", x.Packets, "packets in both caches together")
			f.IntSliceVar(&x.Differ, "differ", x.Differ, "how many of them only one peer has; a run for each")
			f.BoolVar(&x.Split, "split", x.Split, "each peer lacks half of those, instead of one all")
			f.Float64Var(&x.Loss, "loss", x.Loss, "probability of loss, each way")
			f.IntVar(&x.Bytes, "bytes", x.Bytes, "bytes of a message")
			return func() (simulate.Experiment, error) { return x, x.Validate() }
		},
	},
	{
		use: "epidemic", short: "Whom a publish reaches by multicast, and by the syncs that follow", seeds: 2,
		long: `Members of one cluster publish, one after the other. Each peer that gets a packet
for the first time passes it on, to six, one of them indexed. Theory is an epidemic
among members and indexed peers, round by round, with nothing measured in it; it has
to fit to a part in a hundred beyond the confidence interval. Syncs have to reach the
rest.`,
		example: `  punchlist simulate epidemic
  punchlist simulate epidemic --members 50 --loss 0.2`,
		flags: func(f *pflag.FlagSet) func() (simulate.Experiment, error) {
			x := simulate.DefaultEpidemic
			f.IntVar(&x.Members, "members", x.Members, "how many, beside three indexed peers")
			f.IntVar(&x.Messages, "messages", x.Messages, "how many are published")
			f.Float64Var(&x.Loss, "loss", x.Loss, "probability of loss on each host's link, each way")
			return func() (simulate.Experiment, error) { return x, x.Validate() }
		},
	},
	{
		use: "survive", short: "What was published outlives its author, and everybody's restarts", seeds: 4,
		long: `A member publishes and leaves for good. All other peers, indexed ones too, restart
again and again with an empty cache. The packet has to be there at the end. Theory
is how likely that were if nobody passed it on, and how many hold it in the balance
of restarts and syncs.`,
		example: `  punchlist simulate survive
  punchlist simulate survive --peers 50 --life 5 --lives 20`,
		flags: func(f *pflag.FlagSet) func() (simulate.Experiment, error) {
			x := simulate.DefaultSurvive
			f.IntVar(&x.Peers, "peers", x.Peers, "how many beside the author, three of them indexed")
			f.Float64Var(&x.Life, "life", x.Life, "mean time between two restarts of a peer, in keepalive intervals of 30 s")
			f.IntVar(&x.Lives, "lives", x.Lives, "for how many mean lives the packet is watched")
			return func() (simulate.Experiment, error) { return x, x.Validate() }
		},
	},
	{
		use: "load", short: "What indexed peers get and send while members stay members", seeds: 1,
		long: `Members of one cluster do nothing. What comes to and leaves an indexed peer in a
keepalive interval is counted by type, beside the formulas of chapter 14: joins
come in with the square of the members, all else in proportion.`,
		example: `  punchlist simulate load
  punchlist simulate load --members 50,100,200 --indexed 5`,
		flags: func(f *pflag.FlagSet) func() (simulate.Experiment, error) {
			x := simulate.DefaultLoad
			f.IntSliceVar(&x.Members, "members", x.Members, "how many; a run for each")
			f.IntVar(&x.Indexed, "indexed", x.Indexed, "how many indexed peers")
			return func() (simulate.Experiment, error) { return x, x.Validate() }
		},
	},
	{
		use: "soak", short: "A day of fifty peers that come and go", seeds: 1, alone: true,
		long: `Members behind every NAT profile stop and start, NATs reboot, machines sleep,
messages are published and streamed, datagrams get lost. Every virtual minute each peer is
asked how much it keeps, and the heap is measured: in the second half of the run
nothing may grow. No two members that are left in peace may stay without a
connection, and every message has to reach every member.

In runs shorter than a day tables that fill up slowly are smaller in proportion,
and nothing is published after half time, so that what fills up is full by then.`,
		example: `  punchlist simulate soak
  punchlist simulate soak --hours 2`,
		flags: func(f *pflag.FlagSet) func() (simulate.Experiment, error) {
			x := simulate.DefaultSoak
			f.Float64Var(&x.Hours, "hours", x.Hours, "of virtual time")
			f.IntVar(&x.Peers, "peers", x.Peers, "how many, three of them indexed")
			f.Float64Var(&x.Loss, "loss", x.Loss, "probability of loss on each host's link, each way")
			f.IntVar(&x.TTL, "ttl", x.TTL, "seconds for which messages are kept (default six hours)")
			return func() (simulate.Experiment, error) { return x, x.Validate() }
		},
	},
}

// pairFlags are those of both birthday experiments.
func pairFlags(f *pflag.FlagSet) *simulate.Pair {
	x := simulate.DefaultPair
	f.StringVar(&x.Opener, "opener", x.Opener, "NAT profile of the side that opens ports")
	f.StringVar(&x.Prober, "prober", x.Prober, "NAT profile of the side that probes")
	return &x
}

// maxSeeds is how many samples one run keeps.
const maxSeeds = 1_000_000

type simulateFlags struct {
	first int64
	seeds int
	jobs  int
	json  bool
	join  []string
}

func simulateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Measure over many seeds, in virtual time, what one scenario can't show",
		Long: `Simulate runs an experiment once for each seed, and prints what it measured
beside what theory expects and the bounds that it has to keep. Peers are the
reference, on the emulated internet of the sim lab.

Runs are independent of each other: --first and --seeds say which are run here,
and --join judges the --json of several machines together.

Exit codes: 0 all bounds kept; 1 one was missed; 2 it could not run.`,
		Example: `  punchlist simulate birthday-nat --seeds 500
  punchlist simulate birthday-nat --first 5001 --seeds 5000 --json > second.json
  punchlist simulate birthday-nat --join first.json --join second.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for _, s := range simulations {
		c.AddCommand(s.command())
	}
	return c
}

func (s simulation) command() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{Use: s.use, Short: s.short, Long: s.long, Example: s.example, Args: cobra.NoArgs}
	p := c.Flags()
	own := s.flags(p)
	p.Int64Var(&f.first, "first", 1, "the first seed")
	p.IntVar(&f.seeds, "seeds", s.seeds, "how many seeds")
	if !s.alone {
		p.IntVar(&f.jobs, "jobs", runtime.GOMAXPROCS(0), "runs at once")
	}
	p.BoolVar(&f.json, "json", false, "print the result as JSON, with the sample of each seed")
	p.StringArrayVar(&f.join, "join", nil, "run nothing, but judge the samples of this JSON file; repeatable")
	c.MarkFlagsMutuallyExclusive("join", "first")
	c.MarkFlagsMutuallyExclusive("join", "seeds")
	c.RunE = func(c *cobra.Command, _ []string) error {
		x, err := own()
		if err != nil {
			return err
		}
		if s.alone {
			f.jobs = 1
		}
		return f.run(c, x, s.alone)
	}
	return c
}

func (f simulateFlags) run(c *cobra.Command, x simulate.Experiment, alone bool) error {
	if f.seeds < 1 {
		return fmt.Errorf("--seeds %d: at least one seed is needed", f.seeds)
	}
	if f.seeds > maxSeeds {
		return fmt.Errorf("--seeds %d: at most %d at once; --first and --join put several runs together", f.seeds, maxSeeds)
	}
	if f.jobs < 1 {
		return fmt.Errorf("--jobs %d: at least one is needed", f.jobs)
	}
	measured, err := f.result(c, x, alone)
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	if f.json {
		e := json.NewEncoder(out)
		e.SetIndent("", " ")
		err = e.Encode(measured)
	} else {
		err = measured.Print(out)
	}
	if err != nil {
		return fmt.Errorf("the result can't be written: %w", err)
	}
	if measured.Missed() > 0 {
		return exitCode(result.Unexpected)
	}
	return nil
}

func (f simulateFlags) result(c *cobra.Command, x simulate.Experiment, alone bool) (simulate.Result, error) {
	if len(f.join) > 0 {
		return join(x, f.join)
	}
	start := time.Now()
	progress := &seedProgress{w: os.Stderr, style: report.StyleOf(os.Stderr), total: f.seeds, start: start, at: map[int64]float64{}}
	samples, err := f.samples(c.Context(), x, alone, progress)
	progress.clear()
	if err != nil {
		return simulate.Result{}, err
	}
	measured, err := simulate.NewResult(x, samples)
	measured.Seconds = time.Since(start).Seconds()
	return measured, err
}

func join(x simulate.Experiment, files []string) (simulate.Result, error) {
	shards := make([]simulate.Result, len(files))
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return simulate.Result{}, err
		}
		if err := json.Unmarshal(text, &shards[i]); err != nil {
			return simulate.Result{}, fmt.Errorf("%s is not what --json prints: %w", file, err)
		}
		if len(shards[i].Parameters) == 0 {
			return simulate.Result{}, fmt.Errorf("%s is not what --json prints: it names no parameters", file)
		}
	}
	return simulate.Join(x, shards...)
}

// samples runs all seeds, several at a time. The first that can't be run ends it.
func (f simulateFlags) samples(ctx context.Context, x simulate.Experiment, alone bool, progress *seedProgress) ([]simulate.Sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	samples := make([]simulate.Sample, f.seeds)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(f.jobs, f.seeds) {
		workers.Go(func() {
			for i := range next {
				seed := f.first + int64(i)
				e := simulate.Env{Context: ctx, Progress: func(done float64, at string) { progress.moved(seed, done, at) }}
				if alone {
					e.Heap = liveHeap
				}
				sample, err := x.Run(e, seed)
				if err != nil {
					cancel(fmt.Errorf("%s, seed %d: %w", x.Name(), seed, err))
					return
				}
				samples[i] = sample
				progress.ended(seed)
			}
		})
	}
	for i := 0; i < f.seeds && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return samples, context.Cause(ctx)
}

// liveHeap is the bytes that are reachable.
func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// seedProgress says how far the seeds are: one line that changes on a terminal,
// elsewhere a line for every tenth of the whole.
type seedProgress struct {
	w     io.Writer
	style report.Style
	total int
	start time.Time

	mu    sync.Mutex
	done  int
	at    map[int64]float64 // how much of each running one is done
	drawn time.Time
	said  int // tenths
}

func (p *seedProgress) moved(seed int64, done float64, at string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[seed] = done
	p.draw(at)
}

func (p *seedProgress) ended(seed int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.at, seed)
	p.done++
	p.draw("")
}

func (p *seedProgress) draw(at string) {
	whole := float64(p.done)
	for _, part := range p.at {
		whole += part
	}
	whole /= float64(p.total)
	spent := time.Since(p.start)
	line := fmt.Sprintf("[%*d/%d] %3.0f %%, %v", len(fmt.Sprint(p.total)), p.done, p.total, 100*whole, spent.Round(time.Second))
	if whole > 0.01 {
		line += fmt.Sprintf(", about %v to go", time.Duration(float64(spent)*(1-whole)/whole).Round(time.Second))
	}
	if at != "" {
		line += "  " + at
	}
	switch {
	case p.style.Live && time.Since(p.drawn) > 100*time.Millisecond:
		p.drawn = time.Now()
		fmt.Fprintf(p.w, "\r\x1b[K%s", line[:min(len(line), max(p.style.Width-1, 40))])
	case !p.style.Live && int(10*whole) > p.said:
		p.said = int(10 * whole)
		fmt.Fprintln(p.w, line)
	}
}

func (p *seedProgress) clear() {
	if p.style.Live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
