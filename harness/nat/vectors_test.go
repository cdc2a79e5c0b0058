package nat_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/nat"
	"punchlist/harness/testkit/natplay"
)

func TestVectors(t *testing.T) {
	for _, v := range natplay.Vectors() {
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
	for _, v := range natplay.Vectors() {
		played[v.Profile] = true
		require.True(t, strings.HasPrefix(v.Name, v.Profile+"/"), v.Name)
		var arrives bool
		for _, s := range v.Steps {
			arrives = arrives || s.Arrives != ""
		}
		require.True(t, arrives, "%s: nothing arrives: silence alone shows nothing", v.Name)
	}
	for _, p := range append(nat.Profiles(), nat.Deviants()...) {
		require.True(t, played[p.Name], "no vector for %s", p.Name)
	}
}

// Every vector has to notice a NAT of another kind: one that is never broken
// by any other profile could not fail.
func TestVectorsTellProfilesApart(t *testing.T) {
	for _, v := range natplay.Vectors() {
		var noticed bool
		for _, p := range append(nat.Profiles(), nat.Deviants()...) {
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

func (silent) Send(string, netip.AddrPort, []byte) ([]natplay.Arrival, error) { return nil, nil }

type loud struct{ *stage }

func (l loud) Send(from string, to netip.AddrPort, _ []byte) ([]natplay.Arrival, error) {
	return []natplay.Arrival{{At: "a:5000", From: to}, {At: "x1", From: l.Address(from)}}, nil
}

type broken struct{ *stage }

func (broken) Send(string, netip.AddrPort, []byte) ([]natplay.Arrival, error) {
	return nil, errors.New("no carrier")
}

func TestPlayFailsOnAStageThatMisbehaves(t *testing.T) {
	for _, v := range natplay.Vectors() {
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
		all, err := natplay.Load([]byte(strings.Replace(script, "%s", step, 1)), "mine.yaml")
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

// Each requirement that a vector says it shows is one that it can show.
func TestVectorsShowRequirements(t *testing.T) {
	shown := map[string]bool{}
	for _, v := range natplay.Vectors() {
		for _, id := range v.Shows {
			shown[id] = true
		}
	}
	for _, id := range []string{"REQ-1", "REQ-2", "REQ-3", "REQ-3a", "REQ-4", "REQ-5", "REQ-6", "REQ-6a", "REQ-8", "REQ-9", "REQ-9a", "REQ-11", "REQ-12"} {
		require.True(t, shown[id], "%s: no vector shows it", id)
	}
}

// A stage plays vectors on a world.
type stage struct {
	*nat.World
	addrs map[string]netip.Addr
	open  map[netip.AddrPort]string
}

func newStage(t testing.TB, v natplay.Vector) *stage {
	t.Helper()
	p, err := nat.Lookup(v.Profile)
	require.NoError(t, err)
	s := &stage{World: nat.NewWorld(t, p, 1), open: map[netip.AddrPort]string{}, addrs: map[string]netip.Addr{
		"a": netip.MustParseAddr("10.0.1.2"), "b": netip.MustParseAddr("10.0.1.3"),
		"x": netip.MustParseAddr("203.0.113.2"), "y": netip.MustParseAddr("203.0.113.3"),
	}}
	for _, host := range []string{"a", "b", "x", "y"} {
		s.Hosts[s.addrs[host]] = host
	}
	if external := s.NATs[len(s.NATs)-1].External(); len(external) > 0 {
		s.addrs["nat"] = external[0]
	}
	for _, name := range v.Endpoints() {
		s.open[s.Address(name)] = name
	}
	for _, closed := range []string{"x9", "y9"} {
		s.Refuses[s.Address(closed)] = true
	}
	return s
}

func (s *stage) Address(endpoint string) netip.AddrPort {
	host, port, err := natplay.ParseEndpoint(endpoint)
	if err != nil {
		panic(err)
	}
	return netip.AddrPortFrom(s.addrs[host], port)
}

func (s *stage) Send(from string, to netip.AddrPort, _ []byte) ([]natplay.Arrival, error) {
	src := s.Address(from)
	var all []natplay.Arrival
	for _, e := range s.World.Send(nat.Flow{Src: src, Dst: to}, s.IsInside(src.Addr())) {
		if e.ICMP {
			all = append(all, natplay.Arrival{At: s.open[e.Flow.Src], From: e.Flow.Src, To: e.Flow.Dst, Refused: true})
			continue
		}
		name, ok := s.open[e.Flow.Dst]
		if !ok {
			return nil, fmt.Errorf("arrived at %v, where nobody listens", e.Flow.Dst)
		}
		all = append(all, natplay.Arrival{At: name, From: e.Flow.Src})
	}
	return all, nil
}

func (s *stage) Advance(d time.Duration) error {
	s.Now = s.Now.Add(d)
	return nil
}

func (s *stage) Reboot() error {
	for _, n := range s.NATs {
		n.Reboot(s.Now)
	}
	return nil
}

func (s *stage) DropMappings() error {
	for _, n := range s.NATs {
		n.DropMappings(s.Now, nil)
	}
	return nil
}
