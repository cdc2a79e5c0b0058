package result

import (
	"fmt"
	"os"
	"strings"
)

// A Renaming is which keys of old reports have become which.
type Renaming map[string]string

// ReadRenaming reads a file with a line for each key that is another one now: the old key, a
// tab, the new one.
func ReadRenaming(file string) (Renaming, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := Renaming{}
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		old, key, ok := strings.Cut(line, "\t")
		switch {
		case !ok || old == "" || key == "" || strings.Contains(key, "\t"):
			return nil, fmt.Errorf("%s:%d: %q is not an old key, a tab and a new key", file, i+1, line)
		case r[old] != "":
			return nil, fmt.Errorf("%s:%d: the key %q is there twice", file, i+1, old)
		}
		r[old] = key
	}
	return r, nil
}

// Apply gives the results of a run their keys of now. It returns those that it knows neither as
// old nor as new, each once, in the run's order.
func (r Renaming) Apply(run *Run) (unknown []string) {
	now, told := map[string]bool{}, map[string]bool{}
	for _, key := range r { // order-free: a set
		now[key] = true
	}
	for _, c := range run.Cells {
		for _, x := range c.All() {
			switch key, ok := r[x.Key]; {
			case ok:
				x.Key = key
			case !now[x.Key] && !told[x.Key]:
				told[x.Key] = true
				unknown = append(unknown, x.Key)
			}
		}
	}
	return unknown
}
