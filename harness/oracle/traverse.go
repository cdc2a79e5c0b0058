package oracle

import (
	"net/netip"
	"time"

	"punchlist/reference/wire"
)

// isPool reports whether a port is of none of the two sockets that a peer always has.
func (j *judge) isPool(port uint16) bool { return j.main != 0 && port != j.main && port != j.probe }

// traversal judges the datagrams by which a peer opens ports and looks for open ones.
func (j *judge) traversal(d *datagram) {
	opener := wire.IsOpener(d.payload)
	pool := j.isPool(d.from.Port())
	if !opener && !pool {
		j.introduced(d)
		return
	}
	ip := j.ip(d.to.Addr())
	if opener || d.packet != nil && d.packet.Type == wire.Ping {
		j.looked("traversal/count")
		ip.traversal = append(ip.traversal, d.At)
		for j.now.Sub(ip.traversal[0]) >= j.k-j.react {
			ip.traversal = ip.traversal[1:]
		}
		limit := j.constants.Most("opener.ports")
		if pool {
			// Answers to what has come through are beside them.
			pings := j.constants.Most("pool.pings")
			burst := time.Duration(max(pings, j.constants.Most("opener.ports")))*j.constants.MostTime("pool.interval") + j.constants.MostTime("intro.wait")
			limit = pings + int(burst/max(j.constants.LeastTime("pool.contact-interval"), time.Millisecond))
		}
		if len(ip.traversal) > limit {
			j.wrong("traversal/count", []int{d.Seq}, "it sent %d traversal datagrams to %v within %v", len(ip.traversal), d.to.Addr(), j.k)
		}
	}
	if opener {
		j.openerSent(d)
		j.looked("traversal/opener")
		if pool || d.from.Port() == j.probe {
			j.wrong("traversal/opener", []int{d.Seq}, "it sent an opener from port %d; openers leave the main socket", d.from.Port())
		}
		if int(d.to.Port()) < j.constants.Least("opener.lowest-port") {
			j.wrong("traversal/opener", []int{d.Seq}, "it sent an opener to port %d; the lowest is %d", d.to.Port(), j.constants.Least("opener.lowest-port"))
		}
	}
	if pool {
		j.poolSent(d)
		j.looked("traversal/pool")
		if ip.introduced.IsZero() && !j.restored {
			j.wrong("traversal/pool", []int{d.Seq}, "it sent to %v from port %d, a socket for introduced peers, and no introduction has named that address", d.to, d.from.Port())
		}
		j.pool[d.from.Port()] = d.At
		if most := j.constants.Most("pool.sockets") + j.constants.Most("pool.paths"); len(j.pool) > most {
			// Sockets by which nobody is reached are closed so long after the last burst.
			closing := j.constants.LeastTime("challenge.wait")
			for port, at := range j.pool {
				if j.now.Sub(at) > closing {
					delete(j.pool, port)
				}
			}
			if len(j.pool) > most {
				j.wrong("traversal/pool", []int{d.Seq}, "it used %d sockets to reach introduced peers, where %d are the most", len(j.pool), most)
			}
		}
	}
}

// introduced judges connection pings to an address that only introductions name (LAT-SEC-005).
func (j *judge) introduced(d *datagram) {
	if d.packet == nil || d.packet.Type != wire.Ping || !d.packet.Body.IsConnection {
		return
	}
	ip := j.ip(d.to.Addr())
	if j.isBootstrap(d.to) || j.restored || ip.introduced.IsZero() || len(ip.echoed) > 0 || !ip.heard.IsZero() || ip.rendezvous {
		return // an answer at a rendezvous counts too
	}
	j.looked("traversal/ration")
	ip.rationed = append(ip.rationed, d.At)
	// A peer that counts by intervals begins the next one with the first ping after the last one.
	if j.now.Sub(ip.rationSince) >= j.k-j.react {
		ip.rationSince, ip.ration = j.now, 0
	}
	ip.ration++
	// The pings of one introduction last 2 s, and their interval may begin with any of them.
	for j.now.Sub(ip.rationed[0]) >= j.k-j.react-2500*time.Millisecond {
		ip.rationed = ip.rationed[1:]
	}
	if most := j.constants.Most("intro.pings-per-ip"); len(ip.rationed) > most && ip.ration > most {
		j.wrong("traversal/ration", []int{d.Seq}, "it sent %d connection pings to %v within %v, from where nothing has come", len(ip.rationed), d.to.Addr(), j.k)
	}
}

// amplified judges what goes to an IP address that is not verified (LAT-SEC-001).
func (j *judge) amplified(d *datagram) {
	ip := j.ip(d.to.Addr())
	if j.configured(d.to.Addr()) || j.restored || !ip.introduced.IsZero() || ip.in == 0 || ip.rendezvous {
		return
	}
	for i := len(ip.echoed) - 1; i >= 0; i-- {
		if j.now.Sub(ip.echoed[i]) <= max(j.constants.MostTime("verified.life"), j.constants.MostTime("peers.silence")+j.k)+j.react {
			return
		}
	}
	j.looked("send/amplified")
	ip.unproven += len(d.payload)
	if ip.unproven > j.constants.Most("amplification.factor")*ip.in {
		j.wrong("send/amplified", []int{d.Seq}, "it had sent %d bytes to %v, which is not verified, and from where %d had come", ip.unproven, d.to.Addr(), ip.in)
	}
}

func (j *judge) configured(ip netip.Addr) bool {
	for at := range j.bootstrap {
		if at.Addr() == ip {
			return true
		}
	}
	return false
}
