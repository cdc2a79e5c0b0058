package nat

import (
	_ "embed"
	"sync"

	"punchlist/spec/yamlstrict"
)

//go:embed rfc4787.yaml
var rfc4787YAML []byte

// Status says how this package stands to a requirement.
type Status string

const (
	Held          Status = "held"           // by every profile and deviant
	Violated      Status = "violated"       // on purpose, by those that By lists; all others hold it
	NotApplicable Status = "not-applicable" // Reason says why
)

// A Requirement is one requirement of RFC 4787, or one lettered part of it.
type Requirement struct {
	ID     string   `yaml:"id"`     // "REQ-9a"
	Level  string   `yaml:"level"`  // "MUST", "RECOMMENDED", … as the RFC has it
	Says   string   `yaml:"says"`   // the gist
	Status Status   `yaml:"status"` //
	By     []string `yaml:"by"`     // the profiles and deviants that violate it
	Reason string   `yaml:"reason"` // why it is not applicable, or what "held" means here
	Test   string   `yaml:"test"`   // the test of this package that shows it; empty if not applicable
}

// Requirements is the table of RFC 4787, in its order.
func Requirements() ([]Requirement, error) { return bundledRequirements() }

var bundledRequirements = sync.OnceValues(func() ([]Requirement, error) {
	var rows []Requirement
	err := yamlstrict.File("rfc4787.yaml").Decode(rfc4787YAML, &rows, "the table", "it needs requirements")
	return rows, err
})
