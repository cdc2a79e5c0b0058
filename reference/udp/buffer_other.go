//go:build !linux

package udp

import "net"

// growReadBuffer asks for a larger buffer. To get less is no failure.
func growReadBuffer(conn *net.UDPConn) { _ = conn.SetReadBuffer(readBuffer) }
