package simulate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// A Result is an experiment that was run over seeds, and judged. Its JSON holds
// the samples, so that shards can be joined again.
type Result struct {
	Experiment string          `json:"experiment"`
	Parameters json.RawMessage `json:"parameters"`
	Seconds    float64         `json:"seconds,omitempty"` // of this machine, of all shards together
	Rows       []Row           `json:"rows"`
	Broken     []string        `json:"broken,omitempty"` // of all samples, each with its seed
	Samples    []Sample        `json:"samples"`          // ascending by seed
}

// NewResult judges samples. Their order does not matter.
func NewResult(x Experiment, samples []Sample) (Result, error) {
	parameters, err := json.Marshal(x)
	if err != nil {
		return Result{}, fmt.Errorf("simulate: parameters of %s: %w", x.Name(), err)
	}
	r := Result{Experiment: x.Name(), Parameters: parameters, Samples: slices.Clone(samples)}
	if len(samples) == 0 {
		return r, fmt.Errorf("simulate: %s: no seed was run, so there is nothing to judge", x.Name())
	}
	slices.SortFunc(r.Samples, func(a, b Sample) int { return cmp.Compare(a.Seed, b.Seed) })
	for i := range r.Samples {
		s := &r.Samples[i]
		if i > 0 && s.Seed == r.Samples[i-1].Seed {
			return r, fmt.Errorf("simulate: %s: seed %d is there twice", x.Name(), s.Seed)
		}
		for _, text := range s.Broken {
			r.Broken = append(r.Broken, fmt.Sprintf("seed %d: %s", s.Seed, text))
		}
	}
	r.Rows = x.Judge(r.Samples)
	return r, nil
}

// Join judges the samples of shards together. All must be of the experiment x,
// with its parameters.
func Join(x Experiment, shards ...Result) (Result, error) {
	parameters, err := json.Marshal(x)
	if err != nil {
		return Result{}, fmt.Errorf("simulate: parameters of %s: %w", x.Name(), err)
	}
	var samples []Sample
	seconds := 0.0
	for i, s := range shards {
		var theirs bytes.Buffer
		if err := json.Compact(&theirs, s.Parameters); err != nil {
			return Result{}, fmt.Errorf("simulate: shard %d: parameters: %w", i+1, err)
		}
		if s.Experiment != x.Name() || !bytes.Equal(theirs.Bytes(), parameters) {
			return Result{}, fmt.Errorf("simulate: shard %d is of %s %s, not of %s %s: give the same flags", i+1, s.Experiment, theirs.Bytes(), x.Name(), parameters)
		}
		samples = append(samples, s.Samples...)
		seconds += s.Seconds
	}
	r, err := NewResult(x, samples)
	r.Seconds = seconds
	return r, err
}

// Missed is how many bounds were not kept, each broken rule counted as one.
func (r *Result) Missed() int {
	missed := len(r.Broken)
	for _, row := range r.Rows {
		if row.Missed() {
			missed++
		}
	}
	return missed
}

// maxBroken is how many broken rules are printed.
const maxBroken = 20

// Print writes the result as a table.
func (r *Result) Print(w io.Writer) error {
	var text bytes.Buffer
	first, last := r.Samples[0].Seed, r.Samples[len(r.Samples)-1].Seed
	fmt.Fprintf(&text, "%s, %d seeds (%d to %d), %s\n\n", r.Experiment, len(r.Samples), first, last, r.Parameters)
	t := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "\tmeasured\ttheory\tbound\t")
	for _, row := range r.Rows {
		theory, bound, note := "", "", row.Note
		if row.Theory != nil {
			theory = number(*row.Theory, row.Unit)
		}
		switch {
		case row.AtLeast != nil && row.AtMost != nil:
			bound = number(*row.AtLeast, row.Unit) + " to " + number(*row.AtMost, row.Unit)
		case row.AtLeast != nil:
			bound = "≥ " + number(*row.AtLeast, row.Unit)
		case row.AtMost != nil:
			bound = "≤ " + number(*row.AtMost, row.Unit)
		}
		if row.Missed() {
			note = strings.TrimSpace("MISSED " + note)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", row.What, number(row.Measured, row.Unit), theory, bound, note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	// The tab writer pads the last column too.
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	for _, broken := range r.Broken[:min(len(r.Broken), maxBroken)] {
		if _, err := fmt.Fprintln(w, "BROKEN  "+broken); err != nil {
			return err
		}
	}
	end := "all bounds kept"
	if n := r.Missed(); n > 0 {
		end = fmt.Sprintf("%d MISSED OR BROKEN", n)
	}
	_, err := fmt.Fprintf(w, "\n%s  (%.1f s)\n", end, r.Seconds)
	return err
}

// number is a value as a table shows it.
func number(v float64, unit string) string {
	switch {
	case math.IsNaN(v):
		return "none"
	case unit == "%":
		return fmt.Sprintf("%.2f %%", 100*v)
	}
	text := strconv.FormatFloat(v, 'f', 1, 64)
	switch {
	case v == math.Trunc(v):
		text = strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) < 1:
		text = strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strings.TrimSpace(text + " " + unit)
}
