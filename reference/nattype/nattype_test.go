package nattype

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/vectors"
)

// observed reads one section of the data from the deployed wire.
func observed(t *testing.T, section string, into any) {
	t.Helper()
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(vectors.Observed, &sections))
	require.NoError(t, json.Unmarshal(sections[section], into))
}

func TestTypesAsObserved(t *testing.T) {
	var cases []struct {
		Name  string
		Input struct{ NatType int }

		Expected struct {
			IsValid, MappingDefined, FirewallDefined bool
			Label                                    string
		}
	}
	observed(t, "natType", &cases)
	require.Len(t, cases, 32)
	for _, v := range cases {
		n := v.Input.NatType
		require.Equal(t, v.Expected.IsValid, Valid(n), v.Name)
		require.Equal(t, v.Expected.IsValid, Type(n).Valid(), v.Name)
		require.Equal(t, v.Expected.MappingDefined, Type(n)&MappingDefined != 0, v.Name)
		require.Equal(t, v.Expected.FirewallDefined, Type(n)&FilterDefined != 0, v.Name)
		require.Equal(t, v.Expected.Label, Type(n).String(), v.Name)
		if v.Expected.IsValid {
			require.Equal(t, Type(n), Of(n), v.Name)
		} else {
			require.Equal(t, Unknown, Of(n), v.Name)
		}
	}
}

func TestNumbersBeyondFiveBits(t *testing.T) {
	require.True(t, Valid(37), "deployed peers let it pass")
	require.Equal(t, Unknown, Of(37))
	require.Equal(t, Unknown, Of(256+31), "no wrapping into a real type")
	require.False(t, Valid(-27), "all low bits of a two's complement number are set")
	require.Equal(t, Unknown, Of(-27))
	require.Equal(t, []Type{31, 15, 7, 5}, []Type{Unrestricted, AddrRestricted, PortRestricted, EndpointRestricted})
}

func TestStrategiesAsObserved(t *testing.T) {
	var cases []struct {
		Name     string
		Input    struct{ Self, Other int }
		Expected struct {
			Strategy int
			Label    string
		}
	}
	observed(t, "strategy", &cases)
	require.Len(t, cases, 49)
	for _, v := range cases {
		s := Choose(Type(v.Input.Self), Type(v.Input.Other))
		require.Equal(t, Strategy(v.Expected.Strategy), s, v.Name)
		require.Equal(t, v.Expected.Label, s.String(), v.Name)
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name     string
		evidence Evidence
		want     Type
	}{
		{"public host, full cone", Evidence{SameMapping: true, FromKnown: true, FromStranger: true}, 31},
		{"address-dependent filtering", Evidence{SameMapping: true, FromKnown: true}, 15},
		{"address-and-port-dependent filtering", Evidence{SameMapping: true}, 7},
		{"symmetric", Evidence{}, 5},
		{"symmetric, a contacted address gets through", Evidence{FromKnown: true}, 13},
		{"symmetric, everybody gets through", Evidence{FromKnown: true, FromStranger: true}, 29},
		{"public host, the contacted responder's pong lost", Evidence{SameMapping: true, FromStranger: true}, 31},
	} {
		require.Equal(t, c.want, Classify(c.evidence), c.name)
		require.True(t, Classify(c.evidence).Valid(), c.name)
	}
}

// What a deployed peer concludes, by the names that the observations go by. It counts probe pongs;
// the one outcome of which both agree only by whose pong was lost is read as the stranger's lost.
func TestOutcomesOfReflectionAsObserved(t *testing.T) {
	evidence := map[string]Evidence{
		"public host / full cone / both probe pongs arrive, same mapped port":                {SameMapping: true, FromKnown: true, FromStranger: true},
		"address-restricted per mapping: only the pre-probed responder's probe pong arrives": {SameMapping: true, FromKnown: true},
		"port-restricted: no probe pong":                                                     {SameMapping: true},
		"symmetric, no probe pong, mapped ports differ":                                      {},
		"symmetric mapping but probe pongs arrive (2)":                                       {FromKnown: true, FromStranger: true},
		"public host, stage-1 pong lost (1024 ms timeout)":                                   {SameMapping: true},
		"public host, one of two probe pongs lost":                                           {SameMapping: true, FromKnown: true},
	}
	var cases []struct {
		Name     string
		Expected struct{ NatType int }
	}
	observed(t, "reflectionOutcomes", &cases)
	require.Len(t, cases, len(evidence))
	for _, v := range cases {
		e, ok := evidence[v.Name]
		require.True(t, ok, v.Name)
		require.Equal(t, Type(v.Expected.NatType), Classify(e), v.Name)
	}
}
