package steps

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"punchlist/harness/injector"
	"punchlist/reference/cache"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// Steps that send a sound packet with some fields changed, and judge what comes of it. Most probes
// (package probe) are made of them.

var _ = step("frame/injector-sends-altered", `^"([^"]+)" sends the subject (?:a|an|another) (publish|query|join|sync|intro to "[^"]+"|stream for "[^"]+") whose (.+)$`,
	(*World).whenAltered)

func (w *World) whenAltered(name, kind, changes string) {
	in := w.acting(name)
	w.giveAltered(in, w.soundPacket(in, kind), changes)
}

// soundPacket is a packet that no other step of the scenario has sent. A join comes from afar, so
// that a relay passes it on without keys of its own.
func (w *World) soundPacket(in *scripted, kind string) wire.Packet {
	n := len(w.given)
	word, other, _ := strings.Cut(kind, ` "`)
	other = strings.TrimSuffix(other, `"`)
	switch word {
	case "publish":
		return w.aPublish(strangers, n, fmt.Appendf(nil, "number %d", n))
	case "query":
		return w.aQuery(0, injector.Body{})
	case "join":
		p := w.theJoin(in, 2, strings.Repeat("=", n))
		p.Message = injector.ParseBody(p.Message).With("requesterPeerId", fmt.Sprintf("%x", seal.PeerID("far away"))).JSON()
		return p
	case "sync":
		if in.store == nil {
			in.store = injector.NewStore(w.net.Now())
		}
		return in.store.Sync(w.net.Now(), cache.Prefix{})
	case "intro to":
		t := w.injector(other)
		return w.intro(in, t.ID, t.address().Addr().String(), t.address().Port(), injector.NATType)
	default: // stream for
		id := seal.PeerID("nobody")
		if other != "nobody" {
			id = w.injector(other).ID
		}
		return w.aStream(in, id, strangers, fmt.Appendf(nil, "stream %d", n))[0]
	}
}

// giveAltered sends a packet after changes of the form "FIELD is VALUE and FIELD is VALUE", under
// the packetId that then fits, unless that is among them. Of what decodes no more, the sound packet
// is remembered.
func (w *World) giveAltered(in *scripted, p wire.Packet, changes string) {
	datagram := w.altered(mustGet(wire.Append(nil, &p)), changes)
	decoded := wire.Packet{}
	if wire.Decode(&decoded, datagram) != (wire.Fault{}) {
		decoded = p
	}
	in.sendBytes(w.toSubject(), datagram)
	w.given = append(w.given, injected{in, decoded.Clone(), datagram, w.net.Now()})
	w.pass(50 * time.Millisecond)
}

func (w *World) altered(datagram []byte, changes string) []byte {
	if changes == "" {
		return datagram
	}
	identified := true
	var last [][2]string
	for _, change := range strings.Split(changes, " and ") {
		field, value, ok := strings.Cut(change, " is ")
		if !ok {
			misused("%q is not of the form FIELD is VALUE", change)
		}
		if ago, ok := strings.CutSuffix(value, " ms ago"); ok {
			value = string(w.milliseconds(-time.Duration(signed(ago)) * time.Millisecond))
		}
		if other, ok := strings.CutPrefix(value, "of "); ok {
			id := w.injector(strings.Trim(other, `"`)).ID
			value = string(id[:])
		}
		// These come last: the id is made of the other fields, by the type of the sound packet.
		if slices.Contains([]string{"packetId", "type"}, field) {
			identified = identified && field != "packetId"
			last = append(last, [2]string{field, value})
			continue
		}
		datagram = mustGet(injector.Altered(datagram, field, value))
	}
	if identified {
		datagram = injector.Identified(datagram)
	}
	for _, change := range last {
		datagram = mustGet(injector.Altered(datagram, change[0], change[1]))
	}
	return datagram
}

func signed(text string) int {
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	must(err)
	return n
}

var _ = step("frame/injector-sends-once-more", `^"([^"]+)" sends the subject that (publish|query|join|sync|stream|answer) once more(?:, but its (.+))?$`,
	(*World).whenOnceMore)

// whenOnceMore gives the subject the packet that it was given last, from the same injector or from
// another, and with changes if there are any.
func (w *World) whenOnceMore(name, _, changes string) {
	in := w.acting(name)
	last := w.given[len(w.given)-1]
	w.giveAltered(in, last.packet, changes)
}

var _ = step("memb/relays-as-it-came", `^the subject relays that (join|publish|stream|query|answer) to "([^"]+)" as it came, with hops (\d+)$`,
	(*World).thenRelaysAsItCame)

func (w *World) thenRelaysAsItCame(kind, name string, hops int) {
	w.thenRelaysOnce(kind, name, hops)
	to, r := w.lastGiven(kind, name)
	s := w.relaysTo(to, r)[0]
	if field := differing(&r.packet, s.packet); field != "" {
		w.violated([]int{s.Seq}, "the subject relayed the %s with another %s than it came with", kind, field)
	}
}

// differing names the first field, hops left out, in which two packets differ; empty: none. Unset
// is unset, however it is written.
func differing(a, b *wire.Packet) string {
	for _, f := range []struct {
		name string
		same bool
	}{
		{"version", a.Version == b.Version}, {"clock", a.Clock == b.Clock}, {"index", a.Index == b.Index}, {"ttl", a.TTL == b.TTL},
	} {
		if !f.same {
			return f.name
		}
	}
	for _, f := range []struct {
		name string
		a, b []byte
	}{
		{"clusterId", a.ClusterID, b.ClusterID}, {"subclusterId", a.SubclusterID, b.SubclusterID},
		{"previousId", a.PreviousID, b.PreviousID}, {"packetId", a.PacketID, b.PacketID}, {"nextId", a.NextID, b.NextID},
		{"usr1", a.Usr1, b.Usr1}, {"usr2", a.Usr2, b.Usr2}, {"usr3", a.Usr3, b.Usr3}, {"usr4", a.Usr4, b.Usr4},
		{"message", a.Message, b.Message}, {"sig", a.Sig, b.Sig},
	} {
		if !bytes.Equal(f.a, f.b) && !(wire.Unset(f.a) && wire.Unset(f.b)) {
			return f.name
		}
	}
	return ""
}

var _ = step("memb/relays-each-once", `^the subject relays each of those (\d+) (joins|publishes|streams|queries|answers) once, to "([^"]+)"$`,
	(*World).thenRelaysEachOfThose)

// thenRelaysEachOfThose speaks of the packets that were given last. They may have one packetId.
func (w *World) thenRelaysEachOfThose(count int, kind, name string) {
	to := w.injector(name)
	those := w.given[len(w.given)-count:]
	copies := func(r injected) []seen {
		return slices.DeleteFunc(w.relaysTo(to, r), func(s seen) bool { return differing(&r.packet, s.packet) != "" })
	}
	all := w.await(replyWithin, func() bool {
		return !slices.ContainsFunc(those, func(r injected) bool { return len(copies(r)) == 0 })
	})
	if all {
		w.pass(500 * time.Millisecond)
	}
	for i, r := range those {
		if got := copies(r); len(got) != 1 {
			w.violated(frames(got), "the subject relayed number %d of the %d %s to %q %d times", i+1, count, kind, name, len(got))
		}
	}
}

var _ = step("repl/injector-sends-message", `^"([^"]+)" (publishes|streams) "([^"]+)" to the subject in a packet(?: whose (.+))?$`,
	(*World).whenMessageAltered)

// whenMessageAltered gives the subject a message of its subcluster in one packet.
func (w *World) whenMessageAltered(name, how, text, changes string) {
	in := w.acting(name)
	w.groupID()
	p := w.aPublish(w.membership.group, len(w.given), []byte(text))
	if how == "streams" {
		p = w.aStream(in, w.subject.id, w.membership.group, []byte(text))[0]
	}
	w.giveAltered(in, p, changes)
}

var _ = step("repl/delivers-times", `^the subject has delivered the (publish|stream) "([^"]+)" (\d+) times?$`,
	(*World).thenDeliveredTimes)

// thenDeliveredTimes awaits so many deliveries, and a while for one more.
func (w *World) thenDeliveredTimes(kind, text string, times int) {
	count := func() int {
		if kind == "publish" {
			return deliveries(w.subject, []byte(text))
		}
		n := 0
		for _, in := range w.injectors {
			n += arrivals(streaming{from: in.ID, to: w.subject, plaintext: []byte(text)})
		}
		return n
	}
	w.await(replyWithin, func() bool { return count() >= max(times, 1) })
	w.pass(500 * time.Millisecond)
	if n := count(); n != times {
		t := wire.Publish
		if kind == "stream" {
			t = wire.Stream
		}
		w.violated(frames(ofType(w.receivedBy(w.subject.host), t)), "the subject delivered the %s %q %d times, and not %d", kind, text, n, times)
	}
}

var _ = step("memb/relays-times", `^the subject relays that join to "([^"]+)" (\d+) times$`,
	(*World).thenRelaysTimes)

func (w *World) thenRelaysTimes(name string, times int) {
	to, r := w.lastGiven("join", name)
	w.await(replyWithin, func() bool { return len(w.relaysTo(to, r)) >= times })
	w.pass(500 * time.Millisecond)
	if all := w.relaysTo(to, r); len(all) != times {
		w.violated(frames(all), "the subject relayed the join to %q %d times, and not %d", name, len(all), times)
	}
}

var _ = step("lab/part-of-an-interval-passes", `^(\d+) % of a keepalive interval passes$`,
	func(w *World, percent int) { w.up(); w.pass(time.Duration(percent) * w.k() / 100) })
