@alone @codec
Feature: Codec
  The vectors are commands to a codec, and what it must answer: datagrams to
  read and to write, ids, keys, sealed messages, summaries. A peer of class
  codec passes all those of its requirements.

  Background:
    Given the subject's codec

  @LAT-FRAME-001
  Rule: Only what begins with the magic is a packet

    Scenario: Wrong and missing magic
      Then the codec passes every vector of "LAT-FRAME-001"

  @LAT-FRAME-002
  Rule: A datagram that ends too early is no packet

    Scenario: Cut off at every field
      Then the codec passes every vector of "LAT-FRAME-002"

  @LAT-FRAME-003
  Rule: No field is longer than its maximum

    Scenario: One byte too many, and 65,535 claimed
      Then the codec passes every vector of "LAT-FRAME-003"

  @LAT-FRAME-004
  Rule: There are eight types

    Scenario: Types that there are not
      Then the codec passes every vector of "LAT-FRAME-004"

  @LAT-FRAME-005
  Rule: There is one version

    Scenario: Other versions
      Then the codec passes every vector of "LAT-FRAME-005"

  @LAT-FRAME-006
  Rule: The end of a packet may be longer or shorter

    Scenario: Bytes behind sig, and a sig cut off
      Then the codec passes every vector of "LAT-FRAME-006"

  @LAT-FRAME-007
  Rule: Any field may be empty

    Scenario: Each field, and all of them
      Then the codec passes every vector of "LAT-FRAME-007"

  @LAT-FRAME-008
  Rule: An unset field is one zero byte

    Scenario: All fields unset
      Then the codec passes every vector of "LAT-FRAME-008"

  @LAT-FRAME-009
  Rule: Every packet is read and written byte for byte

    Scenario: All eight types, and what was seen on the deployed wire
      Then the codec passes every vector of "LAT-FRAME-009"

  @LAT-FRAME-010
  Rule: A body is written in ASCII

    Scenario: Characters beyond ASCII
      Then the codec passes every vector of "LAT-FRAME-010"

  @LAT-FRAME-011
  Rule: A body is a JSON object

    Scenario: What is none
      Then the codec passes every vector of "LAT-FRAME-011"

  @LAT-FRAME-012
  Rule: A body has no keys but those of its type

    Scenario: Keys of other types, and of none
      Then the codec passes every vector of "LAT-FRAME-012"

  @LAT-FRAME-013
  Rule: Each key has its type and range

    Scenario: Each key of each body, right and wrong
      Then the codec passes every vector of "LAT-FRAME-013"

  @LAT-FRAME-016
  Rule: The opener is no packet

    Scenario: A single byte 01
      Then the codec passes every vector of "LAT-FRAME-016"

  @LAT-FRAME-017
  Rule: No packet is longer than 1,421 bytes

    Scenario: Fields that are too long to be written
      Then the codec passes every vector of "LAT-FRAME-017"

  @LAT-ID-001
  Rule: The id of a control packet

    Scenario: Set, unset and empty neighbours
      Then the codec passes every vector of "LAT-ID-001"

  @LAT-ID-002
  Rule: The id of a whole message

    Scenario: Messages of 0 to 1,024 bytes
      Then the codec passes every vector of "LAT-ID-002"

  @LAT-ID-003
  Rule: The ids of a head and its fragments

    Scenario: A chain of three
      Then the codec passes every vector of "LAT-ID-003"

  @LAT-ID-004 @needs-split
  Rule: A long message is split

    Scenario: Around the multiples of 1,024 bytes
      Then the codec passes every vector of "LAT-ID-004"

  @LAT-ID-005 @needs-compose
  Rule: A split message is composed

    Scenario: In any order, and with parts missing
      Then the codec passes every vector of "LAT-ID-005"

  @LAT-ID-007 @needs-compose
  Rule: A forged fragment spoils no message

    Scenario: Two fragments that continue one chain
      Then the codec passes every vector of "LAT-ID-007"

  @LAT-ID-008 @needs-compose
  Rule: A whole message is no fragment

    Scenario: One that follows the head
      Then the codec passes every vector of "LAT-ID-008"

  @LAT-KEY-001
  Rule: Keys are derived from the shared key

    Scenario: Shared keys, subclusterIds, X25519 keys
      Then the codec passes every vector of "LAT-KEY-001"

  @LAT-KEY-002
  Rule: What one side seals the other opens

    Scenario: Messages of 0 to 2,000 bytes
      Then the codec passes every vector of "LAT-KEY-002"

  @LAT-KEY-003
  Rule: A sealed value that is not whole and signed is refused

    Scenario: Every layer broken
      Then the codec passes every vector of "LAT-KEY-003"

  @LAT-KEY-004
  Rule: The first 64 bytes are not signed

    Scenario: Plaintexts around 64 bytes
      Then the codec passes every vector of "LAT-KEY-004"

  @LAT-KEY-005
  Rule: A signature is verified as it is made

    Scenario: Sound signatures, and others
      Then the codec passes every vector of "LAT-KEY-005"

  @LAT-KEY-007
  Rule: An event is the hash of its name

    Scenario: Names
      Then the codec passes every vector of "LAT-KEY-007"

  @LAT-NAT-001 @needs-nat-type
  Rule: No NAT, or one that lets everybody in

    Scenario: What two responders show
      Then the codec passes every vector of "LAT-NAT-001"

  @LAT-NAT-002 @needs-nat-type
  Rule: Address-dependent filtering

    Scenario: What two responders show
      Then the codec passes every vector of "LAT-NAT-002"

  @LAT-NAT-003 @needs-nat-type
  Rule: Address-and-port-dependent filtering

    Scenario: What two responders show
      Then the codec passes every vector of "LAT-NAT-003"

  @LAT-NAT-004 @needs-nat-type
  Rule: A mapping that depends on the destination

    Scenario: What two responders show
      Then the codec passes every vector of "LAT-NAT-004"

  @LAT-TRAV-001
  Rule: Two NAT types make a strategy

    Scenario: Every pair
      Then the codec passes every vector of "LAT-TRAV-001"

  @LAT-SYNC-001
  Rule: A summary is made from the sorted ids of its buckets

    Scenario: Caches of 0 to 40 packets
      Then the codec passes every vector of "LAT-SYNC-001"

  @LAT-SYNC-002
  Rule: A summary is encoded by its prefix

    Scenario: At every depth
      Then the codec passes every vector of "LAT-SYNC-002"

  @LAT-SYNC-004 @needs-negotiate
  Rule: Equal summaries have no answer

    Scenario: Equal caches
      Then the codec passes every vector of "LAT-SYNC-004"

  @LAT-SYNC-005 @needs-negotiate
  Rule: What differs is answered

    Scenario: Transcripts of whole negotiations, and malformed summaries
      Then the codec passes every vector of "LAT-SYNC-005"

  @LAT-SYNC-011 @needs-negotiate
  Rule: An answer has at most sixteen summaries

    Scenario: Every bucket differs
      Then the codec passes every vector of "LAT-SYNC-011"
