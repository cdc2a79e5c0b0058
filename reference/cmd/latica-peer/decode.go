package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"punchlist/reference/wire"
)

func decodeCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "decode [HEX]",
		Short: "Say what a datagram is, field by field; or each one of a capture",
		Long: `Decode prints a datagram as JSON: every field with its offset, the keys of its
body, and every fault, also beyond the first. Without HEX it is read from
stdin, as hex or as the bytes themselves. Hex may have 0x before it, and spaces
or colons in it.

Of a capture (pcap or pcapng: Ethernet, Linux cooked, raw IP, loopback) every
UDP datagram over IPv4 becomes one line of JSON, with its number in the
capture, time and ends; - is a capture on stdin, as it comes. Datagrams that are no packet are told too, as far as
they begin like one; --all tells of the others.

Exit status: 0 done, 1 a peer would not take the datagram for a packet (of a
capture: nothing in it is a packet), 2 wrong usage.`,
		Example: `  latica-peer decode 03050b11…
  latica-peer decode < datagram.bin
  latica-peer decode --capture run.pcapng | jq -c '[.number, .from, .to, .packetId]'
  tcpdump -i any -U -w - udp port 9777 | latica-peer decode --capture -`,
		Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			if file != "" {
				if len(args) > 0 {
					return usage("give either HEX or --capture")
				}
				all, err := c.Flags().GetBool("all")
				if err != nil {
					return err
				}
				return decodeCapture(c.InOrStdin(), c.OutOrStdout(), file, all)
			}
			text := strings.Join(args, "")
			if len(args) == 0 {
				all, err := io.ReadAll(io.LimitReader(c.InOrStdin(), 1<<20))
				if err != nil {
					return err
				}
				text = string(all)
			}
			datagram := []byte(text)
			if len(args) > 0 || isText(text) {
				var err error
				if datagram, err = hex.DecodeString(digits(text)); err != nil {
					return usage("the datagram is no hex: %w", err)
				}
			}
			said := explain(datagram)
			if err := printJSON(c.OutOrStdout(), said, "  "); err != nil {
				return err
			}
			if len(said.Faults) > 0 {
				return errors.New("no packet: " + said.Faults[0])
			}
			return nil
		},
	}
	c.Flags().StringVar(&file, "capture", "", "a pcap or pcapng `FILE` instead of a datagram; -: stdin")
	c.Flags().Bool("all", false, "of a capture: tell of datagrams too that don't begin like a packet")
	return c
}

// digits are the hex digits of a text as programs print it.
func digits(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), "0x")
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == ':' }), "")
}

// isText tells hex, right or wrong, from the bytes of a datagram.
func isText(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > '~' || r < ' ' && !unicode.IsSpace(r) })
}

// explanation is what wire.Explain says of a datagram.
type explanation struct {
	Bytes    int      `json:"bytes"`
	Fields   []aspect `json:"fields"`
	Keys     []aspect `json:"keys,omitempty"`
	Trailing int      `json:"trailing,omitempty"`
	Faults   []string `json:"faults,omitempty"`
	PacketID string   `json:"packetId,omitempty"`
}

type aspect struct {
	Name   string `json:"name"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	Value  string `json:"value"`
}

func explain(datagram []byte) explanation {
	e := wire.Explain(datagram)
	said := explanation{Bytes: e.Length, Trailing: e.Trailing, Fields: []aspect{}}
	for _, f := range e.Fields {
		said.Fields = append(said.Fields, aspect{f.Field.String(), f.Offset, f.Length, f.Text})
	}
	for _, k := range e.Keys {
		said.Keys = append(said.Keys, aspect{k.Name, k.Offset, k.Length, k.Text})
	}
	for _, f := range e.Faults {
		said.Faults = append(said.Faults, fmt.Sprint(f))
	}
	if len(e.Faults) == 0 {
		said.PacketID = e.IDCheck.String()
	}
	return said
}
