// Package deviate is what the patched reference asks whether it is to break a
// requirement. Nothing of the project imports it: the import is put in by the
// patches of package saboteur.
package deviate

import "sync"

// One saboteur acts at a time, and only while its own testee works: the codec
// and the seals of the peer are those that the harness judges by.
var (
	mu    sync.Mutex
	name  string
	acts  bool
	count int
	asked map[string]bool // nil: not recorded
)

// As reports whether the saboteur of that name acts now, and counts it: it is
// called where the deviation is next.
func As(saboteur string) bool {
	if acts && asked != nil {
		asked[saboteur] = true
	}
	if !acts || name != saboteur {
		return false
	}
	count++
	return true
}

// Become names the saboteur of what follows, and sets its count to zero.
func Become(saboteur string) { name, count = saboteur, 0 }

// Record begins to note whose places the testee comes by, whoever acts.
func Record() { asked = map[string]bool{} }

// Asked are the names that were asked about since Record, and ends it.
func Asked() map[string]bool {
	names := asked
	asked = nil
	return names
}

// Count is how often it has deviated.
func Count() int { return count }

// While lets a testee work, alone: as the saboteur, or as itself.
func While(saboteur bool, work func()) {
	mu.Lock()
	defer mu.Unlock()
	acts = saboteur
	defer func() { acts = false }()
	work()
}
