package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/vectors"
)

func call(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := root()
	c.SetArgs(args)
	c.SetIn(strings.NewReader(in))
	c.SetOut(&out)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestKeygenFromASeed(t *testing.T) {
	out, err := call(t, "", "keygen", "pf-sub")
	require.NoError(t, err)
	require.Contains(t, out, "b0c51343e0569b142e25caa3cf5b2f4bc2475aacca6e352cad9c7ae08e37fa15")
	require.Contains(t, out, "1eba599901b20fef4678e8fb61f9b3f193c42eb144e9fb5c66bec55496d15798")
}

func TestKeygenDrawsAnother(t *testing.T) {
	a, err := call(t, "", "keygen")
	require.NoError(t, err)
	b, err := call(t, "", "keygen")
	require.NoError(t, err)
	require.NotEqual(t, a, b)
}

func TestDecode(t *testing.T) {
	packets, err := vectors.Section("packets")
	require.NoError(t, err)
	var expected struct{ Datagram string }
	require.NoError(t, json.Unmarshal(packets[0].Expected, &expected))
	for _, from := range []string{"argument", "stdin"} {
		var out string
		if from == "argument" {
			out, err = call(t, "", "decode", expected.Datagram)
		} else {
			out, err = call(t, expected.Datagram+"\n", "decode")
		}
		require.NoError(t, err, from)
		require.True(t, json.Valid([]byte(out)), out)
		require.Contains(t, out, `"value": "1 (ping)"`)
	}
}

func TestDecodeOfNoPacket(t *testing.T) {
	out, err := call(t, "", "decode", "03050b12")
	require.ErrorContains(t, err, "no packet: magic")
	require.True(t, json.Valid([]byte(out)), out)
	_, err = call(t, "", "decode", "hello")
	require.ErrorContains(t, err, "no hex")
}

func TestTestee(t *testing.T) {
	out, err := call(t, `{"id":1,"do":"hello"}`+"\n"+`{"id":2,"do":"stop"}`+"\n", "testee")
	require.NoError(t, err)
	require.Contains(t, out, `{"id":1,"ok":{"name":"reference"`)
	require.Contains(t, out, `{"id":2,"ok":{}}`)
}
