package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"punchlist/reference/wire"
)

var start = time.UnixMilli(1_700_000_000_000)

// numbered is the id of an n-th packet: spread as real ids are.
func numbered(n int) wire.ID { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func full(b *testing.B) (c *Cache, next int) {
	c = New(DefaultCapacity)
	for ; next < DefaultCapacity; next++ {
		c.Insert(start, Entry{ID: numbered(next), Datagram: make([]byte, 445)})
	}
	c.Summary(start, Prefix{})
	b.ReportAllocs()
	return c, next
}

// A packet comes into a full cache of 6,604, so one goes, and the root summary is asked for. The
// deployed peers take some 24 ms for that.
func BenchmarkSummaryAfterInsert(b *testing.B) {
	c, next := full(b)
	datagram := make([]byte, 445)
	for b.Loop() {
		next++
		c.Insert(start, Entry{ID: numbered(next), Datagram: datagram})
		c.Summary(start, Prefix{})
	}
}

// Nothing changed: what every further ping costs.
func BenchmarkSummaryAgain(b *testing.B) {
	c, _ := full(b)
	for b.Loop() {
		c.Summary(start, Prefix{})
	}
}

func BenchmarkInsertIntoFull(b *testing.B) {
	c, next := full(b)
	datagram := make([]byte, 445)
	for b.Loop() {
		next++
		c.Insert(start, Entry{ID: numbered(next), Datagram: datagram})
	}
}

// One and two digits down, after an insert there.
func BenchmarkSummaryBelow(b *testing.B) {
	for digits := 1; digits <= 3; digits++ {
		b.Run(string(rune('0'+digits)), func(b *testing.B) {
			c, next := full(b)
			datagram := make([]byte, 445)
			for b.Loop() {
				next++
				id := numbered(next)
				c.Insert(start, Entry{ID: id, Datagram: datagram})
				c.Summary(start, Key(id).Short(digits))
			}
		})
	}
}
