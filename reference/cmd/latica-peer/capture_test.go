package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"punchlist/vectors"
)

// frame is a UDP datagram as it lies on a link.
func frame(t *testing.T, link layers.LinkType, payload []byte) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IPv4(198, 51, 100, 1), DstIP: net.IPv4(203, 0, 113, 2)}
	udp := &layers.UDP{SrcPort: 5000, DstPort: 9777}
	require.NoError(t, udp.SetNetworkLayerForChecksum(ip))
	stack := []gopacket.SerializableLayer{ip, udp, gopacket.Payload(payload)}
	if link == layers.LinkTypeEthernet {
		ethernet := &layers.Ethernet{SrcMAC: make(net.HardwareAddr, 6), DstMAC: make(net.HardwareAddr, 6), EthernetType: layers.EthernetTypeIPv4}
		stack = append([]gopacket.SerializableLayer{ethernet}, stack...)
	}
	b := gopacket.NewSerializeBuffer()
	require.NoError(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...))
	return b.Bytes()
}

func TestDecodeOfACapture(t *testing.T) {
	packets, err := vectors.Section("packets")
	require.NoError(t, err)
	var first struct{ Datagram string }
	require.NoError(t, json.Unmarshal(packets[0].Expected, &first))
	ping, err := hex.DecodeString(first.Datagram)
	require.NoError(t, err)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	contents := [][]byte{ping, []byte("no packet"), ping[:40], []byte("\x01")}

	for _, format := range []string{"pcap", "pcapng"} {
		var file bytes.Buffer
		var write func(int, []byte)
		links := []layers.LinkType{layers.LinkTypeEthernet}
		if format == "pcap" {
			w := pcapgo.NewWriter(&file)
			require.NoError(t, w.WriteFileHeader(65535, links[0]))
			write = func(_ int, data []byte) {
				require.NoError(t, w.WritePacket(gopacket.CaptureInfo{Timestamp: at, Length: len(data), CaptureLength: len(data)}, data))
			}
		} else {
			links = append(links, layers.LinkTypeRaw)
			w, err := pcapgo.NewNgWriter(&file, links[0])
			require.NoError(t, err)
			_, err = w.AddInterface(pcapgo.NgInterface{LinkType: links[1], SnapLength: 65535})
			require.NoError(t, err)
			write = func(i int, data []byte) {
				require.NoError(t, w.WritePacket(gopacket.CaptureInfo{Timestamp: at, Length: len(data), CaptureLength: len(data), InterfaceIndex: i}, data))
				require.NoError(t, w.Flush())
			}
		}
		for i, link := range links {
			for _, content := range contents {
				write(i, frame(t, link, content))
			}
		}
		path := filepath.Join(t.TempDir(), "run."+format)
		require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))

		var out strings.Builder
		require.NoError(t, decodeCapture(nil, &out, path, false))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Len(t, lines, 2*len(links), "the packet and the one that is cut short")
		for i := range links {
			var said captured
			require.NoError(t, json.Unmarshal([]byte(lines[2*i]), &said))
			require.Equal(t, 1+i*len(contents), said.Number)
			require.Equal(t, "198.51.100.1:5000", said.From)
			require.Equal(t, "203.0.113.2:9777", said.To)
			require.Equal(t, "2023-11-14T22:13:20Z", said.Time)
			require.Equal(t, explain(ping), said.explanation)
			require.NoError(t, json.Unmarshal([]byte(lines[2*i+1]), &said))
			require.NotEmpty(t, said.Faults)
		}
		out.Reset()
		require.NoError(t, decodeCapture(nil, &out, path, true))
		require.Equal(t, len(contents)*len(links), strings.Count(out.String(), "\n"))

		// On stdin it is decoded as it comes, before it has ended.
		in, capture := io.Pipe()
		decoded, live := io.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- decodeCapture(in, live, "-", true) }()
		go func() { _, _ = capture.Write(file.Bytes()) }()
		coming := bufio.NewScanner(decoded)
		coming.Buffer(nil, 1<<20)
		for range len(contents) * len(links) {
			require.True(t, coming.Scan())
		}
		require.NoError(t, capture.Close())
		require.NoError(t, <-ended)
	}
}

func TestDecodeOfACaptureWithoutPackets(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, pcapgo.NewWriter(&file).WriteFileHeader(65535, layers.LinkTypeEthernet))
	path := filepath.Join(t.TempDir(), "empty.pcap")
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
	require.ErrorContains(t, decodeCapture(nil, &bytes.Buffer{}, path, true), "nothing in it is a packet")
	require.NoError(t, os.WriteFile(path, append(file.Bytes(), 1, 2, 3), 0o600))
	require.ErrorContains(t, decodeCapture(nil, &bytes.Buffer{}, path, true), "packet 1")
}
