package sim

import (
	"io"
	"sync"

	"punchlist/reference/dialect"
	"punchlist/reference/testee"
	"punchlist/spec"
)

// A Factory makes a machine whose random choices come from the reader.
type Factory func(random io.Reader) testee.Machine

// bundled are the machines of the repository, beside the dialects.
func bundled() []Builtin {
	return []Builtin{{"reference", func(random io.Reader) testee.Machine {
		return testee.New(testee.Options{Name: "reference", Version: testee.Version, Random: random})
	}}}
}

// constants are those that the program carries, from whose ranges dialects choose.
var constants = sync.OnceValues(spec.LoadConstants)

// factory makes the machines of a builtin; nil: there is none of that name.
func (s simulation) factory(name string) Factory {
	if f := s.builtins[name]; f != nil {
		return f
	}
	seed, ok := dialect.Seed(name)
	all, err := constants()
	if !ok || err != nil {
		return nil
	}
	d := dialect.New(seed, all)
	return func(random io.Reader) testee.Machine { return d.Machine(name, random) }
}
