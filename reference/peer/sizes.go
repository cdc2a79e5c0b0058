// How much a peer keeps: section 12.1 (spec/12-budgets.md).

package peer

import "punchlist/reference/wire"

// Size is how much of something a peer keeps.
type Size struct {
	Name string // stable, as operators see it; what is in the elements of a list comes after a dot
	Have int
	Max  int // a bound that no input can pass
}

// Sizes tells how much the peer keeps of everything that can grow, the elements of lists in lists
// taken together (LAT-BUDG-004).
func (p *Peer) Sizes() []Size {
	l := p.limits
	peers := len(p.config.Bootstrap) + l.Peers
	ports := 0
	for i := range p.traversal.bursts {
		ports += len(p.traversal.bursts[i].ports)
	}
	sizes := []Size{
		{"cache", p.cache.Len(), l.CachePackets},
		{"remotes", p.known.len(), peers},
		{"sources", p.verification.sources.len(), l.Sources},
		{"pending", p.verification.pending.len(), l.Pending},
		{"pending.held", p.verification.held, l.Held},
		{"verifiedTo", p.verification.verifiedTo.len(), l.Verified},
		{"gates", p.budgets.gates.len(), l.Gates},
		{"delivered", p.replication.delivered.len(), l.Delivered},
		{"composed", p.replication.composed.len(), l.Delivered},
		{"rates", p.budgets.rates.len(), l.Rates},
		{"targets", p.budgets.targets.len(), l.Targets},
		{"bursts", len(p.traversal.bursts), l.Introductions},
		{"bursts.ports", ports, l.Introductions * traversalSends},
		{"sockets", len(p.traversal.pool.sockets), p.choices.PoolSockets + p.choices.Paths},
		{"contacted", len(p.discovery.contacted), p.choices.Contacted},
		{"tasks", p.budgets.tasks.len(), l.Tasks},
		{"forgotten", p.replication.forgotten.len(), l.Forgotten},
		{"expired", p.replication.expired.len(), l.Rebroadcasts},
		{"unpublished", len(p.replication.unpublished), p.choices.Unpublished},
		{"outboxes", len(p.sync.outboxes), l.Destinations},
		{"recent", p.sync.recent.len(), l.Gates},
		{"loads", p.budgets.loads.len(), l.Verified},
		{"keys", len(p.keys.All()), l.Subclusters},
		{"outgoing", p.streams.outgoing.len(), l.Outgoing},
		{"relayed", p.streams.relayed.len(), l.Relayed},
		{"streamsGiven", p.streams.streamsGiven.len(), l.Delivered},
		{"asked", p.queries.asked.len(), l.Questions},
		{"routes", p.queries.routes.len(), l.Routes},
		{"answered", p.queries.answered.len(), l.Delivered},
		{"assembling", p.streams.assembling.len(), l.Assembling},
		{"assembling.parts.datagram", p.streams.assembled, l.AssemblyBytes},
	}
	clusters, memberships, summaries, packets, parts := 0, 0, 0, 0, 0
	p.streams.assembling.each(func(_ messageKey, a *assembly) bool {
		parts += len(a.parts)
		return true
	})
	for _, r := range p.known.all() {
		clusters += len(r.clusters)
		memberships += len(r.memberships)
	}
	for _, o := range p.sync.outboxes {
		summaries += o.summaries.len()
		packets += o.packets.len()
	}
	given, bodies := 0, 0
	p.queries.asked.each(func(_ wire.ID, a *asked) bool {
		given += len(a.given)
		bodies += len(a.body)
		return true
	})
	return append(sizes,
		Size{"asked.given", given, l.Questions * p.choices.Answers},
		Size{"asked.body", bodies, l.Questions * wire.MaxMessage},
		Size{"assembling.parts", parts, l.AssemblyBytes / partOverhead},
		Size{"remotes.clusters", clusters, peers * p.choices.Clusters},
		Size{"remotes.memberships", memberships, peers * p.choices.Memberships},
		Size{"outboxes.summaries", summaries, l.Destinations * l.SyncQueue},
		Size{"outboxes.packets", packets, l.Destinations * l.SyncQueue},
	)
}
