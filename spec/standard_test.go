package spec

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// Pages of a standard that holds, but for its tables.
var pages = map[string]string{
	"README.md": `# All of it

See [the standard](spec/README.md), [its rule](spec/01-framing.md#LAT-FRAME-001) and [a page](https://example.org/none#x).

<!-- generated: counts -->
<!-- end -->
`,
	"spec/README.md": `# The standard

<!-- generated: chapters -->
<!-- end -->
<!-- generated: classes -->
<!-- end -->
<!-- generated: requirements -->
<!-- end -->
`,
	"spec/deviations.md": `# Deviations

<!-- generated: deviations -->
<!-- end -->
`,
	"spec/01-framing.md": `# 1. Framing

## 1.1 Magic | bytes, and more

<a id="LAT-FRAME-001"></a>**LAT-FRAME-001** A decoder MUST reject.

<a id="LAT-FRAME-002"></a>**LAT-FRAME-002** A decoder SHOULD hurry.

A stranger ends others (DEV-001, LAT-FRAME-001). See [above](#11-magic--bytes-and-more),
[keepalive][k] and [the list](deviations.yaml).

[k]: 04-messages.md "Messages"

` + "```\n[a](nowhere.md) <a id=\"LAT-FRAME-099\"></a>\n<!-- generated: x -->\n<!-- end -->\n```\n\nAn anchor is `<a id=\"LAT-X-001\"></a>`" + `, a link [b](#LAT-FRAME-002).
`,
	"spec/04-messages.md": `# 4. Messages

## 4.1 Pings

K is a constant.

<!-- generated: causes -->
<!-- end -->
`,
}

// evidence judges all requirements of the standard.
var evidence = []Evidence{
	{Requirement: "LAT-FRAME-001", Kind: Scenario, Where: "a"},
	{Requirement: "LAT-FRAME-001", Kind: Vector, Where: "b"},
	{Requirement: "LAT-FRAME-002", Kind: Scenario, Where: "c"},
}

// lists are the standard's lists, as files.
var lists = map[string]string{
	"spec/requirements.yaml": "requirements:" + strings.Replace(entry, "[wire]", "[vector, wire]", 1) + strings.NewReplacer(
		"LAT-FRAME-001", "LAT-FRAME-002", "MUST", "SHOULD", "reject", "hurry", "class: codec", "class: peer", "[wire]", "[wire, event]").Replace(entry),
	"spec/constants.yaml":  "constants:" + constant,
	"spec/causes.yaml":     "causes:" + cause,
	"spec/deviations.yaml": "deviations:" + deviation,
}

// working is a working copy of the standard with its tables made. Changes are
// pairs of what a file has and gets instead, once the tables are made.
func working(t *testing.T, file string, changes ...string) *Standard {
	t.Helper()
	root := fstest.MapFS{}
	for _, files := range []map[string]string{pages, lists} {
		for name, text := range files {
			root[name] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	s, err := ReadStandard(root)
	require.NoError(t, err)
	made, err := s.Tables(evidence)
	require.NoError(t, err)
	require.Len(t, made, 4, "all but the chapter without constants")
	for _, p := range made {
		root[p.Path].Data = []byte(p.Text)
	}
	if file != "" {
		text := string(root[file].Data)
		for i := 0; i < len(changes); i += 2 {
			require.Contains(t, text, changes[i], "what is to change")
			text = strings.Replace(text, changes[i], changes[i+1], 1)
		}
		root[file].Data = []byte(text)
	}
	if s, err = ReadStandard(root); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatHoldsHasNoProblems(t *testing.T) {
	s := working(t, "")
	require.Empty(t, s.Check(evidence).Problems)
	again, err := s.Tables(evidence)
	require.NoError(t, err)
	require.Empty(t, again)
}

func TestTheStandardThatIsCarriedIsTheOneInTheFolder(t *testing.T) {
	carries, err := LoadStandard()
	require.NoError(t, err)
	folder, err := ReadStandard(os.DirFS(".."))
	require.NoError(t, err)
	require.Equal(t, folder.Registry, carries.Registry)
	require.Equal(t, folder.Constants, carries.Constants)
	require.Equal(t, folder.Causes, carries.Causes)
	require.Equal(t, folder.Deviations, carries.Deviations)
	require.Equal(t, folder.Pages[1:], carries.Pages)
}

func TestReadStandardNamesTheFileThatIsMissing(t *testing.T) {
	root := fstest.MapFS{}
	for _, name := range []string{"spec/requirements.yaml", "spec/constants.yaml", "spec/causes.yaml", "spec/deviations.yaml"} {
		_, err := ReadStandard(root)
		require.ErrorContains(t, err, name)
		root[name] = &fstest.MapFile{Data: []byte(lists[name])}
	}
	_, err := ReadStandard(root)
	require.ErrorContains(t, err, "README.md")
}

// Each kind of problem is seen, and is the only one.
func TestCheckSees(t *testing.T) {
	const sentence = `<a id="LAT-FRAME-001"></a>**LAT-FRAME-001** A decoder MUST reject.`
	const chapter, front = "spec/01-framing.md", "README.md"
	for name, c := range map[string]struct {
		file    string
		changes []string
		says    string
	}{
		"an anchor that is no requirement": {chapter, []string{"[k]:", "<a id=\"LAT-FRAME-003\"></a>**LAT-FRAME-003** A.\n\n[k]:"},
			"spec/01-framing.md:12: the anchor LAT-FRAME-003 is no requirement (the last of its area is LAT-FRAME-002): correct it, or add it to requirements.yaml"},
		"an anchor twice": {chapter, []string{sentence, sentence + "\n" + sentence},
			"spec/01-framing.md:6: LAT-FRAME-001 stands at spec/01-framing.md:5 already: keep one of them"},
		"an anchor in another chapter": {"spec/04-messages.md", []string{"K is", "<a id=\"LAT-FRAME-001\"></a>**LAT-FRAME-001** A decoder MUST reject.\n\nK is"},
			"spec/04-messages.md:5: LAT-FRAME-001 stands at spec/01-framing.md:5 already: keep one of them"},
		"no anchor": {chapter, []string{`<a id="LAT-FRAME-002"></a>**LAT-FRAME-002**`, "", "[b](#LAT-FRAME-002)", ""},
			`spec/01-framing.md lacks LAT-FRAME-002: add the line <a id="LAT-FRAME-002"></a>**LAT-FRAME-002** A decoder SHOULD hurry.`},
		"another level": {chapter, []string{"A decoder MUST reject.", "A decoder SHOULD reject."},
			"spec/01-framing.md:5: LAT-FRAME-001 is a SHOULD here, and a MUST in requirements.yaml: make them one"},
		"no level": {chapter, []string{"A decoder MUST reject.", "A decoder rejects."},
			"spec/01-framing.md:5: LAT-FRAME-001 is a sentence without a level here, and a MUST in requirements.yaml: make them one"},
		"another sentence": {chapter, []string{"A decoder MUST reject.", "A decoder MUST refuse."},
			"spec/01-framing.md:5: LAT-FRAME-001 is not as in requirements.yaml: correct one of them; its line there would be " + sentence},
		"another id in bold": {chapter, []string{"**LAT-FRAME-001**", "**LAT-FRAME-002**"},
			"spec/01-framing.md:5: LAT-FRAME-001 is not as in requirements.yaml: correct one of them; its line there would be " + sentence},
		"a requirement in prose": {front, []string{"See", "See LAT-FRAME-7 and"},
			"README.md:3 names LAT-FRAME-7, which the registry does not have (the last of its area is LAT-FRAME-002): correct the id"},
		"a requirement in code": {chapter, []string{"[a](nowhere.md)", "requirement: LAT-PING-001"},
			"spec/01-framing.md:15 names LAT-PING-001, which the registry does not have (areas: FRAME): correct the id"},
		"a sentence of no requirement": {"spec/04-messages.md", []string{"K is a constant.", "K MUST be a constant."},
			"spec/04-messages.md:5 says MUST and is of no requirement: make it one, or reword it"},
		"a constant in prose": {"spec/04-messages.md", []string{"K is a constant.", "`keepalive.wait` is a constant, `a.b` is not."},
			"spec/04-messages.md:5 names the constant keepalive.wait, which constants.yaml does not have: correct the id"},
		"a row of no requirement": {"spec/04-messages.md", []string{"K is a constant.", "| K | SHOULD be constant |"},
			"spec/04-messages.md:5 says SHOULD and is of no requirement: make it one, or reword it"},
		"a deviation": {chapter, []string{"DEV-001", "DEV-002"},
			"spec/01-framing.md:9 names DEV-002, which deviations.yaml does not have: correct the id"},
		"a link to a heading": {chapter, []string{"(#11-magic--bytes-and-more)", "(#11-magic)"},
			"spec/01-framing.md:9 links to #11-magic, and spec/01-framing.md has no such anchor: correct the link"},
		"a link to an anchor elsewhere": {front, []string{"#LAT-FRAME-001", "#the-rule"},
			"README.md:3 links to spec/01-framing.md#the-rule, and spec/01-framing.md has no such anchor: correct the link"},
		"a link to a page": {front, []string{"(spec/README.md)", "(spec/READ.md)"},
			"README.md:3 links to spec/READ.md, and there is no spec/READ.md: correct the link"},
		"a link to a file": {chapter, []string{"(deviations.yaml)", "(../deviations.yaml)"},
			"spec/01-framing.md:10 links to ../deviations.yaml, and there is no deviations.yaml: correct the link"},
		"a link out of the repository": {chapter, []string{"(deviations.yaml)", "(../../README.md)"},
			"spec/01-framing.md:10 links to ../../README.md, and there is no ../README.md: correct the link"},
		"a listed link": {chapter, []string{"[k]: 04-messages.md", "[k]: 05-messages.md"},
			"spec/01-framing.md:12 links to 05-messages.md, and there is no spec/05-messages.md: correct the link"},
		"a stale table": {"spec/README.md", []string{"| codec |  | 1 |", "| codec |  | 2 |"},
			"spec/README.md: the generated table classes is stale: run make tables"},
		"a stale table of constants": {"spec/04-messages.md", []string{"30,000", "40,000"},
			"spec/04-messages.md: the generated table constants is stale: run make tables"},
		"constants without a table": {"spec/04-messages.md", []string{"<!-- generated: constants -->", "",
			"([LAT-FRAME-001](01-framing.md#LAT-FRAME-001)) |\n\n<!-- end -->", "|"},
			"spec/04-messages.md: the generated table constants is stale: run make tables"},
		"a table that is missing": {front, []string{"<!-- generated: counts -->", "", "<!-- end -->", ""},
			"README.md lacks its generated table counts: add the lines <!-- generated: counts --> and <!-- end --> where it is to stand"},
		"a table that there is not": {chapter, []string{"[k]:", "<!-- generated: counts -->\n<!-- end -->\n[k]:"},
			"spec/01-framing.md:12: this page has no generated table counts: correct the name"},
		"a table without an end": {"spec/deviations.md", []string{"<!-- end -->", ""},
			"spec/deviations.md:3: the generated table has no end: add the line <!-- end -->"},
		"an end without a table": {chapter, []string{"[k]:", "<!-- end -->\n[k]:"},
			"spec/01-framing.md:12: <!-- end --> ends no generated table: remove the line"},
	} {
		t.Run(name, func(t *testing.T) {
			s := working(t, c.file, c.changes...)
			require.Equal(t, []string{c.says}, s.Check(evidence).Problems)
		})
	}
}

// A change of a list leaves tables stale too.
func TestCheckSeesOfLists(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		changes []string
		says    string
	}{
		"a sentence without its level": {"spec/requirements.yaml", []string{"A decoder MUST reject.", "A decoder SHOULD reject."},
			"LAT-FRAME-001 is a MUST, and its sentence in requirements.yaml does not say so: reword it, or correct its level"},
		"another chapter": {"spec/requirements.yaml", []string{"01-framing.md", "04-messages.md"},
			"spec/01-framing.md:5: LAT-FRAME-001 stands here, and requirements.yaml says 04-messages.md: move the line, or correct its chapter"},
		"a chapter that is none": {"spec/requirements.yaml", []string{"01-framing.md", "02-frames.md"},
			"LAT-FRAME-001 belongs to spec/02-frames.md, which there is not: write it, or correct the chapter in requirements.yaml"},
		"a constant of no chapter": {"spec/constants.yaml", []string{"04-messages.md", "05-messages.md"},
			`constants.yaml has "keepalive interval (K)" for spec/05-messages.md, which there is not: correct its chapter`},
		"a constant": {"spec/constants.yaml", []string{"30,000", "40,000"},
			"spec/04-messages.md: the generated table constants is stale: run make tables"},
		"what is sent without a cause": {"spec/requirements.yaml", []string{"SHOULD hurry", "SHOULD send"},
			"LAT-FRAME-002 has a peer send something, and is of no cause in causes.yaml: add it to one"},
		"a constant of a cause": {"spec/causes.yaml", []string{"at `keepalive`", "at `keepaliv`"},
			"causes.yaml: ping/heartbeat names keepaliv, which constants.yaml does not have: correct the id"},
		"a cause": {"spec/causes.yaml", []string{"the tick", "a tick"},
			"spec/04-messages.md: the generated table causes is stale: run make tables"},
		"a deviation": {"spec/deviations.yaml", []string{"It ends.", "It stops."},
			"spec/deviations.md: the generated table deviations is stale: run make tables"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, working(t, c.file, c.changes...).Check(evidence).Problems, c.says)
		})
	}
	more := append([]Evidence{{Requirement: "LAT-FRAME-002", Kind: Scenario, Where: "d"}}, evidence...)
	require.Equal(t, []string{
		"README.md: the generated table counts is stale: run make tables",
		"spec/README.md: the generated table chapters is stale: run make tables",
	}, working(t, "").Check(more).Problems, "a scenario more")
}

// Of a program that is elsewhere no more is asked than it can know.
func TestLinksOutOfWhatIsCarried(t *testing.T) {
	s := working(t, "spec/01-framing.md", "(deviations.yaml)", "(../features/x.feature) [c](06-none.md)")
	s.exists = nil
	require.Equal(t, []string{"spec/01-framing.md:10 links to 06-none.md, and there is no spec/06-none.md: correct the link"},
		s.Check(evidence).Problems)
}

func TestTables(t *testing.T) {
	s := working(t, "")
	text := func(file string) string {
		p, ok := s.page(file)
		require.True(t, ok, file)
		return p.Text
	}
	require.Contains(t, text("README.md"), `
<!-- generated: counts -->

The standard has 2 requirements: 1 MUST, 1 SHOULD, 0 MAY. 2 scenarios and 1 vectors
judge them; 0 are verified by inspection. By chapter, and in brackets what judges them:
[1. Framing](spec/01-framing.md) 2 (3),
[4. Messages](spec/04-messages.md) 0 (0).

<!-- end -->
`)
	require.Contains(t, text("spec/README.md"), `
| chapter | MUST | SHOULD | MAY | scenarios | vectors | inspections | deviations |
|---|---|---|---|---|---|---|---|
| [1. Framing](01-framing.md) | 1 | 1 | 0 | 2 | 1 | 0 | 1 |
| [4. Messages](04-messages.md) | 0 | 0 | 0 | 0 | 0 | 0 | 0 |
| all | 1 | 1 | 0 | 2 | 1 | 0 | 1 |
`)
	require.Contains(t, text("spec/README.md"), `
| class | includes | MUST | SHOULD | MAY | with all that it includes |
|---|---|---|---|---|---|
| codec |  | 1 | 0 | 0 | 1 |
| peer | codec | 0 | 1 | 0 | 2 |
| indexed | peer, codec | 0 | 0 | 0 | 2 |
| relay | peer, codec | 0 | 0 | 0 | 2 |
`)
	require.Contains(t, text("spec/README.md"), `
### 1. Framing

| id | level | class | requirement | verified by |
|---|---|---|---|---|
| [LAT-FRAME-001](01-framing.md#LAT-FRAME-001) | MUST | codec | A decoder MUST reject. | vector, wire |
| [LAT-FRAME-002](01-framing.md#LAT-FRAME-002) | SHOULD | peer | A decoder SHOULD hurry. | wire, event |
`)
	require.Contains(t, text("spec/deviations.md"), `
| <a id="DEV-001"></a>DEV-001 | 0.6.0-rc.8 | It takes anything. | It ends. | [LAT-FRAME-001](01-framing.md#LAT-FRAME-001) |
`)
	require.True(t, strings.HasSuffix(text("spec/04-messages.md"), `
K is a constant.

<!-- generated: causes -->

| cause | level | packet | on | to, from which socket | fields | when | how often | by |
|---|---|---|---|---|---|---|---|---|
| `+"`ping/heartbeat` | MUST, relay | ping | the tick | a peer, from main | natType | at `keepalive`"+` | once; within a little | [LAT-FRAME-001](01-framing.md#LAT-FRAME-001) |

<!-- end -->

<!-- generated: constants -->

## 4.2 Constants

| id | name | default | permitted | reason |
|---|---|---|---|---|
| `+"`keepalive`"+` | keepalive interval (K) | 30,000 ms | 1,000 ms and up | NATs forget. ([LAT-FRAME-001](01-framing.md#LAT-FRAME-001)) |

<!-- end -->
`), text("spec/04-messages.md"))

	_, err := working(t, "README.md", "<!-- end -->", "").Tables(evidence)
	require.ErrorContains(t, err, "README.md:5: the generated table has no end")
}

func TestAnchors(t *testing.T) {
	p := Page{"a.md", "# A `key`: of_body\n## B-2 (twice)\n## B-2 (twice)\n```\n# code\n<a id=\"code\"></a>\n```\n<a id=\"DEV-001\"></a> `<a id=\"span\"></a>`\n"}
	require.Equal(t, map[string]bool{"a-key-of_body": true, "b-2-twice": true, "b-2-twice-1": true, "DEV-001": true}, p.anchors())
}

func TestCells(t *testing.T) {
	require.Equal(t, `a \| b &lt;c> d`, cell(" a | b <c>\nd\n"))
}
