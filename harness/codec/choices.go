package codec

import (
	"fmt"

	"punchlist/spec/testee"
)

// natTypes are what two responders show, and what follows from it.
func natTypes(b *book) {
	for _, same := range []bool{true, false} {
		for _, known := range []bool{true, false} {
			for _, stranger := range []bool{true, false} {
				answers := []testee.NATAnswer{
					{Address: "203.0.113.7", Port: 40001, Contacted: true, Second: known},
					{Address: "203.0.113.7", Port: 40001, Second: stranger},
				}
				mapping, name, bits := "the same address and port", "same", 1|2|4
				if !same {
					answers[1].Port, mapping, name, bits = 40002, "two ports", "ports", 1|4
				}
				switch {
				case stranger:
					bits |= 8 | 16
				case known:
					bits |= 8
				}
				requirement := map[int]string{31: "LAT-NAT-001", 15: "LAT-NAT-002", 7: "LAT-NAT-003"}[bits]
				if requirement == "" {
					requirement = "LAT-NAT-004"
				}
				id := fmt.Sprintf("nat/%s-contacted-%v-other-%v", name, known, stranger)
				title := fmt.Sprintf("%s; a second answer of the contacted responder: %v, of the other one: %v", mapping, known, stranger)
				ok := b.takes(id, requirement, title, testee.NATType, testee.CodecWith{Answers: answers})
				b.want(id, ok.NATType == bits, "it is %d, not %d", ok.NATType, bits)
			}
		}
	}
	swapped := []testee.NATAnswer{{Address: "203.0.113.7", Port: 40001}, {Address: "203.0.113.7", Port: 40001, Contacted: true, Second: true}}
	b.takes("nat/other-answers-first", "LAT-NAT-002", "the responder that was not contacted answers first", testee.NATType, testee.CodecWith{Answers: swapped})
	for _, contacted := range []bool{true, false} {
		both := []testee.NATAnswer{
			{Address: "203.0.113.7", Port: 40001, Contacted: contacted, Second: true}, {Address: "203.0.113.7", Port: 40001, Contacted: contacted},
		}
		want, requirement := 31, "LAT-NAT-001"
		if contacted {
			want, requirement = 15, "LAT-NAT-002"
		}
		id := fmt.Sprintf("nat/both-contacted-%v", contacted)
		ok := b.takes(id, requirement, fmt.Sprintf("both had been contacted: %v, and one answered a second time", contacted), testee.NATType, testee.CodecWith{Answers: both})
		b.want(id, ok.NATType == want, "it is %d", ok.NATType)
	}
	addresses := []testee.NATAnswer{{Address: "203.0.113.7", Port: 40001, Contacted: true}, {Address: "203.0.113.8", Port: 40001}}
	b.takes("nat/addresses", "LAT-NAT-004", "two addresses with one port", testee.NATType, testee.CodecWith{Answers: addresses})
}

// table is that of chapter 6: by the own type, the strategies towards the
// types of the columns.
var (
	columns = []int{31, 15, 7, 5, 0}
	table   = map[int][]string{
		31: {"direct", "defer", "defer", "defer", "proxy"},
		15: {"direct", "direct", "direct", "direct", "proxy"},
		7:  {"direct", "direct", "direct", "open", "proxy"},
		5:  {"direct", "direct", "connect", "proxy", "proxy"},
		0:  {"direct", "proxy", "proxy", "proxy", "proxy"},
	}
)

func strategies(b *book) {
	all := []int{31, 15, 7, 5, 29, 13, 0}
	column := func(natType int) int {
		for i, c := range columns {
			if c == natType {
				return i
			}
		}
		return len(columns) - 1
	}
	for _, own := range all {
		for _, other := range all {
			id := fmt.Sprintf("traversal/strategy-%d-to-%d", own, other)
			want := table[columns[column(own)]][column(other)]
			ok := b.takes(id, "LAT-TRAV-001", fmt.Sprintf("a peer of type %d towards one of type %d", own, other), testee.Strategy, testee.CodecWith{NATType: own, Other: other})
			b.want(id, ok.Strategy == want, "it is %s, not %s", ok.Strategy, want)
		}
	}
}
