package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/registry"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/upstream/candidate"
)

// image is the kind of container images, by the tags of their repository. A tag may be
// moved to another image, so the version of a set has the digest beside that of the tag:
// "1.2.0@sha256:…".
type image struct{}

func (image) key() string                                         { return component.KindImage }
func (image) upstream(w resource.Watch) string                    { return w.Image }
func (image) takes() []string                                     { return []string{"tag_filter"} }
func (image) pins(key string) string                              { return pinsVersions(key) }
func (image) asked(resource.Source, resource.Watch) (_, _ string) { return "", "" } // always https

func (image) validate(w resource.Watch) error {
	if _, err := registry.Parse(w.Image); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	return nil
}

func (i image) newest(ctx context.Context, f *finder, given string) (found, error) {
	repository, err := registry.Parse(f.Watch.Image)
	if err != nil {
		return found{}, err
	}
	tags, err := f.up.Registry.Tags(ctx, repository)
	if err != nil {
		return found{}, err
	}
	for _, c := range f.FromTags(tags) {
		digest, err := f.up.Registry.Digest(ctx, repository, c.Label)
		if errors.Is(err, registry.ErrNotFound) { // withdrawn in this moment
			continue
		}
		if err != nil {
			return found{}, err
		}
		f.SayPassedOver(c.Text)
		return found{component: i.describe(f, repository, c.Text, c.Label, digest), withdrawn: given != "" && len(f.TagsOf(given, tags)) == 0}, nil
	}
	return found{}, f.Nothing(f.Watch.Image)
}

// exactly finds the tag of a version. The digest that the version has is the one that
// counts, wherever the tag has moved since.
func (i image) exactly(ctx context.Context, f *finder, version string) (offer, error) {
	version, digest, _ := strings.Cut(version, "@")
	repository, err := registry.Parse(f.Watch.Image)
	if err != nil {
		return nil, err
	}
	tags, err := f.up.Registry.Tags(ctx, repository)
	if err != nil {
		return nil, err
	}
	if tags = f.TagsOf(version, tags); len(tags) == 0 {
		return nil, candidate.ErrMissing
	}
	tag := slices.Max(tags) // v1.0.0 beside 1.0.0 is one version: the same is taken as by check
	if digest == "" {
		if digest, err = f.up.Registry.Digest(ctx, repository, tag); err != nil {
			return nil, err
		}
	}
	if err := f.up.Registry.Confirm(ctx, repository, digest); errors.Is(err, registry.ErrNotFound) {
		return nil, candidate.ErrMissing
	} else if err != nil {
		return nil, err
	}
	c := i.describe(f, repository, version, tag, digest)
	if given, got := f.Given(version), strings.TrimPrefix(digest, "sha256:"); given != "" && got != given {
		return nil, f.Replaced(version, given, c.Upstream, got)
	}
	return imageOffer{c}, nil
}

func (image) describe(f *finder, repository registry.Image, version, tag, digest string) component.Component {
	return component.Component{
		Name: f.Name, Kind: component.KindImage, Upstream: f.Watch.Image, Version: version, Tag: tag, Digest: digest,
		URL: repository.ManifestURL(digest),
	}
}

// imageOffer is a version of an image.
type imageOffer struct{ component.Component }

// Described implements offer.
func (p imageOffer) Described() component.Component { return p.Component }

// Downloads has nothing: Concourse fetches images itself.
func (imageOffer) Downloads(string) ([]artifact.File, error) { return nil, errNoFiles }
