package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"punchlist/reference/wire"
	"punchlist/spec/testee"
	"punchlist/vectors"
)

// bodies are what the message of a ping, pong, intro and join may be.
func bodies(b *book) {
	notJSON := vectors.Rejection{Field: "message", Reason: "not valid JSON"}
	notObject := vectors.Rejection{Field: "message", Reason: "not a JSON object"}
	minimal := quoted("requesterPeerId") + ":" + quoted(requester)
	for _, c := range []struct {
		name, title, body string
		why               vectors.Rejection
	}{
		{"null", "null", "null", notObject},
		{"list", "a list", "[]", notObject},
		{"number", "a number", "5", notObject},
		{"string", "a string", `"x"`, notObject},
		{"true", "true", "true", notObject},
		{"unfinished", "an object that isn't closed", "{" + minimal, notJSON},
		{"trailing-comma", "a comma before the closing brace", "{" + minimal + ",}", notJSON},
		{"single-quotes", "keys in single quotes", "{'requesterPeerId':'" + requester + "'}", notJSON},
		{"two-objects", "two objects", "{" + minimal + "}{}", notJSON},
		{"bytes-behind", "a byte 00 behind the object", "{" + minimal + "}\x00", notJSON},
		{"byte-order-mark", "a byte order mark before the object", "\xef\xbb\xbf{" + minimal + "}", notJSON},
		{"leading-zero", "an object with the number 01", "{" + minimal + `,"uptime":01}`, notJSON},
		{"plus", "an object with the number +5", "{" + minimal + `,"uptime":+5}`, notJSON},
		{"no-fraction", "an object with the number 5.", "{" + minimal + `,"uptime":5.}`, notJSON},
		{"nan", "an object with NaN", "{" + minimal + `,"uptime":NaN}`, notJSON},
		{"infinity", "an object with -Infinity", "{" + minimal + `,"uptime":-Infinity}`, notJSON},
		{"comment", "an object behind a comment", "/**/{" + minimal + "}", notJSON},
		{"form-feed", "an object behind a form feed, which is no white space of JSON", "\f{" + minimal + "}", notJSON},
	} {
		b.rejects("framing/body-"+c.name, "LAT-FRAME-011", "the body of a ping is "+c.title, control(wire.Ping, c.body), c.why)
	}
	b.rejects("framing/body-deep", "LAT-FRAME-011", "the body of a ping is 1,024 opening brackets", control(wire.Ping, strings.Repeat("[", 1024)), notJSON)
	b.decodes("framing/body-key-twice-first-deep", "LAT-FRAME-013", "a key is there twice, at first with 400 lists in each other",
		control(wire.Ping, `{"requesterPeerId":`+strings.Repeat("[", 400)+strings.Repeat("]", 400)+","+minimal+"}"))
	bare := control(wire.Ping, "{"+minimal+"}")
	b.rejects("framing/body-empty", "LAT-FRAME-011", "the body of a ping has length zero", withField(bare, 9, nil), notJSON)
	b.rejects("framing/body-unset", "LAT-FRAME-011", "the body of a ping is unset", withField(bare, 9, []byte{0}), notJSON)
	b.decodes("framing/body-white-space", "LAT-FRAME-011", "white space around and inside the object", control(wire.Ping, " {\t"+strings.Replace(minimal, ":", " :\r\n", 1)+" } "))
	b.decodes("framing/body-key-twice", "LAT-FRAME-013", "a key is there twice, of which the last counts", control(wire.Ping, `{"requesterPeerId":"x",`+minimal+"}"))
	b.rejects("framing/body-key-twice-last-wrong", "LAT-FRAME-013", "a key is there twice, of which the last is wrong", control(wire.Ping, "{"+minimal+`,"requesterPeerId":"x"}`),
		vectors.Rejection{Field: "message", Key: "requesterPeerId", Reason: anID.reason})

	spellings(b)

	for _, s := range soundBodies {
		b.decodes("framing/"+s.name+"-every-key", "LAT-FRAME-013", "a "+s.name+" with every key", control(s.t, written(s.keys, nil)))
		least := map[string]string{}
		for _, k := range s.keys {
			if !k.required {
				least[k.name] = ""
			}
		}
		b.decodes("framing/"+s.name+"-required-keys", "LAT-FRAME-013", "a "+s.name+" with the required keys alone", control(s.t, written(s.keys, least)))

		unknown := vectors.Rejection{Field: "message", Reason: "a key that this type does not list"}
		for _, key := range []string{"zz", "RequesterPeerId", "__proto__", "usr1"} {
			body := strings.TrimSuffix(written(s.keys, nil), "}") + "," + quoted(key) + ":1}"
			b.rejects("framing/"+s.name+"-unknown-"+slug(key), "LAT-FRAME-012", "a "+s.name+" with the key "+key, control(s.t, body), unknown)
		}
		for _, other := range soundBodies {
			for _, k := range other.keys {
				if slices.ContainsFunc(s.keys, func(own bodyKey) bool { return own.name == k.name }) || b.taken["framing/"+s.name+"-unknown-"+slug(k.name)] {
					continue
				}
				body := strings.TrimSuffix(written(s.keys, nil), "}") + "," + quoted(k.name) + ":" + k.value + "}"
				b.rejects("framing/"+s.name+"-unknown-"+slug(k.name), "LAT-FRAME-012", "a "+s.name+" with the key "+k.name+" of a "+other.name, control(s.t, body), unknown)
			}
		}

		for _, k := range s.keys {
			prefix := "framing/" + s.name + "-" + slug(k.name) + "-"
			if k.required {
				b.rejects(prefix+"missing", "LAT-FRAME-013", "a "+s.name+" without "+k.name, control(s.t, written(s.keys, map[string]string{k.name: ""})),
					vectors.Rejection{Field: "message", Key: k.name, Reason: "missing, although required"})
			}
			wrong := vectors.Rejection{Field: "message", Key: k.name, Reason: k.kind.reason}
			for _, what := range slices.Sorted(maps.Keys(k.kind.bad)) {
				value := k.kind.bad[what]
				b.rejects(prefix+"wrong-"+what, "LAT-FRAME-013", fmt.Sprintf("a %s whose %s is %s", s.name, k.name, value), control(s.t, written(s.keys, map[string]string{k.name: value})), wrong)
			}
			for _, what := range slices.Sorted(maps.Keys(k.kind.good)) {
				value := k.kind.good[what]
				b.decodes(prefix+what, "LAT-FRAME-013", fmt.Sprintf("a %s whose %s is %s", s.name, k.name, value), control(s.t, written(s.keys, map[string]string{k.name: value})))
			}
			null := control(s.t, written(s.keys, map[string]string{k.name: "null"}))
			if k.name == "natType" && !k.required {
				b.decodes(prefix+"null", "LAT-FRAME-013", "a "+s.name+" whose natType is null, which is as if it were absent", null)
			} else {
				b.rejects(prefix+"null", "LAT-FRAME-013", "a "+s.name+" whose "+k.name+" is null", null, wrong)
			}
		}
	}
}

// spellings are values that JSON can write in more than one way. What counts is
// the value.
func spellings(b *book) {
	join := soundBodies[3]
	with := func(key, value string) []byte {
		return control(join.t, written(join.keys, map[string]string{key: value}))
	}
	for _, c := range [][3]string{
		{"port-exponent", "port", "1e3"}, {"port-point-zero", "port", "9777.0"}, {"port-point-and-exponent", "port", "97.77e2"},
		{"nattype-point-zero", "natType", "31.0"}, {"nattype-sixth-bit", "natType", "37"}, {"nattype-seventh-bit", "natType", "95"}, {"nattype-most", "natType", "2147483647"},
		{"deadline-fraction", "rendezvousDeadline", "1700000030000.5"}, {"deadline-negative", "rendezvousDeadline", "-5"},
		{"key-escapes", "key", `"\u0061\/\n\u00e9"`}, {"address-escape", "address", `"203.0.113.\u0037"`},
		{"id-escape", "requesterPeerId", `"\u00` + hexOf(requester[0]) + requester[1:] + `"`},
	} {
		b.decodes("framing/join-spelled-"+c[0], "LAT-FRAME-013", "a join whose "+c[1]+" is written "+c[2], with(c[1], c[2]))
	}
	for _, c := range []struct {
		id, key, value string
		kind           *kind
	}{
		{"port-minus-zero", "port", "-0", aPort}, {"nattype-too-large", "natType", "2147483653", aNAT}, {"port-exponent-too-large", "port", "1e5", aPort},
		{"address-leading-zero", "address", `"203.0.113.07"`, anAddress}, {"address-space", "address", `" 203.0.113.7"`, anAddress},
		{"address-hexadecimal", "address", `"0xcb.0.113.7"`, anAddress}, {"address-one-number", "address", `"3405803783"`, anAddress},
	} {
		b.rejects("framing/join-spelled-"+c.id, "LAT-FRAME-013", "a join whose "+c.key+" is written "+c.value, with(c.key, c.value),
			vectors.Rejection{Field: "message", Key: c.key, Reason: c.kind.reason})
	}
	b.rejects("framing/join-control-character", "LAT-FRAME-011", "a join whose key has a line feed in it", with("key", "\"a\nb\""),
		vectors.Rejection{Field: "message", Reason: "not valid JSON"})
	b.decodes("framing/join-delete-character", "LAT-FRAME-011", "a join whose key has the byte 7f in it", with("key", "\"a\x7fb\""))
	escaped := strings.Replace(written(join.keys, nil), `"port"`, `"\u0070ort"`, 1)
	b.decodes("framing/join-spelled-name-escape", "LAT-FRAME-013", "a join in which the name of a key has an escape", control(join.t, escaped))
	b.decodes("framing/join-not-utf8", "LAT-FRAME-013", "a join whose key has a byte that is no UTF-8, which reads as U+FFFD", with("key", "\"a\xffb\""))
}

// hexOf is the code of a character in two hexadecimal digits.
func hexOf(c byte) string { return fmt.Sprintf("%02x", c) }

// observed are the datagrams of the deployed wire, read and written.
func observed(b *book) {
	cases, err := vectors.Section("packets")
	if err != nil {
		b.fail("observed.json", "%v", err)
		return
	}
	for _, c := range cases {
		var expected struct{ Datagram string }
		if err := json.Unmarshal(c.Expected, &expected); err != nil || expected.Datagram == "" {
			continue // what was noted of it is no datagram
		}
		id := "framing/deployed-" + slug(c.Name)
		packet := b.takes(id, "LAT-FRAME-009", "seen on the deployed wire: "+c.Name, testee.Decode, testee.CodecWith{Datagram: expected.Datagram}).Packet
		written := b.takes(id+"-written", "LAT-FRAME-009", "the same, written: "+c.Name, testee.Encode, testee.CodecWith{Packet: packet}).Datagram
		b.want(id, written == expected.Datagram, "the reference writes it otherwise")
	}
}

var between = regexp.MustCompile(`[^a-z0-9]+`)

// slug is a name as a part of an id.
func slug(name string) string {
	return string(bytes.Trim(between.ReplaceAll([]byte(strings.ToLower(name)), []byte("-")), "-"))
}
