package probe

import (
	_ "embed"
	"fmt"
	"strings"

	"punchlist/spec"
	"punchlist/spec/yamlstrict"
)

//go:embed constants.yaml
var constantsTable []byte

// A Constant says what probes a constant, or why nothing does.
type Constant struct {
	ID     string   `yaml:"id"`
	Probes []string `yaml:"probes"` // ids of families, without Prefix
	Reason string   `yaml:"reason"` // why no probe stands at its ends; else empty
}

// Constants are the constants in the order of the table.
func Constants() ([]Constant, error) {
	var doc struct {
		Reasons   map[string]string `yaml:"reasons"`
		Constants []Constant        `yaml:"constants"`
	}
	if err := yamlstrict.File("harness/probe/constants.yaml").Decode(constantsTable, &doc, "the constants", ""); err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	for i, c := range doc.Constants {
		if text, ok := doc.Reasons[c.Reason]; ok {
			doc.Constants[i].Reason = strings.TrimSpace(text)
		} else if c.Reason != "" {
			return nil, fmt.Errorf("harness/probe/constants.yaml: %s: there is no reason %q", c.ID, c.Reason)
		}
	}
	return doc.Constants, nil
}

// Missing are the constants of the standard that have neither a probe nor a reason, and what the
// table says beyond the standard or the families that there are.
func Missing(s *spec.Standard) (wrong []string, err error) {
	table, err := Constants()
	if err != nil {
		return nil, err
	}
	families, err := Families(s)
	if err != nil {
		return nil, err
	}
	known, told := map[string]bool{}, map[string]bool{}
	for _, f := range families {
		known[f.ID] = true
	}
	for _, c := range table {
		if _, ok := s.Constant(c.ID); !ok || told[c.ID] {
			wrong = append(wrong, c.ID+" is no constant of the standard, or stands there twice")
		}
		told[c.ID] = true
		if (len(c.Probes) == 0) == (c.Reason == "") {
			wrong = append(wrong, c.ID+" must have either probes or a reason")
		}
		for _, id := range c.Probes {
			if !known[id] {
				wrong = append(wrong, c.ID+" names the probes "+id+", which there are not")
			}
		}
	}
	for _, c := range s.Constants {
		if !told[c.ID] {
			wrong = append(wrong, c.ID+" has neither a probe nor a reason")
		}
	}
	return wrong, nil
}

// constants are families for what a constant permits and does not, in value and in time. A probe
// outside leaves a margin for the clocks of real labs.
func constants() (all []Family) {
	add := func(id, requirement, title string, r role, columns string, cells [][]string, steps ...string) {
		f := Family{Area: "constants", ID: id, Requirement: requirement, Title: title, Steps: r.after(steps...), Rows: cells}
		if columns != "" {
			f.Columns = strings.Split(columns, " ")
		}
		all = append(all, f)
	}
	edits := func(id, requirement, title string, taken bool, changes ...string) {
		then := map[bool]string{true: "Then the subject answers each of them", false: "Then the subject answers none of them, but the sound ping after them"}[taken]
		add("frame/"+id, requirement, title, indexed, "edit", rows(changes...),
			`And "bob" sends the subject pings with these edits:`, `  | <edit> |`, then)
	}
	edits("magic", "LAT-FRAME-001", "Another magic", false, "magic = 03050b10", "magic = 03050b12", "magic = 02050b11", "magic = 00000000")
	edits("version", "LAT-FRAME-005", "Another version", false, "version = 5", "version = 7", "version = 262")
	edits("id-bytes-taken", "LAT-FRAME-003", "Fields of 32 bytes", true, fieldLengths(32)...)
	edits("id-bytes-refused", "LAT-FRAME-003", "Fields of 33 bytes", false, fieldLengths(33)...)
	edits("sig-bytes-taken", "LAT-FRAME-003", "A sig of 64 bytes", true, "length of sig = 0", "length of sig = 64")
	edits("sig-bytes-refused", "LAT-FRAME-003", "A sig of 65 bytes", false, "length of sig = 65", "length of sig = 65535")
	edits("empty-fields", "LAT-FRAME-007", "Fields of no byte", true, "empty clusterId", "empty usr4", "empty sig")
	edits("cut-short", "LAT-FRAME-002", "A datagram that is too short", false, "truncate to 22", "truncate to 23", "truncate to 44", "truncate inside message", "truncate before sig")
	edits("nat-type-taken", "LAT-FRAME-013", "The highest natType", true, "key natType = 2147483647")
	edits("nat-type-refused", "LAT-FRAME-013", "Beyond the highest natType", false, "key natType = 2147483648", "key natType = 2147483653", "key natType = 4294967301")
	edits("echo-refused", "LAT-FRAME-013", "Echoes of another length", false,
		"key reflectionId = \"0123456789a\"", "key reflectionId = \"0123456789abc\"", "key pingId = \"0123456789a\"", "key pingId = \"0123456789abcd\"")

	for _, k := range relayed {
		add(areas[k.word]+"/"+k.word+"-hops", k.hops, "Hops of a "+k.word, indexed, "dropped relayed after",
			[][]string{{"16", "15", "16"}, {"17", "14", "15"}, {"4294967295", "0", "1"}, {"2147483648", "3", "4"}},
			`And "carol" sends the subject a `+k.kind+` whose hops is <dropped>`, `And "carol" sends the subject a `+k.kind+` whose hops is <relayed>`,
			`Then the subject relays the second `+k.word+` to "bob", but not the first`,
			`And the subject relays that `+k.word+` to "bob" as it came, with hops <after>`)
	}
	add("qry/age-taken", "LAT-QRY-006", "Questions that are not too old", indexed, "usr1",
		rows("0 ms ago", "1000 ms ago", "2049 ms ago", "29000 ms ago", "29500 ms ago", "-5000 ms ago"),
		`And "carol" sends the subject a query whose usr1 is <usr1>`, `Then the subject relays that query to "bob" as it came, with hops 2`)
	add("qry/age-refused", "LAT-QRY-009", "Questions that are too old", indexed, "usr1",
		rows("30500 ms ago", "31000 ms ago", "60000 ms ago", "21600000 ms ago"),
		`And "carol" sends the subject a query whose usr1 is <usr1>`, `And "carol" sends the subject a query whose clock is 1`,
		`Then the subject relays the second query to "bob", but not the first`)
	add("trav/intro-age", "LAT-TRAV-002", "Introductions that are young enough", indexed.with(third), "usr1", rows("0 ms ago", "1000 ms ago", "absent"),
		`And "carol" sends the subject an intro to "erin" whose usr1 is <usr1>`, `Then a connection ping from the subject reaches "erin"`)

	// Times are in intervals, so that they are the same in each lab.
	waits := func(id, requirement, title string, least, most int, first, second string, soon, late []string) {
		for _, w := range []struct {
			word  string
			k     int
			steps []string
		}{{"before", least, soon}, {"after", most, late}} {
			if w.k < 0 {
				continue
			}
			pass := fmt.Sprintf(`And %d %% of a keepalive interval passes`, w.k)
			steps := append([]string{first, pass, second}, w.steps...)
			add(id+"-"+w.word, requirement, title+", "+w.word+" its time", indexed, "", nil, steps...)
			if w.k > 100 {
				all[len(all)-1].Tags = "@virtual"
			}
		}
	}
	waits("strm/gate-time", "LAT-STRM-007", "A stream that comes again", 45, -1,
		`And "carol" sends the subject a stream for "bob"`, `And "carol" sends the subject that stream once more`,
		[]string{`Then the subject relays that stream to "bob" once, with hops 1`}, nil)
	waits("memb/gate-time", "LAT-MEMB-004", "A join that comes again", 45, 95,
		`And "carol" sends the subject a join whose clock is 1`, `And "carol" sends the subject that join once more`,
		[]string{`Then the subject relays that join to "bob" once, with hops 3`}, []string{`Then the subject relays that join to "bob" 2 times`})
	waits("qry/way-back-time", "LAT-QRY-008", "An answer to a question of another", 45, -1,
		`And "carol" sends the subject a query`, `And "bob" answers that query`,
		[]string{`Then the subject relays that answer to "carol" once, with hops 1`}, nil)
	waits("qry/answers-time", "LAT-QRY-003", "An answer to its own question", 45, -1,
		`And the subject asks {"about":"the weather"}`, `And "carol" answers the subject's query with "rain"`,
		[]string{`Then the subject delivers the answer once`}, nil)
	waits("repl/gate-time", "LAT-REPL-002", "A publish that comes again", 95, 605,
		`And "carol" sends the subject a publish whose clock is 1`, `And "carol" sends the subject that publish once more`,
		[]string{`Then the subject relays that publish to "bob" once, with hops 2`}, []string{`Then the subject relays that publish to "bob" once, with hops 2`})

	lives := func(id, title string, r role, kind string, cells ...[]string) {
		add(id, "LAT-BUDG-002", title, r, "ttl held gone", cells, `And "carol" `+kind+` whose ttl is <ttl>`,
			`And <held> s pass`, `Then that publish is in the subject's cache`, `When <gone> s pass`,
			`Then within 2 keepalive intervals that publish is gone from the subject's cache`)
		all[len(all)-1].Tags = "@virtual"
	}
	lives("budg/life", "Its time in a cache", indexed, "sends the subject a publish", []string{"60000", "59", "2"},
		[]string{"600000", "599", "2"}, []string{"21599000", "21598", "2"}, []string{"21600000", "21599", "2"}, []string{"21601000", "21599", "2"},
		[]string{"0", "21599", "2"}, []string{"4294967295", "21599", "2"})
	lives("budg/own-life", "Its time in a cache of its cluster", member, `publishes "a word" to the subject in a packet`,
		[]string{"60000", "59", "2"}, []string{"21599000", "21598", "2"}, []string{"21600000", "43199", "2"},
		[]string{"0", "43199", "2"}, []string{"4294967295", "43199", "2"})

	add("sec/join-sets-off", "LAT-SEC-006", "What one join sets off", indexed, "", nil,
		`And "carol" sends the subject a join`, `And 2 s pass`, `Then because of it the subject has sent some, and at most 12 intros and 6 joins`)
	add("frame/opener", "LAT-FRAME-016", "The opener, and other single bytes", indexed, "datagram", rows("01", "00", "ff", "0101"),
		`And "bob" sends the subject the datagram <datagram>`, `Then the subject answers none of them, but the sound ping after them`)
	add("id/sizes-published", "LAT-ID-004", "Packets of a message", member, "bytes packets", sizes,
		`And the subject publishes <bytes> bytes`, `Then the message leaves the subject as <packets> packets of at most 1024 message bytes`,
		`And the published packets are in the subject's cache`, `And no datagram that the subject sent is longer than 1421 bytes`)
	all[len(all)-1].Tags = "@needs-split"
	add("qry/source-rate", "LAT-QRY-006", "Sixteen questions of one source", indexed, "", nil,
		append(repeated(16, `And "carol" sends the subject a query whose clock is 1`),
			`Then the subject relays each of those 16 queries once, to "bob"`)...)
	return all
}

// sizes are lengths of messages around the ends of packets: 160 bytes are added by sealing.
var sizes = [][]string{
	{"1", "1"}, {"863", "1"}, {"864", "1"}, {"865", "3"}, {"1887", "3"}, {"1888", "3"}, {"1889", "4"},
	{"2912", "4"}, {"2913", "5"}, {"10080", "11"}, {"10081", "12"},
}

func fieldLengths(n int) (edits []string) {
	for _, f := range []string{"clusterId", "subclusterId", "previousId", "packetId", "nextId", "usr1", "usr2", "usr3", "usr4"} {
		edits = append(edits, fmt.Sprintf("length of %s = %d", f, n))
	}
	return edits
}

func repeated(n int, step string) (steps []string) {
	for range n {
		steps = append(steps, step)
	}
	return steps
}
