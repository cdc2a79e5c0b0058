package udp

import (
	"net"

	"golang.org/x/sys/unix"
)

// growReadBuffer asks for more than the system's limit first, which takes a
// privilege. To get less is no failure.
func growReadBuffer(conn *net.UDPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	forced := false
	err = raw.Control(func(fd uintptr) {
		forced = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, readBuffer) == nil
	})
	if err != nil || !forced {
		_ = conn.SetReadBuffer(readBuffer)
	}
}
