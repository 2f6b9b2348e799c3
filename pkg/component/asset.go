package component

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
)

// pin gives the files of a component the digests that the source has for them, where
// GitHub has none. It fails where both have one and they differ: somebody has replaced
// the file, or the digest is of another version's.
func (gitHub) pin(f *finder, c *Component) error {
	for i := range c.Assets {
		a := &c.Assets[i]
		for _, key := range []string{c.Version + "/" + a.Name, a.Name} {
			given := strings.ToLower(strings.TrimPrefix(f.watch.Digests[key], "sha256:"))
			if given == "" {
				continue
			}
			if a.SHA256 != "" && a.SHA256 != given {
				return fmt.Errorf("%w, which is given as VERSION/%s", replaced(f, a.Name, given, "GitHub", a.SHA256), a.Name)
			}
			a.SHA256 = given
			break
		}
		if f.plain && !f.pinned(c.Version, a.Name) && !f.signed() {
			a.SHA256 = ""
		}
		a.unverified = a.SHA256 == "" && f.watch.Unverified
	}
	if len(c.Assets) == 1 {
		c.SHA256 = c.Assets[0].SHA256
	}
	return nil
}

// pinned says whether the source has a digest of a file.
func (f *finder) pinned(version, file string) bool {
	return f.watch.Digests[version+"/"+file] != "" || f.watch.Digests[file] != ""
}

// downloads are the assets that were chosen.
func (gitHub) downloads(c *Component, dir string) ([]artifact.File, error) {
	switch {
	case len(c.uploading) > 0:
		return nil, fmt.Errorf("download %s: %w %s: wait, or name the other files in source.watch.%s.assets", c.Name, errUploading, strings.Join(c.uploading, ", "), c.Name)
	case len(c.Assets) == 0:
		return nil, fmt.Errorf("download %s: its release %s has no assets", c.Name, c.Version)
	}
	var list []artifact.File
	for i := range c.Assets {
		a := &c.Assets[i]
		if a.Name != filepath.Base(a.Name) || a.Name == ".." || a.Name == "." {
			return nil, fmt.Errorf("download %s: asset name %q is not a file name", c.Name, a.Name)
		}
		if a.unsigned {
			return nil, fmt.Errorf("download %s: %s is not in the signed statement of %s, so nobody knows whose it is; name the other files in source.watch.%s.assets", c.Name, a.Name, c.Version, c.Name)
		}
		if a.SHA256 == "" && !a.unverified {
			return nil, fmt.Errorf("download %s: GitHub has no digest of %s (it has none of files from before June 2025, an older GitHub Enterprise none at all), so it cannot be verified: "+
				"give its SHA-256 in source.watch.%s.digests, as in digests: {%q: …}, or take it as it comes with unverified: true", c.Name, a.Name, c.Name, a.Name)
		}
		a.File = c.Name + "/assets/" + a.Name
		list = append(list, artifact.File{
			Name: c.Name + " " + a.Name, URL: a.apiURL, Header: c.header(a.apiURL),
			Path: filepath.Join(dir, a.File), SHA256: a.SHA256, Size: a.Size, Unverified: a.unverified, Network: a.network,
		})
	}
	return list, nil
}

// unverified names the files that were downloaded without a digest.
func (c Component) unverified() (names []string) {
	for _, a := range c.Assets {
		if a.unverified && a.File != "" {
			names = append(names, a.Name)
		}
	}
	return names
}
