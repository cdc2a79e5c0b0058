package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"os"

	"github.com/spf13/cobra"

	"punchlist/reference/seal"
)

func keygenCommand() *cobra.Command {
	var signing, peerID bool
	var out string
	c := &cobra.Command{
		Use:   "keygen [TEXT]",
		Short: "Make keys: of a subcluster, or to sign with; or a peerId",
		Long: `Keygen prints, as JSON, the keys of a subcluster: random ones, or those that
follow from a text which its members share. The shared key is the secret: who
has it can read, write and pass for a member. The subclusterId is public. A TEXT
should be long: who can guess it has the key, and others on the machine can see it
while keygen runs.

With --out the secret goes into a new file, which its owner alone can read and
which join takes as --key-file or --sign; only what is public is printed.

Exit status: 0 done, 1 the file can't be written, 2 wrong usage.`,
		Example: `  latica-peer keygen --out our.key
  latica-peer keygen "a text that all members know"
  latica-peer keygen --signing --out my.seed
  latica-peer keygen --peer-id`,
		Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			if signing && peerID {
				return usage("give either --signing or --peer-id")
			}
			var secret [32]byte
			if len(args) == 1 {
				if signing || peerID {
					return usage("a TEXT makes the keys of a subcluster: leave it out, or the flag")
				}
				secret = seal.SharedKey(args[0])
			} else if _, err := rand.Read(secret[:]); err != nil {
				return err
			}
			if out != "" {
				if peerID {
					return usage("a peerId is no secret: leave --out away")
				}
				if err := writeSecret(out, hex.EncodeToString(secret[:])); err != nil {
					return err
				}
			}
			var made any
			switch {
			case signing:
				made = struct {
					SigningSeed string `json:"signingSeed,omitempty"`
					PublicKey   string `json:"publicKey"`
				}{shown(secret, out), hex.EncodeToString(ed25519.NewKeyFromSeed(secret[:]).Public().(ed25519.PublicKey))}
			case peerID:
				made = struct {
					PeerID string `json:"peerId"`
				}{hex.EncodeToString(secret[:])}
			default:
				keys := seal.NewKeys(secret)
				made = struct {
					SharedKey    string `json:"sharedKey,omitempty"`
					SubclusterID string `json:"subclusterId"`
				}{shown(secret, out), hex.EncodeToString(keys.SubclusterID[:])}
			}
			return printJSON(c.OutOrStdout(), made, "  ")
		},
	}
	c.Flags().StringVar(&out, "out", "", "new `FILE` for the secret, instead of printing it")
	c.Flags().BoolVar(&signing, "signing", false, "make an Ed25519 seed to sign messages with")
	c.Flags().BoolVar(&peerID, "peer-id", false, "make a random peerId")
	return c
}

// shown is a secret as it is printed: not where it is in a file.
func shown(secret [32]byte, file string) string {
	if file != "" {
		return ""
	}
	return hex.EncodeToString(secret[:])
}

// writeSecret writes a line into a file that does not exist yet: a key that is
// overwritten is lost to all who hold messages for it.
func writeSecret(path, secret string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(secret + "\n")
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
