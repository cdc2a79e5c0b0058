package internet

type eventKind uint8

const (
	arrival eventKind = iota
	release           // of a packet that waited to be overtaken
)

type event struct {
	at     int64
	seq    uint64
	kind   eventKind
	holds  uint32
	dir    *direction
	packet *packet
}

// A heap is events in the order of (at, seq). Container/heap would make an
// interface value, and so garbage, of each.
type heap struct {
	events []event
	seq    uint64
}

func (h *heap) before(i, j int) bool {
	a, b := &h.events[i], &h.events[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (h *heap) push(e event) {
	h.seq++
	e.seq = h.seq
	h.events = append(h.events, e)
	i := len(h.events) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !h.before(i, parent) {
			break
		}
		h.events[i], h.events[parent] = h.events[parent], h.events[i]
		i = parent
	}
}

func (h *heap) pop() event {
	top := h.events[0]
	last := len(h.events) - 1
	h.events[0] = h.events[last]
	h.events[last] = event{}
	h.events = h.events[:last]
	i := 0
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h.before(child, least) {
				least = child
			}
		}
		if least == i {
			return top
		}
		h.events[i], h.events[least] = h.events[least], h.events[i]
		i = least
	}
}
