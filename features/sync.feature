Feature: Sync
  Data outlives its author being online: peers that meet compare what they
  hold, by summaries that grow one digit at a time, and send what is missing.

  @LAT-SYNC-006
  Rule: A peer that was away gets what it missed

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

    Scenario: The sync packet of a leaf
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And "eve" is known to the subject
      Then a sync from the subject reaches "eve" with the summary of an empty prefix and a time in usr4

  @LAT-SYNC-002
  Rule: The summary on the wire is canonical

    Scenario: The sync packet of a leaf that has published
      Given 3 bootstrap peers
      And the subject on the public internet
      And an injector "eve" on the public internet
      When the subject joins a subcluster
      And the subject publishes "something to tell"
      And "eve" is known to the subject
      Then a sync from the subject reaches "eve" whose summary is that of the subject's cache

  @LAT-SYNC-004 @alone
  Rule: Equal summaries end a sync

    Scenario: Both caches are empty, then one differs
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject a sync with the summary of an empty cache
      Then the subject does not answer it, but answers an honest ping

    Scenario: Both hold the same packets
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject 40 publishes
      And "eve" sends the subject a sync with the summary of those publishes
      Then the subject does not answer it, but answers an honest ping

  @LAT-SYNC-005 @alone
  Rule: A bucket that differs is compared deeper, one that is missing is sent

    Scenario: The other side lacks everything
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" is known to the subject
      And "eve" sends the subject 40 publishes
      And "eve" sends the subject a sync that lacks one of those publishes
      Then the subject and "eve" come to hold the same packets by syncing

  @LAT-SYNC-007 @alone
  Rule: Nothing is sent from the cache to an address that was never verified

    Scenario: A sync from a stranger
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "mute" on the public internet that never answers
      When "eve" is known to the subject
      And "eve" sends the subject 20 publishes
      And "mute" sends the subject a sync with an invented hash
      And 3 s pass
      Then no publish from the subject reaches "mute"
