package suite

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cucumber/godog"
	"github.com/stretchr/testify/require"

	"punchlist/features"
)

// What is hard to write again: escapes in tables, arguments, tags at every place, backgrounds of a
// feature and of a Rule, another language, descriptions that look like Gherkin.
const hard = `# language: de
@top
Funktionalität: F
  Szenario, sagt die Beschreibung | nicht

  Grundlage: am Anfang
    Angenommen a table
      | a\|b | \\n | \n | |
      | "c"  | \\  | d  | e |

  @LAT-MSG-001 @rule
  Rule: r

    Grundlage:
      Angenommen text
        """json
        {"a": 1}

          indented \"\"\"
        """

    @id:msg/first
    Beispiel: first
      Wenn nothing
      Dann something

    @id:msg/rows @outline
    Szenariogrundriss: a <b> and <c>
      Wenn <b> is | <c>
        ` + "```" + `
        <c> """ it
        ` + "```" + `
      Und a table
        | <b> | <c> |
      Aber not this

      @small
      Beispiele: some
        | b     | c   |
        | 1\|2  | \\  |
        | x     | <b> |

      Beispiele:
        | c | b   |
        |   | "z" |
`

func TestAScenarioAloneIsTheScenario(t *testing.T) {
	all, err := Scenarios(fstest.MapFS{"h.feature": {Data: []byte(hard)}})
	require.NoError(t, err)
	require.Len(t, all, 4)
	require.Equal(t, `msg/rows[b=1|2,c=\]`, all[1].Key)
	require.Equal(t, `msg/rows[c=,b="\"z\""]`, all[3].Key)
	require.Equal(t, `# language: de
@top
Funktionalität: F
  Grundlage: am Anfang
    Angenommen a table
      | a\|b | \\n | \n |  |
      | "c" | \\ | d | e |
  @LAT-MSG-001
  @rule
  Rule: r
    Grundlage:
      Angenommen text
        """json
        {"a": 1}

          indented \"\"\"
        """
    @id:msg/first
    Beispiel: first
      Wenn nothing
      Dann something
`, all[0].document)
}

// A document that says something else is found out, whichever part of it does.
func TestAnotherScenarioIsFoundOut(t *testing.T) {
	retrieved, err := godog.TestSuite{Options: &godog.Options{FS: features.Files, Paths: []string{"04-messages.feature"}}}.RetrieveFeatures()
	require.NoError(t, err)
	p := retrieved[0].Pickles[0]
	s, _, err := readScenario(retrieved[0].GherkinDocument.Feature, "f", p)
	require.NoError(t, err)
	other, _, err := readScenario(retrieved[0].GherkinDocument.Feature, "f", retrieved[0].Pickles[1])
	require.NoError(t, err)
	require.NoError(t, checkRendered(s.document, p))
	for name, document := range map[string]string{
		"another one":      other.document,
		"none":             "Feature: none\n",
		"two":              s.document + "    Scenario: more\n      Given a step\n",
		"no Gherkin":       "nothing",
		"another argument": s.document + "        | more | cells |\n",
		"another step":     s.document + "      And more\n",
		"another tag":      strings.Replace(s.document, "@alone", "@lonely", 1),
	} {
		require.Error(t, checkRendered(document, p), name)
	}
}

func BenchmarkScenarios(b *testing.B) {
	for b.Loop() {
		if _, err := Scenarios(features.Files); err != nil {
			b.Fatal(err)
		}
	}
}
