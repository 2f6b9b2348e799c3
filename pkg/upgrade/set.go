package upgrade

import (
	"context"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/inventory"
)

// keepTimeout bounds the write: the deploy runs, and may soon end the worker of this build.
const keepTimeout = 10 * time.Second

// keepSet keeps the set of a deploy that was accepted. It is no reason to fail: the
// verification then compares with the manifest alone.
func (o Out) keepSet(ctx context.Context, r *run) {
	if o.Sets == nil || len(r.Request.Input.Components) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	kept := inventory.Kept{Operation: r.compared.Operation().Content, Components: r.Request.Input.Components, Ignored: r.Request.IgnoreSet}
	if err := kept.Save(ctx, o.Sets); err != nil {
		o.say("the component set is not kept for the verification, which will compare with the manifest alone: %v", err)
	}
}
