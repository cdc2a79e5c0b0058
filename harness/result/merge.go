package result

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"punchlist/spec"
)

// Merge puts the shards of one run together, and concludes anew, so that the
// result is the report of the run undivided (but for what was measured by a
// clock). It also joins runs that were not divided, where no cell is in two of
// them. Names are of the reports, for errors.
//
// It fails where a part is missing or there twice, and where the parts were not
// cut from one run: such a report would pass over what nobody judged.
func Merge(registry *spec.Registry, today time.Time, names []string, parts []*Run) (*Run, error) {
	for i, part := range parts {
		if part.Schema != Schema {
			return nil, fmt.Errorf("%s: schema %d; this program merges schema %d: let one version run all parts", names[i], part.Schema, Schema)
		}
	}
	if err := complete(names, parts); err != nil {
		return nil, err
	}
	out := &Run{Schema: Schema, Tool: parts[0].Tool, Strict: parts[0].Strict, Profiles: parts[0].Profiles, Started: parts[0].Started}
	var ids []string
	index := map[cellKey]*Cell{}
	from := map[cellKey]string{}
	for i, part := range parts {
		if part.Strict != out.Strict {
			return nil, fmt.Errorf("%s was judged with --strict, or %s was, but not both", names[i], names[0])
		}
		if part.Started.Before(out.Started) {
			out.Started = part.Started
		}
		if part.Tool != out.Tool {
			return nil, fmt.Errorf("%s is of punchlist %s, and %s of %s: let one version run all parts", names[0], out.Tool, names[i], part.Tool)
		}
		if part.Ended.After(out.Ended) {
			out.Ended = part.Ended
		}
		ids = append(ids, part.ID)
		for _, t := range part.Testees {
			if !slices.Contains(out.Testees, t) {
				out.Testees = append(out.Testees, t)
			}
		}
		out.Interrupted = out.Interrupted || part.Interrupted
		out.Left = append(out.Left, part.Left...)
		for _, cell := range part.Cells {
			key := cellKey{cell.Column(), cell.Seed}
			whole, ok := index[key]
			if !ok {
				copied := *cell
				whole = &copied
				whole.Results, whole.Monitors = slices.Clone(cell.Results), slices.Clone(cell.Monitors)
				index[key], from[key] = whole, names[i]
				out.Cells = append(out.Cells, whole)
				continue
			}
			if part.Shard == nil {
				return nil, fmt.Errorf("%s and %s both have the cell %s with seed %d, and are no shards", from[key], names[i], cell.Column(), cell.Seed)
			}
			if err := whole.join(cell); err != nil {
				return nil, fmt.Errorf("%s and %s: %s: %w", from[key], names[i], cell.Column(), err)
			}
		}
	}
	for _, cell := range out.Cells {
		cell.Monitors = joined(cell.Monitors)
		slices.SortStableFunc(cell.Results, func(a, b *Result) int { return cmp.Compare(a.Place, b.Place) })
		for i, x := range cell.Results {
			if parts[0].Shard != nil && x.Place != i {
				return nil, fmt.Errorf("%s: scenario %d of the run is in none of the shards, or in two", cell.Column(), min(i, x.Place)+1)
			}
		}
	}
	out.ID = mergedID(ids)
	out.Seconds = out.Ended.Sub(out.Started).Seconds()
	out.Conclude(registry, today)
	return out, nil
}

// mergedID names what is made of parts, whatever their order.
func mergedID(ids []string) string {
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, " ")))
	return hex.EncodeToString(sum[:8])
}

type cellKey struct {
	column string
	seed   int64
}

// complete checks that either each of the shards of one division is there, once,
// or no part is a shard. It puts the parts into the order of the shards.
func complete(names []string, parts []*Run) error {
	if len(parts) == 0 {
		return fmt.Errorf("there is nothing to merge")
	}
	first := parts[0].Shard
	have := map[int]string{}
	for i, part := range parts {
		switch s := part.Shard; {
		case (s == nil) != (first == nil):
			return fmt.Errorf("%s is a shard and %s is not, or the other way round: they are of different runs", names[0], names[i])
		case s == nil:
		case s.Of != first.Of:
			return fmt.Errorf("%s is shard %s and %s is shard %s: they are of different runs", names[0], first, names[i], s)
		case have[s.Index] != "":
			return fmt.Errorf("%s and %s are both shard %s", have[s.Index], names[i], s)
		default:
			have[s.Index] = names[i]
		}
	}
	if first == nil {
		return nil
	}
	for i := 1; i <= first.Of; i++ {
		if have[i] == "" {
			return fmt.Errorf("shard %s is missing", Shard{i, first.Of})
		}
	}
	slices.SortFunc(parts, func(a, b *Run) int { return cmp.Compare(a.Shard.Index, b.Shard.Index) })
	for i := range parts {
		names[i] = have[i+1]
	}
	return nil
}

// join adds another shard's part of the cell.
func (c *Cell) join(other *Cell) error {
	for _, differ := range []struct {
		what string
		are  bool
	}{
		{"the subject's version is", c.SubjectVersion != other.SubjectVersion},
		{"the companion's version is", c.CompanionVersion != other.CompanionVersion},
		{"the tags are", c.Tags != other.Tags || c.Whole != other.Whole || !slices.Equal(c.Partial, other.Partial)},
		{"the known failures are", !slices.Equal(c.Listed, other.Listed)},
	} {
		if differ.are {
			return fmt.Errorf("%s not the same: the shards are of different runs", differ.what)
		}
	}
	if c.NotAvailable != other.NotAvailable {
		return fmt.Errorf("a shard could not run it, and another one could, or for another reason: %s", cmp.Or(c.NotAvailable, other.NotAvailable))
	}
	if c.Claims == nil {
		c.Claims = other.Claims
	}
	c.Tally.Planned += other.Tally.Planned
	c.Results = append(c.Results, other.Results...)
	c.Monitors = append(c.Monitors, other.Monitors...)
	return nil
}

// joined puts together what the same monitors found in several shards: the first
// scenario in which one found something stands for all.
func joined(all []*Result) []*Result {
	slices.SortStableFunc(all, func(a, b *Result) int {
		found := func(x *Result) int { return min(x.Wrong, 1) }
		return cmp.Or(ByRequirement(a, b), cmp.Compare(found(b), found(a)), cmp.Compare(a.Place, b.Place))
	})
	var out []*Result
	for _, x := range all {
		if last := len(out) - 1; last >= 0 && out[last].Key == x.Key {
			out[last].Looked += x.Looked
			out[last].Wrong += x.Wrong
			continue
		}
		copied := *x
		out = append(out, &copied)
	}
	return out
}

// ByRequirement is the order of monitors.
func ByRequirement(a, b *Result) int {
	return cmp.Or(strings.Compare(a.Requirement, b.Requirement), strings.Compare(a.Key, b.Key))
}

// Gather copies the captures and logs that reports name from their folders to
// one. A file that is in two of them is an error.
func Gather(dir string, folders []string, parts []*Run) error {
	seen := map[string]string{}
	for i, part := range parts {
		for _, name := range part.Files() {
			if other, ok := seen[name]; ok && other != folders[i] {
				return fmt.Errorf("%s is in %s and in %s", name, other, folders[i])
			}
			seen[name] = folders[i]
			data, err := os.ReadFile(filepath.Join(folders[i], name))
			if err != nil {
				return fmt.Errorf("what the report of %s names is not there: %w", folders[i], err)
			}
			to := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(to, data, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}
