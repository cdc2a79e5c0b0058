package result

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// MaxID is the longest id of a scenario, in bytes: file names are made from it.
const MaxID = 48

var idForm = regexp.MustCompile(`^(probe/)?[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$`)

// CheckID fails on what is no id of a scenario: AREA/words, such as
// trav/connects-without-proxy, or probe/AREA/words of one that is generated.
func CheckID(id string) error {
	switch {
	case !idForm.MatchString(id):
		return fmt.Errorf("the id %q must be AREA/words, in lower-case letters, digits and single hyphens, such as trav/nat-reboots", id)
	case len(id) > MaxID:
		return fmt.Errorf("the id %q has %d characters; it must have at most %d", id, len(id), MaxID)
	}
	return nil
}

// A Key names one scenario for good, whatever its title, its file and its place in it. The
// key of a row of an outline has the row's cells, in the order of the columns. A Row of length
// zero is no outline's.
type Key struct {
	ID  string
	Row []Column
}

// A Column is one cell of a row, with the name in the head of the table.
type Column struct{ Name, Value string }

// String is the id, and of a row of an outline [name=value,name=value] behind it. A name or
// value that could be taken for more than itself is quoted as in Go.
func (k Key) String() string {
	if len(k.Row) == 0 {
		return k.ID
	}
	var cells []string
	for _, c := range k.Row {
		cells = append(cells, quoted(c.Name)+"="+quoted(c.Value))
	}
	return k.ID + "[" + strings.Join(cells, ",") + "]"
}

func quoted(s string) string {
	if strings.ContainsAny(s, `,=[]"`) || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) {
		return strconv.Quote(s)
	}
	return s
}

// ParseKey reads what String writes.
func ParseKey(text string) (Key, error) {
	wrong := func(what string) (Key, error) {
		return Key{}, fmt.Errorf("the key %q %s; a key is AREA/words, or AREA/words[name=value,name=value]", text, what)
	}
	id, row, found := strings.Cut(text, "[")
	if err := CheckID(id); err != nil {
		return wrong("does not begin with an id")
	}
	k := Key{ID: id}
	if !found {
		return k, nil
	}
	row, closed := strings.CutSuffix(row, "]")
	if !closed {
		return wrong("has no ] at its end")
	}
	for more := true; more; {
		var c Column
		var ok bool
		if c.Name, row, ok = unquoted(row); !ok || !strings.HasPrefix(row, "=") {
			return wrong("has a column without a value")
		}
		if c.Value, row, ok = unquoted(row[1:]); !ok {
			return wrong("has a value with broken quotes")
		}
		k.Row = append(k.Row, c)
		if row, more = strings.CutPrefix(row, ","); !more && row != "" {
			return wrong("has something behind a value")
		}
	}
	return k, nil
}

// unquoted takes a name or value off the beginning of a text.
func unquoted(text string) (s, rest string, ok bool) {
	if strings.HasPrefix(text, `"`) {
		prefix, err := strconv.QuotedPrefix(text)
		if err != nil {
			return "", text, false
		}
		s, err = strconv.Unquote(prefix)
		return s, text[len(prefix):], err == nil
	}
	end := strings.IndexAny(text, `,=[]"`)
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:], true
}
