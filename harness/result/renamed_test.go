package result

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the code before this schema wrote can still be compared.
func TestAReportOfSchema1ComparesByTheTableOfKeys(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		return file
	}
	old, err := Read(write("old.json", `{"schema": 1, "unexpected": ["one line"], "cells": [{"subject": "a", "companion": "b", "lab": "sim", "seed": 1,
		"results": [
			{"key": "f.feature#r/meets/open, open", "requirement": "LAT-TRAV-003", "outcome": "passed", "path": "through the proxy on \"x\"", "timeline": ["1"]},
			{"key": "f.feature#r/gone", "requirement": "LAT-TRAV-003", "outcome": "passed"}],
		"monitors": [{"key": "monitor#A rule", "requirement": "LAT-FRAME-009", "outcome": "failed", "signature": "A rule", "broke": "LAT-FRAME-009"}]}]}`))
	require.NoError(t, err)
	renaming, err := ReadRenaming(write("renamed.txt", "f.feature#r/meets/open, open\ttrav/meets[a=open,b=open]\nmonitor#A rule\tmonitor/rule\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"f.feature#r/gone"}, renaming.Apply(old))
	now := &Run{Schema: Schema, Cells: []*Cell{{Subject: "a", Companion: "b", Lab: "sim", Seed: 1,
		Results:  []*Result{{Key: "trav/meets[a=open,b=open]", Outcome: Passed}},
		Monitors: []*Result{{Key: "monitor/rule", Outcome: Failed, Broke: "LAT-FRAME-009"}}}}}
	require.Empty(t, renaming.Apply(now))
	c := Compare(old, now)
	require.Equal(t, 2, c.Same)
	require.Empty(t, c.Differ)
	require.Equal(t, [2]int{1, 0}, c.OnlyOne)

	_, err = Read(write("new.json", `{"schema": 3}`))
	require.ErrorContains(t, err, "schema 3; this program reads 1 and 2")
	for text, want := range map[string]string{
		"a\tb\nno tab\n": `renamed.txt:2: "no tab" is not an old key, a tab and a new key`,
		"a\tb\na\tc\n":   `renamed.txt:2: the key "a" is there twice`,
	} {
		_, err := ReadRenaming(write("renamed.txt", text))
		require.ErrorContains(t, err, want)
	}
}
