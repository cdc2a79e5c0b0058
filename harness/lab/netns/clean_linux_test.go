package netns

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"punchlist/harness/lab"
)

// added is how many network namespaces there are that any process is in or
// holds, as far as /proc shows, beside those before.
func added(t *testing.T, before map[string]bool) int {
	t.Helper()
	count := 0
	// order-free: counts
	for namespace := range networkNamespaces(t) {
		if !before[namespace] {
			count++
		}
	}
	return count
}

// ownNamespace awaits that of the test's nets nothing is left, so that only the
// namespace of the test itself is there: the number of one that is about to
// go may be given to the next that is made, which would then not be counted.
func ownNamespace(t *testing.T) map[string]bool {
	t.Helper()
	own, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	before := map[string]bool{own: true}
	require.Eventually(t, func() bool { return added(t, before) == 0 }, 10*time.Second, 5*time.Millisecond)
	return before
}

func networkNamespaces(t *testing.T) map[string]bool {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/ns/net")
	require.NoError(t, err)
	held, err := filepath.Glob("/proc/[0-9]*/fd/*")
	require.NoError(t, err)
	tasks, err := filepath.Glob("/proc/[0-9]*/task/*/ns/net")
	require.NoError(t, err)
	found := map[string]bool{}
	for _, link := range append(append(links, held...), tasks...) {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, "net:[") {
			found[target] = true
		}
	}
	return found
}

func TestCloseFreesEverything(t *testing.T) {
	needsLab(t)
	before := ownNamespace(t)
	descriptors := len(openFiles(t))
	n, err := New().Up(t.Context(), pair(), lab.Options{})
	require.NoError(t, err)
	marker := fmt.Sprintf("PUNCHLIST_CLEAN_TEST=%d", time.Now().UnixNano())
	for _, host := range []string{"alice", "bob"} {
		m := scripted("daemon")
		m.Env = append(m.Env, marker)
		peer, err := n.Start(t.Context(), host, m)
		require.NoError(t, err)
		require.NoError(t, lab.Await(t.Context(), n, 20*time.Second, func() bool { return len(peer.Messages()) == 1 }))
	}
	require.Len(t, pids(t, marker), 4)
	require.Equal(t, 3, added(t, before), "the core and two hosts")

	require.NoError(t, n.Close())
	require.Eventually(t, func() bool { return len(pids(t, marker)) == 0 }, 10*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return added(t, before) == 0 }, 10*time.Second, 5*time.Millisecond)
	require.Len(t, openFiles(t), descriptors)
	goleak.VerifyNone(t)
}

func openFiles(t *testing.T) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return entries
}

// A program that brings up a lab is killed; nothing of it may remain. The
// test itself is inside already, so the program makes its own namespaces in
// those of the test, where each of its processes can be seen.
func TestNothingOutlivesKill9(t *testing.T) {
	needsLab(t)
	before := ownNamespace(t)
	marker := fmt.Sprintf("PUNCHLIST_CLEAN_TEST=%d", time.Now().UnixNano())
	for _, victim := range []string{"the program that was started", "its init", "the program inside"} {
		t.Run(victim, func(t *testing.T) {
			program := exec.Command(os.Args[0])
			program.Env = []string{"PATH=" + os.Getenv("PATH"), part + "=lab", marker}
			program.Stderr = os.Stderr
			out, err := program.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, program.Start())
			t.Cleanup(func() { program.Process.Kill() })
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "up\n", line)
			// Itself, the init, the program inside, two testees and their
			// daemons.
			require.Len(t, pids(t, marker), 7)
			// Of the program, its core and its hosts; that of its check may still
			// be going.
			require.Eventually(t, func() bool { return added(t, before) == 4 }, 10*time.Second, 5*time.Millisecond)

			target := program.Process.Pid
			if victim != "the program that was started" {
				target = childOf(t, target)
			}
			if victim == "the program inside" {
				target = childOf(t, target)
			}
			require.NoError(t, syscall.Kill(target, syscall.SIGKILL))
			require.Eventually(t, func() bool { return len(pids(t, marker)) == 0 }, 10*time.Second, 5*time.Millisecond)
			require.Error(t, program.Wait())
			if target != program.Process.Pid {
				require.Equal(t, 128+int(syscall.SIGKILL), program.ProcessState.ExitCode())
			}
			require.Eventually(t, func() bool { return added(t, before) == 0 }, 10*time.Second, 5*time.Millisecond)
		})
	}
}

func childOf(t *testing.T, pid int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(strings.Fields(string(text))[0])
			require.NoError(t, err)
			return child
		}
	}
	t.Fatalf("process %d has no child", pid)
	return 0
}

func init() {
	scripts["lab"] = func() {
		n := enterAndUp()
		for _, host := range []string{"alice", "bob"} {
			m := scripted("daemon")
			m.Env = append(m.Env, "PUNCHLIST_CLEAN_TEST="+os.Getenv("PUNCHLIST_CLEAN_TEST"))
			peer, err := n.Start(context.Background(), host, m)
			if err != nil {
				panic(err)
			}
			if err := lab.Await(context.Background(), n, time.Minute, func() bool { return len(peer.Messages()) == 1 }); err != nil {
				panic(err)
			}
		}
		fmt.Println("up")
		select {}
	}
	// Two hosts exchange a datagram; told is whether it came.
	scripts["exchange"] = func() {
		n := enterAndUp().(*Net)
		sockets := map[string]*net.UDPConn{}
		for _, host := range n.hosts {
			m, err := n.machine(host)
			if err != nil {
				panic(err)
			}
			err = n.thread.in(m.namespace, func() (err error) {
				sockets[host], err = net.ListenUDP("udp4", &net.UDPAddr{IP: n.Addr(host).AsSlice(), Port: 5000})
				return err
			})
			if err != nil {
				panic(err)
			}
		}
		sockets["alice"].WriteTo([]byte("hello"), sockets["bob"].LocalAddr())
		got := make(chan string, 1)
		go func() {
			buffer := make([]byte, 100)
			count, from, _ := sockets["bob"].ReadFrom(buffer)
			got <- fmt.Sprintf("%s by %s as user %d", buffer[:count], from, os.Getuid())
		}()
		if err := stepUntil(n, 20*time.Second, func() bool { return len(got) == 1 }); err != nil {
			panic(err)
		}
		fmt.Println(<-got)
		if err := n.Close(); err != nil {
			panic(err)
		}
	}
}

func enterAndUp() lab.Net {
	if err := Enter(); err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	if err := New().Check(context.Background()); err != nil {
		panic(err)
	}
	n, err := New().Up(context.Background(), pair(), lab.Options{})
	if err != nil {
		panic(err)
	}
	return n
}
