@alone @codec
Feature: Codec
  The vectors are commands to a codec, and what it must answer: datagrams to
  read and to write, ids, keys, sealed messages, summaries. A peer of class
  codec passes all those of its requirements.

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

  @LAT-KEY-001
  Rule: Keys are derived from the shared key

    @id:key/vectors-of-derivation
    Scenario: Shared keys, subclusterIds, X25519 keys
      Then the codec passes every vector of "LAT-KEY-001"

  @LAT-KEY-002
  Rule: What one side seals the other opens

    @id:key/vectors-of-sealing
    Scenario: Messages of 0 to 2,000 bytes
      Then the codec passes every vector of "LAT-KEY-002"

  @LAT-KEY-003
  Rule: A sealed value that is not whole and signed is refused

    @id:key/vectors-of-broken-layers
    Scenario: Every layer broken
      Then the codec passes every vector of "LAT-KEY-003"

  @LAT-KEY-004
  Rule: The first 64 bytes are not signed

    @id:key/vectors-of-the-unsigned-prefix
    Scenario: Plaintexts around 64 bytes
      Then the codec passes every vector of "LAT-KEY-004"

  @LAT-KEY-005
  Rule: A signature is verified as it is made

    @id:key/vectors-of-signatures
    Scenario: Sound signatures, and others
      Then the codec passes every vector of "LAT-KEY-005"

  @LAT-KEY-007
  Rule: An event is the hash of its name

    @id:key/vectors-of-event-names
    Scenario: Names
      Then the codec passes every vector of "LAT-KEY-007"

  @LAT-NAT-001 @needs-nat-type
  Rule: No NAT, or one that lets everybody in

    @id:nat/vectors-of-type-31
    Scenario: What two responders show
      Then the codec passes every vector of "LAT-NAT-001"

  @LAT-NAT-002 @needs-nat-type
  Rule: Address-dependent filtering

    @id:nat/vectors-of-type-15
    Scenario: What two responders show
      Then the codec passes every vector of "LAT-NAT-002"

  @LAT-NAT-003 @needs-nat-type
  Rule: Address-and-port-dependent filtering

    @id:nat/vectors-of-type-7
    Scenario: What two responders show
      Then the codec passes every vector of "LAT-NAT-003"

  @LAT-NAT-004 @needs-nat-type
  Rule: A mapping that depends on the destination

    @id:nat/vectors-of-type-5
    Scenario: What two responders show
      Then the codec passes every vector of "LAT-NAT-004"

  @LAT-TRAV-001
  Rule: Two NAT types make a strategy

    @id:trav/vectors-of-strategies
    Scenario: Every pair
      Then the codec passes every vector of "LAT-TRAV-001"

  @LAT-SYNC-001
  Rule: A summary is made from the sorted ids of its buckets

    @id:sync/vectors-of-summaries
    Scenario: Caches of 0 to 40 packets
      Then the codec passes every vector of "LAT-SYNC-001"

  @LAT-SYNC-002
  Rule: A summary is encoded by its prefix

    @id:sync/vectors-of-encoding
    Scenario: At every depth
      Then the codec passes every vector of "LAT-SYNC-002"

  @LAT-SYNC-004 @needs-negotiate
  Rule: Equal summaries have no answer

    @id:sync/vectors-of-equal-caches
    Scenario: Equal caches
      Then the codec passes every vector of "LAT-SYNC-004"

  @LAT-SYNC-005 @needs-negotiate
  Rule: What differs is answered

    @id:sync/vectors-of-negotiations
    Scenario: Transcripts of whole negotiations, and malformed summaries
      Then the codec passes every vector of "LAT-SYNC-005"

  @LAT-SYNC-011 @needs-negotiate
  Rule: An answer has at most sixteen summaries

    @id:sync/vectors-of-sixteen-summaries
    Scenario: Every bucket differs
      Then the codec passes every vector of "LAT-SYNC-011"
