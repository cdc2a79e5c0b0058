package packetio

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"punchlist/harness/checksum"
)

// A Batch is room for several packets that one system call reads or writes.
type Batch struct {
	room     int // for each packet
	count    int
	buffers  []byte
	messages []message
	sources  []unix.RawSockaddrLinklayer
	controls [][64]byte
	iovs     []unix.Iovec
}

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
}

// NewBatch makes room for so many packets of MaxPacket bytes and less.
func NewBatch(packets int) *Batch {
	b := &Batch{
		room:     MaxPacket,
		buffers:  make([]byte, packets*MaxPacket),
		messages: make([]message, packets),
		sources:  make([]unix.RawSockaddrLinklayer, packets),
		controls: make([][64]byte, packets),
		iovs:     make([]unix.Iovec, packets),
	}
	for i := range b.messages {
		b.iovs[i].Base = &b.buffers[i*b.room]
		b.messages[i].header = unix.Msghdr{Name: (*byte)(unsafe.Pointer(&b.sources[i])), Iov: &b.iovs[i], Iovlen: 1}
		b.messages[i].header.Namelen = uint32(unsafe.Sizeof(b.sources[i]))
	}
	return b
}

// Len is how many packets are in it.
func (b *Batch) Len() int { return b.count }

// Packet is one of those in it, and the hardware address that it came from or
// goes to. The bytes are the batch's own.
func (b *Batch) Packet(i int) ([]byte, MAC) {
	return b.buffers[i*b.room:][:b.messages[i].length:b.room], MAC(b.sources[i].Addr[:6])
}

// Add puts a copy of a packet in, for WriteBatch. It reports false when the
// batch is full or the packet longer than MaxPacket.
func (b *Batch) Add(packet []byte, to MAC) bool {
	if b.count == len(b.messages) || len(packet) > b.room {
		return false
	}
	copy(b.buffers[b.count*b.room:], packet)
	b.messages[b.count].length = uint32(len(packet))
	copy(b.sources[b.count].Addr[:], to[:])
	b.count++
	return true
}

// ReadBatch waits as Read does, and then fills the batch with what has
// arrived by then: one packet at least, in their order.
func (i *Interface) ReadBatch(b *Batch) error {
	var failed error
	err := i.raw.Read(func(fd uintptr) bool {
		for b.count = 0; b.count == 0 && failed == nil; {
			failed = receiveBatch(fd, b, i.own)
		}
		if failed == unix.EAGAIN {
			failed = nil
			return false
		}
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		b.count = 0
		return i.failed("read from", err)
	}
	return nil
}

func receiveBatch(fd uintptr, b *Batch, own bool) error {
	for i := range b.messages {
		b.iovs[i].SetLen(b.room)
		b.messages[i].header.Control = &b.controls[i][0]
		b.messages[i].header.SetControllen(len(b.controls[i]))
		b.messages[i].header.Namelen = uint32(unsafe.Sizeof(b.sources[i]))
	}
	got, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.messages[0])), uintptr(len(b.messages)),
		unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
	case unix.EINTR, unix.ENETDOWN: // that the interface went down is told once; it may come up again
		return nil
	default:
		return errno
	}
	for i := range int(got) {
		m := &b.messages[i]
		if own && b.sources[i].Pkttype != unix.PACKET_HOST {
			continue
		}
		packet := b.buffers[i*b.room:][:m.length]
		if partial(&b.controls[i][0], int(m.header.Controllen)) {
			checksum.Complete(packet)
		}
		if b.count < i {
			copy(b.buffers[b.count*b.room:][:b.room], packet)
			b.messages[b.count].length, b.sources[b.count].Addr = m.length, b.sources[i].Addr
		}
		b.count++
	}
	return nil
}

// WriteBatch sends all packets of the batch, and empties it. Like Write it
// never waits: what the kernel has no room for is lost, and how many were is
// in the error.
func (i *Interface) WriteBatch(b *Batch) error {
	for k := range b.count {
		to := i.to
		to.Halen, to.Addr = 6, b.sources[k].Addr
		b.sources[k] = to
		b.iovs[k].SetLen(int(b.messages[k].length))
		b.messages[k].header.Control = nil
		b.messages[k].header.SetControllen(0)
	}
	lost := 0
	var errno, last syscall.Errno
	err := i.raw.Control(func(fd uintptr) {
		for done := 0; done < b.count; {
			var sent uintptr
			sent, _, errno = unix.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&b.messages[done])), uintptr(b.count-done),
				unix.MSG_DONTWAIT, 0, 0)
			switch {
			case errno == unix.EINTR:
				sent = 0
			case errno != 0:
				last = errno
				sent = 1
				lost++
			}
			done += int(sent)
		}
	})
	count := b.count
	b.count = 0
	if err == nil && lost > 0 {
		err = last
	}
	if err != nil {
		return i.failed(fmt.Sprintf("write of %d packets, %d of them lost, to", count, lost), err)
	}
	return nil
}
