package explore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"punchlist/harness/nat"
)

// does is what each kind of op is called in a scenario.
var does = map[Kind]string{
	Join: "joins", Leave: "leaves", Publish: "publishes", Stream: "streams to", Query: "asks", Sync: "syncs with", Cache: "lists its cache",
	Stop: "stops", Start: "starts without a state", Resume: "starts with its state", Sleep: "sleeps", Wake: "wakes",
	Freeze: "is suspended", Thaw: "goes on", Down: "loses its link", Up: "has its link again", Reboot: "has its NAT rebooted",
	Renumber: "has its NAT renumbered", Pass: "waits", Fill: "fills the caches",
}

// What a host runs, in a scenario.
const (
	runsPeer      = "a peer"
	runsBootstrap = "a bootstrap peer"
	runsInjector  = "an injector"
	runsSubject   = "the subject"
	subjectAsBoot = "the subject as a bootstrap peer"
)

// event is the name of the event of publishes that have one.
const event = "news"

const beside = "beside " // another host, behind its NAT

// A column of a table of a scenario. One in which every cell is empty is left out.
type column[T any] struct {
	name  string
	write func(T) string
	read  func(*T, string) error
}

var hostColumns = []column[Host]{
	{"host", func(h Host) string { return h.Name }, func(h *Host, s string) error { h.Name = s; return nil }},
	{"network", func(h Host) string {
		if h.Behind != "" {
			return beside + h.Behind
		}
		return h.Profile
	}, func(h *Host, s string) error {
		if other, ok := strings.CutPrefix(s, beside); ok {
			h.Behind = other
			return nil
		}
		h.Profile = s
		_, err := nat.Lookup(s)
		return err
	}},
	{"runs", nil, nil}, // see Scenario and ReadPlan
	{"latency", func(h Host) string { return h.Latency.String() }, func(h *Host, s string) error { return readTime(&h.Latency, s) }},
	{"jitter", func(h Host) string { return showTime(h.Jitter) }, func(h *Host, s string) error { return readTime(&h.Jitter, s) }},
	{"loss", func(h Host) string { return showShare(h.Loss) }, func(h *Host, s string) error { return readShare(&h.Loss, s) }},
	{"duplicates", func(h Host) string { return showShare(h.Duplicate) }, func(h *Host, s string) error { return readShare(&h.Duplicate, s) }},
	{"reordering", func(h Host) string { return showShare(h.Reorder) }, func(h *Host, s string) error { return readShare(&h.Reorder, s) }},
}

var opColumns = []column[Op]{
	{"at", func(o Op) string { return o.At.String() }, func(o *Op, s string) error { return readTime(&o.At, s) }},
	{"host", func(o Op) string { return o.Host }, func(o *Op, s string) error { o.Host = s; return nil }},
	{"does", func(o Op) string {
		if o.Do == Attack {
			return attacks[o.N%len(attacks)].name
		}
		return does[o.Do]
	}, readDoes},
	{"with", func(o Op) string { return o.Peer }, func(o *Op, s string) error { o.Peer = s; return nil }},
	{"subcluster", func(o Op) string {
		if o.Do == Join || o.Do == Leave || o.Do == Publish || o.Do == Stream || o.Do == Fill && o.Sub > 0 {
			return strconv.Itoa(o.Sub + 1)
		}
		return ""
	}, func(o *Op, s string) (err error) { o.Sub, err = strconv.Atoi(s); o.Sub--; return err }},
	{"messages", func(o Op) string {
		if o.Do == Fill {
			return strconv.Itoa(o.N)
		}
		return ""
	}, func(o *Op, s string) (err error) { o.N, err = strconv.Atoi(s); return err }},
	{"bytes", func(o Op) string {
		if o.Do == Publish || o.Do == Stream {
			return strconv.Itoa(o.N)
		}
		return ""
	}, func(o *Op, s string) (err error) { o.N, err = strconv.Atoi(s); return err }},
	{"about", func(o Op) string {
		if o.Do == Query && o.N > 0 {
			return "a packet"
		}
		return ""
	}, func(o *Op, s string) error { o.N = 1; return nil }},
	{"ttl", func(o Op) string { return showTime(o.TTL) }, func(o *Op, s string) error { return readTime(&o.TTL, s) }},
	{"event", func(o Op) string {
		if o.Named {
			return event
		}
		return ""
	}, func(o *Op, s string) error { o.Named = s == event; return nil }},
	{"signed", func(o Op) string {
		if o.Sign {
			return "yes"
		}
		return ""
	}, func(o *Op, s string) error { o.Sign = s == "yes"; return nil }},
}

func readDoes(o *Op, s string) error {
	for kind, text := range does {
		if text == s {
			o.Do = kind
			return nil
		}
	}
	for i, a := range attacks {
		if a.name == s {
			o.Do, o.N = Attack, i
			return nil
		}
	}
	return fmt.Errorf("no host can do %q", s)
}

func showTime(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func readTime(d *time.Duration, s string) (err error) {
	*d, err = time.ParseDuration(s)
	return err
}

func showShare(x float64) string {
	if x == 0 {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

func readShare(x *float64, s string) (err error) {
	*x, err = strconv.ParseFloat(s, 64)
	if err == nil && !(*x >= 0 && *x <= 1) {
		err = fmt.Errorf("a share is 0 to 1, got %v", *x)
	}
	return err
}

// Scenario is a plan as a feature that plays as it stands: the same world, in which the subject is
// on the plan's host, and keeps to the rule that a finding was about.
func (p Plan) Scenario(f Finding) string {
	rule := f.Seen.Rule
	short := strings.ReplaceAll(strings.TrimPrefix(rule.ID, "oracle/"), "/", "-")
	area := strings.ToLower(strings.Split(rule.Requirement, "-")[1])
	var b strings.Builder
	fmt.Fprintf(&b, "Feature: Found by exploring\n\n  @%s @virtual\n  Rule: %s\n\n", rule.Requirement, strings.TrimSuffix(rule.Says, "."))
	fmt.Fprintf(&b, "    @id:%s/world-%d-%s\n    Scenario: World %d\n", area, p.Seed, short, p.Seed)
	fmt.Fprintf(&b, "      Given the world of seed %d, with a keepalive interval of %v and these hosts:\n", p.Seed, p.Keepalive)
	hosts := table(hostColumns, p.Hosts)
	runs := slices.Index(hosts[0], "runs")
	for i, h := range p.Hosts {
		hosts[i+1][runs] = h.runs(h.Name == f.Host)
	}
	write(&b, hosts)
	fmt.Fprintf(&b, "      When this happens within %v:\n", p.Length)
	write(&b, table(opColumns, p.Ops))
	fmt.Fprintf(&b, "      Then the subject keeps to the rule %q\n", rule.ID)
	return b.String()
}

func (h Host) runs(subject bool) string {
	switch {
	case h.Injector:
		return runsInjector
	case subject && h.Bootstrap:
		return subjectAsBoot
	case subject:
		return runsSubject
	case h.Bootstrap:
		return runsBootstrap
	}
	return runsPeer
}

// table is the header and the rows of what has a line each.
func table[T any](columns []column[T], all []T) [][]string {
	rows := make([][]string, len(all)+1)
	for i, c := range columns {
		needed := c.write == nil || i < 3
		for _, x := range all {
			needed = needed || c.write(x) != ""
		}
		if !needed {
			continue
		}
		rows[0] = append(rows[0], c.name)
		for n, x := range all {
			cell := ""
			if c.write != nil {
				cell = c.write(x)
			}
			rows[n+1] = append(rows[n+1], cell)
		}
	}
	return rows
}

func write(b *strings.Builder, rows [][]string) {
	for _, row := range rows {
		b.WriteString("       ")
		for i, cell := range row {
			width := 0
			for _, other := range rows {
				width = max(width, len(other[i]))
			}
			fmt.Fprintf(b, " | %-*s", width, cell)
		}
		b.WriteString(" |\n")
	}
}

// ReadPlan makes a plan of the tables of a scenario, header first.
func ReadPlan(seed int64, keepalive, length time.Duration, hosts, ops [][]string) (p Plan, err error) {
	p = Plan{Seed: seed, Keepalive: keepalive, Length: length}
	err = rows(hostColumns, hosts, func(h Host, cells map[string]string) error {
		runs := cells["runs"]
		switch runs {
		case runsInjector:
			h.Injector = true
		case runsBootstrap, subjectAsBoot:
			h.Bootstrap = true
		case runsPeer, runsSubject:
		default:
			return fmt.Errorf("a host runs %s, %s, %s, %s or %s, got %q", runsSubject, subjectAsBoot, runsPeer, runsBootstrap, runsInjector, runs)
		}
		if runs == runsSubject || runs == subjectAsBoot {
			p.Subject = h.Name
		}
		p.Hosts = append(p.Hosts, h)
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("hosts: %w", err)
	}
	err = rows(opColumns, ops, func(o Op, _ map[string]string) error { p.Ops = append(p.Ops, o); return nil })
	if err != nil {
		return p, fmt.Errorf("what happens: %w", err)
	}
	if p.Subject == "" {
		return p, fmt.Errorf("hosts: none runs %s", runsSubject)
	}
	return p, p.Validate()
}

func rows[T any](columns []column[T], table [][]string, each func(T, map[string]string) error) error {
	if len(table) == 0 {
		return fmt.Errorf("a table has a header")
	}
	for _, row := range table[1:] {
		var x T
		cells := map[string]string{}
		for i, name := range table[0] {
			at := slices.IndexFunc(columns, func(c column[T]) bool { return c.name == name })
			if at < 0 {
				return fmt.Errorf("there is no column %q", name)
			}
			cells[name] = row[i]
			if row[i] == "" || columns[at].read == nil {
				continue
			}
			if err := columns[at].read(&x, row[i]); err != nil {
				return fmt.Errorf("%s %q: %w", name, row[i], err)
			}
		}
		if err := each(x, cells); err != nil {
			return err
		}
	}
	return nil
}
