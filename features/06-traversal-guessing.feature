Feature: Guessing ports
  Between types 5 and 7 one side opens ports, and the other guesses one of them.

  Background:
    Given 3 bootstrap peers

  @LAT-TRAV-007 @extended
  Rule: A peer of type 7 opens 1,024 ports for one of type 5

    @id:trav/opens-1024-ports @classical
    Scenario: Openers to an address that stays silent
      Given the subject behind a port-restricted NAT
      And an injector "eve" that is a bootstrap peer to the subject
      And an injector "target" on the public internet that never answers
      When "eve", its bootstrap peer, introduces the subject to "target" as a peer of type 5
      Then the subject sends openers to 1024 distinct ports of "target"

  @LAT-TRAV-008 @extended
  Rule: A peer of type 5 pings one of type 7 from many sockets

    @id:trav/pings-from-many-sockets @classical
    Scenario: Pings to an address that stays silent
      Given the subject behind a symmetric NAT
      And an injector "eve" that is a bootstrap peer to the subject
      And an injector "target" on the public internet that never answers
      When "eve", its bootstrap peer, introduces the subject to "target" as a peer of type 7
      Then the subject pings "target" from 100 to 256 sockets, at most 1024 times

  @LAT-TRAV-009 @extended
  Rule: A ping from an opened port is believed

    @id:trav/ping-from-an-opened-port @classical
    Scenario: A peer whose answers come from elsewhere
      Given the subject behind a port-restricted NAT
      And an injector "eve" that is a bootstrap peer to the subject
      And an injector "target" on the public internet that never answers
      When "eve", its bootstrap peer, introduces the subject to "target" as a peer of type 5
      And "target" pings the subject from a port that was opened for it, and answers nothing
      Then the subject reports a connection to "target" without a proxy

  @LAT-TRAV-010 @extended
  Rule: Only the introduced address is heard where it is looked for

    @id:trav/stranger-at-the-pool-sockets @classical
    Scenario: A stranger at the sockets that look for somebody
      Given the subject behind a symmetric NAT
      And an injector "eve" that is a bootstrap peer to the subject
      And an injector "target" on the public internet that never answers
      And an injector "mallory" on the network of the subject
      When "eve", its bootstrap peer, introduces the subject to "target" as a peer of type 7
      And "mallory" pings the sockets from which the subject looks for "target", in its name
      Then the subject answers "target" there, and not "mallory"

  @LAT-TRAV-017 @extended
  Rule: All goes by the socket that reaches a peer

    @id:trav/one-socket-after-two-intervals @classical @virtual
    Scenario: Two intervals after the traversal
      Given the subject behind a symmetric NAT
      And a companion "bob" behind a port-restricted NAT
      When the subject and "bob" join the same subcluster
      Then the subject sends to "bob" from one socket, which is not its main socket

    @id:trav/one-socket-of-many @classical
    Scenario: Whoever answers at one of the many
      Given the subject behind a symmetric NAT
      And an injector "eve" that is a bootstrap peer to the subject
      And an injector "target" on the public internet that never answers
      When "eve", its bootstrap peer, introduces the subject to "target" as a peer of type 7
      And "target" answers at one of the sockets from which the subject looks for it
      Then the subject sends to "target" from one socket, which is not its main socket

  @LAT-TRAV-018 @extended
  Rule: One traversal for each target and interval

    @id:trav/four-introductions-to-one-address @classical
    Scenario: Four introductions to one address
      Given the subject behind a symmetric NAT
      And an injector "eve" that is a bootstrap peer to the subject
      And an injector "target" on the public internet that never answers
      When "eve", its bootstrap peer, introduces the subject to 4 peers at the address of "target" as of type 7
      Then the subject pings "target" from 100 to 256 sockets, at most 1024 times
