package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"punchlist/harness/manifest"
	"punchlist/harness/result"
	"punchlist/harness/testees"
)

// A check looks at one thing that a part of Punchlist needs.
type check struct {
	name  string
	needs string // what needs it
	mend  string // what to do when it is missing
	look  func(context.Context) (found string, err error)
}

func doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Look at what this machine lacks, and say what to do",
		Long: `Doctor looks for everything that some part of Punchlist needs, says what needs
it, and for what is missing, the mend. Judging the reference in the sim lab
needs none of it.

Exit codes: 0 all is there; 1 something is missing.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			missing := 0
			out := c.OutOrStdout()
			for _, k := range checks() {
				ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
				found, err := k.look(ctx)
				cancel()
				if err == nil {
					fmt.Fprintf(out, "ok       %-16s %s\n", k.name, found)
					continue
				}
				missing++
				fmt.Fprintf(out, "missing  %-16s %s\n", k.name, err)
				fmt.Fprintf(out, "         %-16s needed for %s\n", "", k.needs)
				fmt.Fprintf(out, "         %-16s mend: %s\n", "", k.mend)
			}
			if missing > 0 {
				return exitCode(result.Unexpected)
			}
			return nil
		},
	}
}

func checks() []check {
	all := []check{
		{"go", "building Punchlist and its tests", "install Go 1.26 or newer (https://go.dev/dl)",
			version(`go(\d+)\.(\d+)`, 1, 26, "go", "version")},
		{"node", "the JavaScript peers", "install Node.js 20 or newer (https://nodejs.org)",
			version(`v(\d+)\.(\d+)`, 20, 0, "node", "--version")},
		{"npm", "setting the JavaScript peers up", "install the npm that comes with Node.js",
			version(`(\d+)\.(\d+)`, 7, 0, "npm", "--version")},
		{"netns lab", "real sockets: every implementation but the reference, and `make conformance`",
			"what the line above says; in a container, run as root with --cap-add SYS_ADMIN,NET_ADMIN; on a hosted CI, with sudo",
			starts("netns")},
		{"docker lab", "peers that are images: `make conformance-docker`", "what the line above says; on Debian, sudo apt-get install docker.io",
			starts("docker")},
		{"coturn", "measuring the NATs with somebody else's RFC 5780 client (`make test`)", "sudo apt-get install coturn",
			func(context.Context) (string, error) {
				for _, tool := range []string{"turnserver", "turnutils_natdiscovery"} {
					if _, err := exec.LookPath(tool); err != nil {
						return "", fmt.Errorf("%s is not in PATH", tool)
					}
				}
				return "turnserver and turnutils_natdiscovery", nil
			}},
		{"tshark", "holding the dissector against the codec (`make test`)", "sudo apt-get install tshark",
			version(`(\d+)\.(\d+)`, 4, 0, "tshark", "--version")},
		{"spin", "checking the formal models (`make models`)", "sudo apt-get install spin gcc",
			version(`(\d+)\.(\d+)`, 6, 0, "spin", "-V")},
		{"PyNaCl", "judging python-codec (`make vectors`)", "sudo apt-get install python3-nacl",
			version(`(\d+)\.(\d+)`, 1, 4, "/usr/bin/python3", "-c", "import nacl; print(nacl.__version__)")},
	}
	for _, name := range testees.Names() {
		all = append(all, check{name, "judging it", self() + " setup " + name,
			func(context.Context) (string, error) {
				m, err := manifest.Bundled(name)
				if err != nil {
					return "", err
				}
				if !m.Prepared() {
					return "", fmt.Errorf("it is not set up")
				}
				return "ready: " + m.Summary, nil
			}})
	}
	return all
}

// starts looks whether a lab can start.
func starts(name string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		return "starts here", labs()[name].Check(ctx)
	}
}

// version looks for a program of at least a version, which a pattern finds in
// what it prints.
func version(pattern string, major, minor int, argv ...string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
		if err != nil {
			return "", err
		}
		m := regexp.MustCompile(pattern).FindSubmatch(out)
		if m == nil {
			return "", fmt.Errorf("%s says %q, in which there is no version", strings.Join(argv, " "), out)
		}
		a, _ := strconv.Atoi(string(m[1]))
		b, _ := strconv.Atoi(string(m[2]))
		if a < major || a == major && b < minor {
			return "", fmt.Errorf("version %s is older than %d.%d", m[0], major, minor)
		}
		return string(m[0]), nil
	}
}
