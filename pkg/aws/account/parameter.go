package account

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// standardSize is up to where a parameter costs nothing (page "Managing
// parameter tiers" of the Systems Manager user guide).
const standardSize = 4096

// PutParameter makes a SecureString of SSM have that value and, besides others
// that it has, those tags. What is already so is not written. It fails with
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) PutParameter(ctx context.Context, name string, value secret.Value, tags map[string]string) (changed bool, err error) {
	if value.Empty() {
		return false, fmt.Errorf("write parameter %s: it has no value, which SSM does not take", name)
	}
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	there, same, err := a.hasParameter(ctx, name, value)
	switch {
	case err != nil:
		return false, err
	case !there:
		return true, a.Wrap(ctx, "make parameter "+name, a.createParameter(ctx, name, value, tags))
	case !same:
		if err := a.putParameter(ctx, name, value, nil); err != nil {
			return false, a.Wrap(ctx, "write parameter "+name, err)
		}
	}
	tagged, err := a.tagParameter(ctx, name, tags)
	return !same || tagged, a.Wrap(ctx, "tag parameter "+name, err)
}

// DiffParameter says whether PutParameter would write: the parameter is not there, it has
// another value or type, or one of the tags is missing. It fails as PutParameter does.
func (a *Account) DiffParameter(ctx context.Context, name string, value secret.Value, tags map[string]string) (differs bool, err error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	_, same, err := a.hasParameter(ctx, name, value)
	if err != nil || !same {
		return true, err
	}
	missing, err := a.missingTags(ctx, name, tags)
	return len(missing) > 0, a.Wrap(ctx, "read the tags of parameter "+name, err)
}

// hasParameter says whether a parameter is there, and whether it is the one that
// PutParameter writes.
func (a *Account) hasParameter(ctx context.Context, name string, value secret.Value) (there, same bool, err error) {
	out, err := a.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: sdk.Bool(true)})
	if aws.Refused(err, "ParameterNotFound") {
		return false, false, nil
	}
	if err != nil {
		return false, false, a.Wrap(ctx, "read parameter "+name, err)
	}
	p := out.Parameter
	return true, p != nil && p.Type == types.ParameterTypeSecureString && sdk.ToString(p.Value) == value.Reveal(), nil
}

// createParameter makes one that is not there, with its tags. SSM takes tags
// with new parameters only, so it refuses if the reply of an earlier try was lost.
func (a *Account) createParameter(ctx context.Context, name string, value secret.Value, tags map[string]string) error {
	err := a.putParameter(ctx, name, value, parameterTags(tags))
	if aws.Refused(err, "ParameterAlreadyExists") {
		if err = a.putParameter(ctx, name, value, nil); err == nil {
			_, err = a.tagParameter(ctx, name, tags)
		}
	}
	if err == nil {
		crash.Here("parameter-created")
	}
	return err
}

// putParameter writes: a new one if there are tags, else over what there may be.
func (a *Account) putParameter(ctx context.Context, name string, value secret.Value, tags []types.Tag) error {
	in := &ssm.PutParameterInput{
		Name: &name, Value: sdk.String(value.Reveal()), Type: types.ParameterTypeSecureString,
		Overwrite: sdk.Bool(tags == nil), Tags: tags,
	}
	if len(value.Reveal()) > standardSize {
		in.Tier = types.ParameterTierAdvanced
	}
	_, err := a.ssm.PutParameter(ctx, in)
	return err
}

// tagParameter adds the tags that are missing.
func (a *Account) tagParameter(ctx context.Context, name string, tags map[string]string) (bool, error) {
	missing, err := a.missingTags(ctx, name, tags)
	if err != nil || len(missing) == 0 {
		return false, err
	}
	_, err = a.ssm.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name, Tags: missing})
	return err == nil, err
}

// missingTags are those of the tags that a parameter has not got, or has with another value.
func (a *Account) missingTags(ctx context.Context, name string, tags map[string]string) ([]types.Tag, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	out, err := a.ssm.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: &name})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(parameterTags(tags), func(wanted types.Tag) bool {
		return slices.ContainsFunc(out.TagList, func(have types.Tag) bool {
			return *wanted.Key == sdk.ToString(have.Key) && *wanted.Value == sdk.ToString(have.Value)
		})
	}), nil
}

// parameterTags is tags as SSM takes them: not nil, even if there are none.
func parameterTags(tags map[string]string) []types.Tag {
	set := []types.Tag{}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		set = append(set, types.Tag{Key: sdk.String(key), Value: sdk.String(tags[key])})
	}
	return set
}

// GetParameter reads a parameter, decrypted. It fails with aws.ErrNotFound,
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) GetParameter(ctx context.Context, name string) (secret.Value, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	out, err := a.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: sdk.Bool(true)})
	if err != nil {
		return secret.Value{}, a.Wrap(ctx, "read parameter "+name, err)
	}
	if out.Parameter == nil {
		return secret.Value{}, fmt.Errorf("read parameter %s: %w", name, errors.New("the answer is not one of SSM"))
	}
	return secret.New(sdk.ToString(out.Parameter.Value)), nil
}

// Parameters lists the names of the parameters under a path, "/perpetual/ci", sorted.
// Their values are not read. It fails with aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) Parameters(ctx context.Context, path string) ([]string, error) {
	path = "/" + strings.Trim(path, "/")
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	names := []string{}
	pages := ssm.NewGetParametersByPathPaginator(a.ssm, &ssm.GetParametersByPathInput{Path: &path, Recursive: sdk.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.Wrap(ctx, "list the parameters under "+path, err)
		}
		for _, p := range page.Parameters {
			names = append(names, sdk.ToString(p.Name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// DeleteParameters deletes all parameters under a path, "/perpetual/ci", or of them only
// those of the given names, and gives the names of those that it deleted, sorted. It fails
// with aws.ErrCredentials, aws.ErrDenied or an *aws.Error, and gives what it deleted then, too.
func (a *Account) DeleteParameters(ctx context.Context, path string, only ...string) ([]string, error) {
	path = "/" + strings.Trim(path, "/")
	if strings.Count(path, "/") < 2 {
		return nil, fmt.Errorf("delete the parameters under %s: the path is too short to be ours alone", path)
	}
	names, err := a.Parameters(ctx, path)
	if err != nil {
		return nil, err
	}
	if len(only) > 0 {
		names = slices.DeleteFunc(names, func(name string) bool { return !slices.Contains(only, name) })
	}
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	deleted := []string{}
	for chunk := range slices.Chunk(names, 10) { // which is the most that one call takes
		if _, err := a.ssm.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: chunk}); err != nil {
			return deleted, a.Wrap(ctx, "delete the parameters under "+path, err)
		}
		deleted = append(deleted, chunk...)
		crash.Here("parameters-deleted")
	}
	return deleted, nil
}
