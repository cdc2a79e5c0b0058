package result

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/manifest"
)

func TestKnownFailures(t *testing.T) {
	entry := manifest.Known{Requirement: "LAT-NAT-004", ID: "nat/answers", Reason: "r"}
	random := manifest.Known{Requirement: "LAT-NAT-005", ID: "nat/late", Intermittent: true}
	mixed := manifest.Known{Requirement: "LAT-NAT-006", ID: "nat/x", Companion: "other"}
	elsewhere := manifest.Known{Requirement: "LAT-NAT-007", ID: "nat/x", Lab: "docker"}
	seven := manifest.Known{Requirement: "LAT-NAT-008", ID: "nat/type-is", Detail: "7"}
	anyType := manifest.Known{Requirement: "LAT-NAT-009", ID: "nat/type-is"}
	five := manifest.Known{Requirement: "LAT-NAT-009", ID: "nat/type-is", Detail: "5"}
	open := manifest.Known{Requirement: "LAT-NAT-010", ID: "nat/asks", Inconclusive: true}
	legacy := manifest.Known{Requirement: "LAT-NAT-011", Signature: "Then it answers"}
	all := []manifest.Known{entry, random, mixed, elsewhere, seven, anyType, five, open, legacy}
	fresh := func() *Failures { return NewFailures(all, "reference", "netns") }
	about := func(id string) func(manifest.Known) bool {
		return func(k manifest.Known) bool { return k.Requirement == id }
	}
	fails := func(requirement, id, detail string) Sign {
		return Sign{Requirement: requirement, Outcome: Failed, ID: id, Detail: detail, Text: "Then it fails"}
	}

	t.Run("failing the listed way is known", func(t *testing.T) {
		f := fresh()
		k, ok := f.Match(fails("LAT-NAT-004", "nat/answers", "bob"))
		require.True(t, ok, "whatever the detail, where the entry names none")
		require.Equal(t, entry, k)
		require.Empty(t, f.Unmet(about("LAT-NAT-004")))
	})
	t.Run("failing another way is not", func(t *testing.T) {
		f := fresh()
		for _, s := range []Sign{
			fails("LAT-NAT-004", "nat/answers-well", ""), fails("LAT-NAT-003", "nat/answers", ""), fails("LAT-NAT-006", "nat/x", ""),
			fails("LAT-NAT-007", "nat/x", ""), fails("LAT-NAT-008", "nat/type-is", "5"), fails("LAT-NAT-010", "nat/asks", ""),
			{Requirement: "LAT-NAT-004", Outcome: Inconclusive, ID: "nat/answers"}, fails("LAT-NAT-011", "nat/answers", ""),
		} {
			_, ok := f.Match(s)
			require.False(t, ok, s)
		}
	})
	t.Run("the entry with the detail goes before the one without", func(t *testing.T) {
		for detail, want := range map[string]manifest.Known{"5": five, "7": anyType} {
			k, ok := fresh().Match(fails("LAT-NAT-009", "nat/type-is", detail))
			require.True(t, ok)
			require.Equal(t, want, k)
		}
	})
	t.Run("an inconclusive result can be listed", func(t *testing.T) {
		_, ok := fresh().Match(Sign{Requirement: "LAT-NAT-010", Outcome: Inconclusive, ID: "nat/asks"})
		require.True(t, ok)
	})
	t.Run("the text of the last edition is still read", func(t *testing.T) {
		for _, o := range []Outcome{Failed, Inconclusive} {
			_, ok := fresh().Match(Sign{Requirement: "LAT-NAT-011", Outcome: o, ID: "nat/answers", Text: "Then it answers"})
			require.True(t, ok)
		}
	})
	t.Run("an entry that nothing failed by is unmet", func(t *testing.T) {
		require.Equal(t, []manifest.Known{entry}, fresh().Unmet(about("LAT-NAT-004")))
	})
	t.Run("but not one that is intermittent, or for another cell, or was not looked for", func(t *testing.T) {
		for _, id := range []string{"LAT-NAT-005", "LAT-NAT-006", "LAT-NAT-007", "LAT-NAT-003"} {
			require.Empty(t, fresh().Unmet(about(id)))
		}
	})
}

func TestWhatToWriteInsteadOfAText(t *testing.T) {
	require.Nil(t, Known{ID: "a/b"}.Instead())
	require.Nil(t, Known{Signature: "Then it was reworded"}.Instead())
	require.Equal(t, []string{"id: a/b", "detail: 'it''s 7'", "outcome: inconclusive"},
		Known{Signature: "When it is so", ID: "a/b", Detail: "it's 7", Inconclusive: true}.Instead())
}
