package explore

import (
	"context"
	"slices"
	"time"
)

// Shrink takes parts of a plan away for as long as the rest still leads to a finding by the same
// rule, and gives what is left: fewer hosts, fewer ops, a shorter time, plainer NATs, links and
// messages. Play runs a plan and reports whether it still does. Shrink ends when nothing more can
// go, or when the context does.
func Shrink(ctx context.Context, p Plan, play func(Plan) bool) Plan {
	s := &shrinking{ctx, p, play}
	// The time first: each later attempt is then cheaper. Then what takes most away at once.
	s.length()
	s.quieten()
	for before := -1; before != s.p.size() && ctx.Err() == nil; {
		before = s.p.size()
		s.hosts()
		s.ops()
		s.length()
	}
	s.links()
	s.simplify()
	s.earlier()
	s.length()
	return s.p
}

func (p Plan) size() int { return len(p.Hosts) + len(p.Ops) }

// shrinking is a plan that still leads to the finding, and what is tried with it.
type shrinking struct {
	ctx  context.Context
	p    Plan
	play func(Plan) bool
}

// keeps reports whether a plan still leads to the finding, and goes on with it then.
func (s *shrinking) keeps(q Plan) bool {
	if s.ctx.Err() != nil || !s.play(q) {
		return false
	}
	s.p = q
	return true
}

// length finds the shortest time, to a second, by halves.
func (s *shrinking) length() {
	for low := time.Duration(0); s.p.Length-low > time.Second && s.ctx.Err() == nil; {
		if middle := (low + (s.p.Length-low)/2).Truncate(time.Millisecond); !s.keeps(s.p.until(middle)) {
			low = middle
		}
		if s.p.Length-low < s.p.Length/32 {
			return
		}
	}
}

// until is the plan up to a time.
func (p Plan) until(length time.Duration) Plan {
	q := p
	q.Length = length
	q.Ops = slices.DeleteFunc(slices.Clone(p.Ops), func(o Op) bool { return o.At > length })
	return q
}

// quieten tries what takes a whole kind of trouble away: all that injectors do, each kind of op,
// each subcluster but the first.
func (s *shrinking) quieten() {
	for _, gone := range []func(Op) bool{
		func(o Op) bool { return o.Do == Attack },
		func(o Op) bool { return o.Do != Join && o.Do != Publish },
		func(o Op) bool { return o.Sub > 0 },
	} {
		s.without(gone)
	}
	for _, kind := range []Kind{Cache, Query, Sync, Stream, Leave, Publish, Reboot, Renumber} {
		s.without(func(o Op) bool { return o.Do == kind })
	}
}

func (s *shrinking) without(gone func(Op) bool) {
	q := s.p
	if q.Ops = slices.DeleteFunc(slices.Clone(s.p.Ops), gone); len(q.Ops) < len(s.p.Ops) {
		s.keeps(q)
	}
}

// hosts takes hosts out, with what they do: halves of them, quarters and so on, since most worlds
// have a few that matter. What is said of a host that is gone is left out too.
func (s *shrinking) hosts() {
	for chunk := max(1, len(s.p.Hosts)/2); ; chunk /= 2 {
		for i := len(s.p.Hosts); i > 0; i -= chunk {
			s.keeps(s.p.withoutHosts(max(0, i-chunk), min(i, len(s.p.Hosts))))
		}
		if chunk <= 1 {
			return
		}
	}
}

func (p Plan) withoutHosts(from, to int) Plan {
	q := p
	gone := map[string]bool{}
	for _, h := range p.Hosts[from:to] {
		gone[h.Name] = h.Name != p.Subject
	}
	q.Hosts = slices.DeleteFunc(slices.Clone(p.Hosts), func(h Host) bool { return gone[h.Name] })
	q.Ops = slices.DeleteFunc(slices.Clone(p.Ops), func(o Op) bool { return gone[o.Host] || gone[o.Peer] })
	return q
}

// ops takes out halves, quarters and so on down to single ops.
func (s *shrinking) ops() {
	for chunk := max(1, len(s.p.Ops)/2); ; chunk /= 2 {
		for i := len(s.p.Ops); i > 0; i -= chunk {
			q := s.p
			q.Ops = slices.Delete(slices.Clone(s.p.Ops), max(0, i-chunk), min(i, len(s.p.Ops)))
			s.keeps(q)
		}
		if chunk <= 1 {
			return
		}
	}
}

// links makes all links perfect, or as many of them as can be, and NATs as simple as they can be.
func (s *shrinking) links() {
	plain := func(h *Host) { h.Jitter, h.Loss, h.Duplicate, h.Reorder = 0, 0, 0, 0 }
	open := func(h *Host) { h.Profile, h.Behind = "open", "" }
	for _, change := range []func(*Host){
		func(h *Host) { plain(h); open(h) }, plain, open,
		func(h *Host) { h.Latency = 10 * time.Millisecond },
	} {
		q := s.p
		q.Hosts = slices.Clone(s.p.Hosts)
		for i := range q.Hosts {
			change(&q.Hosts[i])
		}
		if s.keeps(q) {
			continue
		}
		for i := range s.p.Hosts {
			q.Hosts = slices.Clone(s.p.Hosts)
			if change(&q.Hosts[i]); q.Hosts[i] != s.p.Hosts[i] {
				s.keeps(q)
			}
		}
	}
}

// simplify makes what ops say plainer: short messages without signature and ttl, one subcluster.
func (s *shrinking) simplify() {
	for _, change := range []func(*Op){
		func(o *Op) { o.Sub = 0 },
		func(o *Op) { o.Sign = false },
		func(o *Op) { o.TTL = 0 },
		func(o *Op) {
			if o.Do == Publish || o.Do == Stream {
				o.N = min(o.N, 64)
			}
		},
	} {
		for i := range s.p.Ops {
			q := s.p
			q.Ops = slices.Clone(s.p.Ops)
			if change(&q.Ops[i]); q.Ops[i] != s.p.Ops[i] {
				s.keeps(q)
			}
		}
	}
}

// earlier has everything happen sooner, at round times: each op, and all behind it, as far as can
// be.
func (s *shrinking) earlier() {
	for i := range s.p.Ops {
		before := time.Duration(0)
		if i > 0 {
			before = s.p.Ops[i-1].At
		}
		for _, gap := range []time.Duration{time.Second, 10 * time.Second, 40 * time.Second} {
			by := s.p.Ops[i].At - (before + gap).Truncate(time.Second)
			if by <= 0 {
				break
			}
			q := s.p
			q.Ops = slices.Clone(s.p.Ops)
			for n := i; n < len(q.Ops); n++ {
				q.Ops[n].At -= by
			}
			q.Length -= by
			if s.keeps(q) {
				break
			}
		}
	}
}
