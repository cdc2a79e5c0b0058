package sim

import (
	"io"

	"punchlist/reference/testee"
)

// A Factory makes a machine whose random choices come from the reader.
type Factory func(random io.Reader) testee.Machine

// bundled are the machines of the repository.
func bundled() []Builtin {
	return []Builtin{{"reference", func(random io.Reader) testee.Machine {
		return testee.New(testee.Options{Name: "reference", Version: testee.Version, Random: random})
	}}}
}
