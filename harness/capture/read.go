package capture

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// A Capture is one that was read. It is a Source, so that it can be written
// again.
type Capture struct {
	interfaces []Interface
	packets    []Packet
}

func (c *Capture) Interfaces() []Interface   { return slices.Clone(c.interfaces) }
func (c *Capture) Packets() iter.Seq[Packet] { return slices.Values(c.packets) }

// Read reads a pcapng capture of raw IP packets.
func Read(r io.Reader) (*Capture, error) {
	in, err := pcapgo.NewNgReader(r, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		return nil, fmt.Errorf("capture: no pcapng: %w", err)
	}
	c := &Capture{}
	for {
		data, info, options, err := in.ReadPacketDataWithOptions()
		if err := c.note(in); err != nil {
			return nil, err
		}
		switch {
		case errors.Is(err, io.EOF):
			return c, nil
		case err != nil:
			return nil, fmt.Errorf("capture: packet %d: %w", len(c.packets)+1, err)
		}
		p := Packet{At: info.Timestamp.UTC(), Interface: c.interfaces[info.InterfaceIndex].Name, Data: data}
		for _, comment := range options.Comments {
			if reason, ok := strings.CutPrefix(comment, droppedPrefix); ok {
				p.Dropped = reason
			}
		}
		c.packets = append(c.packets, p)
	}
}

// note takes over the interfaces that were announced since it was last called.
func (c *Capture) note(in *pcapgo.NgReader) error {
	for i := len(c.interfaces); i < in.NInterfaces(); i++ {
		f, err := in.Interface(i)
		if err != nil {
			return fmt.Errorf("capture: interface %d: %w", i, err)
		}
		if f.LinkType != layers.LinkTypeRaw && f.LinkType != layers.LinkTypeIPv4 {
			return fmt.Errorf("capture: interface %q has link type %v, want raw IP", f.Name, f.LinkType)
		}
		c.interfaces = append(c.interfaces, Interface{Name: f.Name, Description: f.Description})
	}
	return nil
}

// ReadFile reads a pcapng file.
func ReadFile(path string) (*Capture, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f)
}
