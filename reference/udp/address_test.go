package udp

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyAddress(t *testing.T) {
	for _, c := range []struct {
		want string
		all  []string
	}{
		{"0.0.0.0", nil},
		{"0.0.0.0", []string{"127.0.0.1/8", "::1/128"}},
		{"198.51.100.7", []string{"127.0.0.1/8", "198.51.100.7/24", "fe80::1/64"}},
		{"0.0.0.0", []string{"127.0.0.1/8", "198.51.100.7/24", "10.0.0.7/8"}},
	} {
		var all []net.Addr
		for _, text := range c.all {
			ip, network, err := net.ParseCIDR(text)
			require.NoError(t, err)
			all = append(all, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		require.Equal(t, c.want, only(all).String(), c.all)
	}
}
