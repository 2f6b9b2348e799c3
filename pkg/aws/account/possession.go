package account

import (
	"context"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Possession is something in EC2 that has an owner, as EC2 knows it.
type Possession struct {
	ID        string            // "vol-0a1b2c3d4e5f60718"
	Tags      map[string]string // {"perpetual:name": "ci"}
	Owner     string            // the account, "123456789012"; of images only
	Instances []string          // that a volume is attached to
	Snapshot  string            // that a volume was made from; "" for a blank one
	Encrypted bool              // of volumes
}

// Instances finds instances by their ids. Those that are not there, or are about to be
// gone, are left out. It fails with aws.ErrCredentials, aws.ErrDenied or an *aws.Error.
func (a *Account) Instances(ctx context.Context, ids []string) (found []Possession, err error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	// By filters: an id that is not there, or is none, would be an error otherwise.
	pages := ec2.NewDescribeInstancesPaginator(a.ec2, &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("instance-id", ids...)}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.Wrap(ctx, "look up instances "+strings.Join(ids, ", "), err)
		}
		for _, reservation := range page.Reservations {
			for _, i := range reservation.Instances {
				if i.State != nil && (i.State.Name == types.InstanceStateNameTerminated || i.State.Name == types.InstanceStateNameShuttingDown) {
					continue
				}
				found = append(found, Possession{ID: sdk.ToString(i.InstanceId), Tags: tagsOf(i.Tags)})
			}
		}
	}
	return found, nil
}

// Volumes finds volumes by their ids. Those that are not there are left out. It fails as
// Instances does.
func (a *Account) Volumes(ctx context.Context, ids []string) (found []Possession, err error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	pages := ec2.NewDescribeVolumesPaginator(a.ec2, &ec2.DescribeVolumesInput{Filters: []types.Filter{filter("volume-id", ids...)}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.Wrap(ctx, "look up volumes "+strings.Join(ids, ", "), err)
		}
		for _, v := range page.Volumes {
			one := Possession{ID: sdk.ToString(v.VolumeId), Tags: tagsOf(v.Tags), Snapshot: sdk.ToString(v.SnapshotId), Encrypted: sdk.ToBool(v.Encrypted)}
			for _, attachment := range v.Attachments {
				one.Instances = append(one.Instances, sdk.ToString(attachment.InstanceId))
			}
			found = append(found, one)
		}
	}
	return found, nil
}

// Images finds images by their ids, those of other accounts, too. Those that are not
// there are left out. It fails as Instances does.
func (a *Account) Images(ctx context.Context, ids []string) (found []Possession, err error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	out, err := a.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{Filters: []types.Filter{filter("image-id", ids...)}})
	if err != nil {
		return nil, a.Wrap(ctx, "look up images "+strings.Join(ids, ", "), err)
	}
	for _, i := range out.Images {
		found = append(found, Possession{ID: sdk.ToString(i.ImageId), Tags: tagsOf(i.Tags), Owner: sdk.ToString(i.OwnerId)})
	}
	return found, nil
}

// tagsOf are EC2's tags by their keys.
func tagsOf(list []types.Tag) map[string]string {
	tags := map[string]string{}
	for _, t := range list {
		tags[sdk.ToString(t.Key)] = sdk.ToString(t.Value)
	}
	return tags
}
