package dissector

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/reference/wire"
	"punchlist/spec"
)

const (
	id1, id2 = "1111111111111111111111111111111111111111111111111111111111111111", "2222222222222222222222222222222222222222222222222222222222222222"
	who      = `"requesterPeerId":"` + id1 + `"`
	both     = who + `,"responderPeerId":"` + id2 + `"`
	place    = `"natType":7,"address":"203.0.113.9","port":4000`
	offer    = `"rendezvousAddress":"203.0.113.1","rendezvousPort":9777,"rendezvousType":31,"rendezvousPeerId":"` + id2 + `","rendezvousDeadline":1700000030000`
)

func body(text string) func(*wire.Packet) {
	return func(p *wire.Packet) { p.Message = []byte("{" + text + "}") }
}

func message(b ...byte) func(*wire.Packet) { return func(p *wire.Packet) { p.Message = b } }

// root is the summary of an empty cache; below, one at a prefix of so many digits, with these bytes
// behind the hash.
var root = make([]byte, 21)

func below(digits int, prefix []byte, rest ...byte) []byte {
	return slices.Concat([]byte{byte(digits)}, prefix, make([]byte, 20), rest)
}

func bucket(digit byte) []byte { return append([]byte{digit}, make([]byte, 20)...) }

// sound makes a packet of a type of which nothing is to be said.
func sound(p *wire.Packet) {
	id, now := []byte(strings.Repeat("i", 32)), []byte("1700000000000")
	switch p.Type {
	case wire.Ping:
		body(who)(p)
	case wire.Pong:
		body(both + `,"address":"203.0.113.9","port":4000`)(p)
	case wire.Intro:
		body(both + `,"isRendezvous":false,` + place)(p)
		p.Usr1 = now
	case wire.Join:
		body(who + "," + place)(p)
		p.ClusterID, p.SubclusterID, p.Hops = id, id, 1
	case wire.Publish:
		p.ClusterID, p.SubclusterID, p.Hops, p.Message = id, id, 1, make([]byte, 160)
	case wire.Stream:
		p.ClusterID, p.SubclusterID, p.Usr3, p.Usr4, p.Message = id, id, id, id, make([]byte, 160)
	case wire.Sync:
		p.Usr4, p.Message = now, root
	case wire.Query:
		body("")(p)
		p.Usr1, p.Usr3, p.Usr4, p.Hops = now, id, []byte("1"), 1
	}
}

func head(text string) func(*wire.Packet) {
	return func(p *wire.Packet) {
		p.Index = 0
		body(text)(p)
	}
}

var short = []byte("short")

// violations are sound packets with one change, and what is to be said of it: requirement, and the
// field or key.
var violations = []struct {
	of     wire.Type
	change func(*wire.Packet)
	want   []string
}{
	{wire.Ping, func(p *wire.Packet) {}, nil},
	{wire.Ping, body(who + `,"natType":5,"isConnection":true,"pingId":"0123456789ab"`), nil},
	{wire.Ping, func(p *wire.Packet) { p.Version = 5 }, []string{"LAT-FRAME-005 version"}},
	{wire.Ping, func(p *wire.Packet) { p.Index = 0 }, []string{"LAT-FRAME-015 index"}},
	{wire.Ping, func(p *wire.Packet) { p.PacketID = short }, []string{"LAT-ID-001 packetId"}},
	{wire.Ping, body(who + `,"isProbe":true`), []string{"LAT-NAT-005 isProbe"}},
	{wire.Ping, body(who + `,"probeExternalPort":4001`), []string{"LAT-NAT-005 probeExternalPort"}},
	{wire.Ping, body(who + `,"isReflection":true,"isProbe":true`), nil},
	{wire.Pong, func(p *wire.Packet) {}, nil},
	{wire.Pong, body(both), []string{"LAT-MSG-001 message"}},
	{wire.Pong, body(both + `,"isConnection":false`), []string{"LAT-MSG-001 message"}},
	{wire.Pong, body(both + `,"isReflection":true,` + place), []string{"LAT-MSG-002 natType"}},
	{wire.Pong, body(both + `,"isConnection":true,"natType":31`), nil},
	{wire.Pong, body(both + `,"isConnection":true,"pingId":"0123456789ab"`), []string{"LAT-MSG-004 pingId"}},
	{wire.Pong, body(both + `,"isConnection":true,"address":"203.0.113.9"`), []string{"LAT-MSG-005 address"}},
	{wire.Pong, body(both + `,"isConnection":true,"port":4000`), []string{"LAT-MSG-005 port"}},
	{wire.Pong, body(both + `,"isConnection":true,"isProbe":true`), []string{"LAT-MSG-005 isProbe"}},
	{wire.Pong, body(both + `,"isConnection":true,"isProbe":false`), nil}, // false says what absence says
	{wire.Pong, body(who + `,"responderPeerId":"` + id1 + `","isConnection":true`), []string{"LAT-MSG-006 responderPeerId"}},
	{wire.Intro, func(p *wire.Packet) {}, nil},
	{wire.Intro, body(both + `,` + place), []string{"LAT-MEMB-003 message"}},
	{wire.Intro, func(p *wire.Packet) { p.Usr1 = []byte("17e11") }, []string{"LAT-MEMB-003 usr1"}},
	{wire.Join, func(p *wire.Packet) {}, nil},
	{wire.Join, body(who + "," + place + `,"key":"é"`), []string{"LAT-FRAME-010 message"}},
	{wire.Join, func(p *wire.Packet) { p.SubclusterID = short }, []string{"LAT-KEY-001 subclusterId"}},
	{wire.Join, func(p *wire.Packet) { p.ClusterID = nil }, []string{"LAT-MEMB-001 clusterId"}},
	{wire.Join, func(p *wire.Packet) { p.Hops = 16 }, nil},
	{wire.Join, func(p *wire.Packet) { p.Hops = 17 }, []string{"LAT-MEMB-004 hops"}},
	{wire.Join, body(who + "," + place + "," + offer), nil},
	{wire.Join, body(who + "," + place + `,"rendezvousDeadline":1700000030000`), []string{"LAT-MEMB-005 message"}},
	{wire.Join, body(who + "," + place + "," + strings.Replace(offer, "31", "15", 1)), []string{"LAT-MEMB-005 rendezvousType"}},
	{wire.Join, body(who + "," + place + `,"rendezvousRequesterPeerId":"` + id2 + `","rendezvousPeerId":"` + id1 + `"`), nil},
	{wire.Join, body(who + "," + place + `,"rendezvousRequesterPeerId":"` + id2 + `"`), []string{"LAT-MEMB-006 rendezvousRequesterPeerId"}},
	{wire.Publish, func(p *wire.Packet) {}, nil},
	{wire.Publish, func(p *wire.Packet) { p.PacketID = short }, []string{"LAT-ID-002 packetId"}},
	{wire.Publish, func(p *wire.Packet) { p.Index, p.PacketID = 1, short }, []string{"LAT-ID-003 packetId"}},
	{wire.Publish, func(p *wire.Packet) { p.Index = -2 }, []string{"LAT-ID-004 index"}},
	{wire.Publish, head(`"meta":{},"ts":1,"size":1025,"indexes":2`), nil},
	{wire.Publish, head(`"meta":{},"ts":1,"size":1025,"indexes":1`), []string{"LAT-ID-004 indexes"}},
	{wire.Publish, head(`"meta":{},"ts":1,"size":1024,"indexes":1`), []string{"LAT-ID-004 size"}},
	{wire.Publish, head(`"meta":{},"ts":1,"size":"x","indexes":1`), []string{"LAT-ID-004 message"}},
	{wire.Publish, func(p *wire.Packet) { p.Message = p.Message[1:] }, []string{"LAT-KEY-002 message"}},
	{wire.Publish, func(p *wire.Packet) { p.Sig = short }, []string{"LAT-KEY-004 sig"}},
	{wire.Publish, func(p *wire.Packet) { p.Usr1 = short }, []string{"LAT-KEY-007 usr1"}},
	{wire.Publish, func(p *wire.Packet) { p.Hops = 17 }, []string{"LAT-REPL-006 hops"}},
	{wire.Stream, func(p *wire.Packet) {}, nil},
	{wire.Stream, func(p *wire.Packet) { p.Usr3 = short }, []string{"LAT-STRM-001 usr3"}},
	{wire.Stream, func(p *wire.Packet) { p.Usr4 = nil }, []string{"LAT-STRM-001 usr4"}},
	{wire.Stream, func(p *wire.Packet) { p.Hops = 17 }, []string{"LAT-STRM-008 hops"}},
	{wire.Sync, func(p *wire.Packet) {}, nil},
	{wire.Sync, func(p *wire.Packet) { p.Usr4 = nil }, []string{"LAT-SYNC-003 usr4"}},
	{wire.Sync, message([]byte{}...), []string{"LAT-SYNC-002 message"}},
	{wire.Sync, message(slices.Concat(root, bucket(0), bucket(15))...), nil},
	{wire.Sync, message(below(3, []byte{0x0a, 0xbc})...), nil},
	{wire.Sync, message(below(3, []byte{0xfa, 0xbc})...), []string{"LAT-SYNC-002 message"}},
	{wire.Sync, message(below(65, make([]byte, 33))...), []string{"LAT-SYNC-002 message"}},
	{wire.Sync, message(root[:20]...), []string{"LAT-SYNC-002 message"}},
	{wire.Sync, message(append(slices.Clone(root), bucket(16)...)...), []string{"LAT-SYNC-002 message"}},
	{wire.Sync, message(slices.Concat(root, bucket(1), bucket(1))...), []string{"LAT-SYNC-002 message"}},
	{wire.Sync, message(append(slices.Clone(root), bucket(1)[:20]...)...), []string{"LAT-SYNC-002 message"}},
	{wire.Sync, message(below(64, make([]byte, 32), bucket(0)...)...), []string{"LAT-SYNC-002 message"}},
	{wire.Query, func(p *wire.Packet) {}, nil},
	{wire.Query, func(p *wire.Packet) { p.Index = 0 }, []string{"LAT-FRAME-015 index"}},
	{wire.Query, func(p *wire.Packet) { p.PacketID = short }, []string{"LAT-ID-001 packetId"}},
	{wire.Query, func(p *wire.Packet) { p.Hops = 0 }, []string{"LAT-QRY-001 hops"}},
	{wire.Query, func(p *wire.Packet) { p.Usr1 = nil }, []string{"LAT-QRY-001 usr1"}},
	{wire.Query, func(p *wire.Packet) { p.Usr3 = short }, []string{"LAT-QRY-001 usr3"}},
	{wire.Query, func(p *wire.Packet) { p.Usr4 = []byte("3") }, []string{"LAT-QRY-001 usr4"}},
	{wire.Query, func(p *wire.Packet) { p.Hops = 17 }, []string{"LAT-QRY-007 hops"}},
	{wire.Query, func(p *wire.Packet) { p.Message = []byte("null") }, []string{"LAT-QRY-011 message"}},
	// An answer is the packet that it carries: its index, its event and its id.
	{wire.Query, func(p *wire.Packet) { p.Usr4, p.Index, p.Usr1, p.Message = []byte("2"), 0, nil, short }, nil},
	{wire.Query, func(p *wire.Packet) { p.Usr4, p.Usr3 = []byte("2"), short }, []string{"LAT-QRY-004 usr3"}},
}

var rule = regexp.MustCompile(`(?m)^  \{ "(LAT-\w+-\d+)", "[\w ]*", (?:nil|"\w+"), "([^"]+)", function|\{ "(LAT-\w+-\d+)", "[\w ]*", (?:nil|"\w+"), "([^"]+)", relayed`)

// TestViolations has each rule of the dissector broken once, by a packet that breaks no other.
func TestViolations(t *testing.T) {
	var datagrams [][]byte
	for _, c := range violations {
		datagrams = append(datagrams, packet(t, c.of, func(p *wire.Packet) {
			sound(p)
			c.change(p)
		}))
	}
	long := append(slices.Clone(datagrams[0]), make([]byte, 1422)...)
	datagrams = append(datagrams, long[:1421], long[:1422])

	said := "" // all of it
	for i, tree := range dissect(t, sent(datagrams)) {
		want := []string{"LAT-FRAME-017 datagram"}
		if i < len(violations) {
			want = violations[i].want
		} else if len(datagrams[i]) == 1421 {
			want = nil
		}
		var got []string
		for _, n := range tree.all() {
			require.NotEqual(t, "latica.malformed", n.Name, "case %d: %s", i+1, n.Showname)
			if n.Name != "latica.violation" {
				continue
			}
			parts := refusal.FindStringSubmatch(n.Showname)
			require.NotNil(t, parts, n.Showname)
			where := parts[1]
			if parts[2] != "" {
				where = parts[2]
			}
			got = append(got, parts[3]+" "+where)
			said += n.Showname + "\n"
		}
		require.Equal(t, want, got, "case %d: %s", i+1, tree.Showname)
	}

	text, err := os.ReadFile(script)
	require.NoError(t, err)
	rules := 0
	for _, m := range rule.FindAllStringSubmatch(string(text), -1) {
		require.Regexp(t, regexp.QuoteMeta(m[2]+m[4]+" ["+m[1]+m[3]), said, "no case breaks this rule")
		rules++
	}
	require.Equal(t, strings.Count(string(text), "\n  { \"LAT-"), rules, "a rule is written otherwise than this test reads")
	for _, m := range regexp.MustCompile(`wrong\([^"]*"([^"]+)"\)`).FindAllStringSubmatch(string(text), -1) {
		require.Contains(t, said, m[1]+" [LAT-SYNC-002")
	}
}

// TestRemarks has what is accepted, and still worth a look.
func TestRemarks(t *testing.T) {
	signed := packet(t, wire.Sync, func(p *wire.Packet) {
		sound(p)
		p.Sig = make([]byte, 64)
	})
	for i, tree := range dissect(t, sent([][]byte{
		signed, signed[:len(signed)-1], append(slices.Clone(signed), 0),
		packet(t, wire.Publish, func(p *wire.Packet) {
			sound(p)
			p.NextID = []byte{}
		}),
		packet(t, wire.Ping, body(who+`,"uptime":1,"uptime":2`)), packet(t, wire.Pong, body(both+`,"isConnection":true,"natType":null`)),
	})) {
		var got []string
		for _, n := range tree.all() {
			if slices.Contains([]string{"latica.remark", "latica.malformed", "latica.violation"}, n.Name) {
				got = append(got, n.Showname)
			}
		}
		require.Equal(t, [][]string{
			nil,
			{"sig: cut short by the end of the datagram, and accepted [LAT-FRAME-006, offset 116]"},
			{"datagram: bytes behind sig mean nothing [LAT-FRAME-006, offset 182]"},
			{"nextId: empty, which is accepted; unset is one zero byte [LAT-FRAME-008, offset 128]"},
			{"message, key uptime: there again, and the last one counts [LAT-FRAME-013, offset 178]"},
			{"message, key natType: null, for a type that isn't known yet [LAT-FRAME-013, offset 284]"},
		}[i], got)
	}
}

// TestRequirements holds the ids that the dissector names against the registry.
func TestRequirements(t *testing.T) {
	registry, err := spec.Load()
	require.NoError(t, err)
	text, err := os.ReadFile(script)
	require.NoError(t, err)
	ids := regexp.MustCompile(`LAT-[A-Z]+-\d+`).FindAllString(string(text), -1)
	require.NotEmpty(t, ids)
	for _, id := range ids {
		_, ok := registry.Lookup(id)
		require.True(t, ok, "%s names %s, which is no requirement", script, id)
	}
}

// TestWhatIsTaken sends from ports that nobody knows.
func TestWhatIsTaken(t *testing.T) {
	at := func(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }
	ping := packet(t, wire.Ping, sound)
	bent := slices.Concat([]byte("xxxx"), ping[4:])
	inside, outside, stranger := at("10.0.0.2:49152"), at("203.0.113.9:61000"), at("198.51.100.7:61001")
	var p packets
	var want []string
	send := func(src, dst netip.AddrPort, payload []byte, is string) {
		p, want = append(p, internet.BuildUDP(nil, src, dst, uint16(len(p)), payload)), append(want, is)
	}
	send(inside, outside, wire.Opener, "no")
	send(inside, outside, bent, "no")
	send(inside, outside, ping, "ping")
	send(outside, inside, bent, "refused") // in that conversation
	send(inside, at("198.51.100.7:5000"), wire.Opener, "opener")
	send(stranger, inside, wire.Opener, "opener")
	send(stranger, inside, []byte{2}, "no")
	send(stranger, at("198.51.100.8:5000"), wire.Opener, "no")
	send(stranger, alice, wire.Opener, "opener")
	send(alice, stranger, []byte{2}, "refused")
	send(alice, stranger, bent, "refused")
	for i, tree := range dissect(t, p) {
		is := "no"
		if tree != nil {
			switch names := names(tree); {
			case slices.Contains(names, "latica.malformed"):
				is = "refused"
			case slices.Contains(names, "latica.opener"):
				is = "opener"
			default:
				is = "ping"
			}
		}
		require.Equal(t, want[i], is, "packet %d", i+1)
	}
}

// TestFilters asks as a person would.
func TestFilters(t *testing.T) {
	all := observed(t)[:30] // the packets of the vectors
	file := write(t, sent(all))
	for filter, want := range map[string]string{
		`latica`:                               "1-30",
		`latica.type == 3`:                     "11-12",
		`latica.body.natType == 5`:             "12 14",
		`latica.body.isReflection == 1`:        "3-7",
		`latica.body.rendezvousType == 31`:     "13",
		`latica.body.indexes == 3`:             "16",
		`latica.time == "2023-11-14 22:13:20"`: "11-12 24 26",
		`latica.queryKind == "answer"`:         "25 27",
		`latica.sync.bucket == 13`:             "29-30",
		`latica.malformed`:                     "",
		`latica.requirement == "LAT-MEMB-006"`: "14", // deployed peers leave rendezvousPeerId out
		`json.key == "natType"`:                "1-2 8-14",
	} {
		var numbers []string
		from, to := 0, -1
		flush := func() {
			switch {
			case from == 0:
			case from == to:
				numbers = append(numbers, fmt.Sprint(from))
			default:
				numbers = append(numbers, fmt.Sprintf("%d-%d", from, to))
			}
		}
		for _, line := range strings.Fields(string(tshark(t, file, "-Y", filter, "-T", "fields", "-e", "frame.number"))) {
			var n int
			_, err := fmt.Sscan(line, &n)
			require.NoError(t, err)
			if n != to+1 {
				flush()
				from = n
			}
			to = n
		}
		flush()
		require.Equal(t, want, strings.Join(numbers, " "), filter)
	}

	lines := string(tshark(t, file))
	for _, info := range []string{
		"Latica 280 Ping requester=2bd806c9 natType=7 plain hops=0\n",
		"Pong requester=2bd806c9 responder=81b637d8 at 203.0.113.7:51001 reflection hops=0\n",
		"Intro introduces=2bd806c9 by=4cd9b767 at 203.0.113.101:5001 natType=7 hops=2\n",
		"Join requester=81b637d8 at 203.0.113.102:5002 natType=5 answer at rendezvous hops=0\n",
		"head of 3 hops=1\n", "fragment 3 of 9d3b9f60 hops=1\n", "Stream id=8214d182 2bd806c9 to 81b637d8 hops=0\n",
		"Query question id=61616161 for=cac36724 hops=1\n", "Sync root 3 buckets hops=0\n",
	} {
		require.Contains(t, lines, info)
	}
}

// TestNothingThrows has whole trees printed, Wireshark's own JSON dissector's among them.
func TestNothingThrows(t *testing.T) {
	all := mutated(t, 1500)
	// Longer than a message may be, and as deep as one can get.
	query := packet(t, wire.Query, sound)
	at := wire.Explain(query).Fields[16].Offset
	for _, text := range []string{
		strings.Repeat("[", 60_000), strings.Repeat(`{"a":[`, 6000) + strings.Repeat("]}", 6000), strings.Repeat(`{"a":`, 12_000), `{"a":` + strings.Repeat("1", 60_000) + "}",
	} {
		all = append(all, slices.Concat(binary.BigEndian.AppendUint16(slices.Clone(query[:at]), uint16(len(text))), []byte(text), []byte{0, 1, 0}))
	}
	require.Contains(t, string(tshark(t, write(t, sent(all)), "-V")), "JavaScript Object Notation")
}

// TestCutByTheCapture has less in the capture than was in the datagram: that is nobody's fault.
func TestCutByTheCapture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "short.pcap")
	f, err := os.Create(file)
	require.NoError(t, err)
	w := pcapgo.NewWriter(f)
	require.NoError(t, w.WriteFileHeader(65535, layers.LinkTypeRaw))
	whole := internet.BuildUDP(nil, alice, bob, 1, packet(t, wire.Ping, sound))
	for n := headers + 1; n < len(whole); n++ {
		require.NoError(t, w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(1, 0), CaptureLength: n, Length: len(whole)}, whole[:n]))
	}
	require.NoError(t, f.Close())
	frames := func(filter string) int {
		return strings.Count(string(tshark(t, file, "-Y", filter, "-T", "fields", "-e", "frame.number")), "\n")
	}
	require.Equal(t, len(whole)-headers-1, frames("latica"))
	require.Zero(t, frames("latica.malformed"))
	require.NotZero(t, frames(`latica.remark && _ws.expert.message contains "cut off by the capture"`))
}
