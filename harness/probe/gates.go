package probe

// gates are, for each key by which a peer knows a packet again, two packets that differ in one
// component of it, both of which it handles, and two that differ elsewhere, of which it handles
// one.
func gates() []Family {
	both := func(id, requirement, title, kinds, kind, word string, changes ...string) Family {
		return Family{
			Area: "gates", ID: id, Requirement: requirement, Title: title, Columns: []string{"component"}, Rows: rows(changes...),
			Steps: indexed.after(
				`And "carol" sends the subject a `+kind+` whose clock is 1`,
				`And "carol" sends the subject that `+word+` once more, but its <component>`,
				`Then the subject relays each of those 2 `+kinds+` once, to "bob"`),
		}
	}
	one := func(id, requirement, title, kind, word, hops string, changes ...string) Family {
		return Family{
			Area: "gates", ID: id, Requirement: requirement, Title: title, Columns: []string{"elsewhere"}, Rows: rows(changes...),
			Steps: indexed.after(
				`And "carol" sends the subject a `+kind+` whose clock is 1`,
				`And "carol" sends the subject that `+word+` once more, but its <elsewhere>`,
				`Then the subject relays that `+word+` to "bob" once, with hops `+hops),
		}
	}
	bare := []string{"clock is 7", "ttl is 60000", "usr2 is 32 bytes"}
	all := []Family{
		both("repl/gate-key-of-a-publish", "LAT-REPL-002", "Two publishes", "publishes", "publish", "publish",
			"message is another", "message is 1024 bytes", "message is 1 bytes"),
		one("repl/gate-of-a-publish", "LAT-REPL-002", "One publish with other fields", "publish", "publish", "2",
			append(bare, "hops is 1", "usr1 is 32 bytes", "usr3 is 32 bytes", "clusterId is 32 bytes", "sig is 64 bytes")...),
		both("qry/gate-key-of-a-query", "LAT-QRY-006", "Two questions", "queries", "query", "query",
			"usr3 is 32 bytes"),
		one("qry/gate-of-a-query", "LAT-QRY-006", "One question with other fields", "query", "query", "2", bare...),
		both("strm/gate-key-of-a-stream", "LAT-STRM-006", "Two streams", "streams", `stream for "bob"`, "stream",
			"message is another", "usr4 is 32 bytes"),
		one("strm/gate-of-a-stream", "LAT-STRM-007", "One stream with other fields", `stream for "bob"`, "stream", "1", bare...),
		both("memb/gate-key-of-a-join", "LAT-MEMB-004", "Two joins", "joins", "join", "join",
			"key key is another", "key natType is 7", "key port is 4002"),
		one("memb/gate-of-a-join", "LAT-MEMB-004", "One join with other fields", "join", "join", "3",
			"clock is 7", "ttl is 60000", "hops is 2"),
	}
	two := role{"indexed", indexed.with(third).steps}
	all = append(all, Family{
		Area: "gates", ID: "repl/gate-of-two-sources", Requirement: "LAT-REPL-002", Title: "One publish from two sources",
		Steps: two.after(`And "erin" is known to the subject`, `And "carol" sends the subject a publish whose clock is 1`,
			`And "erin" sends the subject that publish once more`, `Then the subject relays that publish to "bob" once, with hops 2`),
	}, Family{
		Area: "gates", ID: "qry/gate-of-two-sources", Requirement: "LAT-QRY-006", Title: "One question from two sources",
		Steps: two.after(`And "erin" is known to the subject`, `And "carol" sends the subject a query whose clock is 1`,
			`And "erin" sends the subject that query once more`, `Then the subject relays that query to "bob" once, with hops 2`),
	}, Family{
		Area: "gates", ID: "strm/gate-key-destination", Requirement: "LAT-STRM-006", Title: "One stream for two peers",
		Steps: two.after(`And "erin" is known to the subject`, `And "carol" sends the subject a stream for "bob"`,
			`And the subject relays that stream to "bob" as it came, with hops 1`,
			`And "carol" sends the subject that stream once more, but its usr3 is of "erin"`,
			`Then the subject relays that stream to "erin" as it came, with hops 1`),
	}, Family{
		Area: "gates", ID: "qry/gate-key-of-an-answer", Requirement: "LAT-QRY-008", Title: "Two answers to one question",
		Steps: indexed.after(`And "carol" sends the subject a query`, `And "bob" answers that query`, `And "bob" answers that query`,
			`Then the subject relays each of those 2 answers once, to "carol"`),
	}, Family{
		Area: "gates", ID: "qry/gate-key-of-an-answer-by-question", Requirement: "LAT-QRY-008", Title: "One answer to two questions",
		Steps: indexed.after(`And "carol" sends the subject a query`, `And "bob" answers that query`,
			`And the subject relays that answer to "carol" once, with hops 1`,
			`And "carol" sends the subject another query`, `And "bob" answers that query`,
			`Then the subject relays that answer to "carol" once, with hops 1`),
	})
	return all
}
