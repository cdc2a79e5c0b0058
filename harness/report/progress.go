package report

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"punchlist/harness/result"
)

// Progress tells what a run is doing: one line that changes on a terminal, a
// line for every scenario elsewhere. Its methods may be called from several
// goroutines.
type Progress struct {
	w     io.Writer
	style Style

	mu      sync.Mutex
	total   int
	tally   result.Tally
	red     int
	running []string
	drawn   bool
	said    map[string]bool // reasons why scenarios of a cell were not judged
	last    time.Time
}

// NewProgress writes to w.
func NewProgress(w io.Writer, s Style) *Progress {
	return &Progress{w: w, style: s, said: map[string]bool{}}
}

// Say writes a line of its own.
func (p *Progress) Say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.w, format+"\n", args...)
}

// Plan says how many scenarios there will be.
func (p *Progress) Plan(total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total = total
}

// Started says that a scenario runs.
func (p *Progress) Started(c *result.Cell, x *result.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, c.Column()+" "+x.Key)
	p.draw(false)
}

// Ended says how it ended.
func (p *Progress) Ended(c *result.Cell, x *result.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.running, c.Column()+" "+x.Key); i >= 0 {
		p.running = slices.Delete(p.running, i, i+1)
	}
	p.tally.Planned++
	p.tally.Add(x.Outcome)
	if x.Unexpected {
		p.red++
	}
	if p.style.Live && !x.Unexpected {
		p.draw(p.tally.Planned == p.total)
		return
	}
	if x.Unexpected && x.Outcome != result.Failed {
		reason := c.Column() + x.Outcome.String() + x.Text
		if p.said[reason] {
			p.draw(p.tally.Planned == p.total)
			return
		}
		p.said[reason] = true
	}
	p.clear()
	name := x.Outcome.String()
	switch {
	case x.Unexpected:
		name = p.style.paint(red, name)
	case x.Outcome == result.Passed:
		name = p.style.paint(green, name)
	}
	fmt.Fprintf(p.w, "[%*d/%d] %s  %s  %s  %s (%.1f s)\n", digits(p.total), p.tally.Planned, p.total, name, x.About(), c.Column(), x.Key, x.Seconds)
	if x.Unexpected || x.Outcome == result.Inconclusive {
		fmt.Fprintf(p.w, "%*s %s\n", 2*digits(p.total)+3, "", oneLine(x.Text))
	}
	p.draw(false)
}

// Done takes the changing line away.
func (p *Progress) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *Progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}

// draw renews the changing line, at most ten times a second unless forced.
func (p *Progress) draw(force bool) {
	if !p.style.Live || !force && p.drawn && time.Since(p.last) < 100*time.Millisecond {
		return
	}
	p.last = time.Now()
	line := fmt.Sprintf("[%*d/%d]", digits(p.total), p.tally.Planned, p.total)
	if p.red > 0 {
		line += fmt.Sprintf(" %d unexpected,", p.red)
	}
	line += fmt.Sprintf(" %d running", len(p.running))
	if len(p.running) > 0 {
		line += ": " + p.running[0]
	}
	if p.style.Width > 0 {
		line = cut(line, p.style.Width-1)
	}
	p.clear()
	fmt.Fprint(p.w, line)
	p.drawn = true
}

func digits(n int) int { return len(fmt.Sprint(n)) }
