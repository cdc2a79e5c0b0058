package verdict

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a step returns says who it is laid to, also when a step above has said
// more about it, and keeps its cause.
func TestErrorsSayWhoAndWhy(t *testing.T) {
	cause := errors.New("no more addresses")
	for want, err := range map[string]error{
		"blocked: no NAT type: no more addresses":      &Blocked{Text: "no NAT type", Err: cause},
		"the lab failed: no more addresses":            &LabFailed{Err: cause},
		"the lab failed: out of ports":                 &LabFailed{Text: "out of ports"},
		"companion bob (socket-0.6): it never answers": &CompanionFailed{Finding{Implementation: "socket-0.6", Host: "bob", Text: "it never answers"}},
		"alice (mine) died: exit status 7":             &Died{Implementation: "mine", Host: "alice", How: "exit status 7"},
	} {
		require.EqualError(t, err, want)
	}
	var lab *LabFailed
	require.ErrorAs(t, fmt.Errorf("while it waits: %w", &LabFailed{Err: cause}), &lab)
	require.ErrorIs(t, lab, cause)
}
