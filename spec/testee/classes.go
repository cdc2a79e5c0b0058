package testee

import "slices"

var (
	requiredOfAll   = []string{Hello, Stop}
	requiredOfCodec = []string{Decode, Encode, PacketID, Derive, Seal, Open, Sign, Verify, Strategy, Summarize}
	requiredOfPeer  = []string{Start, Info, Peers, Join, Publish, Sync, Cache}
)

// Required are the commands that a testee which claims the class must carry
// out: "unsupported" is no answer to them. It is nil for a class that there is
// not.
func Required(class string) []string {
	switch class {
	case ClassCodec:
		return slices.Concat(requiredOfAll, requiredOfCodec)
	case ClassPeer, ClassIndexed, ClassRelay:
		return slices.Concat(requiredOfAll, requiredOfPeer)
	}
	return nil
}
