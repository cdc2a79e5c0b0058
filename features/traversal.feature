Feature: Traversal
  Two leaves that join the same subcluster are introduced to each other. Where
  the strategy between their NAT types is direct or defer their connection pings
  open the way. Between types 5 and 7 one side guesses the port that the other
  has opened. What can't be reached is reached through the introducer. The path
  is read off the routers.

  Background:
    Given 3 bootstrap peers

  @LAT-TRAV-003
  Rule: Where the strategies are direct or defer, two peers connect without a proxy

    @id:trav/connects-without-proxy
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

  @LAT-TRAV-013 @extended
  Rule: Between types 7 and 5 there is a connection, punched or through a proxy

    @id:trav/connects-punched-or-by-proxy
    Scenario Outline: <subject> meets <companion>
      Given the subject behind a <subject> NAT
      And a companion "bob" behind a <companion> NAT
      When the subject and "bob" join the same subcluster
      Then the subject and "bob" are connected, punched or through a proxy
      When "bob" publishes "hello from bob"
      Then the subject receives "hello from bob" once

      @classical
      Examples: the four classical profiles
        | subject         | companion       |
        | port-restricted | symmetric       |
        | symmetric       | port-restricted |

      @all-profiles
      Examples: the other profiles
        | subject              | companion            |
        | port-restricted      | symmetric-sequential |
        | port-restricted      | corporate            |
        | symmetric            | home-router          |
        | symmetric            | carrier              |
        | symmetric            | cgnat                |
        | symmetric            | hotspot              |
        | symmetric-sequential | port-restricted      |
        | symmetric-sequential | home-router          |
        | symmetric-sequential | carrier              |
        | symmetric-sequential | cgnat                |
        | symmetric-sequential | hotspot              |
        | home-router          | symmetric            |
        | home-router          | symmetric-sequential |
        | home-router          | corporate            |
        | carrier              | symmetric            |
        | carrier              | symmetric-sequential |
        | carrier              | corporate            |
        | cgnat                | symmetric            |
        | cgnat                | symmetric-sequential |
        | cgnat                | corporate            |
        | hotspot              | symmetric            |
        | hotspot              | symmetric-sequential |
        | hotspot              | corporate            |
        | corporate            | port-restricted      |
        | corporate            | home-router          |
        | corporate            | carrier              |
        | corporate            | cgnat                |
        | corporate            | hotspot              |

  @LAT-TRAV-014 @extended
  Rule: Between two peers of type 5 there is a connection through a proxy

    @id:trav/connects-through-proxy
    Scenario Outline: <subject> meets <companion>
      Given the subject behind a <subject> NAT
      And a companion "bob" behind a <companion> NAT
      When the subject and "bob" join the same subcluster
      Then the subject and "bob" are connected through a proxy
      When "bob" publishes "hello from bob"
      Then the subject receives "hello from bob" once

      @classical
      Examples: the four classical profiles
        | subject   | companion |
        | symmetric | symmetric |

      @all-profiles
      Examples: the other profiles
        | subject              | companion            |
        | symmetric            | symmetric-sequential |
        | symmetric            | corporate            |
        | symmetric-sequential | symmetric            |
        | symmetric-sequential | symmetric-sequential |
        | symmetric-sequential | corporate            |
        | corporate            | symmetric            |
        | corporate            | symmetric-sequential |
        | corporate            | corporate            |

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

  @LAT-TRAV-004
  Rule: A connection is reported only when something was received

    @id:trav/introduction-to-nobody @classical
    Scenario: An introduction to nobody
      Given the subject on the public internet
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" introduces the subject to a peer of type 7 at an address where nobody is
      And 4 s pass
      Then the subject reports no connection to that peer

    @id:trav/udp-blocked-meets-nobody @extended
    Scenario Outline: <subject> meets <companion>
      Given the subject behind a <subject> NAT
      And a companion "bob" behind a <companion> NAT
      When the subject and "bob" try to join the same subcluster
      And 2 keepalive intervals pass
      Then the subject reports no connection to "bob"

      @all-profiles
      Examples: the other profiles
        | subject              | companion            |
        | open                 | udp-blocked          |
        | full-cone            | udp-blocked          |
        | address-restricted   | udp-blocked          |
        | port-restricted      | udp-blocked          |
        | symmetric            | udp-blocked          |
        | symmetric-sequential | udp-blocked          |
        | home-router          | udp-blocked          |
        | carrier              | udp-blocked          |
        | cgnat                | udp-blocked          |
        | hotspot              | udp-blocked          |
        | corporate            | udp-blocked          |
        | udp-blocked          | open                 |
        | udp-blocked          | full-cone            |
        | udp-blocked          | address-restricted   |
        | udp-blocked          | port-restricted      |
        | udp-blocked          | symmetric            |
        | udp-blocked          | symmetric-sequential |
        | udp-blocked          | home-router          |
        | udp-blocked          | carrier              |
        | udp-blocked          | cgnat                |
        | udp-blocked          | hotspot              |
        | udp-blocked          | corporate            |
        | udp-blocked          | udp-blocked          |

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

  @LAT-TRAV-019
  Rule: An introduction waits for the proof that its source is asked for

    @id:trav/introducer-under-challenge @classical
    Scenario: An introducer that is being asked who it is
      Given the subject on the public internet
      And an injector "eve" on the public internet
      And an injector "victim" on the public internet
      When "eve" introduces the subject to "victim" before it answers the subject's question
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

  @LAT-TRAV-015 @extended
  Rule: A connection survives the reboot of a NAT

    @id:trav/nat-reboots
    Scenario Outline: The NAT of a <rebooted> peer reboots, which is connected to a <other> one
      Given the subject behind a <other> NAT
      And a companion "bob" behind a <rebooted> NAT
      When the subject and "bob" join the same subcluster
      Then within 3 keepalive intervals the subject and "bob" are connected without a proxy
      When the NAT of "bob" reboots
      Then within 5 keepalive intervals the subject and "bob" reach each other again
      When "bob" publishes "hello from bob"
      Then the subject receives "hello from bob" once

      @classical
      Examples: the four classical profiles
        | rebooted           | other              |
        | port-restricted    | port-restricted    |
        | full-cone          | address-restricted |
        | symmetric          | full-cone          |
        | address-restricted | symmetric          |

      @all-profiles
      Examples: the other profiles
        | rebooted | other           |
        | hotspot  | home-router     |
        | carrier  | port-restricted |
        | cgnat    | hotspot         |
        | hotspot  | open            |

      @virtual
      Examples: a way that was guessed has to be guessed again
        | rebooted        | other           |
        | symmetric       | port-restricted |
        | port-restricted | symmetric       |
        | carrier         | corporate       |

  @LAT-TRAV-016 @extended
  Rule: Two peers behind one NAT

    @id:trav/one-nat-that-hairpins
    Scenario Outline: A <profile> NAT, which hairpins
      Given the subject and a companion "bob" behind one <profile> NAT
      When the subject and "bob" join the same subcluster
      Then the subject and "bob" are connected without a proxy

      @classical
      Examples: the four classical profiles
        | profile            |
        | full-cone          |
        | address-restricted |
        | port-restricted    |

      @all-profiles
      Examples: the other profiles
        | profile     |
        | home-router |
        | carrier     |
        | cgnat       |

    @id:trav/one-nat-that-does-not-hairpin
    Scenario Outline: A <profile> NAT, which does not lead back inside
      Given the subject and a companion "bob" behind one <profile> NAT
      When the subject and "bob" join the same subcluster
      Then the subject and "bob" are connected through a proxy
      When "bob" publishes "hello from bob"
      Then the subject receives "hello from bob" once

      @classical
      Examples: the four classical profiles
        | profile   |
        | symmetric |

      @all-profiles
      Examples: the other profiles
        | profile              |
        | symmetric-sequential |
        | hotspot              |
        | corporate            |

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
