package peer

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

// Fields that hold something, and do not grow by what a peer is sent.
var noSize = map[string]string{
	"config.State":        "taken in by New, and dropped",
	"config.Bootstrap":    "the caller's, not changed",
	"outputs":             "emptied by Poll before the next input",
	"released":            "what was held, handled before Receive returns",
	"arena":               "begun anew with each input",
	"packet":              "lies in the datagram, at most wire.MaxDatagram bytes",
	"candidates":          "as long as remotes",
	"live":                "as long as remotes",
	"chosen":              "at most Choices.Targets",
	"outboxes.waiting":    "as long as summaries and packets together",
	"bursts.subclusterID": "a field of one datagram",
}

// growing lists the fields below t that can grow, those of embedded fields and of plain structs by
// their own name alone.
func growing(t reflect.Type, path string, visit func(path string)) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Name
		if path != "" {
			name = path + "." + f.Name
		}
		of := f.Type
		switch {
		case strings.HasPrefix(of.Name(), "table["):
			visit(name)
			key, _ := of.FieldByName("slots")
			value, _ := key.Type.Elem().FieldByName("value")
			if value.Type.Kind() == reflect.Struct && value.Type.PkgPath() == t.PkgPath() {
				growing(value.Type, name, visit)
			}
		case strings.HasPrefix(of.Name(), "queue["):
			visit(name)
		case of == reflect.TypeFor[wire.Packet]():
			visit(name)
		case of.Kind() == reflect.Map, of.Kind() == reflect.Chan, of.Kind() == reflect.Slice:
			visit(name)
			if of.Kind() == reflect.Chan {
				continue
			}
			element := of.Elem()
			if element.Kind() == reflect.Pointer {
				element = element.Elem()
			}
			_, sized := noSize[name]
			if element.Kind() == reflect.Struct && element.PkgPath() == t.PkgPath() && !sized {
				growing(element, name, visit)
			}
		case of.Kind() == reflect.Struct && of.PkgPath() == t.PkgPath():
			below := path
			if of == reflect.TypeFor[Config]() {
				below = name
			}
			growing(of, below, visit)
		case of.Kind() == reflect.Struct && f.Name == "keys", of.Kind() == reflect.Pointer && f.Name == "cache":
			visit(name)
		}
	}
}

// LAT-BUDG-004: nothing of a peer can grow that Sizes doesn't tell.
func TestSizesNamesAllThatGrows(t *testing.T) {
	p := New(time.UnixMilli(1_700_000_000_000), Config{})
	told := map[string]bool{}
	for _, s := range p.Sizes() {
		require.False(t, told[s.Name], "%s is told twice", s.Name)
		require.Positive(t, s.Max, s.Name)
		told[s.Name] = true
	}
	found := map[string]bool{}
	growing(reflect.TypeFor[Peer](), "", func(path string) {
		require.False(t, found[path], "two fields are named %s: rename one", path)
		found[path] = true
		why, exempt := noSize[path]
		if !told[path] && (!exempt || why == "") {
			t.Errorf("%s can grow: name it in Sizes with its bound, or in noSize with the reason", path)
		}
	})
	for name := range told {
		require.True(t, found[name], "Sizes tells of %s, which no field is named", name)
	}
	for name := range noSize {
		require.True(t, found[name], "noSize tells of %s, which no field is named", name)
	}
}
