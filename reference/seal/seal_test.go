package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/vectors"
)

// observed reads one section of the data from the deployed wire.
func observed(t testing.TB, section string, into any) {
	t.Helper()
	var sections map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(vectors.Observed, &sections))
	require.NoError(t, json.Unmarshal(sections[section], into))
}

// binary is bytes that are hex in JSON.
type binary []byte

func (b *binary) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func key(t testing.TB, b []byte) [32]byte {
	t.Helper()
	require.Len(t, b, 32)
	return [32]byte(b)
}

func TestKeysAsObserved(t *testing.T) {
	var cases []struct {
		Name  string
		Input struct {
			UTF8     *string
			Bytes    binary
			BytesLen int
		}
		Expected struct {
			SharedKey, Ed25519Public, Ed25519Private, X25519Public, X25519Private binary
			ClusterID, CreateIDHexString, SharedKeyOfBytes, ClusterIDOfBytes      binary
			Error                                                                 string
		}
	}
	observed(t, "keys", &cases)
	require.Len(t, cases, 8)
	compared := 0
	same := func(want binary, got []byte, what ...any) {
		t.Helper()
		if want != nil {
			compared++
			require.Equal(t, []byte(want), got, what...)
		}
	}
	for _, v := range cases {
		want := v.Expected
		if want.Error != "" {
			_, err := KeyPair(make([]byte, v.Input.BytesLen))
			require.ErrorIs(t, err, ErrSeedLength, v.Name)
			require.ErrorContains(t, err, want.Error, v.Name)
			compared++
			continue
		}
		var seed [32]byte
		if v.Input.UTF8 != nil {
			text := *v.Input.UTF8
			seed = SharedKey(text)
			cluster, peer := ClusterID(text), PeerID(text)
			same(want.SharedKey, seed[:], v.Name)
			same(want.ClusterID, cluster[:], v.Name)
			same(want.CreateIDHexString, peer[:], v.Name)
		} else {
			seed = key(t, v.Input.Bytes)
			shared, cluster := SharedKey(seed[:]), ClusterID(seed[:])
			same(want.SharedKeyOfBytes, shared[:], v.Name)
			same(want.ClusterIDOfBytes, cluster[:], v.Name)
		}
		pair, err := KeyPair(seed[:])
		require.NoError(t, err, v.Name)
		same(want.Ed25519Private, pair, v.Name)
		same(want.Ed25519Public, pair.Public().(ed25519.PublicKey), v.Name)
		public, err := X25519Public(pair.Public().(ed25519.PublicKey))
		require.NoError(t, err, v.Name)
		same(want.X25519Public, public[:], v.Name)
		secret := X25519Secret(seed)
		same(want.X25519Private, secret[:], v.Name)
		k := NewKeys(seed)
		same(want.Ed25519Public, k.SubclusterID[:], v.Name)
		require.Equal(t, seed, k.SharedKey(), v.Name)
	}
	require.Equal(t, 34, compared, "a field of the vectors was renamed, or is compared no more")
}

func TestEventNamesAsObserved(t *testing.T) {
	var cases []struct {
		Name     string
		Input    struct{ UTF8 string }
		Expected struct{ USR1 binary }
	}
	observed(t, "eventName", &cases)
	require.Len(t, cases, 3)
	for _, v := range cases {
		id := EventID(v.Input.UTF8)
		require.Equal(t, []byte(v.Expected.USR1), id[:], v.Name)
	}
}

func TestSignaturesAsObserved(t *testing.T) {
	var cases []struct {
		Name  string
		Input struct {
			SigningSeed, Ed25519Public binary
			Message                    *binary
			SigLen, PKLen              *int
		}
		Expected struct {
			SignedBytes, Sig                      binary
			Verify                                any
			VerifyAfterFlippingAByteBelowOffset64 *bool
			VerifyAfterFlippingByte64             *bool
		}
	}
	observed(t, "signature", &cases)
	require.Len(t, cases, 13)
	honest, err := KeyPair(bytes.Repeat([]byte{0x42}, 32))
	require.NoError(t, err)
	for _, v := range cases {
		switch {
		case v.Input.Message != nil:
			private, err := KeyPair(v.Input.SigningSeed)
			require.NoError(t, err)
			message := []byte(*v.Input.Message)
			require.Equal(t, []byte(v.Expected.SignedBytes), signedPart(message), v.Name)
			require.Equal(t, []byte(v.Expected.Sig), Sign(private, message), v.Name)
			require.Equal(t, v.Expected.Verify, Verify(v.Input.Ed25519Public, message, v.Expected.Sig), v.Name)
			flipped := func(at int) bool {
				other := bytes.Clone(message)
				other[at] ^= 1
				return Verify(v.Input.Ed25519Public, other, v.Expected.Sig)
			}
			if want := v.Expected.VerifyAfterFlippingAByteBelowOffset64; want != nil {
				require.Equal(t, *want, flipped(min(63, len(message)-1)), v.Name)
			}
			if want := v.Expected.VerifyAfterFlippingByte64; want != nil {
				require.Equal(t, *want, flipped(64), v.Name)
			}
		case v.Input.SigLen != nil:
			sig := append(Sign(honest, nil), 0)[:*v.Input.SigLen]
			require.Equal(t, v.Expected.Verify, Verify(honest.Public().(ed25519.PublicKey), nil, sig), v.Name)
		default:
			require.NotNil(t, v.Input.PKLen, v.Name)
			public := append(bytes.Clone(honest.Public().(ed25519.PublicKey)), 0)[:*v.Input.PKLen]
			require.Equal(t, "throws invalid publicKey length", v.Expected.Verify, v.Name)
			require.False(t, Verify(public, nil, Sign(honest, nil)), v.Name)
		}
	}
}

func TestSealingAsObserved(t *testing.T) {
	var cases []struct {
		Name  string
		Input struct {
			SharedKey, InnerEphemeralSeed, OuterEphemeralSeed, Plaintext, Sealed binary
		}
		Expected struct {
			SealedLength                                              int
			Sealed, AnotherSealedSampleMadeByThePackage, OpenUnsigned binary
			FitsOnePacket                                             bool
			Error                                                     string
		}
	}
	observed(t, "sealing", &cases)
	require.Len(t, cases, 15)
	k := NewKeys(SharedKey("pf-sub"))
	reasons := map[string]error{
		"EMALFORMED": ErrMalformed, "ENOTVERIFIED": ErrNotVerified,
		ErrTooShort.Error(): ErrTooShort, ErrWrongKey.Error(): ErrWrongKey,
	}
	for _, v := range cases {
		t.Run(v.Name, func(t *testing.T) {
			in, want := v.Input, v.Expected
			switch {
			case strings.HasPrefix(want.Error, "ENOKEY"):
				_, err := new(Keyring).Open(k.SubclusterID[:], make([]byte, 200))
				require.ErrorIs(t, err, ErrNoKey)
			case want.Error != "":
				require.Contains(t, reasons, want.Error)
				_, err := Open(k, in.Sealed)
				require.ErrorIs(t, err, reasons[want.Error])
				require.ErrorContains(t, err, want.Error)
			case want.OpenUnsigned != nil:
				// Two sealed boxes, of which the deployed opener takes off one.
				random := bytes.NewReader(append(bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)...))
				inner, err := sealBox(random, k.boxPublic, in.Plaintext)
				require.NoError(t, err)
				require.Equal(t, []byte(want.OpenUnsigned), inner)
				outer, err := sealBox(random, k.boxPublic, inner)
				require.NoError(t, err)
				require.Equal(t, []byte(want.Sealed), outer)
				opened, err := openBox(k.boxPublic, k.boxSecret, outer)
				require.NoError(t, err)
				require.Equal(t, inner, opened)
			default:
				require.NotEmpty(t, want.Sealed)
				k := NewKeys(key(t, in.SharedKey))
				random := bytes.NewReader(append(bytes.Clone(in.InnerEphemeralSeed), in.OuterEphemeralSeed...))
				sealed, err := Seal(random, k, in.Plaintext)
				require.NoError(t, err)
				require.Equal(t, []byte(want.Sealed), sealed)
				require.Len(t, sealed, want.SealedLength)
				require.Equal(t, len(in.Plaintext)+Overhead, len(sealed))
				require.Equal(t, want.FitsOnePacket, len(sealed) <= 1024)
				require.Zero(t, random.Len(), "Seal reads 64 bytes")
				opened, err := Open(k, sealed)
				require.NoError(t, err)
				require.True(t, bytes.Equal(in.Plaintext, opened))
				if other := want.AnotherSealedSampleMadeByThePackage; other != nil {
					opened, err = Open(k, other)
					require.NoError(t, err)
					require.True(t, bytes.Equal(in.Plaintext, opened))
				}
			}
		})
	}
}

func TestOpenNoticesEveryFlippedByte(t *testing.T) {
	k := NewKeys(SharedKey("a subcluster"))
	sealed, err := Seal(bytes.NewReader(make([]byte, 64)), k, []byte("plaintext"))
	require.NoError(t, err)
	for i := range sealed {
		other := bytes.Clone(sealed)
		other[i] ^= 1
		_, err := Open(k, other)
		require.ErrorIs(t, err, ErrWrongKey, i)
	}
	_, err = Open(NewKeys(SharedKey("another subcluster")), sealed)
	require.ErrorIs(t, err, ErrWrongKey)
	_, err = Open(Keys{}, sealed)
	require.ErrorIs(t, err, ErrNoKey)
	_, err = Seal(bytes.NewReader(make([]byte, 64)), Keys{}, nil)
	require.ErrorIs(t, err, ErrNoKey)
}

// An inner box that is broken though its signature is good takes a member to make, and must still
// be only an error.
func TestOpenInnerBoxes(t *testing.T) {
	k := NewKeys(SharedKey("a subcluster"))
	for inner, want := range map[string]error{ // order-free: each case stands alone
		"short":                 ErrTooShort,
		strings.Repeat("x", 48): ErrWrongKey,
	} {
		signed := append(ed25519.Sign(k.signing, []byte(inner)), inner...)
		sealed, err := sealBox(bytes.NewReader(make([]byte, 32)), k.boxPublic, signed)
		require.NoError(t, err)
		_, err = Open(k, sealed)
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, "inner box")
	}
}

func TestOpenRefusesKeysOfLowOrder(t *testing.T) {
	k := NewKeys(SharedKey("a subcluster"))
	for _, low := range []byte{0, 1} { // u = 0 and u = 1, of order 4 and less
		box := make([]byte, boxOverhead)
		box[0] = low
		_, err := openBox(k.boxPublic, k.boxSecret, box)
		require.ErrorIs(t, err, ErrWrongKey)
		_, err = boxKey(k.boxSecret, [32]byte(box[:32]))
		require.Error(t, err, "a shared secret of zeros must not become a key")
	}
}

func TestSealNeedsRandomness(t *testing.T) {
	k := NewKeys(SharedKey("a subcluster"))
	for _, n := range []int{0, 31, 32, 63} {
		_, err := Seal(bytes.NewReader(make([]byte, n)), k, nil)
		require.Error(t, err)
		require.True(t, errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF), err)
	}
}

func TestX25519PublicRefusesWhatIsNoPoint(t *testing.T) {
	notOnCurve := make([]byte, 32)
	notOnCurve[0] = 2
	for _, b := range [][]byte{nil, make([]byte, 31), make([]byte, 33), notOnCurve} {
		_, err := X25519Public(b)
		require.Error(t, err)
	}
}

func TestKeyring(t *testing.T) {
	var ring Keyring
	a, b := NewKeys(SharedKey("a")), NewKeys(SharedKey("b"))
	ring.Add(b)
	ring.Add(a)
	ring.Add(b)
	require.Equal(t, []Keys{b, a}, ring.All(), "in the order added, each once")

	sealed, err := Seal(bytes.NewReader(make([]byte, 64)), a, []byte("for a"))
	require.NoError(t, err)
	plaintext, err := ring.Open(a.SubclusterID[:], sealed)
	require.NoError(t, err)
	require.Equal(t, "for a", string(plaintext))
	_, err = ring.Open(b.SubclusterID[:], sealed)
	require.ErrorIs(t, err, ErrWrongKey)
	_, err = ring.Open([]byte{0}, sealed)
	require.ErrorIs(t, err, ErrNoKey, "an unset subclusterId is one zero byte")

	ring.Remove(a.SubclusterID)
	_, err = ring.Open(a.SubclusterID[:], sealed)
	require.ErrorIs(t, err, ErrNoKey)
	require.Equal(t, []Keys{b}, ring.All())
}

func FuzzOpen(f *testing.F) {
	k := NewKeys(SharedKey("pf-sub"))
	for _, n := range []int{0, 1, 864} {
		sealed, err := Seal(bytes.NewReader(make([]byte, 64)), k, make([]byte, n))
		require.NoError(f, err)
		f.Add(sealed, false)
	}
	f.Add(make([]byte, 47), false)
	f.Add(make([]byte, 65), true)
	// Random bytes never pass the outer box, so half of the inputs are boxed.
	f.Fuzz(func(t *testing.T, data []byte, boxed bool) {
		if boxed {
			var err error
			data, err = sealBox(bytes.NewReader(make([]byte, 32)), k.boxPublic, data)
			require.NoError(t, err)
		}
		plaintext, err := Open(k, data)
		if err == nil {
			require.Len(t, plaintext, len(data)-Overhead)
		}
	})
}

func Example() {
	keys := NewKeys(SharedKey("what the members know"))
	seeds := bytes.NewReader(make([]byte, 64)) // crypto/rand.Reader, outside of examples
	sealed, _ := Seal(seeds, keys, []byte("hello"))
	opened, _ := Open(keys, sealed)
	fmt.Println(len(sealed), string(opened))
	// Output: 165 hello
}
