package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/verdict"
	"punchlist/spec/testee"
)

// unknownCommand is one that no testee has.
const unknownCommand = "punchlist-preflight"

// alone starts a testee as the only host of an internet, for use. What is said of
// the lab's failure begins with what it was for.
func alone(ctx context.Context, l lab.Lab, m manifest.Manifest, seed int64, logs io.Writer, what string, use func(*caller) error) (err error) {
	n, err := l.Up(ctx, internet.Topology{Hosts: []internet.Host{{Name: "alone", Realm: internet.Public}}}, lab.Options{Seed: seed, Logs: logs})
	if err != nil {
		return &verdict.LabFailed{Text: what, Err: err}
	}
	defer func() {
		if end := n.Close(); !leftBehind(end) {
			err = errors.Join(err, end)
		}
	}()
	t, err := n.Start(ctx, "alone", m)
	if err != nil {
		return &verdict.AdapterBroken{Implementation: m.Name, Text: fmt.Sprintf("it can't be started: %v", err)}
	}
	return use(&caller{ctx, n, lab.NewClient(t)})
}

// preflight starts a testee alone and finds out whether it keeps to the
// testee protocol, before anything is laid to the peer behind it: hello is
// answered and claims what the manifest claims, an unknown command is
// refused, and no command of a claimed class is unsupported. Its errors are
// *verdict.AdapterBroken, or the lab's.
func preflight(ctx context.Context, l lab.Lab, m manifest.Manifest, seed int64, logs io.Writer) (hello testee.HelloOK, err error) {
	err = alone(ctx, l, m, seed, logs, "preflight", func(c *caller) error {
		hello, err = inspect(c, m)
		return err
	})
	return hello, err
}

// inspect has the conversation of the preflight.
func inspect(c *caller, m manifest.Manifest) (hello testee.HelloOK, err error) {
	broken := func(format string, args ...any) error {
		return &verdict.AdapterBroken{Implementation: m.Name, Text: fmt.Sprintf(format, args...)}
	}
	reply, err := c.call(testee.Hello, nil)
	if err != nil {
		return hello, broken("hello: %v", err)
	}
	if reply.Error != nil {
		return hello, broken("it refuses hello: %v", reply.Error)
	}
	if err := json.Unmarshal(reply.OK, &hello); err != nil {
		return hello, broken("its answer to hello is not what spec/testee.md says: %v", err)
	}
	if hello.Wire != testee.WireVersion {
		return hello, broken("it says that it speaks wire version %d; this suite judges version %d", hello.Wire, testee.WireVersion)
	}
	if hello.Name != m.Name || hello.Version != m.Version {
		return hello, broken("it says that it is %q, version %q, but its manifest that it is %q, version %q: correct one of them", hello.Name, hello.Version, m.Name, m.Version)
	}
	for _, class := range m.Classes {
		if !slices.Contains(hello.Classes, class) {
			return hello, broken("its manifest claims class %s, but its hello claims only %s", class, strings.Join(hello.Classes, ", "))
		}
	}
	for _, class := range hello.Classes {
		if !slices.Contains(m.Classes, class) {
			return hello, broken("its hello claims class %s, but its manifest claims only %s", class, strings.Join(m.Classes, ", "))
		}
	}

	if reply, err = c.call(unknownCommand, nil); err != nil {
		return hello, broken("the unknown command %q: %v", unknownCommand, err)
	}
	if reply.Error == nil {
		return hello, broken("it says yes to the unknown command %q: its answers mean nothing", unknownCommand)
	}
	// Each is asked for before start, so a peer answers "not-started" or complains of
	// parameters.
	asked := map[string]bool{testee.Hello: true, testee.Start: true, testee.Stop: true}
	for _, class := range hello.Classes {
		for _, command := range testee.Required(class) {
			if asked[command] {
				continue
			}
			asked[command] = true
			if reply, err = c.call(command, nil); err != nil {
				return hello, broken("%s: %v", command, err)
			}
			if reply.Error != nil && reply.Error.Code == testee.Unsupported {
				return hello, broken("it claims class %s but does not support %s, which the class requires", class, command)
			}
		}
	}
	return hello, nil
}

// A caller sends commands and waits for their replies, where nothing else has to be
// seen to meanwhile.
type caller struct {
	ctx    context.Context
	net    lab.Net
	client *lab.Client
}

// until waits for something from the testee. Errors are the testee's: it has ended,
// or it took too long.
func (c *caller) until(come func() bool) error {
	came := false
	err := lab.Await(c.ctx, c.net, testee.ReplyWithin, func() bool {
		came = come()
		return came || c.client.Testee.Exit() != nil
	})
	switch {
	case came:
		return nil
	case c.client.Testee.Exit() != nil:
		return errors.New(ended(c.client.Testee.Exit()))
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no reply within %v", testee.ReplyWithin)
	default:
		return err
	}
}

// call sends a command and returns its reply. Errors are the testee's: no
// reply in time, or its end.
func (c *caller) call(do string, with any) (reply testee.Message, err error) {
	id, err := c.client.Ask(do, with)
	if err != nil {
		return reply, err
	}
	err = c.until(func() (came bool) {
		reply, came = c.client.Reply(id)
		return came
	})
	return reply, err
}

// ended describes how a testee ended, in one line.
func ended(e *lab.Exit) string {
	how := fmt.Sprintf("it ended with status %d", e.Code)
	switch {
	case e.Garbage != "":
		return "it wrote what is not the testee protocol: " + e.Garbage
	case e.Signal != "":
		how = "it was ended by the signal " + e.Signal
	}
	if line := lastLine(e.Stderr); line != "" {
		how += fmt.Sprintf("; it logged last: %.200s", line)
	}
	return how
}

var complaint = regexp.MustCompile(`^([A-Za-z.]*(Error|Exception)\b|panic: |fatal error: )`)

// lastLine picks the line of a log that says most: the last that is an error's
// own where there is one, else the last that is not empty.
func lastLine(log string) string {
	lines := strings.Split(strings.TrimSpace(log), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); complaint.MatchString(line) {
			return line
		}
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// ready waits for the event of that name.
func (c *caller) ready() (testee.ReadyEvent, error) {
	var event testee.ReadyEvent
	if err := c.until(func() bool { return len(c.client.Events(testee.Ready)) > 0 }); err != nil {
		return event, fmt.Errorf("no event ready: %w", err)
	}
	if err := json.Unmarshal(c.client.Events(testee.Ready)[0].Raw, &event); err != nil {
		return event, fmt.Errorf("the event ready: %w", err)
	}
	return event, nil
}
