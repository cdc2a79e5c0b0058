package spec

import (
	"regexp"
	"slices"
	"strings"
)

// normative matches the key words of RFC 2119 that bind.
var normative = regexp.MustCompile(`\b(MUST|SHALL|SHOULD|REQUIRED|RECOMMENDED|MAY|OPTIONAL)\b`)

// lastNormative is the number of the last chapter that binds; what follows explains.
const lastNormative = "13"

// checkBinding finds lines of the chapters that bind a peer and are of no requirement: a key word
// outside the sentence of one, and a constant in the text that constants.yaml does not have. The
// words themselves stand in code spans, and where RFC 2119 is named.
func (s *Standard) checkBinding(c *Coverage) {
	for _, p := range s.chapters() {
		if name, _ := p.chapter(); name[:2] > lastNormative {
			continue
		}
		for _, l := range p.lines() {
			if l.generated || l.fenced {
				continue
			}
			text := l.prose()
			if m := normative.FindString(text); m != "" && !s.isRequired(text) && !strings.Contains(text, "RFC 2119") {
				c.problem("%s says %s and is of no requirement: make it one, or reword it", l.at, m)
			}
			for _, m := range dottedSpan.FindAllStringSubmatch(l.text, -1) {
				if _, ok := s.Constant(m[1]); !ok && s.isTopic(m[1]) {
					c.problem("%s names the constant %s, which constants.yaml does not have: correct the id", l.at, m[1])
				}
			}
		}
	}
}

// isRequired reports whether a line is the sentence of a requirement, with its anchor or without.
func (s *Standard) isRequired(text string) bool {
	return anchor.MatchString(text) || slices.ContainsFunc(s.All(), func(q Requirement) bool { return strings.Contains(text, q.Text) })
}

var dottedSpan = regexp.MustCompile("`([a-z][a-z0-9-]*\\.[a-z][a-z0-9-]*)`")

// isTopic reports whether the first word of a dotted name is that of a constant's id.
func (s *Standard) isTopic(name string) bool {
	topic, _, _ := strings.Cut(name, ".")
	for _, c := range s.Constants {
		if strings.HasPrefix(c.ID+".", topic+".") {
			return true
		}
	}
	return false
}
