package standing

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/nat"
)

func TestWriteTable(t *testing.T) {
	profile, err := nat.Lookup("symmetric")
	require.NoError(t, err)
	var table strings.Builder
	require.NoError(t, WriteTable(&table, internet.Topology{
		Hosts: []internet.Host{{Name: "alice", Realm: "home"}, {Name: "server", Realm: internet.Public, Addresses: 2}},
		NATs:  []internet.NAT{{Name: "box", Profile: profile, Inside: "home", Outside: internet.Public}},
	}))
	lines := strings.Split(table.String(), "\n")
	require.Regexp(t, `^alice +\d+\.\d+\.\d+\.\d+ +\d+\.\d+\.\d+\.\d+ +box +symmetric +\d+\.\d+\.\d+\.\d+$`, lines[1])
	require.Regexp(t, `^server +198\.51\.100\.\d+,198\.51\.100\.\d+ +198\.51\.100\.1 +- +- +-$`, lines[2])
}

func TestNameIsAFiles(t *testing.T) {
	for _, name := range []string{"lab", "office-2", "a.b_c", strings.Repeat("x", 40)} {
		require.NoError(t, CheckName(name))
	}
	for _, name := range []string{"", "a/b", "..", "-a", strings.Repeat("x", 41)} {
		require.ErrorContains(t, CheckName(name), "write it as up to 40 letters")
	}
}
