package testee_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/eventloop"
	"punchlist/reference/peer"
	"punchlist/reference/seal"
	"punchlist/reference/testee"
	"punchlist/reference/wire"
	contract "punchlist/spec/testee"
	"punchlist/spec/testee/schema"
)

var begin = time.UnixMilli(1_700_000_000_000)

// A conversation is an agent with the test as harness and as the host's
// sockets, which open and carry nothing away.
type conversation struct {
	t      *testing.T
	agent  *testee.Agent
	driver *eventloop.Driver
	now    time.Time
	calls  int
	sent   []string // datagrams in hex
	lines  []string // all that it wrote
	fresh  []string // of these, what drain has not given yet
}

func talk(t *testing.T) *conversation {
	c := &conversation{
		t: t, now: begin,
		agent: testee.New(testee.Options{Name: "reference", Version: "test", Random: rand.NewChaCha8([32]byte{1})}),
	}
	c.driver = eventloop.NewDriver(c, eventloop.Hooks{Drained: func() {
		for line, ok := c.agent.Line(); ok; line, ok = c.agent.Line() {
			c.fresh = append(c.fresh, string(line))
		}
	}})
	c.driver.Start(c.now, c.agent)
	return c
}

func (c *conversation) Open(s peer.Socket, _ uint16) (netip.AddrPort, error) {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), 4000+uint16(s)), nil
}

func (c *conversation) Close(peer.Socket) {}

func (c *conversation) Send(_ time.Time, s peer.Socket, to netip.AddrPort, datagram []byte) {
	c.sent = append(c.sent, fmt.Sprintf("%d %v %x", s, to, datagram))
}

// drain does what the agent asks for, and gives the lines it wrote.
func (c *conversation) drain() []string {
	c.driver.Settle(c.now)
	lines := c.fresh
	c.fresh = nil
	c.lines = append(c.lines, lines...)
	return lines
}

// do carries out one command, whose reply and events must keep to the schema.
func (c *conversation) do(command string, with any) contract.Message {
	c.t.Helper()
	c.calls++
	call := contract.Command{ID: c.calls, Do: command}
	if with != nil {
		text, err := json.Marshal(with)
		require.NoError(c.t, err)
		call.With = text
	}
	line, err := json.Marshal(call)
	require.NoError(c.t, err)
	c.agent.Command(c.now, line)
	var reply *contract.Message
	for _, line := range c.drain() {
		var m contract.Message
		require.NoError(c.t, json.Unmarshal([]byte(line), &m))
		if m.Event != "" {
			require.NoError(c.t, schema.Event([]byte(line)), line)
			continue
		}
		require.Nil(c.t, reply, "%s was answered twice", command)
		require.Equal(c.t, c.calls, m.ID)
		require.NoError(c.t, schema.Reply(command, []byte(line)), line)
		reply = &m
	}
	require.NotNil(c.t, reply, "%s was not answered", command)
	return *reply
}

func (c *conversation) refused(code, command string, with any) {
	c.t.Helper()
	m := c.do(command, with)
	require.NotNil(c.t, m.Error, command)
	require.Equal(c.t, code, m.Error.Code, m.Error.Text)
}

func ok[T any](c *conversation, command string, with any) (v T) {
	c.t.Helper()
	m := c.do(command, with)
	require.Nil(c.t, m.Error, command)
	require.NoError(c.t, json.Unmarshal(m.OK, &v))
	return v
}

func startWith() contract.StartWith {
	id, cluster := seal.PeerID("subject"), seal.ClusterID("cluster")
	return contract.StartWith{
		PeerID: hex.EncodeToString(id[:]), ClusterID: hex.EncodeToString(cluster[:]), Indexed: true, Address: "198.51.100.1",
		Keepalive: 6000, Seed: strings.Repeat("07", 32), Bootstrap: []contract.Bootstrap{},
	}
}

func TestHello(t *testing.T) {
	hello := ok[contract.HelloOK](talk(t), contract.Hello, nil)
	require.Equal(t, "reference", hello.Name)
	require.Equal(t, contract.WireVersion, hello.Wire)
	require.Contains(t, hello.Classes, contract.ClassCodec)
}

func TestCarriesOutWhatItsClassesRequire(t *testing.T) {
	c := talk(t)
	hello := ok[contract.HelloOK](c, contract.Hello, nil)
	for _, class := range hello.Classes {
		for _, command := range contract.Required(class) {
			if command == contract.Stop {
				continue // it would end the conversation
			}
			if m := c.do(command, struct{}{}); m.Error != nil {
				require.NotEqual(t, contract.Unsupported, m.Error.Code, command)
			}
		}
	}
}

func TestBeforeStart(t *testing.T) {
	c := talk(t)
	for _, command := range []string{contract.Info, contract.Peers, contract.Join, contract.Publish, contract.Sync, contract.Cache} {
		c.refused(contract.NotStarted, command, nil)
	}
}

func TestRefusesWhatIsNoCommand(t *testing.T) {
	c := talk(t)
	c.refused(contract.BadCommand, "no-such-command", nil)
	c.refused(contract.BadCommand, contract.Start, map[string]any{"colour": "blue"})
	c.refused(contract.BadCommand, contract.Join+" ", nil)
	for _, line := range []string{`{"id":7,"do":"hello","with":{},"colour":1}`, `{"id":7,"do":5}`, `{"id":7,"do":"hello"}{}`, `{"id":7,"do":"hello"} x`} {
		c.agent.Command(c.now, []byte(line))
		lines := c.drain()
		require.Len(t, lines, 1, line)
		require.NoError(t, schema.Reply(contract.Hello, []byte(lines[0])))
		require.True(t, strings.HasPrefix(lines[0], `{"id":7,"error":{"code":"bad-command",`), lines[0])
	}
	// There is no reply to what has no id.
	for _, line := range []string{"", "hello", "null", "[]", `{"id":"one"}`, `{"do":"hello"}`, `{"id":-1,"do":"hello"}`, `{"id":1e30,"do":"hello"}`} {
		c.agent.Command(c.now, []byte(line))
		lines := c.drain()
		require.Len(t, lines, 1, line)
		require.NoError(t, schema.Event([]byte(lines[0])))
		require.True(t, strings.HasPrefix(lines[0], `{"event":"error","text":"bad-command: `), lines[0])
	}
}

func TestStartRefusesBadParameters(t *testing.T) {
	for name, spoil := range map[string]func(*contract.StartWith){
		"peerId":    func(s *contract.StartWith) { s.PeerID = "12" },
		"cluster":   func(s *contract.StartWith) { s.ClusterID = "zz" },
		"address":   func(s *contract.StartWith) { s.Address = "alice.example" },
		"seed":      func(s *contract.StartWith) { s.Seed = "07" },
		"bootstrap": func(s *contract.StartWith) { s.Bootstrap = []contract.Bootstrap{{PeerID: s.PeerID, Address: "x"}} },
		"keepalive": func(s *contract.StartWith) { s.Keepalive = 1 },
		"long":      func(s *contract.StartWith) { s.Keepalive = 1 << 40 },
		"clock":     func(s *contract.StartWith) { s.Clock = &contract.Clock{Rate: 2} },
		"state":     func(s *contract.StartWith) { s.State = "0x" },
	} {
		c := talk(t)
		with := startWith()
		spoil(&with)
		require.NotNil(t, c.do(contract.Start, with).Error, name)
		// What was refused has started nothing.
		c.refused(contract.NotStarted, contract.Info, nil)
	}
}

func TestLifeOfAPeer(t *testing.T) {
	c := talk(t)
	require.Nil(t, c.do(contract.Start, startWith()).Error)
	require.Contains(t, strings.Join(c.lines, "\n"), `"event":"ready"`)
	c.refused(contract.Failed, contract.Start, startWith())

	info := ok[contract.InfoOK](c, contract.Info, nil)
	require.Equal(t, 31, info.NATType)
	require.Equal(t, "198.51.100.1", info.Address)
	require.Empty(t, ok[contract.PeersOK](c, contract.Peers, nil).Peers)

	shared := seal.SharedKey("members")
	keys := seal.NewKeys(shared)
	joined := ok[contract.JoinOK](c, contract.Join, contract.JoinWith{SharedKey: hex.EncodeToString(shared[:])})
	require.Equal(t, hex.EncodeToString(keys.SubclusterID[:]), joined.SubclusterID)

	c.refused(contract.Failed, contract.Publish, contract.PublishWith{SubclusterID: strings.Repeat("05", 32), Message: "01"})
	c.refused(contract.BadCommand, contract.Publish, contract.PublishWith{SubclusterID: joined.SubclusterID, Message: "0"})
	c.refused(contract.BadCommand, contract.Publish, contract.PublishWith{SubclusterID: joined.SubclusterID, Message: "01", TTL: 1 << 32})
	c.refused(contract.BadCommand, contract.Publish, contract.PublishWith{SubclusterID: joined.SubclusterID, Message: "01", SigningSeed: "42"})
	published := ok[contract.PublishOK](c, contract.Publish, contract.PublishWith{
		SubclusterID: joined.SubclusterID, Event: "greeting", Message: strings.Repeat("68", 2000), SigningSeed: strings.Repeat("42", 32)})
	require.Len(t, published.PacketIDs, 4) // a head and three fragments

	held := ok[contract.CacheOK](c, contract.Cache, nil)
	require.ElementsMatch(t, published.PacketIDs, held.IDs)
	require.IsIncreasing(t, held.IDs)
	below := ok[contract.CacheOK](c, contract.Cache, contract.CacheWith{Prefix: held.IDs[0]})
	require.Equal(t, held.IDs[:1], below.IDs)
	c.refused(contract.BadCommand, contract.Cache, contract.CacheWith{Prefix: "g"})
	c.refused(contract.Failed, contract.Sync, contract.SyncWith{PeerID: strings.Repeat("05", 32)})

	c.refused(contract.BadCommand, contract.Query, contract.QueryWith{Body: json.RawMessage("[]")})
	c.refused(contract.Failed, contract.Query, contract.QueryWith{Body: json.RawMessage("{}")})
	c.refused(contract.Failed, contract.Stream, contract.StreamWith{PeerID: strings.Repeat("05", 32), SubclusterID: joined.SubclusterID})
	state := ok[contract.StateOK](c, contract.State, nil).State
	ok[struct{}](c, contract.Sleep, nil)
	ok[struct{}](c, contract.Wake, nil)
	c.refused(contract.BadCommand, contract.Leave, contract.LeaveWith{SubclusterID: "05"})
	ok[struct{}](c, contract.Leave, contract.LeaveWith(joined))
	c.refused(contract.Failed, contract.Publish, contract.PublishWith{SubclusterID: joined.SubclusterID, Message: "01"})
	require.False(t, c.agent.Done())
	require.Nil(t, c.do(contract.Stop, nil).Error)
	require.True(t, c.agent.Done())
	_, any := c.agent.Next()
	require.False(t, any)

	again := talk(t)
	with := startWith()
	with.State = state
	require.Nil(t, again.do(contract.Start, with).Error)
	require.Equal(t, held.IDs, ok[contract.CacheOK](again, contract.Cache, nil).IDs)
}

// Everything that an agent says and sends is a function of its seed and its
// inputs.
func TestIsAFunctionOfItsSeed(t *testing.T) {
	life := func(seed string) *conversation {
		c := talk(t)
		with := startWith()
		with.Seed, with.Indexed, with.Address = seed, false, ""
		boot := seal.PeerID("boot")
		with.Bootstrap = []contract.Bootstrap{{PeerID: hex.EncodeToString(boot[:]), Address: "198.51.100.2", Port: 4001}}
		c.do(contract.Start, with)
		for range 200 {
			at, any := c.agent.Next()
			require.True(t, any)
			c.now = at
			c.agent.Tick(at)
			c.drain()
		}
		return c
	}
	a, b, other := life(strings.Repeat("07", 32)), life(strings.Repeat("07", 32)), life(strings.Repeat("08", 32))
	require.NotEmpty(t, a.sent)
	require.Equal(t, a.sent, b.sent)
	require.NotEqual(t, a.sent, other.sent)
}

func TestReceivedPublishIsAnEvent(t *testing.T) {
	c := talk(t)
	with := startWith()
	with.Indexed, with.Address = false, "" // an indexed peer opens nothing
	c.do(contract.Start, with)
	shared := seal.SharedKey("members")
	c.do(contract.Join, contract.JoinWith{SharedKey: hex.EncodeToString(shared[:])})
	keys := seal.NewKeys(shared)
	sealed, err := seal.Seal(rand.NewChaCha8([32]byte{2}), keys, []byte("hello"))
	require.NoError(t, err)
	p := wire.NewPacket(wire.Publish)
	cluster := seal.ClusterID("cluster")
	p.ClusterID, p.SubclusterID, p.Message, p.Hops = cluster[:], keys.SubclusterID[:], sealed, 1
	id := wire.MessageID(sealed)
	p.PacketID = id[:]
	datagram, err := wire.Append(nil, &p)
	require.NoError(t, err)
	c.agent.Receive(c.now, peer.Main, netip.MustParseAddrPort("198.51.100.9:4001"), datagram)
	lines := c.drain()
	require.Len(t, lines, 1)
	require.NoError(t, schema.Event([]byte(lines[0])))
	var e contract.PacketEventBody
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &e))
	require.Equal(t, id.String(), e.PacketID)
	require.Equal(t, hex.EncodeToString([]byte("hello")), *e.Message)
}

// No line ends the agent, and each is answered once, by lines that keep to the
// schema.
func FuzzCommand(f *testing.F) {
	start, err := json.Marshal(startWith())
	require.NoError(f, err)
	f.Add(`{"id":1,"do":"hello"}`)
	f.Add(`{"id":1,"do":"start","with":` + string(start) + `}`)
	f.Add(`{"id":1,"do":"decode","with":{"datagram":"03050b11"}}`)
	f.Add(`{"id":1,"do":"encode","with":{"packet":{"type":1,"version":6,"body":{"a":1}}}}`)
	f.Add(`{"id":1,"do":"packet-id","with":{"rule":"fragment","previousId":"00"}}`)
	f.Add(`{"id":1,"do":"summarize","with":{"keys":[],"prefix":"abc"}}`)
	f.Add(`{"id":1,"do":"open","with":{"sharedKey":"` + strings.Repeat("09", 32) + `","message":"00"}}`)
	f.Add(`{"id":1,"do":"cache","with":{"prefix":"a"}}`)
	f.Add(`{"id":1,"do":"publish","with":{"subclusterId":"` + strings.Repeat("09", 32) + `","message":"00","ttl":5}}`)
	f.Add(`{"do":"hello"}`)
	f.Fuzz(func(t *testing.T, line string) {
		for _, started := range []bool{false, true} {
			c := talk(t)
			if started {
				require.Nil(t, c.do(contract.Start, startWith()).Error)
			}
			var command struct {
				ID int
				Do string
			}
			_ = json.Unmarshal([]byte(line), &command)
			c.agent.Command(c.now, []byte(line))
			answers := 0
			for _, line := range c.drain() {
				var m contract.Message
				require.NoError(t, json.Unmarshal([]byte(line), &m))
				switch m.Event {
				case "":
					answers++
					require.NoError(t, schema.Reply(command.Do, []byte(line)), line)
				case contract.ErrorEvent:
					answers++
					fallthrough
				default:
					require.NoError(t, schema.Event([]byte(line)), line)
				}
			}
			require.Equal(t, 1, answers)
		}
	})
}
