package docker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"punchlist/harness/hostlink"
	"punchlist/harness/internet"
	"punchlist/harness/lab"
	"punchlist/harness/natbox"
)

// A router is the container that runs one router of the topology, and what it
// has told.
type router struct {
	name string
	*running

	mu     sync.Mutex // of commands
	lastID int

	// Of the net's goroutine:
	frames   []internet.Frame // not handed on yet
	upto     int64            // nanoseconds since 1970: all frames before have been told
	marked   int              // ID of the mark that is under way
	answered int              // the last ID answered
	counters *natbox.Counters
}

// told is one line of a router, or why there will be no more.
type told struct {
	router  *router
	message natbox.Message
	err     error
}

// startRouter starts the container; its router is told what to be by begin.
func (n *Net) startRouter(ctx context.Context, name string, realms []realmNetwork) (*router, error) {
	var others []string
	for _, r := range realms[1:] {
		others = append(others, r.id)
	}
	r, err := n.engine.start(ctx, containerSpec{
		name: n.name + "-" + name, image: RouterImage, network: realms[0].id, others: others,
		caps: []string{"NET_ADMIN", "NET_RAW"}, sysctls: hostlink.Sysctls(),
	})
	if err != nil {
		return nil, err
	}
	return &router{name: name, running: r}, nil
}

// command sends one, from any goroutine, and returns its ID.
func (r *router) command(c natbox.Command) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastID++
	c.ID = r.lastID
	line, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	if _, err := r.stdin.Write(append(line, '\n')); err != nil {
		return 0, fmt.Errorf("router %s: %w", r.name, err)
	}
	return c.ID, nil
}

// listen passes on what a router tells, until its end.
func (n *Net) listen(r *router) {
	defer n.background.Done()
	var complaint bytes.Buffer
	complained := make(chan struct{})
	go func() {
		defer close(complained)
		io.Copy(&complaint, io.LimitReader(r.stderr, 4<<10))
		io.Copy(io.Discard, r.stderr)
	}()
	d := json.NewDecoder(bufio.NewReaderSize(r.stdout, 64<<10))
	for {
		t := told{router: r}
		if t.err = d.Decode(&t.message); t.err != nil {
			r.stdout.Close()
			<-complained
			if text := bytes.TrimSpace(complaint.Bytes()); len(text) > 0 {
				t.err = errors.New(string(text))
			}
		}
		n.inbox.Lock()
		n.inbox.told = append(n.inbox.told, t)
		n.inbox.Unlock()
		n.notify()
		if t.err != nil {
			return
		}
	}
}

// ingest takes in what the routers have told.
func (n *Net) ingest() {
	n.inbox.Lock()
	all := n.inbox.told
	n.inbox.told = nil
	n.inbox.Unlock()
	for _, t := range all {
		r := t.router
		switch {
		case t.err != nil:
			n.fail(fmt.Errorf("the router %s ended: %w", r.name, t.err))
			continue
		case t.message.Overrun:
			n.fail(fmt.Errorf("%w: %s", lab.ErrOverrun, t.message.Error))
		case t.message.Error != "":
			n.fail(fmt.Errorf("router %s: %s", r.name, t.message.Error))
		}
		r.frames = append(r.frames, t.message.Frames...)
		r.upto = t.message.Now
		if t.message.ID != 0 {
			r.answered = t.message.ID
		}
		if t.message.Counters != nil {
			r.counters = t.message.Counters
		}
	}
}

// answeredWithin bounds the wait for a router's answer.
const answeredWithin = 20 * time.Second

// tellAll sends each router a command, and waits until all have answered.
func (n *Net) tellAll(ctx context.Context, command func(i int, r *router) natbox.Command) error {
	wanted := make([]int, len(n.routers))
	for i, r := range n.routers {
		var err error
		if wanted[i], err = r.command(command(i, r)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answeredWithin)
	defer cancel()
	for {
		n.ingest()
		if err := n.failure(); err != nil {
			return err
		}
		waits := slices.IndexFunc(n.routers, func(r *router) bool { return r.answered < wanted[slices.Index(n.routers, r)] })
		if waits < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the router %s does not answer: %w", n.routers[waits].name, ctx.Err())
		case <-n.changed:
		}
	}
}
