package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/mutant"
)

// Values of Wilson's interval as textbooks have them.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{0, 0, 0, 1}, {0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {5, 10, 0.2366, 0.7634}, {450, 500, 0.8706, 0.9234}} {
		low, high := wilson(c.k, c.n)
		require.InDelta(t, c.low, low, 5e-4, "%d of %d", c.k, c.n)
		require.InDelta(t, c.high, high, 5e-4, "%d of %d", c.k, c.n)
	}
}

func TestExcuses(t *testing.T) {
	m := mutant.Mutant{Function: "(*Peer).handlePing", Kind: mutant.Shifted, From: "a <\n\tb", To: "a <= b", Nth: 1}
	e := excuse{Function: "(*Peer).handlePing", Kind: "comparison shifted", From: "a < b", To: "a <= b", Excuse: "speed", Why: "It is tried once more."}
	require.True(t, e.of(m))
	require.Equal(t, "speed", excuseFor(m, fate{Reached: true, Differs: true}, []excuse{e}))
	require.NoError(t, checkExcuses([]excuse{e}, []mutant.Mutant{m}))

	second := m
	second.Nth = 2
	require.False(t, e.of(second))
	require.ErrorContains(t, checkExcuses([]excuse{e}, []mutant.Mutant{second}), `no source reads "a < b"`)
	require.Empty(t, excuseFor(second, fate{Reached: true, Differs: true, Tried: 5000}, []excuse{e}))
	require.Equal(t, "identical", excuseFor(second, fate{Reached: true, Tried: 2000}, nil))
	require.Empty(t, excuseFor(second, fate{Reached: true, Tried: 1999}, nil))
	require.Empty(t, excuseFor(second, fate{Tried: 5000}, nil))
}

// The bundled file can be read, and wrong ones can't.
func TestReadExcuses(t *testing.T) {
	_, err := readExcuses("../../..")
	require.NoError(t, err)
	for text, wrong := range map[string]string{
		"excuses: [{function: f, excuse: tired, why: It is late.}]": `excuse must be one of identical, freedom, speed, got "tired"`,
		"excuses: [{function: f, excuse: speed}]":                   "why is missing",
		"excuses: [{function: f, line: 7}]":                         "line",
	} {
		root := t.TempDir()
		require.NoError(t, os.MkdirAll(filepath.Join(root, "reference"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, excusesFile), []byte(text), 0o600))
		_, err := readExcuses(root)
		require.ErrorContains(t, err, wrong)
	}
}

func TestCountAndFigure(t *testing.T) {
	c := &count{}
	for range 9 {
		c.add(fate{Killed: true, Reached: true, Differs: true}, "")
	}
	c.add(fate{Reached: true, Differs: true}, "")
	c.add(fate{Reached: true}, "")
	c.add(fate{}, "")
	c.add(fate{Reached: true, Differs: true}, "freedom")
	require.Equal(t, count{all: 13, killed: 9, unreached: 1, survived: 2, silent: 1, excused: map[string]int{"freedom": 1}}, *c)
	figure := "Of 13 random mutants of the draw 5f 9 were killed, 1 excused, 1 unreached and 2 survived: 75.0 % of those without an excuse, at least 46.8 % by Wilson's 95 % bound"
	require.Equal(t, figure, c.figure("5f"))

	readme := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(readme, []byte("So it is.\nOf 13 random\n"+figure[len("Of 13 random "):]+"."), 0o600))
	f := randomFlags{draw: "5f", least: 0.75, killed: 9, check: readme}
	require.NoError(t, f.judged(c))
	c.add(fate{Reached: true, Differs: true}, "")
	require.ErrorIs(t, f.judged(c), errGap)
	require.ErrorIs(t, f.judged(c), errFigure)
	require.ErrorContains(t, randomFlags{killed: 10}.judged(c), "9 mutants were killed, 10 are required")
}
