package upgrade

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
)

// SetKeeper keeps a text about the last deploy of a deployment where the build that
// verifies it finds it.
type SetKeeper interface {
	SaveSet(ctx context.Context, text string) error
	// LoadSet gives "" where there is none.
	LoadSet(ctx context.Context) (string, error)
}

// keepTimeout bounds the write: the deploy runs, and may soon end the worker of this build.
const keepTimeout = 10 * time.Second

// keptSet is the component set that a put has deployed, for its verification.
type keptSet struct {
	Operation  string                `json:"operation"` // operation.content of the deploy
	Components []component.Component `json:"components"`
	Ignored    []string              `json:"ignored,omitempty"` // params.ignore_set
}

// keepSet keeps the set of a deploy that was accepted. It is no reason to fail: the
// verification then compares with the manifest alone.
func (o Out) keepSet(ctx context.Context, r *run) {
	if o.Sets == nil || len(r.Input.Components) == 0 {
		return
	}
	kept := keptSet{Operation: r.operation(o.Build).content, Ignored: r.IgnoreSet}
	for _, c := range r.Input.Components {
		kept.Components = append(kept.Components, component.Component{Name: c.Name, Kind: c.Kind, Upstream: c.Upstream, Version: c.Version})
	}
	text, err := json.Marshal(kept)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, keepTimeout)
		defer cancel()
		err = o.Sets.SaveSet(ctx, string(text))
	}
	if err != nil {
		o.say("the component set is not kept for the verification, which will compare with the manifest alone: %v", err)
	}
}

// setDeployed wants the deployment to be of the component set that the put had: what
// the director made of "latest", and what somebody has deployed since, the put did not
// know.
func (in In) setDeployed(ctx context.Context, f *facts) (string, error) {
	kept, found, err := in.keptSet(ctx, f.Task)
	if err != nil || found != "" {
		return found, err
	}
	deployed, err := inventory.Deployed(f.Deployed)
	if err != nil {
		return "", err
	}
	wanted := inventory.Of(deployed)
	var ignored, wrong []string
	for _, c := range inventory.Conflicts(kept.Components, wanted) {
		if slices.Contains(kept.Ignored, c.Key) {
			ignored = append(ignored, c.String()+", as "+in.IgnoreKey.name()+" says")
		} else {
			wrong = append(wrong, c.String())
		}
	}
	if len(wrong) > 0 {
		return "", fmt.Errorf("the deployed manifest differs from it: %s", strings.Join(wrong, "; "))
	}
	return strings.Join(append([]string{"deployed"}, ignored...), "; "), nil
}

// keptSet is the set of the deploy of a task. found says why there is none.
func (in In) keptSet(ctx context.Context, task bosh.Task) (kept keptSet, found string, err error) {
	if in.Set != nil {
		return keptSet{Components: in.Set, Ignored: in.IgnoreSet}, "", nil
	}
	const unknown = "not compared: no put has left the set of this deploy"
	if in.Sets == nil || task.ContextID == "" {
		return kept, unknown, nil
	}
	text, err := in.Sets.LoadSet(ctx)
	switch {
	case err != nil:
		return kept, fmt.Sprintf("not compared: it cannot be read: %v", err), nil
	case text == "":
		return kept, unknown, nil
	}
	if err := json.Unmarshal([]byte(text), &kept); err != nil || kept.Operation == "" {
		return kept, "not compared: what is kept of it is damaged; the next put replaces it", nil
	}
	if !strings.HasPrefix(task.ContextID, contextPrefix+kept.Operation) {
		return kept, unknown, nil
	}
	return kept, "", nil
}
