package report

import (
	"bufio"
	"context"
	"crypto/sha256"
	_ "embed" // what drives the page
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"punchlist/harness/testkit/testenv"
)

//go:embed testdata/drive.js
var driver string

// driven is what testdata/drive.js finds out.
type driven struct {
	Error      string
	Inner      int // width of the window, in CSS pixels
	Width      int // of the page as it opens
	WidthOpen  int // with everything open
	Title      string
	AtLoad     []string // failures shown, by the filter in the address
	Status     string
	Pressed    string
	Red        int
	RedOpen    string // the failure that a red cell's click has opened
	RedMarks   []string
	RedFocus   bool
	Search     bool // "/" puts the cursor there
	Found      []string
	FoundHash  string
	Steps      []string // where j, j, k lead
	Cleared    string
	DeepOpen   bool
	DeepShown  bool
	RowShown   bool
	Copied     string
	SkipsFirst bool
}

// said is how the outer page passes on the word of the inner one: by the
// browser's log of its console.
var said = regexp.MustCompile(`word:([A-Za-z0-9+/=]+)`)

// chromium opens a page that holds another in a frame of some width (a window
// itself can't be as narrow as a phone), waits for the word of the inner one,
// and returns it.
func chromium(t *testing.T, dir, url string, width int) (d driven) {
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && program == "" {
			program = path
		}
	}
	if program == "" {
		testenv.Missing(t, "chromium", "chromium is not installed: apt-get install chromium")
	}
	frame := fmt.Sprintf(`<!doctype html><iframe src="%s" style="border:0;width:%dpx;height:800px"></iframe>
<script>addEventListener('message', (e) => console.log('word:' + btoa(unescape(encodeURIComponent(e.data)))));</script>`, html.EscapeString(url), width)
	file := filepath.Join(dir, fmt.Sprintf("frame-%d.html", width))
	require.NoError(t, os.WriteFile(file, []byte(frame), 0o644))
	profile, err := os.MkdirTemp("", "punchlist-chromium-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(profile) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir="+profile, "--window-size=1400,900",
		"--enable-logging=stderr", "file://"+file)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	console, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var word []byte
	lines := bufio.NewScanner(console)
	lines.Buffer(nil, 1<<20)
	for word == nil && lines.Scan() {
		if m := said.FindSubmatch(lines.Bytes()); m != nil {
			word = m[1]
		}
	}
	cancel()
	go func() { _, _ = io.Copy(io.Discard, console) }() // ends when Wait closes it
	_ = cmd.Wait()                                      // it was interrupted
	require.NotNil(t, word, "the page said nothing before the browser ended: %v", lines.Err())
	text, err := base64.StdEncoding.DecodeString(string(word))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	require.Empty(t, d.Error)
	return d
}

func TestThePageInABrowser(t *testing.T) {
	testenv.SkipShort(t, "it starts a browser")
	r := paged(t)
	page, err := HTML(r)
	require.NoError(t, err)
	// The page's own policy stands, but lets the driver in; a script that it
	// does not know is kept out.
	sum := sha256.Sum256([]byte(driver))
	let := fmt.Sprintf("script-src 'sha256-%s' ", base64.StdEncoding.EncodeToString(sum[:]))
	text := strings.Replace(string(page), "script-src ", let, 1)
	text = strings.Replace(text, "</body>", "<script>document.title='owned'</script><script>"+driver+"</script></body>", 1)
	dir := t.TempDir()
	file := filepath.Join(dir, "report.html")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))

	for _, width := range []int{360, 1280} {
		t.Run(fmt.Sprintf("%d pixels", width), func(t *testing.T) {
			d := chromium(t, dir, "file://"+file+"#outcome=known&q=again", width)
			require.Equal(t, width, d.Inner)
			require.LessOrEqual(t, d.Width, width, "the page is wider than its window")
			require.LessOrEqual(t, d.WidthOpen, width, "the page is wider than its window, with everything open")
			require.Equal(t, "6 unexpected results: Punchlist", d.Title, "nothing but the page's own script ran")

			require.Len(t, d.AtLoad, 1, "the address filters")
			require.Contains(t, d.AtLoad[0], "it counts again")
			require.Equal(t, "1 of 12 results", d.Status)
			require.Equal(t, "known", d.Pressed)

			require.Equal(t, 4, d.Red)
			require.Contains(t, d.RedOpen, "the type is unknown")
			require.Equal(t, []string{"77 (unknown type)"}, d.RedMarks, "one click from the red cell, what is wrong is in sight")
			require.True(t, d.RedFocus)

			require.True(t, d.Search)
			require.Len(t, d.Found, 1)
			require.Contains(t, d.Found[0], "the natType is none")
			require.Equal(t, "#q=lat-msg-002+has+natType", d.FoundHash)
			require.Equal(t, "12 results", d.Cleared)
			require.Len(t, d.Steps, 3)
			require.Contains(t, d.Steps[0], "the type is unknown")
			require.Contains(t, d.Steps[1], "the natType is none")
			require.Equal(t, d.Steps[0], d.Steps[2], "k goes back")
			require.True(t, d.DeepOpen, "a link to a failure opens it")
			require.True(t, d.DeepShown, "and takes away a filter that hid it")
			require.True(t, d.RowShown, "a link to a requirement shows its row")
			require.Contains(t, []string{"Copied", "Marked: copy it"}, d.Copied)
			require.True(t, d.SkipsFirst, "the first thing that the keyboard reaches skips to the results")
		})
	}
}
