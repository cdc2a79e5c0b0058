package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"punchlist/harness/mutant"
	"punchlist/harness/report"
)

// randomFlags are those of "mutation random".
type randomFlags struct {
	root   string
	draw   string
	files  string
	n      int
	worlds int
	out    string
	jobs   int
	shard  string
	least  float64
	killed int
	check  string
}

func randomCommand() *cobra.Command {
	var f randomFlags
	c := &cobra.Command{
		Use:   "random",
		Short: "Plant random faults in the reference, and print how many the suite notices",
		Long: `Random draws mutants of the reference (harness/mutant) by a seed, builds them all
into one program, and judges each in the sim lab: by the scenarios that reach the
function it changes, the cheapest first, and then by explored worlds. It stops at
the first verdict on the subject that names a requirement.

A mutant is killed when there is such a verdict; unreached when nothing called the
function; without effect when every capture of every scenario and world was the same,
byte for byte; and it survived otherwise. One that reference/excuses.yaml lists is excused.

Results are kept in DIR/results.jsonl as they come: the same command goes on where it
was interrupted. Survivors are written to DIR/survivors.md with their change.

Exit codes: 0 at least --least of the mutants that are not excused, and at least
--killed, were killed; 1 fewer, or the file --check states another figure; 2 it could
not run.`,
		Example: `  mutation random --draw 5f3a91c2 --n 500
  mutation random --draw 5f3a91c2 --n 500 --shard 1/2 --out out/random-1
  mutation random --draw 1 --n 40 --files '^reference/wire/' --out out/wire`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return random(c.Context(), f) },
	}
	p := c.Flags()
	p.StringVar(&f.root, "root", ".", "folder of the project")
	p.StringVar(&f.draw, "draw", "", "seed of the draw, hexadecimal: the first eight digits of the commit that is judged")
	p.StringVar(&f.files, "files", "", "regular expression of the files to draw from; empty: all")
	p.IntVar(&f.n, "n", 30, "mutants")
	p.IntVar(&f.worlds, "worlds", 12, "explored worlds for each that the scenarios do not kill")
	p.StringVar(&f.out, "out", "out/random", "folder for the program, its sources, and the results")
	p.IntVar(&f.jobs, "jobs", runtime.NumCPU(), "mutants at once")
	p.StringVar(&f.shard, "shard", "1/1", "the part of the draw to judge, I/N")
	p.Float64Var(&f.least, "least", 0, "share of the mutants that are not excused which must be killed, 0 to 1")
	p.IntVar(&f.killed, "killed", 0, "how many mutants must be killed at least")
	p.StringVar(&f.check, "check", "", "require that this file states the figure (README.md)")
	_ = c.MarkFlagRequired("draw")
	return c
}

// A fate is what became of a random mutant.
type fate struct {
	Name    string
	Killed  bool
	By      string // requirement
	Rule    string // id of the step or rule
	Where   string // scenario or world
	Text    string
	How     string // "verdict", "death" or "hang"
	Reached bool
	Differs bool // some capture was another than the reference's
	Tried   int  // scenarios and worlds
}

func (x fate) String() string {
	switch {
	case x.Killed:
		return "killed by " + x.By + " (" + x.Rule + ")"
	case !x.Reached:
		return "unreached"
	case !x.Differs:
		return "without effect"
	default:
		return "survived"
	}
}

// hung is how much processor time the work on one mutant may take: some six times what the longest
// takes. Time of the clock is no measure on a busy machine.
const hung = 2 * time.Minute

func random(ctx context.Context, f randomFlags) error {
	seed, err := strconv.ParseUint(f.draw, 16, 64)
	if err != nil {
		return fmt.Errorf("--draw %q: a hexadecimal number is required, such as the first eight digits of a commit", f.draw)
	}
	var shard, of int
	if _, err := fmt.Sscanf(f.shard, "%d/%d", &shard, &of); err != nil || shard < 1 || shard > of {
		return fmt.Errorf("--shard %q: I/N is required, with I from 1 to N", f.shard)
	}
	root, err := filepath.Abs(f.root)
	if err != nil {
		return err
	}
	out, err := filepath.Abs(f.out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var only *regexp.Regexp
	if f.files != "" {
		if only, err = regexp.Compile(f.files); err != nil {
			return fmt.Errorf("--files: %w", err)
		}
	}
	draw, err := mutant.Make(root, seed, f.n, only)
	if err != nil {
		return err
	}
	overlay, err := draw.Overlay(root, out)
	if err != nil {
		return err
	}
	program := filepath.Join(out, "mutants")
	c := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", program, "./harness/cmd/mutation")
	c.Dir = root
	if said, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("building the mutants: %w\n%s", err, said)
	}
	var names []string
	for i, m := range draw.Mutants {
		if i%of == shard-1 {
			names = append(names, m.Name)
		}
	}
	kept := filepath.Join(out, fmt.Sprintf("results-%s-%d.jsonl", f.draw, f.n))
	done, err := readFates(kept)
	if err != nil {
		return err
	}
	base := filepath.Join(out, fmt.Sprintf("baseline-%s-%d-%d.json", f.draw, f.n, f.worlds))
	if err := exec.CommandContext(ctx, program, workingRandom, "--baseline", base, "--worlds", strconv.Itoa(f.worlds)).Run(); err != nil {
		return fmt.Errorf("the reference without a fault: %w: see %s", err, base)
	}
	begun := time.Now()
	if err := judgeRandom(ctx, program, base, f, names, done, kept); err != nil {
		return err
	}
	return f.conclude(root, draw, names, done, out, time.Since(begun))
}

func readFates(name string) (map[string]fate, error) {
	done := map[string]fate{}
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return done, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(data)) {
		var x fate
		if json.Unmarshal([]byte(line), &x) == nil {
			done[x.Name] = x
		}
	}
	return done, nil
}

// judgeRandom has workers judge what is not done yet. A worker that hangs is killed, which is a
// verdict too.
func judgeRandom(ctx context.Context, program, base string, f randomFlags, names []string, done map[string]fate, kept string) error {
	file, err := os.OpenFile(kept, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	queue := make(chan string)
	style := report.StyleOf(os.Stderr)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	for range max(f.jobs, 1) {
		wg.Go(func() {
			for name := range queue {
				x, err := judgeOne(ctx, program, base, name, f.worlds)
				mu.Lock()
				if err != nil && failed == nil && ctx.Err() == nil {
					failed = fmt.Errorf("%s: %w", name, err)
				}
				if err == nil {
					done[name] = x
					line, _ := json.Marshal(x)
					fmt.Fprintf(file, "%s\n", line)
					if style.Live {
						fmt.Fprintf(os.Stderr, "\r%d of %d\x1b[K", len(done), len(names))
					} else {
						fmt.Fprintf(os.Stderr, "[%d/%d] %s %s\n", len(done), len(names), name, x)
					}
				}
				mu.Unlock()
			}
		})
	}
	for _, name := range names {
		if _, ok := done[name]; !ok {
			queue <- name
		}
	}
	close(queue)
	wg.Wait()
	if style.Live {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	return errors.Join(failed, ctx.Err())
}

// judgeOne gives a worker time until it has used the processor for as long as hung.
func judgeOne(ctx context.Context, program, base, name string, worlds int) (x fate, err error) {
	for wait := hung; ; wait *= 2 {
		x, used, err := judgeWithin(ctx, program, base, name, worlds, wait)
		if !errors.Is(err, errSlow) {
			return x, err
		}
		if used >= hung {
			return fate{Name: name, Killed: true, By: "LAT-FRAME-014", Rule: "hang", How: "hang", Reached: true, Differs: true}, nil
		}
		if wait >= 16*hung {
			return x, fmt.Errorf("in %v it got %v of the processor, and was not done: end other work, and run it again", wait, used)
		}
	}
}

var errSlow = errors.New("its time was up")

func judgeWithin(ctx context.Context, program, base, name string, worlds int, wait time.Duration) (x fate, used time.Duration, err error) {
	inner, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	c := exec.CommandContext(inner, program, workingRandom, "--baseline", base, "--mutant", name, "--worlds", strconv.Itoa(worlds))
	out, err := c.StdoutPipe()
	if err != nil {
		return x, 0, err
	}
	var said strings.Builder
	c.Stderr = &limited{w: &said, left: 4096}
	if err := c.Start(); err != nil {
		return x, 0, err
	}
	decoded := json.NewDecoder(bufio.NewReader(out)).Decode(&x)
	err = c.Wait()
	switch {
	case ctx.Err() != nil:
		return x, 0, ctx.Err()
	case inner.Err() != nil:
		return x, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), errSlow
	case err != nil:
		// The worker itself ended: memory, or a fatal error of the runtime.
		return fate{Name: name, Killed: true, By: "LAT-FRAME-014", Rule: "crash", How: "death", Reached: true, Differs: true, Text: said.String()}, 0, nil
	}
	return x, 0, decoded
}

// limited keeps the beginning of what is written.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.left, len(p))
	l.left -= n
	_, _ = l.w.Write(p[:n])
	return len(p), nil
}

func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n ") }
