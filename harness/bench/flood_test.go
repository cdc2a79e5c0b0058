package bench

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/ipv4"

	"punchlist/reference/wire"
	"punchlist/vectors"
)

// What the flood is, and what the peer has to withstand.
const (
	floodRate      = 50_000 // datagrams per second
	floodSources   = 200    // addresses that they come from
	floodDifferent = 50_000
	pingEvery      = 5 * time.Millisecond // honest ones
	answeredGoal   = 99.0                 // percent of them
	maxGrowth      = 16 << 20             // of the memory after the first tenth, in bytes
)

// BenchmarkFlood runs latica-peer serve as a process of its own on loopback,
// floods it for 5 s, or as long as PUNCHLIST_FLOOD says (then what misses the
// goals fails), and pings it meanwhile.
func BenchmarkFlood(b *testing.B) {
	if runtime.GOOS != "linux" {
		b.Skip("it needs the many addresses of loopback that Linux has")
	}
	lasts, strict := 5*time.Second, false
	if text := os.Getenv("PUNCHLIST_FLOOD"); text != "" {
		var err error
		lasts, err = time.ParseDuration(text)
		require.NoError(b, err, "PUNCHLIST_FLOOD is a duration such as 60s")
		strict = true
	}
	victim := startVictim(b)
	flood := hostileDatagrams(b, victim.at)
	pinger := newPinger(b, victim.at)

	var sent atomic.Uint64
	stop := make(chan struct{})
	ended := make(chan struct{}, 2)
	begun := time.Now()
	go func() {
		flood.run(stop, &sent)
		ended <- struct{}{}
	}()
	go func() {
		pinger.run(stop)
		ended <- struct{}{}
	}()
	time.Sleep(lasts / 10)
	before := victim.memory(b)
	time.Sleep(lasts - lasts/10)
	close(stop)
	<-ended
	<-ended
	took := time.Since(begun)
	pinger.waitForLast()
	after := victim.memory(b)
	handled := victim.handled(b)

	answered := 100 * float64(pinger.answered.Load()) / float64(pinger.sent)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(sent.Load())/took.Seconds(), "sent/s")
	b.ReportMetric(100*handled/float64(sent.Load()+uint64(pinger.sent)), "%handled")
	b.ReportMetric(answered, "%answered")
	b.ReportMetric(float64(before)/(1<<20), "MiB-before")
	b.ReportMetric(float64(after)/(1<<20), "MiB-after")
	complain := b.Logf
	if strict {
		complain = b.Errorf
	}
	if rate := float64(sent.Load()) / took.Seconds(); rate < 0.98*floodRate {
		complain("only %.0f datagrams were sent a second, not %d", rate, floodRate)
	}
	if answered < answeredGoal {
		complain("%.2f %% of %d pings were answered; the goal is %.0f", answered, pinger.sent, answeredGoal)
	}
	if after > before+maxGrowth {
		complain("the peer's memory grew from %d to %d MiB", before>>20, after>>20)
	}
}

// victim is latica-peer as a process.
type victim struct {
	process *os.Process
	at      netip.AddrPort
	metrics string
}

func startVictim(b *testing.B) *victim {
	dir := b.TempDir()
	program := filepath.Join(dir, "latica-peer")
	out, err := exec.Command("go", "build", "-o", program, "punchlist/reference/cmd/latica-peer").CombinedOutput()
	require.NoError(b, err, "%s", out)
	// The hostile vectors are made out to this id.
	id := sha256.Sum256([]byte("victim"))
	c := exec.Command(program, "serve", "--id", hex.EncodeToString(id[:]), "--address", "127.0.0.1", "--port", "0", "--probe-port", "0",
		"--metrics", "127.0.0.1:0", "--log", "json")
	log, err := c.StderrPipe()
	require.NoError(b, err)
	require.NoError(b, c.Start())
	b.Cleanup(func() {
		require.NoError(b, c.Process.Signal(os.Interrupt))
		require.NoError(b, c.Wait(), "it ends in order after the flood")
	})
	v := &victim{process: c.Process}
	lines := bufio.NewScanner(log)
	for v.at.Port() == 0 && lines.Scan() {
		var line struct {
			Msg, Address string
			Port         uint16
		}
		require.NoError(b, json.Unmarshal(lines.Bytes(), &line), "%s", lines.Bytes())
		switch line.Msg {
		case "metrics":
			v.metrics = "http://" + line.Address + "/metrics"
		case "ready":
			v.at = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), line.Port)
		}
	}
	require.NotZero(b, v.at.Port(), "it ended before it was ready")
	go func() { _, _ = io.Copy(io.Discard, log) }()
	return v
}

// memory is what of it is resident, in bytes.
func (v *victim) memory(b *testing.B) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.process.Pid))
	require.NoError(b, err)
	m := regexp.MustCompile(`VmRSS:\s+([0-9]+) kB`).FindSubmatch(status)
	require.NotNil(b, m, "the process has no VmRSS")
	kB, err := strconv.Atoi(string(m[1]))
	require.NoError(b, err)
	return kB << 10
}

// handled is how many datagrams it says to have received.
func (v *victim) handled(b *testing.B) float64 {
	r, err := http.Get(v.metrics)
	require.NoError(b, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(b, err)
	m := regexp.MustCompile(`(?m)^latica_datagrams_total\{direction="in"\} (\S+)`).FindSubmatch(body)
	require.NotNil(b, m)
	n, err := strconv.ParseFloat(string(m[1]), 64)
	require.NoError(b, err)
	return n
}

// flood is what is sent, by turns, from which sockets.
type flood struct {
	messages []ipv4.Message
	from     []*ipv4.PacketConn
}

// hostileDatagrams are those of the vectors, what becomes of them when bytes are
// changed or cut off, and well-formed packets of everybody and nobody.
func hostileDatagrams(b *testing.B, at netip.AddrPort) *flood {
	cases, err := vectors.Hostile()
	require.NoError(b, err)
	var known [][]byte
	for _, c := range cases {
		for _, d := range c.Datagrams {
			if len(d) <= 2048 {
				known = append(known, d)
			}
		}
	}
	require.NotEmpty(b, known)
	random := rand.New(rand.NewPCG(1, 2))
	var f flood
	to := net.UDPAddrFromAddrPort(at)
	for i := range floodDifferent {
		var d []byte
		switch i % 4 {
		case 0:
			d = known[random.IntN(len(known))]
		case 1:
			d = bytes.Clone(known[random.IntN(len(known))])
			for range 1 + random.IntN(4) {
				if len(d) > 0 {
					d[random.IntN(len(d))] = byte(random.Uint32())
				}
			}
		case 2:
			d = known[random.IntN(len(known))]
			d = d[:random.IntN(len(d)+1)]
		case 3:
			d = strangers(b, random)
		}
		f.messages = append(f.messages, ipv4.Message{Buffers: [][]byte{d}, Addr: to})
	}
	for i := range floodSources {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))})
		require.NoError(b, err)
		b.Cleanup(func() { conn.Close() })
		f.from = append(f.from, ipv4.NewPacketConn(conn))
	}
	return &f
}

// strangers is a packet with nothing wrong, of a peer that nobody has heard of.
func strangers(b *testing.B, random *rand.Rand) []byte {
	id := func() (id wire.ID) {
		for i := range id {
			id[i] = byte(random.Uint32())
		}
		return id
	}
	who, cluster := id(), id()
	types := []wire.Type{wire.Ping, wire.Join, wire.Publish, wire.Stream, wire.Sync, wire.Query}
	p := wire.NewPacket(types[random.IntN(len(types))])
	p.ClusterID, p.SubclusterID = cluster[:], cluster[:]
	switch p.Type {
	case wire.Ping:
		p.Message = fmt.Appendf(nil, `{"requesterPeerId":"%s","isConnection":true,"natType":31}`, who)
	case wire.Join:
		p.Message = fmt.Appendf(nil, `{"requesterPeerId":"%s","natType":31,"address":"198.51.100.%d","port":%d}`, who, random.IntN(256), 1+random.IntN(65535))
	default:
		to := id()
		p.Usr3, p.Usr4 = to[:], who[:]
		p.Message = make([]byte, 1+random.IntN(wire.MaxMessage))
		p.Message[0] = byte(random.Uint32())
	}
	packetID := wire.MessageID(p.Message)
	if p.Type < wire.Publish {
		packetID = wire.ControlID(nil, p.Message, nil)
	}
	p.PacketID = packetID[:]
	d, err := wire.Append(nil, &p)
	require.NoError(b, err)
	return d
}

// run sends at floodRate, as evenly as the system wakes it.
func (f *flood) run(stop <-chan struct{}, sent *atomic.Uint64) {
	begun := time.Now()
	turn := 0
	for n := 0; ; {
		select {
		case <-stop:
			return
		default:
		}
		owed := int(time.Since(begun).Seconds()*floodRate) - n
		if owed < 32 {
			time.Sleep(500 * time.Microsecond)
			continue
		}
		at := n % (len(f.messages) - 64)
		m, err := f.from[turn%len(f.from)].WriteBatch(f.messages[at:at+min(owed, 64)], 0)
		turn++
		if err != nil {
			m = 1 // that one could not be sent
		} else {
			sent.Add(uint64(m))
		}
		n += m
	}
}

// pinger is an honest peer.
type pinger struct {
	conn     *net.UDPConn
	to       netip.AddrPort
	sent     int
	answered atomic.Int64
	ended    chan struct{}
}

func newPinger(b *testing.B, to netip.AddrPort) *pinger {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	require.NoError(b, err)
	p := &pinger{conn: conn, to: to, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		seen := map[string]bool{}
		buffer := make([]byte, 2048)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			var pk wire.Packet
			var body struct{ PingID string }
			if wire.Decode(&pk, buffer[:n]).OK() && pk.Type == wire.Pong && json.Unmarshal(pk.Message, &body) == nil && !seen[body.PingID] {
				seen[body.PingID] = true
				p.answered.Add(1)
			}
		}
	}()
	return p
}

func (p *pinger) run(stop <-chan struct{}) {
	again := time.NewTicker(pingEvery)
	defer again.Stop()
	for {
		select {
		case <-stop:
			return
		case <-again.C:
		}
		ping := wire.NewPacket(wire.Ping)
		ping.Message = fmt.Appendf(nil, `{"requesterPeerId":"%s","pingId":"%012x"}`, wire.ID{2}, p.sent)
		if datagram, err := wire.Append(nil, &ping); err == nil {
			if _, err := p.conn.WriteToUDPAddrPort(datagram, p.to); err == nil {
				p.sent++
			}
		}
	}
}

// waitForLast gives the answers that are under way a second.
func (p *pinger) waitForLast() {
	for until := time.Now().Add(time.Second); time.Now().Before(until) && p.answered.Load() < int64(p.sent); {
		time.Sleep(time.Millisecond)
	}
	p.conn.Close()
	<-p.ended
}
