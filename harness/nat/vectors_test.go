package nat

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestVectors(t *testing.T) {
	for _, v := range Vectors() {
		t.Run(v.Name, func(t *testing.T) {
			first, err := v.Play(newStage(t, v))
			require.NoError(t, err, strings.Join(first.Lines, "\n"))
			require.Len(t, first.Lines, len(v.Steps))
			again, err := v.Play(newStage(t, v))
			require.NoError(t, err)
			require.Equal(t, first, again, "the same seed gives the same run")
		})
	}
}

func TestVectorsCoverEveryProfileWithAControl(t *testing.T) {
	played := map[string]bool{}
	for _, v := range Vectors() {
		played[v.Profile] = true
		require.True(t, strings.HasPrefix(v.Name, v.Profile+"/"), v.Name)
		var arrives bool
		for _, s := range v.Steps {
			arrives = arrives || s.Arrives != ""
		}
		require.True(t, arrives, "%s: nothing arrives: silence alone shows nothing", v.Name)
	}
	for _, p := range append(Profiles(), Deviants()...) {
		require.True(t, played[p.Name], "no vector for %s", p.Name)
	}
}

// Every vector has to notice a NAT of another kind: one that is never broken
// by any other profile could not fail.
func TestVectorsTellProfilesApart(t *testing.T) {
	for _, v := range Vectors() {
		var noticed bool
		for _, p := range append(Profiles(), Deviants()...) {
			other := v
			other.Profile = p.Name
			if _, err := other.Play(newStage(t, other)); err != nil {
				noticed = true
				break
			}
		}
		require.True(t, noticed, "%s: every profile passes it", v.Name)
	}
}

// silent is a stage on which nothing arrives; loud one on which everything
// arrives everywhere.
type silent struct{ *stage }

func (silent) Send(string, netip.AddrPort, []byte) ([]Arrival, error) { return nil, nil }

type loud struct{ *stage }

func (l loud) Send(from string, to netip.AddrPort, _ []byte) ([]Arrival, error) {
	return []Arrival{{At: "a:5000", From: to}, {At: "x1", From: l.Address(from)}}, nil
}

type broken struct{ *stage }

func (broken) Send(string, netip.AddrPort, []byte) ([]Arrival, error) {
	return nil, errors.New("no carrier")
}

func TestPlayFailsOnAStageThatMisbehaves(t *testing.T) {
	for _, v := range Vectors() {
		s := newStage(t, v)
		_, err := v.Play(silent{s})
		require.ErrorContains(t, err, v.Name)
		_, err = v.Play(loud{s})
		require.ErrorContains(t, err, "arrived at")
		_, err = v.Play(broken{s})
		require.ErrorContains(t, err, "no carrier")
	}
}

func TestPlayChecksTheSource(t *testing.T) {
	const script = `
- name: v
  profile: full-cone
  steps:
    - {from: a:5000, to: x1, arrives: x1, as: m}
    - {from: a:5000, to: x2, arrives: x2, %s}
`
	for step, want := range map[string]string{
		"source: a:5000":        "want 10.0.1.2:5000 (a:5000)",
		"differs: [m]":          "want another than m",
		"port: 5001":            "its source port is 5000, want 5001",
		"ports: [6000, 7000]":   "want one of 6000 to 7000",
		"next: m":               "want the one after 5000",
		"parity: a:5001":        "want it even or odd as 5001",
		"same_address: a:5000":  "want 10.0.1.2",
		"other_address: m":      "want another one",
		"source: m":             "",
		"ports: [5000, 5000]":   "",
		"parity: a:5002":        "",
		"same_address: m":       "",
		"other_address: a:5000": "",
	} {
		all, err := LoadVectors([]byte(strings.Replace(script, "%s", step, 1)))
		require.NoError(t, err, step)
		_, err = all[0].Play(newStage(t, all[0]))
		if want == "" {
			require.NoError(t, err, step)
		} else {
			require.ErrorContains(t, err, want, step)
			require.ErrorContains(t, err, `nat vector "v": step 2`)
		}
	}
}

func TestLoadVectorsIsStrict(t *testing.T) {
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
		_, err := LoadVectors([]byte(c.data))
		require.ErrorContains(t, err, c.want, name)
	}
}

func TestEndpointNames(t *testing.T) {
	for name, want := range map[string]netip.AddrPort{"a:5000": ep("0.0.0.1:5000"), "x1": ep("0.0.0.3:40001"), "y9": ep("0.0.0.4:40009"), "nat:1": ep("0.0.0.5:1")} {
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
