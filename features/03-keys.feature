Feature: Keys, sealing and signatures
  What is published is sealed for the members of a subcluster, and may be signed.
  Every member opens it, whichever implementation sealed it.

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
