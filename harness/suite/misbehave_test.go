package suite

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/lab/stdio"
	"punchlist/harness/manifest"
	"punchlist/harness/trace"
	"punchlist/spec/testee"
)

// The test binary is the testees too: started again with the argument
// "testee" and a behaviour.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "testee" {
		os.Exit(behave(os.Args[2]))
	}
	os.Exit(m.Run())
}

// behaving is the manifest of a testee of this file.
func behaving(how string) manifest.Manifest {
	return manifest.Manifest{
		Name: how, Version: "1", Classes: []string{testee.ClassPeer}, Command: []string{"${self}", "testee", how},
		Keepalive: manifest.Keepalive{Min: time.Second, Max: time.Hour},
	}
}

// datagramCommand stands for a datagram in the bare lab, which has no network.
const datagramCommand = "datagram"

func behave(how string) int {
	in := bufio.NewScanner(os.Stdin)
	say := func(line any) {
		out, _ := json.Marshal(line)
		fmt.Println(string(out))
	}
	if how == "crashes at once" {
		fmt.Fprintln(os.Stderr, "Error: no configuration")
		return 3
	}
	for in.Scan() {
		var c testee.Command
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			return 9
		}
		ok := func(result any) { say(map[string]any{"id": c.ID, "ok": result}) }
		no := func(code string) { say(map[string]any{"id": c.ID, "error": testee.Error{Code: code}}) }
		switch {
		case how == "hangs" && c.Do == unknownCommand:
		case how == "crashes on a command" && c.Do == unknownCommand:
			return 4
		case how == "prints garbage" && c.Do == unknownCommand:
			fmt.Println("listening on port 9777")
		case how == "says yes to everything":
			hello := testee.HelloOK{Name: how, Version: "1", Wire: 6, Classes: []string{testee.ClassPeer}}
			ok(hello)
		case c.Do == testee.Hello:
			hello := testee.HelloOK{Name: how, Version: "1", Wire: 6, Classes: []string{testee.ClassPeer}}
			if how == "claims more" {
				hello.Classes = append(hello.Classes, testee.ClassIndexed)
			}
			if how == "speaks version 5" {
				hello.Wire = 5
			}
			ok(hello)
		case c.Do == testee.Start:
			ok(struct{}{})
			say(map[string]any{"event": testee.Ready, "peerId": "", "port": 1, "probePort": 2})
		case c.Do == testee.Sync && how == "can't sync":
			no(testee.Unsupported)
		case c.Do == datagramCommand:
			var payload string
			json.Unmarshal(c.With, &payload)
			switch {
			case payload == "poison" && how == "dies of poison":
				fmt.Fprintln(os.Stderr, "TypeError: poison is not a function")
				return 7
			case payload == "poison" && how == "dies of old age":
				if old++; old == 3 {
					return 8
				}
			case how == "dies of poison, and young of tea":
				if payload == "poison" {
					fmt.Fprintln(os.Stderr, "TypeError: poison is not a function")
					return 7
				}
				if old++; old == 1 && payload == "tea" {
					fmt.Fprintln(os.Stderr, "TypeError: tea is not a function")
					return 7
				}
			}
			ok(struct{}{})
		case c.Do == testee.Info:
			ok(testee.InfoOK{})
		default:
			no(testee.BadCommand)
		}
	}
	return 0
}

var old int

// bare is a lab without a network: testees are processes, its clock runs
// five times as fast as this machine's.
type bare struct {
	check error
}

const speed = 5

func (bare) Name() string                  { return "bare" }
func (b bare) Check(context.Context) error { return b.check }
func (bare) Starts(m manifest.Manifest) (bool, string) {
	return m.Name != "unstartable", "it has no command"
}

func (b bare) Up(_ context.Context, t internet.Topology, o lab.Options) (lab.Net, error) {
	begin := time.Now()
	n, tr, err := trace.Record(t, time.Unix(0, 0).UTC(), internet.Options{Seed: o.Seed})
	if err != nil {
		return nil, err
	}
	return &bareNet{begin: begin, network: n, trace: tr, changed: make(chan struct{}, 1), testees: map[string]*stdio.Testee{}}, nil
}

type bareNet struct {
	end     error // of Close
	begin   time.Time
	changed chan struct{}
	trace   *trace.Trace
	network *internet.Network
	testees map[string]*stdio.Testee
	serial  int
}

func (n *bareNet) Now() time.Time {
	return time.Unix(0, 0).UTC().Add(speed * time.Since(n.begin))
}

func (n *bareNet) Step(ctx context.Context, until time.Time) error {
	for {
		for _, t := range n.testees {
			if t.Take(n.Now()) {
				return nil
			}
		}
		left := until.Sub(n.Now()) / speed
		if left <= 0 {
			return nil
		}
		select {
		case <-n.changed:
		case <-time.After(left):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (n *bareNet) Trace() *trace.Trace          { return n.trace }
func (n *bareNet) Addr(host string) netip.Addr  { return n.network.Addressing(host).Addrs[0] }
func (n *bareNet) Change(internet.Change) error { return errors.ErrUnsupported }

func (n *bareNet) Start(_ context.Context, host string, m manifest.Manifest) (lab.Testee, error) {
	argv, err := m.Argv()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	p, started, err := stdio.Pipes(cmd)
	if err != nil {
		return nil, err
	}
	err = cmd.Start()
	started()
	if err != nil {
		return nil, err
	}
	p.Kill = func() { cmd.Process.Kill() }
	p.Wait = func() (int, string) {
		cmd.Wait()
		if s := cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signaled() {
			return -1, s.Signal().String()
		}
		return cmd.ProcessState.ExitCode(), ""
	}
	t := stdio.New(p, stdio.Options{Host: host, Changed: func() {
		select {
		case n.changed <- struct{}{}:
		default:
		}
	}})
	n.testees[host] = t
	return t, nil
}

func (n *bareNet) Close() error {
	for _, t := range n.testees {
		t.Close()
	}
	return n.end
}

func (n *bareNet) Endpoint(host string, _ uint16) (lab.Endpoint, error) {
	return bareEndpoint{n, netip.AddrPortFrom(n.Addr(host), 9)}, nil
}

// bareEndpoint hands what it sends to the testee at that address as a command.
type bareEndpoint struct {
	net  *bareNet
	addr netip.AddrPort
}

func (e bareEndpoint) Addr() netip.AddrPort   { return e.addr }
func (bareEndpoint) Received() []lab.Datagram { return nil }

func (e bareEndpoint) Send(to netip.AddrPort, payload []byte) error {
	now := e.net.Now()
	e.net.network.Send(now, e.net.network.Owner(e.addr.Addr()), internet.BuildUDP(nil, e.addr, to, 1, payload))
	e.net.network.Advance(now.Add(time.Second))
	var d internet.Delivery
	for e.net.network.Poll(&d) {
		with, err := json.Marshal(string(payload))
		if err != nil {
			return err
		}
		e.net.serial++
		// The testee may have ended already, which is what the test is about.
		_ = e.net.testees[d.Host].Send(testee.Command{ID: 1_000_000 + e.net.serial, Do: datagramCommand, With: with})
	}
	return nil
}
