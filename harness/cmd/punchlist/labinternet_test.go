package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestShowInternet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "office.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`
hosts: [{name: alice, realm: home}, {name: server, addresses: 2}]
nats: [{name: box, profile: symmetric, inside: home}]
`), 0o644))
	topology, err := internetFlags{topology: file}.internet()
	require.NoError(t, err)
	var table strings.Builder
	require.NoError(t, showInternet(&table, topology))
	lines := strings.Split(table.String(), "\n")
	require.Regexp(t, `^alice +\d+\.\d+\.\d+\.\d+ +\d+\.\d+\.\d+\.\d+ +box +symmetric +\d+\.\d+\.\d+\.\d+$`, lines[1])
	require.Regexp(t, `^server +198\.51\.100\.\d+,198\.51\.100\.\d+ +198\.51\.100\.1 +- +- +-$`, lines[2])
}
