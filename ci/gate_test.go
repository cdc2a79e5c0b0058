// Package ci is the gate that third parties take: scripts, and the files by
// which CI systems call them. Its tests run it as a caller would.
package ci

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"punchlist/harness/lab/netns"
	"punchlist/harness/result"
	"punchlist/harness/testkit/testenv"
)

// A caller is somebody else's project, with the example as its peer.
type caller struct {
	*testing.T
	dir string
}

func project(t *testing.T) caller {
	t.Helper()
	testenv.SkipShort(t, "it judges peers on real sockets")
	if err := netns.New().Check(t.Context()); err != nil {
		testenv.Missing(t, "netns", err.Error())
	}
	if _, err := exec.LookPath("python3"); err != nil {
		testenv.Missing(t, "python3", "the example is a program in Python")
	}
	c := caller{t, t.TempDir()}
	for _, name := range []string{"peer.py", "manifest.yaml"} {
		data, err := os.ReadFile(filepath.Join("example", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(c.dir, name), data, 0o755))
	}
	return c
}

// edit replaces a text of a file, which has to be there.
func (c caller) edit(name, old, new string) {
	c.Helper()
	file := filepath.Join(c.dir, name)
	data, err := os.ReadFile(file)
	require.NoError(c, err)
	require.Contains(c, string(data), old)
	require.NoError(c, os.WriteFile(file, bytes.Replace(data, []byte(old), []byte(new), 1), 0o755))
}

// few are scenarios that the example passes, and that take some seconds.
const few = "@LAT-FRAME-004 or @LAT-FRAME-005 or @LAT-MSG-001 or @LAT-MSG-002"

// gate runs ci/gate in the caller's folder and returns its exit code and what it
// said.
func (c caller) gate(settings []string, args ...string) (int, string) {
	c.Helper()
	script, err := filepath.Abs("gate")
	require.NoError(c, err)
	cmd := exec.Command(script, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "PUNCHLIST_MANIFEST=manifest.yaml", "PUNCHLIST_TAGS="+few, "NO_COLOR=1",
		"GITHUB_STEP_SUMMARY="+filepath.Join(c.dir, "step.md"), "GITHUB_OUTPUT="+filepath.Join(c.dir, "step.txt"))
	cmd.Env = append(cmd.Env, settings...)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(c, err)
	}
	return cmd.ProcessState.ExitCode(), string(said)
}

func (c caller) read(name string) string {
	c.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, name))
	require.NoError(c, err)
	return string(data)
}

func TestAPeerThatKeepsToItPasses(t *testing.T) {
	c := project(t)
	code, said := c.gate(nil, "run")
	require.Equal(t, result.AsExpected, code, said)
	require.Contains(t, c.read("step.md"), "# As expected", "the summary of the step")
	require.Equal(t, "report=punchlist-report\n", c.read("step.txt"))
	for _, name := range []string{"report.html", "report.json", "junit.xml", "badge.svg"} {
		require.FileExists(t, filepath.Join(c.dir, "punchlist-report", name))
	}
}

func TestANewDefectIsRedAndNamed(t *testing.T) {
	c := project(t)
	c.edit("peer.py", "version != 6 or ", "")
	code, said := c.gate(nil, "run")
	require.Equal(t, result.Unexpected, code, said)
	require.Contains(t, said, "FAILED LAT-FRAME-005  example+reference@netns")
	require.Contains(t, c.read("step.md"), "LAT-FRAME-005 failed")

	// Listed as known, by the ids that the report names, it is expected. The oracle has seen the
	// same in its own way: a pong to what is no ping.
	found := regexp.MustCompile(`(?ms)^FAILED (\S+).*?^  id +(\S+)$`).FindAllStringSubmatch(said, -1)
	require.NotEmpty(t, found, said)
	known := "known:"
	for _, f := range found {
		known += "\n  - {requirement: " + f[1] + ", id: " + f[2] + ", reason: It looks at no version., link: https://example.org/1, review: 2099-01-01}"
	}
	c.edit("manifest.yaml", "known: []", known)
	code, said = c.gate(nil, "run")
	require.Equal(t, result.AsExpected, code, said)

	// Fixed while it is listed, it is red again, and named.
	c.edit("peer.py", "if kind != PING or", "if version != 6 or kind != PING or")
	code, said = c.gate(nil, "run")
	require.Equal(t, result.Unexpected, code, said)
	require.Regexp(t, `unexpected: example\+reference@netns: LAT-FRAME-005 \S+ is listed as a known failure, but nothing failed this way`, said)
}

func TestShardsMergedAreOneRun(t *testing.T) {
	c := project(t)
	c.edit("peer.py", "version != 6 or ", "")
	code, said := c.gate([]string{"PUNCHLIST_OUT=whole"}, "run")
	require.Equal(t, result.Unexpected, code, said)
	require.NoError(t, os.Remove(filepath.Join(c.dir, "step.md")))
	for _, i := range []string{"1", "2"} {
		code, said := c.gate([]string{"PUNCHLIST_SHARD=" + i + "/2", "PUNCHLIST_OUT=shard-" + i}, "run")
		require.Contains(t, []int{result.AsExpected, result.Unexpected}, code, said)
		require.NoFileExists(t, filepath.Join(c.dir, "step.md"), "a part is not published")
	}
	code, said = c.gate([]string{"PUNCHLIST_OUT=merged"}, "merge", "shard-1", "shard-2")
	require.Equal(t, result.Unexpected, code, said)
	require.Contains(t, said, "FAILED LAT-FRAME-005  example+reference@netns")
	require.Contains(t, c.read("step.md"), "LAT-FRAME-005 failed")

	// Real clocks and ports differ from run to run; what was judged, and how, doesn't.
	require.Equal(t, judged(c, "whole"), judged(c, "merged"))

	code, said = c.gate([]string{"PUNCHLIST_OUT=bad"}, "merge", "shard-1")
	require.Equal(t, result.CouldNotRun, code)
	require.Contains(t, said, "shard 2/2 is missing")
}

// judged is what a report says, without what a clock or a port is in.
func judged(c caller, folder string) string {
	c.Helper()
	r, err := result.Read(filepath.Join(c.dir, folder, "report.json"))
	require.NoError(c, err)
	type line struct {
		Key, Requirement, Broke, Step, ID, Detail, Repeat, Capture string
		Place                                                      int
		Outcome                                                    result.Outcome
		Unexpected                                                 bool
	}
	var lines []line
	for _, cell := range r.Cells {
		for _, x := range cell.Results {
			if x.Capture != "" {
				require.FileExists(c, filepath.Join(c.dir, folder, x.Capture))
			}
			lines = append(lines, line{x.Key, x.Requirement, x.Broke, x.Step, x.ID, x.Detail, x.Repeat, x.Capture, x.Place, x.Outcome, x.Unexpected})
		}
	}
	data, err := json.MarshalIndent(map[string]any{
		"exit": r.Exit, "tally": r.Tally, "requirements": r.Requirements, "results": lines, "classes": r.Cells[0].Classes,
		"partial": r.Cells[0].Partial, "warnings": r.Warnings, "unexpected": len(r.Unexpected),
	}, "", " ")
	require.NoError(c, err)
	return string(data)
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	c := project(t)
	for _, x := range []struct {
		settings []string
		args     []string
		want     string
	}{
		{nil, nil, "ci/gate run"},
		{[]string{"PUNCHLIST_MANIFEST="}, []string{"run"}, "PUNCHLIST_MANIFEST is not set"},
		{[]string{"PUNCHLIST_MANIFEST=nowhere.yaml"}, []string{"run"}, "there is no manifest nowhere.yaml"},
		{[]string{"PUNCHLIST_TAGS=@nothing"}, []string{"run"}, "none of"},
		{[]string{"PUNCHLIST_LAB=moon"}, []string{"run"}, `there is no lab "moon"`},
		{nil, []string{"merge"}, "merge takes the folders"},
		{nil, []string{"merge", "nowhere"}, "nowhere"},
	} {
		code, said := c.gate(x.settings, x.args...)
		require.Equal(t, result.CouldNotRun, code, said)
		require.Contains(t, said, x.want)
	}
}

// The files for CI systems call the scripts that are tested here, and give them no
// variable that they don't know.
func TestTheActionsCallTheScripts(t *testing.T) {
	script, err := os.ReadFile("gate")
	require.NoError(t, err)
	known := regexp.MustCompile(`PUNCHLIST_[A-Z]+`).FindAllString(string(script), -1)
	for file, command := range map[string]string{
		"action.yml": `"$GITHUB_ACTION_PATH/gate" run`, "merge/action.yml": `"$GITHUB_ACTION_PATH/../gate" merge `,
		"gitlab.yml": ".punchlist/ci/gate run", "kubernetes.yaml": "--shard, auto",
	} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Contains(t, string(data), command, file)
		d := yaml.NewDecoder(bytes.NewReader(data))
		for err == nil {
			var v any
			err = d.Decode(&v)
		}
		require.ErrorContains(t, err, "EOF", file)
		for _, name := range regexp.MustCompile(`PUNCHLIST_[A-Z]+`).FindAllString(string(data), -1) {
			if name == "PUNCHLIST_SOURCE" || name == "PUNCHLIST_REVISION" || name == "PUNCHLIST_SHARDS" {
				continue // of the file itself, and of the program
			}
			require.Contains(t, known, name, file)
		}
	}
}

// The suite as an image judges a peer that is mounted into it, and needs no more
// than two capabilities.
func TestTheImageJudges(t *testing.T) {
	testenv.SkipShort(t, "it builds an image and starts containers")
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		testenv.Missing(t, "docker", string(out))
	}
	const tag = "punchlist/gate:test"
	out, err := exec.Command("./image", tag).CombinedOutput()
	require.NoError(t, err, string(out))
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", tag).Run() })
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "manifest.yaml"), []byte(`name: mine
version: 0.1.0
classes: [codec, peer, indexed, relay]
command: ["${self}", testee, --name, mine]
keepalive: {min: 2500ms, max: 24h}
bootstrap: 2
known: []
`), 0o644))
	out, err = exec.Command("docker", "run", "--rm", "--network", "none", "--cap-add", "SYS_ADMIN", "--cap-add", "NET_ADMIN",
		"--security-opt", "apparmor=unconfined", "--volume", dir+":/peer", tag,
		"run", "--cell", "/peer/manifest.yaml@netns:@LAT-MSG-001", "--require", "--out", "/peer/report").CombinedOutput()
	require.NoError(t, err, string(out))
	r, err := result.Read(filepath.Join(dir, "report", "report.json"))
	require.NoError(t, err)
	require.Equal(t, result.Tally{Planned: 4, Passed: 4}, r.Tally)
	require.Equal(t, "mine", r.Cells[0].Subject)
}

func TestTheExampleIsShort(t *testing.T) {
	data, err := os.ReadFile("example/peer.py")
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(data), "\n"), 120, "ci/README.md says so")
}
