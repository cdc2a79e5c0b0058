package lab

import (
	"encoding/json"
	"fmt"

	"punchlist/spec/testee"
	"punchlist/spec/testee/schema"
)

// A Client talks the testee protocol with one testee: it numbers commands, and
// sorts what the testee writes. It waits for nothing: whoever has it steps the net,
// and belongs to that goroutine, as it does.
type Client struct {
	Testee Testee

	asked   map[int]string // commands by id
	read    int            // messages that were sorted
	replies map[int]testee.Message
	events  map[string][]testee.Message
	checked int // messages that were held to the schema
}

// NewClient makes the client of a testee to which no other has sent a command.
func NewClient(t Testee) *Client {
	return &Client{Testee: t, asked: map[int]string{}, replies: map[int]testee.Message{}, events: map[string][]testee.Message{}}
}

// Ask sends a command and returns its id. With is what goes with the command; nil:
// nothing. Errors: with is no JSON, or the testee has ended.
func (c *Client) Ask(do string, with any) (id int, err error) {
	id = len(c.asked) + 1
	command := testee.Command{ID: id, Do: do}
	if with != nil {
		if command.With, err = json.Marshal(with); err != nil {
			return 0, fmt.Errorf("the command %s: %w", do, err)
		}
	}
	if err := c.Testee.Send(command); err != nil {
		return 0, err
	}
	c.asked[id] = do
	return id, nil
}

// sort files what the testee has written since the last look.
func (c *Client) sort() {
	all := c.Testee.Messages()
	for ; c.read < len(all); c.read++ {
		m := all[c.read]
		if m.Event != "" {
			c.events[m.Event] = append(c.events[m.Event], m)
		} else if _, twice := c.replies[m.ID]; !twice {
			c.replies[m.ID] = m
		}
	}
}

// Reply is the reply to the command with an id, as soon as it has come. It may be
// a refusal.
func (c *Client) Reply(id int) (reply testee.Message, ok bool) {
	c.sort()
	reply, ok = c.replies[id]
	return reply, ok
}

// Events lists the events of a name so far, oldest first. The caller must not
// change the list.
func (c *Client) Events(name string) []testee.Message {
	c.sort()
	return c.events[name]
}

// Unsound is the first message since the last call that breaks the schema of the
// testee protocol, as an error; nil if none does.
func (c *Client) Unsound() error {
	all := c.Testee.Messages()
	for c.checked < len(all) {
		m := all[c.checked]
		c.checked++
		err := schema.Event(m.Raw)
		if m.Event == "" {
			err = schema.Reply(c.asked[m.ID], m.Raw)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
