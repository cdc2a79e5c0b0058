package steps

import (
	"regexp"
	"time"

	"github.com/cucumber/godog"
)

// A definition binds an expression to what it means. Its id stays when the
// expression is reworded: known failures name it.
type definition struct {
	id         string // AREA/words, AREA being that of the requirements (trav), or lab
	expression string
	does       any
}

// Register puts the step definitions into a scenario.
func (w *World) Register(sc *godog.ScenarioContext) {
	for _, d := range w.table() {
		sc.Step(d.expression, d.does)
	}
}

// StepID is the id of the one expression that the text of a step matches, its
// keyword left out; empty if none or several do.
func (w *World) StepID(text string) string {
	id, _ := w.step(text)
	return id
}

// StepArguments are what that expression captures of the text.
func (w *World) StepArguments(text string) []string {
	_, arguments := w.step(text)
	return arguments
}

func (w *World) step(text string) (id string, arguments []string) {
	for _, d := range w.table() {
		match := regexp.MustCompile(d.expression).FindStringSubmatch(text)
		switch {
		case match == nil:
		case id != "":
			return "", nil
		default:
			id, arguments = d.id, match[1:]
		}
	}
	return id, arguments
}

// table is the whole language of features/. A test holds that each step of
// the features matches exactly one expression, and that each is used.
func (w *World) table() []definition {
	return []definition{
		// What there is.
		{"lab/bootstrap-peers", `^(\d+) bootstrap peers$`, w.givenBootstrapPeers},
		{"lab/host-public", `^the host "([^"]+)" on the public internet$`, func(name string) error { return w.givenHost(name, openProfile) }},
		{"lab/host-behind-nat", `^the host "([^"]+)" behind an? ([\w-]+) NAT$`, w.givenHost},
		{"lab/subject-public", `^the subject on the public internet$`, func() error { return w.givenSubjectBehind(openProfile) }},
		{"lab/subject-behind-nat", `^the subject behind an? ([\w-]+) NAT$`, w.givenSubjectBehind},
		{"lab/subject-behind-nat-later", `^the subject, which starts later, behind an? ([\w-]+) NAT$`, w.givenSubjectLater},
		{"lab/subject-as-bootstrap", `^the subject runs as a bootstrap peer on "([^"]+)"$`, w.givenSubjectBootstrap},
		{"lab/subject-without-bootstraps", `^the subject runs on "([^"]+)" without bootstrap peers$`, w.givenSubjectLonely},
		{"lab/subject-codec", `^the subject's codec$`, w.givenCodec},
		{"lab/companion-behind-nat", `^a companion "([^"]+)" behind an? ([\w-]+) NAT$`, w.givenCompanionBehind},
		{"lab/injector-public", `^an injector "([^"]+)" on the public internet$`, func(name string) error { return w.givenInjector(name, openProfile, false) }},
		{"lab/injector-behind-nat", `^an injector "([^"]+)" behind an? ([\w-]+) NAT$`, func(name, profile string) error { return w.givenInjector(name, profile, false) }},
		{"lab/injector-silent", `^an injector "([^"]+)" on the public internet that never answers$`, func(name string) error { return w.givenInjector(name, openProfile, true) }},
		{"lab/injector-as-bootstrap", `^an injector "([^"]+)" that is a bootstrap peer to the subject$`, w.givenBootstrapInjector},
		{"lab/injectors-as-bootstraps", `^the injectors "([^"]+)", "([^"]+)" and "([^"]+)" are the bootstrap peers of the subject$`, w.givenInjectorsAreBootstraps},
		{"lab/injector-on-lan", `^an injector "([^"]+)" on the network of the subject$`, w.givenLANInjector},
		{"lab/both-behind-one-nat", `^the subject and a companion "([^"]+)" behind one ([\w-]+) NAT$`, w.givenOneNAT},
		{"lab/subject-knows-only", `^the subject knows only "([^"]+)" and "([^"]+)"$`, func(a, b string) error { return w.givenKnowsOnly("", a, b) }},
		{"lab/peer-knows-only", `^"([^"]+)" knows only "([^"]+)" and "([^"]+)"$`, w.givenKnowsOnly},
		{"lab/injector-second-socket", `^"([^"]+)" opens a second socket$`, w.givenSecondSocket},
		{"lab/injector-pong-lost", `^the first (answer to the probe socket|second pong) of "([^"]+)" is lost$`, w.givenAnswerLost},
		{"lab/link-down", `^the link of "([^"]+)" is down$`, func(name string) error { return w.linkDown(name, true) }},
		{"lab/link-up", `^the link of "([^"]+)" is up$`, func(name string) error { return w.linkDown(name, false) }},
		{"lab/link-loses", `^the link of "([^"]+)" loses (\d+) % of its packets$`, w.linkLoses},
		{"lab/link-duplicates", `^the link of "([^"]+)" duplicates (\d+) % of its packets$`, w.linkDuplicates},

		// What happens to peers.
		{"lab/seconds-pass", `^(\d+) s pass(?:es)?$`, w.whenTimePasses},
		{"lab/intervals-pass", `^(\d+) keepalive intervals? pass(?:es)?$`, w.whenIntervalsPass},
		{"lab/nat-reboots", `^the NAT of "([^"]+)" reboots$`, w.whenNATReboots},
		{"lab/nat-readdressed", `^the NAT of "([^"]+)" gets another address$`, w.whenNATReaddressed},
		{"lab/host-suspended", `^the host "([^"]+)" is suspended for (\d+) keepalive intervals$`, w.whenSuspended},
		{"lab/subject-starts-on", `^the subject starts on "([^"]+)"$`, w.whenSubjectStarts},
		{"lab/subject-starts", `^the subject starts$`, w.whenSubjectComes},
		{"lab/peer-stops", `^"([^"]+)" stops$`, w.whenStops},
		{"memb/both-join", `^the subject and "([^"]+)" join the same subcluster$`, w.whenBothJoin},
		{"memb/both-try-to-join", `^the subject and "([^"]+)" try to join the same subcluster$`, w.whenBothTry},
		{"memb/peer-joins", `^"([^"]+)" joins a subcluster$`, func(host string) error { return w.whenPeerJoinsNamed(host, theSubcluster) }},
		{"memb/subject-joins", `^the subject joins a subcluster$`, w.whenSubjectJoins},
		{"memb/subject-joins-named", `^the subject joins the subcluster "([^"]+)"$`, w.whenSubjectJoinsNamed},
		{"memb/peer-joins-named", `^"([^"]+)" joins the subcluster "([^"]+)"$`, w.whenPeerJoinsNamed},
		{"repl/subject-publishes", `^the subject publishes "([^"]+)"$`, w.whenSubjectPublishes},
		{"repl/peer-publishes", `^"([^"]+)" publishes "([^"]+)"$`, w.whenPeerPublishes},
		{"repl/subject-publishes-bytes", `^the subject publishes (\d+) bytes$`, w.whenSubjectPublishesBytes},
		{"key/subject-publishes-signed", `^the subject publishes (\d+) bytes, signed$`, w.whenSubjectPublishesSigned},
		{"key/peer-publishes-signed", `^"([^"]+)" publishes (\d+) bytes, signed$`, w.whenPeerPublishesSigned},
		{"key/peer-publishes-unsigned", `^"([^"]+)" publishes (\d+) bytes, unsigned$`, w.whenPeerPublishesUnsigned},
		{"key/injector-publishes-with-signature", `^"([^"]+)" publishes for the subject's subcluster (\d+) bytes with (.+)$`, w.whenMessageSigned},
		{"repl/subject-publishes-sizes", `^the subject publishes messages of ([\d, and]+) bytes$`, w.whenSubjectPublishesSizes},
		{"repl/peer-publishes-sizes", `^"([^"]+)" publishes messages of ([\d, and]+) bytes$`, w.whenPeerPublishesSizes},

		// What injectors do.
		{"frame/injector-sends-edited-pings", `^"([^"]+)" sends the subject pings with these edits:$`, w.whenEditedPings},
		{"frame/injector-sends-datagram", `^"([^"]+)" sends the subject the datagram ([0-9a-f]+)$`, w.whenDatagram},
		{"frame/injector-sends-hostile", `^"([^"]+)" sends the subject the hostile case: (.+)$`, w.whenHostile},
		{"frame/injector-sends-hostile-fitted", `^"([^"]+)" sends the subject, under ids that fit, the hostile case: (.+)$`, w.whenHostileFitted},
		{"frame/injector-sends-noise", `^"([^"]+)" sends the subject (\d+) datagrams of noise$`, w.whenNoise},
		{"msg/injector-pings", `^"([^"]+)" pings the subject$`, func(name string) error { return w.whenPings(name, nil) }},
		{"msg/injector-pings-with", `^"([^"]+)" pings the subject with:$`, w.whenPings},
		{"msg/injector-pings-from-second-socket", `^"([^"]+)" pings the subject from its second socket$`, w.whenPingsFromSecond},
		{"msg/injector-pings-peer", `^"([^"]+)" pings the peer on "([^"]+)"$`, w.whenPingsPeer},
		{"memb/injector-known", `^"([^"]+)" is known to the subject$`, w.whenKnown},
		{"memb/injector-known-as-member", `^"([^"]+)" is known to the subject as a member of the cluster$`, w.whenKnownMember},
		{"id/injector-known-in-upper-case", `^"([^"]+)" is known to the subject, and writes its peerId in upper case$`, w.whenKnownInUpperCase},
		{"sync/subject-syncs", `^the subject syncs with "([^"]+)"$`, w.whenSubjectSyncs},
		{"nat/injector-sends-reflection-pongs", `^"([^"]+)" sends the subject reflection pongs that name ([\d.]+) with (a null|an invented|no) reflectionId$`, w.whenReflectionPongs},
		{"trav/introduced-to-nobody", `^"([^"]+)" introduces the subject to a peer of type (\d+) at an address where nobody is$`, w.whenIntroducesNobody},
		{"trav/introduced-at-host-name", `^"([^"]+)" introduces the subject to a peer at the address "([^"]+)"$`, w.whenIntroducesHostName},
		{"trav/introduced-at-spelled-address", `^"([^"]+)" introduces the subject to "([^"]+)" by its address (in IPv6|with leading zeros|as one number)$`, w.whenIntroducesSpelled},
		{"trav/introduced-by-stranger", `^"([^"]+)", unknown to the subject, introduces it to "([^"]+)"$`, w.whenIntroduces},
		{"trav/introduced-before-pong", `^"([^"]+)" introduces the subject to "([^"]+)" before it answers the subject's question$`, w.whenIntroducesUnanswered},
		{"trav/introduced-by-known", `^"([^"]+)", now known, introduces the subject to "([^"]+)"$`, w.whenIntroducesAgain},
		{"trav/introduced-as-type", `^"([^"]+)" introduces the subject to "([^"]+)" as a peer of type (\d+)$`, w.introduce},
		{"trav/introduced-elsewhere", `^"([^"]+)" introduces the subject to "([^"]+)" at an address where nobody is$`, w.whenIntroducesElsewhere},
		{"trav/introduced-by-bootstrap", `^"([^"]+)", its bootstrap peer, introduces the subject to "([^"]+)" as a peer of type (\d+)$`, w.whenBootstrapIntroduces},
		{"trav/introduced-by-bootstrap-to-several", `^"([^"]+)", its bootstrap peer, introduces the subject to (\d+) peers at the address of "([^"]+)" as of type (\d+)$`, w.whenBootstrapIntroducesSeveral},
		{"trav/injector-pings-from-opened-port", `^"([^"]+)" pings the subject from a port that was opened for it, and answers nothing$`, w.whenPingsFromOpened},
		{"trav/injector-pings-pool-sockets", `^"([^"]+)" pings the sockets from which the subject looks for "([^"]+)", in its name$`, w.whenLANPings},
		{"memb/injector-relays-join", `^"([^"]+)" passes on a join of "([^"]+)"$`, w.whenPassesOnJoin},
		{"memb/injector-sends-join", `^"([^"]+)" sends the subject a join$`, w.whenJoin},
		{"memb/injector-sends-join-twice", `^"([^"]+)" sends the subject a join twice$`, w.whenJoinTwice},
		{"memb/injector-sends-join-hops", `^"([^"]+)" sends the subject a join with hops (\d+)$`, w.whenJoinHops},
		{"memb/injector-sends-another-join-hops", `^"([^"]+)" sends the subject another join with hops (\d+)$`, w.whenAnotherJoinHops},
		{"memb/injector-sends-different-joins", `^"([^"]+)" sends the subject (\d+) different joins$`, w.whenDifferentJoins},
		{"memb/injector-sends-join-with-rendezvous", `^"([^"]+)" sends the subject a join with "([^"]+)" as the rendezvous$`, w.whenJoinWithRendezvous},
		{"memb/injector-sends-rendezvous-answer", `^"([^"]+)" sends the subject a rendezvous answer that names "([^"]+)"$`, w.whenRendezvousAnswer},
		{"repl/injector-sends-publish", `^"([^"]+)" sends the subject (?:a|another) publish$`, w.whenPublish},
		{"repl/injector-sends-publish-twice", `^"([^"]+)" sends the subject a publish twice$`, w.whenPublishTwice},
		{"repl/injector-sends-publish-hops", `^"([^"]+)" sends the subject (?:a|another) publish with hops (\d+)$`, w.whenPublishHops},
		{"id/injector-sends-publish-false-id", `^"([^"]+)" sends the subject a publish with a false packetId$`, w.whenPublishFalseID},
		{"repl/injector-sends-publish-of-other-cluster", `^"([^"]+)" sends the subject a publish of another cluster$`, w.whenPublishElsewhere},
		{"repl/injector-sends-publishes", `^"([^"]+)" sends the subject (\d+) publishes$`, w.whenPublishes},
		{"repl/injector-sends-publishes-in-half-a-minute", `^"([^"]+)" sends the subject (\d+) publishes in half a minute$`, w.whenPublishesInHalfAMinute},
		{"repl/injector-sends-publishes-in-time", `^"([^"]+)" sends the subject (\d+) publishes in (\d+) s$`, w.whenPublishesInTime},
		{"key/injector-sends-unopenable", `^"([^"]+)" sends the subject publishes for its subcluster that can't be opened$`, w.whenUnopenable},
		{"repl/injector-sends-fragmented", `^"([^"]+)" sends the subject a fragmented publish for its subcluster in the order ([\w -]+)$`, w.whenFragmented},
		{"sync/injector-sends-empty-summary", `^"([^"]+)" sends the subject a sync with the summary of an empty cache$`, w.whenSyncsEmpty},
		{"sync/injector-sends-full-summary", `^"([^"]+)" sends the subject a sync with the summary of those publishes$`, w.whenSyncsAll},
		{"sync/injector-sends-summary-lacking-one", `^"([^"]+)" sends the subject a sync that lacks one of those publishes$`, w.whenSyncsAllButOne},
		{"sync/injector-claims-another-hash", `^"([^"]+)" tells in its pongs the hash of another cache$`, w.whenTellsAnotherHash},
		{"sec/injector-sends-trigger", `^"([^"]+)" sends the subject (a small ping|a ping with probeExternalPort|a connection ping|a sync with an invented hash|a sync with 16 invented buckets|a join that names another address|a query for a cached packet)$`, w.whenTrigger},
		{"sec/injector-sends-join-naming", `^"([^"]+)" sends the subject a join that names the address of "([^"]+)"$`, w.whenJoinNames},
		{"sec/introduced-to-several", `^"([^"]+)" introduces the subject to (\d+) peers at the address of "([^"]+)"$`, w.whenIntroducesSeveral},
		{"sec/injector-pings-in-name-of", `^"([^"]+)" sends the subject a connection ping in the name of "([^"]+)"$`, w.whenInTheNameOf},

		// Streams.
		{"strm/streams", `^(the subject|"[^"]+") streams "([^"]+)" to (the subject|"[^"]+")$`, w.whenStreams},
		{"strm/streams-sizes", `^(the subject|"[^"]+") streams messages of ([\d, and]+) bytes to (the subject|"[^"]+")$`, w.whenStreamsSizes},
		{"strm/streams-at-once", `^(the subject|"[^"]+") streams (\d+) messages of (\d+) bytes at once to (the subject|"[^"]+")$`, w.whenStreamsAtOnce},
		{"strm/injector-sends-stream-for", `^"([^"]+)" sends the subject (?:a|another) stream for "([^"]+)"$`, w.whenStreamFor},
		{"strm/injector-sends-stream-for-twice", `^"([^"]+)" sends the subject a stream for "([^"]+)" twice$`, w.whenStreamForTwice},
		{"strm/injector-sends-stream-for-hops", `^"([^"]+)" sends the subject (?:a|another) stream for "([^"]+)" with hops (\d+)$`, w.whenStreamForHops},
		{"strm/injector-sends-stream-for-nobody", `^"([^"]+)" sends the subject a stream for a peer that nobody knows$`, w.whenStreamForNobody},
		{"strm/injector-sends-stream-back", `^"([^"]+)" sends the subject that stream back$`, w.whenStreamBack},
		{"strm/injector-streams-fragments", `^"([^"]+)" streams a fragmented message to the subject in the order ([\d ]+)$`, w.whenStreamsParts},
		{"strm/injectors-stream-in-turn", `^"([^"]+)" and "([^"]+)" each stream a fragmented message to the subject, packet by packet in turn$`, w.whenStreamTogether},
		{"strm/injector-streams", `^"([^"]+)", an injector, streams "([^"]+)" to the subject$`, w.whenStreamsTo},
		{"strm/injector-streams-false-id", `^"([^"]+)", an injector, streams "([^"]+)" to the subject under a false packetId$`, w.whenStreamsFalse},
		{"strm/injector-streams-unopenable", `^"([^"]+)" streams to the subject what can't be opened$`, w.whenStreamsNoise},
		{"strm/receives-each-once", `^(the subject|"[^"]+") receives each of its streams once$`, w.thenReceivesStreams},
		{"strm/delivered-count", `^(the subject|"[^"]+") has delivered (\d+) streams?$`, w.thenDeliversStreams},
		{"strm/names-both-ends", `^every stream of the subject has hops 0 and names (the subject|"[^"]+") in usr3 and the subject in usr4$`, w.thenStreamsNameBoth},
		{"strm/paced", `^the (\d+) packets of the message or more left the subject over (\d+) ms or more$`, w.thenStreamTakes},
		{"strm/heads-differ", `^no two heads of the subject's streams have one packetId$`, w.thenHeadsDiffer},

		// Lifecycle.
		{"memb/subject-falls-asleep", `^the subject falls asleep$`, w.whenFallsAsleep},
		{"memb/subject-wakes", `^the subject wakes$`, w.whenWakes},
		{"memb/subject-leaves", `^the subject leaves the subcluster "([^"]+)"$`, w.whenLeaves},
		{"lab/subject-restarts", `^the subject restarts with the state that it saved$`, w.whenRestarts},
		{"lab/subject-restarts-corrupt", `^the subject restarts with a corrupt state$`, w.whenRestartsCorrupt},
		{"memb/silent-in-sleep", `^for (\d+) keepalive intervals the subject sends nothing$`, w.thenSilentInSleep},
		{"memb/announces-no-more", `^for (\d+) keepalive intervals the subject announces itself no more$`, w.thenNoMoreJoins},
		{"memb/joins-only", `^in (\d+) keepalive intervals the subject joins the subcluster "([^"]+)" alone$`, w.thenJoinsOnly},
		{"memb/counts-member", `^the subject counts "([^"]+)" as a member of "([^"]+)", and no other peer$`, w.thenCountsMember},
		{"memb/reports-error", `^the subject reports an error$`, w.thenReportsError},
		{"repl/not-delivered-again", `^for (\d+) keepalive intervals the subject does not deliver "([^"]+)" again$`, w.thenNotAgain},
		// Queries.
		{"qry/injector-known-to-peer", `^"([^"]+)" is known to "([^"]+)"$`, w.whenKnownTo},
		{"qry/injector-sends-query", `^"([^"]+)" sends the subject (?:a|another) question$`, w.whenQuestion},
		{"qry/injector-sends-query-twice", `^"([^"]+)" sends the subject a question twice$`, w.whenQuestionTwice},
		{"qry/injector-sends-query-hops", `^"([^"]+)" sends the subject (?:a|another) question with hops (\d+)$`, w.whenQuestionHops},
		{"qry/injector-sends-query-aged", `^"([^"]+)" sends the subject a question that is (\d+) s old$`, w.whenQuestionAged},
		{"qry/injector-sends-query-for-publish", `^"([^"]+)" sends the subject a question for that publish$`, w.whenQuestionForPublish},
		{"qry/injector-sends-odd-queries", `^"([^"]+)" sends the subject questions whose bodies are no objects$`, w.whenOddQuestions},
		{"qry/injector-sends-odd-answers", `^"([^"]+)" answers that question with bodies that are no objects$`, w.whenOddAnswers},
		{"qry/queries-reached", `^(\d+) (question|answer)s? of the subject ha(?:s|ve) reached "([^"]+)"$`, w.thenQueriesReached},
		{"qry/injector-answers-query", `^"([^"]+)" answers that question$`, w.whenAnswersThat},
		{"qry/injector-answers-query-twice", `^"([^"]+)" answers that question, twice$`, w.whenAnswersThatTwice},
		{"qry/injector-answers-query-false-id", `^"([^"]+)" answers that question under a false packetId$`, w.whenAnswersThatFalsely},
		{"qry/injector-answers-query-hops", `^"([^"]+)" answers that question with hops (\d+)$`, w.whenAnswersThatHops},
		{"qry/subject-queries", `^the subject asks (\{.*\})$`, w.whenSubjectAsks},
		{"qry/subject-queries-for-message", `^the subject asks for that message$`, w.whenSubjectAsksForThat},
		{"qry/injector-answers-subject", `^"([^"]+)" answers the subject's question with "([^"]+)"$`, w.whenAnswers},
		{"qry/injector-answers-subject-twice", `^"([^"]+)" answers the subject's question with "([^"]+)", twice$`, w.whenAnswersTwice},
		{"qry/injector-answers-subject-numeric-usr1", `^"([^"]+)" answers the subject's question with "([^"]+)" and a usr1 that begins like a number$`, w.whenAnswersWithUsr1},
		{"qry/injector-answers-subject-false-id", `^"([^"]+)" answers the subject's question with "([^"]+)" under a false packetId$`, w.whenAnswersFalsely},
		{"qry/injector-answers-subject-in-packets", `^"([^"]+)" answers the subject's question in packets in the order ([\d ]+)$`, w.whenAnswersInParts},
		{"qry/answers-with-publish", `^the subject answers "([^"]+)" with that publish$`, w.thenAnswersWithPublish},
		{"qry/syncs-as-publish", `^by sync the subject sends "([^"]+)" that publish as it was$`, w.thenSyncsAsPublish},
		{"qry/query-reaches", `^a question from the subject reaches "([^"]+)" with hops 1, a time in usr1 and 32 bytes in usr3$`, w.thenQuestionReaches},
		{"qry/query-ids-differ", `^two questions from the subject reach "([^"]+)" with different packetIds$`, w.thenQuestionsDiffer},
		{"qry/delivers-answer-once", `^the subject delivers the answer once$`, w.thenDeliversAnswer},
		{"qry/delivers-packet-once", `^the subject delivers the packet that it asked for once$`, w.thenDeliversThatPacket},
		{"qry/answers-delivered", `^the subject has delivered (\d+) answers?$`, w.thenAnswersDelivered},

		// What must be seen: framing.
		{"frame/answers-none", `^the subject answers none of them, but the sound ping after them$`, w.thenSilence},
		{"frame/answers-each", `^the subject answers each of them$`, w.thenEachAnswered},
		{"sec/answers-honest-ping", `^the subject still answers an honest ping$`, w.thenStillAnswers},
		{"frame/unset-is-000100", `^in every packet that the subject sent an unset field is 000100$`, w.judged(w.thenUnsetIsOneZero)},
		{"frame/canonical", `^every packet that the subject sent is the canonical encoding of its fields$`, w.judged(w.thenCanonical)},
		{"frame/ascii-bodies", `^every JSON body that the subject sent is ASCII$`, w.judged(w.thenASCII)},
		{"frame/datagrams-no-longer", `^no datagram that the subject sent is longer than (\d+) bytes$`, func(n int) error { return w.judged(func() error { return w.thenNoLongDatagram(n) })() }},
		{"frame/index-is", `^every ([\w, ]+) that the subject sent has index (-?\d+)$`, w.thenIndexOf},
		{"id/packet-ids-of-content", `^every ([\w, ]+) that the subject sent has the packetId of its content$`, w.thenIDs},

		// Messages.
		{"msg/pong-reaches", `^a pong from the subject's (main|probe) socket reaches "([^"]+)" with:$`, func(socket, name string, keys *godog.Table) error { return w.thenPong(socket, name, false, keys) }},
		{"msg/pong-reaches-second-socket", `^a pong from the subject's (main|probe) socket reaches the second socket of "([^"]+)" with:$`, func(socket, name string, keys *godog.Table) error { return w.thenPong(socket, name, true, keys) }},
		{"msg/pong-of-peer-reaches", `^a pong from the peer on "[^"]+" reaches "([^"]+)" with:$`, func(name string, keys *godog.Table) error { return w.thenPong("main", name, false, keys) }},
		{"msg/no-pong-carries-both", `^no pong from the subject carries both (\w+) and (\w+)$`, w.thenNoPongWithBoth},
		{"msg/no-ping-with", `^the subject has sent no ping with (\w+)$`, w.thenNoPingWith},

		// NAT discovery.
		{"nat/type-is", `^the subject's NAT type is (\d+)$`, w.thenNATType},
		{"nat/type-is-within", `^within (\d+) s the subject's NAT type is (\d+)$`, w.thenNATTypeWithin},
		{"nat/no-type", `^the subject has found no NAT type$`, w.thenNoNATType},
		{"nat/type-still", `^the subject's NAT type is still (\d+)$`, w.thenNATTypeStill},
		{"nat/own-address-still", `^the subject's own address is still that of "([^"]+)"$`, w.thenOwnAddressIs},
		{"nat/reflection-from-probe-socket", `^the subject sent a reflection ping with isProbe from its probe socket$`, w.thenStageOne},
		{"nat/reflections-from-main-socket", `^after its answer the subject sent reflection pings with probeExternalPort from its main socket to (\d+) bootstrap peers$`, w.thenStageTwo},
		{"nat/type-announced", `^the subject sent each bootstrap peer a connection ping with natType (\d+)$`, w.thenAnnounced},
		{"msg/no-plain-ping-before-type", `^the subject sent no plain ping to a peer that had not announced a natType$`, w.thenNoPlainPing},
		{"msg/only-reflection-pings-reach", `^within (\d+) keepalive intervals (\d+) reflection pings of the subject reach "([^"]+)", and no plain one$`, w.thenReflectionPings},

		// Traversal and membership.
		{"trav/connected-directly", `^the subject and "([^"]+)" are connected without a proxy$`, w.thenConnected},
		{"trav/connected-directly-within", `^within (\d+) keepalive intervals the subject and "([^"]+)" are connected without a proxy$`, w.thenConnectedWithin},
		{"trav/connected-anyhow", `^the subject and "([^"]+)" are connected, punched or through a proxy$`, w.thenConnectedAnyhow},
		{"trav/connected-by-proxy", `^the subject and "([^"]+)" are connected through a proxy$`, w.thenProxied},
		{"trav/reached-again", `^within (\d+) keepalive intervals the subject and "([^"]+)" reach each other again$`, w.thenReachAgain},
		{"trav/exchange-packets", `^within (\d+) keepalive intervals the subject and "([^"]+)" exchange packets, directly or by a proxy$`, w.thenExchange},
		{"nat/own-address-of-nat", `^within (\d+) keepalive intervals the subject takes the address of the NAT of "([^"]+)" for its own$`, w.thenOwnAddressIsNATs},
		{"nat/discovers-anew", `^within (\d+) s the subject begins to discover its NAT type anew$`, w.thenDiscoversAnew},
		{"trav/not-connected", `^the subject reports no connection to "([^"]+)"$`, w.thenNotConnected},
		{"trav/reports-proxy", `^the subject reports a connection to "([^"]+)" by the proxy "([^"]+)"$`, w.thenReportsConnection},
		{"trav/reports-direct", `^the subject reports a connection to "([^"]+)" without a proxy$`, func(name string) error { return w.thenReportsConnection(name, "") }},
		{"trav/openers-sent", `^the subject sends openers to (\d+) distinct ports of "([^"]+)"$`, w.thenOpens},
		{"trav/pings-from-pool", `^the subject pings "([^"]+)" from (\d+) to (\d+) sockets, at most (\d+) times$`, w.thenPingsFromMany},
		{"trav/injector-answers-pool-socket", `^"([^"]+)" answers at one of the sockets from which the subject looks for it$`, w.whenAnswersPool},
		{"trav/one-socket-kept", `^the subject sends to "([^"]+)" from one socket, which is not its main socket$`, w.thenOneSocket},
		{"trav/answers-only-one", `^the subject answers "([^"]+)" there, and not "([^"]+)"$`, w.thenAnswersOnly},
		{"memb/intro-names-source", `^the intro from the subject that reaches "([^"]+)" names the address from which "([^"]+)" sent$`, w.thenIntroNamesSource},
		{"memb/one-intro-names", `^one intro from the subject that reaches "([^"]+)" names the address of "([^"]+)", and no other does$`, w.thenOneIntroNames},
		{"memb/intro-gets-through", `^an intro from the subject that names "([^"]+)" gets through to "([^"]+)"$`, func(about, to string) error { return w.thenIntroReachesPeer(to, about) }},
		{"trav/pinged-introduced-address", `^the subject sent a connection ping to the address at which it was introduced to "([^"]+)"$`, w.thenPingedWhereIntroduced},
		{"trav/not-connected-to-introduced", `^the subject reports no connection to that peer$`, w.thenNoConnectionToThat},
		{"sec/nothing-reaches", `^nothing from the subject reaches "([^"]+)"$`, w.thenNothingReaches},
		{"trav/connection-ping-reaches", `^a connection ping from the subject reaches "([^"]+)"$`, w.thenConnectionPingReaches},
		{"memb/join-sent-with", `^the subject has sent a join with hops (\d+) and these keys: ([\w, ]+)$`, w.thenJoinHas},
		{"memb/joins-repeated", `^within (\d+) keepalive intervals the subject sends (\d+) more joins for each subcluster that it joined$`, w.thenMoreJoins},
		{"memb/heartbeats-to-bootstraps", `^within (\d+) keepalive intervals each bootstrap peer gets (\d+) heartbeats of the subject$`, w.thenHeartbeats},
		{"memb/heartbeats-reach", `^within (\d+) keepalive intervals "([^"]+)" gets (\d+) heartbeats of the subject$`, w.thenHeartbeatsReach},
		{"memb/join-reaches", `^a join from the subject reaches "([^"]+)" with:$`, w.thenJoinReaches},
		{"memb/intro-reaches", `^an intro from the subject reaches "([^"]+)" that names "([^"]+)"$`, w.thenIntroReaches},
		{"memb/another-intro-reaches", `^another intro from the subject reaches "([^"]+)" that names "([^"]+)"$`, w.thenAnotherIntroReaches},
		{"memb/relays-each-join-once", `^the subject relays each of these joins, and none of them to anybody twice$`, w.thenRelaysEachOnce},
		{"memb/intro-keys", `^every intro that the subject sent has these keys: ([\w, ]+)$`, w.thenIntroKeys},
		{"memb/intro-time", `^in every intro that the subject sent usr1 is a time in ASCII milliseconds$`, w.thenIntroTime},
		{"memb/relays-once", `^the subject relays that (join|publish|stream|question|answer) to "([^"]+)" once, with hops (\d+)$`, w.thenRelaysOnce},
		{"memb/not-relayed", `^the subject does not relay that (join|publish|stream|question|answer) to "([^"]+)"$`, w.thenNotRelayed},
		{"memb/relays-hops-only", `^the subject relays the (join|publish|stream|question|answer) with hops (\d+) to "([^"]+)", but not the one with hops (\d+)$`, w.thenRelaysHopsOnly},
		{"memb/relays-second-only", `^the subject relays the second (publish|stream|question|answer) to "([^"]+)", but not the first$`, w.thenRelaysLastOnly},
		{"memb/relays-joins-of", `^within (\d+) keepalive intervals the subject relays a join of "([^"]+)" to "([^"]+)"$`, w.thenRelaysJoinsOf},
		{"memb/relays-rendezvous-keys", `^the subject relays that join to "([^"]+)" with the same packetId and the rendezvous keys that name the subject$`, w.thenRelaysWithRendezvous},

		// Publishing.
		{"repl/subject-receives-once", `^the subject receives "([^"]+)" once$`, w.thenSubjectReceives},
		{"repl/peer-receives-once", `^"([^"]+)" receives "([^"]+)" once$`, w.thenPeerReceives},
		{"repl/peer-receives-once-within", `^within (\d+) keepalive intervals "([^"]+)" receives "([^"]+)" once$`, w.thenPeerReceivesWithin},
		{"repl/subject-receives-each-once", `^the subject receives each of them once$`, w.thenSubjectReceivesEach},
		{"repl/peer-receives-each-once", `^"([^"]+)" receives each of them once$`, w.thenPeerReceivesEach},
		{"key/nowhere-in-the-clear", `^"([^"]+)" is nowhere on the wire in the clear$`, w.thenNotInTheClear},
		{"key/not-opened-by-bootstraps", `^no bootstrap peer has opened it$`, w.thenNoBootstrapOpened},
		{"repl/first-hops", `^each publish that the subject multicast first had hops (\d+)$`, w.thenFirstHops},
		{"repl/published-are-cached", `^the published packets are in the subject's cache$`, w.thenPublishedAreCached},
		{"repl/publish-is-cached", `^that publish is in the subject's cache$`, w.thenThatIsCached},
		{"repl/cached-at-most", `^the subject has cached at most (\d+) of them$`, w.thenCachedAtMost},
		{"id/leaves-in-packets", `^the message leaves the subject as (\d+) packets? of at most (\d+) message bytes$`, w.thenLeavesAs},
		{"id/fragments-chained", `^the packetIds of its fragments form the chain$`, w.thenChain},
		{"key/signature-covers", `^the signature on the wire covers the plaintext without its first 64 bytes$`, w.thenSigned},
		{"repl/delivers-publish-once", `^the subject delivers that publish once$`, w.thenDeliversThat},
		{"key/delivers-verified", `^(the subject|"[^"]+") delivers it, (verified|not verified)$`, w.thenDeliversSigned},
		{"key/delivers-anyway", `^the subject delivers it all the same$`, w.thenDeliversAnyway},
		{"id/delivers-event", `^(the subject|"[^"]+") delivers it as the event "([^"]+)"$`, w.thenDeliversEvent},
		{"id/usr1-names-event", `^usr1 of each packet of the message is the SHA-256 of "([^"]+)"$`, w.thenNamesEvent},

		// Sync.
		{"sync/same-caches", `^the caches of the subject and "([^"]+)" are equal$`, w.thenSameCaches},
		{"sync/empty-prefix-reaches", `^a sync from the subject reaches "([^"]+)" with the summary of an empty prefix and a time in usr4$`, w.thenSyncReaches},
		{"sync/summary-is-of-cache", `^a sync from the subject reaches "([^"]+)" whose summary is that of the subject's cache$`, w.thenSyncMatchesCache},
		{"sync/not-answered", `^the subject does not answer it, but answers an honest ping$`, w.thenSyncUnanswered},
		{"sync/converges", `^the subject and "([^"]+)" come to hold the same packets by syncing$`, w.thenSyncConverges},
		{"sync/same-caches-within", `^within (\d+) keepalive intervals the caches of the subject and "([^"]+)" are equal$`, w.thenSameCachesWithin},
		{"sync/another-round", `^within (\d+) keepalive intervals another root summary of the subject reaches "([^"]+)"$`, w.thenAnotherRound},
		{"sync/rounds-at-most", `^no more than (\d+) root summaries of the subject have reached "([^"]+)"$`, w.thenRoundsAtMost},
		{"sync/syncs-at-most", `^at most (\d+) syncs from the subject answer it$`, w.thenSyncsAtMost},
		{"sync/each-publish-reaches", `^each of those publishes reaches "([^"]+)"$`, w.thenAllReach},
		{"sync/no-publish-reaches-twice", `^no publish from the subject reaches "([^"]+)" twice$`, w.thenNoneReachesTwice},
		{"sync/some-publishes-at-most", `^some, and at most (\d+) publishes from the subject reach "([^"]+)"$`, w.thenSomePublishesAtMost},
		{"sync/publishes-at-most", `^at most (\d+) publishes from the subject reach "([^"]+)"$`, w.thenPublishesAtMost},
		{"sync/publishes-a-minute", `^in no minute more than (\d+) publishes from the subject reach "([^"]+)"$`, w.thenPublishesAMinute},
		{"sec/none-of-type-reaches", `^no (publish|join|intro|sync|stream) from the subject reaches "([^"]+)"$`, w.thenNoneOfTypeReaches},

		// Cache and budgets.
		{"repl/injector-sends-publish-with-ttl", `^"([^"]+)" sends the subject a publish that lives for (\d+) s$`, w.whenPublishLives},
		{"repl/injector-sends-publishes-with-ttl", `^"([^"]+)" sends the subject (\d+) publishes that live for (\d+) s$`, w.whenPublishesLive},
		{"budg/injector-sends-publishes-for-subcluster", `^"([^"]+)" sends the subject (\d+) publishes for its subcluster in (\d+) s$`, w.whenPublishesForSubject},
		{"budg/injector-falls-silent", `^"([^"]+)" falls silent$`, w.whenFallsSilent},
		{"repl/publish-expires", `^within (\d+) keepalive intervals that publish is gone from the subject's cache$`, w.thenThatIsGone},
		{"repl/publish-not-cached", `^that publish is not in the subject's cache$`, w.thenThatIsNotCached},
		{"repl/publish-reaches-with-hops", `^within (\d+) keepalive intervals that publish reaches "([^"]+)" with hops (\d+)$`, w.thenThatReaches},
		{"repl/publish-reaches-with-ttl", `^within (\d+) keepalive intervals that publish reaches "([^"]+)" with (\d+) to (\d+) s to live$`, w.thenThatReachesAged},
		{"repl/publish-reaches-with-last-ttl", `^within (\d+) keepalive intervals that publish reaches "([^"]+)" with at most a keepalive interval to live$`, w.thenThatReachesLast},
		{"repl/publish-reached-once", `^that publish has reached "([^"]+)" once$`, w.thenThatReachedOnce},
		{"repl/injector-sends-publish-again", `^"([^"]+)" sends the subject that publish again$`, w.whenThatAgain},
		{"budg/cache-holds-last", `^the subject's cache holds (\d+) packets, the last of those sent$`, w.thenHoldsLast},
		{"budg/idle-traffic", `^in (\d+) quiet keepalive intervals the subject sends at most (\d+) datagrams for each peer that it knows, and (\d+) for each member$`, w.thenIdle},
		{"budg/peers-given-up", `^within (\d+) keepalive intervals the subject gives up (.+), and no other peer$`, w.thenGivesUp},

		// Security.
		{"sec/amplification", `^the subject has sent "([^"]+)" at most (\d+) bytes for each byte that it got$`, w.thenAmplifies},
		{"sec/join-sets-off", `^because of it the subject has sent some, and at most (\d+) intros and (\d+) joins$`, w.thenSetsOff},

		{"sec/nobody-sends", `^nothing from any peer reaches "([^"]+)"$`, w.thenNobodySends},
		{"sec/pings-at-most", `^some, and at most (\d+) pings from the subject go to the address of "([^"]+)"$`, w.thenConnectionPingsAtMost},

		// Codec.
		{"frame/codec-passes", `^the codec passes every vector of "([^"]+)"$`, w.thenCodecPasses},
	}
}

// judged gives the subject time to send what it owes before all that it sent
// is judged.
func (w *World) judged(judge func() error) func() error {
	return func() error {
		if err := w.pass(time.Second); err != nil {
			return err
		}
		return judge()
	}
}
