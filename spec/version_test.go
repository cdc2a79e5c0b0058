package spec

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheEditionIsThatOfTheLatestRequirement(t *testing.T) {
	registry, err := Load()
	require.NoError(t, err)
	latest := ""
	for _, q := range registry.All() {
		latest = max(latest, q.Since)
	}
	require.Equal(t, latest, Edition)
}

func TestABuildIsOneLine(t *testing.T) {
	b := Build{Version: "1.2.3", Commit: "0123456789ab+changes", Wire: 6, Edition: "1.0"}
	require.Equal(t, "1.2.3 (commit 0123456789ab+changes, wire version 6, edition 1.0 of the standard)", b.String())
	b.Commit = ""
	require.Equal(t, "1.2.3 (commit unknown, wire version 6, edition 1.0 of the standard)", b.String())
	require.Equal(t, Version, ThisBuild().Version)
}
