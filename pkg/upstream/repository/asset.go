package repository

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/artifact"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// Release is a release as a component, and how its assets are fetched.
type Release struct {
	component.Component

	header    func(url string) http.Header
	sources   []source // of the component's Assets, in their order
	uploading []string // files that are not whole yet, where all files count
}

// source is where an asset comes from.
type source struct {
	url        string       // of the API, asked for with Accept: application/octet-stream, also where the repository is private
	network    dial.Network // of the server that named it
	unverified bool         // wanted though no digest is known
	unsigned   bool         // of a signed release, and its statement does not have it
}

// Described is the release as components.json has it.
func (r *Release) Described() component.Component { return r.Component }

// pin gives the files of a release the digests that the source has for them, where
// GitHub has none. It fails where both have one and they differ: somebody has replaced
// the file, or the digest is of another version's.
func (f Finder) pin(r *Release) error {
	for i := range r.Assets {
		a := &r.Assets[i]
		given := f.Given(r.Version+"/"+a.Name, a.Name)
		if given != "" && a.SHA256 != "" && a.SHA256 != given {
			return fmt.Errorf("%w, which is given as VERSION/%s", f.Replaced(a.Name, given, "GitHub", a.SHA256), a.Name)
		}
		if given != "" {
			a.SHA256 = given
		}
		if f.Clear && given == "" && !f.signed() {
			a.SHA256 = ""
		}
		r.sources[i].unverified = a.SHA256 == "" && f.Watch.Unverified
	}
	if len(r.Assets) == 1 {
		r.SHA256 = r.Assets[0].SHA256
	}
	return nil
}

// Downloads lists the assets that were chosen, below dir, and notes in the component
// where they will be.
func (r *Release) Downloads(dir string) ([]artifact.File, error) {
	switch {
	case len(r.uploading) > 0:
		return nil, fmt.Errorf("download %s: %w %s: wait, or name the other files in source.watch.%s.assets", r.Name, errUploading, strings.Join(r.uploading, ", "), r.Name)
	case len(r.Assets) == 0:
		return nil, fmt.Errorf("download %s: its release %s has no assets", r.Name, r.Version)
	}
	var list []artifact.File
	for i := range r.Assets {
		a, from := &r.Assets[i], r.sources[i]
		if a.Name != filepath.Base(a.Name) || a.Name == ".." || a.Name == "." {
			return nil, fmt.Errorf("download %s: asset name %q is not a file name", r.Name, a.Name)
		}
		if from.unsigned {
			return nil, fmt.Errorf("download %s: %s is not in the signed statement of %s, so nobody knows whose it is; name the other files in source.watch.%s.assets", r.Name, a.Name, r.Version, r.Name)
		}
		if a.SHA256 == "" && !from.unverified {
			return nil, fmt.Errorf("download %s: GitHub has no digest of %s (it has none of files from before June 2025, an older GitHub Enterprise none at all), so it cannot be verified: "+
				"give its SHA-256 in source.watch.%s.digests, as in digests: {%q: …}, or take it as it comes with unverified: true", r.Name, a.Name, r.Name, a.Name)
		}
		a.File = r.Name + "/assets/" + a.Name
		list = append(list, artifact.File{
			Name: r.Name + " " + a.Name, URL: from.url, Header: r.header(from.url),
			Path: filepath.Join(dir, a.File), SHA256: a.SHA256, Size: a.Size, Unverified: from.unverified, Network: from.network,
		})
	}
	return list, nil
}

// confirm gives the files of a release the digests of its statement. It fails where
// GitHub has others.
func (r *Release) confirm(s signature.Statement, statement string) error {
	for i := range r.Assets {
		a := &r.Assets[i]
		digest, has := s.Files[a.Name]
		if !has {
			r.sources[i].unsigned = a.Name != statement
			continue
		}
		wanted := strings.TrimPrefix(digest, "sha256:")
		if a.SHA256 != "" && a.SHA256 != wanted {
			return fmt.Errorf("the signed digest of %s is %s, and GitHub's is %s: the file was replaced", a.Name, wanted, a.SHA256)
		}
		a.SHA256 = wanted
	}
	return nil
}
