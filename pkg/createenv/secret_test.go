package createenv_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// The variables of a manifest are credentials: what holds them does not show them.
func TestRequest_doesNotPrintItsVariables(t *testing.T) {
	const canary = "canary-of-the-variables"
	vars := secret.Values{"director_ssl": map[string]any{"private_key": canary}, "password": canary}
	r := createenv.Request{Vars: vars, Show: difference.Reader{Vars: vars}}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		for _, arg := range []any{r, &r, r.Show, r.Vars} {
			if text := fmt.Sprintf(verb, arg); strings.Contains(text, canary) {
				t.Errorf("%s of %T shows %s", verb, arg, text)
			}
		}
	}
	if text, err := json.Marshal(struct{ Vars any }{r.Vars}); err != nil || strings.Contains(string(text), canary) {
		t.Errorf("%s, %v", text, err)
	}
}
