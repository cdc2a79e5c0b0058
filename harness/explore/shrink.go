package explore

import (
	"context"
	"slices"
	"time"
)

// Shrink takes parts of a plan away for as long as the rest still leads to a finding by the same
// rule, and gives what is left: fewer hosts, fewer ops, a shorter time. Play runs a plan and
// reports whether it still does. Shrink ends when nothing more can go, or when the context does.
func Shrink(ctx context.Context, p Plan, play func(Plan) bool) Plan {
	keeps := func(q Plan) bool {
		if ctx.Err() != nil || !play(q) {
			return false
		}
		p = q
		return true
	}
	for before := -1; before != p.size() && ctx.Err() == nil; {
		before = p.size()
		shrinkLength(p, keeps)
		shrinkHosts(&p, keeps)
		shrinkOps(&p, keeps)
	}
	shrinkLinks(&p, keeps)
	return p
}

func (p Plan) size() int { return len(p.Hosts) + len(p.Ops) }

func shrinkLength(p Plan, keeps func(Plan) bool) {
	for length := p.Length / 2; length > 10*time.Second; length = length + (p.Length-length)/2 {
		q := p.until(length)
		if keeps(q) || p.Length-length < p.Length/16 {
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

func shrinkHosts(p *Plan, keeps func(Plan) bool) {
	for i := len(p.Hosts) - 1; i >= 0; i-- {
		q := *p
		gone := p.Hosts[i].Name
		q.Hosts = slices.Delete(slices.Clone(p.Hosts), i, i+1)
		q.Ops = slices.DeleteFunc(slices.Clone(p.Ops), func(o Op) bool { return o.Host == gone || o.Peer == gone })
		keeps(q)
	}
}

// shrinkOps takes out halves, quarters and so on down to single ops.
func shrinkOps(p *Plan, keeps func(Plan) bool) {
	for chunk := max(1, len(p.Ops)/2); ; chunk /= 2 {
		for i := 0; i < len(p.Ops); {
			q := *p
			q.Ops = slices.Delete(slices.Clone(p.Ops), i, min(i+chunk, len(p.Ops)))
			if !keeps(q) {
				i += chunk
			}
		}
		if chunk <= 1 {
			return
		}
	}
}

// shrinkLinks makes links perfect, and NATs as simple as they can be.
func shrinkLinks(p *Plan, keeps func(Plan) bool) {
	for i := range p.Hosts {
		q := *p
		q.Hosts = slices.Clone(p.Hosts)
		h := &q.Hosts[i]
		h.Jitter, h.Loss, h.Duplicate, h.Reorder = 0, 0, 0, 0
		keeps(q)
		q.Hosts = slices.Clone(p.Hosts)
		if h = &q.Hosts[i]; h.Behind == "" && h.Profile != "open" {
			h.Profile = "open"
			keeps(q)
		}
	}
}
