// Reword copies the repository and rewords what must not matter: every comment of the Go sources,
// and every title, description and step of the features together with the expressions that match
// the steps. What still holds in the copy (make reword-check) depends on no wording.
//
// The new words are the old ones in ROT13, so that literal text of an expression and of a step
// change alike. These keep their form: directives such as //go:embed, the mark "order-free:", the
// ids of requirements (with "to" between two for a range) and of deviations, the file names of the
// standard's pages, tags, tables, doc strings, and what a step captures.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func main() {
	var root, out string
	c := &cobra.Command{
		Use:     "reword",
		Short:   "Copy the repository with other words in comments, features and step expressions",
		Example: "  go run ./harness/cmd/reword --out out/reword",
		Args:    cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		RunE: func(*cobra.Command, []string) error { return copyReworded(root, out) },
	}
	c.Flags().StringVar(&root, "root", ".", "folder of the repository")
	c.Flags().StringVar(&out, "out", "out/reword", "folder for the copy, which must not exist")
	if err := c.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "reword:", err)
		os.Exit(2)
	}
}

// left are folders without sources.
var left = map[string]bool{".git": true, "node_modules": true, "out": true, "bin": true, "build": true}

// copyReworded writes the copy, and says what it changed.
func copyReworded(root, out string) error {
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s exists: remove it, or give another --out", out)
	}
	files := map[string][]byte{}
	modes := map[string]fs.FileMode{}
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && left[d.Name()]:
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		modes[name] = info.Mode().Perm()
		files[name], err = os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		return err
	})
	if err != nil {
		return err
	}
	changed, err := reword(files)
	if err != nil {
		return err
	}
	for name, text := range files {
		to := filepath.Join(out, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, text, modes[name]); err != nil {
			return err
		}
	}
	fmt.Printf("%s: %s\n", out, changed)
	return nil
}

// counts say how much was reworded.
type counts struct{ comments, expressions, titles, steps int }

func (c counts) String() string {
	return fmt.Sprintf("%d comments, %d step expressions, %d titles and %d steps are reworded", c.comments, c.expressions, c.titles, c.steps)
}

// reword changes the files of a repository, by their slash paths.
func reword(files map[string][]byte) (counts, error) {
	var all counts
	var expressions []expression
	for name, text := range files { // order-free: each file for itself; features match by any of all expressions
		if path.Ext(name) != ".go" || strings.Contains(name, "/testdata/") {
			continue
		}
		if path.Dir(name) == "harness/steps" && !strings.HasSuffix(name, "_test.go") {
			reworded, found, err := rewordExpressions(text)
			if err != nil {
				return all, fmt.Errorf("%s: %w", name, err)
			}
			text, expressions = reworded, append(expressions, found...)
		}
		reworded, n, err := rewordComments(text)
		if err != nil {
			return all, fmt.Errorf("%s: %w", name, err)
		}
		files[name] = reworded
		all.comments += n
	}
	all.expressions = len(expressions)
	var wrong []error
	for name, text := range files { // order-free: each file for itself
		if path.Dir(name) != "features" || path.Ext(name) != ".feature" {
			continue
		}
		reworded, n, err := rewordFeature(text, expressions)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			continue
		}
		if bytes.Equal(reworded, text) {
			return all, fmt.Errorf("%s: nothing of it was reworded", name)
		}
		files[name] = reworded
		all.titles += n.titles
		all.steps += n.steps
	}
	return all, errors.Join(wrong...)
}

// rot13 gives other words for a text.
func rot13(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, text)
}
