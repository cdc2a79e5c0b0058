package report

import (
	"encoding/xml"
	"fmt"
	"strings"

	"punchlist/harness/verdict"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string     `xml:"classname,attr"`
	Name    string     `xml:"name,attr"`
	Time    string     `xml:"time,attr"`
	Failure *junitText `xml:"failure,omitempty"`
	Error   *junitText `xml:"error,omitempty"`
	Skipped *junitText `xml:"skipped,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Body    string `xml:",chardata"`
}

// JUnit is the report as CI systems read it: a suite per cell, a case per
// scenario. What makes the run red is a failure (the peer) or an error (the
// rest); known failures and what does not apply are skipped.
func (r *Report) JUnit() ([]byte, error) {
	all := junitSuites{Name: "punchlist", Time: seconds(r.Seconds)}
	for _, c := range r.Cells {
		s := junitSuite{Name: fmt.Sprintf("%s seed %d", c.Column(), c.Seed)}
		took := 0.0
		for _, x := range c.Results {
			took += x.Seconds
			k := junitCase{Class: c.Column(), Name: x.Requirement + " " + x.Key, Time: seconds(x.Seconds)}
			body := strings.Join(append([]string{x.Text, "", "step: " + x.Step, "repeat: " + x.Repeat}, x.Timeline...), "\n")
			text := &junitText{Message: oneLine(x.About() + ": " + x.Text), Type: x.Outcome.String(), Body: printable(body)}
			switch {
			case x.Outcome == verdict.Passed:
			case x.Outcome == verdict.Failed && x.Unexpected:
				k.Failure = text
				s.Failures++
			case x.Unexpected:
				k.Error = text
				s.Errors++
			default:
				message := x.Outcome.String() + ": " + x.Text
				if x.Known != nil {
					message = "known failure: " + x.Known.Reason
				}
				k.Skipped = &junitText{Message: oneLine(message)}
				s.Skipped++
			}
			s.Cases = append(s.Cases, k)
		}
		s.Tests, s.Time = len(s.Cases), seconds(took)
		for _, stale := range c.Stale {
			s.Cases = append(s.Cases, junitCase{Class: c.Column(), Name: "known failures", Time: "0",
				Failure: &junitText{Message: oneLine(stale), Type: "stale"}})
			s.Tests++
			s.Failures++
		}
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
		all.Suites = append(all.Suites, s)
	}
	out, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(out, '\n')...), nil
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// printable drops what XML 1.0 has no way to write, since a testee may log it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0xfffe && r != 0xffff {
			return r
		}
		return -1
	}, s)
}
