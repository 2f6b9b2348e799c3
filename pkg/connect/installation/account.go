package installation

import (
	"context"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/aws/account"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
	"github.com/perpetual-ci/perpetual/pkg/connect"
)

// OpenAccount opens the AWS account of the installation, and gives its region: that, or
// the one of the environment or the profile.
func (c *Connector) OpenAccount(ctx context.Context, region string) (string, error) {
	var err error
	if c.account, err = c.openAccount(ctx, region); err != nil {
		return "", err
	}
	return c.account.Region(), nil
}

// openAccount opens the account of the credentials in a region.
func (c *Connector) openAccount(ctx context.Context, region string) (*account.Account, error) {
	return account.Open(ctx, login.Options{
		Region: region, Notify: c.Notify, Debug: c.Debug, Env: c.Env, Policy: connect.Patience(login.DefaultPolicy),
	})
}

// accountOf is the account through which a key of KMS is asked: that of the installation,
// or, where it has none and before it is known, the one of the credentials, in the
// key's region.
func (c *Connector) accountOf(ctx context.Context, name string) (*account.Account, error) {
	if c.account != nil {
		return c.account, nil
	}
	region := ""
	if parts := strings.Split(name, ":"); len(parts) == 6 {
		region = parts[3]
	} else if c.Config.AWS != nil {
		region = c.Config.AWS.Region
	}
	return c.openAccount(ctx, region)
}
