@alone
Feature: Ping and pong
  A ping asks who is there and what the world looks like from over there; a
  pong tells the address and port that were seen.

  Background:
    Given the subject runs as a bootstrap peer on "alice"
    And an injector "eve" on the public internet

  @LAT-MSG-001
  Rule: A pong goes to the observed source and names it

    @id:msg/plain-ping
    Scenario: A plain ping
      When "eve" pings the subject
      Then a pong from the subject's main socket reaches "eve" with:
        | requesterPeerId | of "eve"         |
        | responderPeerId | of the subject   |
        | address         | of "eve"         |
        | port            | of "eve"         |

    @id:msg/ids-come-back
    Scenario: Ids come back as they were sent
      When "eve" pings the subject with:
        | pingId       | "a1b2c3d4e5f6" |
        | reflectionId | "0102030405ff" |
      Then a pong from the subject's main socket reaches "eve" with:
        | pingId       | "a1b2c3d4e5f6" |
        | reflectionId | "0102030405ff" |
        | address      | of "eve"       |
        | port         | of "eve"       |

    @id:msg/pong-names-the-mapping
    Scenario: Through a NAT the mapping is named
      Given an injector "mallory" behind a symmetric NAT
      When "mallory" pings the subject
      Then a pong from the subject's main socket reaches "mallory" with:
        | address | of "mallory" |
        | port    | of "mallory" |

    @id:msg/ping-from-another-port
    Scenario: From another port than before
      Given "eve" opens a second socket
      When "eve" is known to the subject
      And "eve" pings the subject from its second socket
      Then a pong from the subject's main socket reaches the second socket of "eve" with:
        | requesterPeerId | of "eve"             |
        | port            | of the second socket |

  @LAT-MSG-010
  Rule: A ping has one pong

    @id:msg/one-pong-for-each-ping
    Scenario Outline: <pings> pings
      When "eve" pings the subject <pings> times
      And 3 s pass
      Then <pings> pongs from the subject reach "eve" in all

      Examples:
        | pings |
        | 1     |
        | 3     |

  @LAT-MSG-002
  Rule: A reflection pong says so and tells no natType

    @id:msg/reflection-ping
    Scenario: A reflection ping
      When "eve" pings the subject with:
        | isReflection | true           |
        | reflectionId | "0102030405ff" |
      Then a pong from the subject's main socket reaches "eve" with:
        | isReflection | true           |
        | reflectionId | "0102030405ff" |
        | natType      | absent         |

  @LAT-MSG-003
  Rule: A second pong leaves the probe socket for probeExternalPort

    @id:msg/second-pong-from-the-probe-socket
    Scenario: Two sockets ask, two pongs come from two ports
      Given "eve" opens a second socket
      When "eve" pings the subject with:
        | isReflection      | true                   |
        | reflectionId      | "0102030405ff"         |
        | probeExternalPort | of the second socket   |
      Then a pong from the subject's main socket reaches "eve" with:
        | reflectionId | "0102030405ff" |
      And a pong from the subject's probe socket reaches the second socket of "eve" with:
        | reflectionId | "0102030405ff"        |
        | port         | of the second socket  |

  @LAT-MSG-004
  Rule: isConnection and pingId never stand in one pong

    @id:msg/connection-ping-with-a-ping-id
    Scenario: A connection ping with a pingId
      When "eve" pings the subject with:
        | isConnection | true           |
        | natType      | 31             |
        | pingId       | "a1b2c3d4e5f6" |
      Then no pong from the subject carries both isConnection and pingId

  @LAT-MSG-005
  Rule: A pong to a connection ping confirms the connection and names no address

    @id:msg/connection-ping
    Scenario: A connection ping
      When "eve" pings the subject with:
        | isConnection | true |
        | natType      | 31   |
        | isProbe      | true |
      Then a pong from the subject's main socket reaches "eve" with:
        | isConnection | true           |
        | natType      | 31             |
        | address      | absent         |
        | port         | absent         |
        | isProbe      | absent         |

  @LAT-MSG-006
  Rule: A peer does not answer itself

    @id:msg/ping-in-the-name-of-the-subject
    Scenario: Its own peerId as the requester
      When "eve" sends the subject pings with these edits:
        | key requesterPeerId = subject |
      Then the subject answers none of them, but the sound ping after them

  @LAT-MSG-007
  Rule: Before discovery a plain ping is harmless

    @id:msg/plain-ping-before-discovery
    Scenario: A peer that knows no bootstrap peer is pinged
      Given the subject runs on "carol" without bootstrap peers
      When "eve" pings the peer on "carol"
      Then a pong from the peer on "carol" reaches "eve" with:
        | natType | absent |

  @LAT-MSG-009 @extended
  Rule: A heartbeat is harmless to whoever has started again

    @id:msg/heartbeats-to-a-connected-peer
    Scenario: To a peer that is connected
      When "eve" is known to the subject
      Then within 4 keepalive intervals 3 reflection pings of the subject reach "eve", and no plain one
