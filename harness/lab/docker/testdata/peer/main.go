// Peer is what the tests of the lab run in containers: it plays the script that
// its environment names.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"punchlist/spec/testee"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "plant" {
		os.Args = os.Args[1:]
		scripts["plant"]()
		return
	}
	run, ok := scripts[os.Getenv("SCRIPT")]
	if !ok {
		fmt.Fprintf(os.Stderr, "unknown script %q\n", os.Getenv("SCRIPT"))
		os.Exit(2)
	}
	run()
}

// commands calls f for every command that comes, and says what it returns.
func commands(f func(testee.Command) any) {
	in := json.NewDecoder(os.Stdin)
	for {
		var c testee.Command
		if in.Decode(&c) != nil {
			return
		}
		ok, err := json.Marshal(f(c))
		if err != nil {
			panic(err)
		}
		fmt.Printf(`{"id":%d,"ok":%s}`+"\n", c.ID, ok)
	}
}

// argument is the text that a command comes with.
func argument(c testee.Command) (text string) {
	if err := json.Unmarshal(c.With, &text); err != nil {
		panic(err)
	}
	return text
}

// said is what came of something.
func said(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

var scripts = map[string]func(){
	// does what a peer that wants out would try
	"prisoner": func() {
		commands(func(c testee.Command) any {
			switch to := argument(c); c.Do {
			case "send": // a datagram, and then whether an error came back
				socket, err := net.Dial("udp4", to)
				if err != nil {
					return said(err)
				}
				defer socket.Close()
				if _, err := socket.Write([]byte("out")); err != nil {
					return said(err)
				}
				socket.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
				_, err = socket.Read(make([]byte, 100))
				return said(err)
			case "connect":
				connection, err := net.DialTimeout("tcp4", to, 300*time.Millisecond)
				if err == nil {
					connection.Close()
				}
				return said(err)
			case "look-up":
				_, err := net.LookupHost(to)
				return said(err)
			case "interfaces":
				var all []string
				interfaces, err := net.Interfaces()
				if err != nil {
					return said(err)
				}
				for _, i := range interfaces {
					addresses, _ := i.Addrs()
					all = append(all, fmt.Sprint(i.Name, " ", addresses))
				}
				return strings.Join(all, "; ")
			case "resolvers":
				text, err := os.ReadFile("/etc/resolv.conf")
				if err != nil {
					return said(err)
				}
				return string(text)
			case "privileges":
				text, err := os.ReadFile("/proc/self/status")
				if err != nil {
					return said(err)
				}
				for line := range strings.Lines(string(text)) {
					if mask, ok := strings.CutPrefix(line, "CapBnd:"); ok {
						return strings.TrimSpace(mask)
					}
				}
			}
			return "what?"
		})
	},
	// sends "planted" from the port that it is told, to each of the places after it
	"plant": func() {
		port, err := strconv.Atoi(os.Args[1])
		if err != nil {
			panic(err)
		}
		socket, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
		if err != nil {
			panic(err)
		}
		for _, place := range os.Args[2:] {
			if _, err := socket.WriteToUDPAddrPort([]byte("planted"), netip.MustParseAddrPort(place)); err != nil {
				panic(err)
			}
		}
	},
	"echo": func() {
		commands(func(c testee.Command) any { return map[string]string{"do": c.Do} })
	},
	"exit": func() {
		fmt.Fprintln(os.Stderr, "going")
		os.Exit(4)
	},
	"crash": func() { syscall.Kill(os.Getpid(), syscall.SIGSEGV); select {} },
	"mute":  func() { io.Copy(io.Discard, os.Stdin) },
	"drown": func() {
		socket, err := net.Dial("udp4", "192.0.2.1:9")
		if err != nil {
			panic(err)
		}
		for {
			socket.Write([]byte("x")) // a full queue is no reason to stop
		}
	},
	// counts its ticks
	"ticks": func() {
		for range time.Tick(10 * time.Millisecond) {
			fmt.Println(`{"event":"tick"}`)
		}
	},
}
