package vectors

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// A Case is one entry of a section of observed.json that is a list of
// {name, input, expected}.
type Case struct {
	Name     string
	Input    json.RawMessage
	Expected json.RawMessage
}

// Section reads a section of observed.json that is a list of cases.
func Section(name string) ([]Case, error) {
	var cases []Case
	if err := section(name, &cases); err != nil {
		return nil, err
	}
	return cases, nil
}

// A HostileCase is what was sent to a deployed peer to see whether it dies.
type HostileCase struct {
	Name                string
	Datagrams           [][]byte
	DeployedProcessDies bool
}

// Hostile reads the section hostile: its datagrams are made out to the peer
// SHA-256("victim").
func Hostile() ([]HostileCase, error) {
	var raw struct {
		Cases []struct {
			Name     string
			Input    struct{ Datagrams []string }
			Expected struct{ DeployedProcessDies bool }
		}
	}
	if err := section("hostile", &raw); err != nil {
		return nil, err
	}
	var cases []HostileCase
	for _, r := range raw.Cases {
		c := HostileCase{Name: r.Name, DeployedProcessDies: r.Expected.DeployedProcessDies}
		for _, text := range r.Input.Datagrams {
			d, err := hex.DecodeString(text)
			if err != nil {
				return nil, fmt.Errorf("vectors: hostile %q: %w", r.Name, err)
			}
			c.Datagrams = append(c.Datagrams, d)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// Keys40 are the keys that cases of cacheSummary name by rule: key i is the
// SHA-256 of the text "key-i", in hex.
func Keys40() []string {
	keys := make([]string, 40)
	for i := range keys {
		h := sha256.Sum256(fmt.Appendf(nil, "key-%d", i))
		keys[i] = hex.EncodeToString(h[:])
	}
	return keys
}

func section(name string, into any) error {
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(Observed, &sections); err != nil {
		return fmt.Errorf("vectors: observed.json: %w", err)
	}
	text, ok := sections[name]
	if !ok {
		return fmt.Errorf("vectors: observed.json has no section %q", name)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("vectors: section %s of observed.json: %w", name, err)
	}
	return nil
}
