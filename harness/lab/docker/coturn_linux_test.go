package docker

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/internet"
	"punchlist/harness/testkit/discovery"
)

func TestCoturnFindsWhatProfilesSay(t *testing.T) {
	discovery.NeedsCoturn(t)
	scripted(t, "plant")
	require.NoError(t, buildCoturn())
	t.Parallel()
	discovery.Check(t, func(topology internet.Topology) discovery.Stage {
		s := &stage{Net: bringUp(t, topology), t: t}
		// Its pods start beside each other.
		for _, host := range s.model.Hosts() {
			if host != "stranger" {
				s.hosts[host] = s.startHost(host)
			}
		}
		return s
	})
}

// coturnImage is this machine's coturn in an image.
const coturnImage = "punchlist/test-coturn:dev"

var buildCoturn = sync.OnceValue(func() error {
	files := map[string][]byte{
		"Dockerfile": []byte("FROM scratch\nCOPY root /\nENV PATH=/usr/bin\n"), "root/tmp/empty": nil,
	}
	for _, name := range []string{discovery.Server, discovery.Client} {
		program, err := exec.LookPath(name)
		if err != nil {
			return err
		}
		libraries, err := exec.Command("ldd", program).Output()
		if err != nil {
			return err
		}
		if files["root/usr/bin/"+name], err = os.ReadFile(program); err != nil {
			return err
		}
		// Each where it is looked for; the loader by its absolute name.
		for _, library := range regexp.MustCompile(`/\S+`).FindAllString(string(libraries), -1) {
			if files["root"+library], err = os.ReadFile(library); err != nil {
				return err
			}
		}
	}
	return buildImage(coturnImage, files)
})

// stage runs coturn's programs in containers.
type stage struct {
	*Net
	t *testing.T
}

func (s *stage) Addrs(host string) []netip.Addr { return s.model.Addressing(host).Addrs }

func (s *stage) Launch(host string, out *discovery.Output, program string, arguments ...string) <-chan error {
	s.t.Helper()
	p, err := s.Net.Launch(s.t.Context(), host, coturnImage, Command{Argv: append([]string{"/usr/bin/" + program}, arguments...)})
	require.NoError(s.t, err)
	ended := make(chan error, 1)
	go func() {
		var read sync.WaitGroup
		read.Go(func() { io.Copy(out, p.Stdout) })
		read.Go(func() { io.Copy(out, p.Stderr) })
		read.Wait()
		var failed error
		if code, signal := p.Wait(); code != 0 {
			failed = fmt.Errorf("exit status %d %s", code, signal)
		}
		ended <- failed
	}()
	return ended
}

func (s *stage) Plant(host string, port uint16, to []netip.AddrPort) {
	s.t.Helper()
	argv := []string{"/peer", "plant", strconv.Itoa(int(port))}
	for _, place := range to {
		argv = append(argv, place.String())
	}
	p, err := s.Net.Launch(s.t.Context(), host, peerImage, Command{Argv: argv})
	require.NoError(s.t, err)
	said, err := io.ReadAll(p.Stderr)
	require.NoError(s.t, err)
	code, _ := p.Wait()
	require.Zero(s.t, code, "%s", said)
}
