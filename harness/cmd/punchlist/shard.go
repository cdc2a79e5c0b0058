package main

import (
	"fmt"
	"strconv"
	"strings"

	"punchlist/harness/result"
)

// A division is how a system that starts a job several times tells each which
// one it is.
type division struct {
	system string
	index  string // variable
	from   int    // what it counts from
	of     string // variable with the number of jobs
}

// divisions are looked for in this order. Kubernetes tells an Indexed Job its
// index and not how many there are: PUNCHLIST_SHARDS has to be set beside it.
var divisions = []division{
	{"Kubernetes Indexed Job", "JOB_COMPLETION_INDEX", 0, "PUNCHLIST_SHARDS"},
	{"GitLab", "CI_NODE_INDEX", 1, "CI_NODE_TOTAL"},
	{"CircleCI", "CIRCLE_NODE_INDEX", 0, "CIRCLE_NODE_TOTAL"},
	{"Buildkite", "BUILDKITE_PARALLEL_JOB", 0, "BUILDKITE_PARALLEL_JOB_COUNT"},
}

// parseShard reads I/N, or takes it from the environment for "auto". Nothing is
// taken from there unasked: a run that judges a part must not look like a whole
// one.
func parseShard(text string, env func(string) string) (*result.Shard, error) {
	switch text {
	case "":
		return nil, nil
	case "auto":
		return shardOf(env)
	}
	i, n, ok := strings.Cut(text, "/")
	index, err1 := strconv.Atoi(i)
	of, err2 := strconv.Atoi(n)
	if !ok || err1 != nil || err2 != nil {
		return nil, fmt.Errorf("--shard %q is not I/N, for example 2/5, nor auto", text)
	}
	return part(index, of)
}

func part(index, of int) (*result.Shard, error) {
	s := result.Shard{Index: index, Of: of}
	if of < 1 || index < 1 || index > of {
		return nil, fmt.Errorf("--shard %s: there is no part %d of %d; the first is 1", s, index, of)
	}
	return &s, nil
}

func shardOf(env func(string) string) (*result.Shard, error) {
	var names []string
	for _, d := range divisions {
		names = append(names, d.index+" ("+d.system+")")
		if env(d.index) == "" {
			continue
		}
		index, err := strconv.Atoi(env(d.index))
		if err != nil {
			return nil, fmt.Errorf("--shard auto: %s is %q, which is no number", d.index, env(d.index))
		}
		of, err := strconv.Atoi(env(d.of))
		if err != nil {
			return nil, fmt.Errorf("--shard auto: %s is set (%s), but %s is %q: it has to be the number of shards", d.index, d.system, d.of, env(d.of))
		}
		return part(index-d.from+1, of)
	}
	return nil, fmt.Errorf("--shard auto: none of %s is set; give the part as I/N", strings.Join(names, ", "))
}
