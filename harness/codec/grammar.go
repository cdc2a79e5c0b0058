package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode/utf16"

	"punchlist/reference/wire"
	"punchlist/vectors"
)

// A spelling is a piece of JSON, and what it is called in an id and a title.
type spelling struct{ name, text string }

// grammar goes through the grammar of JSON rule by rule. What is JSON, and what a number is, is
// asked of encoding/json and math/big, which are not the scanner that the reference has.
func grammar(b *book) {
	for _, s := range quotations() {
		b.grammatical("string-"+s.name, "the string "+printable(s.text), s.text)
	}
	for _, s := range numbers() {
		if s.text != "1e99999" { // which most languages read as infinity, and cannot write
			b.grammatical("number-"+s.name, "the number "+s.text, s.text)
		}
	}
	for _, s := range structures {
		b.grammatical("value-"+s.name, "the value "+printable(s.text), s.text)
	}
	spaces(b)
	for _, s := range numbers() {
		b.numeric(s)
	}
	escapedNames(b)
}

// grammatical adds a ping whose requesterPeerId is there twice, at first with any text: as long
// as that is JSON it counts for nothing.
func (b *book) grammatical(name, title, text string) {
	id := "framing/json-" + name
	datagram := control(wire.Ping, `{"requesterPeerId":`+text+`,"requesterPeerId":`+quoted(requester)+"}")
	if json.Valid([]byte(text)) {
		b.decodes(id, "LAT-FRAME-011", title+", where a later one counts", datagram)
		return
	}
	b.rejects(id, "LAT-FRAME-011", title+", which is no JSON", datagram, vectors.Rejection{Field: "message", Reason: "not valid JSON"})
}

// printable is a text as a title can have it.
func printable(text string) string {
	return strings.Trim(fmt.Sprintf("%+q", text), `"`)
}

// quotations are strings with each escape, each kind of character, and what looks like them.
func quotations() (all []spelling) {
	for _, c := range []struct{ name, escape string }{
		{"quote", `"`}, {"backslash", `\`}, {"slash", `/`}, {"b", "b"}, {"f", "f"}, {"n", "n"}, {"r", "r"}, {"t", "t"},
		{"a", "a"}, {"v", "v"}, {"x41", "x41"}, {"0", "0"}, {"single-quote", "'"}, {"upper-n", "N"}, {"upper-u", "U0041"}, {"e", "e"}, {"line-feed", "\n"},
		{"u-none", "u"}, {"u-one", "u0"}, {"u-two", "u00"}, {"u-three", "u004"}, {"u-four", "u0041"}, {"u-lower", "uabcd"}, {"u-upper", "uEF0F"},
		{"u-g-first", "ug041"}, {"u-g-second", "u0g41"}, {"u-g-third", "u00g1"}, {"u-g-fourth", "u004g"}, {"u-colon", "u00:1"}, {"u-at", "u00@1"},
		{"u-slash", "u00/1"}, {"u-backquote", "u00`1"}, {"u-upper-g", "u00G1"}, {"u-pair", `ud83d\ude00`}, {"u-high-alone", "ud83d"},
		{"u-low-alone", "ude00"}, {"u-two-highs", `ud83d\ud83d`},
	} {
		all = append(all, spelling{"escape-" + c.name, `"` + `\` + c.escape + `"`}, spelling{"escape-" + c.name + "-between", `"a\` + c.escape + `b"`})
	}
	for _, c := range []rune{0, 1, 8, 9, 10, 13, 0x1f, ' ', '!', '#', '[', ']', 0x7e, 0x7f} {
		all = append(all, spelling{fmt.Sprintf("byte-%02x", c), `"` + string(c) + `"`})
	}
	return append(all, spelling{"empty", `""`}, spelling{"open", `"a`}, spelling{"open-behind-escape", `"a\"`}, spelling{"two", `"a""b"`},
		spelling{"single-quoted", `'a'`}, spelling{"long", `"` + strings.Repeat("a", 65) + `"`})
}

// numbers are numbers in each form, and what looks like them. Those that are sound are worth
// something at a boundary of a port or a NAT type in one form or another.
func numbers() (all []spelling) {
	for _, text := range []string{
		"0", "-0", "0.0", "0e0", "0E5", "1", "-1", "10", "1.0", "1.5", "0.5", "1e0", "1E0", "1e+0", "1e-0", "1e00", "1e1", "1E+1", "10e-1", "100e-2", "1.0e1", "1.5e1",
		"15e-1", "0.1e1", "0.10e1", "0.01e2", "0.001e3", "6.5535e4", "65.535e3", "655350e-1", "65535.0", "65535.5", "65535e0", "65535", "65536", "6.5536e4",
		"0.65535e5", "0.65536e5", "655.36e2", "1e4", "1e5", "0.31e2", "3.1e1", "310e-1", "31.00", "31.5", "5.0e0", "0.05e2", "50e-1", "1e-1", "1e-9", "0e99999", "1e99999",
		"1e-99999", "9777.000000000000000000000001", "9777.0000000000000000000000000", "18446744073709551617", "18446744073709551616", "9223372036854775807",
		"9223372036854775808", "9223372036854785585", "4294967297", "4294967296", "65537", "131071", "-9777", "-9777e0", "1e10", "12345678901234567890e-16",
		"97770000000000000000000000000000e-28", "0.00000000000000000000000000009777e32", "2147483647", "2147483648", "2147483679", "21474836470e-1",
		"", "-", "+", "+1", "--1", "-+1", "01", "00", "-01", "-00", "1.", "-1.", ".5", "-.5", "1.e1", "1.5.5", "1e", "1e+", "1e-", "1E", "1e+-1", "1e1.5", "1e1e1",
		"e1", "0x1f", "1f", "1_000", "1,000.5", "1 0", "1-1", "Infinity", "-Infinity", "NaN", "1n", "1/1", "1:1", "/1", ":1", "0.e1", "0e", "00.5",
	} {
		name := strings.NewReplacer("-", "minus ", "+", "plus ", ".", " point ", "_", " underscore ", ",", " comma ", "/", " over ", ":", " colon ").Replace(text)
		if text == "1 0" {
			name = "1 space 0"
		}
		if strings.ContainsAny(text, "E") {
			name = "upper " + name
		}
		if name = slug(name); name == "" {
			name = "none"
		}
		if len(name) > 40 {
			name = fmt.Sprintf("%s-%d-characters", name[:20], len(text))
		}
		all = append(all, spelling{name, text})
	}
	return all
}

// structures are values of the other kinds.
var structures = []spelling{
	{"true", "true"}, {"false", "false"}, {"null", "null"}, {"tru", "tru"}, {"fals", "fals"}, {"nul", "nul"}, {"truex", "truex"}, {"falsee", "falsee"}, {"nulll", "nulll"},
	{"upper-true", "True"}, {"upper-null", "NULL"}, {"undefined", "undefined"}, {"t", "t"}, {"f", "f"}, {"n", "n"}, {"trve", "trve"}, {"fa1se", "fa1se"}, {"nu11", "nu11"},
	{"list-empty", "[]"}, {"list-space", "[ ]"}, {"list-one", "[1]"}, {"list-two", `[1,"a"]`}, {"list-three", "[true,false,null]"}, {"list-list", "[[],[[]]]"},
	{"list-object", `[{},{"a":1}]`}, {"list-open", "[1"}, {"list-open-empty", "["}, {"list-open-comma", "[1,"}, {"list-trailing-comma", "[1,]"},
	{"list-leading-comma", "[,1]"}, {"list-two-commas", "[1,,2]"}, {"list-comma", "[,]"}, {"list-no-comma", "[1 2]"}, {"list-colon", "[1:2]"}, {"list-brace", "[1}"}, {"list-closed-twice", "[1]]"},
	{"object-empty", "{}"}, {"object-space", "{ }"}, {"object-one", `{"a":1}`}, {"object-two", `{"a":1,"b":[2]}`}, {"object-object", `{"a":{"b":{}}}`}, {"object-empty-name", `{"":0}`},
	{"object-open", `{"a":1`}, {"object-open-empty", "{"}, {"object-open-name", `{"a"`}, {"object-open-colon", `{"a":`}, {"object-open-comma", `{"a":1,`},
	{"object-trailing-comma", `{"a":1,}`}, {"object-leading-comma", `{,"a":1}`}, {"object-comma", "{,}"}, {"object-two-commas", `{"a":1,,"b":2}`}, {"object-no-comma", `{"a":1 "b":2}`},
	{"object-no-colon", `{"a" 1}`}, {"object-two-colons", `{"a"::1}`}, {"object-no-value", `{"a":}`}, {"object-name-alone", `{"a"}`}, {"object-bare-name", "{a:1}"},
	{"object-number-name", "{1:1}"}, {"object-bracket", `{"a":1]`}, {"object-closed-twice", `{"a":1}}`}, {"object-equals", `{"a"=1}`}, {"comment", "1/**/"}, {"line-comment", "1//"},
}

// spaces are what may, and what may not, stand between the parts of a body.
func spaces(b *book) {
	parts := []string{"", "{", `"requesterPeerId"`, ":", quoted(requester), ",", `"isProbe"`, ":", "true", "}", ""}
	for _, c := range []spelling{
		{"space", " "}, {"tab", "\t"}, {"line-feed", "\n"}, {"return", "\r"}, {"vertical-tab", "\v"}, {"form-feed", "\f"}, {"nul", "\x00"}, {"no-break-space", "\u00a0"}, {"byte-order-mark", "\ufeff"},
	} {
		for i := range len(parts) - 1 {
			body := strings.Join(parts[:i+1], "") + c.text + strings.Join(parts[i+1:], "")
			id := fmt.Sprintf("framing/json-space-%s-%d", c.name, i)
			title := fmt.Sprintf("%s behind %d parts of a body", c.name, i)
			if json.Valid([]byte(body)) {
				b.decodes(id, "LAT-FRAME-011", title, control(wire.Ping, body))
			} else {
				b.rejects(id, "LAT-FRAME-011", title, control(wire.Ping, body), vectors.Rejection{Field: "message", Reason: "not valid JSON"})
			}
		}
	}
}

// numeric adds a port and a NAT type that are written as a number, where it is one.
func (b *book) numeric(s spelling) {
	if !json.Valid([]byte(s.text)) {
		return
	}
	n, ok := new(big.Rat).SetString(s.text)
	if !ok { // the exponent is beyond what fits anywhere
		n = big.NewRat(-1, 2)
	}
	whole := n.IsInt() && n.Num().IsInt64()
	if near, _ := n.Float64(); ok && !whole && near == math.Trunc(near) && near >= 1 && near <= 2147483647 {
		return // to a language whose numbers are floating it is whole
	}
	for _, field := range []struct {
		key   string
		kind  *kind
		right bool
	}{
		{"probeExternalPort", aPort, whole && n.Num().Int64() >= 1 && n.Num().Int64() <= 65535},
		{"natType", aNAT, whole && validNAT(n.Num().Int64())},
	} {
		id := "framing/json-" + slug(field.key) + "-" + s.name
		title := fmt.Sprintf("a ping whose %s is written %s", field.key, s.text)
		datagram := control(wire.Ping, `{"requesterPeerId":`+quoted(requester)+","+quoted(field.key)+":"+s.text+"}")
		if field.right {
			b.decodes(id, "LAT-FRAME-013", title, datagram)
		} else {
			b.rejects(id, "LAT-FRAME-013", title, datagram, vectors.Rejection{Field: "message", Key: field.key, Reason: field.kind.reason})
		}
	}
}

// validNAT reports whether a decoder takes a natType (section 1.5): at most 31 bits, and the
// bits of
// value 1 and 4 among them.
func validNAT(n int64) bool { return n >= 0 && n <= 2147483647 && n&1 != 0 && n&4 != 0 }

// escapedNames has names of keys in which one character, or all, are written as escapes.
func escapedNames(b *book) {
	for _, s := range soundBodies {
		for _, k := range s.keys {
			var all strings.Builder
			for _, u := range utf16.Encode([]rune(k.name)) {
				fmt.Fprintf(&all, `\u%04X`, u)
			}
			body := strings.Replace(written(s.keys, nil), quoted(k.name), `"`+all.String()+`"`, 1)
			b.decodes("framing/json-"+s.name+"-"+slug(k.name)+"-escaped", "LAT-FRAME-013", "a "+s.name+" in which the name "+k.name+" is written in escapes", control(s.t, body))
			// One character more, or less, is another name.
			for _, c := range []spelling{{"longer", k.name + "x"}, {"shorter", k.name[:len(k.name)-1]}} {
				other := strings.Replace(written(s.keys, nil), quoted(k.name), quoted(c.text), 1)
				b.rejects("framing/json-"+s.name+"-"+slug(k.name)+"-"+c.name, "LAT-FRAME-012", "a "+s.name+" in which the name "+k.name+" is "+c.name+" by a character",
					control(s.t, other), vectors.Rejection{Field: "message", Reason: "a key that this type does not list"})
			}
		}
	}
}
