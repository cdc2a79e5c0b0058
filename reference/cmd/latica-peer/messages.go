package main

import (
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"punchlist/reference/linequeue"
	"punchlist/reference/nattype"
	"punchlist/reference/peer"
	"punchlist/reference/wire"
)

// A printer prints messages, or notes of what happens beside them, one a line.
type printer struct {
	out   *linequeue.Writer
	json  bool
	color bool
	quiet bool // no notes
}

// colorful reports whether what is written to out is seen in colors: not in a
// pipe, nor with NO_COLOR (no-color.org), nor on a terminal that has none.
func colorful(out io.Writer) bool {
	f, isFile := out.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	return runtime.GOOS != "windows" || os.Getenv("WT_SESSION") != ""
}

const (
	nameColor = "\x1b[36m"
	noteColor = "\x1b[2m"
	noColor   = "\x1b[0m"
)

func (p printer) in(color, text string) string {
	if !p.color {
		return text
	}
	return color + text + noColor
}

// A jsonMessage is a message that arrived, named as in the testee protocol.
type jsonMessage struct {
	Event    string `json:"event"` // packet or stream
	Time     string `json:"time"`
	PeerID   string `json:"peerId,omitempty"` // of a stream: who sent it, as it says
	PacketID string `json:"packetId"`
	EventID  string `json:"eventId,omitempty"`
	// Of message and hex there is one: hex where it is no UTF-8, none where it
	// could not be opened.
	Message  *string `json:"message,omitempty"`
	Hex      *string `json:"hex,omitempty"`
	Opened   bool    `json:"opened"`
	Verified bool    `json:"verified"`
	Hops     uint32  `json:"hops"`
}

// message prints what was published, or streamed to this peer, the name of who
// sent that before it. What can't be opened is a message to programs only.
func (p printer) message(now time.Time, e peer.Event) error {
	if !p.json {
		switch {
		case !e.Opened:
			return nil
		case e.Kind == peer.Stream:
			return p.out.Line([]byte(p.in(nameColor, "<"+e.PeerID.String()+">") + " " + printable(e.Message)))
		}
		return p.out.Line([]byte(printable(e.Message)))
	}
	line := jsonMessage{
		Event: e.Kind.String(), Time: stamp(now), PacketID: e.PacketID.String(), EventID: hex.EncodeToString(e.EventID),
		Opened: e.Opened, Verified: e.Verified, Hops: e.Hops,
	}
	if e.Kind == peer.Stream {
		line.PeerID = e.PeerID.String()
	}
	if text := string(e.Message); e.Opened && utf8.ValidString(text) {
		line.Message = &text
	} else if e.Opened {
		text = hex.EncodeToString(e.Message)
		line.Hex = &text
	}
	return printJSON(p.out, line, "")
}

// printable is a message as one line that does nothing to a terminal, and is
// nothing but a message: what holds other than what can be seen, or begins as a
// quoted one or a name does, is quoted.
func printable(message []byte) string {
	text := string(message)
	plain := utf8.ValidString(text) && !strings.HasPrefix(text, `"`) && !strings.HasPrefix(text, "<")
	for _, r := range text {
		plain = plain && strconv.IsPrint(r)
	}
	if plain {
		return text
	}
	return strconv.Quote(text)
}

// A note is something that happened.
type note struct {
	Event   string       `json:"event"`
	Time    string       `json:"time"`
	PeerID  string       `json:"peerId,omitempty"`
	Address string       `json:"address,omitempty"`
	Port    uint16       `json:"port,omitempty"`
	NATType nattype.Type `json:"natType,omitempty"`
	Indexed bool         `json:"indexed,omitempty"` // it is a bootstrap peer
	Proxy   string       `json:"proxy,omitempty"`
}

// note prints a note, whose text is words, with a peer's name in the place of %.
// Nobody is told that it can't be printed.
func (p printer) note(now time.Time, n note, words string) {
	if p.quiet {
		return
	}
	if p.json {
		n.Time = stamp(now)
		_ = printJSON(p.out, n, "")
		return
	}
	before, after, _ := strings.Cut(words, "%")
	text := p.in(noteColor, "* "+before)
	if n.PeerID != "" {
		text += p.in(nameColor, n.PeerID)
	}
	if after != "" {
		text += p.in(noteColor, after)
	}
	_ = p.out.Line([]byte(text))
}

// event prints a note of what a peer tells of itself, or of another.
func (p printer) event(now time.Time, e peer.Event, indexed bool) {
	n := note{Event: e.Kind.String(), Indexed: indexed}
	if !e.PeerID.IsZero() {
		n.PeerID = e.PeerID.String()
	}
	if e.Addr.IsValid() {
		n.Port, n.NATType = e.Addr.Port(), e.NATType
		if e.Kind != peer.Ready { // which is bound to every address
			n.Address = e.Addr.Addr().String()
		}
	}
	if e.Proxy != (wire.ID{}) {
		n.Proxy = e.Proxy.String()
	}
	words := ""
	switch e.Kind {
	case peer.Ready:
		words = "this is %, on port " + strconv.Itoa(int(n.Port))
	case peer.NAT:
		words = "others see this peer at " + e.Addr.String() + ", " + e.NATType.String()
	case peer.Connection:
		words = "% is connected, at " + e.Addr.String()
		if n.Proxy != "" {
			words = "% is connected, by " + n.Proxy
		} else if indexed {
			words += ", a bootstrap peer"
		}
	case peer.Disconnection:
		words = "% is lost"
	default:
		return
	}
	p.note(now, n, words)
}

func stamp(now time.Time) string { return now.UTC().Format("2006-01-02T15:04:05.000Z") }
