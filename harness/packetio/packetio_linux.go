package packetio

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"punchlist/harness/checksum"
)

// An Interface is a packet socket bound to one network interface, for packets
// of one EtherType.
// One goroutine may read while another writes; Close may come from any.
type Interface struct {
	name string
	file *os.File
	raw  syscall.RawConn
	to   unix.RawSockaddrLinklayer
	own  bool
	lost atomic.Int64

	closed atomic.Bool
}

// Open binds a packet socket to the named interface of the calling thread's
// network namespace. It needs CAP_NET_RAW there.
func Open(name string, o Options) (*Interface, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("packetio: interface %s: %w", name, err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packetio: packet socket (needs CAP_NET_RAW): %w", err)
	}
	protocol := o.Protocol
	if protocol == 0 {
		protocol = unix.ETH_P_IP
	}
	size := o.ReadBuffer
	if size == 0 {
		size = 4 << 20
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size); err != nil {
		// Without the privilege the system's limit holds; Lost tells if it was too low.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
	if err == nil {
		// A queueing discipline starts up to a second after its interface, and
		// until then throws away what is written.
		err = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(protocol), Ifindex: link.Index})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("packetio: interface %s: %w", name, err)
	}
	i := &Interface{name: name, own: o.Own, file: os.NewFile(uintptr(fd), "packet socket of "+name)}
	if i.raw, err = i.file.SyscallConn(); err != nil {
		i.file.Close()
		return nil, fmt.Errorf("packetio: interface %s: %w", name, err)
	}
	i.to = unix.RawSockaddrLinklayer{
		Family: unix.AF_PACKET, Protocol: bigEndian(protocol), Ifindex: int32(link.Index), Halen: uint8(len(o.To)),
	}
	copy(i.to.Addr[:], o.To)
	return i, nil
}

// Read waits for the next packet that arrived on the interface and copies it
// to buffer (see MaxPacket). A partial checksum is completed. It reports
// os.ErrDeadlineExceeded past the deadline and os.ErrClosed after Close.
func (i *Interface) Read(buffer []byte) (int, error) {
	n, _, err := i.ReadFrom(buffer)
	return n, err
}

// ReadFrom is Read, and tells the hardware address that the packet came from.
func (i *Interface) ReadFrom(buffer []byte) (n int, from MAC, err error) {
	var unfinished bool
	var failed error
	err = i.raw.Read(func(fd uintptr) bool {
		n, from, unfinished, failed = receive(fd, buffer, i.own)
		return failed != unix.EAGAIN
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return 0, from, i.failed("read from", err)
	}
	if unfinished {
		checksum.Complete(buffer[:n])
	}
	return n, from, nil
}

// receive reads one packet, and whether its kernel left the checksum to the
// interface. With own it passes over those to other hardware addresses.
func receive(fd uintptr, buffer []byte, own bool) (n int, from MAC, unfinished bool, err error) {
	var control [64]byte
	var source unix.RawSockaddrLinklayer
	iov := unix.Iovec{Base: unsafe.SliceData(buffer)}
	iov.SetLen(len(buffer))
	message := unix.Msghdr{Name: (*byte)(unsafe.Pointer(&source)), Iov: &iov, Iovlen: 1, Control: &control[0]}
	for {
		message.Namelen = uint32(unsafe.Sizeof(source))
		message.SetControllen(len(control))
		got, _, errno := unix.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&message)), unix.MSG_DONTWAIT)
		if errno == unix.EINTR || errno == unix.ENETDOWN {
			// That the interface went down is told once; it may come up again.
			continue
		}
		if errno != 0 {
			return 0, from, false, errno
		}
		if own && source.Pkttype != unix.PACKET_HOST {
			continue
		}
		n = int(got)
		break
	}
	copy(from[:], source.Addr[:])
	return n, from, partial(&control[0], int(message.Controllen)), nil
}

// partial reports whether what the kernel says beside a packet is that its
// checksum was left to the interface.
func partial(control *byte, length int) bool {
	header := (*unix.Cmsghdr)(unsafe.Pointer(control))
	if length < unix.CmsgLen(int(unsafe.Sizeof(unix.TpacketAuxdata{}))) ||
		header.Level != unix.SOL_PACKET || header.Type != unix.PACKET_AUXDATA {
		return false
	}
	aux := (*unix.TpacketAuxdata)(unsafe.Add(unsafe.Pointer(control), unix.CmsgLen(0)))
	return aux.Status&unix.TP_STATUS_CSUMNOTREADY != 0
}

// Write sends one whole packet to the hardware address of the options. It
// never waits: a full queue is an error, as on any wire a loss.
func (i *Interface) Write(packet []byte) error { return i.write(packet, &i.to) }

// WriteTo is Write to another hardware address.
func (i *Interface) WriteTo(packet []byte, mac MAC) error {
	to := i.to
	to.Halen = uint8(copy(to.Addr[:], mac[:]))
	return i.write(packet, &to)
}

func (i *Interface) write(packet []byte, to *unix.RawSockaddrLinklayer) error {
	if len(packet) == 0 {
		return fmt.Errorf("packetio: write to %s: empty packet", i.name)
	}
	var errno syscall.Errno
	err := i.raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
			unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(to)), unsafe.Sizeof(*to))
	})
	if err == nil && errno != 0 {
		err = errno
	}
	if err != nil {
		return i.failed(fmt.Sprintf("write of %d bytes to", len(packet)), err)
	}
	return nil
}

// SetReadDeadline bounds the time that Read waits, also one that is waiting;
// the zero time is no bound.
func (i *Interface) SetReadDeadline(t time.Time) error { return i.file.SetReadDeadline(t) }

// Lost is how many packets the kernel has thrown away so far because they
// were not read in time.
func (i *Interface) Lost() (int, error) {
	var failed error
	err := i.raw.Control(func(fd uintptr) {
		// The kernel sets its count back with each reading of it.
		var stats *unix.TpacketStats
		if stats, failed = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); failed == nil {
			i.lost.Add(int64(stats.Drops))
		}
	})
	return int(i.lost.Load()), errors.Join(err, failed)
}

// Close frees the socket and ends a Read that waits.
func (i *Interface) Close() error {
	i.closed.Store(true)
	return i.file.Close()
}

func (i *Interface) failed(doing string, err error) error {
	if i.closed.Load() {
		err = os.ErrClosed // the file's raw connection has an error of its own for it
	}
	return fmt.Errorf("packetio: %s %s: %w", doing, i.name, err)
}

func bigEndian(v uint16) uint16 { return v<<8 | v>>8 }

// DisableOffloads makes the kernel put onto the named interface (of the
// calling thread's network namespace) what would be on a wire: whole
// checksums, and no segments that hardware is to split or was to join. What
// the interface has not is passed over. It needs CAP_NET_ADMIN.
func DisableOffloads(name string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("packetio: offloads of %s: %w", name, err)
	}
	defer unix.Close(fd)
	for _, command := range []uint32{
		unix.ETHTOOL_STSO, unix.ETHTOOL_SUFO, unix.ETHTOOL_SGSO, unix.ETHTOOL_SGRO, unix.ETHTOOL_SSG, unix.ETHTOOL_STXCSUM,
	} {
		value := struct{ command, data uint32 }{command: command}
		request := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [24 - unsafe.Sizeof(uintptr(0))]byte
		}{data: unsafe.Pointer(&value)}
		if copy(request.name[:unix.IFNAMSIZ-1], name) != len(name) {
			return fmt.Errorf("packetio: offloads of %s: name too long", name)
		}
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno != 0 && errno != unix.EOPNOTSUPP {
			return fmt.Errorf("packetio: offloads of %s: %w", name, errno)
		}
	}
	return nil
}
