package suite_test

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/features"
	"punchlist/harness/capture"
	"punchlist/harness/manifest"
	"punchlist/harness/result"
)

// A goldenRun is what one run of all scenarios left.
type goldenRun struct {
	folder  string
	results []*result.Result // that judged something
}

func goldenRunOf(t *testing.T, m manifest.Manifest) goldenRun {
	t.Helper()
	g := goldenRun{folder: t.TempDir()}
	var shard *result.Shard
	if raceDetector {
		shard = &result.Shard{Index: 1, Of: 8}
	}
	r := judge(t, m, features.Files, g.folder, shard)
	require.Equal(t, result.AsExpected, r.Exit, "%v %v", r.Broken, r.Unexpected)
	for _, x := range r.Cells[0].Results {
		if x.Outcome != result.NotApplicable {
			g.results = append(g.results, x)
		}
	}
	return g
}

// judged reports whether the run has a result of a key.
func (g goldenRun) judged(key string) bool {
	return slices.ContainsFunc(g.results, func(x *result.Result) bool { return x.Key == key })
}

// String is the golden file: of each scenario the hash of its packets, two blanks, and its key.
func (g goldenRun) String() string {
	var b strings.Builder
	for _, x := range g.results {
		fmt.Fprintf(&b, "%s  %s\n", x.CaptureHash, x.Key)
	}
	return b.String()
}

// readGolden reads hashes by keys.
func readGolden(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	golden := map[string]string{}
	for line := range strings.Lines(string(text)) {
		hash, key, found := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !found || golden[key] != "" {
			return nil, fmt.Errorf("%s: %q is no hash and key, or its key is there twice", file, line)
		}
		golden[key] = hash
	}
	return golden, nil
}

// between says of each scenario whose packets differ between the first run and another one
// which packet is the first that does.
func between(runs []goldenRun) (wrong []string) {
	for n, other := range runs[1:] {
		for _, x := range runs[0].results {
			i := slices.IndexFunc(other.results, func(y *result.Result) bool { return y.Key == x.Key })
			if i < 0 {
				wrong = append(wrong, fmt.Sprintf("%s: run %d did not judge it, and run 1 did", x.Key, n+2))
				continue
			}
			if y := other.results[i]; y.CaptureHash != x.CaptureHash {
				why, err := firstDifference(filepath.Join(runs[0].folder, x.Capture), filepath.Join(other.folder, y.Capture))
				if err != nil {
					why = err.Error()
				}
				wrong = append(wrong, fmt.Sprintf("%s: run %d differs from run 1 with the same seed, so something undetermined reaches packets:\n%s", x.Key, n+2, why))
			}
		}
	}
	return wrong
}

// against says of each scenario whose packets are not the golden ones what the run had instead.
func against(golden map[string]string, run goldenRun) (wrong []string) {
	seen := map[string]bool{}
	for _, x := range run.results {
		seen[x.Key] = true
		switch want, ok := golden[x.Key]; {
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%s: it has no golden hash: a new scenario needs make golden", x.Key))
		case want != x.CaptureHash:
			wrong = append(wrong, fmt.Sprintf("%s: other packets than the golden ones: %d of them, the last after %.3f s; to compare them packet by packet,"+
				" run this here and in the last commit that passed:\n  punchlist run --lab sim --scenario '%s'", x.Key, x.Packets, x.LabSeconds, x.Key))
		}
	}
	for key := range golden {
		if !seen[key] {
			wrong = append(wrong, fmt.Sprintf("%s: it has a golden hash, and was not judged", key))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// firstDifference describes the first packet that two captures do not share.
func firstDifference(a, b string) (string, error) {
	var packets [2][]capture.Packet
	for i, file := range []string{a, b} {
		c, err := capture.ReadFile(file)
		if err != nil {
			return "", err
		}
		packets[i] = slices.Collect(c.Packets())
	}
	same := func(p, q capture.Packet) bool {
		return p.At.Equal(q.At) && p.Interface == q.Interface && p.Dropped == q.Dropped && bytes.Equal(p.Data, q.Data)
	}
	n := 0
	for n < len(packets[0]) && n < len(packets[1]) && same(packets[0][n], packets[1][n]) {
		n++
	}
	if n == len(packets[0]) && n == len(packets[1]) {
		return "  the packets are the same, and only what the files say of the links differs", nil
	}
	var lines []string
	for i, all := range packets {
		if n == len(all) {
			lines = append(lines, fmt.Sprintf("  run %d ends after %d packets", i+1, n))
			continue
		}
		p := all[n]
		line := fmt.Sprintf("  run %d, packet %d, %.9f s after the first, on %s: %d bytes %x", i+1, n+1, p.At.Sub(all[0].At).Seconds(), p.Interface, len(p.Data), p.Data[:min(len(p.Data), 48)])
		if p.Dropped != "" {
			line += ", dropped: " + p.Dropped
		}
		lines = append(lines, line)
	}
	if n < len(packets[0]) && n < len(packets[1]) {
		p, q := packets[0][n], packets[1][n]
		at := 0
		for at < len(p.Data) && at < len(q.Data) && p.Data[at] == q.Data[at] {
			at++
		}
		if at < max(len(p.Data), len(q.Data)) {
			lines = append(lines, fmt.Sprintf("  their bytes differ from byte %d on", at))
		}
	}
	return strings.Join(lines, "\n"), nil
}

// A mismatch is told with the scenario, the run, and the first packet that differs.
func TestAMismatchSaysWhichAndWhy(t *testing.T) {
	at := time.Unix(1_700_000_000, 0).UTC()
	packet := func(after time.Duration, last byte) capture.Packet {
		return capture.Packet{At: at.Add(after), Interface: "alice", Data: []byte{0x45, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, last}}
	}
	run := func(packets ...capture.Packet) goldenRun {
		g := goldenRun{folder: t.TempDir()}
		source := recorded(packets)
		require.NoError(t, capture.WriteFile(filepath.Join(g.folder, "x.pcapng"), source))
		sum, err := capture.Sum(source)
		require.NoError(t, err)
		g.results = []*result.Result{{Key: "msg/x", Capture: "x.pcapng", CaptureHash: sum, Packets: len(packets), LabSeconds: 1.5}}
		return g
	}
	first := run(packet(0, 4), packet(time.Second, 4))
	require.Empty(t, between([]goldenRun{first, run(packet(0, 4), packet(time.Second, 4))}))
	for _, c := range []struct {
		other goldenRun
		says  []string
	}{
		{run(packet(0, 4), packet(time.Second, 5)), []string{"msg/x: run 2 differs from run 1", "run 1, packet 2, 1.000000000 s after the first, on alice: 24 bytes 45", "their bytes differ from byte 23 on"}},
		{run(packet(0, 4), packet(time.Second+1, 4)), []string{"run 2, packet 2, 1.000000001 s after the first"}},
		{run(packet(0, 4)), []string{"run 1, packet 2", "run 2 ends after 1 packets"}},
	} {
		wrong := between([]goldenRun{first, c.other})
		require.Len(t, wrong, 1)
		for _, says := range c.says {
			require.Contains(t, wrong[0], says)
		}
	}
	require.Empty(t, against(map[string]string{"msg/x": first.results[0].CaptureHash}, first))
	wrong := against(map[string]string{"msg/x": "other", "msg/y": "gone"}, first)
	require.Len(t, wrong, 2)
	require.Contains(t, wrong[0], "msg/x: other packets than the golden ones: 2 of them, the last after 1.500 s")
	require.Contains(t, wrong[0], "punchlist run --lab sim --scenario 'msg/x'")
	require.Contains(t, wrong[1], "msg/y: it has a golden hash, and was not judged")
	require.Contains(t, against(nil, first)[0], "it has no golden hash")
}

type recorded []capture.Packet

func (recorded) Interfaces() []capture.Interface { return []capture.Interface{{Name: "alice"}} }

func (r recorded) Packets() iter.Seq[capture.Packet] { return slices.Values(r) }
