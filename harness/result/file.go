package result

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Read reads a report.json, of this schema or of schema 1. What schema 1 says otherwise (paths,
// signatures, timelines) is left out, so that such a run can be compared, and not rendered.
func Read(file string) (*Run, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var r Run
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if r.Schema == 0 {
		return nil, fmt.Errorf("%s has no report in it: the run that was to write it did not end", file)
	}
	if r.Schema != 1 && r.Schema != Schema {
		return nil, fmt.Errorf("%s: schema %d; this program reads 1 and %d", file, r.Schema, Schema)
	}
	return &r, nil
}

// Files lists the captures and logs that the report names, relative to it.
func (r *Run) Files() []string {
	var files []string
	for _, c := range r.Cells {
		for _, s := range c.Results {
			for _, name := range []string{s.Capture, s.Log} {
				if name != "" && filepath.IsLocal(name) {
					files = append(files, name)
				}
			}
		}
	}
	return files
}
