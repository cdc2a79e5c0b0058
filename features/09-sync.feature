Feature: Sync
  Data outlives its author being online: peers that meet compare what they
  hold, by summaries that grow one digit at a time, and send what is missing.

  @LAT-SYNC-006
  Rule: A peer that was away gets what it missed

    @id:sync/author-is-gone
    Scenario: The author is gone when the member comes
      Given 3 bootstrap peers
      And a companion "bob" behind a port-restricted NAT
      And the subject, which starts later, behind a port-restricted NAT
      When "bob" joins the subcluster "news"
      And "bob" publishes "written before"
      And "bob" publishes "and once more"
      And "bob" stops
      And the subject starts
      And the subject joins the subcluster "news"
      Then the subject receives "written before" once
      And the subject receives "and once more" once

    @id:sync/members-hold-different-halves
    Scenario: Two members hold different halves
      Given 3 bootstrap peers
      And the subject behind a full-cone NAT
      And a companion "bob" behind a port-restricted NAT
      When the subject joins the subcluster "news"
      And the subject publishes "the first half"
      And "bob" joins the subcluster "news"
      And "bob" publishes "the second half"
      Then the subject receives "the second half" once
      And "bob" receives "the first half" once
      And the caches of the subject and "bob" are equal

  @LAT-SYNC-003
  Rule: First contact starts a sync

    @id:sync/first-contact
    Scenario: The sync packet of a leaf
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      Then a sync from the subject reaches "eve" with the summary of an empty prefix and a time in usr4

  @LAT-SYNC-002
  Rule: The summary on the wire is canonical

    @id:sync/summary-of-a-leaf
    Scenario: The sync packet of a leaf that has published
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And the subject publishes "something to tell"
      And "eve" is known to the subject
      And the subject syncs with "eve"
      Then a sync from the subject reaches "eve" whose summary is that of the subject's cache

  @LAT-SYNC-004 @alone
  Rule: Equal summaries end a sync

    @id:sync/empty-caches-then-one-differs
    Scenario: Both caches are empty, then one differs
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a sync with the summary of an empty cache
      Then the subject does not answer it, but answers an honest ping

    @id:sync/both-hold-the-same
    Scenario: Both hold the same packets
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject 40 publishes
      And "eve" sends the subject a sync with the summary of those publishes
      Then the subject does not answer it, but answers an honest ping

  @LAT-SYNC-005 @alone
  Rule: A bucket that differs is compared deeper, one that is missing is sent

    @id:sync/other-side-lacks-everything
    Scenario: The other side lacks everything
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject 40 publishes
      And "eve" sends the subject a sync that lacks one of those publishes
      Then the subject and "eve" come to hold the same packets by syncing

  @LAT-SYNC-007 @alone
  Rule: Nothing is sent from the cache to an address that was never verified

    @id:sync/sync-of-a-stranger
    Scenario: A sync from a stranger
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "mute" on the public internet that never answers
      When "eve" is known to the subject
      And "eve" sends the subject 20 publishes
      And "mute" sends the subject a sync with an invented hash
      And 3 s pass
      Then no publish from the subject reaches "mute"

  @LAT-SYNC-008 @extended
  Rule: What a sync loses is made up for

    @id:sync/answer-is-lost @alone
    Scenario: The answer to a summary is lost
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject 40 publishes
      And "eve" sends the subject a sync that lacks one of those publishes
      Then within 2 keepalive intervals another root summary of the subject reaches "eve"

    @id:sync/behind-a-bad-link @virtual
    Scenario: Two members, one of them behind a bad link
      Given 3 bootstrap peers
      And the subject behind a full-cone NAT
      And a companion "bob" behind a port-restricted NAT
      And the link of "bob" loses 20 % of its packets
      When the subject joins the subcluster "news"
      And "bob" joins the subcluster "news"
      And the subject publishes messages of 9000, 300, 20000 and 40000 bytes
      And "bob" publishes messages of 12000 and 30000 bytes
      Then within 20 keepalive intervals the caches of the subject and "bob" are equal

  @LAT-SYNC-009 @alone @extended
  Rule: A pong that tells of another cache starts a sync

    @id:sync/pong-tells-of-another-cache
    Scenario: A known peer's cache becomes another one
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" tells in its pongs the hash of another cache
      Then within 3 keepalive intervals another root summary of the subject reaches "eve"

  @LAT-SYNC-010 @alone @virtual @extended
  Rule: A sync sends no more in a minute than its receiver acts on

    @id:sync/sixteen-hundred-packets
    Scenario: Sixteen hundred packets for an empty cache
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject 1600 publishes in 120 s
      And "bob" is known to the subject
      And "bob" sends the subject a sync with the summary of an empty cache
      And 150 s pass
      Then each of those publishes reaches "bob"
      And in no minute more than 1023 publishes from the subject reach "bob"

  @LAT-SYNC-011 @alone @extended
  Rule: The answer to one sync is bounded

    @id:sync/sixteen-unknown-buckets
    Scenario: Sixteen buckets that nobody has
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a sync with 16 invented buckets
      Then at most 16 syncs from the subject answer it

    @id:sync/all-is-asked-for-three-times
    Scenario: All packets are asked for three times
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject 40 publishes
      And "bob" is known to the subject
      And "bob" sends the subject a sync with an invented hash
      And "bob" sends the subject a sync with an invented hash
      And "bob" sends the subject a sync with an invented hash
      And 1 s passes
      Then each of those publishes reaches "bob"
      And no publish from the subject reaches "bob" twice

  @LAT-SYNC-012 @alone @extended
  Rule: What a sync brings in bulk is passed on by a sync

    @id:sync/two-hundred-packets-come-back
    Scenario: A peer comes back with two hundred packets
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "bob" is known to the subject
      And "eve" is known to the subject
      And "eve" sends the subject 200 publishes in 1 s
      Then at most 100 publishes from the subject reach "bob"
      And within 2 keepalive intervals another root summary of the subject reaches "bob"

  @LAT-SYNC-013 @alone @virtual @extended
  Rule: Syncs that bring nothing become rare

    @id:sync/fruitless-syncs-become-rare
    Scenario: A peer whose cache stays another one
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" tells in its pongs the hash of another cache
      Then within 3 keepalive intervals another root summary of the subject reaches "eve"
      When 600 s pass
      Then no more than 16 root summaries of the subject have reached "eve"

  @LAT-SYNC-014 @alone @extended
  Rule: A packet grows no younger by being passed on

    @id:sync/packet-grows-no-younger
    Scenario: Half of its time has passed
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a publish that lives for 20 s
      And 10 s pass
      And "bob" is known to the subject
      And "bob" sends the subject a sync with an invented hash
      Then within 1 keepalive intervals that publish reaches "bob" with 5 to 10 s to live
