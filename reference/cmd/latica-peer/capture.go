package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"punchlist/reference/wire"
)

// source is the common part of pcapgo's readers. The link type is asked for
// after each packet, since in pcapng each interface has its own.
type source interface {
	ReadPacketData() ([]byte, gopacket.CaptureInfo, error)
}

// captured is one datagram of a capture.
type captured struct {
	Number int    `json:"number"` // of the packet in the capture, from 1
	Time   string `json:"time"`
	From   string `json:"from"`
	To     string `json:"to"`
	explanation
}

// openCapture tells the two formats apart by their first bytes.
func openCapture(f io.Reader) (source, func(gopacket.CaptureInfo) layers.LinkType, error) {
	buffered := bufio.NewReader(f)
	begin, err := buffered.Peek(4)
	if err != nil {
		return nil, nil, fmt.Errorf("it has no four bytes: %w", err)
	}
	if bytes.Equal(begin, []byte{0x0a, 0x0d, 0x0d, 0x0a}) {
		r, err := pcapgo.NewNgReader(buffered, pcapgo.NgReaderOptions{WantMixedLinkType: true})
		if err != nil {
			return nil, nil, err
		}
		return r, func(i gopacket.CaptureInfo) layers.LinkType {
			if of, err := r.Interface(i.InterfaceIndex); err == nil {
				return of.LinkType
			}
			return r.LinkType()
		}, nil
	}
	r, err := pcapgo.NewReader(buffered)
	if err != nil {
		return nil, nil, err
	}
	return r, func(gopacket.CaptureInfo) layers.LinkType { return r.LinkType() }, nil
}

// decodeCapture prints the UDP datagrams of a capture, a line each: at once of
// one that comes on stdin, which may still grow.
func decodeCapture(in io.Reader, out io.Writer, path string, all bool) error {
	live := path == "-"
	if !live {
		f, err := os.Open(path)
		if err != nil {
			return usageError{err}
		}
		defer f.Close()
		in = f
	}
	from, link, err := openCapture(in)
	if err != nil {
		return usage("%s is neither pcap nor pcapng: %w", path, err)
	}
	lines := bufio.NewWriter(out)
	defer lines.Flush()
	packets := 0
	var packet wire.Packet
	for number := 1; ; number++ {
		data, info, err := from.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: packet %d: %w", path, number, err)
		}
		ip, udp := datagramOf(data, link(info))
		if udp == nil {
			continue
		}
		said := explain(udp.Payload)
		if len(said.Faults) == 0 {
			packets++
		} else if !all && wire.Decode(&packet, udp.Payload).Reason == wire.WrongMagic {
			continue
		}
		line := captured{
			Number: number, Time: info.Timestamp.UTC().Format(time.RFC3339Nano),
			From: fmt.Sprintf("%s:%d", ip.SrcIP, udp.SrcPort), To: fmt.Sprintf("%s:%d", ip.DstIP, udp.DstPort),
			explanation: said,
		}
		if err := printJSON(lines, line, ""); err != nil {
			return err
		}
		if live {
			if err := lines.Flush(); err != nil {
				return err
			}
		}
	}
	if packets == 0 {
		return fmt.Errorf("%s: nothing in it is a packet", path)
	}
	return nil
}

// datagramOf finds the UDP datagram in a captured packet, nil where it has none
// that is whole.
func datagramOf(data []byte, link layers.LinkType) (*layers.IPv4, *layers.UDP) {
	p := gopacket.NewPacket(data, link, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	udp, _ := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
	if ip == nil || udp == nil {
		return nil, nil
	}
	return ip, udp
}
