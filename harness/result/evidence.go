package result

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/trace"
	"punchlist/reference/wire"
)

// How much of a trace a report repeats; the capture holds all of it.
const (
	evidenceShown = 4  // datagrams as they were
	timelineShown = 16 // packets
)

// Evidence takes out the datagrams that show what went wrong. Of many, the last
// are taken.
func Evidence(t *trace.Trace, frames []int) []Datagram {
	var out []Datagram
	for _, seq := range frames[max(0, len(frames)-evidenceShown):] {
		if seq < 0 || seq >= t.Len() {
			continue
		}
		f := t.At(seq)
		d := Datagram{Frame: seq + 1, At: since(t, f.At), Path: fmt.Sprintf("%s, on the link of %s", ends(f.Frame), f.Link)}
		if u, err := internet.ParseUDP(f.Packet); err == nil {
			d.Bytes = hex.EncodeToString(u.Payload)
		} else {
			d.Fault = err.Error()
		}
		out = append(out, d)
	}
	return out
}

// Sequence is the last datagrams of a trace: where each was first seen, which
// links it crossed, what became of it. Those that frames name are marked.
func Sequence(t *trace.Trace, frames []int) []Packet {
	marked := map[int]bool{}
	for _, seq := range frames {
		if seq >= 0 && seq < t.Len() {
			marked[t.At(seq).Datagram] = true
		}
	}
	type crossing struct {
		first int // index of its first frame
		links []string
		fate  string
	}
	var order []int // datagrams, by their last frame, newest first
	seen := map[int]*crossing{}
	for seq := t.Len() - 1; seq >= 0; seq-- {
		f := t.At(seq)
		c := seen[f.Datagram]
		if c == nil {
			if len(order) == timelineShown {
				continue
			}
			c = &crossing{}
			if f.Dropped != "" {
				c.fate = f.Node + ": " + f.Dropped
			}
			seen[f.Datagram] = c
			order = append(order, f.Datagram)
		}
		c.first = seq
		if len(c.links) == 0 || c.links[len(c.links)-1] != f.Link {
			c.links = append(c.links, f.Link)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return seen[a].first - seen[b].first })
	var out []Packet
	for _, id := range order {
		c := seen[id]
		f := t.At(c.first)
		nodes := t.Path(f)
		slices.Reverse(c.links)
		out = append(out, Packet{
			Frame: c.first + 1, At: since(t, f.At), From: nodes[0], To: nodes[len(nodes)-1], Path: ends(f.Frame),
			What: summary(f.Frame), Via: c.links, Dropped: c.fate, Evidence: marked[id],
		})
	}
	return out
}

func since(t *trace.Trace, at time.Time) string {
	return fmt.Sprintf("%.3f s", at.Sub(t.At(0).At).Seconds())
}

// ends names the two ends of a packet as its addresses were there.
func ends(f internet.Frame) string {
	u, err := internet.ParseUDP(f.Packet)
	if err != nil {
		return f.From + " → " + f.To
	}
	return fmt.Sprintf("%s → %s", u.Src, u.Dst)
}

// summary says in a few words what a packet is.
func summary(f internet.Frame) string {
	u, err := internet.ParseUDP(f.Packet)
	if err != nil {
		return err.Error()
	}
	var p wire.Packet
	if fault := wire.Decode(&p, u.Payload); !fault.OK() {
		return fmt.Sprintf("%d bytes, no packet (%s)", len(u.Payload), fault)
	}
	out := p.Type.String()
	if id, ok := p.ID(); ok {
		out += " " + id.String()[:8]
	}
	if p.Hops > 0 {
		out += fmt.Sprintf(" hops %d", p.Hops)
	}
	if p.Type.HasBody() {
		var keys []string
		for _, k := range wire.Explain(u.Payload).Keys {
			keys = append(keys, k.Name+"="+short(k.Text))
		}
		out += " {" + strings.Join(keys, " ") + "}"
	}
	return out
}

// short keeps ids recognizable and lines readable.
func short(s string) string {
	s = strings.Trim(s, `"`)
	if len(s) >= 32 {
		return s[:8] + "…"
	}
	return s
}
