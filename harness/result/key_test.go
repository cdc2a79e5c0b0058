package result

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysAreReadAsTheyAreWritten(t *testing.T) {
	for text, k := range map[string]Key{
		"trav/nat-reboots": {ID: "trav/nat-reboots"},
		"trav/connects-without-proxy[subject=full-cone,companion=symmetric]": {
			"trav/connects-without-proxy", []Column{{"subject", "full-cone"}, {"companion", "symmetric"}}},
		"frame/hostile[case=ping to nobody]":                     {"frame/hostile", []Column{{"case", "ping to nobody"}}},
		`frame/hostile[case="a=1, \"b\" [c]"]`:                   {"frame/hostile", []Column{{"case", `a=1, "b" [c]`}}},
		`frame/hostile["a,b"=" x","c]"="y\n",d="z ",e=\,f=]`:     {"frame/hostile", []Column{{"a,b", " x"}, {"c]", "y\n"}, {"d", "z "}, {"e", `\`}, {"f", ""}}},
		"sync/author-is-gone[a=" + strings.Repeat("x", 90) + "]": {"sync/author-is-gone", []Column{{"a", strings.Repeat("x", 90)}}},
	} {
		require.Equal(t, text, k.String())
		read, err := ParseKey(text)
		require.NoError(t, err)
		require.Equal(t, k, read)
	}
	for _, text := range []string{
		"", "trav", "Trav/x", "trav/x-", "trav/x y", "trav/x[", "trav/x[]", "trav/x[a]", "trav/x[a=b", "trav/x[a=b,]", "trav/x[a=b]c",
		`trav/x[a="b]`, `trav/x["a"b=c]`, `trav/x[a="b"c]`, "trav/x[a=b=c]", "trav/" + strings.Repeat("x", MaxID),
		"traversal.feature#a rule/a scenario",
	} {
		_, err := ParseKey(text)
		require.ErrorContains(t, err, "the key", text)
	}
}

func TestIDs(t *testing.T) {
	require.NoError(t, CheckID("trav/"+strings.Repeat("x", MaxID-5)))
	require.ErrorContains(t, CheckID("trav/"+strings.Repeat("x", MaxID-4)), "at most 48")
	require.ErrorContains(t, CheckID("trav"), "must be AREA/words")
}
