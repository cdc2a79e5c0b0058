//go:build !linux

package docker

import "testing"

// watchMachine looks at nothing: the engine's machine is another one.
func watchMachine(t *testing.T, _ *Net) func() {
	t.Log("the uplink isn't looked at: that needs Linux")
	return func() {}
}
