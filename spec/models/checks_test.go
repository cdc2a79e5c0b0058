package models

// checks are what is checked of each model, and the mutations that must be found:
// a model in which a mistake isn't found says nothing.
var checks = []check{
	{"sync.pml", "-DLOSSES=2", safety, "", "whatever two datagrams are lost, a sync ends with equal caches"},
	{"sync.pml", "-DLOSSES=2 -DTRUST", safety, "", "so does one that ends when the other side's hash is known to be equal"},
	{"sync.pml", "-DLOSSES=0 -DDUPS=1", safety, "", "a datagram that comes twice changes nothing"},
	{"sync.pml", "-DLOSSES=1 -DMAXSENT=24", safety, "", "no more datagrams than these"},
	{"sync.pml", "-DLOSSES=2", "ends", "", "every sync ends, with whatever caches"},
	{"sync.pml", "-DLOSSES=3 -DIDLE=1 -DPONGS", "ends", "", "where pongs tell of other caches, they become equal whatever is lost"},
	{"sync.pml", "-DLOSSES=3 -DIDLE=1 -DPONGS -DBUG_GIVES_UP_UNHEARD", "ends", "", "also if a starter that has heard nothing at all gives up at once"},
	{"sync.pml", "-DLOSSES=1 -DREFUSE -DMAXROUNDS=4", safety, "", "what one side refuses keeps nothing else back"},
	{"sync.pml", "-DLOSSES=1 -DREFUSE -DMAXROUNDS=4", "ends", "", "and a sync ends though both caches stay different"},
	{"sync.pml", "-DLOSSES=1 -DREFUSE -DMOVED_IS_GOT", "ends", "", "without a bound of its rounds too, if only what came counts as moved"},

	{"sync.pml", "-DLOSSES=3", safety, assertion, "as many losses as idle rounds can leave the caches different"},
	{"sync.pml", "-DLOSSES=0 -DREFUSE", "ends", cycle, "if what was sent counts as moved, rounds need a bound: this is why the reference has one"},
	{"sync.pml", "-DLOSSES=1 -DMAXSENT=23", safety, assertion, "the bound of datagrams is tight"},
	{"sync.pml", "-DLOSSES=1 -DBUG_NO_RESEND", safety, assertion, "LAT-SYNC-008"},
	{"sync.pml", "-DLOSSES=1 -DBUG_GIVES_UP_UNHEARD", safety, assertion, "LAT-SYNC-008: the root summary itself may have been lost"},
	{"sync.pml", "-DLOSSES=0 -DBUG_ANSWER_EQUAL", "ends", cycle, "LAT-SYNC-004"},
	{"sync.pml", "-DLOSSES=0 -DBUG_NEVER_DEEPER", safety, assertion, "LAT-SYNC-005"},
	{"sync.pml", "-DLOSSES=0 -DBUG_NOTHING_SENT", safety, assertion, "LAT-SYNC-005"},
	{"sync.pml", "-DLOSSES=0 -DBUG_TWICE", safety, assertion, "LAT-SYNC-011"},

	{"traversal.pml", "-DLOSSES=0 -DROUNDS=1", safety, "", "what can be connected directly is so after the first introduction"},
	{"traversal.pml", "-DLOSSES=2", safety, "", "whatever two datagrams are lost, all pairs are connected as the table says"},
	{"traversal.pml", "-DLOSSES=0 -DDUPS=1", safety, "", "a datagram that comes twice changes nothing"},
	{"traversal.pml", "-DLOSSES=1 -DFORGERIES=1", safety, "", "a forged and a lost datagram do no harm"},
	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=2", safety, "", "nor do two forged ones"},
	{"traversal.pml", "-DLOSSES=1", "ends", "", "no interval goes on for ever"},

	{"traversal.pml", "-DLOSSES=1", "never_plausible", assertion, "a peer that is only plausible is seen"},
	{"traversal.pml", "-DLOSSES=1", "never_direct_after_proxy", assertion, "a proxy that is given up is seen"},
	{"traversal.pml", "-DLOSSES=0 -DBUG_BELIEVE", safety, assertion, "LAT-TRAV-004"},
	{"traversal.pml", "-DLOSSES=0 -DBUG_TABLE", safety, assertion, "LAT-TRAV-001, LAT-TRAV-007, LAT-TRAV-008"},
	{"traversal.pml", "-DLOSSES=0 -DROUNDS=1 -DBUG_ONE_PING", safety, assertion, "LAT-TRAV-002: the first ping finds a NAT that is closed"},
	{"traversal.pml", "-DLOSSES=0 -DBUG_NO_PROXY", safety, assertion, "LAT-TRAV-011, LAT-TRAV-014"},
	{"traversal.pml", "-DLOSSES=0 -DBUG_MAIN_SOCKET", safety, assertion, "LAT-TRAV-017"},
	{"traversal.pml", "-DLOSSES=1 -DBUG_NEVER_AGAIN", safety, assertion, "LAT-TRAV-012"},
	{"traversal.pml", "-DLOSSES=1 -DBUG_NO_HEARTBEAT", safety, assertion, "LAT-MEMB-009: a connection can be known to one side alone"},
	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=1 -DBUG_FORGED_ECHO", safety, assertion, "LAT-SEC-002, LAT-SEC-003"},
	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=1 -DBUG_NO_ECHO", safety, assertion, "LAT-TRAV-004, LAT-SEC-002"},
	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=1 -DBUG_OBEY", safety, assertion, "LAT-TRAV-005"},
	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=1 -DBUG_CLAIM", safety, assertion, "LAT-MEMB-010, LAT-SEC-004"},
	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=1 -DBUG_ANY_NAME", safety, assertion, "LAT-SEC-007: an address is verified, not every name that comes from it"},

	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=2 -DSTRANGER_LIES", safety, assertion, "the limit that 13.1 names: nobody proves who he is"},
	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=1 -DSTRANGER_GUESSES", safety, assertion, "the limit of LAT-TRAV-009: a port that was opened can be guessed"},
	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=1 -DSTRANGER_STREAMS", safety, assertion, "the limit of LAT-TRAV-011: what comes by a proxy has no proof of its sender"},
	{"traversal.pml", "-DLOSSES=0 -DFORGERIES=1 -DSTRANGER_INTRODUCES", safety, assertion, "the limit of LAT-TRAV-005: an introduction has no echo, and its source can be forged"},
}
