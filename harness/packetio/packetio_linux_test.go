package packetio

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"punchlist/harness/checksum"
	"punchlist/harness/testkit/testenv"
)

var (
	nearMAC   = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	farMAC    = net.HardwareAddr{2, 0, 0, 0, 0, 2}
	nobodyMAC = net.HardwareAddr{2, 0, 0, 0, 0, 3}
)

// pair makes a network namespace of the test's own, and in it a veth pair:
// the kernel has the address 10.9.0.1 on "near" and believes 10.9.0.2 behind
// it; "far" has none.
func pair(t *testing.T) {
	t.Helper()
	testenv.SkipShort(t, "it makes network namespaces")
	if os.Getuid() != 0 {
		testenv.Missing(t, "netns", "a network namespace by unshare alone needs root")
	}
	runtime.LockOSThread() // for good: the thread, and with it the namespace, ends with the test
	require.NoError(t, unix.Unshare(unix.CLONE_NEWNET))
	require.NoError(t, netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "near", HardwareAddr: nearMAC}, PeerName: "far", PeerHardwareAddr: farMAC,
	}))
	// The last of a pair to come up sends at once, the other only when its
	// queueing discipline has started.
	for _, name := range []string{"lo", "far", "near"} {
		link, err := netlink.LinkByName(name)
		require.NoError(t, err)
		require.NoError(t, netlink.LinkSetUp(link))
		if name == "near" {
			address, _ := netlink.ParseAddr("10.9.0.1/24")
			require.NoError(t, netlink.AddrAdd(link, address))
			require.NoError(t, netlink.NeighAdd(&netlink.Neigh{
				LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.IPv4(10, 9, 0, 2), HardwareAddr: nobodyMAC,
			}))
		}
	}
}

func open(t *testing.T, name string, to net.HardwareAddr) *Interface {
	t.Helper()
	i, err := Open(name, Options{To: to})
	require.NoError(t, err)
	t.Cleanup(func() { i.Close() })
	require.NoError(t, i.SetReadDeadline(time.Now().Add(5*time.Second)))
	return i
}

func kernelSocket(t *testing.T) *net.UDPConn {
	t.Helper()
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 9, 0, 1), Port: 4000})
	require.NoError(t, err)
	t.Cleanup(func() { socket.Close() })
	require.NoError(t, socket.SetDeadline(time.Now().Add(5*time.Second)))
	return socket
}

func TestExchangeWithAKernel(t *testing.T) {
	for _, c := range []struct {
		name     string
		offloads bool
	}{{"partial checksums", true}, {"offloads off", false}} {
		t.Run(c.name, func(t *testing.T) {
			pair(t)
			if !c.offloads {
				require.NoError(t, DisableOffloads("near"))
			}
			far, socket := open(t, "far", nearMAC), kernelSocket(t)
			payload := make([]byte, 1400)
			for i := range payload {
				payload[i] = byte(i * 7)
			}
			_, err := socket.WriteToUDP(payload, &net.UDPAddr{IP: net.IPv4(10, 9, 0, 2), Port: 5000})
			require.NoError(t, err)
			buffer := make([]byte, MaxPacket)
			n, err := far.Read(buffer)
			require.NoError(t, err)
			got := buffer[:n]
			require.Len(t, got, 1428)
			require.Equal(t, payload, got[28:])
			require.True(t, checksum.Holds(got))

			// And back, with the ends changed: the sums stay right.
			answer := append([]byte{}, got...)
			copy(answer[12:16], got[16:20])
			copy(answer[16:20], got[12:16])
			copy(answer[20:22], got[22:24])
			copy(answer[22:24], got[20:22])
			require.True(t, checksum.Holds(answer))
			require.NoError(t, far.Write(answer))
			n, from, err := socket.ReadFromUDP(buffer)
			require.NoError(t, err)
			require.Equal(t, "10.9.0.2:5000", from.String())
			require.Equal(t, payload, buffer[:n])
		})
	}
}

func TestSegmentsOfAKernelComeOneByOne(t *testing.T) {
	pair(t)
	require.NoError(t, DisableOffloads("near"))
	far, socket := open(t, "far", nearMAC), kernelSocket(t)
	raw, err := socket.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, 1000)
	}))
	require.NoError(t, err)
	_, err = socket.WriteToUDP(make([]byte, 2500), &net.UDPAddr{IP: net.IPv4(10, 9, 0, 2), Port: 5000})
	require.NoError(t, err)
	buffer := make([]byte, MaxPacket)
	for _, length := range []int{1000, 1000, 500} {
		n, err := far.Read(buffer)
		require.NoError(t, err)
		require.Equal(t, 28+length, n)
		require.True(t, checksum.Holds(buffer[:n]))
	}
}

func TestTheFarKernelStaysOut(t *testing.T) {
	pair(t)
	far, socket := open(t, "far", nearMAC), kernelSocket(t)
	_, err := socket.WriteToUDP([]byte("x"), &net.UDPAddr{IP: net.IPv4(10, 9, 0, 2), Port: 5000})
	require.NoError(t, err)
	buffer := make([]byte, MaxPacket)
	_, err = far.Read(buffer)
	require.NoError(t, err)
	require.Equal(t, byte(unix.IPPROTO_UDP), buffer[9])
	// An answer by the kernel (ICMP, or the datagram forwarded) would stand
	// before our own, which comes last.
	near := open(t, "near", nobodyMAC)
	mark := append([]byte{}, buffer[:29]...)
	binary.BigEndian.PutUint16(mark[4:], 0xfeed)
	require.NoError(t, far.Write(mark))
	n, err := near.Read(buffer)
	require.NoError(t, err)
	require.Equal(t, mark, buffer[:n])
}

func TestOwnPacketsOfAnotherProtocol(t *testing.T) {
	pair(t)
	const experimental = 0x88b5 // IEEE 802, for local use
	far, err := Open("far", Options{Protocol: experimental, Own: true})
	require.NoError(t, err)
	defer far.Close()
	require.NoError(t, far.SetReadDeadline(time.Now().Add(5*time.Second)))
	near, err := Open("near", Options{Protocol: experimental})
	require.NoError(t, err)
	defer near.Close()
	require.NoError(t, near.WriteTo([]byte("another's"), MAC(nobodyMAC)))
	require.NoError(t, near.WriteTo([]byte("no IPv4"), MAC(farMAC)))
	buffer := make([]byte, MaxPacket)
	n, from, err := far.ReadFrom(buffer)
	require.NoError(t, err)
	require.Equal(t, "no IPv4", string(buffer[:n]))
	require.Equal(t, MAC(nearMAC), from)
}

func TestBatches(t *testing.T) {
	pair(t)
	const experimental = 0x88b5
	far, err := Open("far", Options{Protocol: experimental, Own: true})
	require.NoError(t, err)
	defer far.Close()
	near, err := Open("near", Options{Protocol: experimental})
	require.NoError(t, err)
	defer near.Close()

	out := NewBatch(4)
	require.False(t, out.Add(make([]byte, MaxPacket+1), MAC(farMAC)), "too long")
	for _, p := range []struct {
		text string
		to   net.HardwareAddr
	}{{"one", farMAC}, {"another's", nobodyMAC}, {"two", farMAC}, {"three", farMAC}} {
		require.True(t, out.Add([]byte(p.text), MAC(p.to)))
	}
	require.False(t, out.Add([]byte("five"), MAC(farMAC)), "it is full")
	require.Equal(t, 4, out.Len())
	require.NoError(t, near.WriteBatch(out))
	require.Zero(t, out.Len())
	// What can't be sent (no interface takes so much) is lost, the rest is not.
	require.True(t, out.Add(make([]byte, MaxPacket), MAC(farMAC)))
	require.True(t, out.Add([]byte("four"), MAC(farMAC)))
	require.ErrorContains(t, near.WriteBatch(out), "write of 2 packets, 1 of them lost, to near: message too long")

	in := NewBatch(8)
	for _, want := range [][]string{{"one", "two", "three", "four"}, {"five"}} {
		require.NoError(t, far.SetReadDeadline(time.Now().Add(5*time.Second)))
		require.NoError(t, far.ReadBatch(in))
		var got []string
		for i := range in.Len() {
			packet, from := in.Packet(i)
			require.Equal(t, MAC(nearMAC), from)
			got = append(got, string(packet))
		}
		require.Equal(t, want, got)
		require.NoError(t, near.WriteTo([]byte("five"), MAC(farMAC)))
	}

	// Another's alone doesn't end the wait.
	require.NoError(t, far.SetReadDeadline(time.Now().Add(5*time.Second)))
	require.NoError(t, far.ReadBatch(in), "the second five")
	require.NoError(t, near.WriteTo([]byte("another's"), MAC(nobodyMAC)))
	require.NoError(t, far.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	require.ErrorIs(t, far.ReadBatch(in), os.ErrDeadlineExceeded)
	require.Zero(t, in.Len())
}

func TestABatchCompletesChecksums(t *testing.T) {
	pair(t)
	far, socket := open(t, "far", nearMAC), kernelSocket(t)
	for range 3 {
		_, err := socket.WriteToUDP([]byte("payload"), &net.UDPAddr{IP: net.IPv4(10, 9, 0, 2), Port: 5000})
		require.NoError(t, err)
	}
	b := NewBatch(8)
	for seen := 0; seen < 3; seen += b.Len() {
		require.NoError(t, far.ReadBatch(b))
		for i := range b.Len() {
			packet, _ := b.Packet(i)
			require.True(t, checksum.Holds(packet))
		}
	}
}

func TestDeadlineAndCloseEndARead(t *testing.T) {
	pair(t)
	far := open(t, "far", nearMAC)
	buffer := make([]byte, MaxPacket)
	require.NoError(t, far.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err := far.Read(buffer)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)

	require.NoError(t, far.SetReadDeadline(time.Time{}))
	ended := make(chan error)
	go func() { _, err := far.Read(buffer); ended <- err }()
	require.NoError(t, far.Close())
	require.ErrorIs(t, <-ended, os.ErrClosed)
	require.ErrorIs(t, far.Write(make([]byte, 20)), os.ErrClosed)
}

func TestWhatIsNotReadInTimeIsCounted(t *testing.T) {
	pair(t)
	far, err := Open("far", Options{ReadBuffer: 1, To: nearMAC})
	require.NoError(t, err)
	defer far.Close()
	socket := kernelSocket(t)
	for range 100 {
		_, err := socket.WriteToUDP(make([]byte, 1000), &net.UDPAddr{IP: net.IPv4(10, 9, 0, 2), Port: 5000})
		require.NoError(t, err)
	}
	lost, err := far.Lost()
	require.NoError(t, err)
	require.Greater(t, lost, 50)
	again, err := far.Lost()
	require.NoError(t, err)
	require.Equal(t, lost, again)
}

func TestOpenNamesTheInterface(t *testing.T) {
	_, err := Open("absent0", Options{})
	require.ErrorContains(t, err, "absent0")
	var unknown *net.OpError
	require.True(t, errors.As(err, &unknown))
	pair(t)
	require.ErrorContains(t, DisableOffloads("absent0"), "absent0")
}
