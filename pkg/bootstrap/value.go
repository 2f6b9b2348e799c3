package bootstrap

import (
	"crypto/rand"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// pipelineLines say how each value of a pipeline changes. ours is the pipeline that is
// rendered, wanted is that with what others have added, which may be secret.
func pipelineLines(running, ours, wanted []byte) ([]string, error) {
	r := difference.Reader{Key: secret.New(rand.Text())}
	own, err := r.Read(ours)
	if err != nil {
		return nil, err
	}
	after, err := r.ReadLike(wanted, own)
	if err != nil {
		return nil, err
	}
	if len(running) == 0 {
		return difference.Lines(nil, after), nil
	}
	before, err := r.ReadLike(running, own)
	return difference.Lines(before, after), err
}

// manifestValues say how the properties that the director's comparison hides change. What
// is deployed has the order and the pace of an upgrade in it, which are in no property.
func (r *run) manifestValues(deployed []byte) ([]string, error) {
	if len(deployed) == 0 {
		return nil, nil // all is new, and the director shows it
	}
	in, err := r.input()
	if err != nil {
		return nil, err
	}
	t, err := manifest.Concourse(in)
	if err != nil {
		return nil, err
	}
	text, values, err := manifest.Split(t)
	if err != nil {
		return nil, err
	}
	reader := manifest.Reader(in, t)
	reader.Vars, reader.Key = values, secret.New(rand.Text())
	after, err := reader.Read(text)
	if err != nil {
		return nil, err
	}
	before, err := reader.ReadLike(deployed, after)
	if err != nil {
		return nil, err
	}
	lines := below(difference.Lines(before, after), "properties")
	kept := lines[:0]
	for _, line := range lines {
		if !strings.HasPrefix(line, "- ") { // the gate's, which the upgrade adds
			kept = append(kept, line)
		}
	}
	return kept, nil
}

// tell notes what is about to change. That it is not known stops nothing: what is wrong
// with a document is said by who makes it.
func (r *run) tell(step string) func(lines []string, err error) {
	return func(lines []string, err error) {
		if err != nil {
			lines = []string{notKnown(err)}
		}
		for _, line := range lines {
			r.note(step, "%s", line)
		}
	}
}

// notKnown is the line in the place of what changes.
func notKnown(err error) string { return "! what changes is not known: " + err.Error() }

// hiddenByConcourse are the mappings whose values a pipeline's own difference hides.
var hiddenByConcourse = []string{"source", "params", "vars"}

// below are the lines of values below mappings of some names.
func below(lines []string, names ...string) (out []string) {
	for _, line := range lines {
		path, _, _ := strings.Cut(line[2:], ": ")
		for _, name := range names {
			if strings.Contains(path, "/"+name+"/") {
				out = append(out, line)
				break
			}
		}
	}
	return out
}
