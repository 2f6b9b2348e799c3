package component

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// signed says whether the releases of this component have to be signed.
func (f *finder) signed() bool { return isProgram(f.name, f.watch) && !f.watch.AllowUnsigned }

// authenticate reads the signed statement of a release of Perpetual, and gives c the
// digests that stand there. It fails with errUnsigned for a release without one, and for
// one by another key, of another version, or with other digests than GitHub's, which
// is no accident. made is when it was signed: nobody but the signer can say that.
func (f *finder) authenticate(ctx context.Context, r github.Release, c *Component) (made time.Time, err error) {
	keys, err := signature.Trusted(f.watch.Keys)
	if err != nil {
		return time.Time{}, fmt.Errorf("source.watch.%s.keys: %w", f.name, err)
	}
	asset, err := f.statement(ctx, r, c.Version, keys)
	if err != nil {
		return time.Time{}, err
	}
	text, err := f.up.GitHub.Content(ctx, f.watch.GitHub, asset.URL, asset.Network, signature.MaxSize)
	if err != nil {
		return time.Time{}, fmt.Errorf("fetch %s: %w", asset.Name, err)
	}
	statement, err := keys.Open(text, c.Version)
	if err != nil {
		return time.Time{}, fmt.Errorf("refuse %s, which claims to be Perpetual's: %s: %w; what runs stays as it is; "+
			"ask the maintainers, and leave the version out until then with version or deny in source.watch.%s", c.Version, asset.Name, err, f.name)
	}
	c.Images = statement.Images
	for i := range c.Assets {
		if err := c.Assets[i].confirm(statement, asset.Name); err != nil {
			return time.Time{}, fmt.Errorf("refuse %s: %w", c.Version, err)
		}
	}
	return statement.Made, nil
}

// statement is the file of a release that holds its signed statement.
func (f *finder) statement(ctx context.Context, r github.Release, version string, keys signature.Keys) (github.Asset, error) {
	if r.Partial {
		var err error
		if r, err = f.up.GitHub.ReleaseByTag(ctx, f.watch.GitHub, r.Tag); err != nil {
			return github.Asset{}, err
		}
	}
	if err := f.complete(ctx, &r); err != nil {
		return github.Asset{}, err
	}
	name := signature.Name(version)
	at := slices.IndexFunc(r.Assets, func(a github.Asset) bool { return a.Name == name })
	switch {
	case at < 0:
		return github.Asset{}, fmt.Errorf("%w: want %s, signed by %s, and there is none (of a fork give its keys, or allow_unsigned, in source.watch.%s)", errUnsigned, name, keys, f.name)
	case r.Assets[at].Uploading():
		return github.Asset{}, fmt.Errorf("%w %q", errUploading, name)
	}
	return r.Assets[at], nil
}

// confirm gives a file the digest of the statement. It fails where GitHub has another one.
func (a *Asset) confirm(s signature.Statement, statement string) error {
	digest, has := s.Files[a.Name]
	if !has {
		a.unsigned = a.Name != statement
		return nil
	}
	wanted := strings.TrimPrefix(digest, "sha256:")
	if a.SHA256 != "" && a.SHA256 != wanted {
		return fmt.Errorf("the signed digest of %s is %s, and GitHub's is %s: the file was replaced", a.Name, wanted, a.SHA256)
	}
	a.SHA256 = wanted
	return nil
}
