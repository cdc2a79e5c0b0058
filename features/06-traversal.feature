Feature: Traversal
  Two leaves that join the same subcluster are introduced to each other. Where
  the strategy between their NAT types is direct or defer their connection pings
  open the way. A peer that can't be reached is reached through the introducer.

  Background:
    Given 3 bootstrap peers

  @LAT-TRAV-001
  Rule: The strategy towards a peer is that of the table

    @id:trav/strategies-of-type-31 @classical
    Scenario Outline: A peer of type 31 towards one of type <type>
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "target" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to "target" as a peer of type <type>
      Then a connection ping from the subject reaches "target"

      Examples: direct and defer
        | type |
        | 31   |
        | 15   |
        | 7    |
        | 5    |

  @LAT-TRAV-002
  Rule: An introduction is answered with a connection ping

    @id:trav/pings-the-introduced-address @classical
    Scenario: The ping goes to the introduced address
      Given the subject behind a port-restricted NAT
      And a companion "bob" behind a port-restricted NAT
      When the subject and "bob" join the same subcluster
      Then the subject and "bob" are connected without a proxy
      And the subject sent a connection ping to the address at which it was introduced to "bob"

    @id:trav/pings-where-it-defers @classical
    Scenario: The strategy is defer
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "target" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to "target" as a peer of type 7
      Then a connection ping from the subject reaches "target"

  @LAT-TRAV-005
  Rule: An introduction from a stranger is not obeyed

    @id:trav/introduction-by-a-stranger @classical
    Scenario: A stranger names a target
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "victim" on the public internet
      When "eve", unknown to the subject, introduces it to "victim"
      And 3 s pass
      Then nothing from the subject reaches "victim"
      When "eve" is known to the subject
      And "eve", now known, introduces the subject to "victim"
      Then a connection ping from the subject reaches "victim"

  @LAT-TRAV-020
  Rule: An introduction is for the moment

    @id:trav/stale-introduction @classical
    Scenario: One of three keepalive intervals ago
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "victim" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to "victim" by an introduction that is 3 keepalive intervals old
      And 3 s pass
      Then nothing from the subject reaches "victim"
      When "eve", now known, introduces the subject to "victim"
      Then a connection ping from the subject reaches "victim"

  @LAT-TRAV-019
  Rule: An introduction waits for the proof that its source is asked for

    @id:trav/introducer-under-challenge @classical
    Scenario: An introducer that is being asked who it is
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "victim" on the public internet
      When "eve" introduces the subject to "victim" before it answers the subject's challenge
      Then a connection ping from the subject reaches "victim"

  @LAT-TRAV-006
  Rule: An introduction names an IPv4 literal

    @id:trav/introduction-to-a-host-name @classical
    Scenario: A host name instead
      Given the subject on the public internet
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to a peer at the address "victim.example"
      Then the subject still answers an honest ping

    @id:trav/introduction-to-no-ipv4-literal @classical
    Scenario Outline: The address of a peer <spelled>
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "victim" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to "victim" by its address <spelled>
      And 3 s pass
      Then nothing from the subject reaches "victim"

      Examples:
        | spelled             |
        | in IPv6             |
        | with leading zeros  |
        | as one number       |

  @LAT-TRAV-021
  Rule: An address that no peer can have is nobody's

    @id:trav/introduction-to-no-peers-address @classical
    Scenario Outline: The address <address>
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to a peer at the address "<address>"
      And 3 s pass
      Then nothing from the subject goes to the address "<address>"
      When "eve", now known, introduces the subject to "bob"
      Then a connection ping from the subject reaches "bob"

      Examples:
        | address         |
        | 0.0.0.0         |
        | 127.0.0.1       |
        | 224.0.0.251     |
        | 255.255.255.255 |

  @LAT-TRAV-011 @extended
  Rule: The introducer of a peer that can't be reached is its proxy

    @id:trav/join-by-way-of-the-introducer @classical
    Scenario: A join comes by way of the introducer
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to "bob" at an address where nobody is
      And 5 s pass
      And "eve" passes on a join of "bob"
      Then the subject reports a connection to "bob" by the proxy "eve"

  @LAT-TRAV-012 @extended
  Rule: A proxied peer is reached directly when a later attempt succeeds

    @id:trav/direct-after-a-proxy @classical
    Scenario: A second introduction names the right address
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to "bob" at an address where nobody is
      And 5 s pass
      And "eve" passes on a join of "bob"
      Then the subject reports a connection to "bob" by the proxy "eve"
      When 2 keepalive intervals pass
      And "eve", now known, introduces the subject to "bob"
      Then a connection ping from the subject reaches "bob"
      When "bob" is known to the subject
      Then the subject reports a connection to "bob" without a proxy
