package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// directorStateName is where create-env keeps its state.
const directorStateName = environmentFolder + "state.json"

// checkStanding refuses a state that knows less than the world: nothing may be made
// a second time because the state is empty, another one, or not whole. It reads only.
func (r *run) checkStanding(ctx context.Context) error {
	if r.elsewhere() {
		return r.checkDeployment(ctx)
	}
	stack, err := r.site().Look(ctx)
	if err != nil {
		return err
	}
	switch {
	case !r.kept.Known() && stack.Live:
		return r.refuseUnknown(stack)
	case !r.kept.Known(), !stack.Live:
		return nil
	case !r.record.Stack && r.record.Infrastructure == nil:
		return r.refuseUnknown(stack)
	case another(stack, r.record.Infrastructure):
		return fmt.Errorf("%s is of another installation called %s than the one in account %s, region %s: it knows the web at %s, and there it is at %s; nothing was changed: %s",
			storeName(r), r.Name, r.identity.Account, r.config.AWS.Region, r.record.Infrastructure.WebAddress, stack.WebAddress, r.howToRestore(stack))
	}
	missing, err := r.missing(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	return fmt.Errorf("%s has no %s, though %s is installed in account %s, region %s (stack %s): what is missing would be generated again, and lock out what runs; nothing was changed: %s",
		storeName(r), strings.Join(missing, " and no "), r.Name, r.identity.Account, r.config.AWS.Region, stack.Name, r.howToRestore(stack))
}

// refuseUnknown refuses to install over a stack that the state knows nothing of.
func (r *run) refuseUnknown(stack infrastructure.Standing) error {
	return fmt.Errorf("%s is installed in account %s, region %s (stack %s, %s), and %s knows nothing of it; nothing was changed: %s",
		r.Name, r.identity.Account, r.config.AWS.Region, stack.Name, stack.State, storeName(r), r.howToRestore(stack))
}

// howToRestore says which state is the right one, and how it comes back.
func (r *run) howToRestore(stack infrastructure.Standing) string {
	switch {
	case stack.Bucket == "":
		return "its state was in a directory: name that with --state-dir, or put it back from a copy"
	case stack.Bucket == r.stateBucket():
		return fmt.Sprintf("the bucket keeps earlier versions of every document: restore those that were deleted (aws s3api list-object-versions --bucket %s), then run again", stack.Bucket)
	}
	return fmt.Sprintf("its state is in the bucket %s: run again with --state-bucket %s and without --state-dir; if that bucket has lost documents, restore them from their earlier versions", stack.Bucket, stack.Bucket)
}

// another says whether a stack is not the one that the state knows: both its addresses
// would have to be new.
func another(stack infrastructure.Standing, known *manifest.Infrastructure) bool {
	if known == nil || known.WebAddress == "" || stack.WebAddress == "" {
		return false
	}
	return known.WebAddress != stack.WebAddress && (known.DirectorAddress == "" || known.DirectorAddress != stack.DirectorAddress)
}

// missing names the documents that must be there, since the record was written after
// them.
func (r *run) missing(ctx context.Context) ([]string, error) {
	made := slices.ContainsFunc(r.record.Steps, func(s record.Step) bool { return s.Step == stepCredentials })
	names := r.kept.Missing(made || r.record.Director || database.Service(r.config))
	if r.kept.Old() || !r.record.Deployment || r.elsewhere() {
		return names, nil
	}
	list, err := r.store.List(ctx, directorStateName)
	if err != nil {
		return nil, fmt.Errorf("list the state: %w", err)
	}
	if !slices.Contains(list, directorStateName) {
		names = append(names, directorStateName)
	}
	return names, nil
}

// checkElsewhere refuses a second installation of one name in another region. Regions
// that cannot be looked into are said, and are no reason to stop: what is installed
// there is not touched.
func (r *run) checkElsewhere(ctx context.Context) error {
	found, err := r.site().Elsewhere(ctx, r.config.AWS.Region, r.Account.Regions)
	if err != nil {
		return err
	}
	if found.Region != "" {
		return r.refuseElsewhere(found)
	}
	if len(found.Unseen) > 0 {
		r.Progress.Warn(fmt.Sprintf("whether %s is installed in another region is not known for %s: %s", r.Name, strings.Join(found.Unseen, ", "), found.Reason))
	}
	return nil
}

func (r *run) refuseElsewhere(found infrastructure.Elsewhere) error {
	return fmt.Errorf("%s is installed in region %s of account %s (stack %s, %s), not in %s; nothing was changed: run again with --aws-region %s, or choose another name for a second installation",
		r.Name, found.Region, r.identity.Account, found.Stack.Name, found.Stack.State, r.config.AWS.Region, found.Region)
}

// openFirst reads the state if there is one, and refuses one that knows less than the
// world. Nothing is written.
func (r *run) openFirst(ctx context.Context) (found bool, err error) {
	_, err = r.open(ctx, false)
	switch {
	case errors.Is(err, ErrNotFound):
		if err := r.merge(); err != nil {
			return false, err
		}
	case err != nil:
		return false, r.unopened(ctx, err)
	default:
		found = true
	}
	if err := r.checkStanding(ctx); err != nil {
		return found, err
	}
	if r.kept.Known() || r.elsewhere() {
		return found, r.checkPossessions(ctx)
	}
	return found, r.checkElsewhere(ctx)
}

// unopened explains a state that could not be opened: mostly credentials are for the
// right bucket only, and a wrong region or bucket is then refused as somebody else's.
func (r *run) unopened(ctx context.Context, err error) error {
	if r.elsewhere() || ctx.Err() != nil || r.kept.Keys.Unlocked() {
		return err // the documents were found
	}
	stack, lookErr := r.site().Look(ctx)
	switch {
	case lookErr != nil:
		return err
	case stack.Live && stack.Bucket != r.stateBucket():
		return fmt.Errorf("%w (%w)", r.refuseUnknown(stack), err)
	case stack.Live:
		return err
	}
	if found, lookErr := r.site().Elsewhere(ctx, r.config.AWS.Region, r.Account.Regions); lookErr == nil && found.Region != "" {
		return r.refuseElsewhere(found)
	}
	return err
}

// stateBucket is the bucket in which the state is looked for; "" for a directory.
func (r *run) stateBucket() string {
	if r.config.State != nil && r.config.State.Dir != "" {
		return ""
	}
	return r.bucketName()
}

// destroyUnknown is Destroy where there is no state: it deletes what a plan, or a first
// install that has failed early, has left of a stack.
func (r *run) destroyUnknown(ctx context.Context, remains action) (left []string, err error) {
	if r.elsewhere() {
		return nil, &step.Error{Step: stepState, Err: fmt.Errorf("there is no installation %s in %s: nothing was deleted", r.Name, storeName(r))}
	}
	stack, err := r.site().Look(ctx)
	switch {
	case err != nil:
		return nil, &step.Error{Step: stepState, Err: err}
	case stack.Live:
		return nil, &step.Error{Step: stepState, Err: r.refuseUnknown(stack)}
	case stack.Exists:
		if err := r.perform(ctx, []action{remains}); err != nil {
			return nil, err
		}
		return r.left(ctx, nil)
	}
	if err := r.checkElsewhere(ctx); err != nil {
		return nil, &step.Error{Step: stepState, Err: err}
	}
	return nil, &step.Error{Step: stepState, Err: fmt.Errorf("there is no installation %s in account %s, region %s: neither %s nor a stack; nothing was deleted",
		r.Name, r.identity.Account, r.config.AWS.Region, storeName(r))}
}

// checkSilence wants nobody to answer where the director is about to be made: a state
// without create-env's documents may have lost them.
func (r *run) checkSilence(ctx context.Context) error {
	list, err := r.store.List(ctx, r.environmentFolder())
	if err != nil {
		return fmt.Errorf("list the state: %w", err)
	}
	if len(list) > 0 || r.stackMade {
		return nil
	}
	url := r.access().URL
	if !r.Answers(ctx, url) {
		return nil
	}
	return fmt.Errorf("a director answers at %s, and %s has no %s, by which it is known; it was not touched: restore that document from an earlier version, then run again",
		url, storeName(r), directorStateName)
}
