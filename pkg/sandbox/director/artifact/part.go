package artifact

import (
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/uuid"
)

// gain adds to a package what an upload brings of it: its source, or what it is when
// compiled for one more stemcell.
func (p *Part) gain(up *Part) {
	if up.Source && !p.Source {
		p.Source, p.sha1 = true, up.sha1
	}
	for _, stemcell := range up.compiled {
		if !slices.Contains(p.compiled, stemcell) {
			p.compiled = append(p.compiled, stemcell)
		}
	}
}

// Major is the first number of a version.
func Major(version string) string { first, _, _ := strings.Cut(version, "."); return first }

// CompiledFor says whether a package is compiled for exactly that stemcell.
func (p *Part) CompiledFor(os, version string) bool {
	return slices.Contains(p.compiled, os+"/"+version)
}

// RunsOn says whether a package is compiled for a stemcell. One without its source,
// which cannot be compiled again, also runs on what it is compiled for another version
// of the same OS with the same first number.
func (p *Part) RunsOn(s *Stemcell) bool {
	if p.Source {
		return p.CompiledFor(s.OS, s.Version)
	}
	return slices.ContainsFunc(p.compiled, func(stemcell string) bool {
		os, version, _ := strings.Cut(stemcell, "/")
		return os == s.OS && Major(version) == Major(s.Version)
	})
}

// packageParts are packages as GET /releases/NAME?version=V shows them. One without its
// source has neither blob nor digest.
func packageParts(parts []*Part) []map[string]any {
	views := []map[string]any{}
	for _, p := range parts {
		compiled := []map[string]string{}
		for _, stemcell := range slices.Sorted(slices.Values(p.compiled)) {
			compiled = append(compiled, map[string]string{"stemcell": stemcell, "sha1": p.Fingerprint, "blobstore_id": uuid.New()})
		}
		view := map[string]any{"name": p.Name, "blobstore_id": nil, "sha1": nil, "fingerprint": p.Fingerprint, "compiled_packages": compiled}
		if p.Source {
			view["blobstore_id"], view["sha1"] = uuid.New(), p.sha1
		}
		views = append(views, view)
	}
	return views
}
