Feature: Joins, introductions and rendezvous
  A join asks for introductions to other peers. It is relayed through peers
  that need not belong to the cluster, and a relay that anybody can reach
  offers itself as the rendezvous.

  @LAT-MEMB-001
  Rule: A member announces itself every keepalive interval

    @id:memb/joins-of-a-leaf
    Scenario: The joins of a leaf
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      Then the subject has sent a join with hops 1 and these keys: requesterPeerId, natType, address, port
      And within 4 keepalive intervals the subject sends 3 more joins for each subcluster that it joined

    @id:memb/joins-of-a-member-of-two-subclusters @extended
    Scenario: The joins of a member of two subclusters
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins the subcluster "news"
      And the subject joins the subcluster "weather"
      Then within 4 keepalive intervals the subject sends 3 more joins for each subcluster that it joined

  @LAT-MEMB-035
  Rule: The clock of joins grows

    @id:memb/clock-of-joins
    Scenario: Of a member of two subclusters
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins the subcluster "news"
      And the subject joins the subcluster "weather"
      And 4 keepalive intervals pass
      Then the clock of the joins of the subject grows from one join to the next

  @LAT-MEMB-002 @alone
  Rule: A join is answered with introductions, to both sides

    @id:memb/introduces-two-peers
    Scenario: Two scripted peers meet at the subject
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a join
      Then an intro from the subject reaches "bob" that names "carol"
      And an intro from the subject reaches "carol" that names "bob"

    @id:memb/introduces-again-at-the-next-join
    Scenario: The next join, a keepalive interval later
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a join
      Then an intro from the subject reaches "bob" that names "carol"
      When 1 keepalive intervals pass
      And "carol" sends the subject a join
      Then another intro from the subject reaches "bob" that names "carol"

  @LAT-MEMB-003 @alone
  Rule: An introduction is complete

    @id:memb/keys-of-an-intro
    Scenario: The keys of an intro
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a join
      Then an intro from the subject reaches "bob" that names "carol"
      And every intro that the subject sent has these keys: requesterPeerId, responderPeerId, isRendezvous, natType, address, port
      And in every intro that the subject sent usr1 is a time in ASCII milliseconds

  @LAT-MEMB-004 @alone
  Rule: A join is relayed once, onward, with one hop more

    @id:memb/relays-a-join-onward
    Scenario: A join goes to the others and not back
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a join twice
      Then the subject relays that join to "bob" once, with hops 2
      And the subject does not relay that join to "carol"

    @id:memb/join-with-sixteen-hops
    Scenario: Sixteen hops are the end
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a join with hops 16
      And "carol" sends the subject another join with hops 15
      Then the subject relays the join with hops 15 to "bob", but not the one with hops 16
      And the subject relays that join to "bob" once, with hops 16

  @LAT-MEMB-005 @alone
  Rule: An unrestricted relay offers itself as rendezvous

    @id:memb/offers-itself-as-rendezvous
    Scenario: The rendezvous keys of a relayed join
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a join
      Then the subject relays that join to "bob" with the same packetId and the rendezvous keys that name the subject

  @LAT-MEMB-006
  Rule: A member answers at the rendezvous

    @id:memb/member-answers-at-rendezvous
    Scenario: A relayed join reaches a member
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "ronda" on the public internet
      And an injector "carol" on the public internet
      When the subject joins a subcluster
      And "carol" is known to the subject
      And "carol" sends the subject a join with "ronda" as the rendezvous
      Then a join from the subject reaches "ronda" with:
        | requesterPeerId           | of the subject |
        | rendezvousPeerId          | of "ronda"     |
        | rendezvousRequesterPeerId | of the join's requester |

  @LAT-MEMB-007 @alone
  Rule: The rendezvous brings both sides together

    @id:memb/rendezvous-introduces-both-sides
    Scenario: An answer at the rendezvous leads to two introductions
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" sends the subject a rendezvous answer that names "bob"
      Then an intro from the subject reaches "bob" that names "carol"
      And an intro from the subject reaches "carol" that names "bob"

  @LAT-MEMB-008 @alone
  Rule: A multicast goes to each target once

    @id:memb/join-reaches-a-member-once
    Scenario: A join is relayed to a member of the cluster
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject as a member of the cluster
      And "carol" is known to the subject
      And "carol" sends the subject a join
      Then the subject relays that join to "bob" once, with hops 2

    @id:memb/two-members-among-strangers
    Scenario: Two members among strangers
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      And an injector "dave" on the public internet
      And an injector "erin" on the public internet
      And an injector "frank" on the public internet
      And an injector "grace" on the public internet
      And an injector "heidi" on the public internet
      When "bob" is known to the subject as a member of the cluster
      And "heidi" is known to the subject as a member of the cluster
      And "dave" is known to the subject
      And "erin" is known to the subject
      And "frank" is known to the subject
      And "grace" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject 4 different joins
      Then the subject relays each of these joins, and none of them to anybody twice

  @LAT-MEMB-009
  Rule: A heartbeat every keepalive interval

    @id:memb/heartbeats-to-bootstrap-peers
    Scenario: Bootstrap peers are pinged
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      Then within 3 keepalive intervals each bootstrap peer gets 2 heartbeats of the subject

  @LAT-MEMB-010 @extended
  Rule: An introducer names where the requester was seen

    @id:memb/join-claims-another-address
    Scenario: A join that claims another address
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a join that names another address
      Then the intro from the subject that reaches "bob" names the address from which "carol" sent

    @id:memb/symmetric-peer-hears-all-introducers
    Scenario: A symmetric peer hears every introducer
      Given 3 bootstrap peers
      And the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And a companion "carol" behind a symmetric NAT
      And the link of "alice" is down
      When "carol" joins a subcluster
      And the link of "alice" is up
      And "bob" is known to the subject
      Then an intro from the subject that names "bob" gets through to "carol"

  @LAT-MEMB-034 @extended
  Rule: A peerId has no case

    @id:memb/peer-id-in-two-spellings
    Scenario: One peer, by two spellings of its peerId
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "bob" is known to the subject
      And "eve" is known to the subject
      And "eve" is known to the subject, and writes its peerId in upper case
      And "bob" sends the subject a join
      Then one intro from the subject that reaches "bob" names the address of "eve", and no other does

  @LAT-MEMB-011 @extended
  Rule: Members that know different bootstrap peers meet through the rendezvous

    @id:memb/members-of-different-bootstrap-peers
    Scenario: Two port-restricted members
      Given 4 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind a port-restricted NAT
      And the subject knows only "boot1" and "boot2"
      And "bob" knows only "boot3" and "boot4"
      When the subject and "bob" join the same subcluster
      Then within 3 keepalive intervals the subject and "bob" are connected without a proxy
