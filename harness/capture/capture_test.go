package capture

import (
	"bytes"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type source struct {
	interfaces []Interface
	packets    []Packet
}

func (s source) Interfaces() []Interface   { return s.interfaces }
func (s source) Packets() iter.Seq[Packet] { return slices.Values(s.packets) }

func example() source {
	at := time.Unix(1_700_000_000, 123456789).UTC()
	return source{
		[]Interface{{"alice", "link of host alice"}, {"nat-a (outside)", "outside link of NAT nat-a"}, {"nat-a", "dropped at nat-a"}},
		[]Packet{
			{at, "alice", []byte{0x45, 1, 2}, ""},
			{at.Add(1), "nat-a", []byte{0x45, 1, 2, 3}, "filtered: address-dependent"},
			{at.Add(time.Hour), "nat-a (outside)", []byte{0x45}, ""},
		},
	}
}

func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pcapng")
	want := example()
	require.NoError(t, WriteFile(path, want))
	got, err := ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want.interfaces, got.Interfaces())
	require.Equal(t, want.packets, slices.Collect(got.Packets()))

	sum, err := Sum(want)
	require.NoError(t, err)
	again, err := Sum(got)
	require.NoError(t, err)
	require.Equal(t, sum, again)
	want.packets[1].Dropped = "loss"
	other, err := Sum(want)
	require.NoError(t, err)
	require.NotEqual(t, sum, other)
}

func TestNothingOfTheHost(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Write(&out, example()))
	for _, word := range []string{runtime.GOOS, runtime.GOARCH, "gopacket"} {
		require.NotContains(t, out.String(), word)
	}
}

func TestErrors(t *testing.T) {
	var out bytes.Buffer
	require.EqualError(t, Write(&out, source{}), "capture: no interface")
	s := example()
	s.packets[0].Interface = "bob"
	require.EqualError(t, Write(&out, s), `capture: a packet on the interface "bob", which was not announced`)
	require.Error(t, WriteFile(filepath.Join(t.TempDir(), "none", "x"), example()))

	_, err := Read(bytes.NewReader([]byte("no capture at all, but some text")))
	require.ErrorContains(t, err, "capture: no pcapng")
	_, err = ReadFile(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)

	out.Reset()
	require.NoError(t, Write(&out, example()))
	_, err = Read(bytes.NewReader(out.Bytes()[:out.Len()-10]))
	require.ErrorContains(t, err, "capture: packet 3")
}
