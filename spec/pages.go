package spec

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

var (
	anchor     = regexp.MustCompile(`<a id="([^"]*)"></a>`)
	heading    = regexp.MustCompile(`^#{1,6} (.*)$`)
	levelWord  = regexp.MustCompile(`\b(MUST|SHOULD|MAY)\b`)
	anyID      = regexp.MustCompile(`\bLAT-[A-Z]+-[0-9]+\b`)
	anyDEV     = regexp.MustCompile(`\bDEV-[0-9]+\b`)
	inlineLink = regexp.MustCompile(`\]\(([^()\s]+)(?:\s+"[^"]*")?\)`)
	listedLink = regexp.MustCompile(`^\[[^\]]+\]:\s+(\S+)`)
	scheme     = regexp.MustCompile(`^[a-z]+:`)
)

// anchored is the requirement as its chapter has it, on a line.
func (r Requirement) anchored() string {
	return fmt.Sprintf(`<a id="%s"></a>**%s** %s`, r.ID, r.ID, r.Text)
}

// checkSentences holds the chapters' sentences against the registry's.
func (s *Standard) checkSentences(c *Coverage) {
	stands := map[string]string{} // id: where its anchor is
	for _, p := range s.Pages {
		for _, l := range p.lines() {
			if l.generated {
				continue
			}
			for _, m := range anchor.FindAllStringSubmatch(l.prose(), -1) {
				if id := m[1]; strings.HasPrefix(id, "LAT-") {
					s.checkAnchor(c, p, l, id, stands)
				}
			}
		}
	}
	for _, q := range s.All() {
		if !strings.Contains(levelWords(q.Text), string(q.Level)) {
			c.problem("%s is a %s, and its sentence in requirements.yaml does not say so: reword it, or correct its level", q.ID, q.Level)
		}
		if _, ok := s.page("spec/" + q.Chapter); !ok {
			c.problem("%s belongs to spec/%s, which there is not: write it, or correct the chapter in requirements.yaml", q.ID, q.Chapter)
		} else if stands[q.ID] == "" {
			c.problem("spec/%s lacks %s: add the line %s", q.Chapter, q.ID, q.anchored())
		}
	}
}

func (s *Standard) checkAnchor(c *Coverage, p Page, l line, id string, stands map[string]string) {
	q, ok := s.Lookup(id)
	if !ok {
		c.problem("%s: the anchor %s is no requirement%s: correct it, or add it to requirements.yaml", l.at, id, s.nearest(id))
		return
	}
	before := stands[id]
	stands[id] = l.at
	sentence := strings.TrimPrefix(l.text, fmt.Sprintf(`<a id="%s"></a>**%s** `, id, id))
	switch here, there := levelWords(sentence), levelWords(q.Text); {
	case before != "":
		c.problem("%s: %s stands at %s already: keep one of them", l.at, id, before)
	case p.Path != "spec/"+q.Chapter:
		c.problem("%s: %s stands here, and requirements.yaml says %s: move the line, or correct its chapter", l.at, id, q.Chapter)
	case l.text == q.anchored():
	case here != there:
		c.problem("%s: %s is a %s here, and a %s in requirements.yaml: make them one", l.at, id, here, there)
	default:
		c.problem("%s: %s is not as in requirements.yaml: correct one of them; its line there would be %s", l.at, id, q.anchored())
	}
}

// levelWords are the words of RFC 2119 in a sentence, each once.
func levelWords(sentence string) string {
	var words []string
	for _, w := range levelWord.FindAllString(sentence, -1) {
		if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	if words == nil {
		return "sentence without a level"
	}
	return strings.Join(words, " and ")
}

// checkReferences finds ids in prose that there are not.
func (s *Standard) checkReferences(c *Coverage) {
	for _, p := range s.Pages {
		for _, l := range p.lines() {
			if l.generated {
				continue
			}
			for _, id := range anyID.FindAllString(anchor.ReplaceAllString(l.text, ""), -1) {
				anchored := strings.Contains(l.text, fmt.Sprintf(`<a id="%s">`, id))
				if _, ok := s.Lookup(id); !ok && !anchored {
					c.problem("%s names %s, which the registry does not have%s: correct the id", l.at, id, s.nearest(id))
				}
			}
			for _, id := range anyDEV.FindAllString(l.text, -1) {
				if !slices.ContainsFunc(s.Deviations, func(d Deviation) bool { return d.ID == id }) {
					c.problem("%s names %s, which deviations.yaml does not have: correct the id", l.at, id)
				}
			}
		}
	}
}

// checkLinks finds links that lead nowhere, within the repository. Those of
// generated regions lead to anchors that checkSentences sees.
func (s *Standard) checkLinks(c *Coverage) {
	anchors := map[string]map[string]bool{}
	for _, p := range s.Pages {
		anchors[p.Path] = p.anchors()
	}
	for _, p := range s.Pages {
		for _, l := range p.lines() {
			if l.generated {
				continue
			}
			links := inlineLink.FindAllStringSubmatch(l.prose(), -1)
			for _, m := range append(links, listedLink.FindAllStringSubmatch(l.prose(), -1)...) {
				if scheme.MatchString(m[1]) {
					continue
				}
				file, name, _ := strings.Cut(m[1], "#")
				target := p.Path
				if file != "" {
					target = path.Join(path.Dir(p.Path), file)
				}
				switch of, isPage := anchors[target]; {
				case isPage && name != "" && !of[name]:
					c.problem("%s links to %s, and %s has no such anchor: correct the link", l.at, m[1], target)
				case !isPage && !s.mayExist(target):
					c.problem("%s links to %s, and there is no %s: correct the link", l.at, m[1], target)
				}
			}
		}
	}
}

// mayExist reports whether a link to what is no page may stand.
func (s *Standard) mayExist(file string) bool {
	if s.exists != nil {
		return s.exists(file)
	}
	return path.Dir(file) != "spec" || path.Ext(file) != ".md"
}

// anchors are what a link to the page may name: explicit ones, and those that
// its headings get.
func (p Page) anchors() map[string]bool {
	all := map[string]bool{}
	for _, l := range p.lines() {
		if l.fenced {
			continue
		}
		for _, m := range anchor.FindAllStringSubmatch(l.prose(), -1) {
			all[m[1]] = true
		}
		m := heading.FindStringSubmatch(l.text)
		if m == nil {
			continue
		}
		name := slug(m[1])
		for i := 1; all[name]; i++ {
			name = fmt.Sprintf("%s-%d", slug(m[1]), i)
		}
		all[name] = true
	}
	return all
}

// slug is the anchor that GitHub gives a heading.
func slug(heading string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ' ':
			return '-'
		case c == '-' || c == '_' || unicode.IsLetter(c) || unicode.IsDigit(c):
			return unicode.ToLower(c)
		}
		return -1
	}, heading)
}
