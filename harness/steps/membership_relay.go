package steps

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/cache"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// theJoin is a join of an injector for the scenario's subcluster. A salt
// makes it another join in every byte that its packetId is made of.
func (w *World) theJoin(in *scripted, hops uint32, salt string) wire.Packet {
	key := base64.StdEncoding.EncodeToString(cluster[:]) + ":" + base64.StdEncoding.EncodeToString(w.groupID())
	return w.forGroup(wire.Join, hops, joinBody(in).With("key", key+salt))
}

// joinBody is the part of a join's body that says who asks.
func joinBody(in *scripted) injector.Body {
	return injector.Body{}.
		With("requesterPeerId", in.ID.String()).
		With("natType", injector.NATType).
		With("address", in.address().Addr().String()).
		With("port", in.address().Port())
}

// forGroup is a control packet for the scenario's cluster and subcluster.
func (w *World) forGroup(t wire.Type, hops uint32, body injector.Body) wire.Packet {
	p := injector.Control(t, body)
	p.ClusterID = cluster[:]
	p.SubclusterID = w.groupID()
	p.Hops = hops
	return p
}

// give sends the subject a packet that a Then step will look for.
func (w *World) give(in *scripted, p wire.Packet) error {
	datagram, err := in.Send(w.toSubject(), p)
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	if fault := wire.Decode(&p, datagram); fault != (wire.Fault{}) {
		return &verdict.LabFailed{Text: "the injector sent what is no packet: " + fault.String()}
	}
	w.relayed = append(w.relayed, injected{in, p, datagram, w.net.Now()})
	return nil
}

func (w *World) whenJoin(name string) error { return w.joinWith(name, 1, 1, "") }

func (w *World) whenJoinTwice(name string) error { return w.joinWith(name, 1, 2, "") }

func (w *World) whenJoinHops(name string, hops int) error {
	return w.joinWith(name, uint32(hops), 1, "")
}

func (w *World) whenAnotherJoinHops(name string, hops int) error {
	return w.joinWith(name, uint32(hops), 1, "=")
}

// whenDifferentJoins gives joins of one requester that differ, so that each is one
// of its own to a relay.
func (w *World) whenDifferentJoins(name string, count int) error {
	for i := range count {
		if err := w.joinWith(name, 1, 1, strings.Repeat("=", i)); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) joinWith(name string, hops uint32, times int, salt string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	for range times {
		if err := w.give(in, w.theJoin(in, hops, salt)); err != nil {
			return err
		}
		if err := w.pass(50 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// whenJoinWithRendezvous relays a join of a peer far away, with an injector
// as the rendezvous.
func (w *World) whenJoinWithRendezvous(name, rendezvous string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	r, err := w.scriptedNamed(rendezvous)
	if err != nil {
		return err
	}
	w.told = &introduction{peer: seal.PeerID("far away")}
	return w.give(in, w.forGroup(wire.Join, 2, injector.Body{}.
		With("requesterPeerId", w.told.peer.String()).
		With("natType", 7).
		With("address", nobody).
		With("port", 4001).
		With("rendezvousAddress", r.address().Addr().String()).
		With("rendezvousPort", r.address().Port()).
		With("rendezvousType", injector.NATType).
		With("rendezvousPeerId", r.ID.String()).
		With("rendezvousDeadline", w.net.Now().Add(w.k()).UnixMilli())))
}

// whenRendezvousAnswer tells the subject, as the rendezvous, that an injector
// answers the join of another.
func (w *World) whenRendezvousAnswer(name, requester string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	other, err := w.scriptedNamed(requester)
	if err != nil {
		return err
	}
	return w.give(in, w.forGroup(wire.Join, 0, joinBody(in).
		With("rendezvousType", injector.NATType).
		With("rendezvousPeerId", w.subject.id.String()).
		With("rendezvousRequesterPeerId", other.ID.String())))
}

func (w *World) thenJoinReaches(name string, keys *godog.Table) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	var joins []seen
	ok, err := w.await(answerWithin, func() bool {
		joins = ofType(w.reached(in.host), wire.Join)
		return len(joins) > 0
	})
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Join)), "no join of the subject reached %q", name)
	}
	for _, row := range keys.Rows {
		key, want := row.Cells[0].Value, row.Cells[1].Value
		got, _ := joins[0].body().Get(key)
		expected := w.subject.id.String()
		switch {
		case want == "of the join's requester":
			expected = w.told.peer.String()
		case strings.HasPrefix(want, `of "`):
			other, err := w.scriptedNamed(strings.Trim(strings.TrimPrefix(want, "of "), `"`))
			if err != nil {
				return err
			}
			expected = other.ID.String()
		}
		if got != expected {
			return w.violated([]int{joins[0].Seq}, "in the join %s is %v, and not %s", key, got, expected)
		}
	}
	return nil
}

// relaysTo lists the copies of an injected packet that the subject sent to an
// injector.
func (w *World) relaysTo(to *scripted, r injected) []seen {
	return copiesOf(r, w.reached(to.host))
}

// copiesOf keeps what has the type and the packetId of an injected packet: a relay
// changes its hops alone.
func copiesOf(r injected, all []seen) []seen {
	return slices.DeleteFunc(ofType(all, r.packet.Type), func(s seen) bool {
		return !bytes.Equal(s.packet.PacketID, r.packet.PacketID)
	})
}

// thenRelaysOnce speaks of the last packet that an injector gave.
func (w *World) thenRelaysOnce(kind, name string, hops int) error {
	to, r, err := w.lastGiven(kind, name)
	if err != nil {
		return err
	}
	ok, err := w.await(answerWithin, func() bool { return len(w.relaysTo(to, r)) > 0 })
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), r.packet.Type)), "the subject did not relay the %s to %q", kind, name)
	}
	if err := w.pass(500 * time.Millisecond); err != nil {
		return err
	}
	all := w.relaysTo(to, r)
	if len(all) != 1 {
		return w.violated(frames(all), "the subject relayed the %s to %q %d times", kind, name, len(all))
	}
	if int(all[0].packet.Hops) != hops {
		return w.violated(frames(all), "the subject relayed the %s with hops %d, and not %d", kind, all[0].packet.Hops, hops)
	}
	return nil
}

// thenRelaysEachOnce speaks of all joins that injectors gave, and of all that they
// were sent to.
func (w *World) thenRelaysEachOnce() error {
	relayed := func(r injected) []seen { return copiesOf(r, w.sentBy(w.subject.host)) }
	for _, r := range w.relayed {
		ok, err := w.await(answerWithin, func() bool { return len(relayed(r)) > 0 })
		if err != nil {
			return err
		}
		if !ok {
			return w.violated(frames(ofType(w.receivedBy(w.subject.host), r.packet.Type)), "the subject did not relay a join of %q", r.in.host)
		}
	}
	if err := w.pass(500 * time.Millisecond); err != nil {
		return err
	}
	for _, r := range w.relayed {
		to := map[netip.AddrPort][]int{}
		for _, s := range relayed(r) {
			if to[s.to] = append(to[s.to], s.Seq); len(to[s.to]) > 1 {
				return w.violated(to[s.to], "the subject sent the same join to %s twice", w.who(s.to))
			}
		}
	}
	return nil
}

func (w *World) lastGiven(kind, name string) (*scripted, injected, error) {
	to, err := w.scriptedNamed(name)
	if err != nil {
		return nil, injected{}, err
	}
	if len(w.relayed) == 0 || kindOf(&w.relayed[len(w.relayed)-1].packet) != kind {
		return nil, injected{}, &verdict.LabFailed{Text: "no injector gave the subject a " + kind}
	}
	return to, w.relayed[len(w.relayed)-1], nil
}

// kindOf names a packet as the features do.
func kindOf(p *wire.Packet) string {
	switch {
	case p.Type != wire.Query:
		return p.Type.String()
	case string(p.Usr4) == "1":
		return "question"
	}
	return "answer"
}

func (w *World) thenNotRelayed(kind, name string) error {
	to, r, err := w.lastGiven(kind, name)
	if err != nil {
		return err
	}
	if all := w.relaysTo(to, r); len(all) > 0 {
		return w.violated(frames(all), "the subject sent the %s back to %q", kind, name)
	}
	return nil
}

// thenRelaysLastOnly speaks of the last two packets: the second shows that
// the first could have been relayed.
func (w *World) thenRelaysLastOnly(kind, name string) error {
	to, second, err := w.lastGiven(kind, name)
	if err != nil {
		return err
	}
	first := w.relayed[len(w.relayed)-2]
	ok, err := w.await(answerWithin, func() bool { return len(w.relaysTo(to, second)) > 0 })
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), second.packet.Type)), "the subject did not relay the second %s to %q", kind, name)
	}
	if all := w.relaysTo(to, first); len(all) > 0 {
		return w.violated(frames(all), "the subject relayed the first %s to %q", kind, name)
	}
	return nil
}

func (w *World) thenRelaysHopsOnly(kind string, relayed int, name string, dropped int) error {
	n := len(w.relayed)
	if n < 2 || int(w.relayed[n-2].packet.Hops) != dropped || int(w.relayed[n-1].packet.Hops) != relayed {
		return &verdict.LabFailed{Text: fmt.Sprintf("the last two packets were not a %s with hops %d and one with hops %d", kind, dropped, relayed)}
	}
	return w.thenRelaysLastOnly(kind, name)
}

func (w *World) thenRelaysWithRendezvous(name string) error {
	to, r, err := w.lastGiven("join", name)
	if err != nil {
		return err
	}
	ok, err := w.await(answerWithin, func() bool { return len(w.relaysTo(to, r)) > 0 })
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Join)), "the subject did not relay the join to %q with its packetId", name)
	}
	s := w.relaysTo(to, r)[0]
	at := w.toSubject()
	for key, want := range map[string]any{ // order-free: every key must be right
		"rendezvousAddress": at.Addr().String(),
		"rendezvousPort":    float64(at.Port()),
		"rendezvousType":    float64(31),
		"rendezvousPeerId":  w.subject.id.String(),
	} {
		if got, _ := s.body().Get(key); got != want {
			return w.violated([]int{s.Seq}, "in the relayed join %s is %v, and not %v", key, got, want)
		}
	}
	if deadline, _ := s.body().Get("rendezvousDeadline"); deadline == nil {
		return w.violated([]int{s.Seq}, "the relayed join has no rendezvousDeadline")
	}
	return nil
}

// strangers is a subcluster that the subject does not belong to.
var strangers = seal.NewKeys(seal.SharedKey("strangers"))

// aPublish is a sealed publish of a subcluster; n makes it another one.
func (w *World) aPublish(keys seal.Keys, n int, plaintext []byte) (wire.Packet, error) {
	sealed, err := seal.Seal(newStream(fmt.Sprintf("%d publish %d", w.o.Seed, n)), keys, plaintext)
	if err != nil {
		return wire.Packet{}, err
	}
	p := wire.NewPacket(wire.Publish)
	p.ClusterID = cluster[:]
	p.SubclusterID = keys.SubclusterID[:]
	p.Hops = 1
	p.Message = sealed
	id := wire.MessageID(sealed)
	p.PacketID = id[:]
	return p, nil
}

func (w *World) givePublish(name string, times int, change func(*wire.Packet)) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	n := len(w.relayed)
	p, err := w.aPublish(strangers, n, fmt.Appendf(nil, "number %d", n))
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	if change != nil {
		change(&p)
	}
	for range times {
		if err := w.give(in, p); err != nil {
			return err
		}
		if err := w.pass(50 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) whenPublish(name string) error { return w.givePublish(name, 1, nil) }

func (w *World) whenPublishTwice(name string) error { return w.givePublish(name, 2, nil) }

func (w *World) whenPublishHops(name string, hops int) error {
	return w.givePublish(name, 1, func(p *wire.Packet) { p.Hops = uint32(hops) })
}

func (w *World) whenPublishElsewhere(name string) error {
	other := seal.ClusterID("another")
	return w.givePublish(name, 1, func(p *wire.Packet) { p.ClusterID = other[:] })
}

func (w *World) whenPublishFalseID(name string) error {
	return w.givePublish(name, 1, func(p *wire.Packet) {
		id := wire.MessageID([]byte("something else"))
		p.PacketID = id[:]
	})
}

// thenThatIsCached asks again, since the answer to a command may be on its way
// before the datagram is read that came first.
func (w *World) thenThatIsCached() error {
	holds, err := w.awaitHolding(true, answerWithin, 100*time.Millisecond)
	if err == nil && !holds {
		id, _ := w.relayed[len(w.relayed)-1].packet.ID()
		return w.violated(nil, "the subject's cache does not hold the publish %s", id)
	}
	return err
}

// whenPublishesMany sends publishes one after the other, over a time.
func (w *World) whenPublishesMany(name string, count int, over time.Duration) error {
	return w.publishMany(name, count, over, strangers, nil)
}

func (w *World) publishMany(name string, count int, over time.Duration, keys seal.Keys, change func(*wire.Packet)) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	for range count {
		n := len(w.relayed)
		p, err := w.aPublish(keys, n, fmt.Appendf(nil, "number %d", n))
		if err != nil {
			return &verdict.LabFailed{Err: err}
		}
		if change != nil {
			change(&p)
		}
		if err := w.give(in, p); err != nil {
			return err
		}
		if err := w.pass(over / time.Duration(count)); err != nil {
			return err
		}
	}
	return w.pass(100 * time.Millisecond)
}

func (w *World) whenPublishes(name string, count int) error {
	return w.whenPublishesMany(name, count, time.Duration(count)*10*time.Millisecond)
}

func (w *World) whenPublishesInHalfAMinute(name string, count int) error {
	return w.whenPublishesMany(name, count, 30*time.Second)
}

func (w *World) whenPublishesInTime(name string, count, seconds int) error {
	return w.whenPublishesMany(name, count, time.Duration(seconds)*time.Second)
}

func (w *World) thenCachedAtMost(limit int) error {
	c, err := w.cacheOf(w.subject)
	if err != nil {
		return err
	}
	if len(c.IDs) > limit || len(c.IDs) == 0 {
		return w.violated(nil, "the subject holds %d of the packets", len(c.IDs))
	}
	return nil
}

func (w *World) whenUnopenable(name string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
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
		if err := w.give(in, p); err != nil {
			return err
		}
	}
	return nil
}

// whenFragmented sends the packets of a fragmented publish for the subject's
// subcluster in an order of their indexes.
func (w *World) whenFragmented(name, order string) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	plaintext := plaintextOf(w.subject, 1500)
	whole, err := w.aPublish(w.group, 0, plaintext)
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	message := whole.Message
	whole.Message, whole.PacketID = nil, nil
	packets, err := wire.Split(whole, message, nil, w.net.Now().UnixMilli())
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	w.sent["fragmented"] = &publication{plaintext: plaintext}
	forged := w.forged(packets)
	for _, part := range words(order) {
		var p wire.Packet
		switch index, isForged := strings.CutPrefix(part, "forged-"); {
		case part == "reply":
			if p, err = w.aPublish(w.group, 1, []byte(theReply)); err != nil {
				return &verdict.LabFailed{Err: err}
			}
			p.PreviousID = packets[0].PacketID
		case isForged:
			p = forged[number(index)]
		default:
			p = packets[number(index)]
		}
		if err := w.give(in, p); err != nil {
			return err
		}
		if err := w.pass(20 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
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

func (w *World) thenDeliversThat() error {
	p := w.sent["fragmented"]
	ok, err := w.await(deliveryWithin, func() bool { return deliveries(w.subject, p.plaintext) > 0 })
	if err != nil {
		return err
	}
	if !ok {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Publish)), "the subject did not deliver the fragmented publish within %v", deliveryWithin)
	}
	if err := w.pass(grace); err != nil {
		return err
	}
	if n := deliveries(w.subject, p.plaintext); n != 1 {
		return w.violated(frames(ofType(w.receivedBy(w.subject.host), wire.Publish)), "the subject delivered the fragmented publish %d times", n)
	}
	return nil
}

// given are the datagrams of the publishes that injectors sent.
func (w *World) given() [][]byte {
	var all [][]byte
	for _, r := range w.relayed {
		if r.packet.Type == wire.Publish {
			all = append(all, r.sent)
		}
	}
	return all
}

func (w *World) whenSyncs(name string, held [][]byte) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	in.store = injector.NewStore(w.net.Now(), held...)
	_, err = in.Send(w.toSubject(), in.store.Sync(w.net.Now(), cache.Prefix{}))
	return err
}

func (w *World) whenSyncsEmpty(name string) error { return w.whenSyncs(name, nil) }

func (w *World) whenSyncsAll(name string) error { return w.whenSyncs(name, w.given()) }

// whenSyncsAllButOne leaves out a publish that shares its bucket with another,
// so that the bucket differs and is not missing.
func (w *World) whenSyncsAllButOne(name string) error {
	buckets := map[byte]int{}
	var held [][]byte
	left := false
	for _, r := range w.relayed {
		if r.packet.Type != wire.Publish {
			continue
		}
		bucket := r.packet.PacketID[0] >> 4
		if buckets[bucket]++; buckets[bucket] == 2 && !left {
			left = true
			continue
		}
		held = append(held, r.sent)
	}
	if !left {
		return &verdict.LabFailed{Text: fmt.Sprintf("no two of %d publishes share a bucket", len(held))}
	}
	return w.whenSyncs(name, held)
}
