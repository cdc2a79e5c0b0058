// Package standing brings up an emulated internet to run programs on, and judges nothing: for as
// long as one program runs (RunAlone), or in a process of its own, where other processes find it
// by a name (Up, Down, Run).
package standing

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"punchlist/harness/internet"
)

// Labs are the names of the labs that run programs. Both need Linux.
func Labs() []string { return []string{"netns", "docker"} }

var errUnknownLab = errors.New("programs need a lab with real sockets, netns or docker")

// DefaultName is the name of a lab that is given none.
const DefaultName = "lab"

// A Config says which internet to bring up.
type Config struct {
	Lab      string // one of Labs
	Topology internet.Topology
	Seed     int64  // of all that is random
	Capture  string // file for all packets (.pcapng); empty: none
	// Warn takes what went wrong without ending the lab: a line, without its end.
	Warn func(string)
}

// A Program is what to run on a host. It has the standard streams, the environment, the folder
// and the signals of the process that runs it.
type Program struct {
	Host  string
	Argv  []string // none: a shell
	Image string   // in the docker lab: what has the program
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$`)

// CheckName is an error for a name that can't be a lab's, since it can't be a file's.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q: write it as up to 40 letters, digits, dots, hyphens and underscores", name)
	}
	return nil
}

// CheckHost is an error unless the topology has the host.
func CheckHost(t internet.Topology, host string) error {
	var names []string
	for _, h := range t.Hosts {
		names = append(names, h.Name)
	}
	if slices.Contains(names, host) {
		return nil
	}
	return fmt.Errorf("there is no host %q: the hosts are %s", host, strings.Join(names, ", "))
}

// WriteTable lists each host with its address, and what the world sees of it.
func WriteTable(out io.Writer, t internet.Topology) error {
	// Addresses follow from the topology alone.
	model, err := internet.New(t, time.Unix(0, 0), internet.Options{})
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "host\taddress\tgateway\tNAT\tprofile\toutside")
	for _, h := range t.Hosts {
		a := model.Addressing(h.Name)
		x, profile, outside := "-", "-", "-"
		if i := slices.IndexFunc(t.NATs, func(x internet.NAT) bool { return x.Inside == h.Realm }); i >= 0 {
			x, profile = t.NATs[i].Name, t.NATs[i].Profile.Name
			outside = internet.Addressing{Addrs: model.External(x)}.List()
		}
		fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\t%s\n", h.Name, a.List(), a.Gateway, x, profile, outside)
	}
	return w.Flush()
}
