package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Programs to run on hosts.
func init() {
	commands["udp-echo"], commands["udp-ask"], commands["ping-once"], commands["tell-terminal"] = udpEcho, udpAsk, pingOnce, tellTerminal
}

// pingOnce prints who answers an ICMP echo.
func pingOnce() {
	socket, err := icmp.ListenPacket("ip4:icmp", "0.0.0.0")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	request, err := (&icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: 1, Seq: 1}}).Marshal(nil)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	socket.SetDeadline(time.Now().Add(20 * time.Second))
	socket.WriteTo(request, &net.IPAddr{IP: net.ParseIP(os.Args[1])})
	buffer := make([]byte, 1500)
	n, from, err := socket.ReadFrom(buffer)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	reply, err := icmp.ParseMessage(1, buffer[:n])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(reply.Type, from)
}

// udpEcho tells whoever sends to the address what address that came from.
func udpEcho() {
	socket, err := net.ListenPacket("udp4", os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listening")
	buffer := make([]byte, 1500)
	for {
		_, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		socket.WriteTo([]byte(from.String()), from)
	}
}

// udpAsk prints what comes back for a datagram.
func udpAsk() {
	socket, err := net.Dial("udp4", os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	socket.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprint(socket, "who am I?")
	buffer := make([]byte, 1500)
	n, err := socket.Read(buffer)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("%s\n", buffer[:n])
}

// tellTerminal prints what terminal it has, at first and whenever that has
// changed, and each line that it gets, until it is interrupted.
func tellTerminal() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGWINCH)
	lines := make(chan string)
	go func() {
		var line string
		for {
			if _, err := fmt.Scanln(&line); err != nil {
				lines <- "end"
				return
			}
			lines <- line
		}
	}()
	// The signal for a terminal's first size may come only after its second:
	// then that one is seen twice, the second time while the caller is elsewhere.
	var told string
	tell := func() {
		now := "no terminal"
		if width, height, err := term.GetSize(0); err == nil {
			now = fmt.Sprintf("terminal of %dx%d, controlled: %v", width, height, foreground(0))
		}
		if now != told {
			fmt.Println(now)
		}
		told = now
	}
	tell()
	for {
		select {
		case line := <-lines:
			fmt.Println("got", line)
		case s := <-signals:
			if s == syscall.SIGINT {
				fmt.Println("interrupted")
				os.Exit(5)
			}
			tell()
		}
	}
}

// foreground reports whether a terminal controls this process, and has it in
// its foreground.
func foreground(terminal int) bool {
	group, err := unix.IoctlGetInt(terminal, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
