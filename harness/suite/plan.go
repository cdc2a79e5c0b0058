package suite

import (
	"context"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"time"

	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/spec"
	"punchlist/spec/testee"
)

// Tags that restrict a scenario. Any other tag only serves selection.
const (
	tagVirtual = "@virtual" // needs over 30 s of lab time: only where time is virtual
	tagNeeds   = "@needs-"  // @needs-clock: an optional capability of the subject
)

// virtualLabs are the labs whose time is virtual.
var virtualLabs = []string{"sim"}

// A Cell is an implementation judged in a lab beside a companion.
type Cell struct {
	Subject   manifest.Manifest
	Companion manifest.Manifest // all other peers of its scenarios
	Lab       string
	Tags      string // picks scenarios for this cell alone
}

// Name is the cell as the command line takes it.
func (c Cell) Name() string { return result.Name(c.Subject.Name, c.Companion.Name, c.Lab) }

// Config is what a run is made from.
type Config struct {
	Cells    []Cell
	Labs     map[string]lab.Lab
	Features fs.FS
	Parsed   []Scenario // what Scenarios reads from Features, for who runs often; nil: it is read
	Registry *spec.Registry
	World    WorldFunc // nil: steps.New

	Select  Selection
	Shard   *result.Shard // the part of the scenarios to run; nil: all
	Seed    int64
	Seeds   int           // how many in a row, from Seed; 0 is 1
	Jobs    int           // scenarios at once in one lab; 0: the number of cores in sim, more where time is real
	Timeout time.Duration // of one scenario on this machine's clock, where the lab's time is real; 0: two minutes
	Out     string        // folder for captures and logs, which exists; empty: none are kept
	Require bool          // what can't run is an error
	Strict  bool          // a failed SHOULD is red

	Progress *report.Progress
	Today    time.Time                                   // for review dates
	Repeat   func(c Cell, seed int64, key string) string // the command that runs one scenario again
}

// planned is a cell with its scenarios, once for every seed.
type planned struct {
	Cell
	lab       lab.Lab
	scenarios []Scenario
	places    []int            // of these, among the cell's scenarios of all shards
	failures  *result.Failures // known, of the subject
	excuses   *result.Failures // known, of the companion
	partial   []string         // requirements of which the cell's tags leave out a scenario
	missing   string           // why the cell can't run
	cells     []*result.Cell   // one for every seed
}

func (c *Config) defaults() {
	c.Seeds = max(c.Seeds, 1)
	if c.Timeout == 0 {
		c.Timeout = 2 * time.Minute
	}
	if c.Repeat == nil {
		c.Repeat = func(Cell, int64, string) string { return "" }
	}
}

// realJobs is how many scenarios a core carries where time is real: most of it
// is waiting. Containers take longer to start than they then need.
const (
	realJobs      = 10
	containerJobs = 3
)

// containerLabs are the labs whose hosts are containers.
var containerLabs = []string{"docker"}

// jobs is how many scenarios run at once in a lab.
func (c *Config) jobs(labName string) int {
	switch {
	case c.Jobs > 0:
		return c.Jobs
	case slices.Contains(virtualLabs, labName):
		return runtime.NumCPU()
	case slices.Contains(containerLabs, labName):
		return min(containerJobs*runtime.NumCPU(), 16)
	default:
		return min(realJobs*runtime.NumCPU(), 32)
	}
}

// plan picks the scenarios of every cell. It fails on what would otherwise
// pass by judging nothing.
func (c *Config) plan(ctx context.Context) ([]*planned, error) {
	all := c.Parsed
	if all == nil {
		var err error
		if all, err = Scenarios(c.Features); err != nil {
			return nil, err
		}
	}
	for _, s := range all {
		if _, ok := c.Registry.Lookup(s.Requirement); !ok {
			return nil, fmt.Errorf("%s is tagged %s, which the registry does not have", s.Key, s.Requirement)
		}
	}
	if len(c.Cells) == 0 {
		return nil, fmt.Errorf("nothing to run: no implementation was named")
	}
	picked, err := c.Select.Of(all)
	if err != nil {
		return nil, err
	}
	if len(picked) == 0 {
		return nil, fmt.Errorf("nothing to run: none of %d scenarios is picked by %s", len(all), c.Select)
	}
	checked := map[string]error{}
	var plan []*planned
	for _, cell := range c.Cells {
		l, ok := c.Labs[cell.Lab]
		if !ok {
			return nil, fmt.Errorf("%s: there is no lab %q here; there are %s", cell.Name(), cell.Lab, strings.Join(labNames(c.Labs), ", "))
		}
		p := &planned{
			Cell: cell, lab: l,
			failures: result.NewFailures(c.named(ctx, cell.Subject.Known), cell.Companion.Name, cell.Lab),
			excuses:  result.NewFailures(c.named(ctx, cell.Companion.Known), cell.Subject.Name, cell.Lab),
		}
		if p.scenarios, err = (Selection{Tags: cell.Tags}).Of(picked); err != nil {
			return nil, fmt.Errorf("%s: %w", cell.Name(), err)
		}
		if len(p.scenarios) == 0 {
			return nil, fmt.Errorf("%s: nothing to run: none of %d scenarios is picked by %q", cell.Name(), len(picked), cell.Tags)
		}
		kept := map[string]bool{}
		for _, s := range p.scenarios {
			kept[s.Key] = true
		}
		for _, s := range picked {
			if !kept[s.Key] && !slices.Contains(p.partial, s.Requirement) {
				p.partial = append(p.partial, s.Requirement)
			}
		}
		p.divide(c.Shard)
		if _, ok := checked[cell.Lab]; !ok {
			checked[cell.Lab] = l.Check(ctx)
		}
		p.missing = cell.missing(l, checked[cell.Lab])
		plan = append(plan, p)
	}
	return plan, nil
}

// divide keeps the scenarios of a shard: of those of every cell each so many
// one, so that what stands together in a file, and costs alike, is spread.
func (p *planned) divide(s *result.Shard) {
	var kept []Scenario
	for place, scenario := range p.scenarios {
		if s == nil || place%s.Of == s.Index-1 {
			kept = append(kept, scenario)
			p.places = append(p.places, place)
		}
	}
	p.scenarios = kept
}

// missing says why a cell can't run here.
func (c Cell) missing(l lab.Lab, check error) string {
	if check != nil {
		return fmt.Sprintf("the %s lab can't start: %v", l.Name(), check)
	}
	for _, m := range []manifest.Manifest{c.Subject, c.Companion} {
		if ok, why := l.Starts(m); !ok {
			return fmt.Sprintf("the %s lab can't start %s: %s", l.Name(), m.Name, why)
		}
		if m.Builtin == "" && !m.Prepared() {
			return fmt.Sprintf("%s is not set up: run punchlist setup %s", m.Name, m.Name)
		}
	}
	return ""
}

func labNames(labs map[string]lab.Lab) []string {
	var names []string
	for name := range labs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// notApplicable says why a scenario does not concern a subject in a lab; empty
// when it does. Hello is what the subject says of itself.
func notApplicable(s Scenario, q spec.Requirement, labs map[string]lab.Lab, labName string, hello testee.HelloOK) string {
	var only []string
	for _, name := range labNames(labs) {
		if s.Has("@" + name) {
			only = append(only, name)
		}
	}
	switch {
	case len(only) > 0 && !slices.Contains(only, labName):
		return fmt.Sprintf("it needs the lab %s", strings.Join(only, " or "))
	case s.Has(tagVirtual) && !slices.Contains(virtualLabs, labName):
		return "it needs virtual time: it takes over 30 s of the lab's clock"
	}
	for _, class := range classes {
		if s.Has("@"+class) && !slices.Contains(hello.Classes, class) {
			return fmt.Sprintf("%s does not claim class %s", hello.Name, class)
		}
	}
	// A scenario that asks the codec alone binds a codec, whatever the class of its
	// requirement; any other needs a peer that runs.
	if !s.Has("@" + testee.ClassCodec) {
		if !claims(hello.Classes, q.Class) {
			return fmt.Sprintf("%s does not claim class %s", hello.Name, q.Class)
		}
		if len(hello.Classes) == 1 && hello.Classes[0] == testee.ClassCodec {
			return fmt.Sprintf("%s claims class codec alone, and the scenario needs a peer that runs", hello.Name)
		}
	}
	if q.Level == spec.Should && hello.Recommendations != nil && !slices.Contains(hello.Recommendations, q.ID) {
		return fmt.Sprintf("%s does not follow the recommendation", hello.Name)
	}
	for _, t := range s.Tags {
		if capability, ok := strings.CutPrefix(t, tagNeeds); ok && !slices.Contains(hello.Capabilities, capability) {
			return fmt.Sprintf("%s lacks the optional capability %s", hello.Name, capability)
		}
	}
	return ""
}

var classes = []string{testee.ClassCodec, testee.ClassPeer, testee.ClassIndexed, testee.ClassRelay}

// claims reports whether a requirement of a class binds who claims classes: a
// peer has a codec in it, which its datagrams show, and an indexed peer and a
// relay are peers (spec/README.md).
func claims(claimed []string, class string) bool {
	isPeer := slices.ContainsFunc(claimed, func(c string) bool { return c != testee.ClassCodec })
	return slices.Contains(claimed, class) || isPeer && (class == testee.ClassCodec || class == testee.ClassPeer)
}
