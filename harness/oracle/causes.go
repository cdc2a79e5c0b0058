package oracle

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"punchlist/spec"
)

// causesOf are the causes (spec/causes.yaml) by which a datagram may leave that a rule is about. A
// rule that is broken for lack of a cause has them all.
var causesOf = map[string][]string{
	"pong/cause":     {"pong/first", "pong/second"},
	"pong/once":      {"pong/first", "pong/second"},
	"intro/cause":    {"intro/of-requester", "intro/to-requester", "intro/rendezvous"},
	"intro/count":    {"intro/of-requester", "intro/to-requester", "intro/rendezvous"},
	"join/member":    {"join/own", "join/answer"},
	"join/often":     {"join/own"},
	"join/answer":    {"join/answer"},
	"join/same":      {"join/relayed", "join/with-rendezvous"},
	"join/once":      {"join/relayed", "join/with-rendezvous"},
	"publish/cause":  {"publish/own", "publish/own-again", "publish/relayed", "publish/synced", "publish/of-a-sync", "publish/expired"},
	"publish/hops":   {"publish/relayed", "publish/synced", "publish/of-a-sync", "publish/expired"},
	"publish/once":   {"publish/relayed", "publish/of-a-sync"},
	"sync/cause":     {"sync/first", "sync/repeated", "sync/hash-differs", "sync/deeper", "sync/asked"},
	"sync/asked":     {"publish/synced"},
	"stream/own":     {"stream/own"},
	"stream/same":    {"stream/relayed"},
	"stream/once":    {"stream/relayed"},
	"query/own":      {"query/own"},
	"query/same":     {"query/relayed"},
	"query/once":     {"query/relayed"},
	"answer/cause":   {"answer/cached", "answer/of-application", "answer/sent-back"},
	"answer/once":    {"answer/sent-back"},
	"ping/indexed":   {"ping/stage-1", "ping/stage-2"},
	"traversal/pool": {"ping/pool", "ping/come-through"},
}

// Causes are the ids of the causes that a datagram which the rule is about may have; empty for a
// rule that asks for no cause.
func (r Rule) Causes() []string { return slices.Clone(causesOf[strings.TrimPrefix(r.ID, prefix)]) }

var carried = sync.OnceValues(spec.LoadStandard)

// allowed says by which causes a datagram might have left; empty where the rule has none.
func allowed(rule string) string {
	standard, err := carried()
	if err != nil {
		return ""
	}
	var all []string
	for _, id := range causesOf[rule] {
		c, _ := standard.Cause(id)
		all = append(all, fmt.Sprintf("%s (to %s, on %s, %s)", id, c.To, c.On, c.Often))
	}
	if len(all) == 0 {
		return ""
	}
	return "; allowed: " + strings.Join(all, ", ")
}
