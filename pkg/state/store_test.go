package state_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/state"
	"github.com/perpetual-ci/perpetual/pkg/state/statetest"
)

func TestDir_keepsTheContractOfStores(t *testing.T) {
	statetest.Run(t, func(t *testing.T) func() state.Store {
		path := t.TempDir()
		return func() state.Store {
			dir, err := state.NewDir(path)
			if err != nil {
				t.Error(err)
			}
			return dir
		}
	})
}
