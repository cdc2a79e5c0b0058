package testees

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/testkit/testenv"
	"punchlist/reference/seal"
	"punchlist/reference/wire"
	"punchlist/spec/testee"
	"punchlist/spec/testee/schema"
	"punchlist/vectors"
)

// An adapter is a running adapter.mjs. Outside a lab it may run, since it
// opens no socket before start, and refuses start.
type adapter struct {
	name   string
	t      *testing.T
	in     io.Writer
	out    *bufio.Scanner
	lastID int
}

func startAdapter(t *testing.T, name string) *adapter {
	testenv.SkipShort(t, "it starts a JavaScript peer")
	under, err := CacheDir()
	require.NoError(t, err)
	dir, err := Materialize(name, under)
	require.NoError(t, err)
	if !Installed(dir) {
		testenv.Missing(t, "socket-js", name+" is not installed: run punchlist setup")
	}
	cmd := exec.CommandContext(t.Context(), "node", "adapter.mjs")
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	a := &adapter{name: name, t: t, in: in, out: bufio.NewScanner(out)}
	a.out.Buffer(nil, testee.MaxLine+1)
	return a
}

// eachAdapter runs a test with an adapter of every version of the package.
func eachAdapter(t *testing.T, test func(*testing.T, *adapter)) {
	for _, name := range []string{"socket-0.6", "socket-0.5"} {
		t.Run(name, func(t *testing.T) { test(t, startAdapter(t, name)) })
	}
}

// do carries out one command. The reply has passed the schema.
func (a *adapter) do(command string, with any) testee.Message {
	a.t.Helper()
	a.lastID++
	c := testee.Command{ID: a.lastID, Do: command}
	if with != nil {
		parameters, err := json.Marshal(with)
		require.NoError(a.t, err)
		c.With = parameters
	}
	line, err := json.Marshal(c)
	require.NoError(a.t, err)
	_, err = a.in.Write(append(line, '\n'))
	require.NoError(a.t, err)
	require.True(a.t, a.out.Scan(), "the adapter ended: %v", a.out.Err())
	require.NoError(a.t, schema.Reply(command, a.out.Bytes()))
	var m testee.Message
	require.NoError(a.t, json.Unmarshal(a.out.Bytes(), &m))
	require.Equal(a.t, c.ID, m.ID)
	return m
}

func (a *adapter) codec(command string, with testee.CodecWith) testee.CodecOK {
	a.t.Helper()
	m := a.do(command, with)
	require.Nil(a.t, m.Error)
	var ok testee.CodecOK
	require.NoError(a.t, json.Unmarshal(m.OK, &ok))
	return ok
}

func (a *adapter) refused(code, command string, with any) {
	a.t.Helper()
	m := a.do(command, with)
	require.NotNil(a.t, m.Error)
	require.Equal(a.t, code, m.Error.Code, m.Error.Text)
}

func observed(t *testing.T, section string) []vectors.Case {
	cases, err := vectors.Section(section)
	require.NoError(t, err)
	require.NotEmpty(t, cases)
	return cases
}

func decodeJSON[T any](t *testing.T, data json.RawMessage) (v T) {
	require.NoError(t, json.Unmarshal(data, &v))
	return v
}

func TestAdapterHelloAndRefusals(t *testing.T) {
	t.Setenv(testee.LabVariable, "") // as outside a lab
	eachAdapter(t, func(t *testing.T, a *adapter) {
		m := a.do(testee.Hello, nil)
		hello := decodeJSON[testee.HelloOK](t, m.OK)
		require.Equal(t, a.name, hello.Name)
		require.Equal(t, testee.WireVersion, hello.Wire)

		manifest, err := files.ReadFile(a.name + "/manifest.yaml")
		require.NoError(t, err)
		require.Contains(t, string(manifest), "classes: ["+strings.Join(hello.Classes, ", ")+"]")
		require.Contains(t, string(manifest), "version: "+hello.Version)

		id := strings.Repeat("ab", 32)
		start := testee.StartWith{PeerID: id, ClusterID: id, Bootstrap: []testee.Bootstrap{}}
		a.refused(testee.Failed, testee.Start, start)
		a.refused(testee.NotStarted, testee.Info, nil)
		a.refused(testee.NotStarted, testee.Publish, testee.PublishWith{SubclusterID: id, Message: "00"})
		a.refused(testee.BadCommand, testee.Seal, testee.CodecWith{SharedKey: "ab", Message: "00"})
		a.refused(testee.BadCommand, testee.Decode, testee.CodecWith{Datagram: "xyz"})
		a.refused(testee.BadCommand, testee.PacketID, testee.CodecWith{Rule: "guess"})
		a.refused(testee.Unsupported, testee.Sleep, nil)
	})
}

func TestAdapterRefusesToStartWhereTheLabIsNot(t *testing.T) {
	t.Setenv(testee.LabVariable, "203.0.113.250")
	eachAdapter(t, func(t *testing.T, a *adapter) {
		id := strings.Repeat("ab", 32)
		m := a.do(testee.Start, testee.StartWith{PeerID: id, ClusterID: id, Bootstrap: []testee.Bootstrap{}})
		require.NotNil(t, m.Error)
		require.Contains(t, m.Error.Text, "only inside a lab: PUNCHLIST_LAB says 203.0.113.250")
	})
}

func TestAdapterDecodesAndEncodesWhatWasObserved(t *testing.T) {
	eachAdapter(t, func(t *testing.T, a *adapter) {
		for _, c := range observed(t, "packets") {
			datagram := decodeJSON[struct{ Datagram string }](t, c.Expected).Datagram
			packet := a.codec(testee.Decode, testee.CodecWith{Datagram: datagram}).Packet
			require.NotNil(t, packet, c.Name)
			again := a.codec(testee.Encode, testee.CodecWith{Packet: packet})
			require.Equal(t, datagram, again.Datagram, c.Name)
		}
	})
}

func TestAdapterRejectsWhatWasObservedToBeRejected(t *testing.T) {
	a := startAdapter(t, "socket-0.6")
	for _, c := range observed(t, "decode") {
		input := decodeJSON[struct{ Datagram string }](t, c.Input)
		want := decodeJSON[struct {
			Rejected       bool
			Version, Type  int
			MessageIsBytes bool
			Message        json.RawMessage
			SigLen         int
		}](t, c.Expected)
		if want.Rejected || want.Version != testee.WireVersion {
			a.refused(testee.Rejected, testee.Decode, testee.CodecWith{Datagram: input.Datagram})
			continue
		}
		packet := a.codec(testee.Decode, testee.CodecWith{Datagram: input.Datagram}).Packet
		require.NotNil(t, packet, c.Name)
		require.Equal(t, want.Type, packet.Type, c.Name)
		require.Len(t, packet.Sig, 2*want.SigLen, c.Name)
		if want.MessageIsBytes {
			require.Empty(t, packet.Body, c.Name)
			require.Equal(t, decodeJSON[string](t, want.Message), packet.Message, c.Name)
		} else {
			require.JSONEq(t, string(want.Message), string(packet.Body), c.Name)
		}
	}
}

// The 0.5 decoder asks for nothing but framing and type: what the vectors say
// of bodies is for 0.6.
func TestAdapterOf05RejectsOnlyBrokenFraming(t *testing.T) {
	a := startAdapter(t, "socket-0.5")
	accepted := 0
	for _, c := range observed(t, "decode") {
		input := decodeJSON[struct{ Datagram string }](t, c.Input)
		want := decodeJSON[struct{ Rejected bool }](t, c.Expected)
		m := a.do(testee.Decode, testee.CodecWith{Datagram: input.Datagram})
		if !want.Rejected {
			continue
		}
		var p wire.Packet
		fault := wire.Decode(&p, must(hex.DecodeString(input.Datagram)))
		if fault.Reason >= wire.NotJSON {
			require.Nil(t, m.Error, c.Name)
			accepted++
		} else {
			require.NotNil(t, m.Error, c.Name)
		}
	}
	require.Positive(t, accepted)
}

func TestAdapterEncodesOnlyValidBodies(t *testing.T) {
	a := startAdapter(t, "socket-0.6")
	for _, c := range observed(t, "bodyValidation") {
		input := decodeJSON[struct {
			Type     int
			BodyUtf8 string
		}](t, c.Input)
		if !json.Valid([]byte(input.BodyUtf8)) {
			continue // the command takes JSON only
		}
		packet := testee.Packet{
			Type: input.Type, Version: testee.WireVersion, Clock: 1, Index: -1, ClusterID: "00", SubclusterID: "00", PreviousID: "00",
			PacketID: "00", NextID: "00", Usr1: "00", Usr2: "00", Usr3: "00", Usr4: "00", Sig: "00", Body: json.RawMessage(input.BodyUtf8),
		}
		m := a.do(testee.Encode, testee.CodecWith{Packet: &packet})
		if accepted := decodeJSON[struct{ Accepted bool }](t, c.Expected).Accepted; accepted {
			require.Nil(t, m.Error, c.Name)
		} else {
			require.NotNil(t, m.Error, c.Name)
			require.Equal(t, testee.Rejected, m.Error.Code, c.Name)
		}
	}
}

func TestAdapterMakesPacketIDs(t *testing.T) {
	eachAdapter(t, func(t *testing.T, a *adapter) {
		checked := 0
		for _, c := range observed(t, "packetId") {
			input := decodeJSON[struct {
				PreviousID, NextID, MessageUtf8, Message *string
				PreviousPacketID                         string
			}](t, c.Input)
			want := decodeJSON[struct {
				PacketID string
				Packets  []struct{ PacketID string }
			}](t, c.Expected)
			switch {
			case input.MessageUtf8 != nil && input.PreviousID != nil:
				got := a.codec(testee.PacketID, testee.CodecWith{Rule: testee.RuleControl, PreviousID: *input.PreviousID,
					NextID: *input.NextID, Message: hex.EncodeToString([]byte(*input.MessageUtf8))})
				require.Equal(t, want.PacketID, got.PacketID, c.Name)
				checked++
			case input.Message != nil && want.PacketID != "":
				got := a.codec(testee.PacketID, testee.CodecWith{Rule: testee.RuleMessage, Message: *input.Message})
				require.Equal(t, want.PacketID, got.PacketID, c.Name)
				checked++
			case input.Message != nil && len(want.Packets) > 1:
				message, err := hex.DecodeString(*input.Message)
				require.NoError(t, err)
				previous := want.Packets[0].PacketID
				for part := range slices.Chunk(message, 1024) {
					checked++
					want.Packets = want.Packets[1:]
					got := a.codec(testee.PacketID, testee.CodecWith{Rule: testee.RuleFragment, PreviousID: previous, Message: hex.EncodeToString(part)})
					previous = want.Packets[0].PacketID
					require.Equal(t, previous, got.PacketID, c.Name)
				}
			}
		}
		require.Equal(t, 5+2+2+2+3, checked)
	})
}

func TestAdapterOpensAndSeals(t *testing.T) {
	eachAdapter(t, func(t *testing.T, a *adapter) {
		opened, failed := 0, 0
		const sharedKey = "b0c51343e0569b142e25caa3cf5b2f4bc2475aacca6e352cad9c7ae08e37fa15"
		keys := seal.NewKeys([32]byte(must(hex.DecodeString(sharedKey))))
		for _, c := range observed(t, "sealing") {
			input := decodeJSON[struct{ SharedKey, Plaintext, Sealed string }](t, c.Input)
			want := decodeJSON[struct{ Sealed, Error string }](t, c.Expected)
			switch {
			case input.SharedKey != "":
				opened++
				got := a.codec(testee.Open, testee.CodecWith{SharedKey: input.SharedKey, Message: want.Sealed})
				require.Equal(t, input.Plaintext, *got.Message, c.Name)

				sealed := a.codec(testee.Seal, testee.CodecWith{SharedKey: sharedKey, Message: input.Plaintext})
				require.Len(t, *sealed.Message, len(input.Plaintext)+2*160)
				plaintext, err := seal.Open(keys, must(hex.DecodeString(*sealed.Message)))
				require.NoError(t, err)
				require.Equal(t, input.Plaintext, hex.EncodeToString(plaintext))
			case want.Error != "" && input.Sealed != "":
				failed++
				a.refused(testee.Rejected, testee.Open, testee.CodecWith{SharedKey: sharedKey, Message: input.Sealed})
			}
		}
		require.Equal(t, 7, opened)
		require.Equal(t, 5, failed)
	})
}

func TestAdapterSummarizes(t *testing.T) {
	eachAdapter(t, func(t *testing.T, a *adapter) {
		for _, c := range observed(t, "cacheSummary") {
			input := decodeJSON[struct {
				Keys   json.RawMessage
				Prefix string
			}](t, c.Input)
			want := decodeJSON[struct {
				Hash, Encoded string
				Buckets       []*string
			}](t, c.Expected)
			var keys []string
			if json.Unmarshal(input.Keys, &keys) != nil {
				keys = vectors.Keys40() // named by rule
			}
			got := a.codec(testee.Summarize, testee.CodecWith{Keys: keys, Prefix: input.Prefix}).Summary
			require.Equal(t, input.Prefix, got.Prefix, c.Name)
			require.Equal(t, want.Hash, got.Hash, c.Name)
			require.Equal(t, want.Encoded, got.Encoded, c.Name)
			for i, bucket := range want.Buckets {
				value, ok := got.Buckets[string("0123456789abcdef"[i])]
				require.Equal(t, bucket != nil, ok, c.Name)
				if ok {
					require.Equal(t, *bucket, value, c.Name)
				}
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
