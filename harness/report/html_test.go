package report

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"punchlist/harness/result"
	"punchlist/harness/verdict"
	"punchlist/reference/wire"
	"punchlist/spec"
)

// hostile is what a peer would log that knows of the page.
const hostile = `</pre></script><script>document.title='owned'</script><img src=x onerror="document.title='owned'">'"&{{.}}` + "\x00\u202etxt"

// paged is a report with every outcome, in two columns.
func paged(t *testing.T) *result.Run {
	p := wire.NewPacket(wire.Pong)
	p.Message = []byte(`{"responderPeerId":"` + strings.Repeat("ab", 32) + `","requesterPeerId":"` + strings.Repeat("cd", 32) + `","natType":31}`)
	wellFormed, err := wire.Append(nil, &p)
	require.NoError(t, err)
	unknownType := bytes.Clone(wellFormed)
	unknownType[4] = 77
	datagram := func(frame int, raw []byte) result.Datagram {
		return result.Datagram{Frame: frame, At: "0.250 s", Path: "198.51.100.2:4001 → 198.51.100.3:9000, on the link of alice", Bytes: hex.EncodeToString(raw)}
	}
	made := func(requirement, scenario string, o result.Outcome) *result.Result {
		x := &result.Result{
			Key: "test/" + scenario, Feature: "f", Rule: "r", Scenario: scenario, Requirement: requirement, Outcome: o,
			Capture: "a+a@sim/" + scenario + " 50%.pcapng", Seconds: 0.5,
		}
		if o == result.Passed {
			return x
		}
		x.Text, x.Step, x.ID, x.Repeat = "it did not", "Then it holds", "msg/holds", "./punchlist run --scenario '"+x.Key+"'"
		if o == result.NotApplicable {
			return x
		}
		x.Steps = []string{"Given an internet", "When it is asked", "Then it holds"}
		x.Sequence = []result.Packet{
			{Frame: 1, At: "0.100 s", From: "alice", To: "bob", Path: "10.0.0.2:4001 → 198.51.100.3:9000", What: "ping 0a0b0c0d", Via: []string{"alice", "bob"}},
			{Frame: 3, At: "0.250 s", From: "bob", To: "nat-a", Path: "198.51.100.3:9000 → 198.51.100.2:4001", What: "pong 0a0b0c0d " + strings.Repeat("natType=31 ", 20), Dropped: "nat-a: filtered", Evidence: true},
		}
		x.Log = "a+a@sim/" + scenario + ".log"
		x.Unexpected = o == result.Failed || o == result.AdapterBroken || o == result.LabFailed
		return x
	}
	faulty := made("LAT-FRAME-004", "the type is unknown", result.Failed)
	faulty.Evidence = []result.Datagram{datagram(1, wellFormed), datagram(3, unknownType), datagram(4, wellFormed)}
	named := made("LAT-MSG-002", "the natType is none", result.Failed)
	named.Text, named.Evidence = "the pong has natType 31", []result.Datagram{datagram(3, wellFormed)}
	died := made("LAT-MSG-001", "it dies", result.Failed)
	died.Broke, died.Stderr = verdict.Survive, hostile
	died.Text, died.Scenario, died.Key = hostile, hostile, died.Key+hostile
	died.Evidence = []result.Datagram{{Frame: 9, At: "1 s", Path: hostile, Fault: hostile}}
	known := made("LAT-MSG-002", "it counts", result.KnownFailure)
	known.Known = &result.Known{Reason: "it counts from 1 " + hostile, Link: "https://example.org/issues/4?a=b&c=d", Review: "2027-05-22"}
	sly := made("LAT-MSG-002", "it counts again", result.KnownFailure)
	sly.Known = &result.Known{Reason: "it | counts", Link: "javascript:document.title='owned'"}
	may := made("LAT-MSG-003", "it should", result.Failed)
	may.Unexpected = false
	outside := made("LAT-MSG-001", "it answers", result.Passed)
	outside.Capture = "../secret.pcapng"
	stuck := made("LAT-MSG-001", "the lab stands", result.LabFailed)
	stuck.Findings = []verdict.Finding{{Implementation: "b", Requirement: "LAT-MSG-002", Text: "it died as a companion " + hostile}}
	r := &result.Run{
		Schema: result.Schema, Exit: result.Unexpected, Seconds: 83, Started: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC),
		Warnings: []string{"one is overdue " + hostile},
		Requirements: []spec.Requirement{
			{ID: "LAT-FRAME-004", Level: spec.Must, Chapter: "01-framing.md", Text: "A decoder MUST reject a packet whose type is not one of 1 to 8."},
			{ID: "LAT-FRAME-014", Level: spec.Must, Chapter: "01-framing.md", Text: "A peer MUST survive."},
			{ID: "LAT-MSG-001", Level: spec.Must, Chapter: "04-messages.md", Text: "A peer MUST\nanswer."},
			{ID: "LAT-MSG-002", Level: spec.Must, Chapter: "04-messages.md", Text: "A peer MUST count."},
			{ID: "LAT-MSG-003", Level: spec.Should, Chapter: "04-messages.md", Text: "A peer SHOULD."},
		},
		Cells: []*result.Cell{
			{Subject: "a", SubjectVersion: "0.1.0", Companion: "a", Lab: "sim", Seed: 7, Results: []*result.Result{made("LAT-MSG-001", "plain", result.Passed), outside, faulty, named, died, may}},
			{Subject: "b", Companion: "a", Lab: "netns", Seed: 7, Stale: []string{"LAT-MSG-001 passes"}, Results: []*result.Result{
				known, sly, made("LAT-MSG-001", "no relay", result.NotApplicable), made("LAT-MSG-003", "blocked", result.Inconclusive),
				made("LAT-MSG-001", "the adapter lies", result.AdapterBroken), stuck}},
			{Subject: "c", Companion: "a", Lab: "netns", NotAvailable: "it is not set up"},
		},
	}
	for _, c := range r.Cells {
		c.Tally.Planned = len(c.Results)
		for _, x := range c.Results {
			c.Tally.Add(x.Outcome)
		}
		r.Tally.Plus(c.Tally)
		for _, g := range c.Unexpected() {
			r.Unexpected = append(r.Unexpected, c.Reason(g))
		}
		for _, s := range c.Stale {
			r.Unexpected = append(r.Unexpected, c.Column()+": "+s)
		}
	}
	return r
}

// A dom is a parsed page.
type dom struct{ *html.Node }

func parsePage(t *testing.T, r *result.Run) dom {
	text, err := HTML(r)
	require.NoError(t, err)
	require.NotContains(t, string(text), "ZgotmplZ", "the template refused a value that is ours")
	root, err := html.Parse(bytes.NewReader(text))
	require.NoError(t, err)
	return dom{root}
}

// all is the elements below that have all of the attributes and classes:
// "tag", ".class", "attribute=value".
func (d dom) all(want ...string) (found []dom) {
	for n := range d.Descendants() {
		ok := n.Type == html.ElementNode
		for _, w := range want {
			key, value, isAttribute := strings.Cut(w, "=")
			switch {
			case isAttribute:
				ok = ok && dom{n}.attr(key) == value
			case w[0] == '.':
				ok = ok && strings.Contains(" "+dom{n}.attr("class")+" ", " "+w[1:]+" ")
			default:
				ok = ok && n.Data == w
			}
		}
		if ok {
			found = append(found, dom{n})
		}
	}
	return found
}

func (d dom) attr(key string) string {
	for _, a := range d.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func (d dom) text() string {
	var b strings.Builder
	for n := range d.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

func TestThePageLeadsFromARedCellToItsFailures(t *testing.T) {
	page := parsePage(t, paged(t))
	ids := map[string]dom{}
	for n := range page.Descendants() {
		if id := (dom{n}).attr("id"); id != "" {
			require.NotContains(t, ids, id)
			ids[id] = dom{n}
		}
	}
	for _, a := range page.all("a") {
		if anchor, ok := strings.CutPrefix(a.attr("href"), "#"); ok {
			id, err := url.PathUnescape(anchor)
			require.NoError(t, err)
			require.Contains(t, ids, id, "a link that leads nowhere")
		}
	}
	// The death counts for survival, the adapter and the lab for what they kept from being judged.
	var red []string
	for _, cell := range page.all("td", ".red") {
		links := cell.all("a")
		require.Len(t, links, 1)
		id, err := url.PathUnescape(links[0].attr("href")[1:])
		require.NoError(t, err)
		red = append(red, id)
		require.NotEmpty(t, ids[id].all("details", ".failure"), id)
		require.Contains(t, ids[id].Parent.Data, "section")
		require.Contains(t, dom{ids[id].Parent}.attr("class"), "unexpected")
	}
	require.Equal(t, []string{"LAT-FRAME-004/a+a@sim", "LAT-FRAME-014/a+a@sim", "LAT-MSG-001/b+a@netns", "LAT-MSG-002/a+a@sim"}, red)
	require.Len(t, ids["LAT-MSG-001/b+a@netns"].all(".failure"), 2)
	open := ids["LAT-MSG-001"].all("td", ".inconclusive")
	require.Len(t, open, 1, "the death left this one open")
	require.Contains(t, open[0].all("a")[0].attr("href"), "#failure-LAT-FRAME-014-")

	require.Equal(t, "6 unexpected results", page.all("h1")[0].text())
	reasons := page.all(".reasons")[0].all("li")
	require.Len(t, reasons, 6)
	require.Len(t, page.all(".reasons")[0].all("a"), 5, "a stale entry has no failure to lead to")
	require.Equal(t, []string{"Chapter 1: framing", "Chapter 4: messages"}, []string{
		page.all(".chapter")[0].text(), page.all(".chapter")[1].text()})
	inputs := ids["inputs"].text()
	for _, want := range []string{"2026-05-04 03:02:01 UTC", "1m23s", "exit 1", "a 0.1.0 with a of no version in sim, seed 7", "it is not set up"} {
		require.Contains(t, inputs, want)
	}
}

func TestThePageShowsEveryFailureWithItsEvidence(t *testing.T) {
	page := parsePage(t, paged(t))
	for slug, want := range map[string]int{"failed": 4, "unexpected": 5, "known": 2, "inconclusive": 1, "adapter": 1, "lab": 1} {
		n := 0
		for _, f := range page.all("details", ".failure") {
			if strings.Contains(" "+f.attr("data-o")+" ", " "+slug+" ") {
				n++
			}
		}
		require.Equal(t, want, n, slug)
	}
	require.Len(t, page.all("li", "data-o=passed"), 2)
	require.Len(t, page.all("li", "data-o=na"), 1)
	for _, f := range page.all("details", ".failure") {
		text := f.text()
		for _, want := range []string{"Required", "Seen instead", "Then it holds", "nat-a: filtered", "./punchlist run --scenario", "packets (pcapng)", "log"} {
			require.Contains(t, text, want)
		}
		require.Len(t, f.all(".sequence")[0].all("li"), 2)
		require.Len(t, f.all("li", ".lost"), 1)
		require.Len(t, f.all(".steps")[0].all("li", ".bad"), 1)
	}
	var links []string
	for _, a := range page.all("a") {
		if !strings.HasPrefix(a.attr("href"), "#") {
			links = append(links, a.attr("href"))
		}
	}
	require.Contains(t, links, "./a+a@sim/plain%2050%25.pcapng")
	require.Contains(t, links, "https://example.org/issues/4?a=b&c=d")
	for _, l := range links {
		require.True(t, strings.HasPrefix(l, "./a+a@sim/") || strings.HasPrefix(l, "https://example.org/"), "%s leads out of the folder", l)
	}
	require.Contains(t, page.text(), "To be reviewed by 2027-05-22.")
	require.Len(t, page.all("section", ".known")[0].all(".instead"), 2, "two reasons of one requirement")
}

func TestThePageMarksTheFieldThatIsWrong(t *testing.T) {
	page := parsePage(t, paged(t))
	failure := func(scenario string) dom {
		for _, f := range page.all("details", ".failure") {
			if strings.Contains(f.all("summary")[0].text(), scenario) {
				return f
			}
		}
		t.Fatalf("%s is not there", scenario)
		return dom{}
	}
	datagrams := failure("the type is unknown").all("details", ".datagram")
	require.Len(t, datagrams, 3)
	var open []bool
	for _, d := range datagrams {
		open = append(open, slices.ContainsFunc(d.Attr, func(a html.Attribute) bool { return a.Key == "open" }))
	}
	require.Equal(t, []bool{false, true, false}, open, "the one that is wrong stands open")
	require.Empty(t, datagrams[0].all("tr", ".fault"))
	require.Len(t, datagrams[1].all("tr", ".fault"), 1)
	require.Contains(t, datagrams[1].all("tr", ".fault")[0].text(), "77 (")
	require.Len(t, datagrams[1].all(".dump")[0].all("mark"), 1)
	require.Equal(t, "4d", datagrams[1].all(".dump")[0].all("mark")[0].text(), "this byte is wrong")

	d := failure("the natType is none").all("details", ".datagram")[0]
	require.Empty(t, d.all("tr", ".fault"))
	require.Len(t, d.all("tr", ".named"), 1)
	require.Contains(t, d.all("tr", ".named")[0].text(), "natType31")
	require.Equal(t, hex.EncodeToString([]byte("31")), strings.Join(strings.Fields(d.all(".dump")[0].all("mark")[0].text()), ""))
	require.Contains(t, d.all("summary")[0].text(), "pong")
}

func TestADumpHoldsEveryByteOnce(t *testing.T) {
	raw := make([]byte, 100)
	for i := range raw {
		raw[i] = byte(i)
	}
	p := pageDatagram{Datagram: result.Datagram{Bytes: hex.EncodeToString(raw)}, Rows: []pageField{
		{Offset: 10, Length: 30, Class: "named"}, {Offset: 20, Length: 2, Class: "fault"}, {Offset: 98, Length: 9, Class: "named"},
	}}
	p.dump()
	var got, marked string
	for _, part := range p.Dump {
		for _, line := range strings.Split(part.Text, "\n") {
			if part.Class != "" {
				marked += part.Class + ":" + line + "|"
			} else if len(line) > 6 && line[4:6] == "  " {
				line = line[6:]
			}
			if part.Class != "" || !strings.HasSuffix(line, "  ") {
				got += strings.ReplaceAll(line, " ", "")
			}
		}
	}
	require.Equal(t, hex.EncodeToString(raw), got)
	require.Equal(t, "named:0a 0b 0c 0d 0e 0f|named:10 11 12 13|fault:14 15|named:16 17 18 19 1a 1b 1c 1d 1e 1f|named:20 21 22 23 24 25 26 27|named:62 63|", marked)
}

func TestWhatAPeerWritesNeverBecomesMarkup(t *testing.T) {
	r := paged(t)
	r.Cells[1].Results[0].Known.Link = "javascript:alert(1)"
	r.Cells[1].NotAvailable = hostile
	page := parsePage(t, r)
	require.Len(t, page.all("script"), 1)
	require.Equal(t, pageScript, page.all("script")[0].text())
	require.Len(t, page.all("style"), 1)
	for _, tag := range []string{"img", "link", "iframe", "object", "base", "form"} {
		require.Empty(t, page.all(tag), tag)
	}
	for n := range page.Descendants() {
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on"), "%s of %s", a.Key, n.Data)
			require.NotContains(t, a.Val, "javascript:")
			require.NotEqual(t, "src", a.Key)
		}
	}
	require.Contains(t, page.text(), `<script>document.title='owned'</script><img src=x onerror="document.title='owned'">'"&{{.}}\u202etxt`)
	text, err := HTML(r)
	require.NoError(t, err)
	require.NotContains(t, string(text), "\u202e")
	require.NotContains(t, string(text), "\x00")
}

func TestTheSameReportIsTheSamePage(t *testing.T) {
	r := paged(t)
	js, err := json.Marshal(r)
	require.NoError(t, err)
	first, err := HTML(r)
	require.NoError(t, err)
	for range 5 { // maps are walked in a new order each time
		var again result.Run
		require.NoError(t, json.Unmarshal(js, &again))
		page, err := HTML(&again)
		require.NoError(t, err)
		require.Equal(t, string(first), string(page))
	}
}

func TestALargeReportIsASmallPage(t *testing.T) {
	r := paged(t)
	pong := r.Cells[0].Results[3]
	x := *pong
	x.Evidence = []result.Datagram{pong.Evidence[0], pong.Evidence[0], pong.Evidence[0], pong.Evidence[0]}
	x.Sequence = nil
	for range 16 {
		x.Sequence = append(x.Sequence, pong.Sequence[1])
	}
	r.Cells = r.Cells[:1]
	r.Cells[0].Results = nil
	for i := range 700 {
		y := &result.Result{Key: fmt.Sprintf("test/a-scenario-with-an-id-of-usual-length-%d", i), Requirement: "LAT-MSG-001", Outcome: result.Passed}
		if i%6 == 0 {
			one := x
			one.Key = y.Key
			y = &one
		}
		r.Cells[0].Results = append(r.Cells[0].Results, y)
	}
	page, err := HTML(r)
	require.NoError(t, err)
	require.Less(t, len(page), 3<<20, "%d failures among 700 results", 117)
	t.Logf("%d bytes", len(page))
}

// Of several datagrams the one is open in which the named field has the value that
// is told.
func TestTheTellingDatagramIsOpen(t *testing.T) {
	datagram := func(version uint16) result.Datagram {
		p := wire.NewPacket(wire.Publish)
		p.Version = version
		raw, err := wire.Append(nil, &p)
		require.NoError(t, err)
		return result.Datagram{Bytes: hex.EncodeToString(raw)}
	}
	x := &result.Result{Evidence: []result.Datagram{datagram(6), datagram(5), datagram(6)}}
	for text, want := range map[string]int{
		"the subject answered: version = 5; version = 7": 1,
		"the version was wrong":                          2,
		"it did not":                                     2,
	} {
		x.Text = text
		for i, d := range explain(x, "A peer MUST.") {
			require.Equal(t, i == want, d.Open, "%s: datagram %d", text, i)
		}
	}
}
