package explore

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"punchlist/harness/lab"
)

// A Search plays many worlds.
type Search struct {
	Lab    lab.Lab
	Casts  []Cast        // that play in turn, by the world's seed; at least one
	First  int64         // seed of the first world
	Worlds int           // how many; 0: as many as Until lets
	Until  time.Time     // when no further world begins, by this machine's clock; zero: no such time
	Jobs   int           // worlds at once
	React  time.Duration // see Run
	Ended  func(World)   // is told of each world; calls do not overlap
}

// A World is one that was played.
type World struct {
	Plan   Plan
	Cast   Cast
	Result Result
	Err    error // of the lab; the world judged nobody then
}

// Run plays the worlds, and gives those with a finding or an error, by their seed.
func (s Search) Run(ctx context.Context) []World {
	var mu sync.Mutex
	var kept []World
	seeds := make(chan int64)
	var workers sync.WaitGroup
	for range max(s.Jobs, 1) {
		workers.Go(func() {
			for seed := range seeds {
				w := World{Plan: Make(seed), Cast: s.Casts[int(seed)%len(s.Casts)]}
				w.Result, w.Err = Run(ctx, s.Lab, w.Plan, w.Cast, s.React)
				mu.Lock()
				if s.Ended != nil {
					s.Ended(w)
				}
				if w.Err != nil || len(w.Result.Findings) > 0 {
					kept = append(kept, w)
				}
				mu.Unlock()
			}
		})
	}
	for i := 0; (s.Worlds == 0 || i < s.Worlds) && ctx.Err() == nil; i++ {
		if !s.Until.IsZero() && time.Now().After(s.Until) {
			break
		}
		select {
		case seeds <- s.First + int64(i):
		case <-ctx.Done():
		}
	}
	close(seeds)
	workers.Wait()
	slices.SortFunc(kept, func(a, b World) int { return cmp.Compare(a.Plan.Seed, b.Plan.Seed) })
	return kept
}

// Shrunk is the least plan that still leads to a finding by the same rule as f, against the same
// host, as far as the context lets it look.
func (s Search) Shrunk(ctx context.Context, w World, f Finding) Plan {
	p := w.Plan
	p.Subject = f.Host
	cast := w.Cast
	cast.One = true
	return Shrink(ctx, p, func(q Plan) bool {
		r, err := Run(ctx, s.Lab, q, cast, s.React)
		return err == nil && slices.ContainsFunc(r.Findings, func(g Finding) bool {
			return g.Seen.Rule.ID == f.Seen.Rule.ID && g.Host == f.Host
		})
	})
}
