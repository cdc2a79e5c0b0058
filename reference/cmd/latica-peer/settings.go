package main

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// settle gives the flags that the command line left alone their value from the
// environment, and else from the file that --config names. A variable is a
// flag's name in capitals behind LATICA_, with _ for -.
func settle(c *cobra.Command) error {
	path := setting(c.Flags().Lookup("config"))
	var file map[string]yaml.Node
	if path != "" {
		var err error
		if file, err = readConfig(path); err != nil {
			return err
		}
	}
	known := map[string]bool{}
	var problems []error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "config" || f.Name == "help" {
			return
		}
		known[f.Name] = true
		if f.Changed {
			return
		}
		if value := os.Getenv(variable(f)); value != "" {
			if err := fromText(f, value); err != nil {
				problems = append(problems, usage("%s: %w", variable(f), err))
			}
			return
		}
		if node, set := file[f.Name]; set {
			if err := fromNode(f, node); err != nil {
				problems = append(problems, usage("%s:%d: %s: %w", path, node.Line, f.Name, err))
			}
		}
	})
	for name, node := range file { // order-free: sorted below
		if !known[name] {
			problems = append(problems, usage("%s:%d: there is no setting %q; see %s --help", path, node.Line, name, c.CommandPath()))
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
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

// readConfig reads a YAML file of settings.
func readConfig(path string) (map[string]yaml.Node, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage("the configuration can't be read: %w", err)
	}
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, usage("%s: %w", path, err)
	}
	return file, nil
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

// fromNode sets a flag to a value of the file, or to each of a list.
func fromNode(f *pflag.Flag, node yaml.Node) error {
	switch node.Kind {
	case yaml.ScalarNode:
		return f.Value.Set(node.Value)
	case yaml.SequenceNode:
		list, ok := f.Value.(pflag.SliceValue)
		if !ok {
			return errors.New("one value is wanted, not a list")
		}
		var values []string
		for _, n := range node.Content {
			if n.Kind != yaml.ScalarNode {
				return fmt.Errorf("line %d: a plain value is wanted", n.Line)
			}
			values = append(values, n.Value)
		}
		return list.Replace(values)
	}
	return errors.New("a plain value or a list is wanted")
}

const settingsHelp = `Each setting is a flag, a variable of the environment (--probe-port is
LATICA_PROBE_PORT), or a line of the YAML file that --config names
(probe-port: 9778); the first of these that says something is taken. What may be
given often is a list in the file, and separated by commas in the environment.`

// parseBootstrap reads PEERID@ADDRESS:PORT.
func parseBootstrap(list []string) ([]peer.Bootstrap, error) {
	var all []peer.Bootstrap
	for _, text := range list {
		id, at, found := strings.Cut(text, "@")
		if !found {
			return nil, usage("bootstrap %q: PEERID@ADDRESS:PORT is wanted", text)
		}
		b := peer.Bootstrap{}
		var err error
		if b.ID, err = wire.ParseID(id); err != nil {
			return nil, usage("bootstrap %q: its peerId: %w", text, err)
		}
		if b.Addr, err = netip.ParseAddrPort(at); err != nil {
			return nil, usage("bootstrap %q: its address: %w (an IPv4 address and a port, no name)", text, err)
		}
		all = append(all, b)
	}
	return all, nil
}

// parseLimits reads NAME=NUMBER into the limits.
func parseLimits(list []string, into *peer.Limits) error {
	limits := limitsByName(into)
	for _, text := range list {
		name, number, _ := strings.Cut(text, "=")
		limit, known := limits[name]
		if !known {
			return usage("limit %q: there is no %q; there are %s", text, name, strings.Join(limitNames(), ", "))
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return usage("limit %q: NAME=NUMBER is wanted, with a number from 1", text)
		}
		*limit = n
	}
	return nil
}

// limitsByName are the limits that are numbers: PendingPerIP is pending-per-ip.
func limitsByName(l *peer.Limits) map[string]*int {
	limits := map[string]*int{}
	v := reflect.ValueOf(l).Elem()
	for i := range v.NumField() {
		if limit, ok := v.Field(i).Addr().Interface().(*int); ok {
			limits[strings.ToLower(wordEnd.ReplaceAllString(v.Type().Field(i).Name, "$1-$2"))] = limit
		}
	}
	return limits
}

var wordEnd = regexp.MustCompile(`([a-z])([A-Z])`)

func limitNames() []string { return slices.Sorted(maps.Keys(limitsByName(new(peer.Limits)))) }
