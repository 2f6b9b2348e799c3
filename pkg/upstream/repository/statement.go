package repository

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/github"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// IsProgram says whether a component is Perpetual itself, or a fork of it: it runs with
// all that the pipeline may do, so its releases have to be signed.
func IsProgram(name string, w resource.Watch) bool {
	return w.GitHub != "" && (name == resource.ProgramComponent || strings.EqualFold(w.GitHub, resource.ProgramRepository) || len(w.Keys) > 0)
}

// signed says whether the releases of this component have to be signed.
func (f Finder) signed() bool { return IsProgram(f.Name, f.Watch) && !f.Watch.AllowUnsigned }

// authenticate reads the signed statement of a release of Perpetual, and gives c the
// digests that stand there. It fails with errUnsigned for a release without one, and for
// one by another key, of another version, or with other digests than GitHub's, which
// is no accident. made is when it was signed: nobody but the signer can say that.
func (f Finder) authenticate(ctx context.Context, r github.Release, c *Release) (made time.Time, err error) {
	keys, err := signature.Trusted(f.Watch.Keys)
	if err != nil {
		return time.Time{}, fmt.Errorf("source.watch.%s.keys: %w", f.Name, err)
	}
	asset, err := f.statement(ctx, r, c.Version, keys)
	if err != nil {
		return time.Time{}, err
	}
	text, err := f.GitHub.Content(ctx, f.Watch.GitHub, asset.URL, asset.Network, signature.MaxSize)
	if err != nil {
		return time.Time{}, fmt.Errorf("fetch %s: %w", asset.Name, err)
	}
	statement, err := keys.Open(text, c.Version)
	if err != nil {
		return time.Time{}, fmt.Errorf("refuse %s, which claims to be Perpetual's: %s: %w; what runs stays as it is; "+
			"ask the maintainers, and leave the version out until then with version or deny in source.watch.%s", c.Version, asset.Name, err, f.Name)
	}
	c.Images = statement.Images
	if err := c.confirm(statement, asset.Name); err != nil {
		return time.Time{}, fmt.Errorf("refuse %s: %w", c.Version, err)
	}
	return statement.Made, nil
}

// statement is the file of a release that holds its signed statement.
func (f Finder) statement(ctx context.Context, r github.Release, version string, keys signature.Keys) (github.Asset, error) {
	if r.Partial {
		var err error
		if r, err = f.GitHub.ReleaseByTag(ctx, f.Watch.GitHub, r.Tag); err != nil {
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
		return github.Asset{}, fmt.Errorf("%w: want %s, signed by %s, and there is none (of a fork give its keys, or allow_unsigned, in source.watch.%s)", errUnsigned, name, keys, f.Name)
	case r.Assets[at].Uploading():
		return github.Asset{}, fmt.Errorf("%w %q", errUploading, name)
	}
	return r.Assets[at], nil
}
