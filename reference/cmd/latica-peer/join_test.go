package main

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/reference/wire"
)

func TestWhatArrivesDoesNothingToATerminal(t *testing.T) {
	for message, want := range map[string]string{
		"plain":         "plain",
		"grüße, 世界":     "grüße, 世界",
		"say \"hi\" \\": "say \"hi\" \\",
		"\x1b[2Jgone":   `"\x1b[2Jgone"`,
		"two\nlines":    `"two\nlines"`,
		"\xff":          `"\xff"`,
		"":              "",
		"\"quoted\"":    `"\"quoted\""`,
		"<name> said":   `"<name> said"`,
		"\u009b31mred":  `"\u009b31mred"`,
		"tab\t":         `"tab\t"`,
		"\u202eright":   `"\u202eright"`,
	} {
		require.Equal(t, want, printable([]byte(message)))
	}
}

func TestInputIsLinesOrAWhole(t *testing.T) {
	long := strings.Repeat("x", maxInput)
	broken := io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(errors.New("it broke")))
	for _, c := range []struct {
		name  string
		in    io.Reader
		whole bool
		want  []string
		err   string
	}{
		{"nothing", strings.NewReader(""), false, nil, ""},
		{"lines", strings.NewReader("a\n\nb\r\nc"), false, []string{"a", "", "b", "c"}, ""},
		{"no UTF-8", strings.NewReader("\x00\xff\n"), false, []string{"\x00\xff"}, ""},
		{"the longest", strings.NewReader(long + "\n"), false, []string{long}, ""},
		{"one too long", strings.NewReader("a\n" + long + "x\nb\n"), false, []string{"a"}, "stdin, line 2: it has over 1048576 bytes"},
		{"far too long", strings.NewReader("a\n" + long + long), false, []string{"a"}, "stdin, line 2: it has over 1048576 bytes"},
		{"broken", broken, false, []string{"a"}, "stdin: it broke"},
		{"whole", strings.NewReader("a\r\n\nb\n"), true, []string{"a\r\n\nb\n"}, ""},
		{"an empty whole", strings.NewReader(""), true, []string{""}, ""},
		{"the longest whole", strings.NewReader(long), true, []string{long}, ""},
		{"a whole that is too long", strings.NewReader(long + "\n"), true, nil, "stdin has over 1048576 bytes"},
		{"a broken whole", iotest.ErrReader(errors.New("it broke")), true, nil, "stdin: it broke"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inputs := make(chan input)
			go readInput(t.Context(), c.in, c.whole, inputs)
			var got []string
			var err error
			for i := range inputs {
				require.NoError(t, err, "nothing comes behind an error")
				if err = i.err; err == nil {
					got = append(got, string(i.message))
				}
			}
			require.Equal(t, c.want, got)
			if c.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.err)
			}
		})
	}
}

// Whatever minute a receiver counts, it has no more than it takes.
func TestRateIsOfAnyMinute(t *testing.T) {
	var r rate
	start := time.Unix(1_700_000_000, 0)
	now := start
	var at []time.Time
	for len(at) < 5000 {
		n := 1 + len(at)%3
		if wait := r.take(now, n); wait > 0 {
			require.LessOrEqual(t, wait, perMinute)
			now = now.Add(wait)
			continue
		}
		for range n {
			at = append(at, now)
		}
		now = now.Add(10 * time.Millisecond)
	}
	for i := maxInMinute; i < len(at); i++ {
		require.GreaterOrEqual(t, at[i].Sub(at[i-maxInMinute]), time.Minute)
	}
	require.Less(t, now.Sub(start), 6*perMinute, "it waits no longer than it has to")

	// What has more than a minute's worth goes by itself.
	require.Positive(t, r.take(now, 2*maxInMinute))
	now = now.Add(perMinute)
	require.Zero(t, r.take(now, 2*maxInMinute))
	require.Positive(t, r.take(now, 1))
}

func TestPacketsOfAMessage(t *testing.T) {
	require.Equal(t, 1, packetsOf(nil))
	require.Equal(t, 1, packetsOf(make([]byte, 800)))
	require.Equal(t, 3, packetsOf(make([]byte, wire.MaxMessage)))
	require.Equal(t, 1026, packetsOf(make([]byte, maxInput)))
}
