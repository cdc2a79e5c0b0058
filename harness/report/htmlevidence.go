package report

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"punchlist/reference/wire"

	"punchlist/harness/result"
)

// A pageDatagram is one datagram taken apart for the page.
type pageDatagram struct {
	result.Datagram
	Length int
	Kind   string // "sync"; empty where the type can't be told
	Rows   []pageField
	Faults []string
	Dump   []pagePart // bytes in hex, in order
	Open   bool
	Named  bool // a row is marked since the text names it
}

// A pageField is a field of the header, or a key of the JSON body.
type pageField struct {
	Offset, Length int
	Name, Value    string
	Key            bool
	Class          string // "fault", "named" or none
}

// A pagePart is a run of bytes of a dump that is marked, or is not.
type pagePart struct{ Text, Class string }

// bytesPerLine of a dump.
const bytesPerLine = 16

// explain takes the evidence of a result apart. The decoder says which field is
// at fault; where the datagram is well formed, the fields are marked that the
// text of the failure names, or else those that the requirement names.
func explain(x *result.Result, sentence string) []pageDatagram {
	var out []pageDatagram
	for _, d := range x.Evidence {
		out = append(out, dissect(d))
	}
	for _, text := range []string{x.Text + " " + x.Step, sentence} {
		found := false
		for i := range out {
			found = out[i].name(text) || found
		}
		if found {
			break
		}
	}
	anyOpen := false
	for i := range out {
		out[i].dump()
		out[i].Open = len(out[i].Faults) > 0
		anyOpen = anyOpen || out[i].Open
	}
	if !anyOpen && len(out) > 0 {
		out[telling(out, x.Text)].Open = true
	}
	return out
}

// telling is the index of the first datagram in which a field that the text names
// has a value that stands in the text too; if there is none, of the last.
func telling(all []pageDatagram, text string) int {
	for i, d := range all {
		for _, row := range d.Rows {
			value, _, _ := strings.Cut(strings.Trim(row.Value, `"`), " ")
			if row.Class == "named" && value != "" && slices.Contains(values(text), value) {
				return i
			}
		}
	}
	return len(all) - 1
}

// values are what of a text could be a field's value.
func values(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;:()\"", r) })
}

func dissect(d result.Datagram) pageDatagram {
	p := pageDatagram{Datagram: d}
	raw, err := hex.DecodeString(d.Bytes)
	if err != nil || len(raw) == 0 {
		return p
	}
	e := wire.Explain(raw)
	p.Length = e.Length
	for _, f := range e.Fields {
		if f.Field == wire.FieldType && wire.Type(f.Value[0]).Valid() {
			p.Kind = wire.Type(f.Value[0]).String()
		}
		p.Rows = append(p.Rows, pageField{Offset: f.Offset, Length: f.Length, Name: f.Field.String(), Value: clip(f.Text)})
		if f.Field == wire.FieldMessage {
			for _, k := range e.Keys {
				p.Rows = append(p.Rows, pageField{Offset: k.Offset, Length: k.Length, Name: k.Name, Value: clip(k.Text), Key: true})
			}
		}
	}
	if e.Trailing > 0 {
		p.Rows = append(p.Rows, pageField{Offset: e.Length - e.Trailing, Length: e.Trailing, Name: "(behind sig)", Value: fmt.Sprintf("%d bytes", e.Trailing)})
	}
	for _, fault := range e.Faults {
		p.Faults = append(p.Faults, fault.String())
		blamed := -1 // the last row that holds it: a key stands behind its message
		for i, row := range p.Rows {
			if fault.Offset >= row.Offset && fault.Offset < row.Offset+row.Length {
				blamed = i
			}
		}
		if blamed >= 0 {
			p.Rows[blamed].Class = "fault"
		}
	}
	return p
}

// common are names of fields that are ordinary words as well: they count where
// they stand in quotes.
var common = []string{"message", "key", "address", "port", "type", "index"}

// name marks the fields that a text names.
func (p *pageDatagram) name(text string) (found bool) {
	for i, row := range p.Rows {
		pattern := `\b` + regexp.QuoteMeta(row.Name) + `\b`
		if slices.Contains(common, row.Name) {
			pattern = "[\"'`]" + regexp.QuoteMeta(row.Name) + "[\"'`]"
		}
		if row.Class == "" && regexp.MustCompile(pattern).MatchString(text) {
			p.Rows[i].Class, p.Named, found = "named", true, true
		}
	}
	return found
}

// dump writes the bytes, those of marked fields apart.
func (p *pageDatagram) dump() {
	raw, _ := hex.DecodeString(p.Bytes) // dissect has seen it
	classes := make([]string, len(raw))
	for _, row := range p.Rows {
		for at := row.Offset; row.Class != "" && at < row.Offset+row.Length && at < len(raw); at++ {
			if classes[at] != "fault" {
				classes[at] = row.Class
			}
		}
	}
	write := func(text, class string) {
		if n := len(p.Dump); n > 0 && p.Dump[n-1].Class == class {
			p.Dump[n-1].Text += text
			return
		}
		p.Dump = append(p.Dump, pagePart{text, class})
	}
	for i, b := range raw {
		if i%bytesPerLine == 0 {
			end := ""
			if i > 0 {
				end = "\n"
			}
			write(fmt.Sprintf("%s%4d  ", end, i), "")
		} else {
			between := ""
			if classes[i-1] == classes[i] {
				between = classes[i]
			}
			write(" ", between)
		}
		write(fmt.Sprintf("%02x", b), classes[i])
	}
}

// lanes are the nodes of a sequence diagram, and its arrows between them.
type lanes struct {
	Names  []string
	Arrows []pageArrow
}

// A pageArrow goes from lane A to lane B, counted from 0.
type pageArrow struct {
	result.Packet
	A, B  int
	Class string
	Links string
}

func lanesOf(packets []result.Packet) lanes {
	var l lanes
	lane := func(name string) int {
		i := slices.Index(l.Names, name)
		if i < 0 {
			i = len(l.Names)
			l.Names = append(l.Names, name)
		}
		return i
	}
	for _, p := range packets {
		a := pageArrow{Packet: p, A: lane(p.From), B: lane(p.To), Class: "right", Links: strings.Join(p.Via, ", ")}
		switch {
		case a.A > a.B:
			a.Class = "left"
		case a.A == a.B:
			a.Class = "self"
		}
		if p.Dropped != "" {
			a.Class += " lost"
		}
		if p.Evidence {
			a.Class += " seen"
		}
		l.Arrows = append(l.Arrows, a)
	}
	return l
}

// Low and High are the lanes at the left and the right end of an arrow.
func (a pageArrow) Low() int  { return min(a.A, a.B) }
func (a pageArrow) High() int { return max(a.A, a.B) }
