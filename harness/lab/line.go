package lab

import (
	"bytes"
	"encoding/json"
	"fmt"

	"punchlist/spec/testee"
)

// ParseLine reads one line, without its end, of what a testee wrote. Why is
// not empty when it is not the testee protocol. The message borrows the line.
func ParseLine(line []byte) (m testee.Message, why string) {
	if len(line) > testee.MaxLine {
		return m, fmt.Sprintf("a line of more than %d bytes, which begins %s", testee.MaxLine, Excerpt(line))
	}
	trimmed := bytes.TrimLeft(line, " \t\r")
	if len(trimmed) == 0 || trimmed[0] != '{' {
		return m, "a line that is no JSON object: " + Excerpt(line)
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fmt.Sprintf("a line that is no message (%v): %s", err, Excerpt(line))
	}
	if m.ID == 0 && m.Event == "" {
		return m, "a line that is neither a reply (id) nor an event (event): " + Excerpt(line)
	}
	m.Raw = line
	return m, ""
}

// Excerpt is the beginning of a line, quoted.
func Excerpt(line []byte) string {
	const maxExcerpt = 120
	if len(line) > maxExcerpt {
		return fmt.Sprintf("%q…", line[:maxExcerpt])
	}
	return fmt.Sprintf("%q", line)
}
