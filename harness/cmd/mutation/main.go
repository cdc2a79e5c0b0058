// Mutation measures what the suite catches: it judges every saboteur (package saboteur), and prints
// the requirements in whose name each saboteur failed.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/saboteur"
	"punchlist/spec"
)

// working is the command by which the patched program judges the saboteurs that it reads from
// standard input.
const working = "work"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := command()
	c.AddCommand(&cobra.Command{
		Use: working, Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return work(c.Context(), os.Stdin, os.Stdout) },
	})
	c.AddCommand(randomCommand(), randomWorkCommand(), exploreCommand(), exploreWorkCommand())
	switch err := c.ExecuteContext(ctx); {
	case errors.Is(err, errGap), errors.Is(err, errFigure):
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(result.Unexpected)
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(result.CouldNotRun)
	}
}

// flags are the values of the program's flags.
type flags struct {
	root  string
	only  string
	whole bool
	out   string
	check string
	jobs  int
}

func command() *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use:   "mutation",
		Short: "Judge the saboteurs, and print the requirements in whose name each failed",
		Long: `Mutation builds the reference with the patches of all saboteurs (harness/saboteur), and judges
each saboteur in the sim lab by the scenarios of the requirement that it breaks. If none of these
fails, all scenarios judge it. With --whole, all scenarios judge each saboteur.

A saboteur is
  killed            if a scenario fails in the name of the requirement that it breaks;
  caught elsewhere  if a scenario fails in the name of another requirement only;
  survived          if it deviated and no scenario failed;
  not exercised     if it never deviated.
The reference without a saboteur is judged by all scenarios as well, and must pass.

Mutation writes matrix.md and failures.txt to the folder --out. It requires the sources of the
project, and Go.

Exit codes: 0 all saboteurs were killed; 1 some were not, or the file --check states another
figure; 2 mutation could not run.`,
		Example: `  mutation
  mutation --only 'LAT-SYNC'
  mutation --only '^forgets-' --whole --out out/mutation`,
		Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		RunE: func(c *cobra.Command, _ []string) error { return mutate(c.Context(), f) },
	}
	p := c.Flags()
	p.StringVar(&f.root, "root", ".", "folder of the project")
	p.StringVar(&f.only, "only", "", "judge only the saboteurs whose name or requirement matches this regular expression")
	p.BoolVar(&f.whole, "whole", false, "judge each saboteur by every scenario; takes an hour")
	p.StringVar(&f.out, "out", "out/mutation", "write the patched program, its sources and the results to this folder")
	p.StringVar(&f.check, "check", "", "require that this file states the figure (README.md)")
	p.IntVar(&f.jobs, "jobs", runtime.NumCPU(), "judge this many saboteurs at once")
	return c
}

// errGap is a gap of the suite: a saboteur that it did not catch.
var errGap = errors.New("not all saboteurs were killed in the name of their requirement")

// errFigure is a file that states another figure.
var errFigure = errors.New("the stated figure is stale")

// unpatched names the reference without a saboteur.
const unpatched = "reference"

func mutate(ctx context.Context, f flags) error {
	registry, err := spec.Load()
	if err != nil {
		return err
	}
	all, err := saboteur.All()
	if err != nil {
		return err
	}
	only, err := regexp.Compile(f.only)
	if err != nil {
		return fmt.Errorf("--only: %w", err)
	}
	chosen := []job{}
	if only.MatchString("") {
		chosen = append(chosen, job{Whole: true}) // the reference
	}
	for _, s := range all {
		if _, ok := registry.Lookup(s.Breaks); !ok {
			return fmt.Errorf("%s breaks %s, which the registry does not have", s.Name, s.Breaks)
		}
		if only.MatchString(s.Name) || only.MatchString(s.Breaks) {
			chosen = append(chosen, job{Name: s.Name, Breaks: s.Breaks, Does: s.Does, Whole: f.whole})
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("--only: %q matches none of the %d saboteurs", f.only, len(all))
	}
	program, err := build(ctx, f, all)
	if err != nil {
		return err
	}
	begun := time.Now()
	results, err := judgeAll(ctx, program, chosen, max(f.jobs, 1))
	if err != nil {
		return err
	}
	m := matrix{results: results, registry: registry, all: f.only == ""}
	if err := os.WriteFile(filepath.Join(f.out, "matrix.md"), []byte(m.markdown()), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.out, "failures.txt"), []byte(m.failures()), 0o644); err != nil {
		return err
	}
	m.print(os.Stdout)
	fmt.Printf("%s; %.0f s; %s\n", m.figure(), time.Since(begun).Seconds(), filepath.Join(f.out, "matrix.md"))
	if f.check != "" {
		text, err := os.ReadFile(f.check)
		if err != nil {
			return err
		}
		if !bytes.Contains(bytes.Join(bytes.Fields(text), []byte(" ")), []byte(m.figure())) {
			return fmt.Errorf("%w: %s must say %q", errFigure, f.check, m.figure())
		}
	}
	if !m.good() {
		return errGap
	}
	return nil
}

// build compiles this program with the patches of all saboteurs, and returns its path.
func build(ctx context.Context, f flags, all []saboteur.Saboteur) (string, error) {
	root, err := filepath.Abs(f.root)
	if err != nil {
		return "", err
	}
	if f.out, err = filepath.Abs(f.out); err != nil {
		return "", err
	}
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return "", err
	}
	overlay, err := saboteur.Overlay(all, root, f.out)
	if err != nil {
		return "", err
	}
	program := filepath.Join(f.out, "saboteurs")
	c := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "-o", program, "./harness/cmd/mutation")
	c.Dir = root
	if said, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compiling the patched reference: %w\n%s", err, bytes.TrimSpace(said))
	}
	return program, nil
}

// judgeAll judges the jobs in worker processes, since only one saboteur acts in a process.
func judgeAll(ctx context.Context, program string, jobs []job, workers int) ([]trial, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]trial, len(jobs))
	queue := make(chan int)
	style := report.StyleOf(os.Stderr)
	var done int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range min(workers, len(jobs)) {
		wg.Go(func() {
			err := worker(ctx, program, func(ask func(job) (trial, error)) error {
				for i := range queue {
					r, err := ask(jobs[i])
					if err != nil {
						return fmt.Errorf("%s: %w", jobs[i].Name, err)
					}
					results[i] = r
					mu.Lock()
					done++
					if style.Live {
						fmt.Fprintf(os.Stderr, "\r%d of %d", done, len(jobs))
					} else {
						fmt.Fprintf(os.Stderr, "[%d/%d] %s\n", done, len(jobs), r.line())
					}
					mu.Unlock()
				}
				return nil
			})
			if err != nil {
				cancel(err)
			}
		})
	}
	for i := range jobs {
		select {
		case queue <- i:
		case <-ctx.Done():
		}
	}
	close(queue)
	wg.Wait()
	if style.Live {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	return results, context.Cause(ctx)
}

// worker runs one worker process, to which use hands the jobs.
func worker(ctx context.Context, program string, use func(ask func(job) (trial, error)) error) error {
	c := exec.CommandContext(ctx, program, working)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	trials := json.NewDecoder(bufio.NewReader(out))
	err = use(func(j job) (r trial, err error) {
		if err := json.NewEncoder(in).Encode(j); err != nil {
			return r, err
		}
		err = trials.Decode(&r)
		if errors.Is(err, io.EOF) {
			err = errors.New("the worker ended")
		}
		return r, err
	})
	in.Close()
	return errors.Join(err, c.Wait())
}

// line gives a trial in one line, for the progress.
func (r trial) line() string {
	name := r.Name
	if name == "" {
		name = unpatched
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s: %s", r.Breaks, name, r.fate()))
}
