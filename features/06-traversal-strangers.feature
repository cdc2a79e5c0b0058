Feature: Traversal and strangers
  A stranger whose address may be forged must not make peers send much to
  somebody else.

  @LAT-TRAV-005 @alone @extended
  Rule: A stranger sets off no traversal

    @id:trav/stranger-sets-off-no-traversal
    Scenario Outline: <strategy>, behind a <nat> NAT
      Given the subject behind a <nat> NAT
      And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject
      And an injector "mallory" on the network of the subject
      And an injector "victim" on the public internet that never answers
      When "mallory" introduces the subject to "victim" as a peer of type <type>
      And 3 s pass
      Then nothing from the subject reaches "victim"
      And the subject still answers an honest ping

      Examples:
        | strategy | nat             | type |
        | OPEN     | port-restricted | 5    |
        | CONNECT  | symmetric       | 7    |
        | DIRECT   | port-restricted | 31   |
