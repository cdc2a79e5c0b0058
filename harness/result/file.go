package result

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Read reads a report.json.
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
	if r.Schema != Schema {
		return nil, fmt.Errorf("%s: schema %d; this program reads %d", file, r.Schema, Schema)
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
