@alone
Feature: Hostile datagrams
  Every datagram that was sent to deployed peers to see whether they die, one
  case a scenario, so that a death is laid to its cause. A stranger whose
  address may be forged sends it. Then a peer that the subject has verified
  sends it under a packetId that no gate has seen and that fits its content:
  who it is from and what it is called must not be all that it is dropped for.
  A test holds that every hostile case of the vectors stands here, sent to the
  state of the subject that it was made for.

  @LAT-FRAME-014
  Rule: No hostile datagram of the vectors ends a peer

    @id:frame/hostile-before-discovery
    Scenario Outline: Before its NAT type is known: <case>
      Given the subject runs on "alice" without bootstrap peers
      And an injector "bob" on the public internet
      And an injector "eve" on the public internet that never answers
      When "eve" sends the subject the hostile case: <case>
      And "bob" sends the subject, under ids that fit, the hostile case: <case>
      Then the subject still answers an honest ping
      And the subject has sent "eve" at most 3 bytes for each byte that it got

      Examples: Deployed peers die of these
        | case                                         |
        | ping plain, victim natType unknown (pre-NAT) |
        | pong isConnection pingId, pre-NAT            |

      Examples: Deployed peers survive these
        | case                                      |
        | ping isConnection+natType, pre-NAT victim |

    @id:frame/hostile-to-a-bootstrap-peer
    Scenario Outline: A bootstrap peer: <case>
      Given the subject runs as a bootstrap peer on "alice"
      And an injector "bob" on the public internet
      And an injector "eve" on the public internet that never answers
      When "bob" is known to the subject
      And "eve" sends the subject the hostile case: <case>
      And "bob" sends the subject, under ids that fit, the hostile case: <case>
      Then the subject still answers an honest ping
      And the subject has sent "eve" at most 3 bytes for each byte that it got

      Examples: Deployed peers die of these
        | case                                              |
        | ping plain, indexed victim without natType option |
        | ping probeExternalPort=70000 on indexed           |
        | pong isConnection pingId, indexed                 |
        | join body {} on indexed                           |
        | query null question, indexed                      |

    @id:frame/hostile-to-a-leaf @extended
    Scenario Outline: A leaf: <case>
      Given the subject on the public internet
      And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject
      And an injector "eve" on the public internet that never answers
      When "eve" sends the subject the hostile case: <case>
      And "bob" sends the subject, under ids that fit, the hostile case: <case>
      Then the subject still answers an honest ping
      And the subject has sent "eve" at most 3 bytes for each byte that it got

      Examples: Deployed peers die of these
        | case                                            |
        | ping probeExternalPort=70000                    |
        | ping probeExternalPort=-1                       |
        | ping probeExternalPort=1.5                      |
        | ping probeExternalPort="x"                      |
        | ping probeExternalPort="80"(string)             |
        | pong isConnection pingId from unknown responder |
        | intro natType=2 no isRendezvous                 |
        | intro missing natType/address/port              |
        | intro port=0 no isRendezvous                    |
        | intro address=number                            |
        | join body {}                                    |
        | sync empty message                              |
        | query null question                             |
        | join requesterPeerId=number                     |

      Examples: Deployed peers survive these
        | case                                             |
        | control: valid ping                              |
        | ping reflectionId=5 (number)                     |
        | ping reflectionId="zz" isReflection              |
        | ping reflectionId="zz" plain                     |
        | ping pingId={} plain                             |
        | ping isProbe="x"                                 |
        | ping natType=2 isConnection                      |
        | pong isConnection no natType unknown             |
        | intro valid w/o usr1                             |
        | intro port="9" string                            |
        | intro address hostname                           |
        | intro DIRECT to broadcast addr                   |
        | intro usr1 = "NaN"/garbage                       |
        | conn peerId valid, requesterPeerId uppercase dup |
        | publish idx0 null, NON member, no peer           |
        | sync message 1 byte 0                            |
        | sync index0 null                                 |
        | sync bucket index 255                            |
        | sync prefix length 255 empty                     |
        | query question packetId=object                   |
        | 1-byte datagram                                  |

    @id:frame/hostile-to-a-leaf-with-a-friend @extended
    Scenario Outline: A leaf with a friend: <case>
      Given the subject on the public internet
      And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject
      And an injector "friend" on the public internet
      And an injector "eve" on the public internet that never answers
      When "friend" is known to the subject
      And "eve" sends the subject the hostile case: <case>
      And "bob" sends the subject, under ids that fit, the hostile case: <case>
      Then the subject still answers an honest ping
      And the subject has sent "eve" at most 3 bytes for each byte that it got

      Examples: Deployed peers die of these
        | case                                              |
        | join valid hops=0xffffffff, one introducible peer |
        | poisoned peer: conn natType="31" then any join    |
        | publish idx0 null, NON member, one live peer      |
        | query null answer, one live peer                  |
        | join index=1, one peer to relay to                |
        | query index=1 question, one peer to relay to      |
        | join address non-ASCII, one introducible peer     |
        | join natType 2, one introducible peer             |
        | join port 70000, one introducible peer            |

      Examples: Deployed peers survive these
        | case                                             |
        | join requesterPeerId only, one introducible peer |

    @id:frame/hostile-to-a-member @extended
    Scenario Outline: A member: <case>
      Given the subject on the public internet
      And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject
      And an injector "eve" on the public internet that never answers
      When the subject joins a subcluster
      And "eve" sends the subject the hostile case: <case>
      And "bob" sends the subject, under ids that fit, the hostile case: <case>
      Then the subject still answers an honest ping
      And the subject has sent "eve" at most 3 bytes for each byte that it got

      Examples: Deployed peers die of these
        | case                                                         |
        | join rendezvousDeadline, our cluster, rendezvousPort missing |
        | publish idx0 null, subcluster member                         |
        | publish idx0 {"indexes":-1} member                           |
        | publish head indexes=1 no meta + 1 frag, member              |
        | publish head size=5e9 + 1 frag, member                       |
        | publish head size="x" + 1 frag, member                       |
        | stream idx0 null to us, member                               |
        | publish idx0 {"meta":5,"indexes":"x"} member                 |
        | publish idx0 child is JSON null (toBufferMaybe null), member |

      Examples: Deployed peers survive these
        | case                                                                 |
        | join rendezvousDeadline, our cluster, rendezvousAddress invalid host |
        | publish head size=2e9 + 1 frag, member                               |
        | publish idx1 unknown head member                                     |
        | publish idx0 {"indexes":1e-9}+1 child, member                        |

    @id:frame/hostile-to-a-symmetric-leaf @extended
    Scenario Outline: A leaf behind a symmetric NAT: <case>
      Given the subject behind a symmetric NAT
      And the injectors "bob", "carol" and "dave" are the bootstrap peers of the subject
      When "bob" sends the subject, under ids that fit, the hostile case: <case>
      Then the subject still answers an honest ping

      Examples: Deployed peers die of these
        | case                                          |
        | intro TRAVERSAL_CONNECT hostname (victim sym) |

      Examples: Deployed peers survive these
        | case                                               |
        | intro TRAVERSAL_CONNECT to broadcast addr (EACCES) |
