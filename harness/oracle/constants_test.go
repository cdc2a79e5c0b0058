package oracle

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/spec/testee"
)

// A declared value binds; without one the range counts, whose ends may have units of their own.
func TestConstants(t *testing.T) {
	var says Constants
	require.Equal(t, 2*k, says.LeastTime("verified.life"))
	require.Equal(t, 8*k, says.MostTime("verified.life"))
	require.Equal(t, 100, says.Least("pool.sockets"))
	require.Equal(t, 256, says.Most("pool.sockets"))
	require.Equal(t, 8, says.Least("peers.known"))
	require.Equal(t, math.MaxInt32, says.Most("peers.known"))
	require.Equal(t, 61*time.Second, says.LeastTime("sync.sent-time"))
	require.Equal(t, forever, says.MostTime("sync.sent-time"))
	require.Equal(t, 100*time.Microsecond, says.LeastTime("pace.interval"))
	require.Equal(t, 12, says.Most("join.intros"))

	says = Constants{K: 10 * time.Second, Declared: map[string]float64{"verified.life": 2.5, "pool.sockets": 120, "pace.interval": 0.5}}
	require.Equal(t, 25*time.Second, says.LeastTime("verified.life"))
	require.Equal(t, 25*time.Second, says.MostTime("verified.life"))
	require.Equal(t, 120, says.Least("pool.sockets"))
	require.Equal(t, 120, says.Most("pool.sockets"))
	require.Equal(t, 500*time.Microsecond, says.MostTime("pace.interval"))
	require.Equal(t, 20*time.Second, says.LeastTime("peers.silence"))

	require.PanicsWithValue(t, `oracle: "no.such" is no constant with a range`, func() { says.Least("no.such") })
	require.PanicsWithValue(t, `oracle: "challenge.repeats" is no constant with a range`, func() { says.Least("challenge.repeats") })
}

// A value outside of its range is a finding in the requirement of the constant.
func TestADeclaredValueOutsideOfItsRangeIsFound(t *testing.T) {
	for id, c := range map[string]struct {
		value float64
		wrong string
		of    string
	}{
		"verified.life":        {1.99, "it says that it has 1.99 K for the constant verified.life (life of a verified address); permitted is 2 K to 8 K", "LAT-SEC-002"},
		"amplification.factor": {4, "it says that it has 4 for the constant amplification.factor (bytes to an unverified IP address for each byte from it); permitted is 1 to 3", "LAT-SEC-001"},
		"no.such":              {1, `it says that it has 1 for the constant "no.such", which the standard does not have`, "LAT-BUDG-004"},
		"pool.sockets":         {120, "", "LAT-BUDG-004"},
	} {
		h := begin(t)
		h.command(testee.Hello, nil, testee.HelloOK{Constants: map[string]float64{id: c.value}})
		h.command(testee.Start, testee.StartWith{PeerID: self.String(), Bootstrap: []testee.Bootstrap{}}, nil)
		s := h.j.of("constants/range")
		require.Equal(t, c.wrong, s.Wrong, id)
		require.Equal(t, c.of, s.Rule.Requirement, id)
	}
}

// What is judged moves with what a peer says of itself.
func TestRulesGoByWhatIsDeclared(t *testing.T) {
	wrong := func(ends float64) string {
		h := begin(t)
		h.j.constants.Declared["peers.silence"] = ends
		h.pass(4 * k)
		h.out(mainAt, bobAt, h.ping(self, `,"isReflection":true`))
		return h.j.of("ping/silent").Wrong
	}
	require.NotEmpty(t, wrong(2))
	require.Empty(t, wrong(4))
}
