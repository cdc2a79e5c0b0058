// Latica-peer is the reference peer as a program.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"punchlist/reference/seal"
	"punchlist/reference/testee"
	"punchlist/reference/udp"
	"punchlist/reference/wire"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "latica-peer:", err)
		os.Exit(1)
	}
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use:   "latica-peer",
		Short: "The reference peer of Latica, wire version 6",
		Example: `  latica-peer testee             be a peer under test, on stdin and stdout
  latica-peer keygen             make the keys of a new subcluster
  latica-peer decode 03050b11…   say what a datagram is, field by field`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.CompletionOptions.HiddenDefaultCmd = true
	c.AddCommand(testeeCommand(), keygenCommand(), decodeCommand())
	return c
}

func testeeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "testee",
		Short: "Be a peer under test: commands on stdin, replies and events on stdout",
		Long: `Testee speaks the testee protocol of Punchlist (spec/testee.md): JSON, one
object per line. It ends with the command stop, or with its input.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			agent := testee.New(testee.Options{Name: "reference", Version: testee.Version, Random: rand.Reader})
			return udp.Run(c.Context(), agent, c.InOrStdin(), c.OutOrStdout())
		},
	}
}

func keygenCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen [SEED]",
		Short: "Make the keys of a subcluster, random or from a text that its members share",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var shared [32]byte
			if len(args) == 1 {
				shared = seal.SharedKey(args[0])
			} else if _, err := rand.Read(shared[:]); err != nil {
				return err
			}
			keys := seal.NewKeys(shared)
			return printJSON(c.OutOrStdout(), struct {
				SharedKey    string `json:"sharedKey"` // secret: it reads and writes the subcluster
				SubclusterID string `json:"subclusterId"`
			}{hex.EncodeToString(shared[:]), hex.EncodeToString(keys.SubclusterID[:])})
		},
	}
}

func decodeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "decode [HEX]",
		Short: "Say what a datagram is, field by field; without HEX it is read from stdin",
		Long: `Decode prints a datagram as JSON: every field with its offset, the keys of its
body, and every fault, also beyond the first. Exit status 1 when a peer would
not take it for a packet.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text := strings.Join(args, "")
			if len(args) == 0 {
				all, err := io.ReadAll(io.LimitReader(c.InOrStdin(), 1<<20))
				if err != nil {
					return err
				}
				text = string(all)
			}
			datagram, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
			if err != nil {
				return fmt.Errorf("the datagram is no hex: %w", err)
			}
			return explain(c.OutOrStdout(), datagram)
		},
	}
}

// explain prints what wire.Explain says.
func explain(out io.Writer, datagram []byte) error {
	type field struct {
		Name   string `json:"name"`
		Offset int    `json:"offset"`
		Length int    `json:"length"`
		Value  string `json:"value"`
	}
	e := wire.Explain(datagram)
	said := struct {
		Bytes    int      `json:"bytes"`
		Fields   []field  `json:"fields"`
		Keys     []field  `json:"keys,omitempty"`
		Trailing int      `json:"trailing,omitempty"`
		Faults   []string `json:"faults,omitempty"`
		PacketID string   `json:"packetId,omitempty"`
	}{Bytes: e.Length, Trailing: e.Trailing}
	for _, f := range e.Fields {
		said.Fields = append(said.Fields, field{f.Field.String(), f.Offset, f.Length, f.Text})
	}
	for _, k := range e.Keys {
		said.Keys = append(said.Keys, field{k.Name, k.Offset, k.Length, k.Text})
	}
	for _, f := range e.Faults {
		said.Faults = append(said.Faults, f.String())
	}
	if len(e.Faults) == 0 {
		said.PacketID = e.IDCheck.String()
	}
	if err := printJSON(out, said); err != nil {
		return err
	}
	if len(e.Faults) > 0 {
		return fmt.Errorf("no packet: %s", e.Faults[0])
	}
	return nil
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
