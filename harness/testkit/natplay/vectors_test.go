package natplay

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLoadIsStrict(t *testing.T) {
	const good = "{from: a:5000, to: x1, arrives: x1, as: m}"
	for name, c := range map[string]struct{ data, want string }{
		"empty":           {"", "empty"},
		"unknown key":     {"- {name: v, profile: open, colour: red, steps: [" + good + "]}", "colour"},
		"unknown profile": {"- {name: v, profile: opn, steps: [" + good + "]}", `unknown NAT profile "opn"`},
		"unknown req":     {"- {name: v, profile: open, shows: [REQ-99], steps: [" + good + "]}", "REQ-99"},
		"no name":         {"- {profile: open, steps: [" + good + "]}", "name: missing"},
		"no steps":        {"- {name: v, profile: open}", "steps: missing"},
		"twice":           {"- {name: v, profile: open, steps: [" + good + "]}\n- {name: v, profile: open, steps: [" + good + "]}", "given twice"},
		"two deeds":       {"- {name: v, profile: open, steps: [{reboot: true, advance: 1s}]}", "exactly one of from"},
		"two outcomes":    {"- {name: v, profile: open, steps: [{from: a:1, to: x1, arrives: x1, lost: true}]}", "exactly one of arrives"},
		"lost source":     {"- {name: v, profile: open, steps: [{from: a:1, to: x1, lost: true, port: 3}]}", "not where it arrives"},
		"bad endpoint":    {"- {name: v, profile: open, steps: [{from: c:1, to: x1, lost: true}]}", `"c:1" is no endpoint`},
		"unbound":         {"- {name: v, profile: open, steps: [{from: a:1, to: m, lost: true}]}", `"m" is neither bound`},
		"bound twice":     {"- {name: v, profile: open, steps: [" + good + ", " + good + "]}", "given already"},
		"as endpoint":     {"- {name: v, profile: open, steps: [{from: a:1, to: x1, arrives: x1, as: y2}]}", "choose another name"},
		"no to":           {"- {name: v, profile: open, steps: [{from: a:1, lost: true}]}", "to: missing"},
		"ports":           {"- {name: v, profile: open, steps: [{from: a:1, to: x1, arrives: x1, ports: [1]}]}", "first and the last"},
	} {
		_, err := Load([]byte(c.data), "mine.yaml")
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestEndpointNames(t *testing.T) {
	for name, want := range map[string]netip.AddrPort{"a:5000": netip.MustParseAddrPort("0.0.0.1:5000"), "x1": netip.MustParseAddrPort("0.0.0.3:40001"), "y9": netip.MustParseAddrPort("0.0.0.4:40009"), "nat:1": netip.MustParseAddrPort("0.0.0.5:1")} {
		host, port, err := ParseEndpoint(name)
		require.NoError(t, err)
		require.Equal(t, want.Port(), port)
		require.Equal(t, map[string]byte{"a": 1, "x": 3, "y": 4, "nat": 5}[host], want.Addr().As4()[3])
	}
	for _, bad := range []string{"", "a", "a:", "a:0", "a:65536", "x0", "x10", "z1", "x:1", "a:5000:1"} {
		_, _, err := ParseEndpoint(bad)
		require.Error(t, err, bad)
	}
	v := Vector{Steps: []Step{{From: "a:5000", To: "x9", Refused: true}, {Advance: time.Second}, {From: "x1", To: "nat:7", Lost: true}, {From: "x1", To: "m", Arrives: "a:5000"}}}
	require.Equal(t, []string{"a:5000", "x1"}, v.Endpoints())
}
