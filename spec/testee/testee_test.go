package testee

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a class requires can be asked for: the schema knows the command and its
// reply.
func TestRequiredCommandsAreInTheSchema(t *testing.T) {
	var schema struct {
		Defs map[string]json.RawMessage `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(Schema, &schema))
	for _, class := range []string{ClassCodec, ClassPeer, ClassIndexed, ClassRelay} {
		required := Required(class)
		require.Contains(t, required, Hello, class)
		for _, command := range required {
			require.Contains(t, schema.Defs, "command-"+command, class)
			require.Contains(t, schema.Defs, "reply-"+command, class)
		}
	}
	require.Nil(t, Required("gateway"))
}
