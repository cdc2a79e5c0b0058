package codec

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"punchlist/vectors"
)

// A Verdict is what the vectors of one requirement say of a codec.
type Verdict struct {
	Requirement string
	Passed      int
	Failures    []Failure
	Unsupported []Failure // that were not played, and why not
}

// A Failure is a vector that wasn't passed.
type Failure struct {
	ID, Title, Text string
}

// Judge plays vectors, and gives the verdicts by requirement, in the order in
// which the requirements come first. Each is told every vector played so far.
func Judge(all []vectors.Vector, ask Asker, progress func(played int)) ([]Verdict, error) {
	var verdicts []Verdict
	for i, v := range all {
		at := slices.IndexFunc(verdicts, func(known Verdict) bool { return known.Requirement == v.Requirement })
		if at < 0 {
			at = len(verdicts)
			verdicts = append(verdicts, Verdict{Requirement: v.Requirement})
		}
		outcome, text, err := Check(v, ask)
		if err != nil {
			return verdicts, fmt.Errorf("at vector %s: %w", v.ID, err)
		}
		switch it := &verdicts[at]; outcome {
		case Passed:
			it.Passed++
		case Failed:
			it.Failures = append(it.Failures, Failure{v.ID, v.Title, text})
		case Unsupported:
			it.Unsupported = append(it.Unsupported, Failure{v.ID, v.Title, text})
		}
		if progress != nil {
			progress(i + 1)
		}
	}
	return verdicts, nil
}

// ID is that of the step that plays the vectors of a requirement: known failures
// name it, whether a scenario or `punchlist vectors check` plays them.
const ID = "frame/codec-passes"

// Detail tells one set of failures from any other, so that a manifest can
// name it as known: "fails 12 of 40 vectors (0a1b2c3d)". It is empty where
// nothing failed.
func (v Verdict) Detail() string {
	if len(v.Failures) == 0 {
		return ""
	}
	ids := make([]string, len(v.Failures))
	for i, f := range v.Failures {
		ids[i] = f.ID
	}
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, "\n")))
	return fmt.Sprintf("fails %d of %d vectors (%x)", len(ids), len(ids)+v.Passed, sum[:4])
}

var detail = regexp.MustCompile(`^fails [0-9]+ of [0-9]+ vectors \([0-9a-f]{8}\)$`)

// IsDetail reports whether a text is what Detail gives.
func IsDetail(text string) bool { return detail.MatchString(text) }

// Text names the first failures, one on each line, and counts the rest.
func (v Verdict) Text() string {
	const most = 5
	var lines []string
	for i, f := range v.Failures {
		if i == most {
			lines = append(lines, fmt.Sprintf("and %d more: `punchlist vectors check` lists them", len(v.Failures)-most))
			break
		}
		lines = append(lines, fmt.Sprintf("vector %s (%s): %s", f.ID, f.Title, f.Text))
	}
	return strings.Join(lines, "\n")
}

// Of are the vectors of one requirement.
func Of(all []vectors.Chapter, requirement string) (of []vectors.Vector) {
	for _, c := range all {
		for _, v := range c.Vectors {
			if v.Requirement == requirement {
				of = append(of, v)
			}
		}
	}
	return of
}
