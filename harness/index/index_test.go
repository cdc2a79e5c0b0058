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
	return regexp.MustCompile(`^(LAT-(A|B)-00[1-5]|DEV-001)$`).MatchString(id)
}

func TestIndex(t *testing.T) {
	x, err := Read(fstest.MapFS{
		"reference/peer/a.go": {Data: []byte(`package peer

// Chapter 6 (LAT-A-005).

import "time"

// limit is LAT-A-001.
const limit = 1

const (
	one = 1 // LAT-A-002
	// two is LAT-A-003.
	two = 2
)

var last = time.Second // LAT-A-004

// A set keeps LAT-B-001.
type set[T any] struct {
	n int // LAT-B-002
}

// first obeys LAT-A-001, LAT-A-002 (DEV-001), and LAT-B-002 to
// LAT-B-004.
func first() {
	two() // LAT-A-003
}

func (s *set[T]) second() {
	// LAT-A-003
}
`)},
		"reference/peer/a_test.go":   {Data: []byte("package peer\n\n// LAT-A-001.\nfunc helper() {}\n")},
		"harness/x.go":               {Data: []byte("package x\n\n// LAT-A-001.\nfunc f() {}\n")},
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
		"LAT-A-001": {"reference/peer.limit", "reference/peer.first"},
		"LAT-A-002": {"reference/peer.one", "reference/peer.first"},
		"LAT-A-003": {"reference/peer.two", "reference/peer.first", "reference/peer.(set).second"},
		"LAT-A-004": {"reference/peer.last"},
		"LAT-A-005": {"reference/peer/a.go"},
		"LAT-B-001": {"reference/peer.set"},
		"LAT-B-002": {"reference/peer.set", "reference/peer.first"},
		"LAT-B-003": {"reference/peer.first"},
		"LAT-B-004": {"reference/peer.first"},
	}, of)
	require.Equal(t, Function{Package: "reference/peer", Receiver: "set", Name: "second", File: "reference/peer/a.go", Line: 30}, x.Of("LAT-A-003")[2])
}

func TestWhatIsWrongWithIDs(t *testing.T) {
	for comment, says := range map[string]string{
		"LAT-A-006":                "a.go:1: the comment names LAT-A-006, which there is not",
		"LAT-A-1":                  "names LAT-A-1, which there is not",
		"DEV-002":                  "names DEV-002, which there is not",
		"LAT-A-001 to 004":         `says "LAT-A-001 to 004": write every id in full`,
		"LAT-A-001, 002":           `says "LAT-A-001, 002"`,
		"LAT-A-001 to LAT-B-002":   "which is no range",
		"LAT-A-002 to LAT-A-001":   "which is no range",
		"LAT-A-001 to\n// LAT-A-9": "names LAT-A-9",
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
	x, err := Read(os.DirFS("../.."), s.Names)
	require.NoError(t, err)
	for _, p := range x.Problems {
		t.Error(p)
	}
	for _, q := range s.All() {
		if len(x.Of(q.ID)) == 0 {
			t.Errorf("%s is in no comment of reference/", q.ID)
		}
	}
}
