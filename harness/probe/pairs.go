package probe

// pairs are two features at a time: what interrupts a peer, and a message that is on its way.
func pairs() (all []Family) {
	add := func(id, requirement, title, tags, columns string, cells [][]string, steps ...string) {
		f := Family{Area: "pairs", ID: id, Requirement: requirement, Title: title, Tags: tags, Steps: steps, Rows: cells}
		if columns != "" {
			f.Columns = []string{columns}
		}
		all = append(all, f)
	}
	const restart = `And the subject restarts with the state that it saved`
	add("repl/restart-short", "LAT-REPL-007", "Restart and a short publish", "@needs-state", "ttl", rows("60000", "21600000", "0"),
		indexed.after(`And "carol" sends the subject a publish whose ttl is <ttl>`, restart,
			`Then that publish is in the subject's cache`)...)
	add("budg/restart-ageing", "LAT-BUDG-002", "Restart and a publish that ages", "@needs-state @virtual", "ttl", rows("60000", "600000"),
		indexed.after(`And "carol" sends the subject a publish whose ttl is <ttl>`, `And 30 s pass`, restart,
			`Then that publish is in the subject's cache`, `When 600 s pass`,
			`Then within 2 keepalive intervals that publish is gone from the subject's cache`)...)
	add("repl/restart-same-again", "LAT-REPL-008", "Restart, and the same message again", "@needs-state", "", nil,
		member.after(`And "carol" publishes "a word" to the subject in a packet`, `And the subject has delivered the publish "a word" 1 time`,
			restart, `And the subject joins a subcluster`, `And "carol" is known to the subject`,
			`And "carol" sends the subject that publish once more`, `Then the subject has delivered the publish "a word" 0 times`)...)
	add("qry/restart-query", "LAT-QRY-006", "Restart, and another question", "@needs-state", "", nil,
		indexed.after(`And "carol" sends the subject a query`, restart, `And "bob" is known to the subject`, `And "carol" is known to the subject`,
			`And "carol" sends the subject another query`, `Then the subject relays that query to "bob" once, with hops 2`)...)
	add("qry/restart-answers", "LAT-QRY-004", "Restart, and a question for what is cached", "@needs-state", "", nil,
		indexed.after(`And "carol" sends the subject a publish`, restart, `And "bob" is known to the subject`,
			`And "bob" sends the subject a query for that publish`, `Then the subject answers "bob" with that publish`)...)
	add("strm/restart-relays", "LAT-STRM-006", "Restart, and a stream to relay", "@needs-state", "", nil,
		indexed.after(`And "carol" sends the subject a stream for "bob"`, restart, `And 1 keepalive intervals pass`, `And "bob" is known to the subject`, `And "carol" is known to the subject`,
			`And "carol" sends the subject another stream for "bob"`, `Then the subject relays that stream to "bob" as it came, with hops 1`)...)
	add("id/late-join-split", "LAT-ID-005", "A fragmented message after a join", "@needs-compose", "order", rows("0 1 2", "2 1 0", "1 0 2", "0 0 1 1 2 2"),
		leaf.after(`And the subject joins a subcluster`,
			`And "carol" sends the subject a fragmented publish for its subcluster in the order <order>`,
			`Then the subject delivers that publish once`)...)
	add("repl/late-join-short", "LAT-REPL-003", "A message after a second subcluster was joined", "", "name", rows("news", "weather"),
		leaf.after(`And the subject joins the subcluster "first"`, `And the subject joins the subcluster "<name>"`,
			`And "carol" publishes "a word" to the subject in a packet`, `Then the subject has delivered the publish "a word" 1 time`)...)
	add("repl/leave-and-join", "LAT-REPL-003", "A message after leaving and joining again", "@needs-leave", "", nil,
		leaf.after(`And the subject joins the subcluster "news"`, `And the subject leaves the subcluster "news"`, `And the subject joins the subcluster "news"`,
			`And "carol" publishes "a word" to the subject in a packet`, `Then the subject has delivered the publish "a word" 1 time`)...)
	add("repl/sleep-short", "LAT-REPL-003", "A message after sleep", "@needs-sleep", "", nil,
		member.after(`And the subject falls asleep`, `And 1 keepalive intervals pass`, `And the subject wakes`, `And "carol" is known to the subject`,
			`And "carol" publishes "a word" to the subject in a packet`, `Then the subject has delivered the publish "a word" 1 time`)...)
	add("id/sleep-split", "LAT-ID-005", "A fragmented message after sleep", "@needs-sleep @needs-compose", "order", rows("0 1 2", "2 1 0"),
		member.after(`And the subject falls asleep`, `And 1 keepalive intervals pass`, `And the subject wakes`, `And "carol" is known to the subject`,
			`And "carol" sends the subject a fragmented publish for its subcluster in the order <order>`,
			`Then the subject delivers that publish once`)...)
	add("strm/publish-and-stream", "LAT-STRM-002", "One text, published and streamed", "", "", nil,
		member.after(`And "carol" publishes "a word" to the subject in a packet`, `And "carol" streams "a word" to the subject in a packet`,
			`Then the subject has delivered the stream "a word" 1 time`, `And the subject has delivered the publish "a word" 1 time`)...)
	add("repl/two-of-one-text", "LAT-REPL-003", "One text, published twice", "", "", nil,
		member.after(`And "carol" publishes "a word" to the subject in a packet`, `And "bob" publishes "a word" to the subject in a packet`,
			`Then the subject has delivered the publish "a word" 2 times`)...)
	return all
}
