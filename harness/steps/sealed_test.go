package steps

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/seal"
)

// What is remembered is what seal.Seal gives: by each part of what decides it,
// and whatever a caller did to the message since.
func TestSealingOnceIsSealing(t *testing.T) {
	a, b := seal.NewKeys(seal.SharedKey("a")), seal.NewKeys(seal.SharedKey("b"))
	for range 2 {
		for _, keys := range []seal.Keys{a, b} {
			for _, random := range []string{"1", "2"} {
				for _, plaintext := range []string{"", "x"} {
					want, err := seal.Seal(newStream(random), keys, []byte(plaintext))
					require.NoError(t, err)
					got := sealOnce(random, keys, []byte(plaintext))
					require.Equal(t, want, got)
					got[0]++
				}
			}
		}
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	keys := seal.NewKeys(seal.SharedKey("a"))
	sealedMu.Lock()
	for i := range maxSealed {
		sealed[sealedAs{random: fmt.Sprint("filler ", i)}] = nil
	}
	sealedMu.Unlock()
	sealOnce("3", keys, nil)
	require.Len(t, sealed, 1)
}
