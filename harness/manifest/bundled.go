package manifest

import (
	"context"
	"fmt"

	"punchlist/harness/testees"
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
