Feature: Lifecycle
  Applications pause and resume, lose their network and find another, end and
  start again. A peer comes back by itself, with what it had, and does what it
  was asked to and nothing else.

  @LAT-MEMB-021 @extended
  Rule: Who was offline is connected again

    @id:memb/offline-for-three-intervals
    Scenario: The link is down for three keepalive intervals
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      Then within 3 keepalive intervals the subject and "bob" are connected without a proxy
      When the link of "alice" is down
      And 3 keepalive intervals pass
      And the link of "alice" is up
      Then within 4 keepalive intervals the subject and "bob" exchange packets, directly or by a proxy

    @id:memb/offline-for-six-intervals @virtual
    Scenario: The link is down for six keepalive intervals, and the others have given it up
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      Then within 3 keepalive intervals the subject and "bob" are connected without a proxy
      When the link of "alice" is down
      And 6 keepalive intervals pass
      And the link of "alice" is up
      Then within 4 keepalive intervals the subject and "bob" exchange packets, directly or by a proxy

  @LAT-MEMB-022 @needs-sleep @extended
  Rule: Who slept is connected again

    @id:memb/asleep-for-three-intervals
    Scenario: Asleep for three keepalive intervals
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      Then within 3 keepalive intervals the subject and "bob" are connected without a proxy
      When the subject falls asleep
      And 2 keepalive intervals pass
      And "bob" publishes "while you slept"
      And 1 keepalive intervals pass
      And the subject wakes
      Then within 4 keepalive intervals the subject and "bob" exchange packets, directly or by a proxy
      And the subject receives "while you slept" once

    @id:memb/asleep-for-six-intervals @virtual
    Scenario: Asleep for six keepalive intervals, and the others have given it up
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      Then within 3 keepalive intervals the subject and "bob" are connected without a proxy
      When 1 keepalive intervals pass
      And the subject falls asleep
      And 3 keepalive intervals pass
      And "bob" publishes "while you slept"
      And 3 keepalive intervals pass
      And the subject wakes
      Then within 4 keepalive intervals the subject and "bob" exchange packets, directly or by a proxy
      And the subject receives "while you slept" once

  @LAT-MEMB-023 @needs-sleep @extended
  Rule: Who sleeps sends nothing

    @id:memb/silent-when-asleep
    Scenario: Two keepalive intervals, and a publish
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And the subject falls asleep
      And the subject publishes "said in its sleep"
      Then for 2 keepalive intervals the subject sends nothing
      When the subject wakes
      Then "bob" receives "said in its sleep" once

  @LAT-MEMB-024 @needs-members @extended
  Rule: A member is who announces itself

    @id:memb/relays-are-no-members
    Scenario: A member, and those who relay for it
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      And a companion "carol" behind a full-cone NAT
      When the subject joins the subcluster "news"
      And "carol" joins the subcluster "weather"
      And "bob" joins the subcluster "news"
      And "bob" publishes "relayed by all"
      Then the subject receives "relayed by all" once
      And the subject counts "bob" as a member of "news", and no other peer

    @id:memb/answer-at-rendezvous-shows-a-member
    Scenario: Who answers at the rendezvous
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When the subject joins the subcluster "news"
      And "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a rendezvous answer that names "bob"
      And "bob" sends the subject a join
      Then the subject counts "bob" as a member of "news", and no other peer

  @LAT-MEMB-025 @extended
  Rule: A peer joins what it was told to join, and nothing else

    @id:memb/subclusters-of-others
    Scenario: Others announce and publish for other subclusters
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject joins the subcluster "news"
      And "bob" joins the subcluster "weather"
      And "bob" publishes "for others"
      Then in 2 keepalive intervals the subject joins the subcluster "news" alone

  @LAT-MEMB-026 @needs-leave @extended
  Rule: A subcluster that was left is announced no more

    @id:memb/left-subcluster
    Scenario: Join and leave
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins the subcluster "news"
      Then in 1 keepalive intervals the subject joins the subcluster "news" alone
      When the subject leaves the subcluster "news"
      Then for 2 keepalive intervals the subject announces itself no more

  @LAT-MEMB-027 @needs-state @extended
  Rule: A restored peer joins nothing by itself

    @id:memb/restored-and-not-told-to-join
    Scenario: A member restarts, and is not told to join
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins the subcluster "news"
      Then in 1 keepalive intervals the subject joins the subcluster "news" alone
      When the subject restarts with the state that it saved
      Then for 2 keepalive intervals the subject announces itself no more

  @LAT-MEMB-031 @extended
  Rule: Bootstrap addresses and a key are enough to meet others

    @id:memb/cold-start
    Scenario Outline: From a cold start, behind a <nat> NAT
      Given 3 bootstrap peers
      And the subject behind a <nat> NAT
      And a companion "bob" behind a home-router NAT
      When the subject and "bob" join the same subcluster
      Then within 3 keepalive intervals the subject and "bob" exchange packets, directly or by a proxy
      When "bob" publishes "found without being told where"
      Then the subject receives "found without being told where" once

      Examples:
        | nat             |
        | full-cone       |
        | port-restricted |
        | symmetric       |

  @LAT-MEMB-032 @needs-sleep @extended
  Rule: What was published asleep goes out at once

    @id:memb/publishes-when-asleep
    Scenario: Asleep for three keepalive intervals
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      Then within 3 keepalive intervals the subject and "bob" are connected without a proxy
      When the subject falls asleep
      And the subject publishes "dreamt"
      And 3 keepalive intervals pass
      And the subject wakes
      Then within 1 keepalive intervals "bob" receives "dreamt" once

  @LAT-MEMB-033 @extended
  Rule: Members carry on without bootstrap peers

    @id:memb/all-bootstrap-peers-stop
    Scenario: All of them stop, and two members can only meet through the subject
      Given 3 bootstrap peers
      And the subject behind a full-cone NAT
      And a companion "bob" behind a symmetric NAT
      And a companion "carol" behind a symmetric NAT
      When the subject joins the subcluster "news"
      And "bob" joins the subcluster "news"
      And "carol" joins the subcluster "news"
      And 3 keepalive intervals pass
      And "boot1" stops
      And "boot2" stops
      And "boot3" stops
      And 6 keepalive intervals pass
      And "bob" publishes "no server here"
      Then within 1 keepalive intervals "carol" receives "no server here" once
      And the subject receives "no server here" once
      When "carol" publishes "nor there"
      Then within 1 keepalive intervals "bob" receives "nor there" once
      And within 3 keepalive intervals the subject relays a join of "bob" to "carol"
      When "bob" streams "for you alone" to "carol"
      Then "carol" receives each of its streams once

  @LAT-MEMB-020 @alone @extended
  Rule: Who is silent is given up, and nobody else

    @id:memb/two-fall-silent
    Scenario: Two fall silent, and who came after them answers
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "n0" on the public internet
      And an injector "n1" on the public internet
      And an injector "n2" on the public internet
      When "n0" is known to the subject
      And "n1" is known to the subject
      And "n2" is known to the subject
      And "n0" falls silent
      And "n1" falls silent
      Then within 4 keepalive intervals "n2" gets 3 heartbeats of the subject

    @id:memb/three-of-seven-fall-silent @virtual
    Scenario: Three of seven fall silent
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "n0" on the public internet
      And an injector "n1" on the public internet
      And an injector "n2" on the public internet
      And an injector "n3" on the public internet
      And an injector "n4" on the public internet
      And an injector "n5" on the public internet
      And an injector "n6" on the public internet
      When "n0" is known to the subject
      And "n1" is known to the subject
      And "n2" is known to the subject
      And "n3" is known to the subject
      And "n4" is known to the subject
      And "n5" is known to the subject
      And "n6" is known to the subject
      And "n0" falls silent
      And "n2" falls silent
      And "n5" falls silent
      Then within 5 keepalive intervals the subject gives up "n0", "n2" and "n5", and no other peer
