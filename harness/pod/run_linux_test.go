package pod

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A pod answers every command, in order, also one that it can't obey.
func TestEveryCommandIsAnswered(t *testing.T) {
	var out strings.Builder
	require.NoError(t, Run(strings.NewReader(`{"id":7}{"id":9,"attach":{"mac":"02:00:00:00:00:0g"}}`), &out))
	answers := json.NewDecoder(strings.NewReader(out.String()))
	for _, id := range []int{7, 9} {
		var m Message
		require.NoError(t, answers.Decode(&m))
		require.Equal(t, id, m.ID)
		require.NotEmpty(t, m.Error, "it has no verb, or no hardware address")
	}
	require.False(t, answers.More())
}

func TestWhatIsNoCommandEndsThePod(t *testing.T) {
	require.ErrorContains(t, Run(strings.NewReader("attach alice\n"), &strings.Builder{}), "a command that can't be read")
}
