@alone @codec
Feature: Vectors of strategies
  The vectors are commands to a codec, with the answer to each of them. A codec
  passes all those of its requirements.

  Background:
    Given the subject's codec

  @LAT-TRAV-001
  Rule: Two NAT types make a strategy

    @id:trav/vectors-of-strategies
    Scenario: Every pair
      Then the codec passes every vector of "LAT-TRAV-001"
