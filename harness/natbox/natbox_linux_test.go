package natbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
)

func TestHandoversSurviveTheWire(t *testing.T) {
	for _, h := range []internet.Handover{
		{NAT: "nat", Datagram: 1, Packet: []byte{0x45}},
		{NAT: "nat-alice-2", Up: true, Datagram: DatagramsOf(7) + 12, Packet: bytes.Repeat([]byte("x"), 1500)},
		{NAT: strings.Repeat("n", 255), Switched: true, Datagram: 1, Packet: []byte{}},
	} {
		got, err := parseHandover(appendHandover(nil, h))
		require.NoError(t, err)
		require.Equal(t, h, got)
	}
	whole := appendHandover(nil, internet.Handover{NAT: "nat", Packet: []byte{}})
	for length := range whole {
		_, err := parseHandover(whole[:length])
		require.ErrorIs(t, err, errHandover, length)
	}
}

func TestMACs(t *testing.T) {
	seen := map[string]bool{}
	for _, realm := range []string{"public", "lan", "home of alice"} {
		for _, node := range []string{"public", "alice", "nat-alice", "nat-alice-2", "of alice"} {
			mac := MAC(realm, node)
			require.Equal(t, byte(2), mac[0], "locally administered, of one station")
			require.False(t, seen[fmt.Sprint(mac)])
			seen[fmt.Sprint(mac)] = true
			require.Equal(t, mac, MAC(realm, node))
		}
	}
}

// A router answers every command, also what it can't do, and ends with its
// input.
func TestCommandsThatCanNotBe(t *testing.T) {
	start := func(change func(*Start)) string {
		s := Start{Protocol: Protocol, Topology: topology, Routers: []string{"nat"}}
		s.Topology.Hosts = slices.Clone(s.Topology.Hosts)
		change(&s)
		line, err := json.Marshal(Command{ID: 1, Start: &s})
		require.NoError(t, err)
		return string(line)
	}
	for _, c := range []struct{ name, command, want string }{
		{"too early", `{"id":1,"mark":true}`, "the router is not started: the first command is start"},
		{"another protocol", start(func(s *Start) { s.Protocol = 99 }),
			fmt.Sprintf("the router speaks protocol %d, not 99: build the images anew (make images)", Protocol)},
		{"an unknown router", start(func(s *Start) { s.Routers = []string{"alice"} }), `routers: "alice" is neither a NAT of the topology nor "public"`},
		{"a topology that can't be", start(func(s *Start) { s.Topology.Hosts[0].Realm = "nowhere" }), `topology: host "a": its realm "nowhere" is neither "public" nor inside a NAT`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, Run(strings.NewReader(c.command+"\n"), &out))
			var m Message
			require.NoError(t, json.Unmarshal(out.Bytes(), &m))
			require.Equal(t, 1, m.ID)
			require.Equal(t, c.want, m.Error)
		})
	}
	var out bytes.Buffer
	require.ErrorContains(t, Run(strings.NewReader("hello\n"), &out), "a command that can't be read")
	require.Contains(t, out.String(), "a command that can't be read")
}

func TestAPortThatIsNotThere(t *testing.T) {
	needsRoot(t)
	s := Start{Protocol: Protocol, Topology: topology, Routers: []string{"nat"}, Ports: []Port{{Realm: "lan"}}}
	line, err := json.Marshal(Command{ID: 1, Start: &s})
	require.NoError(t, err)
	var out bytes.Buffer
	place := newPlace(t)
	place.in(t, func() error { return Run(bytes.NewReader(line), &out) })
	require.Contains(t, out.String(), "realm lan: no interface has an address in")
}

func FuzzHandover(f *testing.F) {
	f.Add(appendHandover(nil, internet.Handover{NAT: "nat", Up: true, Packet: []byte{0x45}}))
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, err := parseHandover(frame)
		if err != nil {
			return
		}
		again, err := parseHandover(appendHandover(nil, h))
		require.NoError(t, err)
		require.Equal(t, h.NAT, again.NAT)
		require.Equal(t, h.Packet, again.Packet)
	})
}
