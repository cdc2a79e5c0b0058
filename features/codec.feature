@alone @codec
Feature: Codec
  The vectors are datagrams, keys and summaries that were seen on the deployed
  wire. A peer of class codec makes the same bytes, and reads the same out of
  them.

  Background:
    Given the subject's codec

  @LAT-FRAME-009
  Rule: Every packet is read and written byte for byte

    Scenario: Packets of all eight types
      Then the codec agrees with every vector of "packets"

  @LAT-FRAME-002
  Rule: What was rejected on the deployed wire is rejected

    Scenario: Malformed datagrams
      Then the codec agrees with every vector of "decode"

  @LAT-ID-001
  Rule: The id of a control packet

    Scenario: Set, unset and empty neighbours
      Then the codec agrees with every vector of "packetId"

  @LAT-KEY-001
  Rule: Keys are derived from the shared key

    Scenario: What one side seals the other opens
      Then the codec agrees with every vector of "keys"

  @LAT-KEY-003
  Rule: A sealed value that is not whole and signed is refused

    Scenario: Sealed values, sound and broken
      Then the codec agrees with every vector of "sealing"

  @LAT-SYNC-001
  Rule: A summary is made from the sorted ids of its buckets

    Scenario: At every prefix of the vectors
      Then the codec agrees with every vector of "cacheSummary"
