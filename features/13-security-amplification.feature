Feature: What little may set off
  A stranger whose address may be forged must not make peers send much to
  somebody else. These are the triggers that deployed peers were measured with.

  @LAT-SEC-001 @alone @extended
  Rule: A large cache pays no stranger more

    @id:sec/large-cache-pays-no-more
    Scenario Outline: <trigger>, and <held> packets are cached
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      And an injector "mute" on the public internet that never answers
      When "bob" is known to the subject
      And "carol" is known to the subject
      And "bob" sends the subject <each> publishes in 4 s
      And "carol" sends the subject <each> publishes in 4 s
      And "mute" sends the subject <trigger>
      And 3 s pass
      Then the subject has sent "mute" at most 3 bytes for each byte that it got

      Examples:
        | trigger                         | held | each |
        | a connection ping               | 2000 | 1000 |
        | a sync with an invented hash    | 100  | 50   |
        | a sync with an invented hash    | 2000 | 1000 |
        | a sync with 16 invented buckets | 2000 | 1000 |
        | a query for a cached packet     | 2000 | 1000 |

  @LAT-SEC-004 @extended
  Rule: An address that a join names gets nothing

    @id:sec/join-names-a-victim @alone
    Scenario: The sender is introduced, and at its own address
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      And an injector "victim" on the public internet that never answers
      When "eve" is known to the subject
      And "bob" is known to the subject
      And "eve" sends the subject a join that names the address of "victim"
      Then an intro from the subject reaches "bob" that names "eve"
      When 2 keepalive intervals pass
      Then nothing from the subject reaches "victim"

    @id:sec/join-names-a-victim-unverified @alone
    Scenario: Nobody has verified who sends it
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "mute" on the public internet that never answers
      And an injector "victim" on the public internet that never answers
      When "bob" is known to the subject
      And "mute" sends the subject a join that names the address of "victim"
      And 2 keepalive intervals pass
      Then nothing from the subject reaches "victim"
      And no intro from the subject reaches "bob"

    @id:sec/join-names-a-victim-in-a-mesh
    Scenario: A mesh of members
      Given 3 bootstrap peers
      And the subject on the public internet
      And a companion "bob" behind a full-cone NAT
      And a companion "carol" behind a port-restricted NAT
      And a companion "dan" behind a full-cone NAT
      And an injector "eve" on the public internet
      And an injector "victim" on the public internet that never answers
      When the subject joins the subcluster "news"
      And "bob" joins the subcluster "news"
      And "carol" joins the subcluster "news"
      And "dan" joins the subcluster "news"
      Then within 3 keepalive intervals the subject and "bob" are connected without a proxy
      When "eve" is known to the subject
      And "eve" sends the subject a join that names the address of "victim"
      And 2 keepalive intervals pass
      Then nothing from any peer reaches "victim"

  @LAT-SEC-005 @alone @extended
  Rule: Introductions are rationed by the address that they name

    @id:sec/introductions-to-one-address
    Scenario: Eight peers at one address
      Given the subject on the public internet
      And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject
      And an injector "victim" on the public internet that never answers
      When "bob" introduces the subject to 8 peers at the address of "victim"
      And 3 s pass
      Then some, and at most 3 pings from the subject go to the address of "victim"

  @LAT-SEC-006 @alone @extended
  Rule: One join sets off a handful of packets

    @id:sec/one-join-to-eight-known-peers
    Scenario: Eight peers are known
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "eve" on the public internet
      And an injector "bob" on the public internet
      And an injector "carol" on the public internet
      And an injector "dave" on the public internet
      And an injector "erin" on the public internet
      And an injector "frank" on the public internet
      And an injector "grace" on the public internet
      And an injector "heidi" on the public internet
      And an injector "ivan" on the public internet
      When "eve" is known to the subject
      And "bob" is known to the subject as a member of the cluster
      And "carol" is known to the subject as a member of the cluster
      And "dave" is known to the subject as a member of the cluster
      And "erin" is known to the subject as a member of the cluster
      And "frank" is known to the subject as a member of the cluster
      And "grace" is known to the subject as a member of the cluster
      And "heidi" is known to the subject as a member of the cluster
      And "ivan" is known to the subject as a member of the cluster
      And "eve" sends the subject a join
      And 2 keepalive intervals pass
      Then because of it the subject has sent some, and at most 12 intros and 6 joins
