package probe_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/probe"
	"punchlist/spec"
)

func standard(t *testing.T) *spec.Standard {
	t.Helper()
	s, err := spec.LoadStandard()
	require.NoError(t, err)
	return s
}

// A constant that is added to the standard gets a probe, or a reason.
func TestEachConstantIsProbed(t *testing.T) {
	missing, err := probe.Missing(standard(t))
	require.NoError(t, err)
	require.Empty(t, missing)

	s := standard(t)
	s.Constants = append(s.Constants, spec.Constant{ID: "moon.phase"})
	missing, err = probe.Missing(s)
	require.NoError(t, err)
	require.Equal(t, []string{"moon.phase has neither a probe nor a reason"}, missing)
}

// The keys of the chapter's table come to have probes: another table, others.
func TestKeysComeFromTheChapter(t *testing.T) {
	s := standard(t)
	for i, p := range s.Pages {
		s.Pages[i].Text = strings.Replace(p.Text, "| ping | **requesterPeerId** id · ", "| ping | **requesterPeerId** id · moonPhase port · ", 1)
	}
	families, err := probe.Families(s)
	require.NoError(t, err)
	var edits []string
	for _, f := range families {
		if f.ID == "frame/ping-keys-refused" {
			for _, r := range f.Rows {
				edits = append(edits, r[0])
			}
		}
	}
	require.Contains(t, edits, "key moonPhase = 65536")
	require.Contains(t, edits, "without key requesterPeerId")

	s.Pages = nil
	_, err = probe.Families(s)
	require.ErrorContains(t, err, "the table of the keys")
}

// The same standard gives the same probes, of every area.
func TestTheSameProbes(t *testing.T) {
	texts := func() map[string]string {
		files, err := probe.Features(standard(t), nil)
		require.NoError(t, err)
		names, err := fs.Glob(files, "*.feature")
		require.NoError(t, err)
		all := map[string]string{}
		for _, name := range names {
			text, err := fs.ReadFile(files, name)
			require.NoError(t, err)
			all[name] = string(text)
		}
		return all
	}
	first := texts()
	require.Len(t, first, 5)
	require.Equal(t, first, texts())
}

// A sample is a function of the keys, in their order; another key displaces one of it at most.
func TestSample(t *testing.T) {
	var keys []string
	for i := range 100 {
		keys = append(keys, fmt.Sprint("probe/", i))
	}
	ten := probe.Sample(keys, 10)
	require.Len(t, ten, 10)
	require.IsIncreasing(t, positions(keys, ten))
	require.Equal(t, ten, probe.Sample(keys, 10))
	more := probe.Sample(append(keys, "probe/another"), 10)
	kept := 0
	for _, key := range more {
		for _, other := range ten {
			if key == other {
				kept++
			}
		}
	}
	require.GreaterOrEqual(t, kept, 9)
	require.Equal(t, keys, probe.Sample(keys, 1000))
}

func positions(keys, some []string) (at []int) {
	for _, s := range some {
		for i, key := range keys {
			if key == s {
				at = append(at, i)
			}
		}
	}
	return at
}
