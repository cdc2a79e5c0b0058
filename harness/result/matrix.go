package result

import "punchlist/spec"

// Mark is what a matrix shows for one requirement in one column.
type Mark struct {
	Counts [LabFailed + 1]int
	Red    bool
}

// Matrix counts outcomes by requirement and column. A failure counts for the
// requirement that was broken, and its own scenario's requirement then counts
// as inconclusive.
func (r *Run) Matrix() (columns []string, marks map[string]map[string]*Mark) {
	marks = map[string]map[string]*Mark{}
	count := func(requirement, column string, o Outcome, red bool) {
		row := marks[requirement]
		if row == nil {
			row = map[string]*Mark{}
			marks[requirement] = row
		}
		if row[column] == nil {
			row[column] = &Mark{}
		}
		row[column].Counts[o]++
		row[column].Red = row[column].Red || red
	}
	seen := map[string]bool{}
	for _, c := range r.Cells {
		column := c.Column()
		if !seen[column] {
			seen[column] = true
			columns = append(columns, column)
		}
		for _, s := range c.All() {
			if s.Broke != "" && s.Broke != s.Requirement {
				count(s.Broke, column, s.Outcome, s.Unexpected)
				count(s.Requirement, column, Inconclusive, false)
				continue
			}
			count(s.Requirement, column, s.Outcome, s.Unexpected)
		}
	}
	return columns, marks
}

// Severity orders outcomes for a mark that stands for several: the first that
// occurred is shown.
var Severity = []Outcome{
	Failed, AdapterBroken, LabFailed, KnownFailure,
	Inconclusive, Passed, NotApplicable,
}

// Shown is the outcome that a mark is shown as.
func (m *Mark) Shown() Outcome {
	if m != nil {
		for _, o := range Severity {
			if m.Counts[o] > 0 {
				return o
			}
		}
	}
	return None
}

// Requirement finds one by its id; an unknown id gives its name alone.
func (r *Run) Requirement(id string) spec.Requirement {
	for _, q := range r.Requirements {
		if q.ID == id {
			return q
		}
	}
	return spec.Requirement{ID: id}
}

// Rows are the requirements that the matrix has a row for, in order.
func (r *Run) Rows(marks map[string]map[string]*Mark) []spec.Requirement {
	var rows []spec.Requirement
	for _, q := range r.Requirements {
		if marks[q.ID] != nil {
			rows = append(rows, q)
		}
	}
	return rows
}

// Kept counts the requirements that concern a subject, and of these those of
// which every scenario passed.
func (r *Run) Kept() (kept, of int) {
	_, marks := r.Matrix()
	for _, row := range marks {
		concerns, passed := false, true
		for _, m := range row {
			for o, n := range m.Counts {
				if n > 0 && Outcome(o) != NotApplicable {
					concerns = true
					passed = passed && Outcome(o) == Passed
				}
			}
		}
		if concerns {
			of++
			if passed {
				kept++
			}
		}
	}
	return kept, of
}
