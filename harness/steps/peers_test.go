package steps

import (
	"testing"

	"github.com/stretchr/testify/require"

	"punchlist/harness/lab"
	"punchlist/harness/manifest"
	"punchlist/harness/result"
	"punchlist/harness/verdict"
	"punchlist/spec/testee"
)

// corpse is a testee that has ended.
type corpse struct{ exit lab.Exit }

func (*corpse) Send(testee.Command) error  { return nil }
func (*corpse) Messages() []testee.Message { return nil }
func (c *corpse) Exit() *lab.Exit          { return &c.exit }
func (*corpse) Stop() error                { return nil }

// A testee that ends by itself ends the step, and once: the World lists its death.
func TestADeathEndsTheStep(t *testing.T) {
	w := &World{}
	p := &peer{host: "bob", subject: true, manifest: manifest.Manifest{Name: "mine"}, client: lab.NewClient(&corpse{lab.Exit{Code: 7}})}
	err := caught(func() { w.alive(p) })
	var died *verdict.Died
	require.ErrorAs(t, err, &died)
	require.Equal(t, "exit status 7", died.How)
	require.True(t, died.Subject)
	require.Len(t, w.Deaths(), 1)
	require.Equal(t, result.Failed, result.OutcomeOf(err, true))
	require.NoError(t, caught(func() { w.alive(p) }))
	require.Len(t, w.Deaths(), 1)
}

// Whoever writes what is not the testee protocol has a broken adapter, which a
// companion's is too, and leaves the subject unjudged.
func TestGarbageIsTheAdapters(t *testing.T) {
	garbage := func(subject bool) (*World, error) {
		w := &World{}
		p := &peer{host: "bob", subject: subject, manifest: manifest.Manifest{Name: "mine"}, client: lab.NewClient(&corpse{lab.Exit{Garbage: "hello?"}})}
		return w, caught(func() { w.alive(p) })
	}
	w, err := garbage(true)
	var adapter *verdict.AdapterBroken
	require.ErrorAs(t, err, &adapter)
	require.Contains(t, adapter.Text, "hello?")
	require.Empty(t, w.Findings())

	w, err = garbage(false)
	var companion *verdict.CompanionFailed
	require.ErrorAs(t, err, &companion)
	require.Equal(t, []verdict.Finding{companion.Finding}, w.Findings())
	require.Equal(t, "bob", companion.Finding.Host)
	require.Empty(t, w.Deaths())
}
