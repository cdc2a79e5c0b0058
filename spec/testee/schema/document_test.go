package schema

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/spec/testee"
)

func document(t *testing.T) string {
	text, err := os.ReadFile("../../testee.md")
	require.NoError(t, err)
	return string(text)
}

// The conversation that the document shows keeps to the schema, and each of
// its replies answers a command before it.
func TestTheDocumentsConversation(t *testing.T) {
	asked := map[int]string{}
	lines, answered := 0, 0
	var unknown []int // the preflight's
	for line := range strings.Lines(document(t)) {
		line = strings.TrimSpace(line)
		if sent, ok := strings.CutPrefix(line, "→ "); ok {
			lines++
			var c testee.Command
			require.NoError(t, json.Unmarshal([]byte(sent), &c))
			if _, known := commands[c.Do]; known {
				require.NoError(t, Command([]byte(sent)), sent)
			} else {
				unknown = append(unknown, c.ID)
			}
			require.Empty(t, asked[c.ID])
			asked[c.ID] = c.Do
		}
		if got, ok := strings.CutPrefix(line, "← "); ok {
			lines++
			var m testee.Message
			require.NoError(t, json.Unmarshal([]byte(got), &m))
			if m.Event != "" {
				require.NoError(t, Event([]byte(got)), got)
				continue
			}
			require.NotEmpty(t, asked[m.ID], got)
			require.NoError(t, Reply(asked[m.ID], []byte(got)), got)
			if slices.Contains(unknown, m.ID) {
				require.Equal(t, testee.BadCommand, m.Error.Code)
			}
			answered++
		}
	}
	require.Equal(t, len(asked), answered)
	require.Greater(t, lines, 20)
	require.Len(t, unknown, 1)
}

// The table of commands names every command once, with the classes that
// require it.
func TestTheDocumentsTableOfCommands(t *testing.T) {
	required := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\| ([a-z, ]*)\\|[^|]*\\|[^|]*\\|$").FindAllStringSubmatch(document(t), -1) {
		for _, name := range strings.Split(row[1], ",") {
			name = strings.Trim(name, "` ")
			require.NotContains(t, required, name)
			required[name] = strings.FieldsFunc(row[2], func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	for do := range commands {
		require.Contains(t, required, do)
	}
	require.Len(t, required, len(commands))
	for do, classes := range required {
		for _, class := range []string{testee.ClassCodec, testee.ClassPeer, testee.ClassIndexed, testee.ClassRelay} {
			require.Equal(t, slices.Contains(classes, class), slices.Contains(testee.Required(class), do), "%s of class %s", do, class)
		}
	}
	require.Nil(t, testee.Required("super"))
}
