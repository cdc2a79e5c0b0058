Feature: Streams
  A stream is a message for one peer: it goes to where that peer is reached,
  through whoever stands between, and nowhere else. Nobody keeps it.

  @LAT-STRM-001 @extended
  Rule: A stream names both its ends

    @id:strm/names-both-ends
    Scenario: A short message and a long one
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And the subject streams messages of 10 and 3000 bytes to "bob"
      Then "bob" receives each of its streams once
      And every stream of the subject has hops 0 and names "bob" in usr3 and the subject in usr4

  @LAT-STRM-002 @extended
  Rule: What opens is delivered, whoever its source

    @id:strm/from-a-member-never-met
    Scenario: A member that the subject has never met
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve", an injector, streams "out of the blue" to the subject
      Then the subject receives each of its streams once

  @LAT-STRM-003 @extended
  Rule: A long message is no burst

    @id:strm/long-message-is-no-burst
    Scenario: A hundred thousand bytes
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And the subject streams messages of 100000 bytes to "bob"
      Then "bob" receives each of its streams once
      And the 99 packets of the message or more left the subject over 50 ms or more

  @LAT-STRM-004 @extended
  Rule: A streamed message is delivered once

    @id:strm/messages-of-all-lengths
    Scenario: Messages of all lengths
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And "bob" streams messages of 1, 864, 865, 3000 and 100000 bytes to the subject
      Then the subject receives each of its streams once

    @id:strm/packets-come-twice
    Scenario: Every packet comes twice
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve" streams a fragmented message to the subject in the order 0 0 1 1 2 2 0 1 2
      Then the subject receives each of its streams once

  @LAT-STRM-005 @extended
  Rule: Fragments may come in any order, and those of several messages at a time

    @id:strm/fragments-in-any-order
    Scenario Outline: Order <order>
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve" streams a fragmented message to the subject in the order <order>
      Then the subject receives each of its streams once

      Examples:
        | order |
        | 0 1 2 |
        | 0 2 1 |
        | 1 0 2 |
        | 1 2 0 |
        | 2 0 1 |
        | 2 1 0 |

    @id:strm/two-senders-at-once
    Scenario: Two senders at once
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "mallory" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "mallory" is known to the subject
      And "eve" and "mallory" each stream a fragmented message to the subject, packet by packet in turn
      Then the subject receives each of its streams once

    @id:strm/fragments-of-two-messages
    Scenario: What one message lacks another does not give
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve" streams a fragmented message to the subject in the order 0 2
      And "eve" streams a fragmented message to the subject in the order 0 1 2
      Then the subject receives each of its streams once
      And the subject has delivered 1 stream

  @LAT-STRM-006 @extended
  Rule: A stream for a connected peer is relayed to it alone

    @id:strm/relays-between-known-peers @alone
    Scenario: Between two peers that the subject knows
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      And an injector "dave" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "dave" is known to the subject
      And "carol" sends the subject a stream for "bob"
      Then the subject relays that stream to "bob" once, with hops 1
      And the subject does not relay that stream to "dave"
      And the subject does not relay that stream to "carol"

    @id:strm/relays-between-two-leaves
    Scenario: Between two leaves that can't reach each other
      Given 3 bootstrap peers
      And the subject behind a symmetric NAT
      And a companion "bob" behind a symmetric NAT
      When the subject and "bob" join the same subcluster
      And the subject streams messages of 10 and 3000 bytes to "bob"
      And "bob" streams messages of 10 and 3000 bytes to the subject
      Then "bob" receives each of its streams once
      And the subject receives each of its streams once

    @id:strm/for-nobody-then-for-somebody @alone
    Scenario: For nobody, then for somebody
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a stream for a peer that nobody knows
      And "carol" sends the subject another stream for "bob"
      Then the subject relays the second stream to "bob", but not the first

  @LAT-STRM-007 @alone @extended
  Rule: A stream does not go round in circles

    @id:strm/same-packet-twice
    Scenario: The same packet twice
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a stream for "bob" twice
      Then the subject relays that stream to "bob" once, with hops 1

    @id:strm/relay-sends-it-back
    Scenario: A relay that sends it back
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a stream for "bob"
      And "bob" sends the subject that stream back
      Then the subject relays that stream to "bob" once, with hops 1
      And the subject does not relay that stream to "carol"

    @id:strm/for-its-own-source
    Scenario: For its own source
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "bob" sends the subject a stream for "bob"
      And "carol" sends the subject another stream for "bob"
      Then the subject relays the second stream to "bob", but not the first

  @LAT-STRM-008 @alone @extended
  Rule: Sixteen hops are the end of a stream

    @id:strm/stream-with-sixteen-hops
    Scenario: Sixteen and fifteen
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a stream for "bob" with hops 16
      And "carol" sends the subject another stream for "bob" with hops 15
      Then the subject relays the stream with hops 15 to "bob", but not the one with hops 16

  @LAT-STRM-009 @alone @extended
  Rule: Strangers are not served

    @id:strm/stream-of-a-stranger
    Scenario: A source that never answers, then one that does
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      And an injector "mute" on the public internet that never answers
      When "bob" is known to the subject
      And "mute" sends the subject a stream for "bob"
      And "carol" sends the subject another stream for "bob"
      Then the subject relays the second stream to "bob", but not the first

  @LAT-STRM-010 @extended
  Rule: Each of several peers can read what is streamed to them

    @id:strm/one-message-for-two-peers
    Scenario: One message for two peers
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      And a companion "carol" behind an address-restricted NAT
      When "carol" joins the subcluster "the same subcluster"
      And the subject and "bob" join the same subcluster
      And the subject streams "for both of you" to "bob"
      And the subject streams "for both of you" to "carol"
      Then "bob" receives each of its streams once
      And "carol" receives each of its streams once

  @LAT-STRM-011 @extended
  Rule: A stream that can't be opened harms nobody

    @id:strm/noise-and-false-heads
    Scenario: Noise, and heads that are none
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve" streams to the subject what can't be opened
      Then the subject still answers an honest ping

  @LAT-STRM-012 @extended
  Rule: Two long messages have two heads

    @id:strm/messages-of-one-length
    Scenario: Messages of one length, all at once
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And the subject streams 4 messages of 2000 bytes at once to "bob"
      Then "bob" receives each of its streams once
      And no two heads of the subject's streams have one packetId

  @LAT-STRM-013 @extended
  Rule: A stream whose id is not that of its content is dropped

    @id:strm/stream-with-a-false-id
    Scenario: A false id, then a true one
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve", an injector, streams "a lie" to the subject under a false packetId
      And "eve", an injector, streams "the truth" to the subject
      Then the subject receives each of its streams once
      And the subject has delivered 1 stream
