package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"

	"github.com/spf13/cobra"

	"punchlist/reference/seal"
)

func keygenCommand() *cobra.Command {
	var signing, peerID bool
	c := &cobra.Command{
		Use:   "keygen [TEXT]",
		Short: "Make keys: of a subcluster, or to sign with; or a peerId",
		Long: `Keygen prints, as JSON, the keys of a subcluster: random ones, or those that
follow from a text which its members share. The shared key is the secret: who
has it can read, write and pass for a member. The subclusterId is public.

Exit status: 0 done, 2 wrong usage.`,
		Example: `  latica-peer keygen | jq -r .sharedKey > our.key
  latica-peer keygen "a text that all members know"
  latica-peer keygen --signing
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
			var made any
			switch {
			case signing:
				made = struct {
					SigningSeed string `json:"signingSeed"` // secret
					PublicKey   string `json:"publicKey"`
				}{hex.EncodeToString(secret[:]), hex.EncodeToString(ed25519.NewKeyFromSeed(secret[:]).Public().(ed25519.PublicKey))}
			case peerID:
				made = struct {
					PeerID string `json:"peerId"`
				}{hex.EncodeToString(secret[:])}
			default:
				keys := seal.NewKeys(secret)
				made = struct {
					SharedKey    string `json:"sharedKey"` // secret
					SubclusterID string `json:"subclusterId"`
				}{hex.EncodeToString(secret[:]), hex.EncodeToString(keys.SubclusterID[:])}
			}
			return printJSON(c.OutOrStdout(), made, "  ")
		},
	}
	c.Flags().BoolVar(&signing, "signing", false, "make an Ed25519 seed to sign messages with")
	c.Flags().BoolVar(&peerID, "peer-id", false, "make a random peerId")
	return c
}
