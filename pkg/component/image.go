package component

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/registry"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// KindImage is a container image in a registry.
const KindImage = "image"

// image is the kind of container images, by the tags of their repository. A tag may be
// moved to another image, so the version of a set has the digest beside that of the tag:
// "1.2.0@sha256:…".
type image struct{}

func (image) key() string                                         { return KindImage }
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
	repository, err := registry.Parse(f.watch.Image)
	if err != nil {
		return found{}, err
	}
	tags, err := f.up.Registry.Tags(ctx, repository)
	if err != nil {
		return found{}, err
	}
	candidates, over := f.picker.Tags(tags)
	f.over = over
	for _, c := range candidates {
		digest, err := f.up.Registry.Digest(ctx, repository, c.Label)
		if errors.Is(err, registry.ErrNotFound) { // withdrawn in this moment
			continue
		}
		if err != nil {
			return found{}, err
		}
		f.sayPassedOver(c.Text)
		return found{component: i.describe(f, repository, c.Text, c.Label, digest), withdrawn: given != "" && !f.tagged(tags, given)}, nil
	}
	return found{}, f.errNothing(f.watch.Image)
}

// exactly finds the tag of a version. The digest that the version has is the one that
// counts, wherever the tag has moved since.
func (i image) exactly(ctx context.Context, f *finder, version string) (Component, error) {
	version, digest, _ := strings.Cut(version, "@")
	repository, err := registry.Parse(f.watch.Image)
	if err != nil {
		return Component{}, err
	}
	tags, err := f.up.Registry.Tags(ctx, repository)
	if err != nil {
		return Component{}, err
	}
	tags = slices.DeleteFunc(slices.Clone(tags), func(tag string) bool {
		v, ok := f.picker.Version(tag)
		return !ok || v != version
	})
	if len(tags) == 0 {
		return Component{}, errMissing
	}
	tag := slices.Max(tags) // v1.0.0 beside 1.0.0 is one version: the same is taken as by check
	if digest == "" {
		if digest, err = f.up.Registry.Digest(ctx, repository, tag); err != nil {
			return Component{}, err
		}
	}
	if err := f.up.Registry.Confirm(ctx, repository, digest); errors.Is(err, registry.ErrNotFound) {
		return Component{}, errMissing
	} else if err != nil {
		return Component{}, err
	}
	return i.describe(f, repository, version, tag, digest), nil
}

func (image) describe(f *finder, repository registry.Image, version, tag, digest string) Component {
	return Component{
		Name: f.name, Kind: KindImage, Upstream: f.watch.Image, Version: version, Tag: tag, Digest: digest,
		URL: repository.ManifestURL(digest),
	}
}

// pin refuses an image with another digest than the source has for its version.
func (image) pin(f *finder, c *Component) error {
	given := strings.ToLower(strings.TrimPrefix(f.watch.Digests[c.Version], "sha256:"))
	if got := strings.TrimPrefix(c.Digest, "sha256:"); given != "" && got != given {
		return replaced(f, c.Version, given, c.Upstream, got)
	}
	return nil
}

// downloads has nothing: Concourse fetches images itself.
func (image) downloads(*Component, string) ([]artifact.File, error) { return nil, errNoFiles }

// files are named as those of a get of a registry-image, with the whole name beside them.
func (i image) files(c Component) map[string]string {
	files := i.vars(c)
	files["tag"] = c.Tag
	return files
}

// vars are what a pipeline takes an image by.
func (image) vars(c Component) map[string]string {
	return map[string]string{"repository": c.Upstream, "digest": c.Digest, "image": c.Upstream + "@" + c.Digest}
}
