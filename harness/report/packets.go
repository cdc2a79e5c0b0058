package report

import (
	"encoding/hex"
	"fmt"
	"strings"

	"punchlist/harness/result"
	"punchlist/reference/wire"
)

// fields decodes one datagram, a line for every field: its offset, name and
// value, the keys of its JSON body, and what is wrong with it.
func fields(d result.Datagram) []string {
	datagram, err := hex.DecodeString(d.Bytes)
	if err != nil || d.Fault != "" {
		return []string{"no UDP datagram: " + d.Fault}
	}
	e := wire.Explain(datagram)
	out := []string{fmt.Sprintf("%d bytes", e.Length)}
	for _, f := range e.Fields {
		out = append(out, fmt.Sprintf("%5d  %-12s  %s", f.Offset, f.Field, clip(f.Text)))
	}
	for _, k := range e.Keys {
		out = append(out, fmt.Sprintf("%5d    %-20s  %s", k.Offset, k.Name, clip(k.Text)))
	}
	if e.Trailing > 0 {
		out = append(out, fmt.Sprintf("       %d bytes behind sig", e.Trailing))
	}
	for _, fault := range e.Faults {
		out = append(out, "fault: "+fault.String())
	}
	if len(e.Fields) == 0 {
		out = append(out, "bytes: "+clip(hex.EncodeToString(datagram)))
	}
	return out
}

func clip(s string) string {
	if len(s) <= 160 {
		return s
	}
	return fmt.Sprintf("%s… (%d characters)", s[:160], len(s))
}

// timeline writes the last packets of a scenario, one line each. Those that show what
// went wrong are marked.
func timeline(packets []result.Packet) []string {
	var out []string
	for _, p := range packets {
		mark, fate := " ", ""
		if p.Evidence {
			mark = ">"
		}
		if p.Dropped != "" {
			fate = "  dropped at " + p.Dropped
		}
		out = append(out, fmt.Sprintf("%s %5d  %9s  %s  %s  via %s%s",
			mark, p.Frame, p.At, p.Path, p.What, strings.Join(p.Via, ", "), fate))
	}
	return out
}

// extent is how much of what a monitor looked at broke its rule; empty of what is
// no monitor's, or broke nothing.
func extent(s *result.Result) string {
	if s.Wrong == 0 {
		return ""
	}
	return fmt.Sprintf("%d of the %d datagrams that it is about, in all scenarios", s.Wrong, s.Looked)
}
