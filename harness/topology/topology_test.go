package topology

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
)

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
		return name
	}
	write("mine.yaml", "name: mine\ndescription: one of the test's own\nmapping: endpoint-independent\nfiltering: address-dependent\nports: preserving\nhairpin: none\nlifetime: 30s\n")
	file := write("office.yaml", `
hosts:
  - {name: alice, realm: home}
  - name: printer
    realm: home
    link: {latency: 2ms, jitter: 1ms, loss: 0.01, duplicate: 0.5, reorder: 1, mtu: 1400, rate: 1000000, down: true}
  - {name: server, addresses: 2}
nats:
  - {name: box, profile: symmetric, inside: home, outside: street}
  - {name: carrier, profile: ./mine.yaml, inside: street, link: {mtu: 1400}}
`)
	got, err := ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, []internet.Host{
		{Name: "alice", Realm: "home"},
		{Name: "printer", Realm: "home", Link: internet.Link{
			Latency: 2 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.01, Duplicate: 0.5, Reorder: 1, MTU: 1400, Rate: 1e6, Down: true,
		}},
		{Name: "server", Realm: internet.Public, Addresses: 2},
	}, got.Hosts)
	require.Len(t, got.NATs, 2)
	require.Equal(t, "symmetric", got.NATs[0].Profile.Name)
	require.Equal(t, "mine", got.NATs[1].Profile.Name)
	require.Equal(t, []string{"home", "street", "street", internet.Public, "box"},
		[]string{got.NATs[0].Inside, got.NATs[0].Outside, got.NATs[1].Inside, got.NATs[1].Outside, got.NATs[0].Name})
	require.Equal(t, internet.Link{MTU: 1400}, got.NATs[1].Link)
}

// The file that the help shows is one.
func TestHelpShowsAFile(t *testing.T) {
	_, shown, _ := strings.Cut(Help, ":\n\n")
	shown, _, _ = strings.Cut(shown, "\n\n")
	got, err := parse([]byte(strings.ReplaceAll(shown, "./mine.yaml", "full-cone")), "help")
	require.NoError(t, err)
	require.Len(t, got.Hosts, 3)
	require.Len(t, got.NATs, 2)
}

func TestErrorsNameFileLineAndKey(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "t.yaml: the topology is empty: it needs hosts"},
		{"# nothing\n", "t.yaml: the topology is empty: it needs hosts"},
		{"hosts: [", "t.yaml: the topology is not YAML: "},
		{"hosts: [{name: a}]\n---\nhosts: [{name: a}]", "t.yaml: the topology holds more than one document"},
		{"- name: a", "t.yaml:1: the topology must be a mapping of keys to values, not a list"},
		{"nats: [{name: n, profile: symmetric, inside: home}]", "t.yaml:1: hosts is missing from the topology"},
		{"hosts:\n", "t.yaml:1: hosts must be a list with something in it, not nothing"},
		{"hosts: []\n", "t.yaml:1: hosts must be a list with something in it, not a list"},
		{"hosts:\n  - alice\n", "t.yaml:2: a host must be a mapping of keys to values, not \"alice\""},
		{"hosts:\n  - {realm: home}\n", "t.yaml:2: name is missing from a host: add it"},
		{"hosts:\n  - name: a\n    colour: red\n", "t.yaml:3: colour is not a key of a host: its keys are addresses, link, name, realm"},
		{"hosts:\n  - name: a\n    name: b\n", "t.yaml:3: name stands here again: keep this one or that of line 2"},
		{"hosts:\n  - name: 7\n", "t.yaml:2: name must be a text, not \"7\""},
		{"hosts:\n  - name: ''\n", "t.yaml:2: name must be a text, not \"\""},
		{"hosts:\n  - name: a\n    addresses: 0\n", "t.yaml:3: addresses must be a whole number from 1, not \"0\""},
		{"hosts:\n  - name: a\n    link:\n      latency: 20\n", "t.yaml:4: latency must be a duration such as 500us, 20ms or 1s, not \"20\""},
		{"hosts:\n  - name: a\n    link: {latency: -1s}\n", "t.yaml:3: latency must be a duration"},
		{"hosts:\n  - name: a\n    link: {loss: 1.1}\n", "t.yaml:3: loss must be a probability from 0 to 1, not \"1.1\""},
		{"hosts:\n  - name: a\n    link: {loss: .nan}\n", "t.yaml:3: loss must be a probability from 0 to 1"},
		{"hosts:\n  - name: a\n    link: {rate: [1]}\n", "t.yaml:3: rate must be a whole number from 1, not a list"},
		{"hosts:\n  - name: a\n    link: {down: maybe}\n", "t.yaml:3: down must be true or false, not \"maybe\""},
		{"hosts:\n  - name: a\n    link: {delay: 1s}\n", "t.yaml:3: delay is not a key of a link: its keys are down, duplicate"},
		{"hosts: [{name: a}]\nnats:\n  - {name: n, inside: home}\n", "t.yaml:3: profile is missing from a NAT"},
		{"hosts: [{name: a}]\nnats:\n  - {name: n, profile: nothing, inside: home}\n", "t.yaml:3: profile can't be had: unknown NAT profile \"nothing\""},
		{"hosts: [{name: a, realm: home}]\n", `t.yaml: topology: host "a": its realm "home" is neither`},
		{"hosts: [{name: a}, {name: a}]\n", `t.yaml: topology: host "a": a host has that name already`},
		{"hosts: [{name: a, link: {mtu: 20}}]\n", `t.yaml: topology: host "a": link: MTU 20 is not in`},
	} {
		t.Run(c.text, func(t *testing.T) {
			t.Chdir(t.TempDir())
			require.NoError(t, os.WriteFile("t.yaml", []byte(c.text), 0o644))
			_, err := ReadFile("t.yaml")
			require.ErrorContains(t, err, c.want)
		})
	}
}
