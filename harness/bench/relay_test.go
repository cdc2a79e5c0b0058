package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/ipv4"

	"punchlist/reference/peer"
	"punchlist/reference/udp"
	"punchlist/reference/wire"
)

// What is streamed through a relay: more than it remembers, so that none of it
// was there before when it comes again.
const differentStreams = 20_000

// In flight at one time: less than the smallest receive buffer holds.
const (
	together = 32
	flying   = 4 // times together
)

// relayGoal is the least that the reference relays, of what a bare forwarder
// does.
const relayGoal = 0.7

// BenchmarkRelay streams packets through one peer on loopback, and through a
// program that does nothing but forward. The two take turns, so that what else
// the machine does hits both. At its end the JavaScript peer does the same in a
// lab.
func BenchmarkRelay(b *testing.B) {
	source, target := newEnd(b, 1), newEnd(b, 2)
	reference := serveReference(b)
	source.introduce(b, reference)
	target.introduce(b, reference)
	streams := streamsFor(b, source.id, target.id)
	forwarder := bareForwarder(b, target.addr)

	const turns = 5
	var took [2]time.Duration
	var lost [2]int
	var before, after runtime.MemStats
	var allocated [2]uint64 // by the ends too, alike for both
	for b.Loop() {
		for range turns {
			for i, via := range []netip.AddrPort{reference, forwarder} {
				runtime.ReadMemStats(&before)
				d, missing := transfer(b, source, target, via, streams)
				runtime.ReadMemStats(&after)
				took[i] += d
				lost[i] += missing
				allocated[i] += after.Mallocs - before.Mallocs
			}
		}
	}
	sent := float64(b.N * turns * len(streams))
	perSecond := func(i int) float64 { return (sent - float64(lost[i])) / took[i].Seconds() }
	ratio := perSecond(0) / perSecond(1)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(perSecond(0), "relayed/s")
	b.ReportMetric(perSecond(1), "forwarded/s")
	b.ReportMetric(ratio, "of-bare")
	b.ReportMetric((float64(allocated[0])-float64(allocated[1]))/sent, "allocs/relayed")
	b.ReportMetric(100*float64(lost[0])/sent, "%lost")
	if js, why := javaScriptRelays(b); why == "" {
		b.ReportMetric(js, "js-relayed/s")
		b.ReportMetric(perSecond(0)/js, "js/go")
	} else {
		b.Log("no JavaScript peer beside it: " + why)
	}
	if ratio < relayGoal {
		b.Logf("the reference relays %.2f of what a bare forwarder does; the goal is %.1f", ratio, relayGoal)
	}
}

// end is a socket that behaves like a peer as far as it has to.
type end struct {
	id     wire.ID
	conn   *net.UDPConn
	batch  *ipv4.PacketConn
	addr   netip.AddrPort
	memory []ipv4.Message
}

func newEnd(tb testing.TB, id byte) *end {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(tb, err)
	tb.Cleanup(func() { conn.Close() })
	_ = conn.SetReadBuffer(8 << 20)
	e := &end{id: wire.ID{id}, conn: conn, batch: ipv4.NewPacketConn(conn), addr: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	for range 2 * together {
		e.memory = append(e.memory, ipv4.Message{Buffers: [][]byte{make([]byte, 2048)}})
	}
	return e
}

// introduce makes a peer know this one: it announces itself, and answers what
// it is asked until it is answered as one that is known.
func (e *end) introduce(tb testing.TB, to netip.AddrPort) {
	announcement := wire.NewPacket(wire.Ping)
	announcement.Message = fmt.Appendf(nil, `{"requesterPeerId":"%s","isConnection":true,"natType":31}`, e.id)
	e.tell(tb, &announcement, to)
	buffer := make([]byte, 2048)
	for range 20 {
		require.NoError(tb, e.conn.SetReadDeadline(time.Now().Add(5*time.Second)))
		n, _, err := e.conn.ReadFromUDPAddrPort(buffer)
		require.NoError(tb, err, "the peer does not ask who this is")
		var p wire.Packet
		require.True(tb, wire.Decode(&p, buffer[:n]).OK())
		if p.Type != wire.Ping || !p.Body.IsReflection {
			continue
		}
		var question struct{ RequesterPeerID, ReflectionID, PingID string }
		require.NoError(tb, json.Unmarshal(p.Message, &question))
		answer := wire.NewPacket(wire.Pong)
		answer.Message = fmt.Appendf(nil, `{"requesterPeerId":%q,"responderPeerId":"%s","reflectionId":%q,"pingId":%q,"isReflection":true,"address":"127.0.0.1","port":%d}`,
			question.RequesterPeerID, e.id, question.ReflectionID, question.PingID, to.Port())
		e.tell(tb, &answer, to)
		return
	}
	tb.Fatal("the peer never asks who this is")
}

func (e *end) tell(tb testing.TB, p *wire.Packet, to netip.AddrPort) {
	datagram, err := wire.Append(nil, p)
	require.NoError(tb, err)
	_, err = e.conn.WriteToUDPAddrPort(datagram, to)
	require.NoError(tb, err)
}

// serveReference runs an indexed peer, and returns where it is.
func serveReference(tb testing.TB) netip.AddrPort {
	loopback := netip.MustParseAddr("127.0.0.1")
	config := peer.Config{
		ID: wire.ID{9}, Indexed: true, Address: loopback, Random: rand.Reader,
		// The rate limit is by the minute, and no benchmark's business.
		Limits: peer.Limits{StreamLimits: peer.StreamLimits{StreamsPerMinute: 1 << 30}},
	}
	require.NoError(tb, config.Validate())
	ready, ended := make(chan netip.AddrPort, 1), make(chan struct{})
	server := udp.NewServer(peer.New(time.Now(), config), udp.Options{Event: func(e peer.Event) {
		if e.Kind == peer.Ready {
			ready <- e.Addr
		}
	}})
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		server.Run(ctx)
	}()
	tb.Cleanup(func() {
		stop()
		<-ended
	})
	return netip.AddrPortFrom(loopback, (<-ready).Port())
}

// bareForwarder sends all that it receives to an address.
func bareForwarder(tb testing.TB, to netip.AddrPort) netip.AddrPort {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(tb, err)
	_ = conn.SetReadBuffer(8 << 20)
	tb.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 2048)
		for {
			n, _, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDPAddrPort(buffer[:n], to)
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

// streamsFor makes full packets of a stream, no two alike.
func streamsFor(tb testing.TB, from, to wire.ID) [][]byte {
	streams := make([][]byte, differentStreams)
	for i := range streams {
		p := wire.NewPacket(wire.Stream)
		p.Usr3, p.Usr4 = to[:], from[:]
		p.Message = binary.BigEndian.AppendUint64(make([]byte, 0, wire.MaxMessage), uint64(i))[:wire.MaxMessage]
		id := wire.MessageID(p.Message)
		p.PacketID = id[:]
		datagram, err := wire.Append(nil, &p)
		require.NoError(tb, err)
		streams[i] = datagram
	}
	return streams
}

// transfer sends datagrams by a relay, and tells how long it took and how many
// did not arrive.
func transfer(tb testing.TB, from, to *end, via netip.AddrPort, datagrams [][]byte) (time.Duration, int) {
	messages := make([]ipv4.Message, len(datagrams))
	at := net.UDPAddrFromAddrPort(via)
	for i := range datagrams {
		messages[i] = ipv4.Message{Buffers: [][]byte{datagrams[i]}, Addr: at}
	}
	turn := make(chan struct{}, flying)
	for range flying {
		turn <- struct{}{}
	}
	var arrived, sent atomic.Int64
	done := make(chan error, 1)
	begun := time.Now()
	go func() {
		for rest := messages; len(rest) > 0; {
			<-turn
			for chunk := rest[:min(together, len(rest))]; len(chunk) > 0; {
				n, err := from.batch.WriteBatch(chunk, 0)
				if err != nil {
					done <- err
					return
				}
				chunk, rest = chunk[n:], rest[n:]
				sent.Add(int64(n))
			}
		}
		done <- nil
	}()
	// A turn is given back when as much as it sent has arrived, or nothing does.
	owed, last := 0, begun
	lost := int64(0)
	for arrived.Load()+lost < int64(len(datagrams)) {
		require.NoError(tb, to.conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		n, err := to.batch.ReadBatch(to.memory, 0)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			missing := sent.Load() - arrived.Load() - lost
			lost += missing
			owed += int(missing)
		default:
			require.NoError(tb, err)
			last = time.Now()
			for _, m := range to.memory[:n] {
				if m.N > wire.MaxMessage { // no ping
					arrived.Add(1)
					owed++
				}
			}
		}
		for ; owed >= together; owed -= together {
			select {
			case turn <- struct{}{}:
			default:
			}
		}
	}
	require.NoError(tb, <-done)
	return last.Sub(begun), int(lost)
}
