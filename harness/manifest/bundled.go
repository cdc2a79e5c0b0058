package manifest

import (
	"context"
	"fmt"
	"strconv"

	"punchlist/harness/testees"
	"punchlist/reference/dialect"
)

// Bundled reads the manifest of an implementation that comes with the
// program. Where it has an adapter, its files are written to the user's
// folder for caches first, unless they are there.
func Bundled(name string) (Manifest, error) {
	data, folder, err := testees.Manifest(name)
	if err != nil {
		return Manifest{}, err
	}
	if folder == "" {
		return Parse(data, name+".yaml", "")
	}
	cache, err := testees.CacheDir()
	if err != nil {
		return Manifest{}, err
	}
	dir, err := testees.Materialize(folder, cache)
	if err != nil {
		return Manifest{}, fmt.Errorf("writing the adapter of %s: %w", name, err)
	}
	return Parse(data, name+"/manifest.yaml", dir)
}

// Dialect is the manifest of a dialect of the reference, by its seed.
func Dialect(seed uint32) (Manifest, error) {
	m, err := Bundled("reference")
	if err != nil {
		return Manifest{}, err
	}
	d, err := dialect.Load(seed)
	if err != nil {
		return Manifest{}, err
	}
	m.Name = dialect.Name(seed)
	m.Summary = "A sound peer that differs from the reference in what the standard leaves open."
	m.Builtin, m.Image = m.Name, ""
	m.Command = []string{"${self}", "testee", "--dialect", strconv.FormatUint(uint64(seed), 10)}
	m.React = 2 * d.Delay // before handling, and before sending
	return m, nil
}

// Prepared reports whether nothing is left of what Setup asks for.
func (m Manifest) Prepared() bool { return !m.Setup.NPM || testees.Installed(m.Dir) }

// Prepare does what Setup asks for. It may be called again and by two
// processes at once; progress gets a line for each step that takes time.
func (m Manifest) Prepare(ctx context.Context, progress func(string)) error {
	if !m.Setup.NPM {
		return nil
	}
	if m.Dir == "" {
		return m.errorf(nil, "setup", "needs the manifest's folder: load it from a file")
	}
	if err := testees.Setup(ctx, m.Dir, m.Setup.Node, progress); err != nil {
		return fmt.Errorf("preparing %s: %w", m.Name, err)
	}
	return nil
}
