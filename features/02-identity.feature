Feature: Identity of packets
  A packetId is the hash of what the packet says. A long message is split into
  packets that are chained by their ids, and composed again from them.

  @LAT-ID-001
  Rule: The id of a control packet is the hash of what it says

    @id:id/control-packets-of-a-leaf
    Scenario: What a leaf sends
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      Then the subject has sent a join with hops 1 and these keys: requesterPeerId, natType, address, port
      And every ping, pong, intro and sync that the subject sent has the packetId of its content

  @LAT-ID-002
  Rule: The id of a publish is the hash of its message

    @id:id/publish
    Scenario: A short message
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      And the subject publishes "one packet"
      Then every publish that the subject sent has the packetId of its content

  @LAT-ID-004
  Rule: Messages over 1024 sealed bytes are split

    @id:id/long-messages-are-split
    Scenario Outline: <bytes> bytes of plaintext make <packets> packets
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      And the subject publishes <bytes> bytes
      Then the message leaves the subject as <packets> packets of at most 1024 message bytes

      Examples:
        | bytes | packets |
        | 1     | 1       |
        | 864   | 1       |
        | 865   | 3       |
        | 5000  | 7       |

  @LAT-ID-003
  Rule: Fragments are chained by their ids

    @id:id/fragments-are-chained
    Scenario: Five thousand bytes
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      And the subject publishes 5000 bytes
      Then the message leaves the subject as 7 packets of at most 1024 message bytes
      And the packetIds of its fragments form the chain

  @LAT-ID-005
  Rule: Fragments may come in any order

    @id:id/fragments-in-any-order
    Scenario Outline: Order <order>
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve" sends the subject a fragmented publish for its subcluster in the order <order>
      Then the subject delivers that publish once

      Examples:
        | order |
        | 0 1 2 |
        | 2 1 0 |
        | 1 2 0 |
        | 1 0 2 |
        | 0 0 1 1 2 2 |

  @LAT-ID-006 @alone
  Rule: A publish whose id is not that of its content is dropped

    @id:id/publish-with-a-false-id
    Scenario: A false id, then a true one
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a publish with a false packetId
      And "carol" sends the subject another publish
      Then the subject relays the second publish to "bob", but not the first

  @LAT-ID-007 @extended
  Rule: Forged fragments don't keep a message from being composed

    @id:id/forged-fragments
    Scenario Outline: Order <order>
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve" sends the subject a fragmented publish for its subcluster in the order <order>
      Then the subject delivers that publish once

      Examples:
        | order                   |
        | 0 forged-1 1 2          |
        | 0 forged-1 forged-2 1 2 |
        | forged-1 forged-2 2 1 0 |

  @LAT-ID-008 @extended
  Rule: What follows a message is no part of it

    @id:id/reply-among-fragments
    Scenario Outline: Order <order>
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve" sends the subject a fragmented publish for its subcluster in the order <order>
      Then the subject delivers that publish once
      And the subject receives "a reply" once

      Examples:
        | order       |
        | 0 reply 1 2 |
        | reply 0 1 2 |
        | 0 1 2 reply |
