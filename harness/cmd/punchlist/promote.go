package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"punchlist/harness/capture"
	"punchlist/harness/codec"
	"punchlist/harness/internet"
)

func vectorsFromCaptureCommand() *cobra.Command {
	var p codec.Promoted
	var to string
	c := &cobra.Command{
		Use:   "from-capture FILE.pcapng FRAME",
		Short: "Make a vector of a datagram that a run has captured",
		Long: `From-capture takes the datagram of one frame, by its number as reports and
Wireshark tell it (from 1), and makes a vector of it: that every codec reads it, or
refuses it, as the reference does. It prints what that is, to be held against
the standard by whoever promotes it, and the entry for harness/codec/promoted.yaml;
--to adds it there. "punchlist vectors make --write" then puts the vector into its
chapter's file.

Exit codes: 0 done; 2 the datagram can't be a vector.`,
		Example: `  punchlist vectors from-capture out/reference+reference@sim/x.pcapng 17 \
      --id framing/pong-of-a-new-version --requirement LAT-FRAME-005 --title 'version 7, seen at a bootstrap peer'`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if p.Datagram, err = datagramOf(args[0], args[1]); err != nil {
				return err
			}
			return promote(c.OutOrStdout(), p, to)
		},
	}
	c.Flags().StringVar(&p.ID, "id", "", "of the vector: area/words-with-hyphens, never given to another")
	c.Flags().StringVar(&p.Requirement, "requirement", "", "that a codec breaks which reads it otherwise")
	c.Flags().StringVar(&p.Title, "title", "", "what is special about it")
	c.Flags().StringVar(&to, "to", "", "promoted.yaml of the sources, to add the entry to it")
	for _, name := range []string{"id", "requirement", "title"} {
		if err := c.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return c
}

// datagramOf is the UDP payload of a frame, in hex.
func datagramOf(file, frame string) (string, error) {
	number, err := strconv.Atoi(frame)
	if err != nil || number < 1 {
		return "", fmt.Errorf("frame %q: frames are numbered from 1", frame)
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	seen, err := capture.Read(f)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	count := 0
	for p := range seen.Packets() {
		if count++; count != number {
			continue
		}
		u, err := internet.ParseUDP(p.Data)
		if err != nil {
			return "", fmt.Errorf("%s: frame %d: %w", file, number, err)
		}
		return hex.EncodeToString(u.Payload), nil
	}
	return "", fmt.Errorf("%s: it has %d frames, no %d", file, count, number)
}

func promote(out io.Writer, p codec.Promoted, to string) error {
	text, v, err := p.Entry()
	if err != nil {
		return err
	}
	if v.Rejected != nil {
		fmt.Fprintf(out, "# it must be rejected: %s\n", codec.Reason(*v.Rejected))
	} else {
		fmt.Fprintf(out, "# it must be taken for: %s\n", v.OK)
	}
	fmt.Fprint(out, text)
	if to == "" {
		return nil
	}
	f, err := os.OpenFile(to, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
