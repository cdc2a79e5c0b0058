package peer

import "punchlist/reference/wire"

// Size is how much of something a peer keeps.
type Size struct {
	Name string // of the field, and of the field of its elements after a dot
	Have int
	Most int // a bound that no input can pass
}

// Sizes tells how much the peer keeps of everything that can grow, the elements
// of lists in lists taken together (LAT-BUDG-004).
func (p *Peer) Sizes() []Size {
	l := p.limits
	peers := len(p.config.Bootstrap) + l.Peers
	ports := 0
	for i := range p.bursts {
		ports += len(p.bursts[i].ports)
	}
	sizes := []Size{
		{"cache", p.cache.Len(), l.CachePackets},
		{"remotes", len(p.remotes), peers},
		{"sources", p.sources.len(), l.Sources},
		{"pending", p.pending.len(), l.Pending},
		{"pending.held", p.held, l.Held},
		{"verifiedTo", p.verifiedTo.len(), l.Verified},
		{"gates", p.gates.len(), l.Gates},
		{"delivered", p.delivered.len(), l.Delivered},
		{"composed", p.composed.len(), l.Delivered},
		{"rates", p.rates.len(), l.Rates},
		{"targets", p.targets.len(), l.Targets},
		{"bursts", len(p.bursts), l.Introductions},
		{"bursts.ports", ports, l.Introductions * traversalSends},
		{"sockets", len(p.pool.sockets), poolSockets + mostPaths},
		{"contacted", len(p.discovery.contacted), maxContacted},
		{"tasks", p.tasks.len(), l.Tasks},
		{"forgotten", p.forgotten.len(), l.Forgotten},
		{"expired", p.expired.len(), l.Rebroadcasts},
		{"unpublished", len(p.unpublished), maxUnpublished},
		{"outboxes", len(p.outboxes), l.Destinations},
		{"recent", p.recent.len(), l.Gates},
		{"loads", p.loads.len(), l.Verified},
		{"keys", len(p.keys.All()), l.Subclusters},
		{"outgoing", p.outgoing.len(), l.Outgoing},
		{"relayed", p.relayed.len(), l.Relayed},
		{"streamsGiven", p.streamsGiven.len(), l.Delivered},
		{"asked", p.asked.len(), l.Questions},
		{"routes", p.routes.len(), l.Routes},
		{"answered", p.answered.len(), l.Delivered},
		{"assembling", p.assembling.len(), l.Assembling},
		{"assembling.parts.datagram", p.assembled, l.AssemblyBytes},
	}
	clusters, memberships, summaries, packets, parts := 0, 0, 0, 0, 0
	p.assembling.each(func(_ messageKey, a *assembly) bool {
		parts += len(a.parts)
		return true
	})
	for _, r := range p.remotes {
		clusters += len(r.clusters)
		memberships += len(r.memberships)
	}
	for _, o := range p.outboxes {
		summaries += o.summaries.len()
		packets += o.packets.len()
	}
	given, bodies := 0, 0
	p.asked.each(func(_ wire.ID, a *asked) bool {
		given += len(a.given)
		bodies += len(a.body)
		return true
	})
	return append(sizes,
		Size{"asked.given", given, l.Questions * maxAnswers},
		Size{"asked.body", bodies, l.Questions * wire.MaxMessage},
		Size{"assembling.parts", parts, l.AssemblyBytes / partOverhead},
		Size{"remotes.clusters", clusters, peers * maxClusters},
		Size{"remotes.memberships", memberships, peers * maxMemberships},
		Size{"outboxes.summaries", summaries, l.Destinations * l.SyncQueue},
		Size{"outboxes.packets", packets, l.Destinations * l.SyncQueue},
	)
}
