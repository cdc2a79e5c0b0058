// Package hostnet makes a Linux network namespace fit to be a host's of a lab:
// one interface that sends everything to a gateway, and a kernel that does
// nothing of its own beside it.
package hostnet
