@alone
Feature: Framing
  One datagram carries one packet: a magic, six integers and eleven byte
  fields, each behind its length. A peer takes every sound datagram and lets
  every other one pass without a trace.

  An unsound datagram here is a ping that was sound before one edit, so a peer
  that takes it anyway shows itself by a pong. Silence is believed only
  because a sound ping, sent after the edited ones, is answered.

  Background:
    Given the subject runs as a bootstrap peer on "alice"
    And an injector "eve" on the public internet

  @LAT-FRAME-001
  Rule: A datagram that does not begin with the magic is no packet

    @id:frame/wrong-magic
    Scenario: Magics that differ in one byte, and too short ones
      When "eve" sends the subject pings with these edits:
        | magic = 03050b12 |
        | magic = 02030507 |
        | magic = 00000000 |
        | truncate to 3    |
        | truncate to 0    |
      Then the subject answers none of them, but the sound ping after them

  @LAT-FRAME-002
  Rule: A datagram that ends too early is no packet

    @id:frame/cut-off
    Scenario: Cut off at each kind of place
      When "eve" sends the subject pings with these edits:
        | truncate to 4              |
        | truncate to 22             |
        | truncate to 44             |
        | truncate inside clusterId  |
        | truncate inside packetId   |
        | truncate inside message    |
        | truncate before sig        |
      Then the subject answers none of them, but the sound ping after them

  @LAT-FRAME-003
  Rule: A field longer than its maximum makes the datagram no packet

    @id:frame/too-long-fields
    Scenario: One byte too many, and all there is
      When "eve" sends the subject pings with these edits:
        | length of clusterId = 33    |
        | length of previousId = 33   |
        | length of packetId = 65535  |
        | length of usr4 = 33         |
        | length of message = 1025    |
        | length of sig = 65          |
      Then the subject answers none of them, but the sound ping after them

  @LAT-FRAME-004
  Rule: A type that is not 1 to 8 is no packet

    @id:frame/unknown-types
    Scenario: The types beside the known ones
      When "eve" sends the subject pings with these edits:
        | type = 0   |
        | type = 9   |
        | type = 255 |
      Then the subject answers none of them, but the sound ping after them

  @LAT-FRAME-005
  Rule: A packet of another version is discarded

    @id:frame/other-versions
    Scenario: Older and newer versions
      When "eve" sends the subject pings with these edits:
        | version = 5     |
        | version = 7     |
        | version = 0     |
        | version = 65535 |
      Then the subject answers none of them, but the sound ping after them

  @LAT-FRAME-006
  Rule: Bytes after sig are ignored, and sig may be cut short

    @id:frame/bytes-after-sig-and-short-sigs
    Scenario: A longer datagram and shorter signatures
      When "eve" sends the subject pings with these edits:
        | append 00                       |
        | append ffffffffffffffffffffffff |
        | sig cut to 0 of 64 bytes        |
        | sig cut to 63 of 64 bytes       |
      Then the subject answers each of them

  @LAT-FRAME-007
  Rule: A byte field may have length zero

    @id:frame/empty-fields
    Scenario: Empty instead of unset
      When "eve" sends the subject pings with these edits:
        | empty clusterId  |
        | empty previousId |
        | empty nextId     |
        | empty usr1       |
        | empty sig        |
      Then the subject answers each of them

  @LAT-FRAME-008
  Rule: Unset is one zero byte

    @id:frame/unset-fields-of-a-pong
    Scenario: The unset fields of a pong
      When "eve" pings the subject
      Then in every packet that the subject sent an unset field is 000100

  @LAT-FRAME-009
  Rule: The fields stand in their order

    @id:frame/fields-of-a-pong
    Scenario: A pong is read back field by field
      When "eve" pings the subject
      Then every packet that the subject sent is the canonical encoding of its fields

  @LAT-FRAME-010
  Rule: JSON bodies are ASCII

    @id:frame/pong-is-ascii
    Scenario: A pong is ASCII
      When "eve" pings the subject
      Then every JSON body that the subject sent is ASCII

  @LAT-FRAME-011
  Rule: The body of a control packet is a JSON object

    @id:frame/bodies-that-are-no-object
    Scenario: Other JSON, and no JSON
      When "eve" sends the subject pings with these edits:
        | body = null          |
        | body = []            |
        | body = [1,2,300]     |
        | body = 7             |
        | body = "ping"        |
        | body = true          |
        | body = {             |
        | body = hello         |
        | empty message        |
      Then the subject answers none of them, but the sound ping after them

  @LAT-FRAME-012
  Rule: A key that the type does not list makes the body invalid

    @id:frame/unknown-keys
    Scenario: Unknown keys
      When "eve" sends the subject pings with these edits:
        | key colour = "blue"      |
        | key responderPeerId = 1  |
        | key isHeartbeat = 1      |
        | key RequesterPeerId = 1  |
        | key __proto__ = {}       |
      Then the subject answers none of them, but the sound ping after them

  @LAT-FRAME-013
  Rule: A required key is there, and its value is of its type

    @id:frame/required-key-missing-or-wrong
    Scenario: No requester, or none that is an id
      When "eve" sends the subject pings with these edits:
        | without key requesterPeerId        |
        | key requesterPeerId = null         |
        | key requesterPeerId = 7            |
        | key requesterPeerId = ""           |
        | key requesterPeerId = "2bd806c9"   |
        | key requesterPeerId = {}           |
      Then the subject answers none of them, but the sound ping after them

    @id:frame/optional-keys-of-wrong-types
    Scenario: Optional keys are checked too
      When "eve" sends the subject pings with these edits:
        | key natType = 2                    |
        | key natType = "31"                 |
        | key probeExternalPort = 70000      |
        | key probeExternalPort = 0          |
        | key probeExternalPort = 1.5        |
        | key reflectionId = "short"         |
        | key isConnection = "yes"           |
        | key cacheSummaryHash = 7           |
      Then the subject answers none of them, but the sound ping after them

  @LAT-FRAME-014
  Rule: No datagram ends a peer

    @id:frame/noise
    Scenario: Noise, with and without the magic
      When "eve" sends the subject 64 datagrams of noise
      Then the subject still answers an honest ping

  @LAT-FRAME-016
  Rule: The opener is ignored

    @id:frame/opener
    Scenario: A single byte 01
      When "eve" sends the subject the datagram 01
      Then the subject answers none of them, but the sound ping after them

  @LAT-FRAME-017
  Rule: No datagram is longer than 1421 bytes

    @id:frame/longest-datagram
    Scenario: What a bootstrap peer sends
      When "eve" pings the subject
      Then no datagram that the subject sent is longer than 1421 bytes
