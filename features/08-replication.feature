Feature: Replication
  What is published is carried by whoever is there: it is cached and relayed,
  outlives its author, and can be read by members alone.

  @LAT-REPL-003
  Rule: A member opens and delivers each message once

    @id:repl/receives-a-publish-once
    Scenario: From one NAT to another, through strangers that can't read it
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And "bob" publishes "hello from bob"
      Then the subject receives "hello from bob" once
      And "hello from bob" is nowhere on the wire in the clear
      And no bootstrap peer has opened it

    @id:repl/publishes-to-another-member
    Scenario: The other way round
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And the subject publishes "hello from the subject"
      Then "bob" receives "hello from the subject" once

  @LAT-REPL-001
  Rule: A publish leaves with hops 1 and stays in the author's cache

    @id:repl/hops-and-cache-of-a-publish
    Scenario: A short message
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      And the subject publishes "kept"
      Then each publish that the subject multicast first had hops 1
      And the published packets are in the subject's cache

  @LAT-REPL-002 @alone
  Rule: A stranger's publish is cached and relayed

    @id:repl/relays-for-a-cluster-it-is-not-in
    Scenario: Through a peer that does not belong to the cluster
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a publish twice
      Then the subject relays that publish to "bob" once, with hops 2
      And that publish is in the subject's cache

    @id:repl/publish-of-another-cluster
    Scenario: Of another cluster
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a publish of another cluster
      Then the subject relays that publish to "bob" once, with hops 2
      And that publish is in the subject's cache

  @LAT-REPL-004 @alone
  Rule: A publish does not go back to where it came from

    @id:repl/publish-does-not-go-back
    Scenario: The sender is known
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a publish
      Then the subject relays that publish to "bob" once, with hops 2
      And the subject does not relay that publish to "carol"

  @LAT-REPL-005
  Rule: A publish that can't be opened harms nobody

    @id:repl/noise-for-a-joined-subcluster
    Scenario: Two hundred bytes of noise for a joined subcluster
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      And "eve" sends the subject publishes for its subcluster that can't be opened
      Then the subject still answers an honest ping

  @LAT-REPL-006 @alone
  Rule: Sixteen hops are the end of a publish

    @id:repl/publish-with-sixteen-hops
    Scenario: Sixteen and fifteen
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a publish with hops 16
      And "carol" sends the subject another publish with hops 15
      Then the subject relays the publish with hops 15 to "bob", but not the one with hops 16

  @LAT-REPL-007 @needs-state @alone @extended
  Rule: What a peer kept outlives its restart

    @id:repl/cache-outlives-a-restart
    Scenario: It alone has the message
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" sends the subject a publish
      Then that publish is in the subject's cache
      When the subject restarts with the state that it saved
      Then that publish is in the subject's cache

  @LAT-REPL-008 @needs-state @extended
  Rule: A message is delivered once, in however many lives

    @id:repl/delivered-before-the-restart
    Scenario: Delivered before the restart
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject joins the subcluster "news"
      And "bob" joins the subcluster "news"
      And "bob" publishes "good evening"
      Then the subject receives "good evening" once
      When the subject restarts with the state that it saved
      And the subject joins the subcluster "news"
      Then for 2 keepalive intervals the subject does not deliver "good evening" again

  @LAT-REPL-009 @needs-state @extended
  Rule: A corrupt state is reported, and does not keep a peer from starting

    @id:repl/corrupt-state
    Scenario: A byte is another one
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject joins the subcluster "news"
      And the subject restarts with a corrupt state
      Then the subject reports an error
      When the subject joins the subcluster "news"
      And "bob" joins the subcluster "news"
      And "bob" publishes "and on we go"
      Then the subject receives "and on we go" once

  @LAT-REPL-031 @alone @extended
  Rule: A packet is there for whoever comes while it lives

    @id:repl/author-has-left
    Scenario: Its author has left
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a publish that lives for 21600 s
      And "eve" falls silent
      And 8 keepalive intervals pass
      And "bob" is known to the subject
      And "bob" sends the subject a sync with the summary of an empty cache
      Then within 2 keepalive intervals that publish reaches "bob" with 21000 to 21600 s to live

    @id:repl/author-left-hours-ago @virtual
    Scenario: Its author left five hours and fifty minutes ago
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a publish that lives for 21600 s
      And "eve" falls silent
      And 21000 s pass
      And "bob" is known to the subject
      And "bob" sends the subject a sync with the summary of an empty cache
      Then within 2 keepalive intervals that publish reaches "bob" with 1 to 600 s to live
