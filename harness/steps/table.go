package steps

import (
	"time"

	"github.com/cucumber/godog"
)

// A definition binds an expression to what it means.
type definition struct {
	expression string
	does       any
}

// Register puts the step definitions into a scenario.
func (w *World) Register(sc *godog.ScenarioContext) {
	for _, d := range w.table() {
		sc.Step(d.expression, d.does)
	}
}

// table is the whole language of features/. A test holds that each step of
// the features matches exactly one expression, and that each is used.
func (w *World) table() []definition {
	return []definition{
		// What there is.
		{`^(\d+) bootstrap peers$`, w.givenBootstrapPeers},
		{`^the host "([^"]+)" on the public internet$`, func(name string) error { return w.givenHost(name, openProfile) }},
		{`^the host "([^"]+)" behind an? ([\w-]+) NAT$`, w.givenHost},
		{`^the subject on the public internet$`, func() error { return w.givenSubjectBehind(openProfile) }},
		{`^the subject behind an? ([\w-]+) NAT$`, w.givenSubjectBehind},
		{`^the subject, which starts later, behind an? ([\w-]+) NAT$`, w.givenSubjectLater},
		{`^the subject runs as a bootstrap peer on "([^"]+)"$`, w.givenSubjectBootstrap},
		{`^the subject runs on "([^"]+)" without bootstrap peers$`, w.givenSubjectLonely},
		{`^the subject's codec$`, w.givenCodec},
		{`^a companion "([^"]+)" behind an? ([\w-]+) NAT$`, w.givenCompanionBehind},
		{`^an injector "([^"]+)" on the public internet$`, func(name string) error { return w.givenInjector(name, openProfile, false) }},
		{`^an injector "([^"]+)" behind an? ([\w-]+) NAT$`, func(name, profile string) error { return w.givenInjector(name, profile, false) }},
		{`^an injector "([^"]+)" on the public internet that never answers$`, func(name string) error { return w.givenInjector(name, openProfile, true) }},
		{`^an injector "([^"]+)" that is a bootstrap peer to the subject$`, w.givenBootstrapInjector},
		{`^the injectors "([^"]+)", "([^"]+)" and "([^"]+)" are the bootstrap peers of the subject$`, w.givenInjectorsAreBootstraps},
		{`^an injector "([^"]+)" on the network of the subject$`, w.givenLANInjector},
		{`^the subject and a companion "([^"]+)" behind one ([\w-]+) NAT$`, w.givenOneNAT},
		{`^the subject knows only "([^"]+)" and "([^"]+)"$`, func(a, b string) error { return w.givenKnowsOnly("", a, b) }},
		{`^"([^"]+)" knows only "([^"]+)" and "([^"]+)"$`, w.givenKnowsOnly},
		{`^"([^"]+)" opens a second socket$`, w.givenSecondSocket},
		{`^the first (answer to the probe socket|second pong) of "([^"]+)" is lost$`, w.givenAnswerLost},
		{`^the link of "([^"]+)" is down$`, func(name string) error { return w.linkDown(name, true) }},
		{`^the link of "([^"]+)" is up$`, func(name string) error { return w.linkDown(name, false) }},
		{`^the link of "([^"]+)" loses (\d+) % of its packets$`, w.linkLoses},
		{`^the link of "([^"]+)" duplicates (\d+) % of its packets$`, w.linkDuplicates},

		// What happens to peers.
		{`^(\d+) s pass(?:es)?$`, w.whenTimePasses},
		{`^(\d+) keepalive intervals? pass(?:es)?$`, w.whenIntervalsPass},
		{`^the NAT of "([^"]+)" reboots$`, w.whenNATReboots},
		{`^the NAT of "([^"]+)" gets another address$`, w.whenNATReaddressed},
		{`^the host "([^"]+)" is suspended for (\d+) keepalive intervals$`, w.whenSuspended},
		{`^the subject starts on "([^"]+)"$`, w.whenSubjectStarts},
		{`^the subject starts$`, w.whenSubjectComes},
		{`^"([^"]+)" stops$`, w.whenStops},
		{`^the subject and "([^"]+)" join the same subcluster$`, w.whenBothJoin},
		{`^the subject and "([^"]+)" try to join the same subcluster$`, w.whenBothTry},
		{`^"([^"]+)" joins a subcluster$`, func(host string) error { return w.whenPeerJoinsNamed(host, theSubcluster) }},
		{`^the subject joins a subcluster$`, w.whenSubjectJoins},
		{`^the subject joins the subcluster "([^"]+)"$`, w.whenSubjectJoinsNamed},
		{`^"([^"]+)" joins the subcluster "([^"]+)"$`, w.whenPeerJoinsNamed},
		{`^the subject publishes "([^"]+)"$`, w.whenSubjectPublishes},
		{`^"([^"]+)" publishes "([^"]+)"$`, w.whenPeerPublishes},
		{`^the subject publishes (\d+) bytes$`, w.whenSubjectPublishesBytes},
		{`^the subject publishes (\d+) bytes, signed$`, w.whenSubjectPublishesSigned},
		{`^"([^"]+)" publishes (\d+) bytes, signed$`, w.whenPeerPublishesSigned},
		{`^"([^"]+)" publishes (\d+) bytes, unsigned$`, w.whenPeerPublishesUnsigned},
		{`^"([^"]+)" publishes for the subject's subcluster (\d+) bytes with (.+)$`, w.whenMessageSigned},
		{`^the subject publishes messages of ([\d, and]+) bytes$`, w.whenSubjectPublishesSizes},
		{`^"([^"]+)" publishes messages of ([\d, and]+) bytes$`, w.whenPeerPublishesSizes},

		// What injectors do.
		{`^"([^"]+)" sends the subject pings with these edits:$`, w.whenEditedPings},
		{`^"([^"]+)" sends the subject the datagram ([0-9a-f]+)$`, w.whenDatagram},
		{`^"([^"]+)" sends the subject the hostile case: (.+)$`, w.whenHostile},
		{`^"([^"]+)" sends the subject, under ids that fit, the hostile case: (.+)$`, w.whenHostileFitted},
		{`^"([^"]+)" sends the subject (\d+) datagrams of noise$`, w.whenNoise},
		{`^"([^"]+)" pings the subject$`, func(name string) error { return w.whenPings(name, nil) }},
		{`^"([^"]+)" pings the subject with:$`, w.whenPings},
		{`^"([^"]+)" pings the subject from its second socket$`, w.whenPingsFromSecond},
		{`^"([^"]+)" pings the peer on "([^"]+)"$`, w.whenPingsPeer},
		{`^"([^"]+)" is known to the subject$`, w.whenKnown},
		{`^"([^"]+)" is known to the subject as a member of the cluster$`, w.whenKnownMember},
		{`^"([^"]+)" is known to the subject, and writes its peerId in upper case$`, w.whenKnownInUpperCase},
		{`^the subject syncs with "([^"]+)"$`, w.whenSubjectSyncs},
		{`^"([^"]+)" sends the subject reflection pongs that name ([\d.]+) with (a null|an invented|no) reflectionId$`, w.whenReflectionPongs},
		{`^"([^"]+)" introduces the subject to a peer of type (\d+) at an address where nobody is$`, w.whenIntroducesNobody},
		{`^"([^"]+)" introduces the subject to a peer at the address "([^"]+)"$`, w.whenIntroducesHostName},
		{`^"([^"]+)" introduces the subject to "([^"]+)" by its address (in IPv6|with leading zeros|as one number)$`, w.whenIntroducesSpelled},
		{`^"([^"]+)", unknown to the subject, introduces it to "([^"]+)"$`, w.whenIntroduces},
		{`^"([^"]+)" introduces the subject to "([^"]+)" before it answers the subject's question$`, w.whenIntroducesUnanswered},
		{`^"([^"]+)", now known, introduces the subject to "([^"]+)"$`, w.whenIntroducesAgain},
		{`^"([^"]+)" introduces the subject to "([^"]+)" as a peer of type (\d+)$`, w.introduce},
		{`^"([^"]+)" introduces the subject to "([^"]+)" at an address where nobody is$`, w.whenIntroducesElsewhere},
		{`^"([^"]+)", its bootstrap peer, introduces the subject to "([^"]+)" as a peer of type (\d+)$`, w.whenBootstrapIntroduces},
		{`^"([^"]+)", its bootstrap peer, introduces the subject to (\d+) peers at the address of "([^"]+)" as of type (\d+)$`, w.whenBootstrapIntroducesSeveral},
		{`^"([^"]+)" pings the subject from a port that was opened for it, and answers nothing$`, w.whenPingsFromOpened},
		{`^"([^"]+)" pings the sockets from which the subject looks for "([^"]+)", in its name$`, w.whenLANPings},
		{`^"([^"]+)" passes on a join of "([^"]+)"$`, w.whenPassesOnJoin},
		{`^"([^"]+)" sends the subject a join$`, w.whenJoin},
		{`^"([^"]+)" sends the subject a join twice$`, w.whenJoinTwice},
		{`^"([^"]+)" sends the subject a join with hops (\d+)$`, w.whenJoinHops},
		{`^"([^"]+)" sends the subject another join with hops (\d+)$`, w.whenAnotherJoinHops},
		{`^"([^"]+)" sends the subject (\d+) different joins$`, w.whenDifferentJoins},
		{`^"([^"]+)" sends the subject a join with "([^"]+)" as the rendezvous$`, w.whenJoinWithRendezvous},
		{`^"([^"]+)" sends the subject a rendezvous answer that names "([^"]+)"$`, w.whenRendezvousAnswer},
		{`^"([^"]+)" sends the subject (?:a|another) publish$`, w.whenPublish},
		{`^"([^"]+)" sends the subject a publish twice$`, w.whenPublishTwice},
		{`^"([^"]+)" sends the subject (?:a|another) publish with hops (\d+)$`, w.whenPublishHops},
		{`^"([^"]+)" sends the subject a publish with a false packetId$`, w.whenPublishFalseID},
		{`^"([^"]+)" sends the subject a publish of another cluster$`, w.whenPublishElsewhere},
		{`^"([^"]+)" sends the subject (\d+) publishes$`, w.whenPublishes},
		{`^"([^"]+)" sends the subject (\d+) publishes in half a minute$`, w.whenPublishesInHalfAMinute},
		{`^"([^"]+)" sends the subject (\d+) publishes in (\d+) s$`, w.whenPublishesInTime},
		{`^"([^"]+)" sends the subject publishes for its subcluster that can't be opened$`, w.whenUnopenable},
		{`^"([^"]+)" sends the subject a fragmented publish for its subcluster in the order ([\w -]+)$`, w.whenFragmented},
		{`^"([^"]+)" sends the subject a sync with the summary of an empty cache$`, w.whenSyncsEmpty},
		{`^"([^"]+)" sends the subject a sync with the summary of those publishes$`, w.whenSyncsAll},
		{`^"([^"]+)" sends the subject a sync that lacks one of those publishes$`, w.whenSyncsAllButOne},
		{`^"([^"]+)" tells in its pongs the hash of another cache$`, w.whenTellsAnotherHash},
		{`^"([^"]+)" sends the subject (a small ping|a ping with probeExternalPort|a connection ping|a sync with an invented hash|a sync with 16 invented buckets|a join that names another address|a query for a cached packet)$`, w.whenTrigger},
		{`^"([^"]+)" sends the subject a join that names the address of "([^"]+)"$`, w.whenJoinNames},
		{`^"([^"]+)" introduces the subject to (\d+) peers at the address of "([^"]+)"$`, w.whenIntroducesSeveral},
		{`^"([^"]+)" sends the subject a connection ping in the name of "([^"]+)"$`, w.whenInTheNameOf},

		// Streams.
		{`^(the subject|"[^"]+") streams "([^"]+)" to (the subject|"[^"]+")$`, w.whenStreams},
		{`^(the subject|"[^"]+") streams messages of ([\d, and]+) bytes to (the subject|"[^"]+")$`, w.whenStreamsSizes},
		{`^(the subject|"[^"]+") streams (\d+) messages of (\d+) bytes at once to (the subject|"[^"]+")$`, w.whenStreamsAtOnce},
		{`^"([^"]+)" sends the subject (?:a|another) stream for "([^"]+)"$`, w.whenStreamFor},
		{`^"([^"]+)" sends the subject a stream for "([^"]+)" twice$`, w.whenStreamForTwice},
		{`^"([^"]+)" sends the subject (?:a|another) stream for "([^"]+)" with hops (\d+)$`, w.whenStreamForHops},
		{`^"([^"]+)" sends the subject a stream for a peer that nobody knows$`, w.whenStreamForNobody},
		{`^"([^"]+)" sends the subject that stream back$`, w.whenStreamBack},
		{`^"([^"]+)" streams a fragmented message to the subject in the order ([\d ]+)$`, w.whenStreamsParts},
		{`^"([^"]+)" and "([^"]+)" each stream a fragmented message to the subject, packet by packet in turn$`, w.whenStreamTogether},
		{`^"([^"]+)", an injector, streams "([^"]+)" to the subject$`, w.whenStreamsTo},
		{`^"([^"]+)", an injector, streams "([^"]+)" to the subject under a false packetId$`, w.whenStreamsFalse},
		{`^"([^"]+)" streams to the subject what can't be opened$`, w.whenStreamsNoise},
		{`^(the subject|"[^"]+") receives each of its streams once$`, w.thenReceivesStreams},
		{`^(the subject|"[^"]+") has delivered (\d+) streams?$`, w.thenDeliversStreams},
		{`^every stream of the subject has hops 0 and names (the subject|"[^"]+") in usr3 and the subject in usr4$`, w.thenStreamsNameBoth},
		{`^the (\d+) packets of the message or more left the subject over (\d+) ms or more$`, w.thenStreamTakes},
		{`^no two heads of the subject's streams have one packetId$`, w.thenHeadsDiffer},

		// Lifecycle.
		{`^the subject falls asleep$`, w.whenFallsAsleep},
		{`^the subject wakes$`, w.whenWakes},
		{`^the subject leaves the subcluster "([^"]+)"$`, w.whenLeaves},
		{`^the subject restarts with the state that it saved$`, w.whenRestarts},
		{`^the subject restarts with a corrupt state$`, w.whenRestartsCorrupt},
		{`^for (\d+) keepalive intervals the subject sends nothing$`, w.thenSilentInSleep},
		{`^for (\d+) keepalive intervals the subject announces itself no more$`, w.thenNoMoreJoins},
		{`^in (\d+) keepalive intervals the subject joins the subcluster "([^"]+)" alone$`, w.thenJoinsOnly},
		{`^the subject counts "([^"]+)" as a member of "([^"]+)", and no other peer$`, w.thenCountsMember},
		{`^the subject reports an error$`, w.thenReportsError},
		{`^for (\d+) keepalive intervals the subject does not deliver "([^"]+)" again$`, w.thenNotAgain},
		// Queries.
		{`^"([^"]+)" is known to "([^"]+)"$`, w.whenKnownTo},
		{`^"([^"]+)" sends the subject (?:a|another) question$`, w.whenQuestion},
		{`^"([^"]+)" sends the subject a question twice$`, w.whenQuestionTwice},
		{`^"([^"]+)" sends the subject (?:a|another) question with hops (\d+)$`, w.whenQuestionHops},
		{`^"([^"]+)" sends the subject a question that is (\d+) s old$`, w.whenQuestionAged},
		{`^"([^"]+)" sends the subject a question for that publish$`, w.whenQuestionForPublish},
		{`^"([^"]+)" sends the subject questions whose bodies are no objects$`, w.whenOddQuestions},
		{`^"([^"]+)" answers that question with bodies that are no objects$`, w.whenOddAnswers},
		{`^(\d+) (question|answer)s? of the subject ha(?:s|ve) reached "([^"]+)"$`, w.thenQueriesReached},
		{`^"([^"]+)" answers that question$`, w.whenAnswersThat},
		{`^"([^"]+)" answers that question, twice$`, w.whenAnswersThatTwice},
		{`^"([^"]+)" answers that question under a false packetId$`, w.whenAnswersThatFalsely},
		{`^"([^"]+)" answers that question with hops (\d+)$`, w.whenAnswersThatHops},
		{`^the subject asks (\{.*\})$`, w.whenSubjectAsks},
		{`^the subject asks for that message$`, w.whenSubjectAsksForThat},
		{`^"([^"]+)" answers the subject's question with "([^"]+)"$`, w.whenAnswers},
		{`^"([^"]+)" answers the subject's question with "([^"]+)", twice$`, w.whenAnswersTwice},
		{`^"([^"]+)" answers the subject's question with "([^"]+)" and a usr1 that begins like a number$`, w.whenAnswersWithUsr1},
		{`^"([^"]+)" answers the subject's question with "([^"]+)" under a false packetId$`, w.whenAnswersFalsely},
		{`^"([^"]+)" answers the subject's question in packets in the order ([\d ]+)$`, w.whenAnswersInParts},
		{`^the subject answers "([^"]+)" with that publish$`, w.thenAnswersWithPublish},
		{`^by sync the subject sends "([^"]+)" that publish as it was$`, w.thenSyncsAsPublish},
		{`^a question from the subject reaches "([^"]+)" with hops 1, a time in usr1 and 32 bytes in usr3$`, w.thenQuestionReaches},
		{`^two questions from the subject reach "([^"]+)" with different packetIds$`, w.thenQuestionsDiffer},
		{`^the subject delivers the answer once$`, w.thenDeliversAnswer},
		{`^the subject delivers the packet that it asked for once$`, w.thenDeliversThatPacket},
		{`^the subject has delivered (\d+) answers?$`, w.thenAnswersDelivered},

		// What must be seen: framing.
		{`^the subject answers none of them, but the sound ping after them$`, w.thenSilence},
		{`^the subject answers each of them$`, w.thenEachAnswered},
		{`^the subject still answers an honest ping$`, w.thenStillAnswers},
		{`^in every packet that the subject sent an unset field is 000100$`, w.judged(w.thenUnsetIsOneZero)},
		{`^every packet that the subject sent is the canonical encoding of its fields$`, w.judged(w.thenCanonical)},
		{`^every JSON body that the subject sent is ASCII$`, w.judged(w.thenASCII)},
		{`^no datagram that the subject sent is longer than (\d+) bytes$`, func(n int) error { return w.judged(func() error { return w.thenNoLongDatagram(n) })() }},
		{`^every ([\w, ]+) that the subject sent has index (-?\d+)$`, w.thenIndexOf},
		{`^every ([\w, ]+) that the subject sent has the packetId of its content$`, w.thenIDs},

		// Messages.
		{`^a pong from the subject's (main|probe) socket reaches "([^"]+)" with:$`, func(socket, name string, keys *godog.Table) error { return w.thenPong(socket, name, false, keys) }},
		{`^a pong from the subject's (main|probe) socket reaches the second socket of "([^"]+)" with:$`, func(socket, name string, keys *godog.Table) error { return w.thenPong(socket, name, true, keys) }},
		{`^a pong from the peer on "[^"]+" reaches "([^"]+)" with:$`, func(name string, keys *godog.Table) error { return w.thenPong("main", name, false, keys) }},
		{`^no pong from the subject carries both (\w+) and (\w+)$`, w.thenNoPongWithBoth},
		{`^the subject has sent no ping with (\w+)$`, w.thenNoPingWith},

		// NAT discovery.
		{`^the subject's NAT type is (\d+)$`, w.thenNATType},
		{`^within (\d+) s the subject's NAT type is (\d+)$`, w.thenNATTypeWithin},
		{`^the subject has found no NAT type$`, w.thenNoNATType},
		{`^the subject's NAT type is still (\d+)$`, w.thenNATTypeStill},
		{`^the subject's own address is still that of "([^"]+)"$`, w.thenOwnAddressIs},
		{`^the subject sent a reflection ping with isProbe from its probe socket$`, w.thenStageOne},
		{`^after its answer the subject sent reflection pings with probeExternalPort from its main socket to (\d+) bootstrap peers$`, w.thenStageTwo},
		{`^the subject sent each bootstrap peer a connection ping with natType (\d+)$`, w.thenAnnounced},
		{`^the subject sent no plain ping to a peer that had not announced a natType$`, w.thenNoPlainPing},
		{`^within (\d+) keepalive intervals (\d+) reflection pings of the subject reach "([^"]+)", and no plain one$`, w.thenReflectionPings},

		// Traversal and membership.
		{`^the subject and "([^"]+)" are connected without a proxy$`, w.thenConnected},
		{`^within (\d+) keepalive intervals the subject and "([^"]+)" are connected without a proxy$`, w.thenConnectedWithin},
		{`^the subject and "([^"]+)" are connected, punched or through a proxy$`, w.thenConnectedAnyhow},
		{`^the subject and "([^"]+)" are connected through a proxy$`, w.thenProxied},
		{`^within (\d+) keepalive intervals the subject and "([^"]+)" reach each other again$`, w.thenReachAgain},
		{`^within (\d+) keepalive intervals the subject and "([^"]+)" exchange packets, directly or by a proxy$`, w.thenExchange},
		{`^within (\d+) keepalive intervals the subject takes the address of the NAT of "([^"]+)" for its own$`, w.thenOwnAddressIsNATs},
		{`^within (\d+) s the subject begins to discover its NAT type anew$`, w.thenDiscoversAnew},
		{`^the subject reports no connection to "([^"]+)"$`, w.thenNotConnected},
		{`^the subject reports a connection to "([^"]+)" by the proxy "([^"]+)"$`, w.thenReportsConnection},
		{`^the subject reports a connection to "([^"]+)" without a proxy$`, func(name string) error { return w.thenReportsConnection(name, "") }},
		{`^the subject sends openers to (\d+) distinct ports of "([^"]+)"$`, w.thenOpens},
		{`^the subject pings "([^"]+)" from (\d+) to (\d+) sockets, at most (\d+) times$`, w.thenPingsFromMany},
		{`^"([^"]+)" answers at one of the sockets from which the subject looks for it$`, w.whenAnswersPool},
		{`^the subject sends to "([^"]+)" from one socket, which is not its main socket$`, w.thenOneSocket},
		{`^the subject answers "([^"]+)" there, and not "([^"]+)"$`, w.thenAnswersOnly},
		{`^the intro from the subject that reaches "([^"]+)" names the address from which "([^"]+)" sent$`, w.thenIntroNamesSource},
		{`^one intro from the subject that reaches "([^"]+)" names the address of "([^"]+)", and no other does$`, w.thenOneIntroNames},
		{`^an intro from the subject that names "([^"]+)" gets through to "([^"]+)"$`, func(about, to string) error { return w.thenIntroReachesPeer(to, about) }},
		{`^the subject sent a connection ping to the address at which it was introduced to "([^"]+)"$`, w.thenPingedWhereIntroduced},
		{`^the subject reports no connection to that peer$`, w.thenNoConnectionToThat},
		{`^nothing from the subject reaches "([^"]+)"$`, w.thenNothingReaches},
		{`^a connection ping from the subject reaches "([^"]+)"$`, w.thenConnectionPingReaches},
		{`^the subject has sent a join with hops (\d+) and these keys: ([\w, ]+)$`, w.thenJoinHas},
		{`^within (\d+) keepalive intervals the subject sends (\d+) more joins for each subcluster that it joined$`, w.thenMoreJoins},
		{`^within (\d+) keepalive intervals each bootstrap peer gets (\d+) heartbeats of the subject$`, w.thenHeartbeats},
		{`^within (\d+) keepalive intervals "([^"]+)" gets (\d+) heartbeats of the subject$`, w.thenHeartbeatsReach},
		{`^a join from the subject reaches "([^"]+)" with:$`, w.thenJoinReaches},
		{`^an intro from the subject reaches "([^"]+)" that names "([^"]+)"$`, w.thenIntroReaches},
		{`^another intro from the subject reaches "([^"]+)" that names "([^"]+)"$`, w.thenAnotherIntroReaches},
		{`^the subject relays each of these joins, and none of them to anybody twice$`, w.thenRelaysEachOnce},
		{`^every intro that the subject sent has these keys: ([\w, ]+)$`, w.thenIntroKeys},
		{`^in every intro that the subject sent usr1 is a time in ASCII milliseconds$`, w.thenIntroTime},
		{`^the subject relays that (join|publish|stream|question|answer) to "([^"]+)" once, with hops (\d+)$`, w.thenRelaysOnce},
		{`^the subject does not relay that (join|publish|stream|question|answer) to "([^"]+)"$`, w.thenNotRelayed},
		{`^the subject relays the (join|publish|stream|question|answer) with hops (\d+) to "([^"]+)", but not the one with hops (\d+)$`, w.thenRelaysHopsOnly},
		{`^the subject relays the second (publish|stream|question|answer) to "([^"]+)", but not the first$`, w.thenRelaysLastOnly},
		{`^within (\d+) keepalive intervals the subject relays a join of "([^"]+)" to "([^"]+)"$`, w.thenRelaysJoinsOf},
		{`^the subject relays that join to "([^"]+)" with the same packetId and the rendezvous keys that name the subject$`, w.thenRelaysWithRendezvous},

		// Publishing.
		{`^the subject receives "([^"]+)" once$`, w.thenSubjectReceives},
		{`^"([^"]+)" receives "([^"]+)" once$`, w.thenPeerReceives},
		{`^within (\d+) keepalive intervals "([^"]+)" receives "([^"]+)" once$`, w.thenPeerReceivesWithin},
		{`^the subject receives each of them once$`, w.thenSubjectReceivesEach},
		{`^"([^"]+)" receives each of them once$`, w.thenPeerReceivesEach},
		{`^"([^"]+)" is nowhere on the wire in the clear$`, w.thenNotInTheClear},
		{`^no bootstrap peer has opened it$`, w.thenNoBootstrapOpened},
		{`^each publish that the subject multicast first had hops (\d+)$`, w.thenFirstHops},
		{`^the published packets are in the subject's cache$`, w.thenPublishedAreCached},
		{`^that publish is in the subject's cache$`, w.thenThatIsCached},
		{`^the subject has cached at most (\d+) of them$`, w.thenCachedAtMost},
		{`^the message leaves the subject as (\d+) packets? of at most (\d+) message bytes$`, w.thenLeavesAs},
		{`^the packetIds of its fragments form the chain$`, w.thenChain},
		{`^the signature on the wire covers the plaintext without its first 64 bytes$`, w.thenSigned},
		{`^the subject delivers that publish once$`, w.thenDeliversThat},
		{`^(the subject|"[^"]+") delivers it, (verified|not verified)$`, w.thenDeliversSigned},
		{`^the subject delivers it all the same$`, w.thenDeliversAnyway},
		{`^(the subject|"[^"]+") delivers it as the event "([^"]+)"$`, w.thenDeliversEvent},
		{`^usr1 of each packet of the message is the SHA-256 of "([^"]+)"$`, w.thenNamesEvent},

		// Sync.
		{`^the caches of the subject and "([^"]+)" are equal$`, w.thenSameCaches},
		{`^a sync from the subject reaches "([^"]+)" with the summary of an empty prefix and a time in usr4$`, w.thenSyncReaches},
		{`^a sync from the subject reaches "([^"]+)" whose summary is that of the subject's cache$`, w.thenSyncMatchesCache},
		{`^the subject does not answer it, but answers an honest ping$`, w.thenSyncUnanswered},
		{`^the subject and "([^"]+)" come to hold the same packets by syncing$`, w.thenSyncConverges},
		{`^within (\d+) keepalive intervals the caches of the subject and "([^"]+)" are equal$`, w.thenSameCachesWithin},
		{`^within (\d+) keepalive intervals another root summary of the subject reaches "([^"]+)"$`, w.thenAnotherRound},
		{`^no more than (\d+) root summaries of the subject have reached "([^"]+)"$`, w.thenRoundsAtMost},
		{`^at most (\d+) syncs from the subject answer it$`, w.thenSyncsAtMost},
		{`^each of those publishes reaches "([^"]+)"$`, w.thenAllReach},
		{`^no publish from the subject reaches "([^"]+)" twice$`, w.thenNoneReachesTwice},
		{`^some, and at most (\d+) publishes from the subject reach "([^"]+)"$`, w.thenSomePublishesAtMost},
		{`^at most (\d+) publishes from the subject reach "([^"]+)"$`, w.thenPublishesAtMost},
		{`^in no minute more than (\d+) publishes from the subject reach "([^"]+)"$`, w.thenPublishesAMinute},
		{`^no (publish|join|intro|sync|stream) from the subject reaches "([^"]+)"$`, w.thenNoneOfTypeReaches},

		// Cache and budgets.
		{`^"([^"]+)" sends the subject a publish that lives for (\d+) s$`, w.whenPublishLives},
		{`^"([^"]+)" sends the subject (\d+) publishes that live for (\d+) s$`, w.whenPublishesLive},
		{`^"([^"]+)" sends the subject (\d+) publishes for its subcluster in (\d+) s$`, w.whenPublishesForSubject},
		{`^"([^"]+)" falls silent$`, w.whenFallsSilent},
		{`^within (\d+) keepalive intervals that publish is gone from the subject's cache$`, w.thenThatIsGone},
		{`^that publish is not in the subject's cache$`, w.thenThatIsNotCached},
		{`^within (\d+) keepalive intervals that publish reaches "([^"]+)" with hops (\d+)$`, w.thenThatReaches},
		{`^within (\d+) keepalive intervals that publish reaches "([^"]+)" with (\d+) to (\d+) s to live$`, w.thenThatReachesAged},
		{`^within (\d+) keepalive intervals that publish reaches "([^"]+)" with at most a keepalive interval to live$`, w.thenThatReachesLast},
		{`^that publish has reached "([^"]+)" once$`, w.thenThatReachedOnce},
		{`^"([^"]+)" sends the subject that publish again$`, w.whenThatAgain},
		{`^the subject's cache holds (\d+) packets, the last of those sent$`, w.thenHoldsLast},
		{`^in (\d+) quiet keepalive intervals the subject sends at most (\d+) datagrams for each peer that it knows, and (\d+) for each member$`, w.thenIdle},
		{`^within (\d+) keepalive intervals the subject gives up (.+), and no other peer$`, w.thenGivesUp},

		// Security.
		{`^the subject has sent "([^"]+)" at most (\d+) bytes for each byte that it got$`, w.thenAmplifies},
		{`^because of it the subject has sent some, and at most (\d+) intros and (\d+) joins$`, w.thenSetsOff},

		{`^nothing from any peer reaches "([^"]+)"$`, w.thenNobodySends},
		{`^some, and at most (\d+) pings from the subject go to the address of "([^"]+)"$`, w.thenConnectionPingsAtMost},

		// Codec.
		{`^the codec passes every vector of "([^"]+)"$`, w.thenCodecPasses},
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
