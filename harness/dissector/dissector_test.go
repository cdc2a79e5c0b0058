package dissector

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/features"
	"punchlist/harness/capture"
	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/sim"
	"punchlist/harness/manifest"
	"punchlist/harness/report"
	"punchlist/harness/suite"
	"punchlist/reference/cache"
	"punchlist/reference/wire"
	"punchlist/spec"
	"punchlist/vectors"
)

// requirements are what a decoder refuses for each reason.
func requirement(r wire.Reason) string {
	switch r {
	case wire.WrongMagic:
		return "LAT-FRAME-001"
	case wire.Truncated:
		return "LAT-FRAME-002"
	case wire.TooLong:
		return "LAT-FRAME-003"
	case wire.UnknownType:
		return "LAT-FRAME-004"
	case wire.NotJSON, wire.NotObject:
		return "LAT-FRAME-011"
	case wire.UnknownKey:
		return "LAT-FRAME-012"
	}
	return "LAT-FRAME-013"
}

// explained is what package wire says of a datagram, a line for each thing, in order of the text.
func explained(datagram []byte) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	e := wire.Explain(datagram)
	var message []byte
	whole := false
	for _, f := range e.Fields {
		if f.Declared < 0 {
			say("%s at %d: %x", f.Field, f.Offset, f.Value)
			if f.Field != wire.FieldMagic {
				say("%s reads %s", f.Field, strings.Fields(f.Text)[0])
			}
			continue
		}
		say("%s at %d: length %d", f.Field, f.Offset, f.Declared)
		switch {
		case len(f.Value) == 0 && f.Declared == 0:
			say("%s: empty", f.Field)
		case len(f.Value) > 0:
			say("%s at %d: %x", f.Field, f.Offset+2, f.Value)
			if wire.Unset(f.Value) {
				say("%s: unset", f.Field)
			}
		}
		if f.Field == wire.FieldMessage {
			message = f.Value
		}
		whole = f.Field == wire.FieldSig && !slices.ContainsFunc(e.Faults, func(f wire.Fault) bool { return f.Reason == wire.Truncated })
	}
	for _, k := range e.Keys {
		say("key at %d: %d bytes", k.Offset, k.Length)
	}
	if e.Trailing > 0 {
		say("trailing at %d: %x", e.Length-e.Trailing, datagram[e.Length-e.Trailing:])
	}
	for _, f := range e.Faults {
		say("refused: %s %s by %s, offset %d", f.Field, f.Key, requirement(f.Reason), f.Offset)
	}

	var p wire.Packet
	if wire.Decode(&p, datagram).OK() {
		for _, v := range values(&p.Body) {
			say("body %s = %s", v.key, v.text)
		}
	}
	if whole && wire.TypeOf(datagram) == wire.Sync {
		s, err := cache.DecodeSummary(message)
		if err != nil || string(s.Append(nil)) != string(message) {
			say("no canonical summary")
		} else {
			say("summary of %d digits %q: %x", s.Prefix.Len(), s.Prefix, s.Hash)
			for d := range s.Buckets {
				if s.Has(d) {
					say("bucket %d: %x", d, s.Buckets[d])
				}
			}
		}
	}
	slices.Sort(lines)
	return lines
}

type bodyValue struct {
	key  wire.Key
	text string
}

// values are the keys that a body has, with the text that tshark gives for each.
func values(b *wire.Body) (has []bodyValue) {
	flag := map[bool]string{false: "0", true: "1"}
	for _, v := range []bodyValue{
		{wire.KeyRequesterPeerID, b.RequesterPeerID.String()}, {wire.KeyResponderPeerID, b.ResponderPeerID.String()},
		{wire.KeyNATType, strconv.Itoa(b.NATType)}, {wire.KeyAddress, b.Address.String()}, {wire.KeyPort, strconv.Itoa(int(b.Port))},
		{wire.KeyProbeExternalPort, strconv.Itoa(int(b.ProbeExternalPort))}, {wire.KeyCacheSummaryHash, hex.EncodeToString(b.CacheSummaryHash[:])},
		{wire.KeyReflectionID, strings.ToLower(b.ReflectionID.String())}, {wire.KeyPingID, strings.ToLower(b.PingID.String())},
		{wire.KeyUptime, strconv.FormatInt(b.Uptime, 10)}, {wire.KeyCacheSize, strconv.FormatInt(b.CacheSize, 10)},
		{wire.KeyTimestamp, strconv.FormatInt(b.Timestamp, 10)}, {wire.KeyIsConnection, flag[b.IsConnection]},
		{wire.KeyIsReflection, flag[b.IsReflection]}, {wire.KeyIsProbe, flag[b.IsProbe]}, {wire.KeyIsDebug, flag[b.IsDebug]},
		{wire.KeyIsRendezvous, flag[b.IsRendezvous]}, {wire.KeyRejected, flag[b.Rejected]}, {wire.KeyKey, ascii(b.Key)},
		{wire.KeyRendezvousAddress, b.RendezvousAddress.String()}, {wire.KeyRendezvousPort, strconv.Itoa(int(b.RendezvousPort))},
		{wire.KeyRendezvousType, strconv.Itoa(b.RendezvousType)}, {wire.KeyRendezvousPeerID, b.RendezvousPeerID.String()},
		{wire.KeyRendezvousRequesterPeerID, b.RendezvousRequesterPeerID.String()},
		{wire.KeyRendezvousDeadline, strconv.FormatInt(b.RendezvousDeadline, 10)}, {wire.KeyMeta, string(b.Meta)},
		{wire.KeyTS, strconv.FormatInt(b.TS, 10)}, {wire.KeySize, strconv.FormatInt(b.Size, 10)}, {wire.KeyIndexes, strconv.FormatInt(b.Indexes, 10)},
	} {
		if b.Keys.Has(v.key) {
			has = append(has, v)
		}
	}
	return has
}

// ascii is a text as the dissector shows it.
func ascii(text []byte) (shown string) {
	for _, c := range text {
		if c < ' ' || c > '~' {
			shown += fmt.Sprintf("\\x%02x", c)
		} else {
			shown += string(rune(c))
		}
	}
	return shown
}

var refusal = regexp.MustCompile(`^(\w+)(?:, key (\w+))?: .* \[(LAT-\w+-\d+), offset (\d+)\]$`)

// dissected is what the dissector says of a datagram, in the same lines.
func dissected(t *testing.T, tree *node) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	body := map[string]string{} // of a key that is there twice the last one counts
	refused, canonical, summary, bucket := false, true, []string(nil), ""
	for below, n := range tree.all() {
		name, ours := strings.CutPrefix(n.Name, "latica.")
		at := n.Pos - headers
		switch field, isLength := strings.CutSuffix(name, ".length"); {
		case !ours:
		case isLength:
			// PDML has, of what stands before that which it is shown below, the sum of both places.
			if below.Name == "latica."+field {
				at -= below.Pos
			}
			say("%s at %d: length %d", field, at, number(t, n.Value))
			if strings.HasSuffix(n.Showname, ": empty") {
				say("%s: empty", field)
			}
		case name == "malformed":
			parts := refusal.FindStringSubmatch(n.Showname)
			require.NotNil(t, parts, n.Showname)
			if parts[1] == "datagram" {
				parts[1] = ""
			}
			say("refused: %s %s by %s, offset %s", parts[1], parts[2], parts[3], parts[4])
			refused = true
		case name == "violation":
			canonical = canonical && !strings.Contains(n.Showname, "LAT-SYNC-002")
		case name == "type" || name == "version" || name == "clock" || name == "hops" || name == "index" || name == "ttl":
			say("%s reads %s", name, n.Show)
			fallthrough
		case slices.Contains(byteFields, name):
			say("%s at %d: %s", name, at, n.Value)
			if strings.HasSuffix(n.Showname, " (unset)") {
				say("%s: unset", name)
			}
		case strings.HasPrefix(name, "body."):
			say("key at %d: %d bytes", at, n.Size)
			key, show := strings.TrimPrefix(name, "body."), n.Show
			if key == "other" {
				key, _, _ = strings.Cut(strings.TrimPrefix(n.Showname, `"`), `"`)
				delete(body, key)
				continue
			}
			switch {
			case slices.Contains(numbers, key):
				show = cutToInteger(t, show)
			case hexDigits.MatchString(show) && key != "key":
				show = strings.ToLower(show)
			}
			body[key] = show
		case name == "sync.prefixLength":
			summary = append(summary, n.Show)
		case name == "sync.prefix" || name == "sync.hash":
			summary = append(summary, n.Show)
		case name == "sync.bucket":
			bucket = n.Show
		case name == "sync.bucket.value":
			digit, err := strconv.ParseUint(bucket, 0, 8)
			require.NoError(t, err)
			summary = append(summary, fmt.Sprintf("bucket %d: %s", digit, n.Value))
		}
	}
	delete(body, "packetId") // of a query; wire leaves the bodies of queries to the application
	if !refused {
		for key, show := range body {
			say("body %s = %s", key, show)
		}
	}
	if len(summary) > 0 && canonical {
		say("summary of %s digits %q: %s", summary[0], summary[1], strings.ReplaceAll(summary[2], ":", ""))
		lines = append(lines, summary[3:]...)
	} else if !canonical {
		say("no canonical summary")
	}
	slices.Sort(lines)
	return lines
}

var (
	magic      = []byte{3, 5, 11, 17}
	byteFields = []string{
		"magic", "clusterId", "subclusterId", "previousId", "packetId", "nextId", "usr1", "usr2", "usr3", "usr4", "message", "sig", "trailing",
	}
	numbers   = []string{"uptime", "cacheSize", "timestamp", "rendezvousDeadline", "ts", "size", "indexes"}
	hexDigits = regexp.MustCompile(`^[0-9a-fA-F]+$`)
)

// cutToInteger is what package wire keeps of a number.
func cutToInteger(t *testing.T, show string) string {
	n, err := strconv.ParseFloat(show, 64)
	require.NoError(t, err)
	if math.Abs(n) >= math.MaxInt64 {
		return strconv.FormatInt(int64(math.Copysign(1, n))*math.MaxInt64, 10)
	}
	return strconv.FormatInt(int64(n), 10)
}

func number(t *testing.T, hexDigits string) uint64 {
	n, err := strconv.ParseUint(hexDigits, 16, 64)
	require.NoError(t, err)
	return n
}

// agree holds what the dissector says of each UDP packet against package wire. With other ports
// than the preset ones it needn't take what has no magic. It returns what tshark made of them.
func agree(t *testing.T, p packets, args ...string) []*node {
	t.Helper()
	refused, taken := 0, 0
	trees := dissect(t, p, args...)
	for i, tree := range trees {
		u, err := internet.ParseUDP(p[i])
		if err != nil || len(u.Payload) == 0 { // Wireshark asks nobody about an empty payload
			require.Nil(t, tree, "packet %d", i+1)
			continue
		}
		if tree == nil && len(args) > 0 && !wire.IsOpener(u.Payload) && !bytes.HasPrefix(u.Payload, magic) {
			continue
		}
		require.NotNil(t, tree, "packet %d is not taken for Latica: %x", i+1, u.Payload)
		if wire.IsOpener(u.Payload) {
			require.Equal(t, []string{"latica", "latica.opener"}, names(tree), "packet %d", i+1)
			continue
		}
		want := explained(u.Payload)
		require.Equal(t, want, dissected(t, tree), "packet %d: %x", i+1, u.Payload)
		if slices.ContainsFunc(want, func(line string) bool { return strings.HasPrefix(line, "refused") }) {
			refused++
		} else {
			taken++
		}
	}
	t.Logf("agreed on %d datagrams that are accepted, %d that are refused", taken, refused)
	require.NotZero(t, taken)
	return trees
}

func has(tree *node, name, show string) bool {
	for _, n := range tree.all() {
		if n.Name == name && n.Show == show {
			return true
		}
	}
	return false
}

func names(tree *node) (names []string) {
	for _, n := range tree.all() {
		names = append(names, n.Name)
	}
	return names
}

// observed is every datagram of the vectors, and each body and summary of them in a packet.
func observed(t *testing.T) (all [][]byte) {
	t.Helper()
	var v struct {
		Packets, EncoderQuirks []struct{ Expected struct{ Datagram string } }
		Decode                 []struct{ Input struct{ Datagram string } }
		Composition            struct{ Fragments []string }
		BodyValidation         []struct {
			Input struct {
				Type     wire.Type
				BodyUtf8 string
			}
		}
		SummaryDecode []struct{ Input struct{ Bytes string } }
	}
	require.NoError(t, json.Unmarshal(vectors.Observed, &v))
	add := func(text string) {
		d, err := hex.DecodeString(text)
		require.NoError(t, err)
		all = append(all, d)
	}
	for _, c := range v.Packets {
		add(c.Expected.Datagram)
	}
	for _, c := range v.EncoderQuirks {
		add(c.Expected.Datagram)
	}
	for _, c := range v.Decode {
		add(c.Input.Datagram)
	}
	for _, d := range v.Composition.Fragments {
		add(d)
	}
	for _, c := range v.BodyValidation {
		all = append(all, packet(t, c.Input.Type, func(p *wire.Packet) { p.Message = []byte(c.Input.BodyUtf8) }))
	}
	for _, c := range v.SummaryDecode {
		summary, err := hex.DecodeString(c.Input.Bytes)
		require.NoError(t, err)
		all = append(all, packet(t, wire.Sync, func(p *wire.Packet) { p.Message = summary }))
	}
	hostile, err := vectors.Hostile()
	require.NoError(t, err)
	for _, h := range hostile {
		all = append(all, h.Datagrams...)
	}
	return all
}

func packet(t *testing.T, of wire.Type, change func(*wire.Packet)) []byte {
	t.Helper()
	p := wire.NewPacket(of)
	change(&p)
	d, err := wire.Append(nil, &p)
	require.NoError(t, err)
	return d
}

func TestObserved(t *testing.T) { agree(t, sent(observed(t))) }

// TestVectors has the datagrams of the standard, and holds the dissector against what they say
// themselves, too.
func TestVectors(t *testing.T) {
	chapters, err := vectors.Load()
	require.NoError(t, err)
	var all [][]byte
	var of []vectors.Vector
	for _, c := range chapters {
		for _, v := range c.Vectors {
			var with struct{ Datagram, Summary *string }
			require.NoError(t, json.Unmarshal(v.With, &with))
			if v.Do == "decode" && with.Datagram != nil {
				d, err := hex.DecodeString(*with.Datagram)
				require.NoError(t, err)
				if len(d) > 0 && !wire.IsOpener(d) {
					all, of = append(all, d), append(of, v)
				}
			}
		}
	}
	for i, tree := range agree(t, sent(all)) {
		lines := slices.DeleteFunc(dissected(t, tree), func(line string) bool { return !strings.HasPrefix(line, "refused: ") })
		r := of[i].Rejected
		if r == nil {
			require.Empty(t, lines, of[i].ID)
			continue
		}
		if r.Offset == nil { // it is refused for what it says, by its receiver
			require.True(t, has(tree, "latica.requirement", of[i].Requirement), of[i].ID)
			continue
		}
		want := fmt.Sprintf("refused: %s %s by %s, offset %d", r.Field, r.Key, of[i].Requirement, *r.Offset)
		require.Contains(t, lines, want, of[i].ID)
	}
	t.Logf("%d vectors", len(all))
}

// TestCutAnywhere ends one datagram of each type after every one of its bytes, where they are many
// after every fifth.
func TestCutAnywhere(t *testing.T) {
	var cut [][]byte
	for _, d := range observed(t)[:30] {
		if slices.ContainsFunc(cut, func(c []byte) bool { return wire.TypeOf(c) == wire.TypeOf(d) }) {
			continue
		}
		for n := 1; n < len(d); n++ {
			if n < 160 || n > len(d)-80 || n%5 == 0 {
				cut = append(cut, d[:n])
			}
		}
	}
	agree(t, sent(cut))
}

// texts are put into datagrams: pieces of JSON and what lengths are made of.
var texts = []string{
	"{", "}", "[", "]", `"`, ",", ":", `\`, `\u0041`, `\ud83d`, "null", "true", "fals", "-", "0", "1e3", "50e-1", ".5", "\x00", "\x01", "\xff", "\xc3\xa9",
	"\x00\x21", "\x00\x00", "\xff\xff", `"natType":null,`, `"natType":5,`, `"natType":15.0,`, `"port":7e400,`, `"a":[[{}]],`, " ", "\n", `{"`, `"x":1,`, `\n`, `\"`, `"isProbe":true,`,
}

func TestMutated(t *testing.T) { agree(t, sent(mutated(t, 1500))) }

// mutated bends datagrams at places that are drawn at random, the same ones each time.
func mutated(t *testing.T, count int) [][]byte {
	t.Helper()
	sound, r := observed(t), rand.New(rand.NewPCG(6, 9777))
	bent := make([][]byte, 0, count)
	for len(bent) < count {
		d := slices.Clone(sound[r.IntN(len(sound))])
		for range 1 + r.IntN(3) {
			at, text := r.IntN(len(d)+1), texts[r.IntN(len(texts))]
			if at < 4 && r.IntN(8) > 0 {
				at = len(d) // the magic is bent seldom, or little else would be
			}
			switch end := min(at+r.IntN(4), len(d)); r.IntN(5) {
			case 0:
				d = slices.Concat(d[:at], []byte(text), d[at:])
			case 1:
				d = slices.Concat(d[:at], []byte(text), d[min(at+len(text), len(d)):])
			case 2:
				d = slices.Delete(d, at, end)
			case 3:
				for i := at; i < end; i++ {
					d[i] = byte(r.Uint32())
				}
			case 4:
				if r.IntN(4) == 0 {
					d = d[:at]
				}
			}
		}
		bent = append(bent, d)
	}
	return bent
}

// scenarios are some of each chapter: every type of packet, openers, NATs that choose ports,
// relays, messages of several packets. Of each requirement one is dissected.
const scenarios = "not @codec and (@LAT-FRAME-013 or @LAT-FRAME-014 or @LAT-MSG-005 or @LAT-NAT-005 or @LAT-TRAV-009 or @LAT-MEMB-006 or @LAT-ID-005 or " +
	"@LAT-STRM-006 or @LAT-QRY-004 or @LAT-QRY-012 or @LAT-SYNC-002 or @LAT-SYNC-005)"

// TestSuite holds the dissector against captures of the suite, with no port preset: it knows Latica
// by the magic alone.
func TestSuite(t *testing.T) {
	needsTshark(t)
	registry, err := spec.Load()
	require.NoError(t, err)
	reference, err := manifest.Bundled("reference")
	require.NoError(t, err)
	out := t.TempDir()
	r, err := suite.Run(t.Context(), suite.Config{
		Cells:    []suite.Cell{{Subject: reference, Companion: reference, Lab: "sim"}},
		Labs:     map[string]lab.Lab{"sim": sim.New()},
		Features: features.Files, Registry: registry, Select: suite.Selection{Tags: scenarios},
		Seed: 1, Out: out,
		Progress: report.NewProgress(io.Discard, report.Style{}),
		Today:    time.Now(),
	})
	require.NoError(t, err)
	require.NotEmpty(t, r.Cells[0].Results)

	var all packets
	seen := map[string]bool{}
	for _, x := range r.Cells[0].Results {
		if seen[x.Requirement] {
			continue
		}
		seen[x.Requirement] = true
		c, err := capture.ReadFile(filepath.Join(out, x.Capture))
		require.NoError(t, err, x.Key)
		count := 0
		for p := range c.Packets() {
			all = append(all, p.Data)
			count++
		}
		require.NotZero(t, count, x.Key)
		t.Logf("%5d packets: %s", count, x.Key)
	}
	agree(t, all, "-o", "latica.ports:", "-o", "udp.try_heuristic_first:TRUE")
}
