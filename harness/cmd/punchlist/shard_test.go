package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/result"
)

func TestParseShard(t *testing.T) {
	for _, c := range []struct {
		text string
		env  map[string]string
		want *result.Shard
		err  string
	}{
		{"", map[string]string{"JOB_COMPLETION_INDEX": "0"}, nil, ""},
		{"2/5", nil, &result.Shard{Index: 2, Of: 5}, ""},
		{"0/5", nil, nil, "no part 0 of 5; the first is 1"},
		{"6/5", nil, nil, "no part 6 of 5"},
		{"2", nil, nil, "not I/N"},
		{"a/b", nil, nil, "not I/N"},
		{"auto", map[string]string{"JOB_COMPLETION_INDEX": "0", "PUNCHLIST_SHARDS": "3"}, &result.Shard{Index: 1, Of: 3}, ""},
		{"auto", map[string]string{"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "3"}, &result.Shard{Index: 1, Of: 3}, ""},
		{"auto", map[string]string{"CIRCLE_NODE_INDEX": "2", "CIRCLE_NODE_TOTAL": "3"}, &result.Shard{Index: 3, Of: 3}, ""},
		{"auto", map[string]string{"BUILDKITE_PARALLEL_JOB": "2", "BUILDKITE_PARALLEL_JOB_COUNT": "3"}, &result.Shard{Index: 3, Of: 3}, ""},
		{"auto", map[string]string{"JOB_COMPLETION_INDEX": "0"}, nil, `PUNCHLIST_SHARDS is ""`},
		{"auto", map[string]string{"JOB_COMPLETION_INDEX": "3", "PUNCHLIST_SHARDS": "3"}, nil, "no part 4 of 3"},
		{"auto", map[string]string{"CI_NODE_INDEX": "x"}, nil, "no number"},
		{"auto", nil, nil, "none of JOB_COMPLETION_INDEX (Kubernetes Indexed Job), CI_NODE_INDEX (GitLab)"},
	} {
		got, err := parseShard(c.text, func(name string) string { return c.env[name] })
		if c.err != "" {
			require.ErrorContains(t, err, c.err, "%q %v", c.text, c.env)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}
