package report

import (
	"fmt"
	"html"
	"unicode/utf8"

	"punchlist/harness/result"
)

const badgeLabel = "Latica conformance"

// Badge is the run as a small picture (SVG) for a README: how many of the
// requirements were kept by everyone who was judged. A known failure is not kept.
// It is red where something was unexpected, grey where the run could not judge all
// that it was to.
func Badge(r *result.Run) string {
	kept, of := r.Kept()
	text, colour := fmt.Sprintf("%d of %d", kept, of), "#2e7d32"
	switch {
	case r.Exit == result.CouldNotRun || of == 0:
		text, colour = "could not run", "#616161"
	case r.Exit == result.Unexpected:
		text, colour = fmt.Sprintf("%d of %d, %d unexpected", kept, of, len(r.Unexpected)), "#b71c1c"
	case kept < of:
		colour = "#8a6100"
	}
	// Told their widths, renderers fit the text to them, whatever font they have.
	left, right := width(badgeLabel), width(text)
	said := html.EscapeString(badgeLabel + ": " + text)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[2]s">
<title>%[2]s</title>
<clipPath id="round"><rect width="%[1]d" height="20" rx="3"/></clipPath>
<g clip-path="url(#round)"><rect width="%[3]d" height="20" fill="#424242"/><rect x="%[3]d" width="%[4]d" height="20" fill="%[5]s"/></g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="6" y="14" textLength="%[6]d">%[7]s</text>
<text x="%[8]d" y="14" textLength="%[9]d">%[10]s</text>
</g>
</svg>
`, left+right, said, left, right, colour, left-12, html.EscapeString(badgeLabel), left+6, right-12, html.EscapeString(text))
}

// width is that of a text of the badge with its margins, in pixels.
func width(text string) int { return 12 + 7*utf8.RuneCountInString(text) }
