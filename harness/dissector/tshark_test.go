package dissector

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/capture"
	"punchlist/harness/internet"
	"punchlist/harness/testkit/testenv"
)

const script = "../../spec/latica.lua"

// headers is the number of bytes before the payload of the packets here: IPv4 without options, and
// UDP.
const headers = 28

// tshark runs tshark on a capture with the dissector, and returns what it prints. No message of
// Lua's passes.
func tshark(t *testing.T, file string, args ...string) []byte {
	t.Helper()
	needsTshark(t)
	return run(t, append([]string{"-X", "lua_script:" + script, "-r", file}, args...)...)
}

func needsTshark(t *testing.T) {
	t.Helper()
	testenv.SkipShort(t, "it starts tshark")
	if _, err := exec.LookPath("tshark"); err != nil {
		testenv.Missing(t, "tshark", "tshark is not installed: apt-get install tshark")
	}
	loaded.Do(func() {
		require.True(t, bytes.Contains(run(t, "-G", "protocols", "-X", "lua_script:"+script), []byte("\tlatica\n")),
			"tshark has not taken %s: was it built with Lua, and may root run scripts (init.lua)?", script)
	})
}

var loaded sync.Once

// thrown is what tshark prints where a script fails, or uses Wireshark in a way that it doesn't
// allow.
var thrown = []string{"Lua Error", "tshark: Lua", "Dissector bug"}

func run(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "tshark", args...)
	// No preferences and plugins of whoever runs the tests.
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "WIRESHARK_CONFIG_DIR="+t.TempDir(), "LC_ALL=C")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, complaints.String())
	for _, text := range [][]byte{out, complaints.Bytes()} {
		for _, says := range thrown {
			if at := bytes.Index(text, []byte(says)); at >= 0 {
				t.Fatalf("tshark tells of an error: %s", text[at:min(at+1000, len(text))])
			}
		}
	}
	return out
}

// packets is a capture.Source of IPv4 packets.
type packets [][]byte

func (packets) Interfaces() []capture.Interface { return []capture.Interface{{Name: "any"}} }

func (p packets) Packets() iter.Seq[capture.Packet] {
	return func(yield func(capture.Packet) bool) {
		for i, data := range p {
			if !yield(capture.Packet{At: time.Unix(1_700_000_000, int64(i)), Interface: "any", Data: data}) {
				return
			}
		}
	}
}

func write(t *testing.T, p packets) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "latica.pcapng")
	require.NoError(t, capture.WriteFile(file, p))
	return file
}

var alice, bob = netip.MustParseAddrPort("192.0.2.1:9777"), netip.MustParseAddrPort("192.0.2.2:9778")

// sent is each datagram as a packet between ports of Latica.
func sent(datagrams [][]byte) (p packets) {
	for i, d := range datagrams {
		p = append(p, internet.BuildUDP(nil, alice, bob, uint16(i), d))
	}
	return p
}

// A node is a protocol or field of tshark's PDML.
type node struct {
	Name, Showname, Show string
	Value                string // hex
	Pos, Size            int
	below                []*node
}

func newNode(t *testing.T, attributes []xml.Attr) *node {
	n := &node{}
	for _, a := range attributes {
		var err error
		switch a.Name.Local {
		case "name":
			n.Name = a.Value
		case "showname":
			n.Showname = a.Value
		case "show":
			n.Show = a.Value
		case "value":
			n.Value = a.Value
		case "pos":
			n.Pos, err = strconv.Atoi(a.Value)
		case "size":
			n.Size, err = strconv.Atoi(a.Value)
		}
		require.NoError(t, err)
	}
	return n
}

// all is the node and what is below it, in order, each with what it is below.
func (n *node) all() iter.Seq2[*node, *node] {
	return func(yield func(below, n *node) bool) { n.walk(nil, yield) }
}

func (n *node) walk(below *node, yield func(below, n *node) bool) bool {
	if !yield(below, n) {
		return false
	}
	for _, child := range n.below {
		if !child.walk(n, yield) {
			return false
		}
	}
	return true
}

// dissect is what tshark makes of each packet: its protocol latica, nil where there is none.
// Wireshark's own JSON dissector, whose trees are large, is left out.
func dissect(t *testing.T, p packets, args ...string) (trees []*node) {
	t.Helper()
	out := tshark(t, write(t, p), append(args, "-T", "pdml", "-J", "latica", "--disable-protocol", "json")...)
	var open []*node // from the packet down
	for d := xml.NewDecoder(bytes.NewReader(out)); ; {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			n := newNode(t, token.Attr)
			switch last := len(trees) - 1; {
			case token.Name.Local == "packet":
				trees = append(trees, nil)
			case len(open) == 2 && n.Name == "latica": // below pdml and packet
				trees[last] = n
			case len(open) > 2:
				parent := open[len(open)-1]
				parent.below = append(parent.below, n)
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	require.Len(t, trees, len(p))
	return trees
}
