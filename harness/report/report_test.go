package report

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/result"
	"punchlist/harness/trace"
	"punchlist/harness/verdict"
	"punchlist/reference/wire"
	"punchlist/spec"
)

func sample() *result.Run {
	made := func(requirement string, o result.Outcome) *result.Result {
		return &result.Result{
			Key: "test/" + requirement + o.String(), Scenario: "s", Requirement: requirement, Outcome: o,
			Step: "Then it holds", Text: "it did not", Repeat: "punchlist run --scenario x", Seconds: 0.5,
			Unexpected: o == result.Failed || o == result.AdapterBroken || o == result.LabFailed,
		}
	}
	known := made("LAT-MSG-002", result.KnownFailure)
	known.Known, known.ID = &result.Known{Requirement: "LAT-MSG-002", ID: "msg/counts", Reason: "it | counts from 1", Link: "issue 4"}, "msg/counts"
	died := made("LAT-MSG-001", result.Failed)
	died.Broke, died.ID = verdict.Survive, verdict.DiedID
	died.Stderr = "TypeError: x\x00\x1b is null"
	died.Text = died.Stderr
	return &result.Run{
		Schema: result.Schema, Exit: result.Unexpected, Seconds: 3,
		Tally:    result.Tally{Planned: 6, Passed: 2, Failed: 1, KnownFailure: 1, NotApplicable: 1, LabFailed: 1},
		Warnings: []string{"one is overdue"}, Unexpected: []string{"one died"},
		Requirements: []spec.Requirement{
			{ID: "LAT-FRAME-014", Level: spec.Must, Text: "A peer MUST survive."},
			{ID: "LAT-MSG-001", Level: spec.Must, Text: "A peer MUST\nanswer."},
			{ID: "LAT-MSG-002", Level: spec.Must, Text: "A peer MUST count."},
		},
		Cells: []*result.Cell{
			{Subject: "a", Companion: "a", Lab: "sim", Results: []*result.Result{made("LAT-MSG-001", result.Passed), made("LAT-MSG-001", result.Passed), died}},
			{Subject: "b", Companion: "a", Lab: "netns", Stale: []string{"LAT-MSG-001 passes"}, Results: []*result.Result{known, made("LAT-MSG-001", result.NotApplicable), made("LAT-MSG-001", result.LabFailed)}},
			{Subject: "c", Companion: "a", Lab: "netns", NotAvailable: "it is not set up"},
		},
	}
}

func TestTheMatrixCountsAFailureForWhatWasBroken(t *testing.T) {
	columns, marks := sample().Matrix()
	require.Equal(t, []string{"a+a@sim", "b+a@netns", "c+a@netns"}, columns)
	require.Equal(t, "FAIL 1", mark(marks["LAT-FRAME-014"]["a+a@sim"]))
	require.True(t, marks["LAT-FRAME-014"]["a+a@sim"].Red)
	require.Equal(t, "? 1/3", mark(marks["LAT-MSG-001"]["a+a@sim"]), "the death left this one unjudged")
	require.Equal(t, "known 1", mark(marks["LAT-MSG-002"]["b+a@netns"]))
	require.Equal(t, "lab 1/2", mark(marks["LAT-MSG-001"]["b+a@netns"]))
	require.Equal(t, "", mark(marks["LAT-MSG-002"]["a+a@sim"]))
}

func TestTerminal(t *testing.T) {
	var plain, coloured bytes.Buffer
	Print(&plain, sample(), Style{})
	Print(&coloured, sample(), Style{Live: true, Color: true, Width: 120})
	require.NotContains(t, plain.String(), "\x1b[")
	require.Contains(t, coloured.String(), "\x1b[31m")
	for _, want := range []string{
		"FAILED LAT-FRAME-014  a+a@sim",
		"A peer MUST survive.",
		"step      Then it holds",
		"id        died",
		"repeat    punchlist run --scenario x",
		"LAT-MSG-002  b+a@netns  1 scenario\n    required  A peer MUST count.\n    instead   it | counts from 1\n    repeat    punchlist run --scenario x\n    see       issue 4",
		"not available: c+a@netns: it is not set up",
		"warning: one is overdue",
		"unexpected: b+a@netns: LAT-MSG-001 passes",
		"UNEXPECTED RESULTS  6 planned: 2 passed, 1 failed, 1 known failure, 1 not applicable, 1 lab failed  (3.0 s)",
	} {
		require.Contains(t, plain.String(), want)
	}
	for _, line := range strings.Split(plain.String(), "\n") {
		if strings.HasPrefix(line, "LAT-MSG-001 ") {
			require.Equal(t, "LAT-MSG-001    ? 1/3   lab 1/2", strings.TrimRight(line, " "))
		}
	}
}

func TestFilesOfARun(t *testing.T) {
	dir := t.TempDir()
	r := sample()
	r.Cells[0].Results[0].Capture = "a/x.pcapng"
	r.Cells[0].Results[1].Log = "../outside.log"
	require.NoError(t, Write(r, dir))

	back, err := result.Read(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	require.Equal(t, r.Tally, back.Tally)
	require.Equal(t, result.Failed, back.Cells[0].Results[2].Outcome)
	require.Equal(t, []string{"a/x.pcapng"}, back.Files(), "nothing outside the folder")

	data, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	require.NoError(t, err)
	var suites junitSuites
	require.NoError(t, xml.Unmarshal(data, &suites))
	require.Equal(t, 8, suites.Tests, "six scenarios, a stale entry, a cell that is not available")
	require.Equal(t, 2, suites.Failures)
	require.Equal(t, 1, suites.Errors)
	require.Equal(t, 2, suites.Suites[1].Skipped)
	require.Equal(t, "known failure: it | counts from 1", suites.Suites[1].Cases[0].Skipped.Message)

	md, err := os.ReadFile(filepath.Join(dir, "summary.md"))
	require.NoError(t, err)
	for _, want := range []string{
		"# Unexpected results\n",
		"### LAT-MSG-002 in b+a@netns\n\n- Required: A peer MUST count.\n- Instead: it | counts from 1\n- Seen: it did not; in 1 scenario\n- Repeat: `punchlist run --scenario x`\n- See: <issue 4>\n",
		"| LAT-FRAME-014 | **FAIL 1** |  |  |",
		"- c+a@netns: it is not set up",
	} {
		require.Contains(t, string(md), want)
	}

	require.ErrorContains(t, Write(r, filepath.Join(dir, "missing")), "the report can't be written")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "report.json"), []byte(`{"schema": 3}`), 0o644))
	_, err = result.Read(filepath.Join(dir, "report.json"))
	require.ErrorContains(t, err, "schema 3; this program reads 1 and 2")
}

func TestProgress(t *testing.T) {
	cell := &result.Cell{Subject: "a", Companion: "a", Lab: "sim"}
	one, two := &result.Result{Key: "one", Requirement: "LAT-MSG-001", Outcome: result.Passed}, &result.Result{
		Key: "two", Requirement: "LAT-MSG-002", Outcome: result.AdapterBroken, Unexpected: true, Text: "it\nhangs"}
	play := func(s Style) string {
		var b bytes.Buffer
		p := NewProgress(&b, s)
		p.Plan(3)
		p.Started(cell, one)
		p.Started(cell, two)
		p.Ended(cell, one)
		p.Ended(cell, two)
		p.Ended(cell, two)
		p.Done()
		return b.String()
	}
	plain := play(Style{})
	require.Equal(t, `[1/3] passed  LAT-MSG-001  a+a@sim  one (0.0 s)
[2/3] adapter broken  LAT-MSG-002  a+a@sim  two (0.0 s)
      it hangs
`, plain, "one reason is told once")
	live := play(Style{Live: true, Width: 40})
	require.Contains(t, live, "\r\x1b[K")
	require.NotContains(t, live, "[1/3] passed", "what passes leaves no line on a terminal")
	require.True(t, strings.HasSuffix(live, "\r\x1b[K"), "the changing line goes away")
}

func TestEvidenceIsDecodedFieldByField(t *testing.T) {
	n, tr, err := trace.Record(internet.Topology{Hosts: []internet.Host{
		{Name: "alice", Realm: internet.Public}, {Name: "eve", Realm: internet.Public},
	}}, time.Unix(0, 0), internet.Options{})
	require.NoError(t, err)
	p := wire.NewPacket(wire.Ping)
	p.Message = []byte(`{"requesterPeerId":"` + strings.Repeat("ab", 32) + `"}`)
	datagram, err := wire.Append(nil, &p)
	require.NoError(t, err)
	send := func(payload []byte) {
		now := time.Unix(1, 0)
		n.Send(now, "eve", internet.BuildUDP(nil, addrPort(n, "eve"), addrPort(n, "alice"), 1, payload))
		n.Advance(now)
	}
	send(datagram)
	send([]byte("hello"))

	e := result.Evidence(tr, []int{0, 2, 99})
	require.Len(t, e, 2, "a frame that is not there is left out")
	decoded := strings.Join(fields(e[0]), "\n")
	require.Contains(t, decoded, "requesterPeerId")
	require.Contains(t, decoded, "packetId")
	require.NotContains(t, decoded, "fault")
	require.Contains(t, strings.Join(fields(e[1]), "\n"), "fault: ")
	require.Equal(t, 3, e[1].Frame)

	lines := timeline(result.Sequence(tr, []int{3}))
	require.Len(t, lines, 2, "one line a datagram, whatever links it crossed: %q", lines)
	require.Contains(t, lines[0], "ping ")
	require.Contains(t, lines[0], "requesterPeerId=abababab…")
	require.Contains(t, lines[0], "via eve, alice")
	require.True(t, strings.HasPrefix(lines[1], ">"), lines[1])
	require.Contains(t, lines[1], "5 bytes, no packet")

	require.Equal(t, hex.EncodeToString([]byte("hello")), e[1].Bytes)
	packets := result.Sequence(tr, []int{3})
	require.Len(t, packets, 2)
	require.Equal(t, []string{"eve", "alice"}, []string{packets[0].From, packets[0].To})
	require.Equal(t, []string{"eve", "alice"}, packets[0].Via)
	require.False(t, packets[0].Evidence)
	require.True(t, packets[1].Evidence)
}

func addrPort(n *internet.Network, host string) netip.AddrPort {
	return netip.AddrPortFrom(n.Addressing(host).Addrs[0], 9777)
}
