package oracle

import "strings"

// anywhere are the rules that hold a peer to what it did, whatever the time: a datagram that
// nothing explains, a field with another value, an event without its cause. What is left out rests
// on a delay or on something that did not happen: on real clocks a peer repeats a first attempt
// about as soon as the observer can be sure that it was missing.
var anywhere = set(`
	answer/cause answer/once answer/packet answer/same
	cache/holds
	intro/cause intro/count intro/fields
	join/answer join/clock join/left join/member join/once join/rendezvous join/same join/self
	ping/echo ping/indexed ping/self ping/socket ping/type
	pong/cause pong/fields pong/once pong/own pong/type
	publish/back publish/cause publish/expired publish/hops publish/once publish/own publish/same publish/ttl publish/verified
	query/age query/once query/own query/same
	send/amplified send/asleep send/known send/peer
	stream/once stream/own stream/same stream/verified
	sync/asked sync/cause sync/equal sync/sixteen sync/summary
	tell/answer tell/connection tell/content tell/nat tell/packet tell/stream tell/verified
	traversal/count traversal/opener traversal/pool traversal/ration traversal/trusted
`)

// Anywhere reports whether a rule is judged on real clocks too.
func (r Rule) Anywhere() bool { return anywhere[strings.TrimPrefix(r.ID, prefix)] }

func set(ids string) map[string]bool {
	all := map[string]bool{}
	for _, id := range strings.Fields(ids) {
		all[id] = true
	}
	return all
}
