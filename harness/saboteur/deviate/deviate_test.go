package deviate

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneSaboteurActsWhileItsOwnTesteeWorks(t *testing.T) {
	t.Cleanup(func() { Become("") })
	Become("a")
	require.False(t, As("a"), "nobody's testee works")
	While(false, func() { require.False(t, As("a"), "another testee works") })
	require.Zero(t, Count())
	While(true, func() {
		require.True(t, As("a"))
		require.False(t, As("b"))
	})
	require.Equal(t, 1, Count())
	require.Panics(t, func() { While(true, func() { panic("a testee that dies") }) })
	require.False(t, As("a"), "it acts no longer")
	Become("b")
	require.Zero(t, Count())
}
