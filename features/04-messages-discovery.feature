Feature: Pings before discovery
  A peer that has not announced a NAT type may still be finding it out. In that
  state a plain ping ends a deployed peer.

  Background:
    Given 3 bootstrap peers

  @LAT-MSG-011
  Rule: A ping names its sender

    @id:msg/pings-name-the-sender
    Scenario: The pings of a start, and those of three keepalive intervals
      Given the host "alice" behind a port-restricted NAT
      When the subject starts on "alice"
      And 3 keepalive intervals pass
      Then each ping that the subject sent names the subject as its requester

  @LAT-MSG-008
  Rule: No plain ping to a peer of unknown type

    @id:msg/no-plain-ping-to-an-unknown-type
    Scenario: The pings of a start
      Given the host "alice" behind a port-restricted NAT
      When the subject starts on "alice"
      Then the subject's NAT type is 7
      And the subject sent no plain ping to a peer that had not announced a natType
