Feature: NAT discovery
  A peer finds out by reflection what the NAT in front of it does: which
  mapping it makes, and whom it lets in. Three bootstrap peers help.

  Background:
    Given 3 bootstrap peers

  @LAT-NAT-001
  Rule: Endpoint-independent mapping and filtering is type 31

    @id:nat/type-31
    Scenario Outline: <profile>
      Given the host "alice" behind a <profile> NAT
      When the subject starts on "alice"
      Then the subject's NAT type is 31

      Examples:
        | profile   |
        | open      |
        | full-cone |

  @LAT-NAT-002
  Rule: Address-dependent filtering is type 15

    @id:nat/type-15
    Scenario: address-restricted
      Given the host "alice" behind an address-restricted NAT
      When the subject starts on "alice"
      Then the subject's NAT type is 15

  @LAT-NAT-003
  Rule: Address-and-port-dependent filtering is type 7

    @id:nat/type-7
    Scenario Outline: <profile>
      Given the host "alice" behind a <profile> NAT
      When the subject starts on "alice"
      Then the subject's NAT type is 7

      Examples:
        | profile         |
        | port-restricted |
        | home-router     |
        | carrier         |
        | cgnat           |
        | hotspot         |

  @LAT-NAT-004
  Rule: Endpoint-dependent mapping is type 5

    @id:nat/type-5
    Scenario Outline: <profile>
      Given the host "alice" behind a <profile> NAT
      When the subject starts on "alice"
      Then the subject's NAT type is 5

      Examples:
        | profile              |
        | symmetric            |
        | symmetric-sequential |
        | corporate            |

  @LAT-NAT-005
  Rule: Two stages, two sockets, two responders

    @id:nat/two-stages
    Scenario: What leaves the host
      Given the host "alice" behind a port-restricted NAT
      When the subject starts on "alice"
      Then the subject's NAT type is 7
      And the subject sent a reflection ping with isProbe from its probe socket
      And after its answer the subject sent reflection pings with probeExternalPort from its main socket to 2 bootstrap peers

  @LAT-NAT-006
  Rule: Lost answers delay discovery and do not end it

    @id:nat/network-is-away-at-the-start
    Scenario: The network is away when the peer starts
      Given the host "alice" behind a port-restricted NAT
      And the link of "alice" is down
      When the subject starts on "alice"
      And 3 s pass
      And the link of "alice" is up
      Then the subject's NAT type is 7

    @id:nat/every-fourth-packet-is-lost
    Scenario: Every fourth packet is lost
      Given the host "alice" behind a symmetric NAT
      And the link of "alice" loses 25 % of its packets
      When the subject starts on "alice"
      Then within 60 s the subject's NAT type is 5

    # Which answer is lost, and how soon the next comes, is a matter of a third of a
    # second: real clocks on a loaded machine are no judge of it.
    @id:nat/first-answers-are-lost @virtual
    Scenario Outline: The first <answer> of each is lost
      Given the subject, which starts later, behind a full-cone NAT
      And the link of "boot1" is down
      And the link of "boot2" is down
      And the link of "boot3" is down
      And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject
      And the first <answer> of "bob" is lost
      And the first <answer> of "carol" is lost
      And the first <answer> of "dave" is lost
      When the subject starts
      Then the subject's NAT type is 31

      Examples:
        | answer                     |
        | answer to the probe socket |
        | second pong                |

    @id:nat/packets-come-twice
    Scenario: Packets come twice
      Given the host "alice" behind a symmetric NAT
      And the link of "alice" duplicates 50 % of its packets
      When the subject starts on "alice"
      Then the subject's NAT type is 5

  @LAT-NAT-007
  Rule: Only answers to the live question count

    @id:nat/stranger-tells-a-wrong-address
    Scenario: A stranger tells a wrong address
      Given the host "alice" on the public internet
      And an injector "eve" on the public internet
      When the subject starts on "alice"
      Then the subject's NAT type is 31
      When "eve" sends the subject reflection pongs that name 203.0.113.66 with a null reflectionId
      And "eve" sends the subject reflection pongs that name 203.0.113.66 with an invented reflectionId
      Then the subject's own address is still that of "alice"

    @id:nat/one-responder-alone
    Scenario: One responder alone
      Given the host "alice" on the public internet
      And the link of "boot2" is down
      And the link of "boot3" is down
      When the subject starts on "alice"
      And 10 s pass
      Then the subject has found no NAT type

    @id:nat/answers-come-twice
    Scenario: Each answer comes twice
      Given the host "alice" behind a symmetric NAT
      And the link of "alice" duplicates 100 % of its packets
      When the subject starts on "alice"
      Then the subject's NAT type is 5

  @LAT-NAT-009
  Rule: The discovered type is announced to every known peer

    @id:nat/announces-its-type
    Scenario: Connection pings to the bootstrap peers
      Given the host "alice" behind a port-restricted NAT
      When the subject starts on "alice"
      Then the subject's NAT type is 7
      And the subject sent each bootstrap peer a connection ping with natType 7

  @LAT-NAT-010 @extended
  Rule: Another address is discovered

    @id:nat/another-address
    Scenario Outline: The NAT of a <profile> peer gets another address
      Given the host "alice" behind a <profile> NAT
      When the subject starts on "alice"
      Then the subject's NAT type is <type>
      When the NAT of "alice" gets another address
      Then within 3 keepalive intervals the subject takes the address of the NAT of "alice" for its own

      Examples:
        | profile         | type |
        | full-cone       | 31   |
        | port-restricted | 7    |

  @LAT-NAT-011 @extended
  Rule: After a sleep the NAT is asked again, and the peers are found again

    @id:nat/suspended
    Scenario Outline: A <profile> peer is suspended
      Given the subject behind a <profile> NAT
      And a companion "bob" behind a port-restricted NAT
      When the subject and "bob" join the same subcluster
      Then within 3 keepalive intervals the subject and "bob" are connected without a proxy
      When the host "alice" is suspended for 5 keepalive intervals
      Then within 3 s the subject begins to discover its NAT type anew
      When the NAT of "alice" reboots
      Then within 3 keepalive intervals the subject and "bob" reach each other again

      @virtual
      Examples:
        | profile         |
        | full-cone       |
        | port-restricted |
        | hotspot         |
