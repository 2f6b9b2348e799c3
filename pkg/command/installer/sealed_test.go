package installer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/seal"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// keepState writes a state as a deploy in dir has left it: with a configuration, the
// credentials, and the operator's key beside them.
func keepState(t *testing.T, dir string, store state.Store, configuration, credentials []byte) {
	t.Helper()
	key, err := seal.NewIdentity("here", time.Now())
	if err == nil {
		err = seal.WriteIdentity(filepath.Join(dir, "ci.operator-key"), key, "of a test")
	}
	if err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	statement, err := json.Marshal(map[string]any{"schema": 1, "configuration": json.RawMessage(configuration), "chosen": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	for i, body := range [][]byte{statement, credentials} {
		if body == nil {
			continue
		}
		name := document.Names()[i]
		hidden, err := seal.Encrypt(body, key.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		text, err := seal.Sign(t.Context(), key, seal.Place{Installation: "ci", Document: name}, 1, hidden)
		if err == nil {
			_, err = store.Put(t.Context(), name, text, "")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
