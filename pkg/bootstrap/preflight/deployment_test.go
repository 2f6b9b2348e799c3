package preflight_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/preflight"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bosh"
)

// director has one deployment, or gives an error.
type director struct{ err error }

// Manifest implements preflight.Director.
func (d director) Manifest(context.Context, string) ([]byte, error) {
	return []byte("name: concourse\n"), d.err
}

func TestDeploymentCheck_refusesAStateThatKnowsLess(t *testing.T) {
	none := director{fmt.Errorf("deployment concourse: %w", bosh.ErrNotFound)}
	deployed := record.Record{Findings: record.Findings{Deployment: true}}
	for name, of := range map[string]struct {
		documents documents
		record    record.Record
		director  director
		check     []string
		destroy   []string
	}{
		"nothing is there":       {documents{}, record.Record{}, none, []string{""}, []string{""}},
		"the director is broken": {documents{credentials: true}, record.Record{}, director{errBroken}, []string{"ask the director at https://203.0.113.9:25555 for deployment concourse", "nothing was changed"}, []string{errBroken.Error()}},
		"both are whole":         {whole, deployed, director{}, []string{""}, []string{""}},
		"the state is empty":     {documents{}, record.Record{}, director{}, []string{"the directory mine knows nothing of it", "nothing was changed", "--state-dir"}, []string{""}},
		"it forgot to deploy":    {whole, record.Record{}, director{}, []string{"knows nothing of it"}, []string{"knows nothing of it"}},
		"it has not deployed":    {whole, record.Record{}, none, []string{""}, []string{""}},
		"credentials are lost":   {documents{known: true}, deployed, director{}, []string{"has no credentials.json, though deployment concourse was created", "put it back from a copy"}, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			closed := 0
			d := preflight.Deployment{
				State: preflight.State{Where: "the directory mine", Documents: of.documents, Record: of.record, Generated: true},
				URL:   "https://203.0.113.9:25555", Deployment: "concourse",
				Open: func() (preflight.Director, func(), error) { closed--; return of.director, func() { closed++ }, nil },
			}
			says(t, d.Check(t.Context()), of.check...)
			says(t, d.CheckDestroy(t.Context()), of.destroy...)
			if closed != 0 {
				t.Error("a director was left open")
			}
		})
	}
}
