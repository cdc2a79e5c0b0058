package steps

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"time"

	"punchlist/harness/injector"
	"punchlist/reference/seal"
	"punchlist/vectors"
)

// hostile sends the subject datagrams that some peers die of, with a moment
// between two, so that a death has one that came last before it.
func (w *World) hostile(name string, datagrams [][]byte) {
	in := w.acting(name)
	if !w.subject.lonely {
		w.discovered(w.subject)
	}
	for _, d := range datagrams {
		in.sendBytes(w.way(in, w.subject), d)
		w.pass(hostilePace)
	}
}

const hostilePace = 30 * time.Millisecond

var _ = step("frame/injector-sends-hostile", `^"([^"]+)" sends the subject the hostile case: (.+)$`,
	(*World).whenHostile)

func (w *World) whenHostile(name, of string) {
	w.hostile(name, w.hostileCase(of))
}

var _ = step("frame/injector-sends-hostile-fitted", `^"([^"]+)" sends the subject, under ids that fit, the hostile case: (.+)$`,
	(*World).whenHostileFitted)

// whenHostileFitted is for a sender that has a name with the subject: its
// datagrams are dropped neither for their ids nor as repetitions of others.
func (w *World) whenHostileFitted(name, of string) {
	w.hostile(name, injector.Fitted(w.hostileCase(of)))
}

var _ = step("frame/injector-sends-noise", `^"([^"]+)" sends the subject (\d+) datagrams of noise$`,
	(*World).whenNoise)

// whenNoise sends bytes of no kind.
func (w *World) whenNoise(name string, count int) {
	var all [][]byte
	for i := range count {
		h := seal.SharedKey(fmt.Sprintf("noise %d %d", w.o.Seed, i))
		all = append(all, append([]byte{3, 5, 11, 17}, bytes.Repeat(h[:], 1+i%40)...)[i%5:])
	}
	w.hostile(name, all)
}

// deadline is the value of a rendezvousDeadline in a body.
var deadline = regexp.MustCompile(`("rendezvousDeadline":)\d{13}`)

// hostileCase is a case of the vectors made out to the subject: to its id, its
// clusters and the clock of the lab.
func (w *World) hostileCase(of string) [][]byte {
	w.up()
	cases := mustGet(vectors.Hostile())
	at := slices.IndexFunc(cases, func(c vectors.HostileCase) bool { return c.Name == of })
	if at < 0 {
		misused("the vectors have no hostile case %q", of)
	}
	victim := seal.PeerID(vectors.HostileVictim)
	victims := seal.ClusterID(vectors.HostileCluster)
	joined := seal.NewKeys(seal.SharedKey(vectors.HostileSubcluster)).SubclusterID
	ahead := append([]byte("${1}"), w.milliseconds(w.k())...)
	var all [][]byte
	for _, d := range cases[at].Datagrams {
		d = bytes.ReplaceAll(d, []byte(hex.EncodeToString(victim[:])), []byte(w.subject.id.String()))
		d = bytes.ReplaceAll(d, victim[:], w.subject.id[:])
		d = bytes.ReplaceAll(d, victims[:], cluster[:])
		d = bytes.ReplaceAll(d, joined[:], w.groupID())
		all = append(all, deadline.ReplaceAll(d, ahead))
	}
	return all
}
