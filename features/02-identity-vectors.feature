@alone @codec
Feature: Vectors of identity
  The vectors are commands to a codec, with the answer to each of them. A codec
  passes all those of its requirements.

  Background:
    Given the subject's codec

  @LAT-ID-001
  Rule: The id of a control packet

    @id:id/vectors-of-control-packets
    Scenario: Set, unset and empty neighbours
      Then the codec passes every vector of "LAT-ID-001"

  @LAT-ID-002
  Rule: The id of a whole message

    @id:id/vectors-of-whole-messages
    Scenario: Messages of 0 to 1,024 bytes
      Then the codec passes every vector of "LAT-ID-002"

  @LAT-ID-003
  Rule: The ids of a head and its fragments

    @id:id/vectors-of-heads-and-fragments
    Scenario: A chain of three
      Then the codec passes every vector of "LAT-ID-003"

  @LAT-ID-004 @needs-split
  Rule: A long message is split

    @id:id/vectors-of-splitting
    Scenario: Around the multiples of 1,024 bytes
      Then the codec passes every vector of "LAT-ID-004"

  @LAT-ID-005 @needs-compose
  Rule: A split message is composed

    @id:id/vectors-of-composing
    Scenario: In any order, and with parts missing
      Then the codec passes every vector of "LAT-ID-005"

  @LAT-ID-007 @needs-compose
  Rule: A forged fragment spoils no message

    @id:id/vectors-of-forged-fragments
    Scenario: Two fragments that continue one chain
      Then the codec passes every vector of "LAT-ID-007"

  @LAT-ID-008 @needs-compose
  Rule: A whole message is no fragment

    @id:id/vectors-of-messages-behind-heads
    Scenario: One that follows the head
      Then the codec passes every vector of "LAT-ID-008"
