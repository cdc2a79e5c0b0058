// The keys that a peer holds: section 3.1 (spec/03-keys.md).

package seal

import (
	"fmt"
	"slices"
)

// Keyring holds the keys of the subclusters that a peer has joined, in the order joined. The zero
// value is empty. There are few, so it is a list.
type Keyring struct{ keys []Keys }

// Add puts keys into the ring; those of a subcluster already there stay as they are.
func (r *Keyring) Add(k Keys) {
	if _, held := r.Find(k.SubclusterID[:]); !held {
		r.keys = append(r.keys, k)
	}
}

// Remove takes a subcluster's keys out.
func (r *Keyring) Remove(subclusterID [32]byte) {
	r.keys = slices.DeleteFunc(r.keys, func(k Keys) bool { return k.SubclusterID == subclusterID })
}

// Find looks a subclusterId up, as it came off the wire, of any length.
func (r *Keyring) Find(subclusterID []byte) (Keys, bool) {
	for _, k := range r.keys {
		if string(k.SubclusterID[:]) == string(subclusterID) {
			return k, true
		}
	}
	return Keys{}, false
}

// All gives the keys in the order they were added. The caller must not change the list.
func (r *Keyring) All() []Keys { return r.keys }

// Open opens a message sealed for the subcluster; ErrNoKey if its keys are not in the ring.
func (r *Keyring) Open(subclusterID, sealed []byte) ([]byte, error) {
	k, held := r.Find(subclusterID)
	if !held {
		return nil, fmt.Errorf("seal: subcluster %x: %w", subclusterID, ErrNoKey)
	}
	return Open(k, sealed)
}
