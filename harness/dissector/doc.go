// Package dissector holds spec/latica.lua, the Wireshark dissector, against package wire: two
// decoders of the same chapters, of which neither may judge itself. It has tests alone, since
// tshark runs the dissector.
package dissector
