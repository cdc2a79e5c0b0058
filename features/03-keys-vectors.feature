@alone @codec
Feature: Vectors of keys and sealing
  The vectors are commands to a codec, with the answer to each of them. A codec
  passes all those of its requirements.

  Background:
    Given the subject's codec

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
