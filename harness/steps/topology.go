package steps

import (
	"fmt"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/nat"
	"punchlist/harness/verdict"
)

// Every host is this far from the middle of its realm, one way: two public
// hosts are 20 ms apart. The deployed peers misbehave on links without any
// latency.
const (
	hostLatency = 10 * time.Millisecond
	natLatency  = 5 * time.Millisecond
)

// host adds a host behind a NAT of a profile, or on the public internet when
// the profile is "open".
func (w *World) host(name, profile string) error {
	if w.net != nil {
		return &verdict.LabFailed{Text: fmt.Sprintf("host %q is declared after the scenario has begun to act", name)}
	}
	for _, h := range w.topology.Hosts {
		if h.Name == name {
			return &verdict.LabFailed{Text: fmt.Sprintf("host %q is declared twice", name)}
		}
	}
	p, err := nat.Lookup(profile)
	if err != nil {
		return &verdict.LabFailed{Err: err}
	}
	realm := internet.Public
	if profile != openProfile {
		realm = "home of " + name
		w.topology.NATs = append(w.topology.NATs, internet.NAT{
			Name: "nat-" + name, Profile: p, Inside: realm, Outside: internet.Public,
			Link: internet.Link{Latency: natLatency},
		})
	}
	latency := max(hostLatency, w.o.Subject.Latency/2, w.o.Companion.Latency/2)
	w.topology.Hosts = append(w.topology.Hosts, internet.Host{
		Name: name, Realm: realm, Link: internet.Link{Latency: latency},
	})
	return nil
}

// openProfile is a host without a NAT.
const openProfile = "open"

// link changes the link of a host: as it is declared before the internet is
// up, in flight after.
func (w *World) link(name string, change func(*internet.Link)) error {
	for i := range w.topology.Hosts {
		h := &w.topology.Hosts[i]
		if h.Name != name {
			continue
		}
		change(&h.Link)
		if w.net == nil {
			return nil
		}
		link := h.Link
		if err := w.net.Change(internet.Change{Node: name, Link: &link}); err != nil {
			return &verdict.LabFailed{Err: err}
		}
		return nil
	}
	return &verdict.LabFailed{Text: fmt.Sprintf("the scenario has no host %q", name)}
}

func (w *World) givenBootstrapPeers(n int) error {
	for i := 1; i <= n; i++ {
		name := fmt.Sprintf("boot%d", i)
		if err := w.host(name, openProfile); err != nil {
			return err
		}
		w.declare(name, false, true, true)
	}
	return nil
}

func (w *World) givenHost(name, profile string) error { return w.host(name, profile) }

func (w *World) givenSubjectBehind(profile string) error {
	if err := w.host(subjectHost, profile); err != nil {
		return err
	}
	w.declare(subjectHost, true, false, true)
	return nil
}

func (w *World) givenSubjectBootstrap(host string) error {
	if err := w.host(host, openProfile); err != nil {
		return err
	}
	w.declare(host, true, true, true).lonely = true
	return nil
}

func (w *World) givenSubjectLonely(host string) error {
	if err := w.host(host, openProfile); err != nil {
		return err
	}
	w.declare(host, true, false, true).lonely = true
	return nil
}

func (w *World) givenCompanionBehind(name, profile string) error {
	if err := w.host(name, profile); err != nil {
		return err
	}
	w.declare(name, false, false, true)
	return nil
}

func (w *World) givenInjector(name, profile string, mute bool) error {
	if err := w.host(name, profile); err != nil {
		return err
	}
	w.injectors = append(w.injectors, &scripted{host: name, mute: mute})
	return nil
}

func (w *World) givenSecondSocket(name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	in.second = true
	return nil
}

// givenAnswerLost has an injector not send what would get lost: no link tells
// one packet from another.
func (w *World) givenAnswerLost(answer, name string) error {
	in, err := w.scriptedNamed(name)
	if err != nil {
		return err
	}
	if answer == "second pong" {
		in.loses.SecondPongs = 1
	} else {
		in.loses.ToProbes = 1
	}
	return nil
}

func (w *World) linkDown(name string, down bool) error {
	if w.net != nil {
		w.changed = w.net.Now()
	}
	return w.link(name, func(l *internet.Link) { l.Down = down })
}

func (w *World) linkLoses(name string, percent int) error {
	return w.link(name, func(l *internet.Link) { l.Loss = float64(percent) / 100 })
}

func (w *World) linkDuplicates(name string, percent int) error {
	return w.link(name, func(l *internet.Link) { l.Duplicate = float64(percent) / 100 })
}

func (w *World) whenTimePasses(seconds int) error {
	if err := w.up(); err != nil {
		return err
	}
	return w.pass(time.Duration(seconds) * time.Second)
}

func (w *World) whenIntervalsPass(intervals int) error {
	if err := w.up(); err != nil {
		return err
	}
	return w.pass(time.Duration(intervals) * w.k())
}

// whenSubjectStarts starts the subject on a host that was declared.
func (w *World) whenSubjectStarts(host string) error {
	if w.net != nil {
		return &verdict.LabFailed{Text: "the subject starts after the scenario has begun to act: declare it before"}
	}
	p := w.declare(host, true, false, false)
	return w.lateStart(p)
}

func (w *World) lateStart(p *peer) error {
	if err := w.up(); err != nil {
		return err
	}
	if err := w.start(p); err != nil {
		return err
	}
	return w.ready(p)
}

func (w *World) givenSubjectLater(profile string) error {
	if err := w.host(subjectHost, profile); err != nil {
		return err
	}
	w.declare(subjectHost, true, false, false)
	return nil
}

func (w *World) whenSubjectComes() error { return w.lateStart(w.subject) }

func (w *World) whenStops(name string) error {
	p, err := w.named(name)
	if err != nil {
		return err
	}
	// What it has published must be on its way: a message that never left is
	// not one that others could have kept.
	for _, m := range w.sent { // order-free: all are awaited
		if m.by != p {
			continue
		}
		left, err := w.await(answerWithin, func() bool { return len(w.packetsOf(m)) == len(m.ids) })
		if err != nil {
			return err
		}
		if !left {
			return w.unfit(p, "its publish did not leave within %v", answerWithin)
		}
	}
	p.stopped = true
	if err := p.testee.Stop(); err != nil {
		return &verdict.LabFailed{Err: err}
	}
	return nil
}
