package suite

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/spec"
	"punchlist/spec/testee"
)

// Which scenarios concern whom, by what a testee claims.
func TestNotApplicable(t *testing.T) {
	codec := testee.HelloOK{Name: "mine", Classes: []string{testee.ClassCodec}, Capabilities: []string{testee.CapabilitySplit}}
	peer := testee.HelloOK{Name: "mine", Classes: []string{testee.ClassCodec, testee.ClassPeer}}
	for _, c := range []struct {
		about string
		tags  []string
		class string // of the requirement
		hello testee.HelloOK
		why   string
	}{
		{"a codec's vectors", []string{"@codec"}, testee.ClassCodec, codec, ""},
		{"vectors of a peer's requirement", []string{"@codec"}, testee.ClassPeer, codec, ""},
		{"what a codec has", []string{"@codec", "@needs-split"}, testee.ClassPeer, codec, ""},
		{"what it hasn't", []string{"@codec", "@needs-compose"}, testee.ClassPeer, codec, "mine lacks the optional capability compose"},
		{"a codec's requirement on the wire", nil, testee.ClassCodec, codec, "mine claims class codec alone, and the scenario needs a peer that runs"},
		{"a peer's requirement on the wire", nil, testee.ClassPeer, codec, "mine does not claim class peer"},
		{"a codec's requirement on the wire, of a peer", nil, testee.ClassCodec, peer, ""},
		{"a relay is a peer", nil, testee.ClassPeer, testee.HelloOK{Name: "mine", Classes: []string{testee.ClassRelay}}, ""},
		{"another class", nil, testee.ClassIndexed, peer, "mine does not claim class indexed"},
	} {
		t.Run(c.about, func(t *testing.T) {
			require.Equal(t, c.why, notApplicable(Scenario{Tags: c.tags}, spec.Requirement{Class: c.class}, nil, "sim", c.hello))
		})
	}
}

// A testee that says which recommendations it follows is asked for no others; one that says nothing
// is asked for all.
func TestRecommendationsThatNobodyFollowsDoNotApply(t *testing.T) {
	peer := testee.HelloOK{Name: "mine", Classes: []string{testee.ClassPeer}}
	should := spec.Requirement{ID: "LAT-MSG-009", Level: spec.Should, Class: testee.ClassPeer}
	must := should
	must.Level = spec.Must
	why := func(q spec.Requirement) string { return notApplicable(Scenario{}, q, nil, "sim", peer) }
	require.Empty(t, why(should))
	peer.Recommendations = []string{"LAT-QRY-002"}
	require.Equal(t, "mine does not follow the recommendation", why(should))
	require.Empty(t, why(must))
	peer.Recommendations = []string{"LAT-MSG-009"}
	require.Empty(t, why(should))
}
