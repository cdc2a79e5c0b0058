package vectors

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
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
	Victim              Victim
	Datagrams           [][]byte
	DeployedProcessDies bool
}

// A Victim is the state in which the peer was that a hostile case was sent to.
type Victim struct {
	Indexed bool
	NATType int  // 0: not known yet; of one that is not indexed
	Joined  bool // a member of the subcluster that the datagrams name
	Friend  bool // another peer is connected to it
}

// Hostile reads the section hostile. Its datagrams are made out to the peer
// SHA-256("victim"), to the cluster HostileCluster, and to the subcluster of the
// shared key that the text HostileSubcluster gives. Their deadlines are long past.
func Hostile() ([]HostileCase, error) {
	var raw struct {
		Cases []struct {
			Name  string
			Input struct {
				Datagrams            []string
				PreparedByFriendPeer bool
				Victim               struct {
					NATType       int
					Indexed, Join bool
				}
			}
			Expected struct{ DeployedProcessDies bool }
		}
	}
	if err := section("hostile", &raw); err != nil {
		return nil, err
	}
	var cases []HostileCase
	for _, r := range raw.Cases {
		v := r.Input.Victim
		c := HostileCase{
			Name: strings.TrimSpace(r.Name), DeployedProcessDies: r.Expected.DeployedProcessDies,
			Victim: Victim{Indexed: v.Indexed, NATType: v.NATType, Joined: v.Join, Friend: r.Input.PreparedByFriendPeer},
		}
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

// The names that the hostile datagrams are made from.
const (
	HostileVictim     = "victim"
	HostileCluster    = "pf-cluster"
	HostileSubcluster = "pf-sub"
)

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
