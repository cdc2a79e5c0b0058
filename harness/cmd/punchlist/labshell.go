package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"punchlist/harness/capture"
	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/nat"
)

// shellFlags are the flags of lab shell as they were given.
type shellFlags struct {
	lab     string
	image   string
	hosts   []string
	latency time.Duration
	loss    float64
	capture string
	seed    int64
}

func labShellCommand() *cobra.Command {
	var f shellFlags
	c := &cobra.Command{
		Use:   "shell HOST [-- COMMAND [ARGUMENT ...]]",
		Short: "Bring up an internet, and get a shell on a host of it",
		Long: `Shell brings up an emulated internet of the hosts that --host names, each behind
a NAT of its own, and starts a shell, or the command, on one of them. When that
has ended, so has the internet. What runs on the other hosts is started from the
shell of another terminal, or not at all: they answer nobody, and every packet
to them is seen.

In the netns lab the command is one of this machine, run in the host's network
namespace. In the docker lab it is one of an image (--image), in a container that
has the host's network.

A profile is one of those that punchlist knows (` + strings.Join(profileNames(), ", ") + `),
or a file with one.

Exit code: the command's; 2 when it could not be started.`,
		Example: `  punchlist lab shell alice --host alice:symmetric --host bob
  punchlist lab shell alice --host alice:home-router --capture alice.pcapng -- dig @198.51.100.2 example
  punchlist lab shell alice --host alice --lab docker --image busybox -- ping -c 3 198.51.100.1`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return labShell(c.Context(), f, args[0], args[1:]) },
	}
	p := c.Flags()
	p.StringVar(&f.lab, "lab", "netns", "netns or docker")
	p.StringVar(&f.image, "image", "", "in the docker lab: the image that has the shell")
	p.StringArrayVar(&f.hosts, "host", nil, "NAME[:PROFILE]; repeatable (default: HOST, on the public internet)")
	p.DurationVar(&f.latency, "latency", 10*time.Millisecond, "one way, of each host's link")
	p.Float64Var(&f.loss, "loss", 0, "probability that a packet is lost, of each host's link, each way")
	p.StringVar(&f.capture, "capture", "", "file for all packets (.pcapng), one interface for each link")
	p.Int64Var(&f.seed, "seed", 1, "seed of all that is random")
	return c
}

func profileNames() (names []string) {
	for _, p := range nat.Profiles() {
		names = append(names, p.Name)
	}
	return names
}

// topology is the internet of the flags; host is on it in any case.
func (f shellFlags) topology(host string) (t internet.Topology, err error) {
	named := slices.Clone(f.hosts)
	if !slices.ContainsFunc(named, func(h string) bool { return h == host || strings.HasPrefix(h, host+":") }) {
		if len(named) > 0 {
			return t, fmt.Errorf("host %q is none of those that --host names: %s", host, strings.Join(named, ", "))
		}
		named = []string{host}
	}
	link := internet.Link{Latency: f.latency, Loss: f.loss}
	for _, h := range named {
		name, profile, behind := strings.Cut(h, ":")
		realm := internet.Public
		if behind && profile != "open" {
			p, err := profileOf(profile)
			if err != nil {
				return t, fmt.Errorf("--host %s: %w", h, err)
			}
			realm = "home of " + name
			t.NATs = append(t.NATs, internet.NAT{Name: "nat-" + name, Profile: p, Inside: realm, Outside: internet.Public})
		}
		t.Hosts = append(t.Hosts, internet.Host{Name: name, Realm: realm, Link: link})
	}
	return t, nil
}

// profileOf is a profile by its name, or from a file.
func profileOf(name string) (nat.Profile, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		p, err := nat.Lookup(name)
		if err != nil {
			return p, fmt.Errorf("%w, and there is no such file", err)
		}
		return p, nil
	}
	if err != nil {
		return nat.Profile{}, err
	}
	p, err := nat.LoadProfile(data)
	if err != nil {
		return p, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// A shellOn starts a program on a host, with the standard streams of this
// one; the channel gets its exit code.
type shellOn func(ctx context.Context, n lab.Net, host string, argv []string) (<-chan int, error)

func labShell(ctx context.Context, f shellFlags, host string, argv []string) (err error) {
	topology, err := f.topology(host)
	if err != nil {
		return err
	}
	start, err := shellIn(f)
	if err != nil {
		return err
	}
	in := labs()[f.lab]
	if err := in.Check(ctx); err != nil {
		return fmt.Errorf("the %s lab can't start: %w", f.lab, err)
	}
	n, err := in.Up(ctx, topology, lab.Options{Seed: f.seed, Logs: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	if err := showHosts(os.Stderr, n, topology); err != nil {
		return err
	}
	// The shell decides what Ctrl-C means.
	signal.Ignore(os.Interrupt, syscall.SIGQUIT)
	ended, err := start(ctx, n, host, argv)
	if err != nil {
		return err
	}
	code := 0
	for running := true; running; {
		select {
		case code = <-ended:
			running = false
		default:
			// What the shell does is no observation of the net's, so the steps are short.
			if err := n.Step(ctx, n.Now().Add(20*time.Millisecond)); err != nil {
				return err
			}
		}
	}
	if f.capture != "" {
		if err := keepCapture(f.capture, n); err != nil {
			return err
		}
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}

func keepCapture(name string, n lab.Net) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	err = capture.Write(file, n.Trace())
	return errors.Join(err, file.Close())
}

// showHosts lists who has which address.
func showHosts(out io.Writer, n lab.Net, t internet.Topology) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, h := range t.Hosts {
		fmt.Fprintf(w, "%s\t%v\t", h.Name, n.Addr(h.Name))
		for _, x := range t.NATs {
			if x.Inside == h.Realm {
				fmt.Fprintf(w, "behind %s (%s)\t%v", x.Name, x.Profile.Name, n.Trace().External(x.Name))
			}
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
