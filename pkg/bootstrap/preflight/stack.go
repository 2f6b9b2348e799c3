package preflight

import (
	"context"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/infrastructure"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// Stack compares the state with the stack of an installation on AWS.
type Stack struct {
	State
	Account string // "123456789012"
	Region  string // "eu-central-1"
	Bucket  string // in which the state is looked for; "" for a directory
	Site    infrastructure.Site
	Regions func(ctx context.Context) ([]string, error) // lists those of the account
	Warn    func(line string)
}

// Check refuses a state that knows less than what the stack shows is installed.
func (s Stack) Check(ctx context.Context) error {
	stack, err := s.Site.Look(ctx)
	if err != nil {
		return err
	}
	known := s.Documents.Known()
	switch {
	case !known && stack.Live:
		return s.refuseUnknown(stack)
	case !known, !stack.Live:
		return nil
	case !s.Record.Stack && s.Record.Infrastructure == nil:
		return s.refuseUnknown(stack)
	case another(stack, s.Record.Infrastructure):
		return fmt.Errorf("%s is of another installation called %s than the one in account %s, region %s: it knows the web at %s, and there it is at %s; nothing was changed: %s",
			s.Where, s.Name, s.Account, s.Region, s.Record.Infrastructure.WebAddress, stack.WebAddress, s.howToRestore(stack))
	}
	missing, err := s.missing(ctx)
	if err != nil || len(missing) == 0 {
		return err
	}
	return fmt.Errorf("%s has no %s, though %s is installed in account %s, region %s (stack %s): what is missing would be generated again, and lock out what runs; nothing was changed: %s",
		s.Where, strings.Join(missing, " and no "), s.Name, s.Account, s.Region, stack.Name, s.howToRestore(stack))
}

// CheckRegions refuses a second installation of one name in another region. Regions
// that cannot be looked into are said, and are no reason to stop: what is installed
// there is not touched.
func (s Stack) CheckRegions(ctx context.Context) error {
	found, err := s.Site.Elsewhere(ctx, s.Region, s.Regions)
	if err != nil {
		return err
	}
	if found.Region != "" {
		return s.refuseElsewhere(found)
	}
	if len(found.Unseen) > 0 {
		s.Warn(fmt.Sprintf("whether %s is installed in another region is not known for %s: %s", s.Name, strings.Join(found.Unseen, ", "), found.Reason))
	}
	return nil
}

// CheckRemains wants something to be left of a stack that nobody needs a state for: a plan
// leaves that, or a first install that has failed early.
func (s Stack) CheckRemains(ctx context.Context) error {
	stack, err := s.Site.Look(ctx)
	switch {
	case err != nil:
		return err
	case stack.Live:
		return s.refuseUnknown(stack)
	case stack.Exists:
		return nil
	}
	if err := s.CheckRegions(ctx); err != nil {
		return err
	}
	return fmt.Errorf("there is no installation %s in account %s, region %s: neither %s nor a stack; nothing was deleted",
		s.Name, s.Account, s.Region, s.Where)
}

// Explain explains why a state could not be opened: mostly credentials are for the
// right bucket only, and a wrong region or bucket is then refused as somebody else's.
func (s Stack) Explain(ctx context.Context, err error) error {
	stack, lookErr := s.Site.Look(ctx)
	switch {
	case lookErr != nil:
		return err
	case stack.Live && stack.Bucket != s.Bucket:
		return fmt.Errorf("%w (%w)", s.refuseUnknown(stack), err)
	case stack.Live:
		return err
	}
	if found, lookErr := s.Site.Elsewhere(ctx, s.Region, s.Regions); lookErr == nil && found.Region != "" {
		return s.refuseElsewhere(found)
	}
	return err
}

// refuseUnknown refuses to install over a stack that the state knows nothing of.
func (s Stack) refuseUnknown(stack infrastructure.Standing) error {
	return fmt.Errorf("%s is installed in account %s, region %s (stack %s, %s), and %s knows nothing of it; nothing was changed: %s",
		s.Name, s.Account, s.Region, stack.Name, stack.State, s.Where, s.howToRestore(stack))
}

// refuseElsewhere refuses a second installation.
func (s Stack) refuseElsewhere(found infrastructure.Elsewhere) error {
	return fmt.Errorf("%s is installed in region %s of account %s (stack %s, %s), not in %s; nothing was changed: run again with --aws-region %s, or choose another name for a second installation",
		s.Name, found.Region, s.Account, found.Stack.Name, found.Stack.State, s.Region, found.Region)
}

// howToRestore says which state is the right one, and how it comes back.
func (s Stack) howToRestore(stack infrastructure.Standing) string {
	switch {
	case stack.Bucket == "":
		return "its state was in a directory: name that with --state-dir, or put it back from a copy"
	case stack.Bucket == s.Bucket:
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
