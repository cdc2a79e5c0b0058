package spec

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Standard is the registry with all that has to agree with it.
type Standard struct {
	*Registry
	Constants  []Constant
	Causes     []Cause
	Deviations []Deviation
	Pages      []Page

	// exists reports whether the repository has a file or folder; nil: only
	// the pages are known, and all else is taken to be there.
	exists func(file string) bool
}

// A Page is a file of prose: a chapter, or what stands beside the chapters.
type Page struct {
	Path string // slash path from the root of the repository
	Text string
}

// The pages that have generated tables, beside the chapters.
const (
	frontPage      = "README.md" // of the repository; not known to a program that is elsewhere
	indexPage      = "spec/README.md"
	deviationsPage = "spec/deviations.md"
	causesPage     = "spec/04-messages.md"
)

// LoadStandard reads the standard that the program carries.
func LoadStandard() (*Standard, error) { return read(carried, ".") }

// ReadStandard reads the standard of a working copy, whose root is given, and
// the README of that root. Errors name the file.
func ReadStandard(root fs.FS) (*Standard, error) {
	s, err := read(root, "spec")
	if err != nil {
		return nil, err
	}
	front, err := fs.ReadFile(root, frontPage)
	if err != nil {
		return nil, err
	}
	s.Pages = slices.Insert(s.Pages, 0, Page{frontPage, string(front)})
	s.exists = func(file string) bool {
		_, err := fs.Stat(root, file)
		return err == nil
	}
	return s, nil
}

// read reads the standard that stands in a folder.
func read(fsys fs.FS, folder string) (*Standard, error) {
	list := func(name string) (file string, text []byte, err error) {
		text, err = fs.ReadFile(fsys, path.Join(folder, name))
		return "spec/" + name, text, err
	}
	s := &Standard{}
	file, text, err := list("requirements.yaml")
	if err != nil {
		return nil, err
	}
	if s.Registry, err = Parse(file, text); err != nil {
		return nil, err
	}
	if file, text, err = list("constants.yaml"); err != nil {
		return nil, err
	}
	if s.Constants, err = ParseConstants(file, text, s.Registry); err != nil {
		return nil, err
	}
	if file, text, err = list("causes.yaml"); err != nil {
		return nil, err
	}
	if s.Causes, err = ParseCauses(file, text, s.Registry); err != nil {
		return nil, err
	}
	if file, text, err = list("deviations.yaml"); err != nil {
		return nil, err
	}
	if s.Deviations, err = ParseDeviations(file, text, s.Registry); err != nil {
		return nil, err
	}
	names, err := fs.Glob(fsys, path.Join(folder, "*.md"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		file, text, err := list(path.Base(name))
		if err != nil {
			return nil, err
		}
		s.Pages = append(s.Pages, Page{file, string(text)})
	}
	return s, nil
}

// Has reports whether there is a requirement or a deviation with that id.
func (s *Standard) Has(id string) bool {
	_, ok := s.Lookup(id)
	return ok || slices.ContainsFunc(s.Deviations, func(d Deviation) bool { return d.ID == id })
}

// page finds a page by its path.
func (s *Standard) page(file string) (Page, bool) {
	i := slices.IndexFunc(s.Pages, func(p Page) bool { return p.Path == file })
	if i < 0 {
		return Page{}, false
	}
	return s.Pages[i], true
}

// chapters lists the pages that are chapters.
func (s *Standard) chapters() (all []Page) {
	for _, p := range s.Pages {
		if _, ok := p.chapter(); ok {
			all = append(all, p)
		}
	}
	return all
}

// chapter is the name by which the lists know the page, if it is a chapter.
func (p Page) chapter() (name string, ok bool) {
	name, ok = strings.CutPrefix(p.Path, "spec/")
	return name, ok && chapterName.MatchString(name)
}

// title is the page's first heading, with its number.
func (p Page) title() string {
	first, _, _ := strings.Cut(p.Text, "\n")
	return strings.TrimPrefix(first, "# ")
}

// A line is one of a page.
type line struct {
	at        string // PATH:LINE
	text      string
	fenced    bool // it stands in a block of code
	generated bool // it stands in a generated region
}

var (
	opening  = regexp.MustCompile(`^<!-- generated: (\S+) -->$`)
	codeSpan = regexp.MustCompile("`[^`]*`")
)

const closing = "<!-- end -->"

func (p Page) lines() (all []line) {
	fenced, generated := false, false
	for i, text := range strings.Split(p.Text, "\n") {
		fence := strings.HasPrefix(strings.TrimSpace(text), "```")
		switch {
		case fence:
			fenced = !fenced
		case text == closing:
			generated = false
		}
		all = append(all, line{fmt.Sprintf("%s:%d", p.Path, i+1), text, fenced || fence, generated})
		generated = generated || !fenced && opening.MatchString(text)
	}
	return all
}

// prose is the line without code.
func (l line) prose() string {
	if l.fenced {
		return ""
	}
	return codeSpan.ReplaceAllString(l.text, "")
}
