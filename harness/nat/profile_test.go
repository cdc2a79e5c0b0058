package nat

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const goodProfile = `name: mine
mapping: address-dependent
filtering: endpoint-independent
ports: sequential
hairpin: none
lifetime: 90s
`

func TestNamedProfiles(t *testing.T) {
	var names []string
	for _, p := range Profiles() {
		names = append(names, p.Name)
		require.NotEmpty(t, p.Description, p.Name)
		found, err := Lookup(p.Name)
		require.NoError(t, err)
		require.Equal(t, p, found)
	}
	require.Equal(t, strings.Fields(`open full-cone address-restricted port-restricted symmetric symmetric-sequential home-router carrier cgnat
		hotspot corporate udp-blocked`), names)
	for _, p := range Deviants() {
		require.NotContains(t, names, p.Name, "a name is given once")
		names = append(names, p.Name)
	}
	_, err := Lookup("homerouter")
	require.ErrorContains(t, err, `unknown NAT profile "homerouter"`)
	for _, name := range names {
		require.ErrorContains(t, err, name)
	}
	Profiles()[0].Name = "changed"
	require.Equal(t, "open", Profiles()[0].Name, "the caller's copy is its own")
}

// What the named profiles are named after.
func TestNamedProfilesAreWhatTheyAreCalled(t *testing.T) {
	is := map[string][3]uint8{ // mapping, filtering, ports
		"full-cone":            {0, 0, uint8(Preserving)},
		"address-restricted":   {0, 1, uint8(Preserving)},
		"port-restricted":      {0, 2, uint8(Preserving)},
		"symmetric":            {2, 2, uint8(Random)},
		"symmetric-sequential": {2, 2, uint8(Sequential)},
		"home-router":          {0, 2, uint8(Preserving)},
		"cgnat":                {0, 2, uint8(Preserving)},
		"carrier":              {0, 2, uint8(Random)},
		"hotspot":              {0, 2, uint8(Random)},
		"corporate":            {2, 2, uint8(Random)},
	}
	for _, p := range Profiles() {
		if p.Open || p.Blocked {
			continue
		}
		require.Equal(t, is[p.Name], [3]uint8{uint8(p.Mapping), uint8(p.Filtering), uint8(p.Ports)}, p.Name)
		require.Equal(t, p.Name == "corporate", p.Lifetime < 2*time.Minute, "%s: only corporate is shorter than RFC 4787 REQ-5 allows", p.Name)
	}
}

func TestLoadProfile(t *testing.T) {
	p, err := LoadProfile([]byte(goodProfile), "mine.yaml")
	require.NoError(t, err)
	require.Equal(t, Profile{Name: "mine", Mapping: AddressDependent, Ports: Sequential, Lifetime: 90 * time.Second}, p)

	// What is written is what is read, for every profile.
	for _, p := range append(Profiles(), Deviants()...) {
		data, err := yaml.Marshal(p)
		require.NoError(t, err)
		if p.Open || p.Blocked {
			continue // written, they have axes without meaning
		}
		back, err := LoadProfile(data, "mine.yaml")
		require.NoError(t, err, string(data))
		require.Equal(t, p, back)
	}
	for _, data := range []string{"{name: mine, open: true}", "{name: mine, blocked: true, reject: true}"} {
		_, err := LoadProfile([]byte(data), "mine.yaml")
		require.NoError(t, err)
	}
}

func TestLoadProfileIsStrict(t *testing.T) {
	with := func(line string) string { return goodProfile + line + "\n" }
	instead := func(old, new string) string { return strings.Replace(goodProfile, old, new, 1) }
	for data, want := range map[string]string{
		"":                                      "mine.yaml: the NAT profile is empty: give it",
		"---":                                   "mine.yaml:2: a NAT profile must be a mapping",
		"- 1":                                   "mine.yaml:1: a NAT profile must be a mapping",
		"a: [":                                  "mine.yaml: the NAT profile is not YAML",
		goodProfile + "---\nname: other\n":      "more than one document",
		with("filterring: none"):                `mine.yaml:7: filterring is not a key of a NAT profile: its keys are addresses, behind`,
		with("lifetime: 1s"):                    "mine.yaml:7: lifetime stands here again: keep this one or that of line 6",
		with("mapping2: &x 1"):                  "mapping2",
		with("addresses: many"):                 "mine.yaml:7: addresses can't be had",
		with("addresses: [1]"):                  "mine.yaml:7: addresses must be a single value, not a list",
		with("addresses:"):                      "mine.yaml:7: addresses must be a single value, not nothing",
		with("addresses: 257"):                  "addresses: 257 is not in 0 to 256",
		with("addresses: -1"):                   "addresses: -1",
		with("table_size: 1048577"):             "table_size",
		with("permits: 65537"):                  "permits",
		with("port_high: 65536"):                "port_high",
		with("port_low: 5000\nport_high: 4999"): "port_low, port_high: 5000 to 4999 holds no port",
		with("port_low: 1000"):                  "port_low: 1000 is below 1024",
		with("port_block: 64"):                  "port_block: a block can't keep the ranges",
		with("port_block: 65000\nmixed_ranges: true"):                  "port_block: 65000 is more than the 64512 ports",
		with("port_block: 64\nmixed_ranges: true\npooling: arbitrary"): "pooling must be paired",
		with("refresh: never"):                                         `mine.yaml:7: refresh can't be had: "never" is not one of outbound, inbound, both`,
		with("open: true"):                                             "open, blocked: take away every other axis",
		with("behind: nothing"):                                        `behind: unknown NAT profile "nothing"`,
		with("behind: open"):                                           `"open" is no NAT`,
		instead("name: mine", "name: ''"):                              "name: missing",
		instead("mapping: address-dependent\n", ""):                    `mine.yaml:1: mapping is missing from NAT profile "mine": add it`,
		instead("filtering: endpoint-independent\n", ""):               `mine.yaml:1: filtering is missing from NAT profile "mine": add it`,
		instead("ports: sequential\n", ""):                             `mine.yaml:1: ports is missing from NAT profile "mine": add it`,
		instead("hairpin: none\n", ""):                                 `mine.yaml:1: hairpin is missing from NAT profile "mine": add it`,
		instead("lifetime: 90s\n", ""):                                 `mine.yaml:1: lifetime is missing from NAT profile "mine": add it`,
		instead("address-dependent", "full-cone"):                      `mine.yaml:2: mapping can't be had: "full-cone" is not one of endpoint-independent, address-dependent, address-and-port-dependent`,
		instead("90s", "0s"):                                           "lifetime: 0s is not above zero",
		instead("90s", "-1s"):                                          "lifetime",
		instead("90s", "soon"):                                         "mine.yaml:6: lifetime can't be had",
		instead("sequential", "2"):                                     "mine.yaml:4: ports can't be had",
		"{name: mine, open: true, blocked: true}":                      "choose one",
		"{name: mine, blocked: true, behind: carrier}":                 "take away every other axis",
	} {
		_, err := LoadProfile([]byte(data), "mine.yaml")
		require.ErrorContains(t, err, want, data)
	}
}

func TestValidateFindsValuesThatNoWordStandsFor(t *testing.T) {
	for key, p := range map[string]Profile{
		"mapping":      base(func(p *Profile) { p.Mapping = 3 }),
		"filtering":    base(func(p *Profile) { p.Filtering = 3 }),
		"filter_scope": base(func(p *Profile) { p.FilterScope = 3 }),
		"ports":        base(func(p *Profile) { p.Ports = 3 }),
		"hairpin":      base(func(p *Profile) { p.Hairpin = 3 }),
		"refresh":      base(func(p *Profile) { p.Refresh = 3 }),
		"pooling":      base(func(p *Profile) { p.Pooling = 3 }),
		"when_full":    base(func(p *Profile) { p.WhenFull = 3 }),
	} {
		require.ErrorContains(t, p.Validate(), key+": value 3 has no word")
		_, err := yaml.Marshal(p)
		require.Error(t, err)
	}
	require.Equal(t, "invalid(9)", Behaviour(9).String())
}

func TestNew(t *testing.T) {
	one := []netip.Addr{netip.MustParseAddr("198.51.100.1")}
	p := base(nil)
	_, err := New(p, one, seeded(1))
	require.NoError(t, err)
	for want, f := range map[string]func() (*NAT, error){
		"lifetime":                   func() (*NAT, error) { return New(Profile{Name: "zero"}, one, seeded(1)) },
		"needs 1 external addresses": func() (*NAT, error) { return New(p, nil, seeded(1)) },
		"got 2":                      func() (*NAT, error) { return New(p, append(one, one...), seeded(1)) },
		"not IPv4":                   func() (*NAT, error) { return New(p, []netip.Addr{netip.MustParseAddr("::1")}, seeded(1)) },
		"no source of randomness":    func() (*NAT, error) { return New(p, one, nil) },
		"given twice": func() (*NAT, error) {
			return New(base(func(p *Profile) { p.Addresses = 2 }), append(one, one...), seeded(1))
		},
	} {
		_, err := f()
		require.ErrorContains(t, err, want)
	}
}

func TestSameSeedSameNAT(t *testing.T) {
	run := func(seed uint64) []Mapping {
		p, err := Lookup("symmetric")
		require.NoError(t, err)
		n, err := New(p, []netip.Addr{netip.MustParseAddr("198.51.100.1")}, seeded(seed))
		require.NoError(t, err)
		for port := range uint16(50) {
			out(t, n, epoch, a5000, netip.AddrPortFrom(x1.Addr(), 1+port))
		}
		return n.Mappings(epoch)
	}
	require.Equal(t, run(1), run(1))
	require.NotEqual(t, run(1), run(2))
}

func TestWords(t *testing.T) {
	require.Equal(t, "reject", Reject.String())
	require.Equal(t, "10.0.0.2:5000 > 203.0.113.2:40001", Flow{a5000, x1}.String())
	var b Behaviour
	for i, word := range behaviourNames {
		require.NoError(t, b.UnmarshalText([]byte(word)))
		require.EqualValues(t, i, b)
		require.Equal(t, word, b.String())
	}
	require.Error(t, b.UnmarshalText([]byte("symmetric")))
}
