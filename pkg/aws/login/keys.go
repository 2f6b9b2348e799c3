package login

import (
	"context"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// Keys are the credentials in use, for programs that are told them: the CPI of
// create-env. It fails with aws.ErrCredentials.
func (s *Session) Keys(ctx context.Context) (aws.Credentials, error) {
	ctx, cancel := s.Bound(ctx)
	defer cancel()
	keys, err := s.connection.SDK().Credentials.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, s.Wrap(ctx, "get the credentials", err)
	}
	return aws.Credentials{
		AccessKey: keys.AccessKeyID, SecretKey: secret.New(keys.SecretAccessKey), SessionToken: secret.New(keys.SessionToken),
	}, nil
}
