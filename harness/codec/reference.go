package codec

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	agent "punchlist/reference/testee"
	"punchlist/spec/testee"
)

// epoch is the time of everything in the vectors that has one.
var epoch = time.UnixMilli(1_700_000_000_000)

// Reference asks the reference's codec, in this process. Its randomness comes
// from the seed.
func Reference(seed string) Asker {
	a := agent.New(agent.Options{Name: "reference", Version: agent.Version, Random: rand.NewChaCha8(hashed(seed))})
	last := 0
	return func(do string, with json.RawMessage) (json.RawMessage, *testee.Error, error) {
		last++
		line, err := json.Marshal(testee.Command{ID: last, Do: do, With: with})
		if err != nil {
			return nil, nil, err
		}
		a.Command(epoch, line)
		for line, ok := a.Line(); ok; line, ok = a.Line() {
			var m testee.Message
			if err := json.Unmarshal(line, &m); err != nil {
				return nil, nil, err
			}
			if m.ID == last {
				return m.OK, m.Error, nil
			}
		}
		return nil, nil, fmt.Errorf("the reference gave no reply to %s", do)
	}
}
