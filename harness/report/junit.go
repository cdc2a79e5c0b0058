package report

import (
	"encoding/xml"
	"fmt"
	"strings"

	"punchlist/harness/result"
)

// The elements and attributes are those that Jenkins' schema (junit-10.xsd of
// its xUnit plugin) has, in its order. GitLab reads the same, and of cases with
// the same class and name it shows one: so both are different for all.

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Time     string       `xml:"time,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string           `xml:"name,attr"`
	Tests      int              `xml:"tests,attr"`
	Failures   int              `xml:"failures,attr"`
	Errors     int              `xml:"errors,attr"`
	Skipped    int              `xml:"skipped,attr"`
	Time       string           `xml:"time,attr"`
	Timestamp  string           `xml:"timestamp,attr"`
	Properties *junitProperties `xml:"properties,omitempty"`
	Cases      []junitCase      `xml:"testcase"`
}

type junitProperties struct {
	All []junitProperty `xml:"property"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Class     string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Skipped   *junitSkipped `xml:"skipped,omitempty"`
	Error     *junitText    `xml:"error,omitempty"`
	Failure   *junitText    `xml:"failure,omitempty"`
	SystemOut string        `xml:"system-out,omitempty"`
	SystemErr string        `xml:"system-err,omitempty"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Body    string `xml:",chardata"`
}

// JUnit is the report as CI systems read it: a suite per cell and seed, a case
// per scenario. What makes the run red is a failure (the peer) or an error (the
// rest); known failures and what does not apply are skipped, with the reason.
func JUnit(r *result.Run) ([]byte, error) {
	all := junitSuites{Name: "punchlist", Time: seconds(r.Seconds)}
	seeds, began := r.Seeds(), r.Started.UTC().Format("2006-01-02T15:04:05")
	for _, c := range r.Cells {
		name := c.Column()
		if seeds[name] > 1 {
			name += fmt.Sprintf(" seed %d", c.Seed)
		}
		s := junitSuite{Name: name, Timestamp: began}
		s.Properties = &junitProperties{[]junitProperty{
			{"subject", c.Subject + " " + c.SubjectVersion}, {"companion", c.Companion + " " + c.CompanionVersion},
			{"lab", c.Lab}, {"seed", fmt.Sprint(c.Seed)}, {"run", r.ID},
			{"punchlist", r.Tool.Version}, {"commit", r.Tool.Commit}, {"wire", fmt.Sprint(r.Tool.Wire)}, {"edition", r.Tool.Edition},
		}}
		took := 0.0
		for _, x := range c.All() { // a monitor takes no time of its own
			took += x.Seconds
			s.add(junit(name, x))
		}
		for i, stale := range c.Stale {
			s.add(junitCase{Class: class(name, "known failures"), Name: fmt.Sprintf("entry %d that did not happen", i+1), Time: seconds(0),
				Failure: &junitText{Message: oneLine(printable(stale)), Type: "stale", Body: printable(stale)}})
		}
		if c.NotAvailable != "" {
			s.add(junitCase{Class: class(name, "lab"), Name: "starts", Time: seconds(0), Skipped: &junitSkipped{oneLine(printable(c.NotAvailable))}})
		}
		s.Time = seconds(took)
		all.add(s)
	}
	if len(r.Broken) > 0 {
		s := junitSuite{Name: "the run", Timestamp: began, Time: seconds(0)}
		for i, broken := range r.Broken {
			s.add(junitCase{Class: "the run", Name: fmt.Sprintf("could not run %d", i+1), Time: seconds(0),
				Error: &junitText{Message: oneLine(printable(broken)), Type: "could not run", Body: printable(broken)}})
		}
		all.add(s)
	}
	out, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(out, '\n')...), nil
}

func (s *junitSuite) add(k junitCase) {
	s.Cases = append(s.Cases, k)
	s.Tests++
	switch {
	case k.Failure != nil:
		s.Failures++
	case k.Error != nil:
		s.Errors++
	case k.Skipped != nil:
		s.Skipped++
	}
}

func (all *junitSuites) add(s junitSuite) {
	all.Suites = append(all.Suites, s)
	all.Tests += s.Tests
	all.Failures += s.Failures
	all.Errors += s.Errors
}

// junit is the case of a scenario.
func junit(suite string, x *result.Result) junitCase {
	area, name, _ := strings.Cut(x.Key, "/")
	k := junitCase{Class: class(suite, area), Name: printable(x.Requirement + " " + name), Time: seconds(x.Seconds)}
	switch {
	case x.Outcome == result.Passed:
	case x.Unexpected:
		lines := []string{x.Text, "", "step: " + x.Step, "repeat: " + x.Repeat}
		if x.Capture != "" {
			lines = append(lines, "packets: "+x.Capture)
		}
		text := &junitText{Message: oneLine(printable(x.About() + ": " + x.Text)), Type: x.Outcome.String(), Body: printable(strings.Join(lines, "\n"))}
		if x.Outcome == result.Failed {
			k.Failure = text
		} else {
			k.Error = text
		}
		k.SystemOut, k.SystemErr = printable(strings.Join(timeline(x.Sequence), "\n")), printable(x.Stderr)
	default:
		message := x.Outcome.String() + ": " + x.Text
		if x.Known != nil {
			message = "known failure: " + x.Known.Reason
		}
		k.Skipped = &junitSkipped{oneLine(printable(message))}
	}
	return k
}

// class is what cases are grouped by. Jenkins takes what stands before its last
// dot for a package, so that a cell is one.
func class(suite, file string) string {
	return strings.NewReplacer(".", "_", "#", "_").Replace(suite) + "." + strings.ReplaceAll(file, ".", "_")
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
