package result

import (
	"encoding/json"
	"fmt"
)

// A Path is by which way two peers came to be connected, as the routers saw it. The
// zero Path is none.
type Path struct {
	Kind PathKind `json:"kind"`
	By   string   `json:"by,omitempty"` // host of the peer that relays
}

// UnmarshalJSON passes over the texts that reports of schema 1 have here.
func (p *Path) UnmarshalJSON(data []byte) error {
	type plain Path
	if len(data) > 0 && data[0] == '"' {
		return nil
	}
	return json.Unmarshal(data, (*plain)(p))
}

// A PathKind is what a path goes through.
type PathKind uint8

// The kinds. Punched is a way that nothing but NATs is in; whether there were any
// is the topology's matter.
const (
	NoPath PathKind = iota
	Punched
	Relayed
	pathKinds
)

var pathNames = [pathKinds]string{NoPath: "", Punched: "punched", Relayed: "relayed"}

// MarshalText makes it its name.
func (k PathKind) MarshalText() ([]byte, error) {
	if k >= pathKinds {
		return nil, fmt.Errorf("there is no path of kind %d", k)
	}
	return []byte(pathNames[k]), nil
}

// UnmarshalText reads a name.
func (k *PathKind) UnmarshalText(text []byte) error {
	for i, name := range pathNames {
		if name == string(text) {
			*k = PathKind(i)
			return nil
		}
	}
	return fmt.Errorf("path %q is none of %q", text, pathNames[Punched:])
}

// A PathCount is by which ways the subject of a column came to be connected in the
// scenarios of a requirement.
type PathCount struct {
	Column, Requirement string
	Punched, Relayed    int // scenarios
}

// Paths counts the paths of scenarios that leave the way open, or want a proxy, by
// column and requirement, in their order.
func (r *Run) Paths() []PathCount {
	var counts []PathCount
	index := map[[2]string]int{}
	for _, c := range r.Cells {
		for _, x := range c.Results {
			if x.Path.Kind == NoPath {
				continue
			}
			key := [2]string{c.Column(), x.Requirement}
			i, ok := index[key]
			if !ok {
				i = len(counts)
				index[key] = i
				counts = append(counts, PathCount{Column: key[0], Requirement: key[1]})
			}
			switch x.Path.Kind {
			case Punched:
				counts[i].Punched++
			case Relayed:
				counts[i].Relayed++
			}
		}
	}
	return counts
}
