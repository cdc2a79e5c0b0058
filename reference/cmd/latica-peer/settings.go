package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"punchlist/reference/peer"
	"punchlist/spec/yamlstrict"
)

// settle gives the flags that the command line left alone their value from the
// environment, and else from the file that --config names. A variable is a
// flag's name in capitals behind LATICA_, with _ for -.
func settle(c *cobra.Command) error {
	path := setting(c.Flags().Lookup("config"))
	var file []yamlstrict.Entry
	if path != "" {
		var err error
		if file, err = readConfig(path); err != nil {
			return err
		}
	}
	settled := map[string]bool{} // by the command line or the environment
	var problems []error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		value := os.Getenv(variable(f))
		switch {
		case !isSetting(f):
		case f.Changed:
			settled[f.Name] = true
		case value != "":
			settled[f.Name] = true
			if err := fromText(f, value); err != nil {
				problems = append(problems, usage("%s: %w", variable(f), err))
			}
		}
	})
	for _, s := range file {
		f := c.Flags().Lookup(s.Key)
		if f == nil || !isSetting(f) {
			problems = append(problems, usage("%s:%d: there is no setting %q; see %s --help", path, s.Line, s.Key, c.CommandPath()))
		} else if !settled[s.Key] {
			if line, err := fromNode(f, s.Value); err != nil {
				problems = append(problems, usage("%s:%d: %s: %w", path, line, s.Key, err))
			}
		}
	}
	return errors.Join(problems...)
}

// isSetting reports whether a flag may come from the environment or the file too.
func isSetting(f *pflag.Flag) bool { return f.Name != "config" && f.Name != "help" }

// strangeVariables are the variables of the environment that look like settings,
// and are none of any command.
func strangeVariables(root *cobra.Command) (names []string) {
	known := map[string]bool{"LATICA_KEY": true, "LATICA_CONFIG": true}
	for _, c := range root.Commands() {
		c.Flags().VisitAll(func(f *pflag.Flag) { known[variable(f)] = true })
	}
	for _, text := range os.Environ() {
		if name, _, _ := strings.Cut(text, "="); strings.HasPrefix(name, "LATICA_") && !known[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func variable(f *pflag.Flag) string {
	return "LATICA_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// setting is the value of a flag from the command line or the environment.
func setting(f *pflag.Flag) string {
	if !f.Changed {
		if value := os.Getenv(variable(f)); value != "" {
			return value
		}
	}
	return f.Value.String()
}

// readConfig reads a YAML file of settings, in their order.
func readConfig(path string) ([]yamlstrict.Entry, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("the configuration can't be read: %w", err)
	}
	file := yamlstrict.File(path)
	settings, err := file.Document(text, "the configuration", "it needs lines NAME: VALUE")
	switch {
	case errors.Is(err, yamlstrict.ErrEmpty):
		return nil, nil
	case err != nil:
		return nil, usage("%w", err)
	case settings.Tag == "!!null":
		return nil, nil // a document without anything in it
	}
	all, err := file.Entries(settings, "the configuration")
	if err != nil {
		return nil, usage("%w", err)
	}
	return all, nil
}

// fromText sets a flag to a value of the environment, or to each of several
// that commas separate.
func fromText(f *pflag.Flag, text string) error {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return f.Value.Set(text)
	}
	var values []string
	for value := range strings.SplitSeq(text, ",") {
		values = append(values, strings.TrimSpace(value))
	}
	return list.Replace(values)
}

// fromNode sets a flag to a value of the file, or to each of a list. With an
// error comes its line.
func fromNode(f *pflag.Flag, node *yaml.Node) (int, error) {
	if node.Kind == yaml.ScalarNode {
		return node.Line, f.Value.Set(node.Value)
	}
	if node.Kind != yaml.SequenceNode {
		return node.Line, errors.New("must be a plain value or a list")
	}
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return node.Line, errors.New("must be one value, not a list")
	}
	for _, n := range node.Content {
		if n.Kind != yaml.ScalarNode {
			return n.Line, errors.New("must be a plain value")
		}
		if err := list.Append(n.Value); err != nil {
			return n.Line, fmt.Errorf("%q: %w", n.Value, err)
		}
	}
	return node.Line, nil
}

const settingsHelp = `Each setting is a flag, a variable of the environment (--probe-port is
LATICA_PROBE_PORT), or a line of the YAML file that --config names
(probe-port: 9778); the first of these that says something is taken. What may be
given often is a list in the file, and separated by commas in the environment.`

// limitsByName are the limits that are numbers: PendingPerIP is pending-per-ip.
func limitsByName(l *peer.Limits) map[string]*int {
	limits := map[string]*int{}
	v := reflect.ValueOf(l).Elem()
	for _, field := range reflect.VisibleFields(v.Type()) {
		if limit, ok := v.FieldByIndex(field.Index).Addr().Interface().(*int); ok {
			limits[strings.ToLower(wordEnd.ReplaceAllString(field.Name, "$1-$2"))] = limit
		}
	}
	return limits
}

var wordEnd = regexp.MustCompile(`([a-z])([A-Z])`)

func limitNames() []string { return slices.Sorted(maps.Keys(limitsByName(new(peer.Limits)))) }
