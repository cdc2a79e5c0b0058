package injector

import (
	"net/netip"
	"strconv"
	"time"

	"punchlist/reference/cache"
	"punchlist/reference/wire"
)

// A Store is what an injector holds when it plays the other side of a sync.
type Store struct {
	cache *cache.Cache
}

// NewStore makes a store of datagrams that hold publishes.
func NewStore(now time.Time, datagrams ...[]byte) *Store {
	s := &Store{cache: cache.New(0)}
	for _, d := range datagrams {
		s.Add(now, d)
	}
	return s
}

// Add puts a datagram into the store and reports whether it is a publish that
// was not there.
func (s *Store) Add(now time.Time, datagram []byte) bool {
	var p wire.Packet
	if f := wire.Decode(&p, datagram); f != (wire.Fault{}) || p.Type != wire.Publish {
		return false
	}
	id, ok := p.ID()
	if !ok {
		return false
	}
	added, _ := s.cache.Insert(now, cache.Entry{ID: id, Datagram: datagram})
	return added
}

// Len is the number of packets held.
func (s *Store) Len() int { return s.cache.Len() }

// Sync is a sync packet with the summary of the store at a prefix, and a time
// in usr4.
func (s *Store) Sync(now time.Time, p cache.Prefix) wire.Packet {
	summary := s.cache.Summary(now, p)
	packet := wire.NewPacket(wire.Sync)
	packet.Message = summary.Append(nil)
	packet.Usr4 = strconv.AppendInt(nil, now.Add(-6*time.Hour).UnixMilli(), 10)
	return packet
}

// Answer plays the answering side of one received sync packet (LAT-SYNC-004,
// LAT-SYNC-005): deeper summaries for the buckets that differ, packets for
// those that the other side lacks.
func (s *Store) Answer(in *Injector, now time.Time, to netip.AddrPort, received *wire.Packet) error {
	remote, err := cache.DecodeSummary(received.Message)
	if err != nil {
		return nil // the other side is judged by others
	}
	local := s.cache.Summary(now, remote.Prefix)
	if local.Hash == remote.Hash {
		return nil
	}
	for digit := range 16 {
		child, ok := remote.Prefix.Child(digit)
		if !ok {
			continue
		}
		switch {
		case remote.Has(digit) && (!local.Has(digit) || local.Buckets[digit] != remote.Buckets[digit]):
			if _, err := in.Send(to, s.Sync(now, child)); err != nil {
				return err
			}
		case !remote.Has(digit) && local.Has(digit):
			for e := range s.cache.Under(now, child) {
				if err := in.Main.Send(to, e.Datagram); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
