package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInteger(t *testing.T) {
	for text, want := range map[string]struct {
		n     int64
		whole bool
	}{
		"0": {0, true}, "-0": {0, true}, "7": {7, true}, "-12": {-12, true}, "7.0": {7, true}, "7.5": {7, false}, "-7.5": {-7, false},
		"0.7e1": {7, true}, "70e-1": {7, true}, "75e-1": {7, false}, "1E+3": {1000, true}, "1.23e2": {123, true}, "1.234e2": {123, false},
		"5e-1": {0, false}, "0e999999999999": {0, true}, "0.0e-9": {0, true}, "1e-99999999999999999999": {0, false},
		"9223372036854775807": {math.MaxInt64, true}, "9223372036854775808": {math.MaxInt64, true}, "-1e400": {-math.MaxInt64, true},
		"1e18": {1e18, true}, "123456789012345678901234567890e-27": {123, false},
	} { // order-free: each text is read on its own
		n, whole := integer([]byte(text))
		require.Equal(t, want.n, n, text)
		require.Equal(t, want.whole, whole, text)
	}
}

// FuzzJSON holds the scanner to encoding/json: what is JSON, what is an object, what strings and
// numbers are.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`{}`, ` {"a":1,"b":[true,false,null,{"c":"d"}],"":-1.5e+3} `, `[]`, `"\ud83d\ude00\ud83dx\ude00\n\/\u0041"`, `01`, `-`, `1.`, `1e`, `{"a":}`, `{"a":1,}`,
		`[1,]`, `nul`, "\"\x01\"", "\"\xff\"", `"\u12"`, `"\`, `{"a" :1 , "b":2}`, "", " ", `123456789012345678901e-5`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > MaxMessage {
			return
		}
		s := scanner{json: text}
		v, ok := s.value()
		ok = ok && s.end()
		require.Equal(t, json.Valid(text), ok)
		if !ok {
			return
		}
		require.LessOrEqual(t, v.after(), len(text))
		switch v.kind {
		case isString:
			var want string
			require.NoError(t, json.Unmarshal(text, &want))
			var buf [maxText]byte
			if got := unescaped(text, v, &buf); v.escaped && got != nil {
				require.Equal(t, want, string(got))
			} else if v.escaped {
				require.Greater(t, len(want), maxText)
			}
		case isNumber:
			n, whole := integer(v.text(text))
			if _, exponent, _ := bytes.Cut(bytes.ToLower(text), []byte("e")); len(bytes.TrimSpace(exponent)) > 4 {
				return // math/big would write all of its digits
			}
			want, parsed := new(big.Rat).SetString(string(v.text(text)))
			require.True(t, parsed)
			require.Equal(t, want.IsInt(), whole)
			cut := new(big.Int).Quo(want.Num(), want.Denom())
			if cut.IsInt64() {
				require.Equal(t, cut.Int64(), n)
			}
		}
		_, isHead := scanHead(text)
		require.Equal(t, v.kind == isObject, isHead)
	})
}

func TestASCII(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		`{"a": "~\u007f"}`:       `{"a": "~\u007f"}`,
		`{"grüße":"世界","x":"😀"}`: `{"gr\u00fc\u00dfe":"\u4e16\u754c","x":"\ud83d\ude00"}`,
		"\"\xff\"":               `"\ufffd"`,
	} {
		require.Equal(t, want, string(ASCII([]byte(text))))
	}
}
