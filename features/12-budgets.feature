Feature: Cache and budgets
  A peer keeps what it has seen for others, for a time and up to a number, and
  spends no more on the network than it has to.

  @LAT-BUDG-001 @alone @virtual
  Rule: A full cache gives up what came first

    @id:budg/full-cache-drops-the-oldest
    Scenario: A hundred packets more than it holds
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" sends the subject 6704 publishes in 450 s
      Then the subject's cache holds 6604 packets, the last of those sent

  @LAT-BUDG-002 @alone @extended
  Rule: A packet is kept for its time to live, and no longer

    @id:budg/expires-after-ten-seconds
    Scenario: Ten seconds
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a publish that lives for 10 s
      Then that publish is in the subject's cache
      And within 4 keepalive intervals that publish is gone from the subject's cache

    @id:budg/lives-six-hours-at-most @virtual
    Scenario: Six hours, where it says a day
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" sends the subject a publish that lives for 86400 s
      And 21500 s pass
      Then that publish is in the subject's cache
      When 100 s pass
      Then within 2 keepalive intervals that publish is gone from the subject's cache

    @id:budg/lives-twelve-hours-in-own-cluster @virtual
    Scenario: Twelve hours, where it is of a cluster that the subject has joined
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" sends the subject a publish that lives for 21600 s
      And 43100 s pass
      Then that publish is in the subject's cache
      When 100 s pass
      Then within 2 keepalive intervals that publish is gone from the subject's cache

  @LAT-BUDG-003 @alone @extended
  Rule: A minute's share of a source holds for a joined subcluster too

    @id:budg/own-cluster-two-minutes-share
    Scenario: More publishes for the subject's cluster than two minutes have room for
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" sends the subject 2200 publishes for its subcluster in 20 s
      Then the subject has cached at most 2048 of them

    @id:budg/own-cluster-one-minute-share @virtual
    Scenario: Eleven hundred publishes for the subject's cluster
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" sends the subject 1100 publishes for its subcluster in 30 s
      Then the subject has cached at most 1024 of them

  @LAT-BUDG-005 @alone @extended
  Rule: What expires is multicast a last time

    @id:budg/expired-is-multicast-once-more
    Scenario: To a peer that came after it
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a publish that lives for 10 s
      And "bob" is known to the subject
      Then within 4 keepalive intervals that publish reaches "bob" with hops 2
      When 8 s pass
      Then that publish has reached "bob" once

  @LAT-BUDG-010 @alone @virtual @extended
  Rule: What is multicast a last time lives for a moment only

    @id:budg/last-multicast-lives-briefly
    Scenario: To a peer that came after it
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a publish that lives for 40 s
      And "bob" is known to the subject
      And 40 s pass
      Then within 4 keepalive intervals that publish reaches "bob" with at most a keepalive interval to live

  @LAT-BUDG-011 @alone @extended
  Rule: A packet leaves a cache with no longer ttl than it came with

    @id:budg/ttl-of-what-leaves-a-cache
    Scenario Outline: A publish that lives for <life> s
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a publish that lives for <life> s
      And "bob" is known to the subject
      And "bob" sends the subject a sync with an invented hash
      Then within 1 keepalive intervals that publish reaches "bob" with 1 to <life> s to live

      Examples:
        | life |
        | 60   |
        | 3600 |

  @LAT-BUDG-006 @alone @virtual @extended
  Rule: What has expired is not taken in again

    @id:budg/expired-is-not-taken-again
    Scenario: Somebody keeps it longer
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a publish that lives for 10 s
      Then that publish is in the subject's cache
      And within 4 keepalive intervals that publish is gone from the subject's cache
      When 300 s pass
      And "eve" sends the subject that publish again
      Then that publish is not in the subject's cache

  @LAT-BUDG-007 @alone @virtual @extended
  Rule: What expires together is no burst

    @id:budg/five-hundred-expire-together
    Scenario: Five hundred at once
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject 500 publishes that live for 60 s
      And "bob" is known to the subject
      And 130 s pass
      Then some, and at most 128 publishes from the subject reach "bob"

  @LAT-BUDG-008 @extended
  Rule: What was published while nobody was there goes out when somebody is

    @id:budg/publishes-when-offline
    Scenario: The subject is offline
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And the link of "alice" is down
      And the subject publishes "into the void"
      And 2 keepalive intervals pass
      And the link of "alice" is up
      Then within 2 keepalive intervals "bob" receives "into the void" once

    @id:budg/publishes-after-a-while-offline
    Scenario: The subject has been offline for a while
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And the link of "alice" is down
      And 2 keepalive intervals pass
      And the subject publishes "into the void"
      And the link of "alice" is up
      Then within 2 keepalive intervals "bob" receives "into the void" once

  @LAT-BUDG-009 @extended
  Rule: An idle peer is quiet

    @id:budg/idle-peer-is-quiet
    Scenario: Two members and three bootstrap peers
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And 8 s pass
      Then in 3 quiet keepalive intervals the subject sends at most 4 datagrams for each peer that it knows, and 6 for each member

  @LAT-BUDG-003 @virtual @alone
  Rule: One source gets 1024 joins and publishes a minute

    @id:budg/one-minute-share
    Scenario: Eleven hundred publishes
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject 1100 publishes in half a minute
      Then the subject has cached at most 1024 of them
