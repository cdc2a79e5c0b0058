package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
	"punchlist/vectors"
)

// observed reads one section of the data from the deployed wire.
func observed(t testing.TB, section string, into any) {
	t.Helper()
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(vectors.Observed, &sections))
	require.NoError(t, json.Unmarshal(sections[section], into))
}

func prefix(t testing.TB, text string) Prefix {
	t.Helper()
	p, err := ParsePrefix(text)
	require.NoError(t, err)
	return p
}

func id(t testing.TB, text string) wire.ID {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return wire.ID(b)
}

// keyed is the id of the observations' key i.
func keyed(i int) wire.ID { return sha256.Sum256(fmt.Appendf(nil, "key-%d", i)) }

func TestKeysAsObserved(t *testing.T) {
	var keys []string
	observed(t, "cacheSummaryKeys40", &keys)
	require.Len(t, keys, 40)
	for i, key := range keys {
		require.Equal(t, key, Key(keyed(i)).String())
	}
}

func TestSummariesAsObserved(t *testing.T) {
	var cases []struct {
		Name  string
		Input struct {
			Keys   json.RawMessage // a list, or {"count", "rule"}
			Prefix string
		}
		Expected struct {
			Hash, Encoded string
			Buckets       []*string
			Length        int
		}
	}
	observed(t, "cacheSummary", &cases)
	require.Len(t, cases, 10)
	for _, v := range cases {
		c := New(0)
		var list []string
		if err := json.Unmarshal(v.Input.Keys, &list); err == nil {
			for _, key := range list {
				c.Insert(start, Entry{ID: id(t, key)})
			}
		} else {
			for i := range 40 {
				c.Insert(start, Entry{ID: keyed(i)})
			}
		}
		s := c.Summary(start, prefix(t, v.Input.Prefix))
		require.Equal(t, v.Input.Prefix, s.Prefix.String(), v.Name)
		require.Equal(t, v.Expected.Hash, hex.EncodeToString(s.Hash[:]), v.Name)
		require.Len(t, v.Expected.Buckets, 16, v.Name)
		for d, want := range v.Expected.Buckets {
			require.Equal(t, want != nil, s.Has(d), "%s: %x", v.Name, d)
			if want != nil {
				require.Equal(t, *want, hex.EncodeToString(s.Buckets[d][:]), "%s: %x", v.Name, d)
			}
		}
		encoded := s.Append(nil)
		require.Equal(t, v.Expected.Encoded, hex.EncodeToString(encoded), v.Name)
		require.Len(t, encoded, v.Expected.Length, v.Name)
		decoded, err := DecodeSummary(encoded)
		require.NoError(t, err, v.Name)
		require.Equal(t, s, decoded, v.Name)
		require.Equal(t, []byte{1, 2}, s.Append([]byte{1, 2})[:2], "appended, not written over")
	}
}

func TestDecodeSummaryAsObserved(t *testing.T) {
	// Where this decoder is stricter: see DecodeSummary.
	stricter := map[string]string{
		"one zero byte":                   "at least 20 needed",
		"hash short":                      "at least 20 needed",
		"bucket 16":                       "bucket 16, at most 15",
		"bucket truncated":                "the last bucket has 6 bytes, want 21",
		"prefix len 200, 3 bytes present": "prefix of 200 digits, at most 64",
	}
	var cases []struct {
		Name     string
		Input    struct{ Bytes string }
		Expected struct {
			Error, Prefix, Hash string
			Set                 map[string]string
		}
	}
	observed(t, "summaryDecode", &cases)
	require.Len(t, cases, 10)
	for _, v := range cases {
		b, err := hex.DecodeString(v.Input.Bytes)
		require.NoError(t, err)
		s, err := DecodeSummary(b)
		if text, ours := stricter[v.Name]; ours {
			require.Empty(t, v.Expected.Error, v.Name)
			require.ErrorContains(t, err, text, v.Name)
			require.Equal(t, Summary{}, s, v.Name)
			continue
		}
		if v.Expected.Error != "" {
			require.ErrorContains(t, err, "the prefix's length is missing", v.Name)
			continue
		}
		require.NoError(t, err, v.Name)
		require.Equal(t, v.Expected.Prefix, s.Prefix.String(), v.Name)
		require.Equal(t, v.Expected.Hash, hex.EncodeToString(s.Hash[:]), v.Name)
		for d := range 16 {
			want, set := v.Expected.Set[fmt.Sprint(d)]
			require.Equal(t, set, s.Has(d), "%s: %d", v.Name, d)
			if set {
				require.Equal(t, want, hex.EncodeToString(s.Buckets[d][:]), "%s: %d", v.Name, d)
			}
		}
	}
}

func TestDecodeSummaryBelowAWholeKey(t *testing.T) {
	whole := append([]byte{64}, make([]byte, 32+20)...)
	_, err := DecodeSummary(whole)
	require.NoError(t, err)
	_, err = DecodeSummary(append(whole, make([]byte, 21)...))
	require.ErrorContains(t, err, "whole key")
}

func TestPrefix(t *testing.T) {
	for _, text := range []string{"", "0", "abc", strings.Repeat("f", 64)} {
		p := prefix(t, text)
		require.Equal(t, text, p.String())
		require.Equal(t, len(text), p.Len())
		require.Equal(t, p, prefix(t, text+strings.Repeat("0", 64-len(text))).Short(len(text)))
		child, ok := p.Child(11)
		require.Equal(t, len(text) < 64, ok)
		if ok {
			require.Equal(t, prefix(t, text+"b"), child)
		}
	}
	for text, reason := range map[string]string{ // order-free: each case stands alone
		strings.Repeat("0", 65): "65 digits, at most 64",
		"0B":                    `'B' at 1`,
		"0:":                    `':' at 1`,
		"é":                     "at 0",
	} {
		_, err := ParsePrefix(text)
		require.ErrorContains(t, err, reason)
	}
}

// Two caches negotiate as peers do. The datagrams of the deployed pair are the same: what each
// names and how long it is.
func TestNegotiationAsObserved(t *testing.T) {
	var want struct {
		Datagrams, SyncDatagrams, DataDatagrams, MaxPrefix, AAfter, BAfter int
		Transcript                                                         []struct {
			From, Prefix, PacketID string
			Type, Bytes            int
		}
	}
	observed(t, "syncNegotiation", &want)
	const framing = 98 // of a sync packet with a 13-digit usr4

	type datagram struct {
		to      int
		summary []byte
		data    *Entry
	}
	caches := [2]*Cache{New(0), New(0)}
	for i := range 25 {
		caches[0].Insert(start, Entry{ID: keyed(i)})
		caches[1].Insert(start, Entry{ID: keyed(i + 15)})
	}
	root := caches[0].Summary(start, Prefix{})
	queue := []datagram{{to: 1, summary: root.Append(nil)}}
	var seen, expected []string
	for len(queue) > 0 {
		d := queue[0]
		queue = queue[1:]
		local, back := caches[d.to], 1-d.to
		if d.data != nil {
			seen = append(seen, fmt.Sprintf("%d data %x", back, d.data.ID[:4]))
			local.Insert(start, *d.data)
			continue
		}
		remote, err := DecodeSummary(d.summary)
		require.NoError(t, err)
		seen = append(seen, fmt.Sprintf("%d sync %s %d", back, remote.Prefix, len(d.summary)+framing))
		require.LessOrEqual(t, remote.Prefix.Len(), want.MaxPrefix)
		mine := local.Summary(start, remote.Prefix)
		if mine.Hash == remote.Hash {
			continue
		}
		for digit := range 16 {
			child, ok := remote.Prefix.Child(digit)
			require.True(t, ok)
			if remote.Has(digit) {
				s := local.Summary(start, child)
				queue = append(queue, datagram{to: back, summary: s.Append(nil)})
				continue
			}
			for e := range local.Under(start, child) {
				queue = append(queue, datagram{to: back, data: &e})
			}
		}
	}
	for _, d := range want.Transcript {
		from := strings.Count(d.From, "10.0.0.2") // 0 is a, 1 is b
		if d.Type == 7 {
			expected = append(expected, fmt.Sprintf("%d sync %s %d", from, d.Prefix, d.Bytes))
		} else {
			expected = append(expected, fmt.Sprintf("%d data %s", from, d.PacketID))
		}
	}
	require.ElementsMatch(t, expected, seen)
	require.Len(t, seen, want.Datagrams)
	require.Equal(t, want.AAfter, caches[0].Len())
	require.Equal(t, want.BAfter, caches[1].Len())
	require.Equal(t, caches[0].Summary(start, Prefix{}), caches[1].Summary(start, Prefix{}))
}

func FuzzDecodeSummary(f *testing.F) {
	c := New(0)
	for i := range 40 {
		c.Insert(start, Entry{ID: keyed(i)})
	}
	for _, p := range []Prefix{{}, Key(keyed(3)).Short(1), Key(keyed(3)).Short(2), Key(keyed(3))} {
		s := c.Summary(start, p)
		f.Add(s.Append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := DecodeSummary(data)
		if err != nil {
			require.Equal(t, Summary{}, s)
			return
		}
		// What was decoded is encoded in the one canonical way.
		canonical := s.Append(nil)
		again, err := DecodeSummary(canonical)
		require.NoError(t, err)
		require.Equal(t, s, again)
		require.True(t, bytes.Equal(canonical, again.Append(nil)))
		require.LessOrEqual(t, len(canonical), len(data))
		_, err = ParsePrefix(s.Prefix.String())
		require.NoError(t, err)
		// Any prefix can be asked for.
		mine := c.Summary(start, s.Prefix)
		require.Equal(t, s.Prefix, mine.Prefix)
		for range c.Under(start, s.Prefix) {
		}
	})
}
