package schema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/spec/testee"
)

var (
	id32 = strings.Repeat("ab", 32)
	hash = strings.Repeat("0c", 20)
	text = "00ff"

	packet = testee.Packet{
		Type: 1, Version: 6, Clock: 1, Index: -1, TTL: 21_600_000,
		ClusterID: id32, SubclusterID: "00", PreviousID: "00", PacketID: id32, NextID: "",
		Usr1: "00", Usr2: "00", Usr3: "00", Usr4: "00", Message: "7b7d", Body: json.RawMessage(`{"a":1}`), Sig: "00",
	}
	summary = testee.SummaryInfo{Prefix: "0f", Hash: hash, Buckets: map[string]string{"a": hash}, Encoded: "00"}
)

// Every message type of the contract, with all its fields set.
var (
	commands = map[string]any{
		testee.Hello: nil, testee.Info: nil, testee.Peers: nil, testee.State: nil,
		testee.Sleep: nil, testee.Wake: nil, testee.Stop: nil,
		testee.Start: &testee.StartWith{
			PeerID: id32, Port: 9777, ProbePort: 9778, Address: "203.0.113.5", ClusterID: id32, Indexed: true,
			Keepalive: 6000, Seed: id32, State: text,
			Bootstrap: []testee.Bootstrap{{PeerID: id32, Address: "198.51.100.1", Port: 1}},
			Clock:     &testee.Clock{Offset: -5, Rate: 1.5},
		},
		testee.Join:      &testee.JoinWith{SharedKey: id32},
		testee.Publish:   &testee.PublishWith{SubclusterID: id32, Event: "hello", Message: text, TTL: 1, SigningSeed: id32},
		testee.Stream:    &testee.StreamWith{PeerID: id32, SubclusterID: id32, Event: "hello", Message: text, SigningSeed: id32},
		testee.Query:     &testee.QueryWith{Body: json.RawMessage(`{"packetId":"x"}`)},
		testee.Leave:     &testee.LeaveWith{SubclusterID: id32},
		testee.Sync:      &testee.SyncWith{PeerID: id32},
		testee.Cache:     &testee.CacheWith{Prefix: "0f"},
		testee.Decode:    &testee.CodecWith{Datagram: text},
		testee.Encode:    &testee.CodecWith{Packet: &packet},
		testee.PacketID:  &testee.CodecWith{Rule: testee.RuleControl, PreviousID: "00", Message: text, NextID: "00"},
		testee.Seal:      &testee.CodecWith{SharedKey: id32, Message: text},
		testee.Open:      &testee.CodecWith{SharedKey: id32, Message: text},
		testee.Summarize: &testee.CodecWith{Keys: []string{id32}, Prefix: "0f"},
		testee.Derive:    &testee.CodecWith{Rule: testee.DeriveEvent, Message: text},
		testee.Sign:      &testee.CodecWith{SigningSeed: id32, Message: text},
		testee.Verify:    &testee.CodecWith{Usr2: id32, Sig: text, Message: text},
		testee.Strategy:  &testee.CodecWith{NATType: 7, Other: 5},
		testee.Split:     &testee.CodecWith{Packet: &packet, TS: 1},
		testee.Compose:   &testee.CodecWith{Datagrams: []string{text}},
		testee.NATType: &testee.CodecWith{Answers: []testee.NATAnswer{
			{Address: "203.0.113.5", Port: 5, Contacted: true, Second: true}, {Address: "203.0.113.5", Port: 6}}},
		testee.Negotiate: &testee.CodecWith{Keys: []string{id32}, Summary: text},
	}
	results = map[string]any{
		testee.Hello: &testee.HelloOK{Name: "mine", Version: "1", Wire: testee.WireVersion, Classes: []string{testee.ClassCodec}, Capabilities: []string{testee.CapabilityClock},
			Constants: map[string]float64{"life of a verified address": 4}, Recommendations: []string{"LAT-MSG-009"}},
		testee.Info:      &testee.InfoOK{PeerID: id32, NATType: 31, Address: "203.0.113.5", Port: 5},
		testee.Peers:     &testee.PeersOK{Peers: []testee.PeerInfo{{PeerID: id32, Address: "203.0.113.5", Port: 5, NATType: 7, Connected: true, Indexed: true, Proxy: id32, Subclusters: []string{id32}}}},
		testee.Join:      &testee.JoinOK{SubclusterID: id32},
		testee.Publish:   &testee.PublishOK{PacketIDs: []string{id32}},
		testee.Cache:     &testee.CacheOK{IDs: []string{id32}, Summary: summary},
		testee.State:     &testee.StateOK{State: text},
		testee.Decode:    &testee.CodecOK{Packet: &packet},
		testee.Encode:    &testee.CodecOK{Datagram: text},
		testee.PacketID:  &testee.CodecOK{PacketID: id32},
		testee.Seal:      &testee.CodecOK{Message: &text},
		testee.Open:      &testee.CodecOK{Message: &text},
		testee.Summarize: &testee.CodecOK{Summary: &summary},
		testee.Derive:    &testee.CodecOK{Value: id32},
		testee.Sign:      &testee.CodecOK{Usr2: id32, Sig: id32 + id32},
		testee.Verify:    &testee.CodecOK{Verified: new(bool)},
		testee.Strategy:  &testee.CodecOK{Strategy: "direct"},
		testee.Split:     &testee.CodecOK{Datagrams: []string{text}},
		testee.Compose:   &testee.CodecOK{Message: &text},
		testee.NATType:   &testee.CodecOK{NATType: 7},
		testee.Negotiate: &testee.CodecOK{Answer: &testee.SyncAnswer{Summaries: []string{text}, Packets: []string{id32}}},
	}
	events = map[string]any{
		testee.Ready:         &testee.ReadyEvent{PeerID: id32, Port: 1, ProbePort: 2},
		testee.NAT:           &testee.NATEvent{NATType: 7, Address: "203.0.113.5", Port: 5},
		testee.Connection:    &testee.ConnectionEvent{PeerID: id32, Address: "203.0.113.5", Port: 5, NATType: 7, Proxy: id32},
		testee.Disconnection: &testee.ConnectionEvent{PeerID: id32},
		testee.PacketEvent:   &testee.PacketEventBody{PacketID: id32, ClusterID: id32, SubclusterID: id32, EventID: id32, Message: &text, Verified: true, Hops: 3},
		testee.StreamEvent:   &testee.StreamEventBody{PeerID: id32, SubclusterID: id32, EventID: id32, Message: &text, Verified: true},
		testee.Answer:        &testee.AnswerEventBody{PacketID: id32, Message: text, Body: json.RawMessage(`{"a":1}`)},
		testee.ErrorEvent:    &testee.ErrorEventBody{Text: "it broke"},
	}
)

func marshal(t *testing.T, value any) []byte {
	data, err := json.Marshal(value)
	require.NoError(t, err)
	return data
}

// roundTrip checks that nothing of a message is lost in its JSON.
func roundTrip(t *testing.T, value any, data []byte) {
	again := reflect.New(reflect.TypeOf(value).Elem()).Interface()
	require.NoError(t, json.Unmarshal(data, again))
	require.Equal(t, value, again)
}

func TestEveryCommandValidates(t *testing.T) {
	for do, with := range commands {
		t.Run(do, func(t *testing.T) {
			c := testee.Command{ID: 7, Do: do}
			if with != nil {
				c.With = marshal(t, with)
				roundTrip(t, with, c.With)
			}
			require.NoError(t, Command(marshal(t, c)))
		})
	}
}

func TestEveryReplyValidates(t *testing.T) {
	for do := range commands {
		t.Run(do, func(t *testing.T) {
			m := testee.Message{ID: 7, OK: json.RawMessage("{}")}
			if result, ok := results[do]; ok {
				m.OK = marshal(t, result)
				roundTrip(t, result, m.OK)
			}
			require.NoError(t, Reply(do, marshal(t, m)))
			for _, code := range []string{testee.Unsupported, testee.BadCommand, testee.Rejected, testee.Failed, testee.NotStarted} {
				require.NoError(t, Reply(do, marshal(t, testee.Message{ID: 7, Error: &testee.Error{Code: code, Text: "why"}})))
			}
		})
	}
}

func TestEveryEventValidates(t *testing.T) {
	for name, parameters := range events {
		t.Run(name, func(t *testing.T) {
			data := marshal(t, parameters)
			roundTrip(t, parameters, data)
			require.NoError(t, Event(append([]byte(`{"event":"`+name+`",`), data[1:]...)))
		})
	}
}

// The least that each type must have: what Go leaves out when it is zero.
func TestZeroFieldsMayBeLeftOut(t *testing.T) {
	require.NoError(t, Command(marshal(t, testee.Command{ID: 1, Do: testee.Start, With: marshal(t, testee.StartWith{PeerID: id32, ClusterID: "", Bootstrap: []testee.Bootstrap{}})})))
	require.NoError(t, Reply(testee.Info, marshal(t, testee.Message{ID: 1, OK: marshal(t, testee.InfoOK{PeerID: id32})})))
	empty := ""
	require.NoError(t, Reply(testee.Open, marshal(t, testee.Message{ID: 1, OK: marshal(t, testee.CodecOK{Message: &empty})})))
}

func TestNothingIsMissingFromTheSchema(t *testing.T) {
	for name := range schemas() {
		kind, rest, ok := strings.Cut(name, "-")
		if !ok {
			continue // a part that messages share
		}
		switch {
		case kind == "command" || kind == "reply" && rest != "error":
			require.Contains(t, commands, rest, name)
		case kind == "event":
			require.Contains(t, events, rest, name)
		}
	}
}

func TestBadLinesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"not JSON":             {Event([]byte("Listening on 9777")), "the line is not JSON: "},
		"no object":            {Event([]byte("[1]")), "the line is JSON, but no object"},
		"two values":           {Event([]byte(`{"event":"error","text":""} {}`)), "the line is not JSON: "},
		"too long":             {Event(make([]byte, testee.MaxLine+1)), "the line has 1048577 bytes, a line may have 1048576"},
		"name is a number":     {Event([]byte(`{"event":3}`)), "the line's names are no texts: "},
		"unknown event":        {Event([]byte(`{"event":"rady"}`)), `event "rady": there is none of that name`},
		"unknown command":      {Command([]byte(`{"id":1,"do":"jump"}`)), `command "jump": there is none of that name`},
		"no id":                {Command([]byte(`{"do":"hello"}`)), `command "hello": missing property 'id'`},
		"id 0":                 {Reply("info", []byte(`{"id":0,"ok":{"peerId":"`+id32+`","natType":1}}`)), `reply to "info": id: minimum: got 0, want 1`},
		"missing parameter":    {Command([]byte(`{"id":1,"do":"join","with":{}}`)), `command "join": with: missing property 'sharedKey'`},
		"no parameters at all": {Command([]byte(`{"id":1,"do":"join"}`)), `command "join": missing property 'with'`},
		"unknown parameter":    {Command([]byte(`{"id":1,"do":"info","with":{"x":1}}`)), `command "info": with: additional properties 'x' not allowed`},
		"short peerId":         {Event([]byte(`{"event":"ready","peerId":"ab","port":1,"probePort":2}`)), `event "ready": peerId: 'ab' does not match pattern '^[0-9a-fA-F]{64}$'`},
		"port 0":               {Event([]byte(`{"event":"ready","peerId":"` + id32 + `","port":0,"probePort":2}`)), `event "ready": port: minimum: got 0, want 1`},
		"text for a number":    {Event([]byte(`{"event":"nat","natType":"31","address":"203.0.113.5","port":2}`)), `event "nat": natType: got string, want integer`},
		"null":                 {Event([]byte(`{"event":"nat","natType":31,"address":null,"port":2}`)), `event "nat": address: got null, want string`},
		"upper-case hex":       {Reply("state", []byte(`{"id":1,"ok":{"state":"AB"}}`)), `reply to "state": ok.state: 'AB' does not match pattern`},
		"unknown class":        {Reply("hello", []byte(`{"id":1,"ok":{"name":"a","version":"1","wire":6,"classes":["super"],"capabilities":[]}}`)), `reply to "hello": ok.classes.0: value must be one of`},
		"unknown code":         {Reply("hello", []byte(`{"id":1,"error":{"code":"oops"}}`)), `error reply to "hello": error.code: value must be one of`},
		"neither ok nor error": {Reply("info", []byte(`{"id":1}`)), `reply to "info": missing property 'ok'`},
		"both ok and error":    {Reply("info", []byte(`{"id":1,"ok":{},"error":{"code":"failed"}}`)), `error reply to "info": additional properties 'ok' not allowed`},
		"another's result":     {Reply("info", []byte(`{"id":1,"ok":{"peers":[]}}`)), `reply to "info": ok: `},
		"bucket 16":            {Reply("summarize", []byte(`{"id":1,"ok":{"summary":{"prefix":"","hash":"`+hash+`","buckets":{"10":"`+hash+`"}}}}`)), `reply to "summarize": '10' does not match pattern '^[0-9a-f]$'`},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, c.err, c.want) })
	}
}
