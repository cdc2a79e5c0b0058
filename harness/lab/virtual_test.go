package lab

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/spec/testee"
)

func TestVirtualHosts(t *testing.T) {
	now := time.UnixMilli(0)
	n, err := internet.New(internet.Topology{Hosts: []internet.Host{
		{Name: "a", Realm: internet.Public, Addresses: 2}, {Name: "b", Realm: internet.Public},
	}}, now, internet.Options{})
	require.NoError(t, err)
	v := NewVirtualHosts(n, 1)
	var got []Datagram
	a, err := v.Bind("a", 0, func(d Datagram) { got = append(got, d) })
	require.NoError(t, err)
	b, err := v.Bind("b", 1000, func(Datagram) {})
	require.NoError(t, err)

	// An address that isn't the host's first reaches it too.
	second := netip.AddrPortFrom(n.Addressing("a").Addrs[1], a.Addr().Port())
	require.NoError(t, b.Send(now, second, []byte("x")))
	pump := func() (packets [][]byte) {
		var d internet.Delivery
		for n.Advance(now); n.Poll(&d); n.Advance(now) {
			packets = append(packets, append([]byte(nil), d.Packet...))
			v.Deliver(d)
		}
		return packets
	}
	pump()
	require.Len(t, got, 1)
	require.Equal(t, b.Addr(), got[0].From)

	a.Close()
	require.Error(t, a.Send(now, b.Addr(), nil))
	require.NoError(t, b.Send(now, second, nil))
	packets := pump()
	require.Len(t, packets, 2)
	e, err := internet.ParseICMPError(packets[1])
	require.NoError(t, err)
	require.Equal(t, second.Addr(), e.Src, "the address that was asked answers")
	require.Len(t, got, 1)

	require.Error(t, b.Send(now, netip.AddrPort{}, nil))
	require.Error(t, b.Send(now, netip.MustParseAddrPort("[::1]:1"), nil))
	_, err = v.Bind("nobody", 1, nil)
	require.EqualError(t, err, `no host "nobody" in the topology`)
}

func TestAHostIsOccupiedOrScripted(t *testing.T) {
	n, err := internet.New(internet.Topology{Hosts: []internet.Host{
		{Name: "a", Realm: internet.Public}, {Name: "b", Realm: internet.Public},
	}}, time.UnixMilli(0), internet.Options{})
	require.NoError(t, err)
	v := NewVirtualHosts(n, 1)
	now := func() time.Time { return time.UnixMilli(0) }

	require.NoError(t, v.Occupy("a"))
	require.NoError(t, v.Occupy("a"), "a second life")
	_, err = v.Endpoint("a", 1, now)
	require.EqualError(t, err, "host a runs programs: it can't have an endpoint too")

	_, err = v.Endpoint("b", 0, now)
	require.NoError(t, err)
	_, err = v.Endpoint("b", 0, now)
	require.NoError(t, err, "a second socket")
	require.EqualError(t, v.Occupy("b"), "host b has an endpoint: it can't run a program too")

	require.EqualError(t, v.Occupy("c"), `no host "c" in the topology`)
}

func TestEphemeralPortsRunOut(t *testing.T) {
	n, err := internet.New(internet.Topology{Hosts: []internet.Host{{Name: "a", Realm: internet.Public}}}, time.UnixMilli(0), internet.Options{})
	require.NoError(t, err)
	v := NewVirtualHosts(n, 1)
	taken := map[uint16]bool{}
	for range lastEphemeral - firstEphemeral + 1 {
		s, err := v.Bind("a", 0, nil)
		require.NoError(t, err)
		taken[s.Addr().Port()] = true
	}
	require.Len(t, taken, lastEphemeral-firstEphemeral+1)
	_, err = v.Bind("a", 0, nil)
	require.EqualError(t, err, "host a: no ephemeral port is free")
}

func TestParseLine(t *testing.T) {
	m, why := ParseLine([]byte(`{"id":3,"ok":{"a":1}}`))
	require.Empty(t, why)
	require.Equal(t, 3, m.ID)
	for line, want := range map[string]string{
		"":                                    "no JSON object",
		"hello":                               "no JSON object",
		"[1]":                                 "no JSON object",
		`{"id":`:                              "no message",
		`{"id":"x"}`:                          "no message",
		`{"ok":{}}`:                           "neither a reply (id) nor an event (event)",
		strings.Repeat("x", testee.MaxLine+1): "more than 1048576 bytes",
	} {
		_, why := ParseLine([]byte(line))
		require.Contains(t, why, want)
		require.Less(t, len(why), 400)
	}
}
