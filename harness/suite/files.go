package suite

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"punchlist/harness/probe"
	"punchlist/harness/result"
	"punchlist/spec"
)

// keepLog writes what the testees logged, where they logged anything.
func (r *runner) keepLog(j *job, log *logBuffer) error {
	text := log.bytes()
	if r.Out == "" || len(text) == 0 || r.Seeds > 1 && j.result.Outcome == result.Passed {
		return nil
	}
	file, err := r.file(j, ".log", text)
	j.result.Log = file
	return err
}

// file writes a file of one scenario and returns its name relative to the
// report.
func (r *runner) file(j *job, ext string, data []byte) (string, error) {
	folder := strings.ReplaceAll(j.cell.Column(), "@", "-")
	if r.Seeds > 1 {
		folder += fmt.Sprintf("-seed-%d", j.cell.Seed)
	}
	if err := os.MkdirAll(filepath.Join(r.Out, folder), 0o755); err != nil {
		return "", err
	}
	name := filepath.Join(folder, slug(j.scenario)+ext)
	return name, os.WriteFile(filepath.Join(r.Out, name), data, 0o644)
}

// slug names a scenario's files: its requirement and its id, and of a row of an outline what its
// cells say in plain characters, with a hash that keeps the rows apart.
func slug(s Scenario) string {
	_, words, _ := strings.Cut(strings.TrimPrefix(s.Key, probe.Prefix), "/")
	id, row, found := strings.Cut(words, "[")
	name := s.Requirement + "-" + id
	if !found {
		return name
	}
	plain := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		default:
			return ' '
		}
	}, row)
	plain = strings.Join(strings.Fields(plain), "-")
	if len(plain) > 60 {
		plain = strings.TrimRight(plain[:60], "-")
	}
	sum := sha256.Sum256([]byte(s.Key))
	return fmt.Sprintf("%s-%s-%x", name, plain, sum[:3])
}

// application is how captures name what wrote them.
func application() string { return "punchlist " + spec.ThisBuild().String() }
