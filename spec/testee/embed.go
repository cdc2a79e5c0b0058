package testee

import _ "embed"

// Schema is the JSON Schema (2020-12) of every line of the contract: one
// entry of $defs for each command (command-start), each reply (reply-start,
// reply-error) and each event (event-ready).
//
//go:embed schema.json
var Schema []byte
