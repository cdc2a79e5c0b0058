// Package capture writes packets to pcapng files, which Wireshark opens, and
// reads them again. The same packets give the same bytes: nothing of the
// machine that writes them goes in.
package capture

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// An Interface is one that packets were seen on.
type Interface struct {
	Name        string
	Description string
}

// A Packet is one IPv4 packet, seen at a time on an interface.
type Packet struct {
	At        time.Time
	Interface string // its Name
	Data      []byte
	Dropped   string // why it went no further; empty when it passed
}

// A Source is what a capture is made of, such as a *trace.Trace.
type Source interface {
	Interfaces() []Interface
	Packets() iter.Seq[Packet]
}

// droppedPrefix begins the comment of a packet that was dropped.
const droppedPrefix = "dropped: "

// Write writes a capture with one interface for each of the source's, and on
// each packet that was dropped a comment that says why.
func Write(w io.Writer, s Source) error { return WriteBy(w, s, "") }

// WriteBy writes the same capture with the name of the application that made it in its section
// header; without one it is what Write writes, and Sum hashes.
func WriteBy(w io.Writer, s Source, application string) error {
	interfaces := s.Interfaces()
	if len(interfaces) == 0 {
		return errors.New("capture: no interface")
	}
	index := map[string]int{}
	var out *pcapgo.NgWriter
	for i, f := range interfaces {
		ng := pcapgo.NgInterface{Name: f.Name, Description: f.Description, LinkType: layers.LinkTypeRaw}
		var err error
		if i == 0 {
			out, err = pcapgo.NewNgWriterInterface(w, ng, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{Application: application}})
		} else {
			_, err = out.AddInterface(ng)
		}
		if err != nil {
			return fmt.Errorf("capture: interface %q: %w", f.Name, err)
		}
		index[f.Name] = i
	}
	for p := range s.Packets() {
		i, ok := index[p.Interface]
		if !ok {
			return fmt.Errorf("capture: a packet on the interface %q, which was not announced", p.Interface)
		}
		var o pcapgo.NgPacketOptions
		if p.Dropped != "" {
			o.Comments = []string{droppedPrefix + p.Dropped}
		}
		info := gopacket.CaptureInfo{Timestamp: p.At, CaptureLength: len(p.Data), Length: len(p.Data), InterfaceIndex: i}
		if err := out.WritePacketWithOptions(info, p.Data, o); err != nil {
			return fmt.Errorf("capture: %w", err)
		}
	}
	return out.Flush()
}

// WriteFile writes a capture to a new file, or over an old one.
func WriteFile(path string, s Source) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = Write(f, s)
	return errors.Join(err, f.Close())
}

// Sum is the SHA-256 of the capture that Write writes, in hex.
func Sum(s Source) (string, error) {
	h := sha256.New()
	if err := Write(h, s); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
