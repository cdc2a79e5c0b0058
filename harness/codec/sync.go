package codec

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"punchlist/spec/testee"
	"punchlist/vectors"
)

// cached are the ids of so many packets.
func cached(text string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = hashedHex(fmt.Sprintf("%s %d", text, i))
	}
	return ids
}

// twins are ids that are the same but for the last digit, so that only the
// deepest summary tells them apart.
func twins() []string {
	id := hashedHex("twins")
	return []string{id[:63] + "0", id[:63] + "7", id[:63] + "f"}
}

func negotiations(b *book) {
	summaries(b)
	answers(b)
	transcript(b, "transcript-disjoint", cached("alice", 6), cached("bob", 6))
	transcript(b, "transcript-overlapping", cached("both", 25), append(cached("both", 20), cached("more", 8)...))
	transcript(b, "transcript-one-sided", cached("full", 20), nil)
	// Ids that share nine digits. (Of two that share 63 the one that the other
	// side lacks is never sent: below a whole id there is nothing to compare.)
	part := func(digit string) string { return hashedHex("twins")[:9] + digit + hashedHex("twin " + digit)[10:] }
	transcript(b, "transcript-deep", []string{part("0"), part("7")}, []string{part("7"), part("f")})
}

func summaries(b *book) {
	summary := func(id, title string, keys []string, prefix string) {
		ok := b.takes("sync/summary-"+id, "LAT-SYNC-001", title, testee.Summarize, testee.CodecWith{Keys: keys, Prefix: prefix})
		b.want("sync/summary-"+id, ok.Summary != nil, "no summary")
	}
	summary("empty", "of an empty cache", nil, "")
	summary("one", "of one packet", cached("one", 1), "")
	summary("two", "of two packets", cached("two", 2), "")
	summary("forty", "of forty packets", cached("forty", 40), "")
	sixteen := make([]string, 16)
	for i := range sixteen {
		sixteen[i] = fmt.Sprintf("%x", i) + hashedHex("sixteen")[1:]
	}
	summary("sixteen", "of sixteen packets, one in each bucket", sixteen, "")
	unsorted := slices.Clone(sixteen)
	slices.Reverse(unsorted)
	summary("unsorted", "of the same, given in another order", unsorted, "")
	forty := cached("forty", 40)
	summary("none-below", "below a prefix that no packet has", []string{"f" + hashedHex("x")[1:]}, "0")
	summary("other-case", "below the first digit of one of forty", forty, forty[0][:1])

	// At every depth there is: two ids part at the last digit.
	all := append(twins(), cached("around", 5)...)
	for depth := range 65 {
		id, prefix := fmt.Sprintf("depth-%02d", depth), all[0][:depth]
		ok := b.takes("sync/"+id, "LAT-SYNC-002", fmt.Sprintf("at %d digits, and how it is encoded", depth), testee.Summarize, testee.CodecWith{Keys: all, Prefix: prefix})
		raw, err := hex.DecodeString(ok.Summary.Encoded)
		b.want("sync/"+id, err == nil && int(raw[0]) == depth && len(raw) == 1+(depth+1)/2+20+21*len(ok.Summary.Buckets), "encoded as %s", ok.Summary.Encoded)
	}
}

// encodedSummary is the summary of a cache at a prefix, as it is sent.
func encodedSummary(b *book, keys []string, prefix string) string {
	made := &book{ask: b.ask, taken: map[string]bool{}}
	return made.takes("none", "", "", testee.Summarize, testee.CodecWith{Keys: keys, Prefix: prefix}).Summary.Encoded
}

func answers(b *book) {
	answer := func(id, requirement, title string, keys []string, summary string) *testee.SyncAnswer {
		ok := b.takes("sync/"+id, requirement, title, testee.Negotiate, testee.CodecWith{Keys: keys, Summary: summary})
		if ok.Answer == nil {
			b.fail("sync/"+id, "no answer")
			return &testee.SyncAnswer{}
		}
		return ok.Answer
	}
	forty := cached("forty", 40)
	a := answer("answer-equal", "LAT-SYNC-004", "both caches are equal", forty, encodedSummary(b, forty, ""))
	b.want("sync/answer-equal", len(a.Summaries)+len(a.Packets) == 0, "it answers")
	a = answer("answer-both-empty", "LAT-SYNC-004", "both caches are empty", nil, encodedSummary(b, nil, ""))
	b.want("sync/answer-both-empty", len(a.Summaries)+len(a.Packets) == 0, "it answers")
	a = answer("answer-to-empty", "LAT-SYNC-005", "the other side has nothing", cached("few", 7), encodedSummary(b, nil, ""))
	b.want("sync/answer-to-empty", len(a.Summaries) == 0 && len(a.Packets) == 7, "it sends everything")
	a = answer("answer-of-empty", "LAT-SYNC-005", "this side has nothing", nil, encodedSummary(b, cached("few", 3), ""))
	b.want("sync/answer-of-empty", len(a.Summaries) == 3 && len(a.Packets) == 0, "it asks for everything")
	a = answer("answer-one-more", "LAT-SYNC-005", "this side has one more", forty, encodedSummary(b, forty[1:], ""))
	b.want("sync/answer-one-more", len(a.Summaries)+len(a.Packets) == 1, "one bucket differs")
	a = answer("answer-one-less", "LAT-SYNC-005", "the other side has one more", forty[1:], encodedSummary(b, forty, ""))
	b.want("sync/answer-one-less", len(a.Summaries) == 1 && len(a.Packets) == 0, "one bucket differs")
	a = answer("answer-deepest", "LAT-SYNC-005", "two ids that differ in the last digit, at 63 digits", twins()[:2], encodedSummary(b, twins()[1:], twins()[0][:63]))
	b.want("sync/answer-deepest", len(a.Summaries) == 1 && len(a.Packets) == 1, "one is asked for, one is sent")
	many := cached("many", 200)
	a = answer("answer-most", "LAT-SYNC-011", "every bucket differs", many, encodedSummary(b, cached("others", 200), ""))
	b.want("sync/answer-most", len(a.Summaries) == 16 && len(a.Packets) == 0, "sixteen summaries")

	// How a summary is read: buckets in any order, of one that is there twice the
	// last, and whatever pads an odd prefix. The hash is taken at its word.
	few := encodedSummary(b, cached("few", 3), "")
	buckets := []string{few[42:84], few[84:126], few[126:168]}
	reads := func(id, title, summary string, keys []string, summaries, packets int) {
		a := answer("read-"+id, "LAT-SYNC-005", title, keys, summary)
		b.want("sync/read-"+id, len(a.Summaries) == summaries && len(a.Packets) == packets, "%d summaries and %d packets", len(a.Summaries), len(a.Packets))
	}
	reads("unordered", "the buckets are not in ascending order", few[:42]+buckets[2]+buckets[0]+buckets[1], nil, 3, 0)
	reads("twice", "a bucket is there twice, of which the last is as here, and the hash is another", few[:2]+strings.Repeat("5a", 20)+buckets[0][:2]+strings.Repeat("00", 20)+few[42:], cached("few", 3), 0, 0)
	reads("padding", "the digit that pads an odd prefix is not 0", "01f0"+strings.Repeat("5a", 20), nil, 0, 0)
	reads("hash-alone", "the hash is equal, and buckets are not", few[:42]+buckets[0], cached("few", 3), 0, 0)
	reads("keys-twice", "a key is there twice, which counts once", encodedSummary(b, nil, ""), append(cached("few", 3), cached("few", 1)...), 0, 3)

	sound := encodedSummary(b, cached("few", 3), "")
	refuses := func(id, title, summary, reason string) {
		b.refuses("sync/malformed-"+id, "LAT-SYNC-005", title, testee.Negotiate, testee.CodecWith{Keys: cached("few", 3), Summary: summary}, vectors.Rejection{Reason: reason})
	}
	refuses("empty", "no bytes", "", "the prefix's length is missing")
	refuses("prefix-of-65", "a prefix of 65 digits", "41"+strings.Repeat("00", 33)+sound[2:42], "prefix of 65 digits, at most 64")
	refuses("hash-cut", "the hash is cut off", sound[:40], "at least 20 needed")
	refuses("prefix-cut", "the prefix is cut off", "0401", "at least 22 needed")
	refuses("bucket-cut", "the last bucket is cut off", sound[:len(sound)-2], "the last bucket has 20 bytes")
	refuses("bucket-16", "a bucket of the digit 16", sound[:42]+"10"+sound[44:], "bucket 16, at most 15")
	refuses("bucket-below-id", "a bucket below a whole packetId", "40"+hashedHex("x")+sound[2:42]+sound[42:84], "buckets below a prefix that is a whole key")
}

// transcript lets two caches negotiate, without loss, until nothing more is
// said. Every summary that one side gets is a vector: what its cache holds at
// that time, and what it sends.
func transcript(b *book, name string, alice, bob []string) {
	type letter struct {
		to      int
		summary string
	}
	caches := [2][]string{slices.Sorted(slices.Values(alice)), slices.Sorted(slices.Values(bob))}
	names := [2]string{"alice", "bob"}
	union := slices.Compact(slices.Sorted(slices.Values(slices.Concat(alice, bob))))
	mail := []letter{{1, encodedSummary(b, caches[0], "")}}
	for step := 1; len(mail) > 0; step++ {
		l := mail[0]
		mail = mail[1:]
		id := fmt.Sprintf("sync/%s-%02d", name, step)
		title := fmt.Sprintf("step %d: %s, who has %d packets, gets a summary at %q", step, names[l.to], len(caches[l.to]), prefixOf(l.summary))
		a := b.takes(id, "LAT-SYNC-005", title, testee.Negotiate, testee.CodecWith{Keys: caches[l.to], Summary: l.summary}).Answer
		if a == nil || step > 99 {
			b.fail(id, "no answer, or no end")
			return
		}
		other := 1 - l.to
		for _, packet := range a.Packets {
			if i, there := slices.BinarySearch(caches[other], packet); !there {
				caches[other] = slices.Insert(caches[other], i, packet)
			}
		}
		for _, s := range a.Summaries {
			mail = append(mail, letter{other, s})
		}
		// The caches are written into the vector as they were: the next step must
		// not see the same memory.
		caches = [2][]string{slices.Clone(caches[0]), slices.Clone(caches[1])}
	}
	b.want("sync/"+name, slices.Equal(caches[0], union) && slices.Equal(caches[1], union), "the caches are not equal at the end")
}

// prefixOf is the prefix of an encoded summary.
func prefixOf(summary string) string {
	raw, err := hex.DecodeString(summary)
	if err != nil || len(raw) == 0 {
		return ""
	}
	n := int(raw[0])
	packed := summary[2 : 2+2*((n+1)/2)]
	return packed[len(packed)-n:]
}
