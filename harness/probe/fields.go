package probe

import (
	"fmt"
	"regexp"
	"strings"

	"punchlist/spec"
)

// carried are the changes of a packet that a relay passes on as they came, whatever the type:
// numbers at both ends, and byte fields at each end of their length.
func carried(word string) (all []string) {
	all = []string{
		"clock is 0", "clock is 4294967295", "ttl is 1", "ttl is 21600000", "ttl is 21600001", "ttl is 4294967295",
		"hops is 0", "hops is 15",
	}
	lengths := map[string][]string{
		"clusterId": {"absent", "1 zeros", "1 bytes", "32 bytes", "32 zeros"},
		"sig":       {"absent", "1 zeros", "1 bytes", "63 bytes", "64 bytes"},
	}
	for _, field := range []string{"clusterId", "subclusterId", "previousId", "nextId", "usr1", "usr2", "usr3", "usr4", "sig"} {
		switch {
		case word == "query" && (field == "usr3" || field == "usr4"), word == "stream" && (field == "usr3" || field == "usr4"),
			word == "join" && field == "clusterId":
			continue // by which such a packet is what it is
		}
		values := lengths[field]
		if values == nil {
			values = []string{"absent", "1 bytes", "31 bytes", "32 bytes"}
		}
		if word == "query" && field == "usr1" {
			values = []string{"absent"}
		}
		for _, v := range values {
			all = append(all, field+" is "+v)
		}
	}
	if word == "publish" || word == "stream" {
		for _, v := range []string{"1 bytes", "1023 bytes", "1024 bytes", "1024 zeros"} {
			all = append(all, "message is "+v)
		}
	}
	return all
}

// refused are the changes after which no decoder takes a packet, by requirement.
var refused = []struct {
	id, requirement string
	changes         []string
}{
	{"too-long", "LAT-FRAME-003", []string{
		"clusterId is 33 bytes", "subclusterId is 33 bytes", "previousId is 33 bytes", "packetId is 33 bytes", "nextId is 33 bytes",
		"usr1 is 33 bytes", "usr2 is 33 bytes", "usr3 is 33 bytes", "usr4 is 256 bytes", "message is 1025 bytes", "sig is 65 bytes",
	}},
	{"type", "LAT-FRAME-004", []string{"type is 0", "type is 9", "type is 255"}},
	{"version", "LAT-FRAME-005", []string{"version is 0", "version is 5", "version is 7", "version is 65535"}},
}

// fields are each field of the types that are passed on, at its boundary values, through a relay
// and to a member.
func fields() (all []Family) {
	for _, k := range relayed {
		all = append(all, Family{
			Area: "fields", ID: areas[k.word] + "/" + k.word + "-carried", Requirement: k.requirement,
			Title: "A " + k.word + " is relayed as it came", Columns: []string{"field", "hops"}, Rows: withHops(carried(k.word), k.sound),
			Steps: indexed.after(`And "carol" sends the subject a `+k.kind+` whose <field>`,
				`Then the subject relays that `+k.word+` to "bob" as it came, with hops <hops>`),
		})
		for _, r := range refused {
			all = append(all, Family{
				Area: "fields", ID: "frame/" + k.word + "-" + r.id, Requirement: r.requirement,
				Title: "What is no packet is no " + k.word, Columns: []string{"field"}, Rows: rows(r.changes...),
				Steps: indexed.after(`And "carol" sends the subject a `+k.kind+` whose <field>`,
					`And "carol" sends the subject a `+k.kind+` whose clock is 1`,
					`Then the subject relays the second `+k.word+` to "bob", but not the first`),
			})
		}
	}
	for _, how := range []struct{ verb, kind, requirement, area string }{
		{"publishes", "publish", "LAT-REPL-003", "repl"}, {"streams", "stream", "LAT-STRM-002", "strm"},
	} {
		var changes []string
		for _, c := range carried(how.kind) {
			if !strings.HasPrefix(c, "message") && !strings.HasPrefix(c, "subclusterId") {
				changes = append(changes, c)
			}
		}
		all = append(all, Family{
			Area: "fields", ID: how.area + "/" + how.kind + "-delivered", Requirement: how.requirement,
			Title: "A " + how.kind + " is delivered", Columns: []string{"field"}, Rows: rows(append(changes, "hops is 16", "hops is 4294967295")...),
			Steps: member.after(`And "carol" `+how.verb+` "a word" to the subject in a packet whose <field>`,
				`Then the subject has delivered the `+how.kind+` "a word" 1 time`),
		})
		for _, r := range refused {
			changes := r.changes
			if r.id == "too-long" && how.kind == "publish" {
				changes = r.changes[:len(r.changes)-2]
			}
			all = append(all, Family{
				Area: "fields", ID: "frame/" + how.kind + "-delivered-" + r.id, Requirement: r.requirement,
				Title: "What is no packet is not delivered", Columns: []string{"field"}, Rows: rows(changes...),
				Steps: member.after(`And "carol" `+how.verb+` "a word" to the subject in a packet whose <field>`,
					`And "carol" `+how.verb+` "control" to the subject in a packet`,
					`Then the subject has delivered the `+how.kind+` "control" 1 time`,
					`And the subject has delivered the `+how.kind+` "a word" 0 times`),
			})
		}
	}
	return all
}

// withHops adds to each change the hops that a relayed packet has then.
func withHops(changes []string, sound string) (all [][]string) {
	for _, c := range changes {
		hops := next(sound)
		if n, ok := strings.CutPrefix(c, "hops is "); ok {
			hops = map[string]string{"0": "1", "15": "16"}[n]
		}
		all = append(all, []string{c, hops})
	}
	return all
}

// kinds are the kinds of values of the chapter, with some at the edges of each: taken and refused.
var kinds = map[string]struct{ taken, refused []string }{
	"id":      {[]string{`"` + strings.Repeat("aB", 32) + `"`}, []string{`""`, `"` + strings.Repeat("a", 63) + `"`, `"` + strings.Repeat("a", 65) + `"`, `"` + strings.Repeat("g", 64) + `"`, "7", "null", "[]"}},
	"hash":    {[]string{`"` + strings.Repeat("aB", 20) + `"`}, []string{`"` + strings.Repeat("a", 39) + `"`, `"` + strings.Repeat("a", 41) + `"`, "7", "null"}},
	"echo":    {[]string{`"0123456789aB"`}, []string{`"0123456789a"`, `"0123456789abc"`, `"0123456789ag"`, "7", "null"}},
	"echo 13": {[]string{`"0123456789abc"`}, []string{`"0123456789a"`, `"0123456789abcd"`, `"0123456789ag"`, "7", "null"}},
	"nat":     {[]string{"5", "7", "15", "31", "37", "2147483647"}, []string{"-1", "0", "4", "6", "5.5", "2147483648", "2147483653", `"31"`, "true"}},
	"port":    {[]string{"1", "65535"}, []string{"0", "-1", "65536", "1.5", `"80"`, "null"}},
	"ipv4":    {[]string{`"1.2.3.4"`}, []string{`"1.2.3"`, `"1.2.3.4.5"`, `"1.2.3.256"`, `"01.2.3.4"`, `" 1.2.3.4"`, `"::1"`, `"host.example"`, "7", "null"}},
	"number":  {[]string{"0", "-1", "0.5", "1e300"}, []string{`"1"`, "null", "true", "{}"}},
	"time":    {[]string{"0", "-1", "4102444800000"}, []string{`"1"`, "null", "false"}},
	"boolean": {[]string{"true", "false"}, []string{"0", "1", `"true"`, "null"}},
	"string":  {[]string{`""`, `"x"`}, []string{"7", "null", "[]"}},
}

// A key is one of a body, as the chapter lists it.
type key struct {
	name, kind     string
	required, null bool
}

var (
	bodyRow  = regexp.MustCompile(`(?m)^\| (ping|pong|intro|join) \| (.*\*\*requesterPeerId\*\* id.*) \|$`)
	keyNames = regexp.MustCompile(`^((?:\*{0,2}\w+\*{0,2})(?:, \w+)*) (id|hash|echo 13|echo|nat, or null|nat|port|ipv4|number|time|boolean|string)$`)
)

// bodies reads the keys of each type from the table of chapter 1.
func bodies(s *spec.Standard) (map[string][]key, error) {
	all := map[string][]key{}
	for _, p := range s.Pages {
		if p.Path != "spec/01-framing.md" {
			continue
		}
		for _, row := range bodyRow.FindAllStringSubmatch(p.Text, -1) {
			for _, part := range strings.Split(row[2], " · ") {
				m := keyNames.FindStringSubmatch(strings.TrimSpace(part))
				if m == nil {
					return nil, fmt.Errorf("%s: the keys %q of a %s are not of the form NAME, NAME KIND", p.Path, part, row[1])
				}
				for _, name := range strings.Split(m[1], ", ") {
					kind, null := strings.CutSuffix(m[2], ", or null")
					all[row[1]] = append(all[row[1]], key{strings.Trim(name, "*"), kind, strings.HasPrefix(name, "*"), null})
				}
			}
		}
	}
	if len(all) != 4 {
		return nil, fmt.Errorf("spec/01-framing.md: the table of the keys of a ping, pong, intro and join has the rows of %d types", len(all))
	}
	return all, nil
}

// bodyFields are the keys of ping, intro and join with values at the edges of their kinds. A pong
// shows nothing of whether it was taken, but to a peer that waits for it, and the vectors hold it.
func bodyFields(s *spec.Standard) ([]Family, error) {
	keys, err := bodies(s)
	if err != nil {
		return nil, err
	}
	var all []Family
	for _, t := range []struct {
		name, area, requirement string
		takes, refuses          []string
	}{
		{"ping", "msg", "LAT-MSG-001",
			[]string{`And "bob" sends the subject pings with these edits:`, `  | key <key> = <value> |`, `Then the subject answers each of them`},
			[]string{`And "bob" sends the subject pings with these edits:`, `  | <edit> |`, `Then the subject answers none of them, but the sound ping after them`}},
		{"join", "memb", "LAT-MEMB-004",
			[]string{`And "carol" sends the subject a join whose key <key> is <value>`, `Then the subject relays that join to "bob" as it came, with hops 3`},
			[]string{`And "carol" sends the subject a join whose key <key> is <value>`, `And "carol" sends the subject a join whose clock is 1`,
				`Then the subject relays the second join to "bob", but not the first`}},
	} {
		takes := Family{Area: "fields", ID: t.area + "/" + t.name + "-keys-taken", Requirement: t.requirement,
			Title: "A " + t.name + " with a key that is taken", Columns: []string{"key", "value"}, Steps: indexed.after(t.takes...)}
		refuses := Family{Area: "fields", ID: "frame/" + t.name + "-keys-refused", Requirement: "LAT-FRAME-013",
			Title: "A " + t.name + " with a key that is refused", Columns: []string{"key", "value"}, Steps: indexed.after(t.refuses...)}
		for _, k := range keys[t.name] {
			kind := kinds[k.kind]
			for _, v := range kind.taken {
				if !silent(t.name, k.name) {
					takes.Rows = append(takes.Rows, []string{k.name, v})
				}
			}
			for _, v := range kind.refused {
				refuses.Rows = append(refuses.Rows, []string{k.name, v})
			}
			if k.null {
				takes.Rows = append(takes.Rows, []string{k.name, "null"})
			}
			if k.required {
				refuses.Rows = append(refuses.Rows, []string{k.name, "left out"})
			}
		}
		if t.name == "ping" {
			for i, r := range refuses.Rows {
				edit := "key " + r[0] + " = " + r[1]
				if r[1] == "left out" {
					edit = "without key " + r[0]
				}
				refuses.Rows[i] = []string{edit}
			}
			refuses.Columns = []string{"edit"}
		}
		all = append(all, takes, refuses)
	}
	return all, nil
}

// silent reports whether a key changes by what an answer is known, or whether there is one.
func silent(packet, key string) bool {
	switch packet {
	case "ping":
		return key == "pingId"
	case "join":
		return strings.HasPrefix(key, "rendezvous")
	}
	return false
}
