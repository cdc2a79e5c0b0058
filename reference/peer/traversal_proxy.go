// Peers that are reached by a proxy: section 6.5 (spec/06-traversal.md).

package peer

import (
	"net/netip"

	"punchlist/reference/wire"
)

// A peer that can't be reached is known by its proxy: the peer that introduced it, which reaches
// both. What is for it alone goes to the proxy; multicasts reach it as they reach everybody.
// Deployed peers call it connected at once, which it may never be (LAT-TRAV-004): here something of
// it has to come through the proxy first.

// direct reports whether a peer is connected and reached without a proxy.
func (r *remote) direct() bool { return r.connected && r.proxy == nil }

// fallBack makes the introducer the proxy to a peer that was not reached (LAT-TRAV-011).
func (p *Peer) fallBack(t *burst) {
	proxy, r := p.known.byID(t.introducer), p.known.byID(t.id)
	if proxy == nil || !proxy.direct() || proxy == r || r != nil && (r.indexed || r.direct()) {
		return
	}
	if r == nil {
		if !p.makeRoom(true) {
			return
		}
		r = &remote{id: t.id, lastUpdate: p.now}
		p.known.add(r)
	}
	if r.proxy != nil {
		proxy = r.proxy
	} else {
		r.verified, r.plausible = false, false
	}
	p.known.place(r, t.addr, proxy)
	r.natType = t.natType
	p.retryLater(r)
}

// retryLater makes the next attempt to reach a peer directly wait, longer each time.
func (p *Peer) retryLater(r *remote) {
	c := &p.choices
	r.retry = min(max(2*r.retry, c.FirstRetry), max(c.FirstRetry, c.LastRetry))
	r.retryAt = p.now.Add(p.ks(r.retry))
}

// noteHeardThrough notes that something of a peer came from another one, which has it from the peer
// itself if passedOn is set. That makes a proxied peer connected, and is the sign of life of one
// whose pongs can't come back.
func (p *Peer) noteHeardThrough(id wire.ID, from netip.AddrPort, passedOn bool) {
	r, relay := p.known.byID(id), p.known.at(from)
	if r == nil || r.indexed || relay == nil || relay == r || !relay.direct() {
		return
	}
	switch {
	case r.proxy == nil:
		if r.plausible {
			r.vouchedAt = p.now
		}
	case r.proxy == relay, passedOn && !r.connected:
		p.known.place(r, r.addr, relay)
		r.lastUpdate = p.now
		p.connect(r)
	}
}

// forgetProxied gives up the peers whose proxy is lost.
func (p *Peer) forgetProxied(proxy *remote) {
	for i := 0; i < p.known.len(); {
		if r := p.known.all()[i]; r.proxy == proxy {
			p.forget(r)
			continue
		}
		i++
	}
}
