package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// events is what go test -json writes of two packages that need things, and of
// one that has no test.
const events = `{"Action":"start","Package":"punchlist/a"}
{"Action":"run","Package":"punchlist/a","Test":"TestLacks"}
{"Action":"output","Package":"punchlist/a","Test":"TestLacks","Output":"=== RUN   TestLacks\n"}
{"Action":"output","Package":"punchlist/a","Test":"TestLacks","Output":"    a_test.go:40: needs tshark: it is not installed:\n"}
{"Action":"output","Package":"punchlist/a","Test":"TestLacks","Output":"        apt-get install tshark\n"}
{"Action":"output","Package":"punchlist/a","Test":"TestLacks","Output":"--- SKIP: TestLacks (0.00s)\n"}
{"Action":"skip","Package":"punchlist/a","Test":"TestLacks","Elapsed":0}
{"Action":"output","Package":"punchlist/a","Test":"TestFast","Output":"    a_test.go:9: needs tshark: a log line of a test that passes\n"}
{"Action":"pass","Package":"punchlist/a","Test":"TestFast","Elapsed":0}
{"Action":"pass","Package":"punchlist/a","Elapsed":0.1}
{"Action":"start","Package":"punchlist/b"}
{"Action":"output","Package":"punchlist/b","Test":"TestLacks","Output":"    b_test.go:1: needs tshark: other words\n"}
{"Action":"skip","Package":"punchlist/b","Test":"TestLacks","Elapsed":0}
{"Action":"output","Package":"punchlist/b","Test":"TestLong","Output":"    b_test.go:2: it takes two minutes: PUNCHLIST_LONG=1\n"}
{"Action":"skip","Package":"punchlist/b","Test":"TestLong","Elapsed":0}
{"Action":"skip","Package":"punchlist/b","Test":"TestSilent","Elapsed":0}
{"Action":"start","Package":"punchlist/c"}
{"Action":"output","Package":"punchlist/c","Output":"?   \tpunchlist/c\t[no test files]\n"}
{"Action":"skip","Package":"punchlist/c","Elapsed":0}
`

func said(t *testing.T, text string, perPackage bool) (string, error) {
	name := filepath.Join(t.TempDir(), "test.json")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
	var out strings.Builder
	err := report(&out, name, perPackage)
	return out.String(), err
}

func TestSkippedTestsAreListedByWhatTheyLack(t *testing.T) {
	out, err := said(t, events, false)
	require.NoError(t, err)
	require.Equal(t, `Skipped: 4 tests
  needs tshark: it is not installed: apt-get install tshark
      2 tests of a, b
  it takes two minutes: PUNCHLIST_LONG=1
      1 test of b
  no reason was given
      1 test of b
To run these too: make test-deps installs what apt and npm have.
With PUNCHLIST_REQUIRE=tshark a test that lacks one of them fails.
`, out)
}

func TestAPackageWithoutAPassingTestFailsTheRun(t *testing.T) {
	_, err := said(t, events, true)
	require.ErrorContains(t, err, "no test passed in b, c: ")
	_, err = said(t, `{"Action":"start","Package":"punchlist/a"}`+"\n"+`{"Action":"pass","Package":"punchlist/a","Test":"T"}`, true)
	require.NoError(t, err)
}

func TestNothingSkippedIsSaid(t *testing.T) {
	out, err := said(t, `{"Action":"start","Package":"punchlist/a"}`, false)
	require.NoError(t, err)
	require.Equal(t, "No test was skipped.\n", out)
}

func TestWhatIsNoTestRunIsRefused(t *testing.T) {
	for text, says := range map[string]string{"": "no event of a package", "ok  \tpunchlist\n": "invalid character"} {
		_, err := said(t, text, false)
		require.ErrorContains(t, err, says)
	}
}
