Feature: Publishing
  What is published is sealed for the members of a subcluster and carried by
  whoever is there: it is cached, relayed and can be read by members alone.

  @LAT-REPL-003
  Rule: A member opens and delivers each message once

    @id:repl/receives-a-publish-once
    Scenario: From one NAT to another, through strangers that can't read it
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And "bob" publishes "hello from bob"
      Then the subject receives "hello from bob" once
      And "hello from bob" is nowhere on the wire in the clear
      And no bootstrap peer has opened it

    @id:repl/publishes-to-another-member
    Scenario: The other way round
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And the subject publishes "hello from the subject"
      Then "bob" receives "hello from the subject" once

  @LAT-REPL-001
  Rule: A publish leaves with hops 1 and stays in the author's cache

    @id:repl/hops-and-cache-of-a-publish
    Scenario: A short message
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      And the subject publishes "kept"
      Then each publish that the subject multicast first had hops 1
      And the published packets are in the subject's cache

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

  @LAT-KEY-002
  Rule: What one implementation seals every member opens

    @id:key/opens-messages-of-all-lengths
    Scenario: Empty, short and long messages
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind a port-restricted NAT
      When the subject and "bob" join the same subcluster
      And the subject publishes messages of 1, 864, 865 and 3000 bytes
      Then "bob" receives each of them once
      When "bob" publishes messages of 1, 864, 865 and 3000 bytes
      Then the subject receives each of them once

  @LAT-KEY-004
  Rule: A signature leaves out the first 64 bytes

    @id:key/signature-leaves-out-64-bytes
    Scenario Outline: <bytes> bytes
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      And the subject publishes <bytes> bytes, signed
      Then the signature on the wire covers the plaintext without its first 64 bytes

      Examples:
        | bytes |
        | 10    |
        | 200   |
        | 2000  |

  @LAT-REPL-002 @alone
  Rule: A stranger's publish is cached and relayed

    @id:repl/relays-for-a-cluster-it-is-not-in
    Scenario: Through a peer that does not belong to the cluster
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a publish twice
      Then the subject relays that publish to "bob" once, with hops 2
      And that publish is in the subject's cache

    @id:repl/publish-of-another-cluster
    Scenario: Of another cluster
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a publish of another cluster
      Then the subject relays that publish to "bob" once, with hops 2
      And that publish is in the subject's cache

  @LAT-REPL-004 @alone
  Rule: A publish does not go back to where it came from

    @id:repl/publish-does-not-go-back
    Scenario: The sender is known
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a publish
      Then the subject relays that publish to "bob" once, with hops 2
      And the subject does not relay that publish to "carol"

  @LAT-REPL-005
  Rule: A publish that can't be opened harms nobody

    @id:repl/noise-for-a-joined-subcluster
    Scenario: Two hundred bytes of noise for a joined subcluster
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve" sends the subject publishes for its subcluster that can't be opened
      Then the subject still answers an honest ping

  @LAT-REPL-006 @alone
  Rule: Sixteen hops are the end of a publish

    @id:repl/publish-with-sixteen-hops
    Scenario: Sixteen and fifteen
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a publish with hops 16
      And "carol" sends the subject another publish with hops 15
      Then the subject relays the publish with hops 15 to "bob", but not the one with hops 16

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

  @LAT-KEY-005 @extended
  Rule: Verified is what its signer signed

    @id:key/signed-by-another-member
    Scenario Outline: <bytes> bytes, from another member
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind a port-restricted NAT
      When the subject and "bob" join the same subcluster
      And "bob" publishes <bytes> bytes, <signed>
      Then the subject delivers it, <verified>

      Examples:
        | bytes | signed   | verified     |
        | 10    | signed   | verified     |
        | 64    | signed   | verified     |
        | 65    | signed   | verified     |
        | 3000  | signed   | verified     |
        | 200   | unsigned | not verified |

    @id:key/signed-for-another-member
    Scenario Outline: <bytes> bytes, to another member
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind a port-restricted NAT
      When the subject and "bob" join the same subcluster
      And the subject publishes <bytes> bytes, signed
      Then "bob" delivers it, verified

      Examples:
        | bytes |
        | 10    |
        | 3000  |

    @id:key/signatures-of-an-injector
    Scenario Outline: <bytes> bytes with <what>
      Given the subject on the public internet
      And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject
      When the subject joins a subcluster
      And "bob" publishes for the subject's subcluster <bytes> bytes with <what>
      Then the subject delivers it, <verified>

      Examples:
        | bytes | what                                 | verified     |
        | 200   | the signature that it should have    | verified     |
        | 200   | the signature of another             | not verified |
        | 200   | the signature of the whole plaintext | not verified |
        | 10    | the signature of another             | not verified |

  @LAT-KEY-006 @extended
  Rule: A bad signature keeps no message back

    @id:key/bad-signatures
    Scenario Outline: <bytes> bytes with <what>
      Given the subject on the public internet
      And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject
      When the subject joins a subcluster
      And "bob" publishes for the subject's subcluster <bytes> bytes with <what>
      Then the subject delivers it all the same

      Examples:
        | bytes | what                     |
        | 200   | no signature             |
        | 200   | the signature of another |
        | 200   | a signature of 63 bytes  |
        | 10    | a key of 31 bytes        |

  @LAT-KEY-007 @extended
  Rule: An event goes by the hash of its name

    @id:key/event-of-a-publish
    Scenario Outline: <bytes> bytes
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      And the subject publishes <bytes> bytes, signed
      Then usr1 of each packet of the message is the SHA-256 of "message"

      Examples:
        | bytes |
        | 10    |
        | 2000  |

  @LAT-KEY-008 @extended
  Rule: A message is reported with its event

    @id:key/event-of-a-delivery
    Scenario: From another member, and to it
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind a port-restricted NAT
      When the subject and "bob" join the same subcluster
      And "bob" publishes 10 bytes, signed
      Then the subject delivers it as the event "message"
      When "bob" publishes 3000 bytes, unsigned
      Then the subject delivers it as the event "message"
