package peer

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/bits"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/cache"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec"
)

// figure is a number as the standard writes it, such as 1,024.
func figure(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", figure(n/1000), n%1000)
}

func ms(d time.Duration) string { return figure(int(d.Milliseconds())) + " ms" }

func inBytes(n int) string { return figure(n) + " bytes" }

func inHours(d time.Duration) string { return fmt.Sprint(d.Hours(), " h") }

// unitOf is the unit of a constant's number.
func unitOf(c constant) spec.Unit {
	switch c.field.(type) {
	case *time.Duration:
		return spec.Millis
	case *Ks:
		return spec.Ks
	}
	if strings.HasSuffix(c.id, "-bytes") {
		return spec.Bytes
	}
	return spec.Count
}

// standard is the default of a field of Choices.
func standard(field string) time.Duration {
	_, c := withDefaults(Limits{}, Choices{})
	return reflect.ValueOf(c).FieldByName(field).Interface().(time.Duration)
}

// values are the constants of the standard that have a name here.
var values = map[string]string{
	"wire version":                     figure(wire.Version),
	"fixed part of a packet":           inBytes(wire.MinDatagram - 11*2),
	"most bytes of an id or usr field": inBytes(wire.MaxID),
	"most bytes of message":            inBytes(wire.MaxMessage),
	"most bytes of sig":                inBytes(wire.MaxSig),
	"least datagram that decodes":      inBytes(wire.MinDatagram),
	"longest datagram":                 inBytes(wire.MaxDatagram),
	"default ttl":                      figure(wire.DefaultTTL) + " ms",
	"default clock":                    figure(wire.DefaultClock),
	"opener":                           fmt.Sprintf("%x", wire.Opener),
	"digits of an echo":                figure(len(wire.NewEchoID([6]byte{}).String())),

	"bytes of a slice":                                 inBytes(wire.MaxMessage),
	"fragments of a message":                           "at most " + figure(wire.MaxFragments),
	"what a kept fragment counts for beside its bytes": inBytes(partOverhead),

	"what sealing adds":                   inBytes(seal.Overhead),
	"what a sealed box adds":              inBytes((seal.Overhead - wire.MaxSig) / 2),
	"plaintext that fits into one packet": "at most " + inBytes(wire.MaxMessage-seal.Overhead),

	"keepalive interval (K)":              ms(DefaultKeepalive),
	"repeats of a question to an address": fmt.Sprintf("%s and %s after the first", ms(standard("Hold")/4), ms(standard("Hold")*3/4)),

	"connection pings after an introduction": fmt.Sprintf("at once, %d ms and %s later", introPingAfter[1].Milliseconds(), ms(introPingAfter[2])),
	"ports that openers go to":               figure(traversalSends),
	"lowest of these ports":                  figure(firstOpened),

	"most hops": figure(wire.MaxHops),

	"age of the packets in a summary": "at most " + inHours(cache.Window),
	"digits of a packetId":            figure(cache.KeyDigits),
	"summaries that answer a sync":    "at most 16", // a digit is hexadecimal
	"the time that counts":            figure(loadTime) + " s",

	"age of a question": fmt.Sprint("at most ", questionAge.Seconds(), " s"),

	"bytes in a cache":                           inBytes(cache.MaxBytes),
	"longest life in a cache":                    inHours(cache.Lifetime(0, false)),
	"longest life in a cache of the own cluster": inHours(cache.Lifetime(0, true)),

	"intros because of one join": "at most " + figure(2*6),
	"joins because of one join":  "at most " + figure(6),
}

// expressions are the constants of the standard that the code has no name for, and what it has.
var expressions = map[string]struct{ is, file, says string }{
	"clock that is written as 0":                {"2,000,000,000", "../wire/wire.go", "clockWrap = 2_000_000_000"},
	"highest natType that decodes":              {"2,147,483,647", "../wire/decode.go", "n <= 1<<31-1 && n&5 == 5"},
	"chains that are followed at one index":     {"8", "../wire/fragment.go", "maxRivals = 8"},
	"bytes that a signature does not cover":     {"64 bytes", "../seal/seal.go", "unsignedHead = 64"},
	"time between joins of one subcluster":      {"1 K", "membership.go", "p.membership.tickAt = p.membership.tickAt.Add(p.k)"},
	"deadline of a rendezvous":                  {"1 K", "membership.go", "o.RendezvousDeadline = p.now.Add(p.k)"},
	"bootstrap peers":                           {"at most 4,096", "config.go", "len(c.Bootstrap) > 4096"},
	"bytes of a bucket":                         {"21 bytes", "../cache/summary.go", "bucketSize = 1 + sha1.Size"},
	"idle datagrams for each known peer in a K": {"at most 4", "../../spec/requirements.yaml", "at most 4 datagrams for each peer"},
	"idle datagrams for each member in a K":     {"at most 6", "../../spec/requirements.yaml", "6 for each member"},
}

// The constants that the standard lists are those of this peer.
func TestConstantsAreThoseOfTheStandard(t *testing.T) {
	list, err := spec.LoadConstants()
	require.NoError(t, err)
	chosen := map[string]constant{}
	for _, c := range constants(&Limits{}, &Choices{}) {
		c.fill()
		chosen[c.id] = c
	}

	want := map[string]string{}
	add := func(name, is string) {
		require.NotContains(t, want, name, "it is here twice")
		want[name] = is
	}
	for name, is := range values {
		add(name, is)
	}
	ping := wire.NewPacket(wire.Ping)
	datagram, err := wire.Append(nil, &ping)
	require.NoError(t, err)
	add("magic", fmt.Sprintf("% x", datagram[:4]))
	for name, e := range expressions {
		source, err := os.ReadFile(e.file)
		require.NoError(t, err)
		words := strings.Join(strings.Fields(string(source)), " ")
		require.True(t, strings.Contains(words, e.says), "%q: %s has no %q any more", name, e.file, e.says)
		add(name, e.is)
	}

	for _, c := range list {
		if said, ok := (Config{}).Constants()[c.ID]; ok {
			is, ok := c.Value()
			if c.ID == "intro.pings" { // a series of times
				is, ok = spec.Quantity{Value: 3}, true
			}
			require.True(t, ok, c.ID)
			require.InDelta(t, is.Value, said, 1e-9, "%s: what the reference says of itself", c.ID)
		}
		if x, ok := chosen[c.ID]; ok {
			is, ok := c.Value()
			require.True(t, ok, c.ID)
			require.Equal(t, is, spec.Quantity{Value: x.number(), Unit: unitOf(x)}, c.ID)
			require.False(t, c.Fixed(), "%s is a choice of the reference", c.ID)
			delete(chosen, c.ID)
			continue
		}
		is, ok := want[c.Name]
		require.True(t, ok, "%q of spec/constants.yaml is bound to nothing here", c.Name)
		require.Equal(t, is, strings.TrimSpace(c.Default), "%q: the reference, and spec/constants.yaml", c.Name)
		delete(want, c.Name)
	}
	require.Empty(t, chosen, "spec/constants.yaml lacks these")
	require.Empty(t, want, "spec/constants.yaml lacks these")
}

// Each field that a peer can be made with is one constant of the standard.
func TestEachLimitAndChoiceIsAConstant(t *testing.T) {
	var l Limits
	var c Choices
	of := map[any]string{}
	for _, x := range constants(&l, &c) {
		require.Empty(t, of[x.field], "%q is the field of another constant", x.id)
		of[x.field] = x.id
	}
	for _, all := range []reflect.Value{reflect.ValueOf(&l).Elem(), reflect.ValueOf(&c).Elem()} {
		for _, f := range reflect.VisibleFields(all.Type()) {
			if !f.Anonymous {
				require.NotEmpty(t, of[all.FieldByIndex(f.Index).Addr().Interface()],
					"%s is no constant of the standard: give it one in spec/constants.yaml, and its line in constants", f.Name)
			}
		}
	}
}

// What a peer is made with is what it says of itself.
func TestConfigTellsWhatItWasGiven(t *testing.T) {
	var c Config
	require.False(t, c.SetConstant("no such constant", 1))
	for _, x := range constants(&Limits{}, &Choices{}) {
		require.True(t, c.SetConstant(x.id, Config{}.Constants()[x.id]+1), x.id)
	}
	is := c.Constants()
	for _, x := range constants(&Limits{}, &Choices{}) {
		require.InDelta(t, Config{}.Constants()[x.id]+1, is[x.id], 1e-9, x.id)
	}
	require.InDelta(t, 14, is["join.intros"], 1e-9)
}

// noConstants are figures of this package that are its own affair.
var noConstants = map[string]string{
	"wholePacket":      "a mark in a queue, beside numbers of digits",
	"stateName":        "of the file that a state is in, which no other peer reads",
	"challengeRepeats": "two figures stand in the list of when a challenge is repeated",
	"maxBarren":        "beyond what the longest wait after syncs in vain lets count",
	"MinKeepalive":     "stands in the range of K",
}

// Every figure that this package has a name for is compared with the standard.
func TestNoConstantIsForgotten(t *testing.T) {
	this, err := parser.ParseFile(token.NewFileSet(), "constants_test.go", nil, 0)
	require.NoError(t, err)
	compared := map[string]bool{}
	ast.Inspect(this, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok {
			compared[name.Name] = true
		}
		return true
	})
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	found := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, s := range group.Specs {
				s := s.(*ast.ValueSpec)
				if s.Type != nil || len(s.Values) == 0 {
					continue // a name of an enumeration
				}
				for _, name := range s.Names {
					found++
					if noConstants[name.Name] == "" {
						require.True(t, compared[name.Name],
							"%s of %s is no constant of the standard: give it one in spec/constants.yaml and compare it here, or say in noConstants why not", name.Name, e.Name())
					}
				}
			}
		}
	}
	require.Greater(t, found, 8)
}

// A peer can say of each recommendation of the standard whether it follows it.
func TestRecommendationsAreThoseOfTheStandard(t *testing.T) {
	registry, err := spec.Load()
	require.NoError(t, err)
	var want []string
	for _, q := range registry.All() {
		if q.Level == spec.Should {
			want = append(want, q.ID)
		}
	}
	require.Equal(t, want, Config{}.Recommendations())
	require.Len(t, Config{Omits: AllRecommended}.Recommendations(), len(want)-bits.OnesCount32(uint32(AllRecommended)))
}
