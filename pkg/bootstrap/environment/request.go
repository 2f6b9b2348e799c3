package environment

import (
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// Request renders what create-env is given: a manifest that still has its placeholders, and
// their values. Those of the installer's own keys are in no document.
func Request(in manifest.Input) (createenv.Request, error) {
	t, err := manifest.Director(in)
	if err != nil {
		return createenv.Request{}, err
	}
	text, vars, err := manifest.Split(t)
	if err != nil {
		return createenv.Request{}, fmt.Errorf("render the director's manifest: %w", err)
	}
	request := createenv.Request{Manifest: text, Vars: vars, Show: manifest.Reader(in, t)}
	for name := range vars {
		if strings.HasPrefix(name, manifest.InstallerPrefix) {
			request.Transient = append(request.Transient, name)
		}
	}
	return request, nil
}
