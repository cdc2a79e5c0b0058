// The table of known peers, for all chapters.

package peer

import (
	"net/netip"
	"slices"
	"time"

	"punchlist/reference/wire"
)

// knownPeers is the table of the peers that are known. Whoever wants a peer by its id, by its
// address, or by when it is due, asks the table, and whoever changes where a peer is tells it, so
// that how it finds them is its own affair: there are a few hundred at most, and a list is
// searched. A peer that is found may be changed, except for its id and for what place changes.
//
// The zero table is empty and ready to use.
type knownPeers struct {
	remotes []*remote // in the order in which they were met
}

// all are the known peers: the bootstrap peers, then the others in the order in which they were
// met. The list is the table's own, and holds until the next add or remove.
func (k *knownPeers) all() []*remote { return k.remotes }

func (k *knownPeers) len() int { return len(k.remotes) }

// add makes a peer known. Its id is not known yet.
func (k *knownPeers) add(r *remote) { k.remotes = append(k.remotes, r) }

func (k *knownPeers) remove(r *remote) {
	k.remotes = slices.DeleteFunc(k.remotes, func(other *remote) bool { return other == r })
}

// byID finds a peer, nil if it is not known. It compares ids as the bytes that they stand for
// (LAT-MEMB-034): deployed peers compare their text.
func (k *knownPeers) byID(id wire.ID) *remote {
	for _, r := range k.remotes {
		if r.id == id {
			return r
		}
	}
	return nil
}

// at finds the peer that is reached at an address without a proxy, nil if there is none.
func (k *knownPeers) at(addr netip.AddrPort) *remote {
	for _, r := range k.remotes {
		if r.addr == addr && r.proxy == nil {
			return r
		}
	}
	return nil
}

// place changes where a known peer is, and by which proxy it is reached; nil: by none.
func (k *knownPeers) place(r *remote, addr netip.AddrPort, proxy *remote) {
	r.addr, r.proxy = addr, proxy
}

// nextDue is the soonest of the times that due gives for the known peers; a zero one is none.
func (k *knownPeers) nextDue(due func(r *remote) time.Time) (next time.Time) {
	for _, r := range k.remotes {
		next = sooner(next, due(r))
	}
	return next
}
