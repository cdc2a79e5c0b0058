package natbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"

	"punchlist/harness/hostlink"
	"punchlist/harness/internet"
	"punchlist/harness/packetio"
)

// maxUntold bounds what waits to be read from a router's output. Whoever
// doesn't read it for so long is gone.
const maxUntold = 64 << 20

// atOnce is how many packets one system call reads or writes at most.
const atOnce = 32

// overrun is the error of a router that was sent more than it or its reader
// can take.
type overrun string

func (o overrun) Error() string { return string(o) }

// Run is the router: it obeys the commands of in and tells what happens on
// out, until in ends, which is no error.
func Run(in io.Reader, out io.Writer) error {
	b := &box{started: time.Now(), failed: make(chan error, 1), told: sync.NewCond(new(sync.Mutex))}
	go b.obey(in)
	go b.write(out)
	err := <-b.failed
	b.mu.Lock() // for good: nothing happens any more
	if b.record != nil {
		err = errors.Join(err, b.record.close())
	}
	if err != nil {
		var over overrun
		b.tell(Message{Error: err.Error(), Overrun: errors.As(err, &over)})
	}
	b.finish()
	return err
}

// A box is a running router. What its goroutines share is guarded by mu; the
// lines that wait to be written have a lock of their own, so that nobody
// waits for who reads them.
type box struct {
	started time.Time // with the monotonic clock
	failed  chan error

	mu       sync.Mutex
	model    *internet.Network
	moved    time.Time // up to when everything of the model is done
	routers  []string
	quiet    bool
	flood    int              // 0: none
	sending  map[string]count // by host
	ports    []*port
	attached map[string]bool // hosts that have a machine
	hosts    map[string]internet.Addressing
	realms   map[string]string // of hosts
	frames   []internet.Frame  // not told yet
	arena    []byte            // their packets
	record   *record
	counters Counters
	due      *time.Timer
	handover []byte

	told    *sync.Cond
	lines   []byte // not written yet
	over    bool
	drained bool
}

// A port is the interface in a realm.
type port struct {
	realm   string
	name    string       // of the interface
	router  packetio.MAC // of the realm
	own     bool         // that is ours
	hosts   socket
	routers socket
	from    map[packetio.MAC]string // hosts, by their address
	macs    map[string]packetio.MAC // of every node
	read    int
	written int
}

// A socket is one half of a port, with what waits to be written.
type socket struct {
	*packetio.Interface
	out *packetio.Batch
}

// flush writes what waits. What a kernel has no room for is lost, as any
// network may.
func (s socket) flush() { _ = s.WriteBatch(s.out) }

// A count is of the packets that a host has sent since a moment.
type count struct {
	since   time.Time
	packets int
}

// now is the wall clock of the start, moved by the monotonic one.
func (b *box) now() time.Time { return b.started.Add(time.Since(b.started)).UTC() }

func (b *box) fail(err error) {
	select {
	case b.failed <- err:
	default:
	}
}

// obey handles commands until they end.
func (b *box) obey(in io.Reader) {
	d := json.NewDecoder(in)
	for {
		var c Command
		err := d.Decode(&c)
		if errors.Is(err, io.EOF) {
			b.fail(nil)
			return
		}
		if err != nil {
			b.fail(fmt.Errorf("a command that can't be read: %w", err))
			return
		}
		b.mu.Lock()
		m := Message{ID: c.ID}
		if err := b.do(c, &m); err != nil {
			m.Error = err.Error()
		}
		b.mu.Unlock()
		if c.Start != nil && m.Error == "" {
			if err := b.greet(); err != nil {
				m.Error = err.Error()
			}
		}
		b.mu.Lock()
		b.work()
		b.tell(m)
		b.mu.Unlock()
	}
}

var errNotStarted = errors.New("the router is not started: the first command is start")

func (b *box) do(c Command, m *Message) error {
	if c.Start != nil {
		return b.start(*c.Start)
	}
	if b.model == nil {
		return errNotStarted
	}
	switch {
	case c.Change != nil:
		return b.model.Change(b.now(), *c.Change)
	case c.Attach != "":
		if _, ok := b.hosts[c.Attach]; !ok {
			return fmt.Errorf("attach: no host %q in the realms of %q", c.Attach, b.routers)
		}
		b.attached[c.Attach] = true
	case c.Send != nil:
		if _, ok := b.hosts[c.Send.Host]; !ok {
			return fmt.Errorf("send: no host %q in the realms of %q", c.Send.Host, b.routers)
		}
		b.model.Send(b.now(), c.Send.Host, c.Send.Packet)
	case c.Counters:
		m.Counters = b.count()
	case c.Mark:
	default:
		return errors.New("a command without a verb: start, change, attach, send, mark or counters")
	}
	return nil
}

func (b *box) start(s Start) (err error) {
	if b.model != nil {
		return errors.New("the router is started already")
	}
	if s.Protocol != Protocol {
		return fmt.Errorf("the router speaks protocol %d, not %d: build the images anew (make images)", Protocol, s.Protocol)
	}
	model, err := internet.New(s.Topology, b.now(), internet.Options{
		Seed: s.Seed, Routers: s.Routers, Datagrams: DatagramsOf(s.Index), Capture: b.capture,
	})
	if err != nil {
		return err
	}
	b.routers, b.quiet, b.attached = s.Routers, s.Quiet, map[string]bool{}
	b.flood, b.sending = s.Flood, map[string]count{}
	b.hosts, b.realms = map[string]internet.Addressing{}, map[string]string{}
	b.counters = Counters{Dropped: map[string]int{}}
	for _, host := range model.Hosts() {
		if realm := model.Realm(host); slices.Contains(s.Routers, model.Router(realm)) {
			b.hosts[host], b.realms[host] = model.Addressing(host), realm
		}
	}
	for _, p := range s.Ports {
		if err := b.open(model, p); err != nil {
			return err
		}
	}
	if s.Capture != "" {
		if b.record, err = newRecord(s.Capture, model.Places()); err != nil {
			return err
		}
	}
	b.model = model
	b.due = time.AfterFunc(time.Hour, b.onTime)
	for _, p := range b.ports {
		go b.readHosts(p)
		go b.readRouters(p)
	}
	return nil
}

// greet waits until the routers of the other realms can be reached.
func (b *box) greet() error {
	for _, p := range b.ports {
		if p.own {
			continue
		}
		if err := Greet(p.name, p.router); err != nil {
			return fmt.Errorf("realm %s: %w", p.realm, err)
		}
	}
	return nil
}

// open takes the interface in a realm over from the kernel.
func (b *box) open(model *internet.Network, s Port) error {
	fail := func(err error) error { return fmt.Errorf("realm %s: %w", s.Realm, err) }
	name, err := interfaceIn(s)
	if err != nil {
		return fail(err)
	}
	// The router's address in the realm: of several, the one whose inside it is.
	mac := packetio.MAC{}
	for _, router := range s.routers(model, b.routers) {
		mac = MAC(s.Realm, router)
	}
	if err := hostlink.Bare(name, mac[:]); err != nil {
		return fail(err)
	}
	if err := hostlink.SetMTU(name, maxMTU); err != nil {
		return fail(err)
	}
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(link)
	}
	if err != nil {
		return fail(fmt.Errorf("bring up %s: %w", name, err))
	}
	owner := model.Router(s.Realm)
	p := &port{
		realm: s.Realm, name: name, router: MAC(s.Realm, owner), own: slices.Contains(b.routers, owner),
		from: map[packetio.MAC]string{}, macs: map[string]packetio.MAC{},
	}
	for host, realm := range b.realms {
		if realm == s.Realm {
			p.from[MAC(realm, host)] = host
		}
	}
	if p.hosts, err = openSocket(name, 0); err != nil {
		return fail(err)
	}
	if p.routers, err = openSocket(name, etherType); err != nil {
		return fail(err)
	}
	b.ports = append(b.ports, p)
	return nil
}

func openSocket(name string, protocol uint16) (socket, error) {
	i, err := packetio.Open(name, packetio.Options{Own: true, Protocol: protocol})
	return socket{i, packetio.NewBatch(atOnce)}, err
}

// routers are those of ours that are attached to the realm, its own router
// last.
func (s Port) routers(model *internet.Network, ours []string) (all []string) {
	for _, router := range ours {
		if model.Outside(router) == s.Realm {
			all = append(all, router)
		}
	}
	if own := model.Router(s.Realm); slices.Contains(ours, own) {
		all = append(all, own)
	}
	return all
}

// interfaceIn finds the interface that has an address of the port's subnet:
// their names are in no fixed order.
func interfaceIn(s Port) (string, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	var seen []string
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			return "", err
		}
		for _, a := range addresses {
			seen = append(seen, i.Name+" "+a.String())
			if n, ok := a.(*net.IPNet); ok && s.Subnet.IsValid() {
				if v4 := n.IP.To4(); v4 != nil && (&net.IPNet{IP: s.Subnet.Addr().AsSlice(), Mask: net.CIDRMask(s.Subnet.Bits(), 32)}).Contains(v4) {
					return i.Name, nil
				}
			}
		}
	}
	return "", fmt.Errorf("no interface has an address in %v: there are %q", s.Subnet, seen)
}

func (b *box) readHosts(p *port) {
	in := packetio.NewBatch(atOnce)
	for {
		if err := p.hosts.ReadBatch(in); err != nil {
			b.lostInterface(err)
			return
		}
		b.mu.Lock()
		p.read += in.Len()
		for i := range in.Len() {
			packet, mac := in.Packet(i)
			if host, ok := p.from[mac]; ok {
				b.model.Send(b.now(), host, packet)
			}
		}
		b.work()
		b.mu.Unlock()
	}
}

func (b *box) readRouters(p *port) {
	in := packetio.NewBatch(atOnce)
	for {
		if err := p.routers.ReadBatch(in); err != nil {
			b.lostInterface(err)
			return
		}
		b.mu.Lock()
		for i := range in.Len() {
			packet, from := in.Packet(i)
			if greets, back := isGreeting(packet); greets || back {
				if greets {
					_ = p.routers.WriteTo([]byte{flagGreeted}, from) // it will greet again
				}
				continue
			}
			p.read++
			h, err := parseHandover(packet)
			if err == nil {
				err = b.model.TakeOver(b.now(), h)
			}
			if err != nil {
				b.fail(fmt.Errorf("from a router in realm %s: %w", p.realm, err))
			}
		}
		b.work()
		b.mu.Unlock()
	}
}

func (b *box) lostInterface(err error) {
	if !errors.Is(err, os.ErrClosed) {
		b.fail(err)
	}
}

// onTime is called when something of the model is due.
func (b *box) onTime() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.work()
}

// work does what is due and passes on what left the model.
func (b *box) work() {
	if b.model == nil {
		return
	}
	b.moved = b.now()
	b.model.Advance(b.moved)
	var d internet.Delivery
	for b.model.Poll(&d) {
		if b.attached[d.Host] {
			b.send(b.realms[d.Host], d.Host, d.Packet, false)
		}
	}
	var h internet.Handover
	for b.model.PollHandover(&h) {
		b.handover = appendHandover(b.handover[:0], h)
		b.send(b.model.Outside(h.NAT), b.model.To(h), b.handover, true)
	}
	for _, p := range b.ports {
		for _, s := range []socket{p.hosts, p.routers} {
			if s.out.Len() > 0 {
				s.flush()
			}
		}
	}
	if len(b.frames) > 0 {
		b.tell(Message{})
	}
	if next, ok := b.model.Next(); ok {
		b.due.Reset(max(0, next.Sub(b.now())))
	}
}

// send puts a packet on a realm's Ethernet, by the next flush at the latest.
func (b *box) send(realm, node string, packet []byte, router bool) {
	i := slices.IndexFunc(b.ports, func(p *port) bool { return p.realm == realm })
	if i < 0 {
		b.fail(fmt.Errorf("a packet to %s in realm %s, in which the router has no port", node, realm))
		return
	}
	p := b.ports[i]
	mac, ok := p.macs[node]
	if !ok {
		mac = MAC(realm, node)
		p.macs[node] = mac
	}
	by := p.hosts
	if router {
		by = p.routers
	}
	if by.out.Len() == atOnce {
		by.flush()
	}
	if by.out.Add(packet, mac) { // a handover that is longer than a frame can be is lost
		p.written++
	}
}

// watch counts what a host sends in a second, and ends the router when that is
// a flood.
func (b *box) watch(f internet.Frame) {
	c := b.sending[f.Link]
	if f.At.Sub(c.since) >= time.Second {
		c = count{since: f.At}
	}
	c.packets++
	b.sending[f.Link] = c
	if c.packets > b.flood {
		b.fail(overrun(fmt.Sprintf("host %s sent over %d packets in a second", f.Link, b.flood)))
	}
}

// capture keeps a frame until it is told.
func (b *box) capture(f internet.Frame) {
	b.counters.Frames++
	if f.Dropped != "" {
		b.counters.Dropped[f.Dropped]++
	}
	if b.flood > 0 && f.From == f.Link {
		b.watch(f)
	}
	if b.record != nil {
		b.record.add(f)
	}
	if b.quiet {
		return
	}
	start := len(b.arena)
	b.arena = append(b.arena, f.Packet...)
	f.Packet = b.arena[start:len(b.arena):len(b.arena)]
	b.frames = append(b.frames, f)
}

func (b *box) count() *Counters {
	c := b.counters
	c.Read, c.Written = map[string]int{}, map[string]int{}
	for _, p := range b.ports {
		c.Read[p.realm], c.Written[p.realm] = p.read, p.written
		for _, i := range []socket{p.hosts, p.routers} {
			if lost, err := i.Lost(); err == nil {
				c.Lost += lost
			}
		}
	}
	return &c
}

// tell queues a line, with the frames that were not told yet.
func (b *box) tell(m Message) {
	if m.Frames = b.frames; b.model != nil {
		m.Now = b.moved.UnixNano()
	} else {
		m.Now = b.now().UnixNano()
	}
	line, err := json.Marshal(m)
	if err != nil {
		b.fail(err) // no value of ours can't be written
		return
	}
	b.frames, b.arena = b.frames[:0], b.arena[:0]
	b.told.L.Lock()
	defer b.told.L.Unlock()
	b.lines = append(append(b.lines, line...), '\n')
	if len(b.lines) > maxUntold {
		b.fail(overrun(fmt.Sprintf("nobody has read the last %d MiB that the router told", maxUntold>>20)))
	}
	b.told.Broadcast()
}

// write puts the lines out.
func (b *box) write(out io.Writer) {
	b.told.L.Lock()
	defer b.told.L.Unlock()
	var writing []byte
	for {
		for len(b.lines) == 0 && !b.over {
			b.told.Wait()
		}
		if len(b.lines) == 0 {
			break
		}
		writing, b.lines = b.lines, writing[:0]
		b.told.L.Unlock()
		_, err := out.Write(writing)
		b.told.L.Lock()
		if err != nil {
			break
		}
	}
	b.drained = true
	b.told.Broadcast()
}

// finish waits a while until all lines are written.
func (b *box) finish() {
	time.AfterFunc(2*time.Second, func() {
		b.told.L.Lock()
		defer b.told.L.Unlock()
		b.drained = true
		b.told.Broadcast()
	})
	b.told.L.Lock()
	defer b.told.L.Unlock()
	b.over = true
	b.told.Broadcast()
	for !b.drained {
		b.told.Wait()
	}
}
