package steps

import (
	"slices"
	"sync"

	"punchlist/reference/seal"
	"punchlist/reference/wire"
)

// sealedAs is all that decides the bytes of a sealed message.
type sealedAs struct {
	random     string // the name of the stream
	subcluster wire.ID
	plaintext  string
}

// maxSealed bounds what sealed remembers: the publishes of two full caches.
const maxSealed = 1 << 14

// sealed are messages as they were sealed. Sealing costs four multiplications on
// a curve, and the scenarios of a run that fill a cache fill it with the same
// messages: half of a run's time would go there.
var (
	sealedMu sync.Mutex
	sealed   = map[sealedAs][]byte{}
)

// sealOnce is seal.Seal with the stream of a name as its source. The result is
// the caller's.
func sealOnce(random string, keys seal.Keys, plaintext []byte) []byte {
	key := sealedAs{random, keys.SubclusterID, string(plaintext)}
	sealedMu.Lock()
	known, ok := sealed[key]
	sealedMu.Unlock()
	if ok {
		return slices.Clone(known)
	}
	message := mustGet(seal.Seal(newStream(random), keys, plaintext))
	sealedMu.Lock()
	defer sealedMu.Unlock()
	if len(sealed) >= maxSealed {
		clear(sealed)
	}
	sealed[key] = message
	return slices.Clone(message)
}
