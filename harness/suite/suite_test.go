package suite

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/report"
	"punchlist/harness/result"
	"punchlist/harness/steps"
	"punchlist/harness/verdict"
	"punchlist/spec"
)

func topology(hosts ...string) (t internet.Topology) {
	for _, h := range hosts {
		t.Hosts = append(t.Hosts, internet.Host{Name: h, Realm: internet.Public})
	}
	return t
}

func testRegistry(t *testing.T) *spec.Registry {
	t.Helper()
	var b strings.Builder
	b.WriteString("requirements:\n")
	for _, q := range []string{
		"LAT-MSG-001 MUST peer", "LAT-MSG-002 MUST peer", "LAT-MSG-003 SHOULD peer", "LAT-MSG-004 MUST indexed",
		"LAT-MSG-005 MUST codec", "LAT-FRAME-014 MUST peer", "LAT-FRAME-009 MUST peer", "LAT-FRAME-017 MUST peer",
	} {
		f := strings.Fields(q)
		b.WriteString("  - {id: " + f[0] + ", level: " + f[1] + ", class: " + f[2] +
			", chapter: c.md, verified_by: [wire], since: '1', text: 'A peer " + f[1] + " do " + f[0] + ".'}\n")
	}
	r, err := spec.Parse("test.yaml", []byte(b.String()))
	require.NoError(t, err)
	return r
}

// rule writes a Rule with one scenario for a feature of the tests. The id of the scenario
// is msg/ and the rule's name.
func rule(tags, name string, steps ...string) string {
	return "\n  " + tags + "\n  Rule: " + name + "\n\n    @id:msg/" + strings.ReplaceAll(name, " ", "-") +
		"\n    Scenario: one\n      " + strings.Join(steps, "\n      ") + "\n"
}

func feature(rules ...string) fstest.MapFS {
	return fstest.MapFS{"t.feature": {Data: []byte("Feature: Test\n" + strings.Join(rules, ""))}}
}

func config(t *testing.T, features fstest.MapFS, subjects ...string) Config {
	c := Config{
		Labs: map[string]lab.Lab{"bare": bare{}}, Features: features, Registry: testRegistry(t), World: newFakeWorld,
		Seed: 1, Jobs: 4, Timeout: 20 * time.Second, Progress: report.NewProgress(io.Discard, report.Style{}),
		Repeat: func(c Cell, _ int64, key string) string { return "again " + c.Name() + " " + key },
	}
	for _, s := range subjects {
		c.Cells = append(c.Cells, Cell{Subject: behaving(s), Companion: behaving("honest"), Lab: "bare"})
	}
	return c
}

func judge(t *testing.T, c Config) *result.Run {
	t.Helper()
	r, err := Run(context.Background(), c)
	require.NoError(t, err)
	require.NoError(t, r.Tally.Check())
	return r
}

// only is the single result of a run.
func only(t *testing.T, r *result.Run) *result.Result {
	t.Helper()
	require.Len(t, r.Cells, 1)
	require.Len(t, r.Cells[0].Results, 1)
	return r.Cells[0].Results[0]
}

func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		name    string
		tags    string
		steps   []string
		outcome result.Outcome
		exit    int
		says    string
	}{
		{"passes", "@LAT-MSG-001", []string{"Given a subject", "Then it answers"}, result.Passed, 0, ""},
		{"a violation", "@LAT-MSG-001", []string{"Given a subject", `When it gets "x"`, `Then it breaks it by "sig"`}, result.Failed, 1, "the answer was wrong"},
		{"a violation of a SHOULD", "@LAT-MSG-003", []string{"Given a subject", `Then it breaks it by "sig"`}, result.Failed, 0, "the answer was wrong"},
		{"a Given that fails", "@LAT-MSG-001", []string{"Given a Given that fails", "Then it answers"}, result.Inconclusive, 1, "blocked: no NAT type"},
		{"a lab that fails", "@LAT-MSG-001", []string{"Given a lab that can't", "Then it answers"}, result.LabFailed, 1, "no more addresses"},
		{"a companion that dies", "@LAT-MSG-001", []string{"Given a subject", "When the companion dies", "Then it answers"}, result.Inconclusive, 1, "companion bob died"},
		{"a panic", "@LAT-MSG-001", []string{"Given a subject", "Then it panics"}, result.LabFailed, 1, "out of cheese"},
		{"another error", "@LAT-MSG-001", []string{"Given a subject", "Then something odd happens"}, result.LabFailed, 1, "odd"},
		{"an undefined step", "@LAT-MSG-001", []string{"Given a subject", "Then it sings"}, result.LabFailed, 1, "no step is defined"},
		{"an ambiguous step", "@LAT-MSG-001", []string{"Given a subject", "Then ambiguous"}, result.LabFailed, 1, "ambiguous"},
		{"a capability that it lacks", "@LAT-MSG-001 @needs-clock", []string{"Given a subject", "Then it answers"}, result.NotApplicable, 2, "lacks the optional capability clock"},
		{"a class that it does not claim", "@LAT-MSG-004", []string{"Given a subject", "Then it answers"}, result.NotApplicable, 2, "does not claim class indexed"},
		{"a peer has a codec, but is no codec alone", "@LAT-MSG-005", []string{"Given a subject", "Then it answers"}, result.Passed, 2, ""},
		{"virtual time", "@LAT-MSG-001 @virtual", []string{"Given a subject", "Then it answers"}, result.NotApplicable, 2, "virtual time"},
		{"a step that finds it not applicable", "@LAT-MSG-001", []string{"Given a subject", "Then it does not concern it"}, result.NotApplicable, 2, "it has no door"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t, feature(rule(c.tags, "r", c.steps...)), "honest")
			r := judge(t, cfg)
			x := only(t, r)
			require.Equal(t, c.outcome, x.Outcome, x.Text)
			require.Contains(t, x.Text, c.says)
			require.Equal(t, c.exit, r.Exit, "%v %v", r.Unexpected, r.Broken)
			require.Equal(t, "again honest+honest@bare msg/r", x.Repeat)
		})
	}
}

// What an engine holds by a defect of its own is no verdict, and is told.
func TestWhatALabLeavesBehindIsAWarning(t *testing.T) {
	r := judge(t, config(t, feature(rule("@LAT-MSG-001", "r", "Given a subject", "Then its lab leaves something behind")), "honest"))
	require.Equal(t, result.Passed, only(t, r).Outcome)
	require.Equal(t, result.AsExpected, r.Exit)
	require.Equal(t, []string{"left behind: network x: the engine holds it"}, r.Warnings)
}

func TestStrictMakesAShouldRed(t *testing.T) {
	c := config(t, feature(rule("@LAT-MSG-003", "r", "Given a subject", `Then it breaks it by "sig"`)), "honest")
	r := judge(t, c)
	require.Len(t, r.Warnings, 1)
	c.Strict = true
	r = judge(t, c)
	require.Equal(t, result.Unexpected, r.Exit)
	require.Empty(t, r.Warnings)
}

// Each testee that breaks the testee protocol ends in one clear error of its
// own, and the others are judged.
func TestPreflight(t *testing.T) {
	bad := map[string]string{
		"crashes at once":        "it ended with status 3; it logged last: Error: no configuration",
		"crashes on a command":   `"punchlist-preflight": it ended with status 4`,
		"hangs":                  "no reply within 15s",
		"prints garbage":         "listening on port 9777",
		"says yes to everything": "says yes to the unknown command",
		"claims more":            "its hello claims class indexed",
		"speaks version 5":       "wire version 5",
		"can't sync":             "claims class peer but does not support sync",
	}
	names := []string{"honest"}
	for name := range bad {
		names = append(names, name)
	}
	c := config(t, feature(rule("@LAT-MSG-001", "r", "Given a subject", "Then it answers")), names...)
	r := judge(t, c)
	require.Equal(t, result.Unexpected, r.Exit)
	require.Len(t, r.Unexpected, len(bad), "one line each: %v", r.Unexpected)
	for _, cell := range r.Cells {
		x := cell.Results[0]
		if cell.Subject == "honest" {
			require.Equal(t, result.Passed, x.Outcome, x.Text)
			continue
		}
		require.Equal(t, result.AdapterBroken, x.Outcome, cell.Subject)
		require.Contains(t, x.Text, bad[cell.Subject])
		require.Contains(t, x.Text, cell.Subject)
	}
}

func TestACompanionThatFailsPreflightLeavesTheSubjectUnjudged(t *testing.T) {
	c := config(t, feature(rule("@LAT-MSG-001", "r", "Given a subject", "Then it answers")), "honest")
	c.Cells[0].Companion = behaving("prints garbage")
	r := judge(t, c)
	require.Equal(t, result.Inconclusive, only(t, r).Outcome)
	require.Equal(t, result.Unexpected, r.Exit)
}

// What a companion is known to do wrong leaves the subject unjudged, and is
// expected.
func TestACompanionThatBreaksTheRequirementLeavesTheSubjectUnjudged(t *testing.T) {
	c := config(t, feature(rule("@LAT-MSG-001", "r", "Given a subject", "Then the companion breaks it")), "honest")
	r := judge(t, c)
	x := only(t, r)
	require.Equal(t, result.Inconclusive, x.Outcome)
	require.Equal(t, "lab/the-companion-breaks-it", x.Findings[0].ID)
	require.Equal(t, "Then the companion breaks it", x.Findings[0].Step)
	require.Equal(t, result.Unexpected, r.Exit)

	c.Cells[0].Companion.Known = []manifest.Known{{Requirement: "LAT-MSG-001", ID: "lab/the-companion-breaks-it", Reason: "because"}}
	r = judge(t, c)
	require.Equal(t, result.Inconclusive, only(t, r).Outcome)
	require.Equal(t, result.AsExpected, r.Exit, r.Unexpected)
}

func TestADeathIsLaidToTheDatagramThatKillsAFreshPeer(t *testing.T) {
	f := feature(rule("@LAT-MSG-001", "r", "Given a subject", `When it gets "tea"`, `And it gets "poison"`, "Then it answers"))
	x := only(t, judge(t, config(t, f, "dies of poison")))
	require.Equal(t, result.Failed, x.Outcome, x.Text)
	require.Equal(t, "LAT-MSG-001", x.Broke)
	require.Equal(t, verdict.DiedID, x.ID)
	require.Len(t, x.Evidence, 1)
	require.Equal(t, 4, x.Evidence[0].Frame, "as it reached alice: the first datagram has two frames")
	require.Contains(t, x.Stderr, "poison is not a function")
	require.Equal(t, `When it gets "poison"`, x.Step)
	require.Equal(t, []string{"Given a subject", `When it gets "tea"`, `When it gets "poison"`}, x.Steps)
}

// A fresh peer dies of more than one that has lived: that is another death.
func TestADeathIsNotLaidToADatagramThatKillsInAnotherWay(t *testing.T) {
	f := feature(rule("@LAT-MSG-001", "r", "Given a subject", `When it gets "water"`, `And it gets "tea"`, `And it gets "poison"`, "Then it answers"))
	x := only(t, judge(t, config(t, f, "dies of poison, and young of tea")))
	require.Equal(t, "LAT-MSG-001", x.Broke, x.Text)
	require.Equal(t, verdict.DiedID, x.ID)
	require.Equal(t, 6, x.Evidence[0].Frame)
	require.Contains(t, x.Text, "poison is not a function")
}

func TestADeathThatNoDatagramExplainsIsLaidToSurvival(t *testing.T) {
	f := feature(rule("@LAT-MSG-001", "r", "Given a subject", `When it gets "poison" 4 times`, "Then it answers"))
	c := config(t, f, "dies of old age")
	r := judge(t, c)
	x := only(t, r)
	require.Equal(t, result.Failed, x.Outcome, x.Text)
	require.Equal(t, verdict.Survive, x.Broke)
	require.Equal(t, verdict.DiedID, x.ID)
	_, marks := r.Matrix()
	require.Equal(t, result.Failed, marks[verdict.Survive]["dies of old age+honest@bare"].Shown())
	require.Equal(t, result.Inconclusive, marks["LAT-MSG-001"]["dies of old age+honest@bare"].Shown())

	c.Cells[0].Subject.Known = []manifest.Known{{Requirement: verdict.Survive, ID: verdict.DiedID, Reason: "it is old"}}
	r = judge(t, c)
	require.Equal(t, result.KnownFailure, only(t, r).Outcome)
	require.Equal(t, result.AsExpected, r.Exit, r.Unexpected)
}

func TestKnownFailuresOfARun(t *testing.T) {
	fails := rule("@LAT-MSG-001", "fails", "Given a subject", `Then it breaks it by "sig"`)
	passes := rule("@LAT-MSG-002", "passes", "Given a subject", "Then it answers")
	known := func(requirement, detail string) []manifest.Known {
		return []manifest.Known{{Requirement: requirement, ID: "lab/it-breaks-it-by-sig", Detail: detail, Reason: "because"}}
	}
	run := func(t *testing.T, known []manifest.Known, sel Selection) *result.Run {
		c := config(t, feature(fails, passes), "honest")
		c.Cells[0].Subject.Known = known
		c.Select = sel
		return judge(t, c)
	}
	t.Run("listed", func(t *testing.T) {
		r := run(t, known("LAT-MSG-001", "sig"), Selection{})
		require.Equal(t, result.AsExpected, r.Exit, r.Unexpected)
		require.Equal(t, []result.KnownGroup{{Column: "honest+honest@bare", Known: result.Known{Requirement: "LAT-MSG-001", ID: "lab/it-breaks-it-by-sig", Detail: "sig", Reason: "because"}, Count: 1, First: r.Cells[0].Results[0]}}, r.KnownFailures())
	})
	t.Run("listed by its text, as in the last edition", func(t *testing.T) {
		old := []manifest.Known{{Requirement: "LAT-MSG-001", Signature: "sig"}, {Requirement: "LAT-MSG-002", Signature: "Then it answers", Intermittent: true},
			{Requirement: "LAT-MSG-002", Signature: "Given a subject", Intermittent: true}}
		r := run(t, old, Selection{})
		require.Equal(t, result.AsExpected, r.Exit, r.Unexpected)
		require.Equal(t, []string{
			`honest+honest@bare: the known failure LAT-MSG-001 "sig" is named by a text, which the next edition will not read; no step of this edition reads so: take it out, or write id: and detail: as the report shows them beside the failure`,
			"honest+honest@bare: the known failure LAT-MSG-002 \"Then it answers\" is named by a text, which the next edition will not read; replace its line signature: by\n    id: lab/it-answers",
			"honest+honest@bare: the known failure LAT-MSG-002 \"Given a subject\" is named by a text, which the next edition will not read; replace its line signature: by\n    id: lab/a-subject\n    outcome: inconclusive",
		}, r.Warnings)
	})
	t.Run("listed as inconclusive", func(t *testing.T) {
		c := config(t, feature(rule("@LAT-MSG-001", "r", "Given a subject", `When it breaks it by "sig"`)), "honest")
		require.Equal(t, result.Unexpected, judge(t, c).Exit)
		c.Cells[0].Subject.Known = []manifest.Known{{Requirement: "LAT-MSG-001", ID: "lab/it-breaks-it-by-sig", Inconclusive: true, Reason: "because"}}
		r := judge(t, c)
		require.Equal(t, result.AsExpected, r.Exit, r.Unexpected)
		require.Equal(t, result.Inconclusive, only(t, r).Outcome)
		require.Equal(t, "because", only(t, r).Known.Reason)
	})
	t.Run("fails another way", func(t *testing.T) {
		r := run(t, known("LAT-MSG-001", "other"), Selection{})
		require.Equal(t, result.Unexpected, r.Exit)
		require.Len(t, r.Unexpected, 2, "the failure, and the entry that was not met: %v", r.Unexpected)
	})
	t.Run("passes while it is listed", func(t *testing.T) {
		r := run(t, append(known("LAT-MSG-001", "sig"), known("LAT-MSG-002", "x")...), Selection{})
		require.Equal(t, result.Unexpected, r.Exit)
		require.Len(t, r.Cells[0].Stale, 1)
		require.Contains(t, r.Cells[0].Stale[0], "LAT-MSG-002")
	})
	t.Run("a selection says nothing of entries that were not met", func(t *testing.T) {
		r := run(t, append(known("LAT-MSG-001", "sig"), known("LAT-MSG-002", "x")...), Selection{Tags: "@LAT-MSG-002"})
		require.Equal(t, result.AsExpected, r.Exit, r.Unexpected)
	})
	t.Run("nor do the tags of a cell that leave out a scenario of the requirement", func(t *testing.T) {
		alone := rule("@LAT-MSG-001 @alone", "fails alone", "Given a subject", `Then it breaks it by "sig"`)
		c := config(t, feature(alone, rule("@LAT-MSG-001", "passes", "Given a subject", "Then it answers")), "honest")
		c.Cells[0].Subject.Known = known("LAT-MSG-001", "sig")
		require.Equal(t, result.AsExpected, judge(t, c).Exit)
		c.Cells[0].Tags = "not @alone"
		r := judge(t, c)
		require.Equal(t, result.AsExpected, r.Exit, r.Unexpected)
	})
	t.Run("a failure of a lab is never excused", func(t *testing.T) {
		c := config(t, feature(rule("@LAT-MSG-001", "r", "Given a lab that can't", "Then it answers")), "honest")
		c.Cells[0].Subject.Known = []manifest.Known{{Requirement: "LAT-MSG-001", ID: "lab/a-lab-that-can-t"}}
		require.Equal(t, result.Unexpected, judge(t, c).Exit)
	})
}

func TestEveryRowOfAnOutlineIsAScenario(t *testing.T) {
	f := fstest.MapFS{"o.feature": {Data: []byte(`Feature: Outline
  Background:
    Given a subject

  @LAT-MSG-001
  Rule: r
    @id:msg/enough
    Scenario Outline: <n> of them
      Then <n> is enough

      @small
      Examples:
        | n |
        | 1 |
        | 2 |

      Examples:
        | n |
        | 3 |

    # a comment
    @id:msg/another
    Scenario: another
      Then it answers

  @LAT-MSG-002
  Rule: s
    Background:
      When it gets "x"

    @id:msg/another-of-the-name
    Scenario: another
      Then it answers
`)}}
	r := judge(t, config(t, f, "honest"))
	got := map[string]result.Outcome{}
	for _, x := range r.Cells[0].Results {
		got[x.Key] = x.Outcome
	}
	require.Equal(t, map[string]result.Outcome{
		"msg/enough[n=1]":         result.Failed,
		"msg/enough[n=2]":         result.Failed,
		"msg/enough[n=3]":         result.Passed,
		"msg/another":             result.Passed,
		"msg/another-of-the-name": result.Passed,
	}, got)

	c := config(t, f, "honest")
	c.Select = Selection{Tags: "not @small and @LAT-MSG-001"}
	require.Equal(t, 2, judge(t, c).Tally.Passed)
	c.Select = Selection{Key: "msg/enough[n=2]"}
	require.Equal(t, result.Tally{Planned: 1, Failed: 1}, judge(t, c).Tally)
	c.Select = Selection{Key: "msg/enough"}
	require.Equal(t, result.Tally{Planned: 3, Passed: 1, Failed: 2}, judge(t, c).Tally)
	c.Select = Selection{Tags: "@id:msg/another"}
	require.Equal(t, result.Tally{Planned: 1, Passed: 1}, judge(t, c).Tally)
}

func TestSeedsAndCells(t *testing.T) {
	c := config(t, feature(rule("@LAT-MSG-001", "r", "Given a subject", "Then it answers")), "honest", "dies of poison")
	c.Seeds, c.Seed = 3, 7
	r := judge(t, c)
	require.Len(t, r.Cells, 6)
	require.Equal(t, 6, r.Tally.Passed)
	require.EqualValues(t, 9, r.Cells[2].Seed)
	columns, _ := r.Matrix()
	require.Equal(t, []string{"honest+honest@bare", "dies of poison+honest@bare"}, columns)
}

func TestRunFailsClosed(t *testing.T) {
	good := rule("@LAT-MSG-001", "r", "Given a subject", "Then it answers")
	for _, c := range []struct {
		name     string
		features fstest.MapFS
		change   func(*Config)
		says     string
	}{
		{"no cell", feature(good), func(c *Config) { c.Cells = nil }, "no implementation"},
		{"tags that match nothing", feature(good), func(c *Config) { c.Select.Tags = "@LAT-MSG-009" }, `none of 1 scenarios is picked by --tags "@LAT-MSG-009"`},
		{"a cell's tags that match nothing", feature(good), func(c *Config) { c.Cells[0].Tags = "@x" }, `honest+honest@bare: nothing to run: none of 1 scenarios is picked by "@x"`},
		{"tags that can't be read", feature(good), func(c *Config) { c.Select.Tags = "@a and" }, `"@a and" can't be read`},
		{"a key that no scenario has", feature(good), func(c *Config) { c.Select.Key = "x" }, `--scenario "x"`},
		{"a lab that does not exist", feature(good), func(c *Config) { c.Cells[0].Lab = "moon" }, `no lab "moon" here; there are bare`},
		{"a lab that can't start", feature(good), func(c *Config) { c.Labs["bare"] = bare{check: errors.New("forbidden: allow it")} }, "the bare lab can't start: forbidden: allow it"},
		{"an implementation that the lab can't start", feature(good), func(c *Config) { c.Cells[0].Subject.Name = "unstartable" }, "can't start unstartable: it has no command"},
		{"an unknown requirement", feature(rule("@LAT-MSG-099", "r", "Then it answers")), func(*Config) {}, "LAT-MSG-099, which the registry does not have"},
		{"a Rule without a requirement", feature(rule("@x", "r", "Then it answers")), func(*Config) {}, "0 requirement tags"},
		{"a Rule with two", feature(rule("@LAT-MSG-001 @LAT-MSG-002", "r", "Then it answers")), func(*Config) {}, "2 requirement tags"},
		{"no Rule", fstest.MapFS{"f.feature": {Data: []byte("Feature: f\n  Scenario: s\n    Then it answers\n")}}, func(*Config) {}, "outside a Rule"},
		{"a scenario without an id", edit(good, "@id:msg/r", ""), func(*Config) {}, "it has no id: tag it @id:AREA/words"},
		{"a scenario with two", edit(good, "@id:msg/r", "@id:msg/r @id:msg/s"), func(*Config) {}, "it has 2 ids, msg/r and msg/s"},
		{"an id at its Rule", edit(good, "@id:msg/r", "", "@LAT", "@id:msg/r @LAT"), func(*Config) {}, "must be a tag of the scenario itself"},
		{"an id that is none", edit(good, "msg/r", "msg/R"), func(*Config) {}, `the id "msg/R" must be AREA/words`},
		{"an id of another area", edit(good, "msg/r", "trav/r"), func(*Config) {}, "must begin with the area of LAT-MSG-001, msg/"},
		{"an id that is too long", edit(good, "msg/r", "msg/"+strings.Repeat("r", 45)), func(*Config) {}, "it must have at most 48"},
		{"two scenarios with one id", feature(good, good), func(*Config) {}, "the id msg/r is that of another scenario, too"},
		{"two scenarios with one id in two files", fstest.MapFS{"a.feature": feature(good)["t.feature"], "b.feature": feature(good)["t.feature"]},
			func(*Config) {}, "the id msg/r is that of another scenario, too"},
		{"a row twice", edit(good, "Scenario: one", "Scenario Outline: one", "Then it answers", "Then <x> is enough\n\n      Examples:\n        | x |\n        | 1 |\n        | 1 |"),
			func(*Config) {}, "two rows have the key msg/r[x=1]"},
		{"a feature that can't be read", fstest.MapFS{"f.feature": {Data: []byte("Feature: f\n  Oops\n    Given x\n  Scenario: s\n  nonsense\n")}}, func(*Config) {}, "f.feature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config(t, c.features, "honest")
			c.change(&cfg)
			r, err := Run(context.Background(), cfg)
			require.Nil(t, r)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// edit is a feature with one Rule, in which pairs of old and new texts are replaced.
func edit(rule string, pairs ...string) fstest.MapFS {
	return feature(strings.NewReplacer(pairs...).Replace(rule))
}

func TestWhatCannotRunIsNotAvailableUnlessRequired(t *testing.T) {
	c := config(t, feature(rule("@LAT-MSG-001", "r", "Given a subject", "Then it answers")), "honest", "unstartable")
	r := judge(t, c)
	require.Equal(t, result.AsExpected, r.Exit)
	require.Contains(t, r.Cells[1].NotAvailable, "no command")
	c.Require = true
	_, err := Run(context.Background(), c)
	require.ErrorContains(t, err, "no command")
}

func TestAScenarioThatTakesTooLongIsStopped(t *testing.T) {
	c := config(t, feature(
		rule("@LAT-MSG-001", "slow", "Given a subject", "When 100000 ms pass", "Then it answers"),
		rule("@LAT-MSG-002", "quick", "Given a subject", "Then it answers")), "honest")
	c.Timeout = 1500 * time.Millisecond
	r := judge(t, c)
	require.Equal(t, result.LabFailed, r.Cells[0].Results[0].Outcome)
	require.Contains(t, r.Cells[0].Results[0].Text, `stopped after 1.5s of this machine's clock, in the step "When 100000 ms pass"`)
	require.Equal(t, result.Passed, r.Cells[0].Results[1].Outcome)
}

func TestAnInterruptedRunStillReports(t *testing.T) {
	c := config(t, feature(
		rule("@LAT-MSG-001", "slow", "Given a subject", "When 100000 ms pass", "Then it answers"),
		rule("@LAT-MSG-002", "next", "Given a subject", "Then it answers")), "honest")
	c.Jobs = 1
	ctx, cancel := context.WithCancel(context.Background())
	made := c.World
	c.World = func(inner context.Context, o steps.Options) World {
		cancel()
		return made(inner, o)
	}
	r, err := Run(ctx, c)
	require.NoError(t, err)
	require.NoError(t, r.Tally.Check())
	require.Equal(t, result.CouldNotRun, r.Exit)
	require.Equal(t, 2, r.Tally.Inconclusive)
	require.Contains(t, r.Broken, "interrupted: the scenarios that had not ended are inconclusive")
}

func TestARunKeepsPacketsAndLogs(t *testing.T) {
	f := feature(rule("@LAT-MSG-001", "r", "Given a subject", `When it gets "tea"`, `And it gets "poison"`, "Then it answers"))
	c := config(t, f, "dies of poison")
	c.Out = t.TempDir()
	x := only(t, judge(t, c))
	require.NotEmpty(t, x.Capture)
	require.Equal(t, 4, x.Packets)
	info, err := os.Stat(filepath.Join(c.Out, x.Capture))
	require.NoError(t, err)
	require.Positive(t, info.Size())

	c.Out = filepath.Join(c.Out, "missing", "\x00")
	x = only(t, judge(t, c))
	require.Equal(t, result.LabFailed, x.Outcome, "what can't be kept is not passed over")
}
