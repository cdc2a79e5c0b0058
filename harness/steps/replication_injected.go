package steps

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

var _ = step("repl/injector-sends-publish-with-ttl", `^"([^"]+)" sends the subject a publish that lives for (\d+) s$`,
	func(w *World, name string, seconds int) {
		w.givePublish(name, 1, func(p *wire.Packet) { p.TTL = uint32(seconds) * 1000 })
	})

var _ = step("repl/injector-sends-publishes-with-ttl", `^"([^"]+)" sends the subject (\d+) publishes that live for (\d+) s$`,
	(*World).whenPublishesLive)

func (w *World) whenPublishesLive(name string, count, seconds int) {
	w.publishMany(name, count, time.Duration(count)*10*time.Millisecond, strangers, func(p *wire.Packet) { p.TTL = uint32(seconds) * 1000 })
}

var _ = step("budg/injector-sends-publishes-for-subcluster", `^"([^"]+)" sends the subject (\d+) publishes for its subcluster in (\d+) s$`,
	(*World).whenPublishesForSubject)

// whenPublishesForSubject must not take more than a minute: a peer counts by the
// minute, so that a third one would have room for more.
func (w *World) whenPublishesForSubject(name string, count, seconds int) {
	begin := w.net.Now()
	w.publishMany(name, count, time.Duration(seconds)*time.Second, w.membership.group, nil)
	if took := w.net.Now().Sub(begin); took > time.Minute {
		misused("%d publishes took this machine %.0f s, and not %d", count, took.Seconds(), seconds)
	}
}

var _ = step("repl/injector-sends-publish-again", `^"([^"]+)" sends the subject that publish again$`,
	(*World).whenThatAgain)

func (w *World) whenThatAgain(name string) {
	in := w.acting(name)
	w.give(in, w.given[len(w.given)-1].packet)
	w.pass(50 * time.Millisecond)
}

// holdsThat reports whether the last publish that was given to the subject is in
// its cache.
func (w *World) holdsThat() bool {
	c := w.cacheOf(w.subject)
	id, _ := w.given[len(w.given)-1].packet.ID()
	return slices.Contains(c.IDs, id.String())
}

// awaitHolding asks the subject's cache, so often, until it holds that publish, or
// doesn't, as is wanted; it tells what was found last.
func (w *World) awaitHolding(wanted bool, within, every time.Duration) (holds bool) {
	until := w.net.Now().Add(within)
	for {
		holds = w.holdsThat()
		if holds == wanted || w.net.Now().After(until) {
			return holds
		}
		w.pass(every)
	}
}

var _ = step("repl/publish-expires", `^within (\d+) keepalive intervals that publish is gone from the subject's cache$`,
	(*World).thenThatIsGone)

func (w *World) thenThatIsGone(intervals int) {
	if w.awaitHolding(false, time.Duration(intervals)*w.k(), time.Second) {
		w.violated(nil, "after %d keepalive intervals the publish is still in the subject's cache", intervals)
	}
}

var _ = step("repl/publish-not-cached", `^that publish is not in the subject's cache$`,
	(*World).thenThatIsNotCached)

func (w *World) thenThatIsNotCached() {
	if w.holdsThat() {
		w.violated(nil, "the publish is in the subject's cache")
	}
}

// thatReached lists the times at which the last publish that was given to the
// subject reached an injector from there.
func (w *World) thatReached(in *scripted) []seen {
	id := string(w.given[len(w.given)-1].packet.PacketID)
	return slices.DeleteFunc(w.publishesTo(in), func(s seen) bool { return string(s.packet.PacketID) != id })
}

// awaitThat gives the publish that was given to the subject last, as it reaches
// an injector from there.
func (w *World) awaitThat(intervals int, name string) seen {
	in := w.injector(name)
	if !w.await(time.Duration(intervals)*w.k(), func() bool { return len(w.thatReached(in)) > 0 }) {
		w.violated(nil, "within %d keepalive intervals the publish did not reach %q", intervals, name)
	}
	return w.thatReached(in)[0]
}

// awaitAged wants the publish that was given to the subject last to reach an
// injector from there, with a ttl from least to most.
func (w *World) awaitAged(intervals int, name string, least, most time.Duration) {
	s := w.awaitThat(intervals, name)
	if ttl := time.Duration(s.packet.TTL) * time.Millisecond; ttl < least || ttl > most {
		w.violated([]int{s.Seq}, "the publish reached %q with a ttl of %v, and not %v to %v", name, ttl, least, most)
	}
}

var _ = step("repl/publish-reaches-with-hops", `^within (\d+) keepalive intervals that publish reaches "([^"]+)" with hops (\d+)$`,
	(*World).thenThatReaches)

func (w *World) thenThatReaches(intervals int, name string, hops int) {
	s := w.awaitThat(intervals, name)
	if s.packet.Hops != uint32(hops) {
		w.violated([]int{s.Seq}, "the publish reached %q with hops %d", name, s.packet.Hops)
	}
}

var _ = step("repl/publish-reaches-with-ttl", `^within (\d+) keepalive intervals that publish reaches "([^"]+)" with (\d+) to (\d+) s to live$`,
	func(w *World, intervals int, name string, least, most int) {
		w.awaitAged(intervals, name, time.Duration(least)*time.Second, time.Duration(most)*time.Second)
	})

var _ = step("repl/publish-reaches-with-last-ttl", `^within (\d+) keepalive intervals that publish reaches "([^"]+)" with at most a keepalive interval to live$`,
	func(w *World, intervals int, name string) { w.awaitAged(intervals, name, time.Millisecond, w.k()) })

var _ = step("repl/publish-reached-once", `^that publish has reached "([^"]+)" once$`,
	(*World).thenThatReachedOnce)

func (w *World) thenThatReachedOnce(name string) {
	in := w.injector(name)
	if all := w.thatReached(in); len(all) != 1 {
		w.violated(frames(all), "the publish reached %q %d times", name, len(all))
	}
}

// strangers is a subcluster that the subject does not belong to.
var strangers = seal.NewKeys(seal.SharedKey("strangers"))

// aPublish is a sealed publish of a subcluster; n makes it another one.
func (w *World) aPublish(keys seal.Keys, n int, plaintext []byte) wire.Packet {
	sealed := sealOnce(fmt.Sprintf("%d publish %d", w.o.Seed, n), keys, plaintext)
	p := wire.NewPacket(wire.Publish)
	p.ClusterID = cluster[:]
	p.SubclusterID = keys.SubclusterID[:]
	p.Hops = 1
	p.Message = sealed
	id := wire.MessageID(sealed)
	p.PacketID = id[:]
	return p
}

func (w *World) givePublish(name string, times int, change func(*wire.Packet)) {
	in := w.acting(name)
	n := len(w.given)
	p := w.aPublish(strangers, n, fmt.Appendf(nil, "number %d", n))
	if change != nil {
		change(&p)
	}
	for range times {
		w.give(in, p)
		w.pass(50 * time.Millisecond)
	}
}

var _ = step("repl/injector-sends-publish", `^"([^"]+)" sends the subject (?:a|another) publish$`,
	func(w *World, name string) { w.givePublish(name, 1, nil) })

var _ = step("repl/injector-sends-publish-twice", `^"([^"]+)" sends the subject a publish twice$`,
	func(w *World, name string) { w.givePublish(name, 2, nil) })

var _ = step("repl/injector-sends-publish-hops", `^"([^"]+)" sends the subject (?:a|another) publish with hops (\d+)$`,
	func(w *World, name string, hops int) {
		w.givePublish(name, 1, func(p *wire.Packet) { p.Hops = uint32(hops) })
	})

var _ = step("repl/injector-sends-publish-of-other-cluster", `^"([^"]+)" sends the subject a publish of another cluster$`,
	(*World).whenPublishElsewhere)

func (w *World) whenPublishElsewhere(name string) {
	other := seal.ClusterID("another")
	w.givePublish(name, 1, func(p *wire.Packet) { p.ClusterID = other[:] })
}

var _ = step("id/injector-sends-publish-false-id", `^"([^"]+)" sends the subject a publish with a false packetId$`,
	(*World).whenPublishFalseID)

func (w *World) whenPublishFalseID(name string) {
	w.givePublish(name, 1, func(p *wire.Packet) {
		id := wire.MessageID([]byte("something else"))
		p.PacketID = id[:]
	})
}

var _ = step("repl/publish-is-cached", `^that publish is in the subject's cache$`,
	(*World).thenThatIsCached)

// thenThatIsCached asks again, since the answer to a command may be on its way
// before the datagram is read that came first.
func (w *World) thenThatIsCached() {
	if !w.awaitHolding(true, replyWithin, 100*time.Millisecond) {
		id, _ := w.given[len(w.given)-1].packet.ID()
		w.violated(nil, "the subject's cache does not hold the publish %s", id)
	}
}

// whenPublishesMany sends publishes one after the other, over a time.
func (w *World) whenPublishesMany(name string, count int, over time.Duration) {
	w.publishMany(name, count, over, strangers, nil)
}

func (w *World) publishMany(name string, count int, over time.Duration, keys seal.Keys, change func(*wire.Packet)) {
	in := w.acting(name)
	for range count {
		n := len(w.given)
		p := w.aPublish(keys, n, fmt.Appendf(nil, "number %d", n))
		if change != nil {
			change(&p)
		}
		w.give(in, p)
		w.pass(over / time.Duration(count))
	}
	w.pass(100 * time.Millisecond)
}

var _ = step("repl/injector-sends-publishes", `^"([^"]+)" sends the subject (\d+) publishes$`,
	func(w *World, name string, count int) {
		w.whenPublishesMany(name, count, time.Duration(count)*10*time.Millisecond)
	})

var _ = step("repl/injector-sends-publishes-in-half-a-minute", `^"([^"]+)" sends the subject (\d+) publishes in half a minute$`,
	func(w *World, name string, count int) { w.whenPublishesMany(name, count, 30*time.Second) })

var _ = step("repl/injector-sends-publishes-in-time", `^"([^"]+)" sends the subject (\d+) publishes in (\d+) s$`,
	func(w *World, name string, count, seconds int) {
		w.whenPublishesMany(name, count, time.Duration(seconds)*time.Second)
	})

var _ = step("repl/cached-at-most", `^the subject has cached at most (\d+) of them$`,
	(*World).thenCachedAtMost)

func (w *World) thenCachedAtMost(limit int) {
	c := w.cacheOf(w.subject)
	if len(c.IDs) > limit || len(c.IDs) == 0 {
		w.violated(nil, "the subject holds %d of the packets", len(c.IDs))
	}
}

var _ = step("key/injector-sends-unopenable", `^"([^"]+)" sends the subject publishes for its subcluster that can't be opened$`,
	(*World).whenUnopenable)

func (w *World) whenUnopenable(name string) {
	in := w.acting(name)
	noise := newStream("noise")
	for _, n := range []int{200, 1, 160, 1024} {
		p := wire.NewPacket(wire.Publish)
		p.ClusterID = cluster[:]
		p.SubclusterID = w.groupID()
		p.Hops = 1
		p.Message = make([]byte, n)
		noise.Read(p.Message)
		id := wire.MessageID(p.Message)
		p.PacketID = id[:]
		w.give(in, p)
	}
}

var _ = step("repl/injector-sends-fragmented", `^"([^"]+)" sends the subject a fragmented publish for its subcluster in the order ([\w -]+)$`,
	(*World).whenFragmented)

// whenFragmented sends the packets of a fragmented publish for the subject's
// subcluster in an order of their indexes.
func (w *World) whenFragmented(name, order string) {
	in := w.acting(name)
	plaintext := plaintextOf(w.subject, 1500)
	whole := w.aPublish(w.membership.group, 0, plaintext)
	message := whole.Message
	whole.Message, whole.PacketID = nil, nil
	packets := mustGet(wire.Split(whole, message, nil, w.net.Now().UnixMilli()))
	w.replication.sent["fragmented"] = &publication{plaintext: plaintext}
	forged := w.forged(packets)
	for _, part := range words(order) {
		var p wire.Packet
		switch index, isForged := strings.CutPrefix(part, "forged-"); {
		case part == "reply":
			p = w.aPublish(w.membership.group, 1, []byte(theReply))
			p.PreviousID = packets[0].PacketID
		case isForged:
			p = forged[number(index)]
		default:
			p = packets[number(index)]
		}
		w.give(in, p)
		w.pass(20 * time.Millisecond)
	}
}

// theReply is an ordinary message that follows a fragmented one.
const theReply = "a reply"

// forged are packets that continue the chain of a fragmented message, and name
// each other, as anyone can make them: with the same head and other bytes.
func (w *World) forged(packets []wire.Packet) []wire.Packet {
	all := slices.Clone(packets)
	noise := newStream("forged")
	previous, _ := packets[0].ID()
	for i := 1; i < len(all); i++ {
		all[i].Message = make([]byte, len(packets[i].Message))
		noise.Read(all[i].Message)
		previous = wire.FragmentID(previous, all[i].Message)
		all[i].PacketID = slices.Clone(previous[:])
		if i > 1 {
			all[i-1].NextID = all[i].PacketID
		}
	}
	return all
}

var _ = step("repl/delivers-publish-once", `^the subject delivers that publish once$`,
	(*World).thenDeliversThat)

func (w *World) thenDeliversThat() {
	p := w.replication.sent["fragmented"]
	if !w.await(deliveryWithin, func() bool { return deliveries(w.subject, p.plaintext) > 0 }) {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Publish)), "the subject did not deliver the fragmented publish within %v", deliveryWithin)
	}
	w.pass(grace)
	if n := deliveries(w.subject, p.plaintext); n != 1 {
		w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Publish)), "the subject delivered the fragmented publish %d times", n)
	}
}

// publishesGiven are the datagrams of the publishes that injectors sent.
func (w *World) publishesGiven() [][]byte {
	var all [][]byte
	for _, r := range w.given {
		if r.packet.Type == wire.Publish {
			all = append(all, r.sent)
		}
	}
	return all
}

func (w *World) lastPublish() injected {
	return w.lastGivenOf("publish", func(p *wire.Packet) bool { return p.Type == wire.Publish })
}
