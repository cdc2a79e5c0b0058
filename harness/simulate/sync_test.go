package simulate

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

func cacheOf(now time.Time, names ...string) *cache.Cache {
	c := cache.New(0)
	for _, name := range names {
		c.Insert(now, cache.Entry{ID: wire.MessageID([]byte(name)), Datagram: []byte(name)})
	}
	return c
}

func TestTheLeastThatANegotiationTakes(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	least := func(a, b *cache.Cache) int {
		n, bytes := negotiation(now, a, b, cache.Prefix{})
		require.Greater(t, bytes, 100*n, "a summary is a whole datagram")
		return n
	}
	empty, one := cacheOf(now), cacheOf(now, "a")
	require.Equal(t, 1, least(one, one), "equal caches: the root")
	require.Equal(t, 1, least(empty, one), "what only the receiver has comes at once")
	require.Equal(t, 2, least(one, empty), "what only the sender has is asked for")
	require.Equal(t, 1, least(empty, cacheOf(now, "a", "b", "c")))
}

// The formula is right on average, over caches of random ids.
func TestExpectedSummaries(t *testing.T) {
	now := time.UnixMilli(1_700_000_000_000)
	const packets, runs = 500, 40
	for _, differ := range []int{1, 20, 200} {
		sum := 0
		for run := range runs {
			full, other := cache.New(0), cache.New(0)
			for i := range packets {
				e := cache.Entry{ID: wire.MessageID(fmt.Appendf(nil, "%d %d %d", differ, run, i)), Datagram: []byte{1}}
				full.Insert(now, e)
				if i >= differ {
					other.Insert(now, e)
				}
			}
			n, _ := negotiation(now, full, other, cache.Prefix{})
			sum += n
		}
		require.InEpsilon(t, expectedSummaries(packets, differ, false), float64(sum)/runs, 0.1, "%d of %d differ", differ, packets)
	}
	require.InDelta(t, 1, expectedSummaries(100, 0, false), 1e-9, "equal caches: the root")
	require.InDelta(t, 1, expectedSummaries(100, 100, true), 1e-9, "nothing in common")
}

func TestCachesBecomeEqual(t *testing.T) {
	for _, split := range []bool{false, true} {
		x := Sync{Packets: 300, Differ: []int{0, 1, 300}, Split: split, Loss: 0.2, Bytes: 64}
		s, err := x.Run(Env{Context: t.Context()}, 1)
		require.NoError(t, err)
		require.Empty(t, s.Broken)
		for _, row := range x.Judge([]Sample{s}) {
			if row.AtLeast != nil {
				require.False(t, row.Missed(), "%+v", row)
			}
		}
		require.GreaterOrEqual(t, s.Measured["300 data packets"], 300.0)
		again, err := x.Run(Env{Context: t.Context()}, 1)
		require.NoError(t, err)
		require.Equal(t, s, again)
	}
}

func TestCachesThatCantBecomeEqualAreTold(t *testing.T) {
	x := Sync{Packets: 20, Differ: []int{20}, Loss: 0.999, Bytes: 64}
	s, err := x.Run(Env{Context: t.Context()}, 1)
	require.NoError(t, err)
	require.Len(t, s.Broken, 1)
	require.Contains(t, s.Broken[0], "20 differing: after 20m0s one has 20 packets, the other 0, and together there are 20")
	require.True(t, x.Judge([]Sample{s})[0].Missed())
}

func TestSyncParameters(t *testing.T) {
	require.NoError(t, DefaultSync.Validate())
	for what, x := range map[string]Sync{
		"packets": {Packets: 7000, Differ: []int{1}, Bytes: 64},
		"differ":  {Packets: 10, Differ: []int{11}, Bytes: 64},
		"number":  {Packets: 10, Bytes: 64},
		"loss":    {Packets: 10, Differ: []int{1}, Loss: 1, Bytes: 64},
		"bytes":   {Packets: 10, Differ: []int{1}, Bytes: 2000},
	} {
		_, err := x.Run(Env{Context: t.Context()}, 1)
		require.ErrorContains(t, err, what)
	}
}
