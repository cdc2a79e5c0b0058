@alone @codec
Feature: Vectors of NAT types
  The vectors are commands to a codec, with the answer to each of them. A codec
  passes all those of its requirements.

  Background:
    Given the subject's codec

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
