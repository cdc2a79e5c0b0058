package bench

import (
	"bytes"
	"context"
	"encoding/hex"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"punchlist/harness/manifest"
	"punchlist/harness/testkit/testenv"
	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

// Goals, in operations of the reference per operation of the JavaScript peer.
const (
	codecGoal   = 50
	summaryGoal = 1000
)

// fullPublish is the largest publish: every field has its maximum.
func fullPublish(tb testing.TB) (wire.Packet, []byte) {
	field := func(fill byte, n int) []byte { return bytes.Repeat([]byte{fill}, n) }
	p := wire.NewPacket(wire.Publish)
	p.ClusterID, p.SubclusterID = field(1, wire.MaxID), field(2, wire.MaxID)
	p.PreviousID, p.NextID = field(3, wire.MaxID), field(4, wire.MaxID)
	p.Usr1, p.Usr2, p.Usr3, p.Usr4 = field(5, wire.MaxID), field(6, wire.MaxID), field(7, wire.MaxID), field(8, wire.MaxID)
	p.Message, p.Sig = field(9, wire.MaxMessage), field(10, wire.MaxSig)
	id := wire.MessageID(p.Message)
	p.PacketID = id[:]
	datagram, err := wire.Append(nil, &p)
	if err != nil || len(datagram) != wire.MaxDatagram {
		tb.Fatalf("a full publish has %d bytes: %v", len(datagram), err)
	}
	return p, datagram
}

func BenchmarkDecodePublish(b *testing.B) {
	_, datagram := fullPublish(b)
	var p wire.Packet
	compare(b, codecGoal, func() {
		if f := wire.Decode(&p, datagram); !f.OK() {
			b.Fatal(f)
		}
	}, "decode", hex.EncodeToString(datagram))
}

func BenchmarkEncodePublish(b *testing.B) {
	p, datagram := fullPublish(b)
	dst := make([]byte, 0, wire.MaxDatagram)
	compare(b, codecGoal, func() {
		if _, err := wire.Append(dst, &p); err != nil {
			b.Fatal(err)
		}
	}, "encode", hex.EncodeToString(datagram))
}

// One packet comes into a full cache, one goes, and the root summary is asked
// for: what every ping costs a deployed peer.
func BenchmarkSummaryAfterInsert(b *testing.B) {
	now := time.UnixMilli(1_700_000_000_000)
	_, datagram := fullPublish(b)
	c := cache.New(cache.DefaultCapacity)
	next := 0
	insert := func() {
		next++
		c.Insert(now, cache.Entry{ID: wire.MessageID([]byte(strconv.Itoa(next))), Datagram: datagram})
	}
	for c.Len() < cache.DefaultCapacity {
		insert()
	}
	compare(b, summaryGoal, func() {
		insert()
		c.Summary(now, cache.Prefix{})
	}, "summary", strconv.Itoa(cache.DefaultCapacity))
}

// compare runs the reference, then the JavaScript peer, and reports how many
// operations of the first fit into one of the second. A ratio below the goal
// is logged, not failed: what else the machine does shows in it.
func compare(b *testing.B, goal float64, reference func(), script ...string) {
	var perOp float64
	b.Run("go", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			reference()
		}
		perOp = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	})
	b.Run("js", func(b *testing.B) {
		js := javaScript(b, script...) // measures for a second of its own, whatever b.N
		b.ReportMetric(js, "ns/op")
		if perOp == 0 {
			return // only this half was asked for
		}
		ratio := js / perOp
		b.ReportMetric(ratio, "js/go")
		if ratio < goal {
			b.Logf("the reference is %.0f times as fast; the goal is %.0f", ratio, goal)
		}
	})
}

// javaScript runs the bench script of the bundled adapter and returns
// nanoseconds per operation.
func javaScript(b *testing.B, args ...string) float64 {
	m, err := manifest.Bundled("socket-0.6")
	if err != nil {
		b.Fatal(err)
	}
	if !m.Prepared() {
		testenv.Missing(b, "socket-js", "the JavaScript peer is not installed: run punchlist setup")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"bench.mjs"}, args...)...)
	cmd.Dir, cmd.Stderr = m.Dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("bench.mjs %s: %v", args[0], err)
	}
	perOp, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		b.Fatalf("bench.mjs %s printed %q, which is no number", args[0], out)
	}
	return perOp
}
