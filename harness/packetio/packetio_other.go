//go:build !linux

package packetio

import (
	"errors"
	"time"
)

var errNeedsLinux = errors.New("packetio: packet sockets need Linux")

// An Interface is a packet socket bound to one network interface. It needs
// Linux: elsewhere none can be opened.
type Interface struct{}

// Open fails: packet sockets need Linux.
func Open(string, Options) (*Interface, error) { return nil, errNeedsLinux }

// Read fails.
func (*Interface) Read([]byte) (int, error) { return 0, errNeedsLinux }

// ReadFrom fails.
func (*Interface) ReadFrom([]byte) (int, MAC, error) { return 0, MAC{}, errNeedsLinux }

// Write fails.
func (*Interface) Write([]byte) error { return errNeedsLinux }

// WriteTo fails.
func (*Interface) WriteTo([]byte, MAC) error { return errNeedsLinux }

// A Batch is room for several packets.
type Batch struct{}

// NewBatch makes none.
func NewBatch(int) *Batch { return &Batch{} }

// Len is 0.
func (*Batch) Len() int { return 0 }

// Packet is none.
func (*Batch) Packet(int) ([]byte, MAC) { return nil, MAC{} }

// Add reports false.
func (*Batch) Add([]byte, MAC) bool { return false }

// ReadBatch fails.
func (*Interface) ReadBatch(*Batch) error { return errNeedsLinux }

// WriteBatch fails.
func (*Interface) WriteBatch(*Batch) error { return errNeedsLinux }

// SetReadDeadline fails.
func (*Interface) SetReadDeadline(time.Time) error { return errNeedsLinux }

// Lost fails.
func (*Interface) Lost() (int, error) { return 0, errNeedsLinux }

// Close does nothing.
func (*Interface) Close() error { return nil }

// DisableOffloads fails.
func DisableOffloads(string) error { return errNeedsLinux }
