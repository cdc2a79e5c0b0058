@alone @codec
Feature: Vectors of sync
  The vectors are commands to a codec, with the answer to each of them. A codec
  passes all those of its requirements.

  Background:
    Given the subject's codec

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
