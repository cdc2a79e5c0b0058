Feature: Control packets
  Pings, pongs, intros, joins, syncs and questions are one packet each, and no
  part of a longer message.

  @LAT-FRAME-015
  Rule: Control packets keep index at -1

    @id:frame/index-of-control-packets
    Scenario: What a leaf sends
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      When the subject joins a subcluster
      Then the subject has sent a join with hops 1 and these keys: requesterPeerId, natType, address, port
      And every ping, pong, intro, join, sync and query that the subject sent has index -1
