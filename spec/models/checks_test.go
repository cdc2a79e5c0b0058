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
}
