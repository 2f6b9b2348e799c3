package account

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
)

// DatabaseAuthorities gives the PEM certificates of the CAs that sign for the
// region's RDS databases, from where the page "Using SSL/TLS to encrypt a
// connection to a DB instance" of the RDS user guide has them.
func (a *Account) DatabaseAuthorities(ctx context.Context) (string, error) {
	ctx, cancel := a.Bound(ctx)
	defer cancel()
	base, region := a.Env("AWS_ENDPOINT_URL_RDS_CA"), a.Region()
	if base == "" {
		base = "https://truststore.pki.rds.amazonaws.com"
	}
	url := base + "/" + region + "/" + region + "-bundle.pem"
	bundle, err := a.bundle(ctx, url)
	if err != nil {
		return "", fmt.Errorf("fetch the CAs of RDS from %s: %w", url, err)
	}
	return bundle, nil
}

func (a *Account) bundle(ctx context.Context, url string) (string, error) {
	body, err := a.Get(ctx, url, 1<<20)
	if err != nil {
		return "", err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(body) {
		return "", errors.New("the answer holds no certificates")
	}
	return string(body), nil
}
