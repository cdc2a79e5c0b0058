// Known peers, and their addresses: section 4.5 (spec/04-messages.md).

package peer

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// remote is a peer that is known: a bootstrap peer, or one that a datagram came from whose address
// is verified. There are few hundred at most, so that lists are searched, and their order is that
// of meeting.
type remote struct {
	id        wire.ID
	addr      netip.AddrPort
	natType   nattype.Type // Unknown until it announced one
	indexed   bool         // configured; never given up, and never moved
	connected bool
	verified  bool
	plausible bool      // and not verified; see Peer.plausible
	via       Socket    // of the pool, that it is reached from; 0: the main socket
	proxy     *remote   // that it is reached by; addr is then only claimed. nil: none
	clusters  []wire.ID // of which it sent packets; at most Choices.Clusters

	memberships []announced

	lastUpdate time.Time   // when anything last came from exactly this address; zero: never
	pingID     wire.EchoID // of the last heartbeat
	sync       session

	// Where somebody claims that it has moved to, and until when it can answer at the old address.
	contested   netip.AddrPort
	contestedAs nattype.Type
	contestAt   time.Time

	// Of a proxied or plausible peer: when it may be tried again to reach it directly, how many K
	// the wait was, and when something of a plausible one last came by another way.
	retryAt   time.Time
	retry     Ks
	vouchedAt time.Time
}

// meet finds a peer that was heard directly at an address, or makes it known there; nil where that
// address is a bootstrap peer's. One that is known at another address stays there.
func (p *Peer) meet(id wire.ID, addr netip.AddrPort) *remote {
	r := p.known.byID(id)
	switch {
	case r == nil:
		return p.addRemote(id, addr)
	case r.proxy != nil:
		p.goDirect(r, addr)
	}
	return r
}

// record makes a peer known and connected at an address that is verified (LAT-TRAV-004). Deployed
// peers record whatever a datagram or an introduction names.
func (p *Peer) record(id wire.ID, t nattype.Type, addr netip.AddrPort, clusterID []byte) {
	r := p.meet(id, addr)
	if r == nil {
		return
	}
	if r.addr != addr {
		// A deployed peer moves anybody, bootstrap peers too, to whoever claims the id
		// (LAT-SEC-002). Here configured addresses stay, and of others the old address must be
		// silent.
		if !r.indexed {
			p.contest(r, addr, t)
		}
		return
	}
	r.natType, r.verified, r.plausible, r.lastUpdate = t, true, false, p.now
	if v := p.verification.verifiedTo.get(addr); v != nil && r.via == 0 {
		p.reach(r, v.via)
	}
	p.noteHeard()
	p.noteCluster(r, clusterID)
	p.connect(r)
}

// recordPlausible makes a peer connected at an address that is plausible. One that is heard
// elsewhere stays there.
func (p *Peer) recordPlausible(id wire.ID, t nattype.Type, addr netip.AddrPort, clusterID []byte) {
	r := p.meet(id, addr)
	if r == nil || r.indexed || r.addr != addr && !p.isSilent(r) {
		return
	}
	if r.addr != addr {
		p.moveTo(r, addr, t)
	}
	r.natType, r.lastUpdate = t, p.now
	r.plausible = !r.verified
	p.noteCluster(r, clusterID)
	p.connect(r)
}

// goDirect makes a peer that was reached by a proxy one that is reached at an address
// (LAT-TRAV-012).
func (p *Peer) goDirect(r *remote, addr netip.AddrPort) {
	if other := p.known.at(addr); other != nil && !other.indexed {
		p.forget(other)
	}
	p.known.place(r, addr, nil)
	r.connected = false
	r.retry, r.retryAt = 0, time.Time{}
}

// moveTo gives a peer another address, where it is reached without a proxy. One that is not
// connected is still to be told of.
func (p *Peer) moveTo(r *remote, addr netip.AddrPort, t nattype.Type) {
	p.leave(r)
	if r.proxy != nil { // it was given up at its old address meanwhile
		p.goDirect(r, addr)
	}
	p.known.place(r, addr, nil)
	r.natType, r.lastUpdate = t, p.now
	r.verified, r.plausible = p.isVerified(addr), false
	if v := p.verification.verifiedTo.get(addr); v != nil {
		p.reach(r, v.via)
	}
	if r.connected {
		p.emit(r.connection())
	}
}

// connection is the event that tells of a peer that is reached, or has moved.
func (r *remote) connection() Event {
	e := Event{Kind: Connection, PeerID: r.id, Addr: r.addr, NATType: r.natType}
	if r.proxy != nil {
		e.Proxy = r.proxy.id
	}
	return e
}

// isSilent reports whether the pong of a peer to a heartbeat is missing.
func (p *Peer) isSilent(r *remote) bool { return p.now.Sub(r.lastUpdate) > p.ks(p.choices.Silence) }

// connect reports a peer that is reached now and was not before, and starts with it what first
// contact starts.
func (p *Peer) connect(r *remote) {
	if r.connected {
		return
	}
	r.connected = true
	p.emit(r.connection())
	if r.proxy == nil { // which would take a sync for its own
		p.firstSync(r)
	}
	p.publishAgain()
}

// path is how a peer is reached: from which socket, and at which address, which is that of its
// proxy if it has one. What reaches it by a socket of the pool keeps using that (LAT-TRAV-017),
// since from another one it would come out of another mapping of the own NAT.
func (r *remote) path() (Socket, netip.AddrPort) {
	if r.proxy != nil {
		return r.proxy.path()
	}
	if r.via != 0 {
		return r.via, r.addr
	}
	return Main, r.addr
}

func (p *Peer) noteCluster(r *remote, clusterID []byte) {
	if id, ok := wire.AsID(clusterID); ok && !slices.Contains(r.clusters, id) && len(r.clusters) < p.choices.Clusters {
		r.clusters = append(r.clusters, id)
	}
}

func (p *Peer) addRemote(id wire.ID, addr netip.AddrPort) *remote {
	if other := p.known.at(addr); other != nil {
		if other.indexed {
			return nil // a configured address has the configured id
		}
		p.forget(other) // its process was replaced by this one
	}
	p.makeRoom(false)
	r := &remote{id: id, addr: addr}
	p.known.add(r)
	return r
}

// contest asks at a peer's old address before it is moved to a new one.
func (p *Peer) contest(r *remote, addr netip.AddrPort, t nattype.Type) {
	if r.contested == addr {
		return
	}
	r.contested, r.contestedAs, r.contestAt = addr, t, p.now.Add(p.choices.Contest)
	p.challengeAgain(r.addr)
}

// runContests moves the peers whose old address stayed silent.
func (p *Peer) runContests() {
	for _, r := range p.known.all() {
		if !r.contested.IsValid() || !due(r.contestAt, p.now) {
			continue
		}
		addr := r.contested
		r.contested = netip.AddrPort{}
		if !p.isVerified(addr) || p.known.at(addr) != nil {
			continue
		}
		p.moveTo(r, addr, r.contestedAs)
		p.connect(r)
	}
}

func (p *Peer) nextContest() time.Time {
	return p.known.nextDue(func(r *remote) (at time.Time) {
		if r.contested.IsValid() {
			at = r.contestAt
		}
		return at
	})
}
