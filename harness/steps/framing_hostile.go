package steps

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"regexp"
	"time"

	"punchlist/harness/injector"
	"punchlist/harness/verdict"
	"punchlist/reference/seal"
	"punchlist/vectors"
)

// givenInjectorsAreBootstraps gives the subject nothing but injectors to begin
// with. They help it discover its NAT type, so that it is the only testee.
func (w *World) givenInjectorsAreBootstraps(a, b, c string) error {
	for _, name := range []string{a, b, c} {
		if err := w.givenBootstrapInjector(name); err != nil {
			return err
		}
		if err := w.givenSecondSocket(name); err != nil {
			return err
		}
	}
	return nil
}

// hostile sends the subject datagrams that some peers die of, with a moment
// between two, so that a death has one that came last before it.
func (w *World) hostile(name string, datagrams [][]byte) error {
	in, err := w.acting(name)
	if err != nil {
		return err
	}
	if !w.subject.lonely {
		if err := w.discovered(w.subject); err != nil {
			return err
		}
	}
	for _, d := range datagrams {
		if err := in.Main.Send(w.way(in, w.subject), d); err != nil {
			return &verdict.LabFailed{Err: err}
		}
		if err := w.pass(hostilePace); err != nil {
			return err
		}
	}
	return nil
}

const hostilePace = 30 * time.Millisecond

func (w *World) whenHostile(name, of string) error {
	datagrams, err := w.hostileCase(of)
	if err != nil {
		return err
	}
	return w.hostile(name, datagrams)
}

// whenHostileFitted is for a sender that has a name with the subject: its
// datagrams are dropped neither for their ids nor as repetitions of others.
func (w *World) whenHostileFitted(name, of string) error {
	datagrams, err := w.hostileCase(of)
	if err != nil {
		return err
	}
	return w.hostile(name, injector.Fitted(datagrams))
}

// whenNoise sends bytes of no kind.
func (w *World) whenNoise(name string, count int) error {
	var all [][]byte
	for i := range count {
		h := seal.SharedKey(fmt.Sprintf("noise %d %d", w.o.Seed, i))
		all = append(all, append([]byte{3, 5, 11, 17}, bytes.Repeat(h[:], 1+i%40)...)[i%5:])
	}
	return w.hostile(name, all)
}

// deadline is the value of a rendezvousDeadline in a body.
var deadline = regexp.MustCompile(`("rendezvousDeadline":)\d{13}`)

// hostileCase is a case of the vectors made out to the subject: to its id, its
// clusters and the clock of the lab.
func (w *World) hostileCase(of string) ([][]byte, error) {
	if err := w.up(); err != nil {
		return nil, err
	}
	cases, err := vectors.Hostile()
	if err != nil {
		return nil, &verdict.LabFailed{Err: err}
	}
	victim := seal.PeerID(vectors.HostileVictim)
	victims := seal.ClusterID(vectors.HostileCluster)
	joined := seal.NewKeys(seal.SharedKey(vectors.HostileSubcluster)).SubclusterID
	ahead := append([]byte("${1}"), w.milliseconds(w.k())...)
	for _, c := range cases {
		if c.Name != of {
			continue
		}
		var all [][]byte
		for _, d := range c.Datagrams {
			d = bytes.ReplaceAll(d, []byte(hex.EncodeToString(victim[:])), []byte(w.subject.id.String()))
			d = bytes.ReplaceAll(d, victim[:], w.subject.id[:])
			d = bytes.ReplaceAll(d, victims[:], cluster[:])
			d = bytes.ReplaceAll(d, joined[:], w.groupID())
			all = append(all, deadline.ReplaceAll(d, ahead))
		}
		return all, nil
	}
	return nil, &verdict.LabFailed{Text: fmt.Sprintf("the vectors have no hostile case %q", of)}
}
