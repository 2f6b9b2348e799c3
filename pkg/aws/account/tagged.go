package account

import (
	"context"
	"slices"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
)

// Tagged gives the ARNs of what in the region has a tag, sorted. The tagging API
// learns of deletions late, and knows no IAM roles. It fails with
// aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) Tagged(ctx context.Context, key, value string) ([]string, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	arns := []string{}
	pages := tagging.NewGetResourcesPaginator(a.tagging, &tagging.GetResourcesInput{
		TagFilters: []types.TagFilter{{Key: &key, Values: []string{value}}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.Wrap(ctx, "look for what has the tag "+key+"="+value, err)
		}
		for _, r := range page.ResourceTagMappingList {
			arns = append(arns, sdk.ToString(r.ResourceARN))
		}
	}
	slices.Sort(arns)
	return arns, nil
}
