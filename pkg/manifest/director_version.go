package manifest

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

// DirectorRelease is the release that a director's own version is of.
const DirectorRelease = "bosh"

// DirectorVersions are the versions of what a director is made of: its releases by name,
// "bosh": "283.1.6", and its stemcell by the name of its line, "stemcell
// aws-xen-hvm-ubuntu-noble": "1.484". What has no version in the manifest is left out.
func DirectorVersions(in Input) (map[string]string, error) {
	t, err := Director(in)
	if err != nil {
		return nil, err
	}
	t.Partial = true // credentials may be missing still
	text, err := template.Render(t)
	if err != nil {
		return nil, fmt.Errorf("render the director's manifest: %w", err)
	}
	var parts struct {
		Releases []struct {
			Name    string `yaml:"name"`
			Version string `yaml:"version"`
		} `yaml:"releases"`
		ResourcePools []struct {
			Stemcell struct {
				URL string `yaml:"url"`
			} `yaml:"stemcell"`
		} `yaml:"resource_pools"`
	}
	if err := template.Decode(text, &parts); err != nil {
		return nil, errors.New("read the versions in the director's manifest: releases or resource_pools do not have the form that create-env takes")
	}
	versions := map[string]string{}
	for _, r := range parts.Releases {
		if r.Version != "" {
			versions[r.Name] = r.Version
		}
	}
	for _, p := range parts.ResourcePools {
		if line, version, ok := stemcellOf(p.Stemcell.URL); ok {
			versions["stemcell "+line] = version
		}
	}
	return versions, nil
}

// The names of a stemcell's tarball, light-bosh-stemcell-1.484-aws-xen-hvm-ubuntu-noble.tgz,
// and of a stemcell on bosh.io, bosh-aws-xen-hvm-ubuntu-noble, whose address has ?v=1.484.
const (
	stemcellTarball = `^(?:light-)?bosh-stemcell-([0-9][0-9.]*)-(.+?)(?:-go_agent)?\.tgz$`
	stemcellName    = `^bosh-(.+?)(?:-go_agent)?$`
)

// stemcellOf reads a stemcell's line and version in its URL.
func stemcellOf(address string) (line, version string, ok bool) {
	u, err := url.Parse(address)
	if err != nil {
		return "", "", false
	}
	base := path.Base(u.Path)
	if match := regexp.MustCompile(stemcellTarball).FindStringSubmatch(base); match != nil {
		return match[2], match[1], true
	}
	if match := regexp.MustCompile(stemcellName).FindStringSubmatch(base); match != nil && u.Query().Get("v") != "" {
		return match[1], u.Query().Get("v"), true
	}
	return "", "", false
}
