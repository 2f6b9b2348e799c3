package login

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Identity is as whom the credentials act.
type Identity struct {
	Account   string // "123456789012"
	ARN       string // "arn:aws:sts::123456789012:assumed-role/admin/ada"
	Partition string // "aws", "aws-cn", "aws-us-gov"
}

// Identity asks STS as whom the credentials act, which needs no permission. It
// fails with aws.ErrCredentials, ErrRegion or an *aws.Error.
func (s *Session) Identity(ctx context.Context) (Identity, error) {
	ctx, cancel := s.Bound(ctx)
	defer cancel()
	const action = "ask AWS who we are"
	out, err := s.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Identity{}, s.WrapRegion(ctx, action, err)
	}
	found := Identity{Account: sdk.ToString(out.Account), ARN: sdk.ToString(out.Arn)}
	parts := strings.SplitN(found.ARN, ":", 3)
	if found.Account == "" || len(parts) < 3 || parts[0] != "arn" {
		return Identity{}, fmt.Errorf("%s: %w", action, errors.New("the answer is not one of STS: it has no account"))
	}
	found.Partition = parts[1]
	return found, nil
}
