package netns

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"punchlist/harness/hostlink"
	"punchlist/harness/internet"
	"punchlist/harness/packetio"
)

// Hardware addresses on every link. Packets of a host go to nobody's, so that
// the kernel at the lab's end takes them for another machine's and leaves
// them to the packet socket.
var (
	hostMAC   = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x01}
	labMAC    = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x02}
	nobodyMAC = net.HardwareAddr{0x02, 0, 0, 0, 0, 0x03}
)

// maxMTU is that of the lab's ends: whether a packet is too big for a link is
// the model's to say.
const maxMTU = 65535

// A machine is a host that has a network namespace: one interface, eth0,
// whose other end the lab reads and writes.
type machine struct {
	name      string
	namespace *os.File
	inode     uint64 // of the namespace
	wire      *packetio.Interface
	ended     chan struct{} // closed when its reader has ended
	sent      int           // packets, since the net last looked
}

// newMachine makes the namespace and its link; number tells the links of a net
// apart. The reader is not started yet.
func newMachine(t *thread, name string, number int, a internet.Addressing) (m *machine, err error) {
	m = &machine{name: name, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			m.free()
			err = fmt.Errorf("host %s: %w", name, err)
		}
	}()
	if m.namespace, err = t.namespace(); err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	var stat unix.Stat_t
	if err = unix.Fstat(int(m.namespace.Fd()), &stat); err != nil {
		return nil, err
	}
	m.inode = stat.Ino
	labEnd := "host" + strconv.Itoa(number)
	err = t.in(t.core, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.HardwareAddr, attrs.MTU, attrs.Flags = labEnd, labMAC, maxMTU, net.FlagUp
		err := netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: attrs, PeerName: "eth0", PeerHardwareAddr: hostMAC, PeerMTU: uint32(a.MTU),
			PeerNamespace: netlink.NsFd(m.namespace.Fd()),
		})
		if errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("make a veth pair: %w; load the kernel module (modprobe veth)", err)
		}
		if err != nil {
			return fmt.Errorf("make a veth pair: %w", err)
		}
		m.wire, err = packetio.Open(labEnd, packetio.Options{To: hostMAC})
		return err
	})
	if err != nil {
		return nil, err
	}
	// The host's end comes up after the lab's, so that it sends at once.
	return m, t.in(m.namespace, func() error {
		return hostlink.Attach("eth0", hostlink.Interface{Addrs: a.Addrs, Gateway: a.Gateway, MTU: a.MTU, GatewayMAC: nobodyMAC})
	})
}

// setMTU follows a change of the host's link.
func (m *machine) setMTU(t *thread, mtu int) error {
	err := t.in(m.namespace, func() error { return hostlink.SetMTU("eth0", mtu) })
	if err != nil {
		return fmt.Errorf("host %s: %w", m.name, err)
	}
	return nil
}

// read passes on every packet that the host sends, until the machine is
// freed.
func (m *machine) read(pass func(packet []byte)) {
	defer close(m.ended)
	buffer := make([]byte, packetio.MaxPacket)
	for {
		n, err := m.wire.Read(buffer)
		if err != nil {
			return // closed; nothing else ends a packet socket that is bound
		}
		pass(bytes.Clone(buffer[:n]))
	}
}

// free lets the machine go: its namespace vanishes with the last process in
// it, and its link with the namespace.
func (m *machine) free() {
	if m.wire != nil {
		m.wire.Close()
	}
	if m.namespace != nil {
		m.namespace.Close()
	}
}

// signalAll sends a signal to every process in the host's namespace, also to
// those that left the process group that they were started in.
func (m *machine) signalAll(s syscall.Signal) {
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return // a /proc of other numbers
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		var stat unix.Stat_t
		if unix.Stat("/proc/"+entry.Name()+"/ns/net", &stat) == nil && stat.Ino == m.inode {
			syscall.Kill(pid, s)
		}
	}
}
