package hostlink

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A container without privilege can't set what a namespace needs: the engine
// has to, to the same value.
func TestTheEngineSetsWhatAContainerCanNot(t *testing.T) {
	given := Sysctls()
	for _, knob := range knobs {
		name := "net." + strings.ReplaceAll(knob.name, "/", ".")
		if value, ok := given[name]; ok || knob.needed {
			require.Equal(t, knob.value, value, name)
		}
		delete(given, name)
	}
	require.Empty(t, given, "the engine sets what Quiet does not")
}

// What has its value already is not written, which needs no privilege; and a
// kernel lacks some.
func TestASettingThatNeedsNoWrite(t *testing.T) {
	now, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	require.NoError(t, err)
	require.NoError(t, set("ipv4/ip_forward", strings.TrimSpace(string(now))))
	require.NoError(t, set("ipv4/there_is_none", "1"))
}

func TestAttachNamesTheInterface(t *testing.T) {
	require.ErrorContains(t, Attach("nowhere0", Interface{}), "find nowhere0: ")
}
