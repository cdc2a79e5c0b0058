Feature: Direct traversal
  Two leaves that join the same subcluster are introduced to each other, and
  where the strategy between their NAT types is direct or defer their
  connection pings open the way. The path is read off the routers.

  Background:
    Given 3 bootstrap peers

  @LAT-TRAV-003
  Rule: Where the strategies are direct or defer, two peers connect without a proxy

    Scenario Outline: <subject> meets <companion>
      Given the subject behind a <subject> NAT
      And a companion "bob" behind a <companion> NAT
      When the subject and "bob" join the same subcluster
      Then the subject and "bob" are connected without a proxy
      When "bob" publishes "hello from bob"
      Then the subject receives "hello from bob" once

      @classical
      Examples: the four classical profiles
        | subject            | companion          |
        | full-cone          | full-cone          |
        | full-cone          | address-restricted |
        | full-cone          | port-restricted    |
        | full-cone          | symmetric          |
        | address-restricted | full-cone          |
        | address-restricted | address-restricted |
        | address-restricted | port-restricted    |
        | address-restricted | symmetric          |
        | port-restricted    | full-cone          |
        | port-restricted    | address-restricted |
        | port-restricted    | port-restricted    |
        | symmetric          | full-cone          |
        | symmetric          | address-restricted |

      @all-profiles
      Examples: the other profiles
        | subject              | companion            |
        | open                 | open                 |
        | open                 | full-cone            |
        | open                 | address-restricted   |
        | open                 | port-restricted      |
        | open                 | symmetric            |
        | open                 | symmetric-sequential |
        | open                 | home-router          |
        | open                 | carrier              |
        | open                 | cgnat                |
        | open                 | hotspot              |
        | open                 | corporate            |
        | full-cone            | open                 |
        | full-cone            | symmetric-sequential |
        | full-cone            | home-router          |
        | full-cone            | carrier              |
        | full-cone            | cgnat                |
        | full-cone            | hotspot              |
        | full-cone            | corporate            |
        | address-restricted   | open                 |
        | address-restricted   | symmetric-sequential |
        | address-restricted   | home-router          |
        | address-restricted   | carrier              |
        | address-restricted   | cgnat                |
        | address-restricted   | hotspot              |
        | address-restricted   | corporate            |
        | port-restricted      | open                 |
        | port-restricted      | home-router          |
        | port-restricted      | carrier              |
        | port-restricted      | cgnat                |
        | port-restricted      | hotspot              |
        | symmetric            | open                 |
        | symmetric-sequential | open                 |
        | symmetric-sequential | full-cone            |
        | symmetric-sequential | address-restricted   |
        | home-router          | open                 |
        | home-router          | full-cone            |
        | home-router          | address-restricted   |
        | home-router          | port-restricted      |
        | home-router          | home-router          |
        | home-router          | carrier              |
        | home-router          | cgnat                |
        | home-router          | hotspot              |
        | carrier              | open                 |
        | carrier              | full-cone            |
        | carrier              | address-restricted   |
        | carrier              | port-restricted      |
        | carrier              | home-router          |
        | carrier              | carrier              |
        | carrier              | cgnat                |
        | carrier              | hotspot              |
        | cgnat                | open                 |
        | cgnat                | full-cone            |
        | cgnat                | address-restricted   |
        | cgnat                | port-restricted      |
        | cgnat                | home-router          |
        | cgnat                | carrier              |
        | cgnat                | cgnat                |
        | cgnat                | hotspot              |
        | hotspot              | open                 |
        | hotspot              | full-cone            |
        | hotspot              | address-restricted   |
        | hotspot              | port-restricted      |
        | hotspot              | home-router          |
        | hotspot              | carrier              |
        | hotspot              | cgnat                |
        | hotspot              | hotspot              |
        | corporate            | open                 |
        | corporate            | full-cone            |
        | corporate            | address-restricted   |

  @LAT-TRAV-001
  Rule: The strategy towards a peer is that of the table

    @classical
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

    @classical
    Scenario: The ping goes to the introduced address
      Given the subject behind a port-restricted NAT
      And a companion "bob" behind a port-restricted NAT
      When the subject and "bob" join the same subcluster
      Then the subject and "bob" are connected without a proxy
      And the subject sent a connection ping to the address at which it was introduced to "bob"

  @LAT-TRAV-004
  Rule: A connection is reported only when something was received

    @classical
    Scenario: An introduction to nobody
      Given the subject on the public internet
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to a peer of type 7 at an address where nobody is
      And 4 s pass
      Then the subject reports no connection to that peer

  @LAT-TRAV-005
  Rule: An introduction from a stranger is not obeyed

    @classical
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

  @LAT-TRAV-006
  Rule: An introduction names an IPv4 literal

    @classical
    Scenario: A host name instead
      Given the subject on the public internet
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to a peer at the address "victim.example"
      Then the subject still answers an honest ping
