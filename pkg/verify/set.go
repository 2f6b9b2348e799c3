package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bosh"
	"github.com/perpetual-ci/perpetual/pkg/inventory"
	"github.com/perpetual-ci/perpetual/pkg/task"
)

// setDeployed wants the deployment to be of the component set that the put had: what
// the director made of "latest", and what somebody has deployed since, the put did not
// know.
func (v Verification) setDeployed(ctx context.Context, f *Facts) (string, error) {
	kept, missing := v.keptSet(ctx, f.Task)
	if missing != "" {
		return missing, nil
	}
	deployed, err := inventory.Deployed(f.Deployed)
	if err != nil {
		return "", err
	}
	wanted := inventory.Of(deployed)
	var ignored, wrong []string
	for _, c := range inventory.Conflicts(kept.Components, wanted) {
		if slices.Contains(kept.Ignored, c.Key) {
			ignored = append(ignored, c.String()+", as "+v.IgnoreKey.Name()+" says")
		} else {
			wrong = append(wrong, c.String())
		}
	}
	if len(wrong) > 0 {
		return "", fmt.Errorf("the deployed manifest differs from it: %s", strings.Join(wrong, "; "))
	}
	return strings.Join(append([]string{"deployed"}, ignored...), "; "), nil
}

// keptSet is the set of the deploy of a task. missing says why there is none.
func (v Verification) keptSet(ctx context.Context, t bosh.Task) (kept inventory.Kept, missing string) {
	if v.Set != nil {
		return inventory.Kept{Components: v.Set, Ignored: v.IgnoreSet}, ""
	}
	const unknown = "not compared: no put has left the set of this deploy"
	if v.Sets == nil || t.ContextID == "" {
		return kept, unknown
	}
	kept, found, err := inventory.Load(ctx, v.Sets)
	switch {
	case errors.Is(err, inventory.ErrDamaged):
		return kept, "not compared: what is kept of it is damaged; the next put replaces it"
	case err != nil:
		return kept, fmt.Sprintf("not compared: it cannot be read: %v", err)
	case !found || !strings.HasPrefix(t.ContextID, task.Prefix+kept.Operation):
		return kept, unknown
	}
	return kept, ""
}
