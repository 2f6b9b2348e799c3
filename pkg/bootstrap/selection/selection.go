// Package selection is about the component set that is to be deployed: where it is found,
// what is in it, and how it differs from another.
package selection

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/resource"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// Find finds the newest components of a source, or exactly those of a version.
type Find func(ctx context.Context, source resource.Source, version resource.Version) ([]component.Component, error)

// LookUp finds where the components of a set are fetched from, and their digests: those of
// the last deploy by hand are recorded, and the upstreams say the others. What source
// watches besides is deleted from it.
func LookUp(ctx context.Context, set, recorded []component.Component, source resource.Source, find Find) ([]component.Component, error) {
	whole, version := slices.Clone(set), resource.Version{}
	for i, c := range set {
		known := slices.IndexFunc(recorded, func(k component.Component) bool {
			return k.Name == c.Name && k.Version == c.Version && k.Kind == c.Kind && k.Upstream == c.Upstream
		})
		if known >= 0 {
			whole[i] = recorded[known]
			continue
		}
		if _, watched := source.Watch[c.Name]; !watched {
			return nil, fmt.Errorf("find %s %s, which was deployed last: nothing says where it comes from any more; nothing was deployed: take the newest versions with --upgrade", c.Name, c.Version)
		}
		version[c.Name] = c.Version
	}
	if len(version) == 0 {
		return whole, nil
	}
	for name := range source.Watch {
		if version[name] == "" {
			delete(source.Watch, name)
		}
	}
	found, err := find(ctx, source, version)
	if err != nil {
		return nil, fmt.Errorf("find again what was deployed last: %w", err)
	}
	for i, c := range set {
		if version[c.Name] == "" {
			continue
		}
		at := slices.IndexFunc(found, func(f component.Component) bool { return f.Name == c.Name && f.Version == c.Version })
		if at < 0 {
			return nil, fmt.Errorf("find %s %s, which was deployed last: its upstream does not have it; nothing was deployed: take the newest versions with --upgrade", c.Name, c.Version)
		}
		whole[i] = found[at]
	}
	return whole, nil
}

// CheckImage wants a pinned image to be the one that the release's statement names.
func CheckImage(c *config.Config, set []component.Component) error {
	image := config.ProgramImage(c)
	for _, c := range set {
		if c.Name != resource.ProgramComponent || image.Digest == "" {
			continue
		}
		if c.Version != image.Version {
			return fmt.Errorf("pipeline.image is of Perpetual %s, but version %s is to be deployed; nothing was changed: run with --upgrade to take the newest version, or name an image of the other version", image.Version, c.Version)
		}
		if signed := c.Images[signature.Resource]; signed != "" && signed != image.Digest {
			return fmt.Errorf("pipeline.image has the digest %s, and the signed one of Perpetual %s is %s; nothing was changed: correct pipeline.image, or name the repository alone", image.Digest, c.Version, signed)
		}
	}
	return nil
}

// CheckStemcell wants another stemcell than that of a set to come with a set of its own;
// wanted is its line, "" for any.
func CheckStemcell(wanted string, set []component.Component) error {
	for _, c := range set {
		if wanted != "" && c.Kind == component.KindStemcell && c.Upstream != wanted {
			return schema.Problems{{Key: "cloud.stemcell", Text: fmt.Sprintf(
				"%s is wanted, and %s is deployed: another stemcell comes with versions of its own; nothing was changed: run again with --upgrade", wanted, c.Upstream)}}
		}
	}
	return nil
}

// Describe names the members of a set: "concourse 8.2.5, bpm 1.4.20".
func Describe(set []component.Component) string {
	names := make([]string, len(set))
	for i, c := range set {
		names[i] = c.Name + " " + c.Version
	}
	return strings.Join(names, ", ")
}

// Versions gives the versions of a component set by what they are for.
func Versions(set []component.Component) manifest.Versions {
	var v manifest.Versions
	for _, c := range set {
		switch c.Name {
		case "concourse":
			v.Concourse = c.Version
		case "bpm":
			v.BPM = c.Version
		case "postgres":
			v.Postgres = c.Version
		case "perpetual":
			v.Perpetual, v.PerpetualTag = c.Version, c.ImageTag()
		case "stemcell":
			v.StemcellName, v.Stemcell = c.Upstream, c.Version
		}
	}
	return v
}

// Lines says which components change, with the URL and the digests of the new ones.
func Lines(before, after []component.Component) (lines []string) {
	old := map[string]string{}
	for _, c := range before {
		old[c.Name] = c.Version
	}
	for _, c := range after {
		line := fmt.Sprintf("+ %s: %s", c.Name, c.Version)
		switch was, there := old[c.Name]; {
		case there && was == c.Version:
			continue
		case there:
			line = fmt.Sprintf("~ %s: %s → %s", c.Name, was, c.Version)
		}
		for _, part := range []struct{ name, value string }{{"", difference.URL(c.URL)}, {"sha1 ", c.SHA1}, {"sha256 ", c.SHA256}} {
			if part.value != "" {
				line += ", " + part.name + part.value
			}
		}
		lines = append(lines, line)
		for _, a := range c.Assets {
			if a.SHA256 != "" {
				lines = append(lines, fmt.Sprintf("  %s: %s, sha256 %s", a.Name, difference.URL(a.URL), a.SHA256))
			}
		}
	}
	return lines
}
