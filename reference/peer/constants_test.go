package peer

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"punchlist/reference/cache"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
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

// ticks is a multiple of K.
func ticks(n float64) string { return fmt.Sprint(n, " K") }

// limitNames are the constants of the standard that the fields of Limits are.
var limitNames = map[string]string{
	"Peers":              "known peers",
	"Sources":            "IP addresses whose bytes are counted",
	"Rates":              "sources whose packets are counted",
	"Pending":            "addresses that are being asked",
	"PendingPerIP":       "addresses that are being asked on one IP address",
	"Held":               "datagrams that are held for proof",
	"HeldPerAddress":     "datagrams that are held from one address",
	"Verified":           "verified addresses beside those of known peers",
	"Gates":              "ids that are remembered so as not to be handled again",
	"Delivered":          "messages that are remembered as delivered",
	"CachePackets":       "packets in a cache",
	"Amplification":      "bytes to an unverified IP address for each byte from it",
	"PerMinute":          "joins and publishes of one source in a minute",
	"Introductions":      "introductions being obeyed",
	"IntroPings":         "connection pings to one IP address in a K",
	"IntroPingsTotal":    "connection pings to all addresses in a K",
	"Traversals":         "traversals in a K",
	"Targets":            "IP addresses whose pings are counted",
	"Tasks":              "own datagrams that wait for their turn",
	"Destinations":       "addresses that answers to syncs wait for",
	"SyncQueue":          "answers to syncs that wait for one address",
	"SyncPerMinute":      "publishes and joins sent to one address in the time that counts",
	"SyncRelays":         "packets of syncs that are multicast in a K",
	"Rebroadcasts":       "expired packets multicast in a K",
	"Forgotten":          "packets that are remembered as removed",
	"MaxMessage":         "longest message that is published or streamed",
	"Subclusters":        "subclusters that are joined",
	"Outgoing":           "packets of own streams that wait",
	"Relayed":            "packets that are remembered as relayed",
	"StreamsPerMinute":   "packets relayed for one source in a minute",
	"Assembling":         "messages that are being composed",
	"AssemblyBytes":      "bytes of messages that are being composed",
	"Questions":          "own questions that are open",
	"Routes":             "ways back",
	"QuestionsPerMinute": "questions of one source in a minute",
	"Pace":               "time between own datagrams nobody waits for",
	"StreamPace":         "time between packets of own streams",
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
	"fragments that are kept of one index":             figure(maxRivals),
	"tries to compose a message":                       figure(maxTries),
	"what a kept fragment counts for beside its bytes": inBytes(partOverhead),

	"what sealing adds":                   inBytes(seal.Overhead),
	"what a sealed box adds":              inBytes((seal.Overhead - wire.MaxSig) / 2),
	"plaintext that fits into one packet": "at most " + inBytes(wire.MaxMessage-seal.Overhead),

	"keepalive interval (K)":                           ms(DefaultKeepalive),
	"repeats of a question to an address":              fmt.Sprintf("%s and %s after the first", ms(challengeAgainAfter[0]), ms(challengeAgainAfter[0]+challengeAgainAfter[1])),
	"wait for the answer to a question":                ms(holdTime),
	"life of a verified address":                       ticks(verifiedTicks),
	"time that an old address has to speak for itself": ms(contestTime),
	"ticks between announcements to bootstrap peers":   figure(announceTicks),

	"step of the search":                          ms(searchStep),
	"steps of the search":                         figure(searchSteps),
	"bootstrap peers asked at one time":           figure(maxSearched),
	"wait for the answer of stage 1":              ms(mappingTime),
	"tries of stage 1":                            figure(mappingTries),
	"wait for the first answer of stage 2":        ms(firstTime),
	"wait for the second answer of stage 2":       ms(secondTime),
	"wait for second pongs before the conclusion": ms(decisionTime),
	"time between questions of stage 2":           ms(compareAgain),
	"repeats of stage 2":                          figure(compareAgains),
	"IP addresses remembered as contacted":        figure(maxContacted),
	"second joins after discovery":                ms(extraTickAfter) + " later",
	"lateness of a tick that is a suspension":     ticks(sleptTicks),

	"connection pings after an introduction":            fmt.Sprintf("at once, %d ms and %s later", introPingAfter[1].Milliseconds(), ms(introPingAfter[2])),
	"wait after the last ping of an introduction":       ms(burstGrace),
	"ports that openers go to":                          figure(traversalSends),
	"lowest of these ports":                             figure(firstOpened),
	"time between openers":                              ms(openStep),
	"time between pings of the pool":                    ms(connectStep),
	"pings of the pool":                                 "at most " + figure(traversalSends),
	"sockets of the pool":                               figure(poolSockets),
	"rest of a socket of the pool":                      ms(activeTime),
	"least time between pings to what has come through": ms(contactAgain),
	"sockets of the pool that peers stay reached by":    figure(maxPaths),
	"sockets of the pool closed at one time":            figure(reclaimAtOnce),
	"time between closing such sockets":                 ms(reclaimStep),
	"peers that are known by a proxy":                   figure(maxProxied),
	"first wait before a proxied peer is tried again":   ticks(firstRetries * retryQuarters / 4.0),
	"longest wait before a proxied peer is tried again": ticks(maxRetries * retryQuarters / 4.0),

	"life of a membership after the last join": ticks(memberTicks),
	"subclusters remembered of one peer":       figure(maxMemberships),
	"clusters remembered of one peer":          figure(maxClusters),
	"silence after which a peer is given up":   ticks(silentTicks),

	"silence after which a peer may be found elsewhere":  ticks(silentQuarters / 4.0),
	"time for which an introduction is not obeyed again": ticks(introGateQuarters / 4.0),
	"time for which a join is not handled again":         ticks(joinGateQuarters / 4.0),
	"silence after which a peer takes itself for alone":  ticks(aloneQuarters / 4.0),
	"peers that a multicast draws":                       figure(randomTargets),
	"peers that a multicast goes to":                     "at most " + figure(maxTargets),
	"most hops":                                          figure(wire.MaxHops),
	"silence after which a multicast leaves a peer out":  ticks(freshTicks),
	"time for which a publish is not handled again":      ticks(publishGateTicks),
	"own packets that wait until somebody is reached":    figure(maxUnpublished),
	"turns that are made up for after a pause":           figure(catchUp),

	"age of the packets in a summary":                                  "at most " + inHours(cache.Window),
	"digits of a packetId":                                             figure(cache.KeyDigits),
	"summaries that answer a sync":                                     "at most 16", // a digit is hexadecimal
	"silence after which a sync is repeated":                           ms(syncQuiet),
	"longer wait of the peer with the greater peerId":                  ms(syncQuietOther),
	"rounds of a sync":                                                 figure(maxRounds),
	"rounds that may move nothing":                                     figure(idleRounds),
	"syncs in vain before they become rarer":                           figure(patience),
	"longest wait after syncs in vain":                                 ticks(1 << (maxBarren - patience)),
	"syncs that pongs start in a K":                                    figure(repairsPerTick),
	"time between syncs of first contact with one peer":                ms(syncWindow),
	"time for which the same summary is not answered again":            ms(syncGate),
	"the time that counts":                                             figure(loadTime) + " s",
	"time for which a sync does not send a packet to an address again": ms(recentTime),
	"times that it is sent before this wait grows":                     figure(recentTimes),
	"times that this wait grows":                                       figure(recentLast),

	"age of a question":       fmt.Sprint("at most ", questionAge.Seconds(), " s"),
	"answers to one question": figure(maxAnswers),

	"bytes in a cache":                           inBytes(cache.MaxBytes),
	"longest life in a cache":                    inHours(cache.Lifetime(0, false)),
	"longest life in a cache of the own cluster": inHours(cache.Lifetime(0, true)),

	"intros because of one join": "at most " + figure(2*maxTargets),
	"joins because of one join":  "at most " + figure(maxTargets),
}

// expressions are the constants of the standard that the code has no name for, and what it has.
var expressions = map[string]struct{ is, file, says string }{
	"clock that is written as 0":                               {"2,000,000,000", "../wire/wire.go", "clockWrap = 2_000_000_000"},
	"highest natType that decodes":                             {"2,147,483,647", "../wire/decode.go", "n <= 1<<31-1 && n&5 == 5"},
	"chains that are followed at one index":                    {"8", "../wire/fragment.go", "maxRivals = 8"},
	"pause after which an unfinished message is given up":      {"1 K", "streams_assembly.go", "p.now.Sub(a.touched) < p.k {"},
	"bytes that a signature does not cover":                    {"64 bytes", "../seal/seal.go", "unsignedHead = 64"},
	"least time between discoveries that heartbeats start":     {"1 K", "messages.go", "p.now.Sub(p.discovery.decidedAt) >= p.k {"},
	"age of an introduction that is obeyed":                    {"1 K", "traversal.go", "sent+p.k.Milliseconds() < p.now.UnixMilli()"},
	"time between joins of one subcluster":                     {"1 K", "membership.go", "p.membership.tickAt = p.membership.tickAt.Add(p.k)"},
	"deadline of a rendezvous":                                 {"1 K", "membership.go", "o.RendezvousDeadline = p.now.Add(p.k)"},
	"bootstrap peers":                                          {"at most 4,096", "config.go", "len(c.Bootstrap) > 4096"},
	"bytes of a bucket":                                        {"21 bytes", "../cache/summary.go", "bucketSize = 1 + sha1.Size"},
	"time for which a packet of a stream is not relayed again": {"1 K", "streams.go", "*until = p.now.Add(p.k)"},
	"time for which answers are taken":                         {"1 K", "queries.go", "asked{body: text, until: p.now.Add(p.k)}"},
	"life of the way back":                                     {"1 K", "queries.go", "route{back: from, until: p.now.Add(p.k)}"},
	"ttl of an expired packet":                                 {"1 K", "budgets.go", "p.aged(e.Datagram, p.k)"},
	"idle datagrams for each known peer in a K":                {"at most 4", "../../spec/requirements.yaml", "at most 4 datagrams for each peer"},
	"idle datagrams for each member in a K":                    {"at most 6", "../../spec/requirements.yaml", "6 for each member"},
}

// The constants that the standard lists are those of this peer.
func TestConstantsAreThoseOfTheStandard(t *testing.T) {
	text, err := os.ReadFile("../../spec/constants.yaml")
	require.NoError(t, err)
	var list struct {
		Constants []struct{ Name, Default string }
	}
	require.NoError(t, yaml.Unmarshal(text, &list))

	want := map[string]string{}
	add := func(name, is string) {
		require.NotContains(t, want, name, "it is here twice")
		want[name] = is
	}
	for name, is := range values {
		add(name, is)
	}
	limits := reflect.ValueOf(Limits{}.withDefaults())
	for _, f := range reflect.VisibleFields(limits.Type()) {
		if f.Anonymous {
			continue
		}
		name, ok := limitNames[f.Name]
		require.True(t, ok, "Limits.%s is no constant of the standard: give it one in spec/constants.yaml, and its name here", f.Name)
		switch limit := limits.FieldByIndex(f.Index).Interface().(type) {
		case time.Duration:
			add(name, ms(limit))
		case int:
			if f.Name == "MaxMessage" || f.Name == "AssemblyBytes" {
				add(name, inBytes(limit))
			} else {
				add(name, figure(limit))
			}
		}
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

	for _, c := range list.Constants {
		is, ok := want[c.Name]
		require.True(t, ok, "%q of spec/constants.yaml is bound to nothing here", c.Name)
		require.Equal(t, is, strings.TrimSpace(c.Default), "%q: the reference, and spec/constants.yaml", c.Name)
		delete(want, c.Name)
	}
	require.Empty(t, want, "spec/constants.yaml lacks these")
}

// noConstants are figures of this package that are its own affair.
var noConstants = map[string]string{
	"wholePacket":  "a mark in a queue, beside numbers of digits",
	"stateName":    "of the file that a state is in, which no other peer reads",
	"MinKeepalive": "stands in the range of K",
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
	require.Greater(t, found, 50)
}
