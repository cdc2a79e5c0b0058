@alone
Feature: What strangers can't do
  Source addresses are easily forged, and identities are not proven. A peer
  believes an address when a datagram went there and back, and gives no
  stranger more than it got.

  Background:
    Given the subject runs as a bootstrap peer on "alice"

  @LAT-SEC-001
  Rule: Three bytes out for one in, until the address is verified

    @id:sec/three-bytes-out-for-one-in
    Scenario Outline: <trigger>
      Given an injector "eve" on the public internet
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

  @LAT-SEC-002
  Rule: A known peer is not moved by a stranger

    @id:sec/stranger-takes-a-known-peer-id
    Scenario: A stranger takes a known peer's id
      Given an injector "bob" on the public internet
      And an injector "mute" on the public internet that never answers
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "mute" sends the subject a connection ping in the name of "bob"
      And 1 s passes
      And "carol" sends the subject a publish
      Then the subject relays that publish to "bob" once, with hops 2
      And no publish from the subject reaches "mute"

  @LAT-SEC-007
  Rule: A verified address vouches for who answered there, and for nobody else

    @id:sec/another-name-at-a-verified-address
    Scenario: A datagram from a known peer's address has another name
      Given an injector "bob" on the public internet
      And an injector "dave" on the public internet
      When "bob" is known to the subject
      Then the subject reports a connection to "bob" without a proxy
      When "bob" sends the subject a connection ping in the name of "dave"
      And 3 s passes
      Then the subject reports no connection to "dave"

  @LAT-BUDG-003 @virtual
  Rule: One source gets 1024 joins and publishes a minute

    @id:budg/one-minute-share
    Scenario: Eleven hundred publishes
      Given an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject 1100 publishes in half a minute
      Then the subject has cached at most 1024 of them
