package probe

// A role is what the subject is, with the steps that make it that. Bob and carol are known to it,
// and dave where it is a leaf. All of them are injectors.
type role struct {
	name  string
	steps []string
}

var (
	indexed = role{"indexed", []string{
		`Given the subject runs as a bootstrap peer on "alice"`,
		`And an injector "bob" on the public internet`,
		`And an injector "carol" on the public internet`,
		`When "bob" is known to the subject`,
		`And "carol" is known to the subject`,
	}}
	leaf = role{"leaf", []string{
		`Given the subject on the public internet`,
		`And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject`,
		`When "bob" is known to the subject`,
		`And "carol" is known to the subject`,
	}}
	member = role{"member", append(append([]string{}, leaf.steps...), `And the subject joins a subcluster`)}
	third  = `And an injector "erin" on the public internet`
)

var allRoles = []role{indexed, leaf, member}

// after is the role's steps and others behind them.
func (r role) after(steps ...string) []string {
	return append(append([]string{}, r.steps...), steps...)
}

// with is the role with one more Given.
func (r role) with(given string) role {
	steps := append([]string{}, r.steps[0], given)
	return role{r.name, append(steps, r.steps[1:]...)}
}

// relayed are the kinds of packets that go through a peer, each with the requirement to relay it,
// that of the most hops, and how many hops the sound one has.
var relayed = []struct{ kind, word, requirement, hops, sound string }{
	{"publish", "publish", "LAT-REPL-002", "LAT-REPL-006", "1"},
	{"query", "query", "LAT-QRY-006", "LAT-QRY-007", "1"},
	{`stream for "bob"`, "stream", "LAT-STRM-006", "LAT-STRM-008", "0"},
	{"join", "join", "LAT-MEMB-004", "LAT-MEMB-004", "2"},
}

// area is that of a requirement, as ids have it.
var areas = map[string]string{"publish": "repl", "query": "qry", "stream": "strm", "join": "memb"}

// roles are each rule of passing on, for a subject in each role.
func roles() (all []Family) {
	for _, r := range allRoles {
		for _, k := range relayed {
			more := func(id, requirement, title string, steps ...string) {
				all = append(all, Family{
					Area: "roles", ID: areas[k.word] + "/" + r.name + "-" + k.word + "-" + id, Requirement: requirement,
					Title: title + " (" + r.name + ")", Steps: r.after(steps...),
				})
			}
			first := `And "carol" sends the subject a ` + k.kind + ` whose clock is 1`
			more("once", k.requirement, "A "+k.word+" is relayed once",
				first, `And "carol" sends the subject that `+k.word+` once more`,
				`Then the subject relays that `+k.word+` to "bob" as it came, with hops `+next(k.sound))
			more("not-back", k.requirement, "A "+k.word+" does not go back",
				first, `Then the subject relays that `+k.word+` to "bob" as it came, with hops `+next(k.sound),
				`And the subject does not relay that `+k.word+` to "carol"`)
			more("hops-16", k.hops, "A "+k.word+" with sixteen hops ends there",
				`And "carol" sends the subject a `+k.kind+` whose hops is 16`, first,
				`Then the subject relays the second `+k.word+` to "bob", but not the first`)
			if k.word == "query" || k.word == "stream" {
				stranger := r.with(`And an injector "mute" on the public internet that never answers`)
				requirement := map[string]string{"query": "LAT-QRY-013", "stream": "LAT-STRM-009"}[k.word]
				all = append(all, Family{
					Area: "roles", ID: areas[k.word] + "/" + r.name + "-" + k.word + "-of-a-stranger", Requirement: requirement,
					Title: "A " + k.word + " of a stranger goes nowhere (" + r.name + ")",
					Steps: stranger.after(`And "mute" sends the subject a `+k.kind+` whose clock is 1`, first,
						`Then the subject relays the second `+k.word+` to "bob", but not the first`),
				})
			}
		}
		all = append(all, Family{
			Area: "roles", ID: "repl/" + r.name + "-caches-a-publish", Requirement: "LAT-REPL-002",
			Title: "A publish of strangers is cached (" + r.name + ")",
			Steps: r.after(`And "carol" sends the subject a publish whose hops is 1`, `Then that publish is in the subject's cache`),
		}, Family{
			Area: "roles", ID: "id/" + r.name + "-false-id", Requirement: "LAT-ID-006",
			Title: "A publish under a false packetId is not cached (" + r.name + ")",
			Steps: r.after(`And "carol" sends the subject a publish whose packetId is 32 bytes`, `Then that publish is not in the subject's cache`),
		}, Family{
			Area: "roles", ID: "qry/" + r.name + "-answers-from-its-cache", Requirement: "LAT-QRY-004",
			Title: "A question for a cached packet is answered (" + r.name + ")",
			Steps: r.after(`And "carol" sends the subject a publish whose hops is 1`, `And "bob" sends the subject a query for that publish`,
				`Then the subject answers "bob" with that publish`),
		}, Family{
			Area: "roles", ID: "qry/" + r.name + "-sends-an-answer-back", Requirement: "LAT-QRY-008",
			Title: "An answer goes back (" + r.name + ")",
			Steps: r.after(`And "carol" sends the subject a query`, `And "bob" answers that query, twice`,
				`Then the subject relays that answer to "carol" once, with hops 1`),
		}, Family{
			Area: "roles", ID: "msg/" + r.name + "-pongs", Requirement: "LAT-MSG-001",
			Title: "A ping is answered (" + r.name + ")", Steps: r.after(`Then the subject still answers an honest ping`),
		})
		if r.name == "indexed" { // a leaf takes its bootstrap peers for no peers to introduce to
			all = append(all, Family{
				Area: "roles", ID: "memb/" + r.name + "-introduces", Requirement: "LAT-MEMB-002",
				Title: "A join is answered with introductions (" + r.name + ")",
				Steps: r.with(third).after(`And "erin" is known to the subject`, `And "erin" sends the subject a join`,
					`Then an intro from the subject reaches "erin" that names "bob"`),
			})
		}
	}
	return all
}

// next is a number of hops, one higher.
func next(hops string) string {
	return map[string]string{"0": "1", "1": "2", "2": "3"}[hops]
}
