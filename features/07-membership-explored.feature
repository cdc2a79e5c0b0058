Feature: Worlds that exploring has found
  Each of them once led to a finding, shrunk to what it needs.

  @LAT-MEMB-001
  Rule: A join for each joined subcluster is sent once in a keepalive interval

    @id:memb/joins-soon-after-a-wake @virtual
    Scenario: Woken between two ticks
      Given the world of seed 3, with a keepalive interval of 30s and these hosts:
        | host  | network | runs             | latency |
        | boot1 | open    | a bootstrap peer | 10ms    |
        | boot2 | open    | a bootstrap peer | 10ms    |
        | peer3 | open    | the subject      | 12ms    |
      When this happens within 5m37.5s:
        | at        | host  | does   | subcluster |
        | 9.629s    | peer3 | joins  | 1          |
        | 4m16.369s | peer3 | sleeps |            |
        | 4m25.919s | peer3 | wakes  |            |
      Then the subject keeps to the rule "oracle/join/owed"
