package peer

import (
	"net/netip"
	"time"

	"punchlist/reference/wire"
)

// A peer that can't be reached is known by its proxy: the peer that introduced
// it, which reaches both. What is for it alone goes to the proxy; multicasts
// reach it as they reach everybody. Deployed peers call it connected at once,
// which it may never be (LAT-TRAV-004): here something of it has to come
// through the proxy first.

// maxProxied is how many proxied peers are known. Their ids are whatever an
// introducer names.
const maxProxied = 64

// Retries to reach a proxied peer directly follow later introductions, with
// twice the wait after each.
const (
	firstRetryTicks = 2
	maxRetryTicks   = 8
)

// direct tells whether a peer is connected and reached without a proxy.
func (r *remote) direct() bool { return r.connected && r.proxy == nil }

// fallBack makes the introducer the proxy to a peer that was not reached
// (LAT-TRAV-011).
func (p *Peer) fallBack(t *burst) {
	proxy, r := p.remoteByID(t.introducer), p.remoteByID(t.id)
	if proxy == nil || !proxy.direct() || proxy == r || r != nil && (r.indexed || r.direct()) {
		return
	}
	if r == nil {
		if !p.makeRoom(true) {
			return
		}
		r = &remote{id: t.id, lastUpdate: p.now}
		p.remotes = append(p.remotes, r)
	}
	r.addr, r.natType = t.addr, t.natType
	if r.proxy == nil {
		r.proxy, r.verified, r.plausible = proxy, false, false
	}
	p.retryLater(r)
}

// retryLater makes the next attempt to reach a peer directly wait, longer each
// time.
func (p *Peer) retryLater(r *remote) {
	r.retries = min(max(2*r.retries, firstRetryTicks), maxRetryTicks)
	r.retryAt = p.now.Add(time.Duration(r.retries) * p.k * 3 / 4)
}

// heardThrough notes that something of a peer came from another one, which has
// it from the peer itself if passedOn is set. That makes a proxied peer
// connected, and is the sign of life of one whose pongs can't come back.
func (p *Peer) heardThrough(id wire.ID, from netip.AddrPort, passedOn bool) {
	r, relay := p.remoteByID(id), p.remoteAt(from)
	if r == nil || r.indexed || relay == nil || relay == r || !relay.direct() {
		return
	}
	switch {
	case r.proxy == nil:
		if r.plausible {
			r.vouchedAt = p.now
		}
	case r.proxy == relay, passedOn && !r.connected:
		r.proxy, r.lastUpdate = relay, p.now
		p.connect(r)
	}
}

// forgetProxied gives up the peers whose proxy is lost.
func (p *Peer) forgetProxied(proxy *remote) {
	for i := 0; i < len(p.remotes); {
		if r := p.remotes[i]; r.proxy == proxy {
			p.forget(r)
			continue
		}
		i++
	}
}
