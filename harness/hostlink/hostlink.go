// Package hostlink makes a Linux network namespace fit to be a host's of a lab:
// one interface that sends everything to a gateway, and a kernel that does
// nothing of its own beside it.
package hostlink

// Sysctls are what Quiet wants, as a container engine takes them: in a
// container that has no privilege the settings can't be written.
func Sysctls() map[string]string {
	return map[string]string{
		"net.ipv4.ip_forward":                "0",
		"net.ipv4.conf.all.rp_filter":        "0",
		"net.ipv4.conf.default.rp_filter":    "0",
		"net.ipv6.conf.all.disable_ipv6":     "1",
		"net.ipv6.conf.default.disable_ipv6": "1",
	}
}
