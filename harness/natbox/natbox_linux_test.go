package natbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"punchlist/harness/capture"
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
		s := Start{Protocol: Protocol, Topology: testTopology, Routers: []string{"nat"}}
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
	s := Start{Protocol: Protocol, Topology: testTopology, Routers: []string{"nat"}, Ports: []Port{{Realm: "lan"}}}
	line, err := json.Marshal(Command{ID: 1, Start: &s})
	require.NoError(t, err)
	var out bytes.Buffer
	place := newPlace(t)
	place.in(t, func() error { return Run(bytes.NewReader(line), &out) })
	require.Contains(t, out.String(), "realm lan: no interface has an address in")
}

// A router that is started by hand has its topology, with a profile of its own,
// in files, and captures what crosses it.
func TestARouterByHand(t *testing.T) {
	site := newSite(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		return file
	}
	write("mine.yaml", "name: mine\ndescription: one of the test's own\nmapping: endpoint-independent\nfiltering: endpoint-independent\n"+
		"ports: preserving\nhairpin: none\nlifetime: 30s\n")
	arguments := []string{
		"--topology", write("office.yaml", "hosts: [{name: a, realm: lan}, {name: x, link: {latency: 1ms}}]\n"+
			"nats: [{name: nat, profile: mine.yaml, inside: lan}]\n"),
		"--attach", "a", "--attach", "x", "--capture", filepath.Join(dir, "all.pcapng"),
	}
	for _, p := range site.interfaces(t) {
		arguments = append(arguments, "--port", p.Realm+"="+p.Subnet.String())
	}
	_, out, end := site.router(t, arguments...)
	var m Message
	for m.ID < 3 {
		require.NoError(t, out.Decode(&m))
		require.Empty(t, m.Error)
	}
	site.connect(t)
	end()

	f, err := os.Open(filepath.Join(dir, "all.pcapng"))
	require.NoError(t, err)
	defer f.Close()
	seen, err := capture.Read(f)
	require.NoError(t, err)
	require.Len(t, seen.Interfaces(), 5, "two hosts, the NAT's outside link, and what the two routers drop")
	sources := map[string]string{}
	for p := range seen.Packets() {
		if u, err := internet.ParseUDP(p.Data); err == nil {
			sources[p.Interface] = u.Src.String()
		}
	}
	require.Equal(t, site.near.LocalAddr().String(), sources["a"])
	require.Equal(t, site.externally.String(), sources[internet.OutsideLink("nat")])
	require.Equal(t, site.externally.String(), sources["x"])
}

func TestFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "office.yaml")
	require.NoError(t, os.WriteFile(file, []byte("hosts: [{name: a}]\n"), 0o644))
	commands := func(arguments ...string) (string, error) {
		flags := pflag.NewFlagSet("natbox", pflag.ContinueOnError)
		start := Flags(flags)
		require.NoError(t, flags.Parse(arguments))
		lines, err := start(flags.Args())
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(lines)
		require.NoError(t, err)
		return string(text), nil
	}
	none, err := commands()
	require.NoError(t, err)
	require.Empty(t, none)
	all, err := commands("--topology", file, "--port", "public=10.1.0.0/24", "--attach", "a")
	require.NoError(t, err)
	require.Contains(t, all, `"routers":["public"]`)
	require.Contains(t, all, `"ports":[{"realm":"public","subnet":"10.1.0.0/24"}]`)
	require.Contains(t, all, "\n"+`{"id":2,"attach":"a"}`+"\n")
	for _, c := range []struct {
		want      string
		arguments []string
	}{
		{`"start" is no flag: see --help`, []string{"start"}},
		{"--topology is missing", []string{"--quiet"}},
		{"nowhere.yaml", []string{"--topology", "nowhere.yaml"}},
		{"--port is missing", []string{"--topology", file}},
		{"--port public: write it as REALM=SUBNET", []string{"--topology", file, "--port", "public"}},
	} {
		_, err := commands(c.arguments...)
		require.ErrorContains(t, err, c.want)
	}
}

func TestACaptureThatCanNotBe(t *testing.T) {
	s := Start{Protocol: Protocol, Topology: testTopology, Routers: []string{"nat"}, Capture: filepath.Join(t.TempDir(), "nowhere", "all.pcapng")}
	line, err := json.Marshal(Command{ID: 1, Start: &s})
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, Run(bytes.NewReader(line), &out))
	require.Contains(t, out.String(), "no such file or directory")
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
