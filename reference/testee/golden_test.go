package testee_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/testee"
	contract "punchlist/spec/testee"
	"punchlist/spec/testee/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// meeting is a network of two hosts without delay, on which two agents live.
type meeting struct {
	now      time.Time
	names    [2]string
	agents   [2]*conversation
	log      bytes.Buffer
	datagram int // how many went through
}

func addr(i int) netip.Addr { return netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}) }

// step gives what is to be given to an agent, and writes down what it says.
func (m *meeting) step(i int, give func(*testee.Agent)) {
	a := m.agents[i].agent
	give(a)
	type sent struct {
		from, to netip.AddrPort
		data     []byte
	}
	var out []sent
	var open []peer.Output
	var o peer.Output
	for a.Poll(&o) {
		switch o.Op {
		case peer.Open:
			open = append(open, o)
		case peer.Send:
			out = append(out, sent{netip.AddrPortFrom(addr(i), 4000+uint16(o.Socket)), o.To, bytes.Clone(o.Data)})
		}
	}
	for line, ok := a.Line(); ok; line, ok = a.Line() {
		fmt.Fprintf(&m.log, "%5d %s ← %s\n", m.now.Sub(begin).Milliseconds(), m.names[i], line)
	}
	for _, o := range open {
		m.step(i, func(a *testee.Agent) {
			a.Opened(m.now, o.Socket, netip.AddrPortFrom(addr(i), 4000+uint16(o.Socket)), nil)
		})
	}
	for _, d := range out {
		for to := range m.agents {
			if d.to.Addr() == addr(to) {
				m.datagram++
				m.step(to, func(a *testee.Agent) { a.Receive(m.now, peer.Socket(d.to.Port()-4000), d.from, d.data) })
			}
		}
	}
}

// The whole of a conversation with two peers that meet, to the byte. Renew it
// with -update, and read what has changed.
func TestConversation(t *testing.T) {
	m := &meeting{now: begin, names: [2]string{"alice", "bob"}}
	ids := [2][32]byte{seal.PeerID("alice"), seal.PeerID("bob")}
	cluster, shared := seal.ClusterID("cluster"), seal.SharedKey("members")
	subcluster := seal.NewKeys(shared).SubclusterID
	start := func(i int) string {
		other := 1 - i
		return fmt.Sprintf(`{"peerId":"%x","clusterId":"%x","indexed":%v,"port":4001,"probePort":4002,"keepalive":6000,"seed":"%064x",`+
			`"bootstrap":[{"peerId":"%x","address":"%s","port":4001}]}`, ids[i], cluster, i == 0, i+1, ids[other], addr(other))
	}
	var asked [2]map[int]string
	for i := range m.agents {
		m.agents[i], asked[i] = talk(t), map[int]string{}
	}
	call := func(i int, do, with string) {
		id := len(asked[i]) + 1
		asked[i][id] = do
		line := fmt.Sprintf(`{"id":%d,"do":%q}`, id, do)
		if with != "" {
			line = fmt.Sprintf(`{"id":%d,"do":%q,"with":%s}`, id, do, with)
			require.NoError(t, schema.Command([]byte(line)))
		}
		fmt.Fprintf(&m.log, "%5d %s → %s\n", m.now.Sub(begin).Milliseconds(), m.names[i], line)
		m.step(i, func(a *testee.Agent) { a.Command(m.now, []byte(line)) })
	}
	pass := func(d time.Duration) {
		for until := m.now.Add(d); ; {
			first, next := -1, until
			for i, c := range m.agents {
				if at, any := c.agent.Next(); any && !at.After(next) {
					first, next = i, at
				}
			}
			if next.After(m.now) {
				m.now = next
			}
			if first < 0 {
				return
			}
			m.step(first, func(a *testee.Agent) { a.Tick(m.now) })
		}
	}

	for i := range m.agents {
		call(i, contract.Hello, "")
	}
	call(1, "jump", "")
	call(1, contract.Info, "")
	for i := range m.agents {
		call(i, contract.Start, start(i))
	}
	pass(3 * time.Second)
	for i := range m.agents {
		call(i, contract.Join, fmt.Sprintf(`{"sharedKey":"%x"}`, shared))
	}
	pass(15 * time.Second)
	call(0, contract.Publish, fmt.Sprintf(`{"subclusterId":"%x","event":"greeting","message":"%s","signingSeed":"%064x"}`,
		subcluster, hex.EncodeToString([]byte("good evening")), 42))
	pass(5 * time.Second)
	call(0, contract.Publish, fmt.Sprintf(`{"subclusterId":"%x","message":"%s"}`, subcluster, strings.Repeat("68", 1500)))
	pass(5 * time.Second)
	for i := range m.agents {
		call(i, contract.Info, "")
		call(i, contract.Peers, "")
		call(i, contract.Cache, `{"prefix":""}`)
	}
	call(1, contract.Stream, fmt.Sprintf(`{"peerId":"%x","subclusterId":"%x","event":"greeting","message":"%s","signingSeed":"%064x"}`,
		ids[0], subcluster, hex.EncodeToString([]byte("to you alone")), 43))
	pass(time.Second)
	call(1, contract.Query, fmt.Sprintf(`{"body":{"packetId":"%s"}}`, "7ac5d56992a3c69a3d6e51969302b55177a40b7dfec9d04009079358306e8ded"))
	call(1, contract.Query, `{"body":{"about":"the weather in Zürich"}}`)
	pass(time.Second)
	call(1, contract.Sync, fmt.Sprintf(`{"peerId":"%x"}`, ids[0]))
	call(1, contract.State, "")
	call(0, contract.Stop, "")
	pass(30 * time.Second) // bob gives alice up
	call(1, contract.Peers, "")
	call(1, contract.Stop, "")
	require.NotZero(t, m.datagram)

	for s := bufio.NewScanner(strings.NewReader(m.log.String())); s.Scan(); {
		text := s.Text()
		who := 0
		if text[6:9] == "bob" {
			who = 1
		}
		_, line, said := strings.Cut(text, "← ")
		if !said {
			continue
		}
		var reply struct{ ID int }
		require.NoError(t, json.Unmarshal([]byte(line), &reply))
		if reply.ID == 0 {
			require.NoError(t, schema.Event([]byte(line)), line)
			continue
		}
		require.Contains(t, asked[who], reply.ID, line)
		require.NoError(t, schema.Reply(asked[who][reply.ID], []byte(line)), line)
		delete(asked[who], reply.ID)
	}
	require.Empty(t, asked[0], "each command is answered")
	require.Empty(t, asked[1])

	const file = "testdata/conversation.txt"
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, m.log.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), m.log.String(), "go test ./reference/testee -update writes the file anew")
}
