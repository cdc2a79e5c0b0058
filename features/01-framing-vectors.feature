@alone @codec
Feature: Vectors of framing
  The vectors are commands to a codec, with the answer to each of them. A codec
  passes all those of its requirements.

  Background:
    Given the subject's codec

  @LAT-FRAME-001
  Rule: Only what begins with the magic is a packet

    @id:frame/vectors-of-the-magic
    Scenario: Wrong and missing magic
      Then the codec passes every vector of "LAT-FRAME-001"

  @LAT-FRAME-002
  Rule: A datagram that ends too early is no packet

    @id:frame/vectors-cut-off
    Scenario: Cut off at every field
      Then the codec passes every vector of "LAT-FRAME-002"

  @LAT-FRAME-003
  Rule: No field is longer than its maximum

    @id:frame/vectors-of-too-long-fields
    Scenario: One byte too many, and 65,535 claimed
      Then the codec passes every vector of "LAT-FRAME-003"

  @LAT-FRAME-004
  Rule: There are eight types

    @id:frame/vectors-of-types
    Scenario: Types that there are not
      Then the codec passes every vector of "LAT-FRAME-004"

  @LAT-FRAME-005
  Rule: There is one version

    @id:frame/vectors-of-versions
    Scenario: Other versions
      Then the codec passes every vector of "LAT-FRAME-005"

  @LAT-FRAME-006
  Rule: The end of a packet may be longer or shorter

    @id:frame/vectors-of-the-end-of-a-packet
    Scenario: Bytes behind sig, and a sig cut off
      Then the codec passes every vector of "LAT-FRAME-006"

  @LAT-FRAME-007
  Rule: Any field may be empty

    @id:frame/vectors-of-empty-fields
    Scenario: Each field, and all of them
      Then the codec passes every vector of "LAT-FRAME-007"

  @LAT-FRAME-008
  Rule: An unset field is one zero byte

    @id:frame/vectors-of-unset-fields
    Scenario: All fields unset
      Then the codec passes every vector of "LAT-FRAME-008"

  @LAT-FRAME-009
  Rule: Every packet is read and written byte for byte

    @id:frame/vectors-byte-for-byte
    Scenario: All eight types, and what was seen on the deployed wire
      Then the codec passes every vector of "LAT-FRAME-009"

  @LAT-FRAME-010
  Rule: A body is written in ASCII

    @id:frame/vectors-of-ascii
    Scenario: Characters beyond ASCII
      Then the codec passes every vector of "LAT-FRAME-010"

  @LAT-FRAME-011
  Rule: A body is a JSON object

    @id:frame/vectors-of-json-objects
    Scenario: What is none
      Then the codec passes every vector of "LAT-FRAME-011"

  @LAT-FRAME-012
  Rule: A body has no keys but those of its type

    @id:frame/vectors-of-keys
    Scenario: Keys of other types, and of none
      Then the codec passes every vector of "LAT-FRAME-012"

  @LAT-FRAME-013
  Rule: Each key has its type and range

    @id:frame/vectors-of-types-and-ranges
    Scenario: Each key of each body, right and wrong
      Then the codec passes every vector of "LAT-FRAME-013"

  @LAT-FRAME-016
  Rule: The opener is no packet

    @id:frame/vectors-of-the-opener
    Scenario: A single byte 01
      Then the codec passes every vector of "LAT-FRAME-016"

  @LAT-FRAME-017
  Rule: No packet is longer than 1,421 bytes

    @id:frame/vectors-of-the-longest-packet
    Scenario: Fields that are too long to be written
      Then the codec passes every vector of "LAT-FRAME-017"
