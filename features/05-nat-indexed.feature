Feature: The NAT type of an indexed peer
  An indexed peer is reachable by everybody, and knows it from its configuration.

  @LAT-NAT-008 @alone
  Rule: An indexed peer is unrestricted and does not ask

    @id:nat/indexed-peer-announces-31
    Scenario: It announces 31 and sends no reflection ping with isProbe
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      When "eve" pings the subject
      Then a pong from the subject's main socket reaches "eve" with:
        | natType | 31 |
      And the subject has sent no ping with isProbe

    @id:nat/indexed-peer-does-not-ask
    Scenario: Nor when it knows two that it could ask
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      When "eve" is known to the subject
      And "bob" is known to the subject
      And 3 s pass
      Then the subject has sent no ping with isProbe
