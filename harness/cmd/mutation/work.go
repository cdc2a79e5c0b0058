package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"punchlist/features"
	"punchlist/harness/lab"
	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/saboteur"
	"punchlist/harness/saboteur/deviate"
	"punchlist/harness/suite"
	"punchlist/spec"
)

// A job is a saboteur to judge; without a name, the reference.
type job struct {
	Name   string
	Breaks string
	Does   string
	Whole  bool // by every scenario, even if the scenarios of its requirement fail
}

// A trial holds what a saboteur did, and what the scenarios made of it.
type trial struct {
	job
	Deviated int            // times
	Caught   map[string]int // number of scenarios that failed, by the broken requirement
	Judged   int            // scenarios
	Other    string         // the first scenario that had no verdict, with its outcome
	Failures []string       // requirement, key, id and detail of all scenarios that failed
}

// The fates of a saboteur.
const (
	killed       = "killed"
	elsewhere    = "caught elsewhere"
	survived     = "survived"
	notExercised = "not exercised"
	passed       = "passed"
)

func (r trial) fate() string {
	switch {
	case r.Name == "" && len(r.Caught) == 0 && r.Other == "":
		return passed
	case r.Caught[r.Breaks] > 0:
		return killed
	case len(r.Caught) > 0:
		return elsewhere
	case r.Deviated == 0:
		return notExercised
	}
	return survived
}

// work judges the jobs that it reads until the input ends.
func work(ctx context.Context, in io.Reader, out io.Writer) error {
	registry, err := spec.Load()
	if err != nil {
		return err
	}
	for jobs, results := json.NewDecoder(in), json.NewEncoder(out); ; {
		var j job
		if err := jobs.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		r := trial{job: j, Caught: map[string]int{}}
		if !j.Whole {
			if err := r.judge(ctx, registry, "@"+j.Breaks); err != nil {
				return err
			}
		}
		if r.fate() != killed {
			if err := r.judge(ctx, registry, ""); err != nil {
				return err
			}
		}
		if err := results.Encode(r); err != nil {
			return err
		}
	}
}

// judge adds the results of the scenarios that the tags select.
func (r *trial) judge(ctx context.Context, registry *spec.Registry, tags string) error {
	reference, err := manifest.Bundled("reference")
	if err != nil {
		return err
	}
	subject := reference
	subject.Name, subject.Builtin = "saboteur", saboteur.Builtin
	deviate.Become(r.Name)
	got, err := suite.Run(ctx, suite.Config{
		Cells: []suite.Cell{{Subject: subject, Companion: reference, Lab: "sim"}},
		Labs:  map[string]lab.Lab{"sim": sim.New(saboteur.Builtins()...)}, Features: features.Files, Registry: registry,
		Select: suite.Selection{Tags: tags},
		Seed:   1, Jobs: 1,
		Progress: report.NewProgress(io.Discard, report.Style{}), Today: time.Unix(0, 0),
	})
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	r.Deviated += deviate.Count()
	for _, x := range got.Cells[0].All() {
		r.Judged++
		switch x.Outcome {
		case result.Failed:
			r.Caught[x.About()]++
			if f := strings.TrimSpace(fmt.Sprintf("%s %s %s %s", x.About(), x.Key, x.ID, x.Detail)); !slices.Contains(r.Failures, f) {
				r.Failures = append(r.Failures, f)
			}
		case result.AdapterBroken, result.LabFailed, result.Inconclusive:
			if r.Other == "" {
				r.Other = fmt.Sprintf("%v: %s: %s", x.Outcome, x.Key, x.Text)
			}
		}
	}
	return nil
}
