// Package nat is a network address translator for UDP over IPv4 that behaves
// as RFC 4787 says, or that breaks one of its requirements on purpose.
//
// A NAT is a pure state machine over (time, source, destination): it has no
// clock, no goroutine, no socket, and draws its random ports from the source
// that it was made with. The same calls give the same verdicts, always. What
// kind of NAT it is, is data: a Profile, read from profiles.yaml (the named
// kinds) or deviants.yaml (one broken requirement each), or from a file of the
// reader's.
//
// # Time
//
// Every method takes the present. Time never goes back: an earlier time than
// the last one counts as the last one. A mapping (and a filter's permit) that
// was last refreshed at t lives at every time before t+Lifetime and is gone at
// t+Lifetime itself, to the nanosecond.
//
// # What is decided where
//
//   - Mapping (RFC 4787 section 4.1) says what a mapping is bound to: the inside
//     endpoint alone, or also the address, or also the port, that it sends to.
//   - Ports, Overload, Parity, PortLow to PortHigh, PortBlock and Pooling (4.1,
//     4.2) say which external address and port a new mapping gets.
//   - Filtering and FilterScope (5) say who may send to a mapping. What an
//     outbound datagram leaves behind is a permit; it has the same lifetime and
//     the same rules of refresh as a mapping, and dies with it.
//   - Refresh and Lifetime (4.3) say how long mappings and permits live. A
//     datagram that is dropped refreshes nothing and changes nothing.
//   - Hairpin (6) says what happens when an inside host sends to an external
//     address of its own NAT. A hairpinned datagram is filtered as if it came
//     from outside, from its sender's external endpoint.
//   - TableSize, Permits and WhenFull bound the memory.
//
// ICMP errors are translated as RFC 5508 says, by OutboundICMP and
// InboundICMP. ICMP queries (ping) are not translated. Fragments are no matter
// of this package: it is asked once per datagram, by the ends of the flow.
//
// # RFC 4787, requirement by requirement
//
// rfc4787.yaml (Requirements) has one row for each requirement and each of its
// lettered parts: whether it is held by every profile, violated on purpose by
// the profiles listed, or not applicable (with the reason); and the test of
// this package that shows it. A test keeps rows, profiles and tests in step.
//
// # Vectors
//
// The folder vectors (Vectors) holds scripts of what is sent, by whom, and what
// must be seen for it. Vector.Play plays one on any Stage: the bare engine, or a lab
// that carries real packets.
package nat
