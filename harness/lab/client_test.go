package lab

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/spec/testee"
)

// parrot is a testee that writes what a test has put into it.
type parrot struct {
	sent    []testee.Command
	written []testee.Message
	ended   bool
}

func (p *parrot) Send(c testee.Command) error {
	if p.ended {
		return errors.New("ended")
	}
	p.sent = append(p.sent, c)
	return nil
}
func (p *parrot) Messages() []testee.Message { return p.written }
func (p *parrot) Exit() *Exit                { return nil }
func (p *parrot) Stop() error                { return nil }

func (p *parrot) write(t *testing.T, line string) {
	m := testee.Message{Raw: json.RawMessage(line)}
	require.NoError(t, json.Unmarshal(m.Raw, &m))
	p.written = append(p.written, m)
}

func TestClientSortsWhatItsTesteeWrites(t *testing.T) {
	p := &parrot{}
	c := NewClient(p)
	first, err := c.Ask(testee.Info, nil)
	require.NoError(t, err)
	second, err := c.Ask(testee.Join, testee.JoinWith{SharedKey: "ab"})
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.Equal(t, []testee.Command{{ID: first, Do: testee.Info}, {ID: second, Do: testee.Join, With: json.RawMessage(`{"sharedKey":"ab"}`)}}, p.sent)

	_, ok := c.Reply(first)
	require.False(t, ok)
	p.write(t, `{"event":"error","text":"a"}`)
	p.write(t, `{"id":2,"error":{"code":"failed","text":"no"}}`)
	p.write(t, `{"event":"error","text":"b"}`)
	_, ok = c.Reply(first)
	require.False(t, ok)
	reply, ok := c.Reply(second)
	require.True(t, ok)
	require.Equal(t, "no", reply.Error.Text)
	require.Len(t, c.Events(testee.ErrorEvent), 2)
	require.Empty(t, c.Events(testee.Ready))

	_, err = c.Ask(testee.Info, func() {})
	require.ErrorContains(t, err, "info")
	p.ended = true
	_, err = c.Ask(testee.Info, nil)
	require.EqualError(t, err, "ended")
}

func TestClientHoldsEachMessageToTheSchemaOnce(t *testing.T) {
	p := &parrot{}
	c := NewClient(p)
	_, err := c.Ask(testee.Sleep, nil)
	require.NoError(t, err)
	p.write(t, `{"id":1,"ok":{}}`)
	require.NoError(t, c.Unsound())
	p.write(t, `{"event":"ready","port":"none"}`)
	require.Error(t, c.Unsound())
	require.NoError(t, c.Unsound())
	p.write(t, `{"id":9,"ok":{}}`)
	require.Error(t, c.Unsound(), "nothing was asked under this id")
}
