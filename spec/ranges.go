package spec

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Unit is what a constant counts. K is the keepalive interval of the peer; Count is of packets,
// peers, sockets and whatever else the name of the constant says.
type Unit string

// The units of constants.
const (
	Count  Unit = "count"
	Bytes  Unit = "bytes"
	Millis Unit = "ms"
	Secs   Unit = "s"
	Hours  Unit = "h"
	Ks     Unit = "K"
)

// A Quantity is a figure with its unit.
type Quantity struct {
	Value float64
	Unit  Unit
}

// A Range is what a peer may choose from: both ends belong to it. Without a greatest value, Most is
// +Inf in the unit of Least. The ends may have different units, such as ms and K.
type Range struct{ Least, Most Quantity }

var quantity = regexp.MustCompile(`^(0|[1-9][0-9]{0,2}(?:,[0-9]{3})*|[0-9]\.[0-9]+)(?: (bytes|ms|s|h|K))?$`)

// quantityOf reads "30,000 ms", "0.5 K" or "64".
func quantityOf(text string) (q Quantity, ok bool) {
	m := quantity.FindStringSubmatch(text)
	if m == nil {
		return q, false
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", ""), 64)
	if err != nil {
		return q, false
	}
	if m[2] == "" {
		return Quantity{v, Count}, true
	}
	return Quantity{v, Unit(m[2])}, true
}

// Value is the default as a figure. It reports false where the default is a series of times, or
// bytes of a packet.
func (c Constant) Value() (Quantity, bool) {
	return quantityOf(strings.TrimSuffix(strings.TrimPrefix(c.Default, "at most "), " later"))
}

// Unit is the unit in which a peer says its value of the constant: that of the default, or that of
// the range where the default is no figure.
func (c Constant) Unit() Unit {
	if q, ok := c.Value(); ok {
		return q.Unit
	}
	if r, ok := c.Range(); ok {
		return r.Least.Unit
	}
	return Count
}

// Fixed reports whether each peer has the default, and none has a choice.
func (c Constant) Fixed() bool { return c.Permitted == "fixed" }

// Range is the permitted range. Both ends of a fixed figure are the default. It reports false where
// the choice is no range (Unranged says why), and for a fixed default that is not a figure.
func (c Constant) Range() (Range, bool) {
	if c.Fixed() {
		q, ok := c.Value()
		return Range{q, q}, ok
	}
	if text, ok := strings.CutPrefix(c.Permitted, "at most "); ok {
		most, ok := quantityOf(text)
		return Range{Quantity{0, most.Unit}, most}, ok
	}
	if text, ok := strings.CutSuffix(c.Permitted, " and up"); ok {
		least, ok := quantityOf(text)
		return Range{least, Quantity{math.Inf(1), least.Unit}}, ok
	}
	from, to, ok := strings.Cut(c.Permitted, " to ")
	if !ok {
		return Range{}, false
	}
	least, ok1 := quantityOf(from)
	most, ok2 := quantityOf(to)
	return Range{least, most}, ok1 && ok2
}

// Permits reports whether a peer whose keepalive interval is k may have this value, in the Unit of
// the constant. What is no range permits everything.
func (c Constant) Permits(value float64, k time.Duration) bool {
	r, ok := c.Range()
	if !ok {
		return true
	}
	is := Quantity{value, c.Unit()}.in(k)
	return r.Least.in(k) <= is && is <= r.Most.in(k)
}

// in is the value in ms, bytes or a count, for a keepalive interval.
func (q Quantity) in(k time.Duration) float64 {
	switch q.Unit {
	case Secs:
		return q.Value * 1000
	case Hours:
		return q.Value * 3_600_000
	case Ks:
		return q.Value * float64(k) / float64(time.Millisecond)
	}
	return q.Value
}

// String is the quantity as the tables have it, but for the commas between thousands.
func (q Quantity) String() string {
	text := strconv.FormatFloat(q.Value, 'f', -1, 64)
	if q.Unit == Count {
		return text
	}
	return text + " " + string(q.Unit)
}

// validateRange holds default and permitted against each other.
func (c Constant) validateRange() error {
	r, ranged := c.Range()
	switch {
	case c.Unranged == "" && !ranged && !c.Fixed():
		return fmt.Errorf("permitted %q is no range (1 to 64; 8 and up; at most 3) and not fixed: reword it, or say why in unranged", c.Permitted)
	case c.Unranged != "" && (ranged || c.Fixed()):
		return fmt.Errorf("permitted %q is a range or fixed: remove unranged", c.Permitted)
	case !ranged:
		return nil
	}
	const k = 30 * time.Second // its own default
	if r.Least.in(k) > r.Most.in(k) {
		return fmt.Errorf("permitted %q ends before it begins", c.Permitted)
	}
	if q, ok := c.Value(); ok && !c.Permits(q.Value, k) {
		return fmt.Errorf("default %q is not permitted, which is %q", c.Default, c.Permitted)
	}
	return nil
}

// Constant finds a constant by its id.
func (s *Standard) Constant(id string) (Constant, bool) {
	for _, c := range s.Constants {
		if c.ID == id {
			return c, true
		}
	}
	return Constant{}, false
}

// LoadConstants reads the constants that the program carries.
func LoadConstants() ([]Constant, error) {
	s, err := LoadStandard()
	if err != nil {
		return nil, err
	}
	return s.Constants, nil
}
