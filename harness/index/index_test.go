package index

import (
	"os"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"punchlist/spec"
)

func known(id string) bool {
	return regexp.MustCompile(`^(LAT-(AA|BB)-00[1-5]|DEV-001)$`).MatchString(id)
}

func TestIndex(t *testing.T) {
	x, err := Read(fstest.MapFS{
		"reference/peer/a.go": {Data: []byte(`package peer

// Chapter 6 (LAT-AA-005).

import "time"

// limit is LAT-AA-001.
const limit = 1

const (
	one = 1 // LAT-AA-002
	// two is LAT-AA-003.
	two = 2
)

var last = time.Second // LAT-AA-004

// A set keeps LAT-BB-001.
type set[T any] struct {
	n int // LAT-BB-002
}

// first obeys LAT-AA-001, LAT-AA-002 (DEV-001), and LAT-BB-002 to
// LAT-BB-004.
func first() {
	two() // LAT-AA-003
}

func (s *set[T]) second() {
	// LAT-AA-003
}
`)},
		"reference/peer/a_test.go":   {Data: []byte("package peer\n\n// LAT-AA-001.\nfunc helper() {}\n")},
		"harness/x.go":               {Data: []byte("package x\n\n// LAT-AA-001.\nfunc f() {}\n")},
		"harness/testdata/broken.go": {Data: []byte("// LAT-C-001\nfunc")},
		".git/broken.go":             {Data: []byte("nothing")},
	}, known)
	require.NoError(t, err)
	require.Empty(t, x.Problems)
	of := map[string][]string{}
	for id := range x.functions {
		for _, f := range x.Of(id) {
			of[id] = append(of[id], f.String())
		}
	}
	require.Equal(t, map[string][]string{
		"LAT-AA-001": {"reference/peer.limit", "reference/peer.first"},
		"LAT-AA-002": {"reference/peer.one", "reference/peer.first"},
		"LAT-AA-003": {"reference/peer.two", "reference/peer.first", "reference/peer.(set).second"},
		"LAT-AA-004": {"reference/peer.last"},
		"LAT-AA-005": {"reference/peer/a.go"},
		"LAT-BB-001": {"reference/peer.set"},
		"LAT-BB-002": {"reference/peer.set", "reference/peer.first"},
		"LAT-BB-003": {"reference/peer.first"},
		"LAT-BB-004": {"reference/peer.first"},
	}, of)
	require.Equal(t, Function{Package: "reference/peer", Receiver: "set", Name: "second", File: "reference/peer/a.go", Line: 30}, x.Of("LAT-AA-003")[2])
}

func TestWhatIsWrongWithIDs(t *testing.T) {
	for comment, says := range map[string]string{
		"LAT-AA-006":                 "a.go:1: the comment names LAT-AA-006, which there is not",
		"LAT-AA-1":                   "names LAT-AA-1, which there is not",
		"DEV-002":                    "names DEV-002, which there is not",
		"LAT-AA-001 to 004":          `says "LAT-AA-001 to 004": write every id in full`,
		"LAT-AA-001, 002":            `says "LAT-AA-001, 002"`,
		"LAT-AA-001 to LAT-BB-002":   "which is no range",
		"LAT-AA-002 to LAT-AA-001":   "which is no range",
		"LAT-AA-001 to\n// LAT-AA-9": "names LAT-AA-9",
	} {
		x, err := Read(fstest.MapFS{"a.go": {Data: []byte("// " + comment + "\npackage a\n")}}, known)
		require.NoError(t, err)
		require.Len(t, x.Problems, 1, comment)
		require.Contains(t, x.Problems[0], says)
	}
	_, err := Read(fstest.MapFS{"a.go": {Data: []byte("package")}}, known)
	require.ErrorContains(t, err, "a.go:1")
}

// What the comments of this repository say.
func TestTheComments(t *testing.T) {
	s, err := spec.LoadStandard()
	require.NoError(t, err)
	x, err := Read(os.DirFS("../.."), s.Has)
	require.NoError(t, err)
	for _, p := range x.Problems {
		t.Error(p)
	}
	require.Contains(t, x.Of("LAT-TRAV-001")[0].String(), "reference/nattype.Choose")
}
