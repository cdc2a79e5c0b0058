package explore

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
)

func reference(t *testing.T) Cast {
	m, err := manifest.Bundled("reference")
	require.NoError(t, err)
	return Cast{Subject: m, Companion: m}
}

func TestAWorldIsAFunctionOfItsSeed(t *testing.T) {
	p := Make(2)
	require.Equal(t, p, Make(2))
	require.NotEqual(t, p.Ops, Make(3).Ops)
	p.Length = time.Minute
	var first Result
	for i := range 2 {
		r, err := Run(context.Background(), sim.New(), p, reference(t), 0)
		require.NoError(t, err)
		if i == 0 {
			first = r
			continue
		}
		require.Equal(t, first.Lines("boot1"), r.Lines("boot1"))
	}
}

func TestPlansAreValid(t *testing.T) {
	for seed := range int64(200) {
		p := Make(seed)
		require.NoError(t, p.Validate(), seed)
		data, err := json.Marshal(p)
		require.NoError(t, err)
		var back Plan
		require.NoError(t, json.Unmarshal(data, &back))
		require.Equal(t, p, back)
	}
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	change := func(how func(*Plan)) Plan {
		p := Make(1)
		p.Ops, p.Hosts = slices.Clone(p.Ops), slices.Clone(p.Hosts)
		how(&p)
		return p
	}
	for says, p := range map[string]Plan{
		"1 to 200 hosts":      change(func(p *Plan) { p.Hosts = nil }),
		"keepalive":           change(func(p *Plan) { p.Keepalive = time.Second }),
		"length":              change(func(p *Plan) { p.Length = 48 * time.Hour }),
		"hosts[1]":            change(func(p *Plan) { p.Hosts[1].Name = p.Hosts[0].Name }),
		"ops[0]: n must":      change(func(p *Plan) { p.Ops[0].N = -1 }),
		"ops[0]: sub must":    change(func(p *Plan) { p.Ops[0].Sub = 64 }),
		"before the op above": change(func(p *Plan) { p.Ops[1].At = -1 }),
		"no host runs a peer": change(func(p *Plan) { p.Hosts = slices.DeleteFunc(p.Hosts, func(h Host) bool { return !h.Injector }) }),
	} {
		require.ErrorContains(t, p.Validate(), says)
	}
}

// What was found once is looked for again: each world of the corpus led to a finding.
func TestTheCorpusHasNoFindings(t *testing.T) {
	files, err := filepath.Glob("testdata/corpus/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			var p Plan
			require.NoError(t, json.Unmarshal(data, &p))
			require.NoError(t, p.Validate())
			r, err := Run(context.Background(), sim.New(), p, reference(t), 0)
			require.NoError(t, err)
			require.Empty(t, r.Findings)
			looked := 0
			for _, n := range r.Looked {
				looked += n
			}
			require.Positive(t, looked, "the oracle looked at it")
		})
	}
}

func TestShrink(t *testing.T) {
	p := Make(1)
	wanted := p.Ops[len(p.Ops)/2]
	runs := 0
	q := Shrink(context.Background(), p, func(q Plan) bool {
		runs++
		return slices.Contains(q.Ops, wanted) && q.host("boot1") != nil
	})
	require.Equal(t, []Op{wanted}, q.Ops)
	require.LessOrEqual(t, len(q.Hosts), 3, "what the op names, and what the finding needs")
	require.Less(t, runs, 500)
	require.NoError(t, q.Validate())
}

// What a scenario says of a plan is all of it: read back, it is the plan, but for how queries and
// attacks were numbered.
func TestAScenarioGivesItsPlanBack(t *testing.T) {
	for seed := range int64(50) {
		p := Make(seed)
		p.Subject = p.Hosts[0].Name
		hosts, ops := table(hostColumns, p.Hosts), table(opColumns, p.Ops)
		runs := slices.Index(hosts[0], "runs")
		for i, h := range p.Hosts {
			hosts[i+1][runs] = h.runs(h.Name == p.Subject)
		}
		back, err := ReadPlan(seed, p.Keepalive, p.Length, hosts, ops)
		require.NoError(t, err)
		for i, o := range p.Ops {
			if o.Do == Query {
				p.Ops[i].N = min(o.N, 1)
			}
		}
		require.Equal(t, p, back)
	}
}

func TestReadPlanNamesWhatIsWrong(t *testing.T) {
	hosts := [][]string{{"host", "network", "runs", "latency"}, {"a", "open", runsSubject, "10ms"}}
	ops := [][]string{{"at", "host", "does"}, {"1s", "a", "sleeps"}}
	read := func(hosts, ops [][]string) error {
		_, err := ReadPlan(1, 30*time.Second, time.Minute, hosts, ops)
		return err
	}
	require.NoError(t, read(hosts, ops))
	require.ErrorContains(t, read(hosts, [][]string{ops[0], {"1s", "a", "flies"}}), `no host can do "flies"`)
	require.ErrorContains(t, read(hosts, [][]string{{"when"}}[:0]), "header")
	require.ErrorContains(t, read(hosts, [][]string{{"when"}, {"1s"}}), `no column "when"`)
	require.ErrorContains(t, read([][]string{hosts[0], {"a", "open", runsPeer, "10ms"}}, ops), "none runs the subject")
	require.ErrorContains(t, read([][]string{hosts[0], {"a", "open", "a cat", "10ms"}}, ops), `got "a cat"`)
	require.ErrorContains(t, read([][]string{hosts[0], {"a", "moon", runsSubject, "10ms"}}, ops), "moon")
}
