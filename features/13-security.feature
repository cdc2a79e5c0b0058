Feature: What strangers can't do
  Source addresses are easily forged, and identities are not proven. A peer
  believes an address when a datagram went there and back, and gives no
  stranger more than it got.

  @LAT-SEC-001 @alone
  Rule: Three bytes out for one in, until the address is verified

    @id:sec/three-bytes-out-for-one-in
    Scenario Outline: <trigger>
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "mute" on the public internet that never answers
      When "eve" is known to the subject
      And "eve" sends the subject 20 publishes
      And "mute" sends the subject <trigger>
      And 3 s pass
      Then the subject has sent "mute" at most 3 bytes for each byte that it got

      Examples:
        | trigger                                |
        | a small ping                           |
        | a ping with probeExternalPort          |
        | a connection ping                      |
        | a sync with an invented hash           |
        | a sync with 16 invented buckets        |
        | a join that names another address      |
        | a query for a cached packet            |

  @LAT-SEC-002 @alone
  Rule: A known peer is not moved by a stranger

    @id:sec/stranger-takes-a-known-peer-id
    Scenario: A stranger takes a known peer's id
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "mute" on the public internet that never answers
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "mute" sends the subject a connection ping in the name of "bob"
      And 1 s passes
      And "carol" sends the subject a publish
      Then the subject relays that publish to "bob" once, with hops 2
      And no publish from the subject reaches "mute"

  @LAT-SEC-007 @alone
  Rule: A verified address vouches for who answered there, and for nobody else

    @id:sec/another-name-at-a-verified-address
    Scenario: A datagram from a known peer's address has another name
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "dave" on the public internet
      When "bob" is known to the subject
      Then the subject reports a connection to "bob" without a proxy
      When "bob" sends the subject a connection ping in the name of "dave"
      And 3 s passes
      Then the subject reports no connection to "dave"

  @LAT-SEC-010 @alone
  Rule: An address changes its name by an echo alone

    @id:sec/name-without-an-echo
    Scenario: A pong that echoes nothing has another name
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "dave" on the public internet
      When "bob" is known to the subject
      Then the subject reports a connection to "bob" without a proxy
      When "bob" sends the subject a connection pong in the name of "dave"
      And 3 s pass
      Then the subject reports no connection to "dave"
      When "dave" is known to the subject
      Then the subject reports a connection to "dave" without a proxy

  @LAT-SEC-009 @alone
  Rule: An echo proves once

    @id:sec/echo-of-before
    Scenario: The pong that verified an address is sent again
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      And an injector "dave" on the public internet
      When "bob" is known to the subject
      And "bob" falls silent
      And 8 keepalive intervals pass
      And "carol" is known to the subject
      And "dave" is known to the subject
      And "bob" sends the subject the pong by which it was verified again
      And "bob" sends the subject a connection ping in the name of "bob"
      And "bob" sends the subject the pong by which it was verified again
      And 3 s pass
      And "carol" sends the subject a publish
      Then the subject relays that publish to "dave" once, with hops 2
      And no publish from the subject reaches "bob"

  @LAT-SEC-008
  Rule: An echo is of one address

    @id:sec/echo-of-one-address
    Scenario: Two peers are challenged
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And 2 keepalive intervals pass
      Then no pingId that the subject sent "bob" was sent to "carol"

  @LAT-SEC-011
  Rule: Nothing goes to an address that nobody named

    @id:sec/address-that-nobody-named @classical
    Scenario: An address in a pong and in a question
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "victim" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject packets that name the address of "victim"
      And 3 s pass
      Then nothing from the subject reaches "victim"
      When "eve", now known, introduces the subject to "victim"
      Then a connection ping from the subject reaches "victim"

  @LAT-SEC-003
  Rule: A reflection answer that nobody asked for changes nothing

    @id:sec/unasked-reflection-answer
    Scenario Outline: After discovery, with <id> reflectionId
      Given 3 bootstrap peers
      And the host "alice" on the public internet
      And an injector "eve" on the public internet
      When the subject starts on "alice"
      Then the subject's NAT type is 31
      When "eve" is known to the subject
      And "eve" sends the subject reflection pongs that name 203.0.113.66 with <id> reflectionId
      Then the subject's NAT type is still 31
      And the subject's own address is still that of "alice"

      Examples:
        | id          |
        | a null      |
        | no          |
        | an invented |
