// Package netns is the lab of real sockets on one machine: programs, each in
// a network namespace of its own, on an internet that is this one process.
// Every packet that a host's kernel sends is taken off its link by a packet
// socket, carried by the model of harness/internet, and put on another host's
// link; kernels forward nothing. It needs Linux, and root or user namespaces:
// a program calls Enter first, a package's tests call Main.
package netns

import "os"

// Main is the body of TestMain for packages whose tests need the lab: it
// enters, and where that is impossible runs the tests all the same, which
// then learn why from Check. m is a *testing.M.
func Main(m interface{ Run() int }) {
	// What can't be entered is told by Check, to each test.
	_ = Enter()
	os.Exit(m.Run())
}
