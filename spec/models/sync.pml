/*
 * Sync between two peers (chapter 9), for spin.
 *
 * Modelled: two peers, each with any subset of four keys, so 256 pairs of
 * caches; the keys are the leaves of a binary tree of two levels. One of them
 * starts a sync, or both do. A summary of a prefix is answered by the three rules of 9.2; a
 * starter sends its root summary again when the sync falls silent (9.3), until
 * IDLE rounds in a row have moved nothing. The network loses LOSSES datagrams of its choice,
 * delivers DUPS of its choice twice, and delivers in any order.
 *
 * Left out, and why that is sound:
 * - Digits are binary, and two: each rule looks at one bucket and one digit
 *   more, whatever stands beside or below it.
 * - Hashes are the sets they stand for, which are equal if and only if hashes
 *   without collisions are. The rules only compare them.
 * - Time: silence is that nothing is under way. This is an assumption: that a
 *   datagram and its answer take less than the silence that a peer waits for.
 *   Which of two silent starters goes on first is open.
 * - Verification, pacing, bounds per minute, and that the same answer waits only
 *   once: they delay packets or leave out repetitions, which is one of the orders that
 *   are modelled.
 * - Windows of six hours, ttl, packets that come from elsewhere meanwhile.
 *
 * Checked:
 * - no deadlock: every run ends with both peers done, else spin tells of an
 *   invalid end state.
 * - equal: at the end both caches hold the union of what they held, if fewer
 *   datagrams are lost than IDLE (LAT-SYNC-005, LAT-SYNC-006, LAT-SYNC-008). That bound
 *   is tight. With PONGS, where pongs tell of other caches (LAT-SYNC-009), it holds
 *   for any number of losses.
 * - ends: a sync ends: equal caches are left in peace (LAT-SYNC-004), and those that differ
 *   for good too (REFUSE; LAT-SYNC-008, LAT-SYNC-013).
 * - LAT-SYNC-011 in each answer; no more than MAXSENT datagrams in a sync.
 * - nothing is made up: a publish is of a packet that the other side had.
 *
 * Parameters: LOSSES; DUPS; IDLE; MAXROUNDS, of one sync; MAXSENT; PONGS; REFUSE, by
 * which one side never keeps one of the keys; TRUST, by which a starter is done when the last
 * root summary of the other side was as its own cache is; MOVED_IS_GOT, by which what a peer
 * sends moves nothing. Mutations: BUG_NO_RESEND, BUG_ANSWER_EQUAL, BUG_NEVER_DEEPER,
 * BUG_NOTHING_SENT, BUG_GIVES_UP_UNHEARD (of a starter that has heard nothing), BUG_TWICE.
 */

#ifndef LOSSES
#define LOSSES 2
#endif
#ifndef DUPS
#define DUPS 0
#endif
#ifndef IDLE
#define IDLE 3
#endif

/* The datagrams, as one number: a root summary with a set of keys, that of
   bucket 0 or 1 with its subset, an empty one of a single key, a publish. */
#define ROOT    0
#define LEFT    16
#define RIGHT   20
#define LEAF    24
#define PUBLISH 28
#define CODES   32

byte have[2];        /* the caches: a bit for each key */
byte net[64];        /* how many of each datagram are on the way to each peer */
byte flying[2];      /* the sum of that */
byte losses = LOSSES;
byte dups = DUPS;
byte all;            /* the union at the start */
bool started;

bool mine[2];        /* repeats the sync, having started it */
bool moved[2];       /* in this round */
byte idle[2];        /* rounds in a row that moved nothing */
bool told[2];        /* the other side's cache is known to have been */
byte last[2];        /* this */
#ifdef BUG_GIVES_UP_UNHEARD
bool heard[2];
#endif
#ifdef MAXROUNDS
byte rounds[2];
#endif
#ifdef MAXSENT
byte sent;
#endif

#define silent (flying[0] + flying[1] == 0)
#ifdef PONGS
#define over   (started && silent && !mine[0] && !mine[1] && have[0] == have[1])
#else
#define over   (started && silent && !mine[0] && !mine[1])
#endif

inline send(to, code) {
	net[(to) * CODES + (code)]++;
	flying[to]++;
#ifdef MAXSENT
	sent++;
	assert(sent <= MAXSENT)
#endif
}

/* The keys of a set as publishes. */
inline publish(to, keys) {
	k = 0;
	do
	:: k < 4 ->
		if
		:: (keys) & (1 << k) ->
			send(to, PUBLISH + k);
#ifdef BUG_TWICE
			send(to, PUBLISH + k);
			packets++;
#endif
#ifndef MOVED_IS_GOT
			moved[1 - (to)] = true;
#endif
			packets++
		:: else
		fi;
		k++
	:: else -> break
	od;
	k = 0
}

inline deeper(to, bucket) {
	summaries++;
	if
	:: bucket == 3  -> send(to, LEFT + (have[1 - (to)] & 3))
	:: bucket == 12 -> send(to, RIGHT + (have[1 - (to)] >> 2))
	:: bucket == 1  -> send(to, LEAF)
	:: bucket == 2  -> send(to, LEAF + 1)
	:: bucket == 4  -> send(to, LEAF + 2)
	:: bucket == 8  -> send(to, LEAF + 3)
	fi
}

/* One bucket of a summary that differs (LAT-SYNC-005). */
inline compare(to, bucket) {
	if
	:: (theirs & (bucket)) != 0 && (theirs & (bucket)) != (have[1 - (to)] & (bucket)) ->
#ifndef BUG_NEVER_DEEPER
		deeper(to, bucket)
#else
		skip
#endif
	:: (theirs & (bucket)) == 0 && (have[1 - (to)] & (bucket)) != 0 ->
#ifndef BUG_NOTHING_SENT
		publish(to, have[1 - (to)] & (bucket))
#else
		skip
#endif
	:: else
	fi
}

/* A datagram has come: of it only the code is known. */
inline receive(me, code) {
	summaries = 0;
	packets = 0;
#ifdef BUG_GIVES_UP_UNHEARD
	heard[me] = true;
#endif
	if
	:: code < LEFT ->
		theirs = code;
		told[me] = true;
		last[me] = theirs;
		if
		:: theirs == have[me] -> /* LAT-SYNC-004 */
#ifdef BUG_ANSWER_EQUAL
			send(1 - me, ROOT + have[me])
#else
			skip
#endif
		:: else ->
			compare(1 - me, 3);
			compare(1 - me, 12)
		fi
	:: code >= LEFT && code < RIGHT ->
		theirs = code - LEFT;
		compare(1 - me, 1);
		compare(1 - me, 2)
	:: code >= RIGHT && code < LEAF ->
		theirs = (code - RIGHT) << 2;
		compare(1 - me, 4);
		compare(1 - me, 8)
	:: code >= LEAF && code < PUBLISH ->
		theirs = 0;
		compare(1 - me, 1 << (code - LEAF))
	:: code >= PUBLISH ->
		assert(have[1 - me] & (1 << (code - PUBLISH)));
		if
#ifdef REFUSE
		:: me == 1 && code == PUBLISH + 3 -> skip /* known to be forged, or expired here */
#endif
		:: else ->
			moved[me] = moved[me] || !(have[me] & (1 << (code - PUBLISH)));
			have[me] = have[me] | (1 << (code - PUBLISH))
		fi
	fi;
	assert(summaries <= 2 && packets <= 4); /* LAT-SYNC-011: no more than buckets, and than keys */
	theirs = 0;
	summaries = 0;
	packets = 0
}

inline round(me) {
	moved[me] = false;
#ifdef BUG_GIVES_UP_UNHEARD
	heard[me] = false;
#endif
#ifdef MAXROUNDS
	rounds[me]++;
#endif
	send(1 - me, ROOT + have[me])
}

inline give_up(me) {
	mine[me] = false;
	moved[me] = false;
	idle[me] = 0;
	told[me] = false;
	last[me] = 0
}

/* A starter finds the sync silent (LAT-SYNC-008). */
inline repeat(me) {
	if
	:: moved[me] -> idle[me] = 0
	:: else      -> idle[me]++
	fi;
	if
	:: idle[me] >= IDLE -> give_up(me)
#ifdef MAXROUNDS
	:: rounds[me] >= MAXROUNDS -> give_up(me)
#endif
#ifdef TRUST
	:: told[me] && last[me] == have[me] -> give_up(me)
#endif
#ifdef BUG_NO_RESEND
	:: true -> give_up(me)
#endif
#ifdef BUG_GIVES_UP_UNHEARD
	:: !heard[me] && !told[me] -> give_up(me)
#endif
	:: else -> round(me)
	fi
}

proctype Peer(byte me) {
	byte code, left, k, theirs, summaries, packets;
	do
	:: atomic { flying[me] > 0 ->
		/* any of those on the way */
		left = flying[me];
		do
		:: net[me * CODES + code] > 0 -> break
		:: left > net[me * CODES + code] -> left = left - net[me * CODES + code]; code++
		od;
		left = 0;
		if
		:: net[me * CODES + code]--; flying[me]--;
			if
			:: true -> d_step { receive(me, code) }
			:: losses > 0 -> losses--
			fi
		:: dups > 0 -> dups--; d_step { receive(me, code) }
		fi;
		code = 0 }
	:: d_step { started && silent && mine[me] -> repeat(me) }
#ifdef PONGS
	:: d_step { started && silent && !mine[me] && have[0] != have[1] ->
		told[me] = true; last[me] = have[1 - me]; /* LAT-SYNC-009 */
		mine[me] = true;
		round(me) }
#endif
	:: over -> break
	od
}

init {
	byte a, b;
	atomic {
		select(a : 0 .. 15);
		select(b : 0 .. 15);
		have[0] = a;
		have[1] = b;
		all = a | b;
		a = 0;
		b = 0;
		mine[0] = true;
		if
		:: mine[1] = true; round(1)
		:: true
		fi;
		round(0);
		started = true;
		run Peer(0);
		run Peer(1)
	}
	over && _nr_pr == 1;
#ifdef REFUSE
	assert(have[0] == all && (have[1] | 8) == (all | 8))
#else
	assert(have[0] == all && have[1] == all)
#endif
}

ltl ends { <> (over) }
