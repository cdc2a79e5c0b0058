Feature: Queries
  A question goes from peer to peer until somebody knows an answer, which goes
  back the way that the question came. What a question names by its packetId is
  answered from the cache of whoever holds it.

  @LAT-QRY-001 @alone @extended
  Rule: A question names its time and itself

    @id:qry/fields-of-a-query
    Scenario: The first question
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "carol" on the public internet
      When "carol" is known to the subject
      And the subject asks {"about":"the weather"}
      Then a query from the subject reaches "carol" with hops 1, a time in usr1 and 32 bytes in usr3

  @LAT-QRY-002 @alone @extended
  Rule: A question is told from others by its packetId

    @id:qry/same-query-twice
    Scenario: The same again
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "carol" on the public internet
      When "carol" is known to the subject
      And the subject asks {"about":"the weather"}
      And the subject asks {"about":"the weather"}
      Then two queries from the subject reach "carol" with different packetIds

  @LAT-QRY-003 @extended
  Rule: An answer is delivered once

    @id:qry/several-peers-hold-the-answer
    Scenario: A message that several peers hold
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And a companion "bob" behind an address-restricted NAT
      When the subject and "bob" join the same subcluster
      And "bob" publishes "asked for"
      And the subject receives "asked for" once
      And the subject asks for that message
      Then the subject delivers the packet that it asked for once

    @id:qry/answer-comes-twice @alone
    Scenario: An answer that comes twice
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "carol" on the public internet
      When "carol" is known to the subject
      And the subject asks {"about":"the weather"}
      And "carol" answers the subject's query with "rain", twice
      Then the subject delivers the answer once

    @id:qry/answer-from-behind-a-bootstrap-peer
    Scenario: An answer from a peer behind a bootstrap peer
      Given 3 bootstrap peers
      And the subject behind a port-restricted NAT
      And an injector "carol" on the public internet
      When the subject joins a subcluster
      And "carol" is known to "boot2"
      And the subject asks {"about":"the weather"}
      And "carol" answers the subject's query with "rain"
      Then the subject delivers the answer once

  @LAT-QRY-004 @alone @extended
  Rule: A packet that a question names is the answer

    @id:qry/query-names-a-cached-packet
    Scenario: A publish that the subject has cached
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "bob" sends the subject a publish
      And "carol" sends the subject a query for that publish
      Then the subject answers "carol" with that publish

  @LAT-QRY-005 @alone @extended
  Rule: To be asked for harms no packet

    @id:qry/sync-after-a-query
    Scenario: A sync after the question
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "bob" sends the subject a publish
      And "bob" sends the subject a query for that publish
      And the subject answers "bob" with that publish
      And "carol" is known to the subject
      And "carol" sends the subject a sync with the summary of an empty cache
      Then by sync the subject sends "carol" that publish as it was

  @LAT-QRY-006 @alone @extended
  Rule: A question is relayed once, onward, with one hop more

    @id:qry/relays-a-query-onward
    Scenario: A question goes to the others and not back
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a query twice
      Then the subject relays that query to "bob" once, with hops 2
      And the subject does not relay that query to "carol"

  @LAT-QRY-007 @alone @extended
  Rule: Sixteen hops are the end of a query

    @id:qry/query-with-sixteen-hops
    Scenario: Questions with sixteen and fifteen
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a query with hops 16
      And "carol" sends the subject another query with hops 15
      Then the subject relays the query with hops 15 to "bob", but not the one with hops 16

    @id:qry/answer-with-sixteen-hops
    Scenario: Answers with sixteen and fifteen
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a query
      And "bob" answers that query with hops 16
      And "bob" answers that query with hops 15
      Then the subject relays the answer with hops 15 to "carol", but not the one with hops 16

  @LAT-QRY-008 @alone @extended
  Rule: An answer goes back the way that the question came

    @id:qry/relays-an-answer-back
    Scenario: Between two peers that the subject knows
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a query
      And "bob" answers that query, twice
      Then the subject relays that answer to "carol" once, with hops 1
      And the subject does not relay that answer to "bob"

  @LAT-QRY-016 @alone @extended
  Rule: An answer goes to nobody else

    @id:qry/answer-reaches-no-third-peer
    Scenario: A third peer
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      And an injector "dave" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "dave" is known to the subject
      And "carol" sends the subject a query
      And "bob" answers that query
      Then the subject relays that answer to "carol" once, with hops 1
      And the subject does not relay that answer to "dave"

  @LAT-QRY-009 @alone @extended
  Rule: Old questions are dropped

    @id:qry/old-queries
    Scenario: A minute, then a moment
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a query that is 60 s old
      And "carol" sends the subject another query
      Then the subject relays the second query to "bob", but not the first

  @LAT-QRY-010 @alone @extended
  Rule: An answer has no age

    @id:qry/answer-has-no-age
    Scenario: A usr1 that begins like a number
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "carol" on the public internet
      When "carol" is known to the subject
      And the subject asks {"about":"the weather"}
      And "carol" answers the subject's query with "rain" and a usr1 that begins like a number
      Then the subject delivers the answer once

  @LAT-QRY-011 @alone @extended
  Rule: What is no JSON object is no query

    @id:qry/bodies-that-are-no-object
    Scenario: Nothing, numbers, text and lists
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject queries whose bodies are no objects
      And "carol" sends the subject a query
      And "bob" answers that query with bodies that are no objects
      And "bob" answers that query
      Then the subject still answers an honest ping
      And the subject relays that answer to "carol" once, with hops 1
      And 1 query of the subject has reached "bob"
      And 1 answer of the subject has reached "carol"

  @LAT-QRY-012 @alone @extended
  Rule: An answer in several packets is delivered whole

    @id:qry/answer-in-several-packets
    Scenario Outline: Order <order>
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "carol" on the public internet
      When "carol" is known to the subject
      And the subject asks {"about":"the weather"}
      And "carol" answers the subject's query in packets in the order <order>
      Then the subject delivers the answer once

      Examples:
        | order       |
        | 0 1 2       |
        | 2 1 0       |
        | 1 0 2 1 0 2 |

  @LAT-QRY-013 @alone @extended
  Rule: Strangers' questions are not passed on

    @id:qry/query-of-a-stranger
    Scenario: A source that never answers, then one that does
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      And an injector "mute" on the public internet that never answers
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "mute" sends the subject a query
      And "carol" sends the subject another query
      Then the subject relays the second query to "bob", but not the first

  @LAT-QRY-014 @alone @extended
  Rule: A question is forgotten

    @id:qry/late-answer
    Scenario: One answer in time, one after three intervals
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a query
      And "bob" answers that query
      And the subject relays that answer to "carol" once, with hops 1
      And 3 keepalive intervals pass
      And "carol" is known to the subject
      And "bob" is known to the subject
      And "bob" answers that query
      And 1 s passes
      Then the subject does not relay that answer to "carol"

  @LAT-QRY-015 @alone @extended
  Rule: An answer whose id is not that of its content is dropped

    @id:qry/false-id-in-an-answer-to-the-subject
    Scenario: To the subject's question
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "carol" on the public internet
      When "carol" is known to the subject
      And the subject asks {"about":"the weather"}
      And "carol" answers the subject's query with "sun" under a false packetId
      And "carol" answers the subject's query with "rain"
      Then the subject delivers the answer once
      And the subject has delivered 1 answer

    @id:qry/false-id-in-an-answer-to-another
    Scenario: To the question of another
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "carol" sends the subject a query
      And "bob" answers that query under a false packetId
      And "bob" answers that query
      Then the subject relays the second answer to "carol", but not the first
