package oracle

import (
	"bytes"
	"net/netip"
	"time"

	"punchlist/reference/nattype"
	"punchlist/reference/wire"
)

// openers are those that went to one IP address because of one introduction.
type openers struct {
	first, last time.Time
	ports       map[uint16]bool
}

// A try is an introduction that the peer obeyed, as its pings show it: they have one pingId.
type try struct {
	id    wire.EchoID
	start time.Time
	pings int // from the main socket
}

// openerSent judges an opener of a burst (LAT-TRAV-007).
func (j *judge) openerSent(d *datagram) {
	ip := j.ip(d.to.Addr())
	o := ip.openers
	if o == nil || j.now.Sub(o.last) > 5*time.Second {
		o = &openers{first: j.now, ports: map[uint16]bool{}}
		ip.openers = o
	}
	j.looked("traversal/ports")
	if o.ports[d.to.Port()] {
		j.wrong("traversal/ports", []int{d.Seq}, "it sent two openers to port %d of %v in one burst; its ports are distinct", d.to.Port(), d.to.Addr())
	}
	o.ports[d.to.Port()] = true
	o.last = j.now
	j.looked("traversal/pace")
	// What a late timer makes up for is at most 80 ms.
	if due := 1 + (j.now.Sub(o.first)+j.react)/time.Millisecond + 80; len(o.ports) > int(due) {
		j.wrong("traversal/pace", []int{d.Seq}, "it sent %d openers to %v within %v; one in a millisecond is permitted", len(o.ports), d.to.Addr(), j.now.Sub(o.first))
	}
}

// poolSent judges the pace of pings from the pool (LAT-TRAV-008).
func (j *judge) poolSent(d *datagram) {
	a, ip := j.address(d.to), j.ip(d.to.Addr())
	if d.packet == nil || d.packet.Type != wire.Ping || !d.packet.Body.IsConnection {
		return
	}
	if ip.pool == nil {
		ip.pool = map[uint16]time.Time{}
	}
	j.looked("traversal/rest")
	last, pinged := ip.pool[d.from.Port()]
	ip.pool[d.from.Port()] = j.now
	if pinged && !a.ports[d.from.Port()] && ip.heard.IsZero() && j.now.Sub(last) < 500*time.Millisecond-j.react {
		j.wrong("traversal/rest", []int{d.Seq}, "it pinged %v from the socket with port %d again after %v; a socket of the pool rests for 500 ms", d.to, d.from.Port(), j.now.Sub(last))
	}
}

// cameThrough notes that what comes to a socket of the pool during a traversal is pinged from that
// socket: the way is open there (section 6.4).
func (j *judge) cameThrough(d *datagram) {
	ip := j.ip(d.from.Addr())
	if !j.isPool(d.to.Port()) || !ip.heard.IsZero() || ip.pool[d.to.Port()].IsZero() || !j.active() || j.now.Sub(ip.pool[d.to.Port()]) > 500*time.Millisecond-j.react || len(j.pool) > 200 {
		return
	}
	came := j.now
	j.owe("traversal/contact", prompt, []int{d.Seq}, "something came from "+d.from.String()+" to a socket that was opened for that peer, and it sent no ping from there", func() bool {
		return !ip.pool[d.to.Port()].Before(came)
	})
}

// trySent judges the connection pings that follow an introduction (section 6.3).
func (j *judge) trySent(d *datagram) {
	p, b := d.packet, &d.packet.Body
	if !b.IsConnection || !b.Keys.Has(wire.KeyPingID) {
		return
	}
	pool := j.isPool(d.from.Port())
	j.looked("traversal/fields")
	a := j.address(d.to)
	switch {
	case !b.Keys.Has(wire.KeyNATType | wire.KeyCacheSummaryHash):
		j.wrong("traversal/fields", []int{d.Seq}, "it sent a ping of an introduction without natType or cacheSummaryHash")
	case len(j.cluster) > 0 && !bytes.Equal(p.ClusterID, j.cluster):
		j.wrong("traversal/fields", []int{d.Seq}, "it sent a ping of an introduction without its clusterId")
	case !pool && len(a.introducedFor) > 0 && !a.introducedFor[string(p.SubclusterID)]:
		j.wrong("traversal/fields", []int{d.Seq}, "it sent a ping of an introduction with a subclusterId that no introduction of %v had", d.to)
	}
	if pool {
		return
	}
	var x *try
	for _, y := range j.tries[d.to] {
		if y.id == b.PingID {
			x = y
		}
	}
	if x == nil {
		x = &try{id: b.PingID, start: j.now}
		j.tries[d.to] = append(j.tries[d.to], x)
		j.retried(d)
	}
	x.pings++
	j.looked("traversal/three")
	if x.pings > 3 {
		j.wrong("traversal/three", []int{d.Seq}, "it sent %d connection pings to %v because of one introduction; at most 3 are permitted", x.pings, d.to)
	}
}

// retried judges how soon a peer that is reached by a proxy is tried again (section 6.5): the
// second wait is twice the first, and at least 1.5 K.
func (j *judge) retried(d *datagram) {
	since := time.Time{}
	for _, l := range j.linkOrder {
		if l.proxied && l.addr == d.to {
			since = l.since
		}
	}
	all := j.tries[d.to]
	n := len(all)
	if since.IsZero() || n < 3 || !all[n-3].start.After(since) || all[n-2].start.Before(j.steady) {
		return
	}
	j.looked("traversal/retry")
	if gap := all[n-1].start.Sub(all[n-2].start); gap < j.k*3/2-j.react-time.Second {
		j.wrong("traversal/retry", []int{d.Seq}, "it tried to reach the peer at %v, which it reaches by a proxy, again after %v; at least %v are required at the third try", d.to, gap, j.k*3/2)
	}
}

// guessOwed notes that ports have to be opened, or looked for, because of an introduction
// (LAT-TRAV-007, LAT-TRAV-008). It is certain where no other introduction has been obeyed lately.
func (j *judge) guessOwed(strategy nattype.Strategy, id wire.ID, at netip.AddrPort, d *datagram) {
	if strategy != nattype.TraversalOpen && strategy != nattype.TraversalConnect || j.now.Sub(j.guessed) < j.k+j.react {
		return
	}
	ip := j.ip(at.Addr())
	reached := func() bool { return j.named[id] || !ip.heard.IsZero() }
	if strategy == nattype.TraversalOpen {
		j.owe("traversal/opens", 1024*5*time.Millisecond+soon, []int{d.Seq}, "it opened fewer than 1024 ports of "+at.Addr().String()+", which a verified peer introduced and where the strategy is to open ports",
			func() bool { return reached() || ip.openers != nil && len(ip.openers.ports) >= 1024 })
		return
	}
	if len(j.pool) > 0 {
		return // it may keep a single path by the pool, and then begins no other such traversal
	}
	j.owe("traversal/looks", 256*20*time.Millisecond+soon, []int{d.Seq}, "it pinged "+at.String()+" from fewer than 100 sockets, where the strategy is to look for an open port",
		func() bool { return reached() || len(ip.pool) >= 100 })
}
