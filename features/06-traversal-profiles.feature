Feature: Traversal by NAT profiles
  Two peers join the same subcluster, each behind a NAT of a named profile. The
  profiles decide how the two are connected. The path is read off the routers.

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
