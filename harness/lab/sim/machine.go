package sim

import (
	"io"

	"punchlist/reference/dialect"
	"punchlist/reference/testee"
)

// A Factory makes a machine whose random choices come from the reader.
type Factory func(random io.Reader) testee.Machine

// bundled are the machines of the repository, beside the dialects.
func bundled() []Builtin {
	return []Builtin{{"reference", func(random io.Reader) testee.Machine {
		return testee.New(testee.Options{Name: "reference", Version: testee.Version, Random: random})
	}}}
}

// factory makes the machines of a builtin; nil: there is none of that name.
func (s simulation) factory(name string) Factory {
	if f := s.builtins[name]; f != nil {
		return f
	}
	seed, ok := dialect.Seed(name)
	if !ok {
		return nil
	}
	d, err := dialect.Load(seed)
	if err != nil {
		return nil
	}
	return func(random io.Reader) testee.Machine { return d.Machine(name, random) }
}
