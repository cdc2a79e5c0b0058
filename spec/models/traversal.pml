/*
 * Introduction and traversal (chapters 4, 6, 7 and 13), for spin.
 *
 * Modelled: an introducer with a public address, two peers behind NATs of types
 * 31, 15, 7 and 5 (all sixteen pairs), and a stranger. Both peers are known to
 * the introducer, and verified there. Once in a keepalive interval one of them
 * joins; the introducer introduces each to the other; each follows the table of
 * 6.1: connection pings, opened ports, pings from a pool, or the proxy. What a
 * connection ping or pong says waits until an echo has come back from its source
 * (13.1). NATs filter as their types say; those of type 5 have another mapping
 * for each destination and socket. The network loses LOSSES datagrams of its
 * choice, delivers DUPS of its choice twice, and delivers in any order. The
 * stranger sends FORGERIES datagrams of its choice at any time: from the other
 * peer's address, in its name, a connection ping, a connection pong, or a pong
 * with a wrong echo; from its own address, in the other's name, the first and
 * the last of these, and an introduction to a victim; and a join that claims the
 * victim's address.
 *
 * Left out, and why that is sound:
 * - The ports that are guessed. Either some mapping of the pool hits an opened
 *   port, or none does: both are tried ("lucky"). A ping that misses is lost.
 * - Repetitions of questions, and openers that arrive: they only help to connect.
 *   The echo of a question is the same each time. It is random: that of the
 *   stranger is wrong, unless the question went to the stranger.
 * - Heartbeats between peers that both are connected, and those to the
 *   introducer: they change nothing here, where mappings don't expire.
 * - Time. Three assumptions take its place: the last connection ping to a peer
 *   leaves after that peer was introduced, or its introduction lost (2 s); a
 *   traversal has failed when nothing of it is under way any more (1.5 s); all
 *   that an interval brings about happens in it.
 * - More than one introducer and two peers: no rule looks at the others.
 * - NAT types without a name, two peers behind one NAT, mappings that expire, what
 *   deployed peers do.
 *
 * Checked:
 * - no deadlock: every run ends after ROUNDS intervals, otherwise spin finds an
 *   invalid end state; formula "ends": and each gets there.
 * - no peer takes the other for connected before a datagram of it has come,
 *   directly or by the proxy (LAT-TRAV-004), also if a stranger forges some.
 * - no address counts as verified before the peer there has answered with the
 *   echo (chapter 4, LAT-SEC-002).
 * - nothing is sent to an address that only a join claims (LAT-SEC-004,
 *   LAT-MEMB-010), or an introduction of somebody unverified (LAT-TRAV-005).
 * - after two intervals, and one more for each datagram that was lost or forged,
 *   both are connected: directly where the table says direct or defer
 *   (LAT-TRAV-001, LAT-TRAV-002, LAT-TRAV-003), and where it says open and
 *   connect and a guess hits (LAT-TRAV-007, LAT-TRAV-008, LAT-TRAV-009,
 *   LAT-TRAV-013, LAT-TRAV-017); elsewhere by the proxy (LAT-TRAV-011,
 *   LAT-TRAV-014), which is not for ever (LAT-TRAV-012). Directly in the first
 *   interval, if nothing is lost (ROUNDS=1).
 *
 * Parameters: LOSSES, DUPS, FORGERIES, ROUNDS. Mutations, each of which must be
 * found: BUG_BELIEVE and BUG_NEVER_AGAIN (deployed peers do so), BUG_FORGED_ECHO,
 * BUG_NO_ECHO, BUG_OBEY, BUG_CLAIM, BUG_TABLE, BUG_ONE_PING, BUG_NO_PROXY,
 * BUG_NO_HEARTBEAT, BUG_MAIN_SOCKET, BUG_ANY_NAME (LAT-SEC-007). A stranger who can do
 * more than the rules withstand: STRANGER_LIES, STRANGER_GUESSES, STRANGER_STREAMS,
 * STRANGER_INTRODUCES; README.md says what that means.
 */

#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef DUPS
#define DUPS 0
#endif
#ifndef FORGERIES
#define FORGERIES 0
#endif
#ifndef ROUNDS
#define ROUNDS (LOSSES + FORGERIES + 2)
#endif

/* Between which addresses a datagram of the other peer goes. M is the mapping of a main socket
   that everybody knows; N, of type 5, that of the main socket towards the other peer;
   P, of type 5, one of the pool that hits an opened port. */
#define MM 0
#define NM 1
#define PM 2
#define MN 3
#define MP 4
#define reply_way(way) (way == NM -> MN : (way == PM -> MP : (way == MN -> NM : (way == MP -> PM : MM))))
/* Sources, as bits: M, N and P of the other peer, the stranger, the introducer. */
#define source(way)  (way == NM -> 2 : (way == PM -> 4 : 1))
#define STRANGER     8
#define INTRODUCER   16
/* The victim, as an address that is introduced. */
#define VICTIM       32

/* The datagrams to a peer: four kinds times five ways, and those by the introducer. */
#define PING     0   /* a connection ping */
#define PONG     5   /* that to it */
#define QUESTION 10  /* a reflection ping with an echo */
#define ANSWER   15  /* the pong with the echo */
#define INTRO    20  /* of the other peer */
#define INTRO_S  21  /* of the stranger's address */
#define INTRO_V  22  /* of the victim's */
#define RELAYED  23
#define FALSE    24  /* relayed, of the stranger in the other's name */
#define CODES    25
/* And to the introducer, from each peer; of the stranger in each one's name. */
#define JOIN     0
#define DATA     1
#define CLAIM    4
#define LIE      5
#define UPS      7

#define NONE      0
#define PLAUSIBLE 1
#define DIRECTLY  2
#define BY_PROXY  3

byte type[2];
bool lucky;          /* a guess hits */

byte net[50];        /* how many of each datagram are on the way to each peer */
byte pending[2];     /* the sum of that */
byte up[UPS];         /* and to the introducer */
byte flying;         /* the sum */
byte losses = LOSSES;
byte dups = DUPS;
byte forgeries = FORGERIES;
byte rounds;
bool started;

byte burst[2];       /* 0, or 1 and the pings left */
byte out[2];         /* where it has sent, so that its NAT lets in: M, N, P of the other, 8: M from the pool */
bool opened[2];      /* ports of the other, in this interval */
byte held[2];        /* sources of connection pings and pongs that wait for an echo */
byte asked[2];       /* sources, in this interval */
byte verified[2];    /* sources */
byte conn[2];
byte named[2];       /* verified by an answer in the other's name */
bool proxied[2];     /* is to be reached by the proxy */
bool sentData[2];    /* through it, in this interval */

/* What is true, and no peer knows. */
bool came[2];        /* a datagram of the other */
byte answered[2];    /* who is there has, from these sources */
bool letIn[2];       /* the NAT lets the stranger in */
bool knows[2];       /* the stranger knows the echo of the question to it */
bool victim;         /* something was sent there */

#define silent (flying == 0)
#define over   (started && rounds == ROUNDS && silent && burst[0] == 0 && burst[1] == 0)

inline put(to, code) {
	net[(to) * CODES + (code)]++;
	pending[to]++;
	flying++
}

inline put_up(code) {
	up[code]++;
	flying++
}

/* A datagram to the way's end from its start; way is seen from the receiver. */
inline transmit(from, kind, way) {
	out[from] = out[from] | (way == MM || way == NM -> 1 : (way == PM -> 8 : (way == MN -> 2 : 4)));
	put(1 - (from), kind + way)
}

inline answer(me, kind, way) {
#ifdef BUG_MAIN_SOCKET
	if
	:: way == MP -> transmit(me, kind, NM)
	:: else -> transmit(me, kind, reply_way(way))
	fi
#else
	transmit(me, kind, reply_way(way))
#endif
}

/* A connection ping after an introduction: from the pool, or the main socket. */
inline ping(me) {
	if
#ifndef BUG_TABLE
	:: type[me] == 5 && type[1 - me] == 7 ->
		if
		:: lucky -> transmit(me, PING, PM)
		:: else
		fi
#endif
	:: type[me] == 7 && type[1 - me] == 5 -> skip
	:: else ->
		if
		:: type[me] == 5 -> transmit(me, PING, NM)
		:: else          -> transmit(me, PING, MM)
		fi
	fi
}

inline say(me) {
	if
	:: !sentData[me] -> sentData[me] = true; put_up(me * 2 + DATA)
	:: else
	fi
}

inline fall_back(me) {
#ifndef BUG_NO_PROXY
	if
	:: conn[me] == NONE -> proxied[me] = true; say(me)
	:: conn[me] == BY_PROXY -> say(me)
	:: else
	fi
#else
	skip
#endif
}

/* An introduction is obeyed, by the table of 6.1. */
inline obey(me) {
	if
	:: burst[me] != 0 -> skip
	:: conn[me] == DIRECTLY -> skip
#ifdef BUG_NEVER_AGAIN
	:: conn[me] == BY_PROXY || proxied[me] -> say(me)
#endif
	:: else ->
		if
		:: type[me] == 5 && type[1 - me] == 5 -> fall_back(me)
		:: else ->
#ifndef BUG_TABLE
			if
			:: type[me] == 7 && type[1 - me] == 5 -> out[me] = out[me] | 4; opened[me] = true
			:: else
			fi;
#endif
			ping(me);
#ifdef BUG_ONE_PING
			burst[me] = 1
#else
			burst[me] = 3
#endif
		fi
	fi
}

/* A connection ping or pong from a source is in the other's name. If the source
   isn't verified, it is asked. */
inline contact(me, from, way) {
	if
#ifdef BUG_NO_ECHO
	:: true -> conn[me] = DIRECTLY
#endif
#ifdef BUG_ANY_NAME
	:: verified[me] & (from) -> conn[me] = DIRECTLY
#else
	:: named[me] & (from) -> conn[me] = DIRECTLY
#endif
	:: else ->
		held[me] = held[me] | (from);
		if
		:: (from) == 4 && opened[me] && conn[me] != DIRECTLY -> conn[me] = PLAUSIBLE /* LAT-TRAV-009 */
		:: else
		fi;
		if
		:: !(asked[me] & (from)) ->
			asked[me] = asked[me] | (from);
			if
			:: (from) < STRANGER -> answer(me, QUESTION, way)
			:: (from) == STRANGER -> knows[me] = true
			:: else /* the introducer, which answers in its own name */
			fi
		:: else
		fi
	fi
}

/* A pong with an echo from a source is in the other's name. */
inline echo(me, from, right) {
	if
#ifdef BUG_FORGED_ECHO
	:: true ->
#else
	:: right ->
#endif
		verified[me] = verified[me] | (from);
		named[me] = named[me] | (from);
		if
		:: held[me] & (from) -> conn[me] = DIRECTLY; held[me] = 0
		:: else
		fi
	:: else
	fi
}

/* An introduction of another address than that of the other peer. */
inline mislead(me, from, to) {
	if
#ifdef BUG_OBEY
	:: true ->
#else
	:: verified[me] & (from) -> /* LAT-TRAV-005 */
#endif
		if
		:: (to) == VICTIM -> victim = true
		:: else -> letIn[me] = true
		fi
	:: else
	fi
}

/* Whether the NAT lets a datagram of the other peer's addresses in. */
#define let_in(me, way) \
	((way <= PM && (type[me] == 31 || type[me] == 15 && out[me] != 0 || type[me] == 7 && (out[me] & source(way)))) \
	|| way == MN && (out[me] & 1) || way == MP && (out[me] & 8))

inline receive(me, code) {
	if
	:: code < INTRO ->
		way = code % 5;
		if
		:: let_in(me, way) ->
			came[me] = true;
			if
			:: code < PONG -> answer(me, PONG, way); contact(me, source(way), way)
			:: code >= PONG && code < QUESTION -> contact(me, source(way), way)
			:: code >= QUESTION && code < ANSWER -> answer(me, ANSWER, way)
			:: else -> answered[me] = answered[me] | source(way); echo(me, source(way), true)
			fi
		:: else
		fi;
		way = 0
	:: code == INTRO -> obey(me)
	:: code == INTRO_S -> mislead(me, INTRODUCER, STRANGER)
	:: code == INTRO_V -> mislead(me, INTRODUCER, VICTIM)
	:: else ->
		came[me] = came[me] || code == RELAYED;
		if
		:: proxied[me] && conn[me] == NONE -> conn[me] = BY_PROXY
		:: else
		fi
	fi
}

#define believed_rightly (conn[me] == NONE || came[me])
#define verified_rightly ((verified[me] & answered[me]) == verified[me])

proctype Peer(byte me) {
	byte code, left, way;
	do
	:: atomic { pending[me] > 0 ->
		/* any datagram on the way */
		left = pending[me];
		do
		:: net[me * CODES + code] > 0 -> break
		:: left > net[me * CODES + code] -> left = left - net[me * CODES + code]; code++
		od;
		left = 0;
		if
		:: net[me * CODES + code]--; pending[me]--; flying--;
			if
			:: true -> d_step { receive(me, code) }
			:: losses > 0 -> losses--
			fi
		:: dups > 0 -> dups--; d_step { receive(me, code) }
		fi;
		code = 0;
		assert(believed_rightly);
		assert(verified_rightly);
		assert(!victim) }
	/* Connection pings, as long as nothing has come; the last when the other was introduced. */
	:: d_step { burst[me] > 1 && (burst[me] > 2 || net[(1 - me) * CODES + INTRO] == 0) ->
		if
		:: held[me] || conn[me] == DIRECTLY -> burst[me] = 1
		:: else -> ping(me); burst[me]--
		fi }
	:: d_step { burst[me] == 1 && silent && burst[1 - me] <= 1 ->
		burst[me] = 0;
#ifdef BUG_BELIEVE
		conn[me] = DIRECTLY;
#endif
		fall_back(me);
		assert(believed_rightly) }
	:: over -> break
	od
}

/* It introduces whose join comes, and the other; and relays. */
proctype Introducer() {
	byte i;
	do
	:: atomic { up[0] + up[1] + up[2] + up[3] + up[CLAIM] + up[LIE] + up[LIE + 1] > 0 ->
		if
		:: up[0] > 0 -> i = 0
		:: up[1] > 0 -> i = 1
		:: up[2] > 0 -> i = 2
		:: up[3] > 0 -> i = 3
		:: up[CLAIM] > 0 -> i = CLAIM
		:: up[LIE] > 0 -> i = LIE
		:: up[LIE + 1] > 0 -> i = LIE + 1
		fi;
		up[i]--;
		flying--;
		if
		:: true ->
			d_step {
				if
				:: i < CLAIM && i % 2 == JOIN -> put(0, INTRO); put(1, INTRO)
				:: i < CLAIM && i % 2 == DATA -> put(1 - i / 2, RELAYED)
#ifdef BUG_CLAIM
				:: i == CLAIM -> put(0, INTRO_V); put(1, INTRO_V)
#else
				/* LAT-MEMB-010: where it came from, and that it answers there. */
				:: i == CLAIM -> put(0, INTRO_S); put(1, INTRO_S)
#endif
				:: i > CLAIM -> put(1 - (i - LIE), FALSE)
				fi
			}
		:: losses > 0 -> losses--
		fi;
		i = 0 }
	:: over -> break
	od
}

/* A heartbeat to the address at which the other is reached, from the socket that reaches it.
   The receiver is told who sends it, and takes it for a connection ping. */
inline heartbeat(me) {
	if
#ifndef BUG_NO_HEARTBEAT
	:: (conn[me] == DIRECTLY || conn[me] == PLAUSIBLE) && (conn[1 - me] == NONE || conn[1 - me] == BY_PROXY) ->
		if
		:: type[me] == 5 && (out[me] & 8)  -> transmit(me, PING, PM)
		:: type[me] == 5 && !(out[me] & 8) -> transmit(me, PING, NM)
		:: type[me] != 5 && (verified[me] & 2) -> transmit(me, PING, MN)
		:: type[me] != 5 && !(verified[me] & 2) && type[1 - me] == 5 -> transmit(me, PING, MP)
		:: type[me] != 5 && type[1 - me] != 5 -> transmit(me, PING, MM)
		fi
#endif
	:: else
	fi
}

/* A keepalive interval begins. */
proctype Clock() {
	do
	:: atomic { rounds < ROUNDS && silent && burst[0] == 0 && burst[1] == 0 ->
		rounds++;
		d_step {
			asked[0] = 0; asked[1] = 0;
			held[0] = 0; held[1] = 0;
			opened[0] = false; opened[1] = false;
			sentData[0] = false; sentData[1] = false;
			heartbeat(0);
			heartbeat(1)
		}
		if
		:: put_up(JOIN)
		:: put_up(2 + JOIN)
		fi }
	:: over -> break
	od
}

#if FORGERIES > 0
#define lets_in_stranger(me) (type[me] == 31 || letIn[me])

/* What it sends arrives at once: when is its choice anyway. */
proctype Stranger() {
	byte me;
	do
	:: atomic { forgeries > 0 && !over ->
		forgeries--;
		if
		:: me = 0
		:: me = 1
		fi;
		if
		/* From the other's address, in its name: a connection ping, a pong to one,
		   and an answer, of which the echo is wrong. */
		:: let_in(me, MM) -> d_step { answer(me, PONG, MM); contact(me, 1, MM) }
		:: let_in(me, MM) -> d_step { contact(me, 1, MM) }
		:: let_in(me, MM) -> d_step { echo(me, 1, false) }
		/* From its own, in the other's name: a connection ping, an answer. */
		:: lets_in_stranger(me) -> d_step { contact(me, STRANGER, MM) }
#ifdef STRANGER_LIES
		:: lets_in_stranger(me) && knows[me] -> d_step { answered[me] = answered[me] | STRANGER; echo(me, STRANGER, true) }
#else
		:: lets_in_stranger(me) -> d_step { echo(me, STRANGER, false) }
#endif
		/* From its own: an introduction to the victim, a join that claims the victim's address. */
		:: lets_in_stranger(me) -> d_step { mislead(me, STRANGER, VICTIM) }
		:: put_up(CLAIM)
		/* From the introducer's address, which is verified, in the other's name. */
		:: d_step { contact(me, INTRODUCER, MM) }
#ifdef STRANGER_GUESSES
		/* From an opened port of the other's IP address, in its name. */
		:: let_in(me, PM) -> d_step { answer(me, PONG, PM); contact(me, 4, PM) }
#endif
#ifdef STRANGER_STREAMS
		/* In the other's name to the introducer, with which it is verified. */
		:: put_up(LIE + 1 - me)
#endif
#ifdef STRANGER_INTRODUCES
		/* From the introducer's address: an introduction has no echo. */
		:: d_step { mislead(me, INTRODUCER, VICTIM) }
#endif
		:: true
		fi;
		assert(believed_rightly);
		assert(verified_rightly);
		assert(!victim);
		me = 0 }
	:: over -> break
	od
}
#endif

init {
	atomic {
		if :: type[0] = 31 :: type[0] = 15 :: type[0] = 7 :: type[0] = 5 fi;
		if :: type[1] = 31 :: type[1] = 15 :: type[1] = 7 :: type[1] = 5 fi;
		if
		:: lucky = true
		:: type[0] + type[1] == 12 && type[0] != type[1] -> lucky = false
		fi;
		verified[0] = INTRODUCER;
		verified[1] = INTRODUCER;
		answered[0] = INTRODUCER;
		answered[1] = INTRODUCER;
		started = true;
		run Peer(0);
		run Peer(1);
		run Introducer();
#if FORGERIES > 0
		run Stranger();
#endif
		run Clock()
	}
	over && _nr_pr == 1;
	if
	:: type[0] + type[1] == 10 || !lucky -> assert(ROUNDS == 1 || conn[0] == BY_PROXY && conn[1] == BY_PROXY)
	:: else -> assert((conn[0] == DIRECTLY || conn[0] == PLAUSIBLE) && (conn[1] == DIRECTLY || conn[1] == PLAUSIBLE))
	fi
}

ltl ends { <> (over) }

/* That these can be seen: both formulas must be found to be wrong. */
ltl never_plausible { [] (conn[0] != PLAUSIBLE) }
ltl never_direct_after_proxy { [] (conn[0] == BY_PROXY -> [] (conn[0] != DIRECTLY)) }
