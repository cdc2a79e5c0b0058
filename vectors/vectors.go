// Package vectors embeds the test vectors: data that an implementation of Latica can be held to without any code of this project.
package vectors

import _ "embed"

// Observed is observed.json: what the deployed peer, @socketsupply/socket 0.6.0-rc.8, was seen to send, accept and compute. README.md says
// what its sections hold.
//
//go:embed observed.json
var Observed []byte
