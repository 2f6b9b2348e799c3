package pipeline

import (
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pipelines"
	"github.com/perpetual-ci/perpetual/pkg/concourse"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// render makes what is wanted. What Concourse's credential manager fills in stays.
func (p Pipeline) render(s *standing) error {
	t, err := manifest.Pipeline(s.in)
	if err != nil {
		return err
	}
	if s.ours, err = template.Render(t); err != nil {
		return fmt.Errorf("render the pipeline: %w", err)
	}
	s.text, err = p.keepForeign(s.old.orElse(s.running), s.ours)
	return err
}

// keepForeign gives a pipeline what people have added to the running one by hand, and
// says what that is, and what of it cannot stay.
func (p Pipeline) keepForeign(running concourse.PipelineConfig, text []byte) ([]byte, error) {
	if !running.Exists {
		return text, nil
	}
	text, foreign, err := concourse.Keep(running.YAML, text, pipelines.InstallationNames())
	if err != nil {
		return nil, err
	}
	name := p.Input.Config.Pipeline.Name
	if len(foreign.Kept) > 0 {
		p.Warn(fmt.Sprintf("pipeline %s keeps what the bundled one does not have: %s", name, strings.Join(foreign.Kept, ", ")))
	}
	if len(foreign.Lost) > 0 {
		p.Warn(fmt.Sprintf("pipeline %s loses steps that the bundled one does not have: %s; add them with pipeline.ops_files", name, strings.Join(foreign.Lost, ", ")))
	}
	return text, nil
}

// hidden are the mappings whose values Concourse's own difference of a pipeline hides.
var hidden = []string{"source", "params", "vars"}

// values say how each value of the pipeline changes. What others have added to it may be
// secret.
func (s standing) values() ([]string, error) {
	r := difference.Reader{Key: secret.New(rand.Text())}
	own, err := r.Read(s.ours)
	if err != nil {
		return nil, err
	}
	after, err := r.ReadLike(s.text, own)
	if err != nil {
		return nil, err
	}
	running := s.old.orElse(s.running).YAML
	if len(running) == 0 {
		return difference.Lines(nil, after), nil
	}
	before, err := r.ReadLike(running, own)
	return difference.Lines(before, after), err
}
