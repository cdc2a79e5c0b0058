package steps

import (
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/nat"
	"punchlist/spec/testee"
)

var _ = step("lab/injectors-as-bootstraps", `^the injectors "([^"]+)", "([^"]+)" and "([^"]+)" are the bootstrap peers of the subject$`,
	(*World).givenInjectorsAreBootstraps)

// givenInjectorsAreBootstraps gives the subject nothing but injectors to begin
// with. They help it discover its NAT type, so that it is the only testee.
func (w *World) givenInjectorsAreBootstraps(a, b, c string) {
	for _, name := range []string{a, b, c} {
		w.givenBootstrapInjector(name)
		w.givenSecondSocket(name)
	}
}

// restart ends the subject's process and starts it again on the same host.
func (w *World) restart(state string) {
	p := w.subject
	p.stopped = true
	must(p.client.Testee.Stop())
	if !w.await(replyWithin, func() bool { return p.client.Testee.Exit() != nil }) {
		misused("the subject's process did not end")
	}
	w.changed = w.net.Now()
	w.start(p)
	p.started.State = state
	w.ready(p)
}

var _ = step("lab/subject-restarts", `^the subject restarts with the state that it saved$`,
	(*World).whenRestarts)

func (w *World) whenRestarts() {
	var ok testee.StateOK
	w.call(w.subject, testee.State, nil, &ok)
	w.restart(ok.State)
}

var _ = step("lab/subject-restarts-corrupt", `^the subject restarts with a corrupt state$`,
	(*World).whenRestartsCorrupt)

// whenRestartsCorrupt gives the state back with one byte that is another one.
func (w *World) whenRestartsCorrupt() {
	var ok testee.StateOK
	w.call(w.subject, testee.State, nil, &ok)
	state, err := hex.DecodeString(ok.State)
	if err != nil || len(state) == 0 {
		w.unfit(w.subject, "its state is empty, or no hex")
	}
	state[len(state)/2] ^= 0x20
	w.restart(hex.EncodeToString(state))
}

// Every host is this far from the middle of its realm, one way: two public
// hosts are 20 ms apart. The deployed peers misbehave on links without any
// latency.
const (
	hostLatency = 10 * time.Millisecond
	natLatency  = 5 * time.Millisecond
)

// host adds a host behind a NAT of a profile, or on the public internet when
// the profile is "open".
func (w *World) host(name, profile string) {
	if w.net != nil {
		misused("host %q is declared after the scenario has begun to act", name)
	}
	for _, h := range w.topology.Hosts {
		if h.Name == name {
			misused("host %q is declared twice", name)
		}
	}
	p := mustGet(nat.Lookup(profile))
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
}

// openProfile is a host without a NAT.
const openProfile = "open"

// link changes the link of a host: as it is declared before the internet is
// up, in flight after.
func (w *World) link(name string, change func(*internet.Link)) {
	for i := range w.topology.Hosts {
		h := &w.topology.Hosts[i]
		if h.Name != name {
			continue
		}
		change(&h.Link)
		if w.net == nil {
			return
		}
		link := h.Link
		must(w.net.Change(internet.Change{Node: name, Link: &link}))
		return
	}
	misused("the scenario has no host %q", name)
}

var _ = step("lab/bootstrap-peers", `^(\d+) bootstrap peers$`,
	(*World).givenBootstrapPeers)

func (w *World) givenBootstrapPeers(n int) {
	for i := 1; i <= n; i++ {
		name := fmt.Sprintf("boot%d", i)
		w.host(name, openProfile)
		w.declare(name, false, true, true)
	}
}

var _ = step("lab/host-public", `^the host "([^"]+)" on the public internet$`,
	func(w *World, name string) { w.host(name, openProfile) })

var _ = step("lab/host-behind-nat", `^the host "([^"]+)" behind an? ([\w-]+) NAT$`,
	(*World).host)

var _ = step("lab/subject-public", `^the subject on the public internet$`,
	func(w *World) { w.givenSubjectBehind(openProfile) })
var _ = step("lab/subject-behind-nat", `^the subject behind an? ([\w-]+) NAT$`,
	(*World).givenSubjectBehind)

func (w *World) givenSubjectBehind(profile string) {
	w.host(subjectHost, profile)
	w.declare(subjectHost, true, false, true)
}

var _ = step("lab/subject-as-bootstrap", `^the subject runs as a bootstrap peer on "([^"]+)"$`,
	(*World).givenSubjectBootstrap)

func (w *World) givenSubjectBootstrap(host string) {
	w.host(host, openProfile)
	w.declare(host, true, true, true).lonely = true
}

var _ = step("lab/subject-without-bootstraps", `^the subject runs on "([^"]+)" without bootstrap peers$`,
	(*World).givenSubjectLonely)

func (w *World) givenSubjectLonely(host string) {
	w.host(host, openProfile)
	w.declare(host, true, false, true).lonely = true
}

var _ = step("lab/companion-behind-nat", `^a companion "([^"]+)" behind an? ([\w-]+) NAT$`,
	(*World).givenCompanionBehind)

func (w *World) givenCompanionBehind(name, profile string) {
	w.host(name, profile)
	w.declare(name, false, false, true)
}

var _ = step("lab/injector-public", `^an injector "([^"]+)" on the public internet$`,
	func(w *World, name string) { w.givenInjector(name, openProfile, false) })
var _ = step("lab/injector-behind-nat", `^an injector "([^"]+)" behind an? ([\w-]+) NAT$`,
	func(w *World, name, profile string) { w.givenInjector(name, profile, false) })
var _ = step("lab/injector-silent", `^an injector "([^"]+)" on the public internet that never answers$`,
	func(w *World, name string) { w.givenInjector(name, openProfile, true) })

func (w *World) givenInjector(name, profile string, mute bool) {
	w.host(name, profile)
	w.injectors = append(w.injectors, &scripted{host: name, mute: mute})
}

var _ = step("lab/injector-second-socket", `^"([^"]+)" opens a second socket$`,
	(*World).givenSecondSocket)

func (w *World) givenSecondSocket(name string) {
	in := w.injector(name)
	in.second = true
}

var _ = step("lab/injector-pong-lost", `^the first (answer to the probe socket|second pong) of "([^"]+)" is lost$`,
	(*World).givenAnswerLost)

// givenAnswerLost has an injector not send what would get lost: no link tells
// one packet from another.
func (w *World) givenAnswerLost(answer, name string) {
	in := w.injector(name)
	if answer == "second pong" {
		in.loses.SecondPongs = 1
	} else {
		in.loses.ToProbes = 1
	}
}

var _ = step("lab/link-down", `^the link of "([^"]+)" is down$`,
	func(w *World, name string) { w.linkDown(name, true) })
var _ = step("lab/link-up", `^the link of "([^"]+)" is up$`,
	func(w *World, name string) { w.linkDown(name, false) })

func (w *World) linkDown(name string, down bool) {
	if w.net != nil {
		w.changed = w.net.Now()
	}
	w.link(name, func(l *internet.Link) { l.Down = down })
}

var _ = step("lab/link-loses", `^the link of "([^"]+)" loses (\d+) % of its packets$`,
	func(w *World, name string, percent int) {
		w.link(name, func(l *internet.Link) { l.Loss = float64(percent) / 100 })
	})

var _ = step("lab/link-duplicates", `^the link of "([^"]+)" duplicates (\d+) % of its packets$`,
	func(w *World, name string, percent int) {
		w.link(name, func(l *internet.Link) { l.Duplicate = float64(percent) / 100 })
	})

var _ = step("lab/seconds-pass", `^(\d+) s pass(?:es)?$`,
	(*World).whenTimePasses)

func (w *World) whenTimePasses(seconds int) {
	w.up()
	w.pass(time.Duration(seconds) * time.Second)
}

var _ = step("lab/intervals-pass", `^(\d+) keepalive intervals? pass(?:es)?$`,
	(*World).whenIntervalsPass)

func (w *World) whenIntervalsPass(intervals int) {
	w.up()
	w.pass(time.Duration(intervals) * w.k())
}

var _ = step("lab/subject-starts-on", `^the subject starts on "([^"]+)"$`,
	(*World).whenSubjectStarts)

// whenSubjectStarts starts the subject on a host that was declared.
func (w *World) whenSubjectStarts(host string) {
	if w.net != nil {
		misused("the subject starts after the scenario has begun to act: declare it before")
	}
	p := w.declare(host, true, false, false)
	w.lateStart(p)
}

func (w *World) lateStart(p *peer) {
	w.up()
	w.start(p)
	w.ready(p)
}

var _ = step("lab/subject-behind-nat-later", `^the subject, which starts later, behind an? ([\w-]+) NAT$`,
	(*World).givenSubjectLater)

func (w *World) givenSubjectLater(profile string) {
	w.host(subjectHost, profile)
	w.declare(subjectHost, true, false, false)
}

var _ = step("lab/subject-starts", `^the subject starts$`,
	func(w *World) { w.lateStart(w.subject) })

var _ = step("lab/peer-stops", `^"([^"]+)" stops$`,
	(*World).whenStops)

func (w *World) whenStops(name string) {
	p := w.named(name)
	// What it has published must be on its way: a message that never left is
	// not one that others could have kept.
	for _, m := range w.replication.sent { // order-free: all are awaited
		if m.by != p {
			continue
		}
		if !w.await(replyWithin, func() bool { return len(w.packetsOf(m)) == len(m.ids) }) {
			w.unfit(p, "its publish did not leave within %v", replyWithin)
		}
	}
	p.stopped = true
	must(p.client.Testee.Stop())
}

var _ = step("lab/both-behind-one-nat", `^the subject and a companion "([^"]+)" behind one ([\w-]+) NAT$`,
	(*World).givenOneNAT)

// givenOneNAT puts the subject and a companion behind one NAT.
func (w *World) givenOneNAT(name, profile string) {
	w.givenSubjectBehind(profile)
	w.lanHost(name)
	w.declare(name, false, false, true)
}

// lanHost adds a host to the network of the subject.
func (w *World) lanHost(name string) {
	w.host(name, openProfile)
	hosts := w.topology.Hosts
	at := slices.IndexFunc(hosts, func(h internet.Host) bool { return h.Name == w.subject.host })
	hosts[len(hosts)-1].Realm = hosts[at].Realm
}

var _ = step("lab/injector-on-lan", `^an injector "([^"]+)" on the network of the subject$`,
	(*World).givenLANInjector)

func (w *World) givenLANInjector(name string) {
	w.lanHost(name)
	w.injectors = append(w.injectors, &scripted{host: name, mute: true})
}

var _ = step("lab/injector-as-bootstrap", `^an injector "([^"]+)" that is a bootstrap peer to the subject$`,
	(*World).givenBootstrapInjector)

// givenBootstrapInjector adds an injector that the subject is given as a
// bootstrap peer, so that its NAT lets it in.
func (w *World) givenBootstrapInjector(name string) {
	w.givenInjector(name, openProfile, false)
	w.injectors[len(w.injectors)-1].bootstraps = true
}

var _ = step("lab/subject-knows-only", `^the subject knows only "([^"]+)" and "([^"]+)"$`,
	func(w *World, a, b string) { w.givenKnowsOnly("", a, b) })
var _ = step("lab/peer-knows-only", `^"([^"]+)" knows only "([^"]+)" and "([^"]+)"$`,
	(*World).givenKnowsOnly)

func (w *World) givenKnowsOnly(name, a, b string) {
	p := w.subject
	if name != "" {
		p = w.named(name)
	}
	p.knows = []string{a, b}
}

var _ = step("lab/nat-reboots", `^the NAT of "([^"]+)" reboots$`,
	func(w *World, host string) { w.changeNAT(host, internet.Change{Reboot: true}) })

var _ = step("lab/nat-readdressed", `^the NAT of "([^"]+)" gets another address$`,
	func(w *World, host string) { w.changeNAT(host, internet.Change{Readdress: true}) })

var _ = step("lab/host-suspended", `^the host "([^"]+)" is suspended for (\d+) keepalive intervals$`,
	(*World).whenSuspended)

func (w *World) whenSuspended(host string, intervals int) {
	must(w.net.Change(internet.Change{Node: host, Suspend: true}))
	until := w.net.Now().Add(time.Duration(intervals) * w.k())
	for w.net.Now().Before(until) {
		must(w.net.Step(w.ctx, until))
	}
	w.changed = w.net.Now()
	must(w.net.Change(internet.Change{Node: host, Resume: true}))
}

// nobody is an address of the public realm that no lab gives away.
const nobody = "192.0.2.254"

// subjectHost is the host of the subject where the scenario names none.
const subjectHost = "alice"
