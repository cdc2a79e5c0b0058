package natbox

import (
	"errors"
	"iter"
	"os"
	"slices"

	"punchlist/harness/capture"
	"punchlist/harness/internet"
)

// A record is a capture that is written while its packets come.
type record struct {
	places  []internet.Place
	packets chan capture.Packet
	written chan error
}

// notWritten is how many packets wait for a slow disk before the router does.
const notWritten = 4096

func newRecord(file string, places []internet.Place) (*record, error) {
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	r := &record{places: places, packets: make(chan capture.Packet, notWritten), written: make(chan error, 1)}
	go func() {
		err := errors.Join(capture.Write(f, r), f.Close())
		for range r.packets { // also when the disk is full, nobody waits
		}
		r.written <- err
	}()
	return r, nil
}

// add copies the frame.
func (r *record) add(f internet.Frame) {
	r.packets <- capture.Packet{At: f.At, Interface: f.Link, Data: slices.Clone(f.Packet), Dropped: f.Dropped}
}

// close returns when all is in the file.
func (r *record) close() error {
	close(r.packets)
	return <-r.written
}

// Interfaces are those of a capture of any lab.
func (r *record) Interfaces() (all []capture.Interface) {
	for _, p := range r.places {
		all = append(all, capture.Interface{Name: p.Link, Description: p.Description})
	}
	return all
}

// Packets are those to come, until close.
func (r *record) Packets() iter.Seq[capture.Packet] {
	return func(yield func(capture.Packet) bool) {
		for p := range r.packets {
			if !yield(p) {
				return
			}
		}
	}
}
