package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/testkit/natplay"
)

func TestNATVectors(t *testing.T) {
	for _, v := range natplay.Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			lines, err := natplay.InLab(t.Context(), New(), v)
			require.NoError(t, err)
			require.NotEmpty(t, lines)
			again, err := natplay.InLab(t.Context(), New(), v)
			require.NoError(t, err)
			require.Equal(t, lines, again)
		})
	}
}

func TestNATVectorsCanFail(t *testing.T) {
	for _, v := range []natplay.Vector{
		{Name: "lost", Profile: "full-cone", Steps: []natplay.Step{{From: "a:5000", To: "x1", Lost: true}}},
		{Name: "arrives", Profile: "full-cone", Steps: []natplay.Step{{From: "x1", To: "nat:5000", Arrives: "a:5000"}}},
		{Name: "elsewhere", Profile: "full-cone", Steps: []natplay.Step{{From: "a:5000", To: "x1", Arrives: "y1"}}},
		{Name: "refused", Profile: "full-cone", Steps: []natplay.Step{{From: "a:5000", To: "x1", Refused: true}}},
	} {
		_, err := natplay.InLab(t.Context(), New(), v)
		require.ErrorContains(t, err, v.Name)
	}
	lines, err := natplay.InLab(t.Context(), New(), natplay.Vector{Name: "tells", Profile: "full-cone", Steps: []natplay.Step{
		{From: "a:5000", To: "x9", Refused: true},
		{From: "y1", To: "nat:5001", Lost: true},
	}})
	require.NoError(t, err)
	require.Equal(t, []string{
		"a: udp a:5000 > x#1 fbe4198830c3fc63",
		"nat (outside): udp nat#1 > x#1 fbe4198830c3fc63",
		"x: udp nat#1 > x#1 fbe4198830c3fc63",
		"x: icmp 3/3 x > nat about nat#1 > x#1",
		"nat (outside): icmp 3/3 x > nat about nat#1 > x#1",
		"a: icmp 3/3 x > a about a:5000 > x#1",
		"y: udp y1 > nat#2 3cbed7753fed8555",
		"nat (outside): udp y1 > nat#2 3cbed7753fed8555",
		"nat: udp y1 > nat#2 3cbed7753fed8555 dropped: no mapping",
		"a:5000 > x9: refused",
		"y1 > nat:5001: lost",
	}, lines)
}
